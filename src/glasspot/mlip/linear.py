"""Weighted least squares from sums over frames, and what a solution leaves as errors.

Minimised, with E' energies per atom and sigma all nine components of a stress:

    w_E^2 sum (E' - E'_ref)^2 + sum over atoms |F - F_ref|^2 + w_S^2 sum (sigma - sigma_ref)^2 + ridge |scaled c|^2

Each of the three sums is a quadratic form of the coefficients c; all that is ever asked of frames is in those forms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.mlip.design import Row
from glasspot.mlip.model import Errors
from glasspot.units import GPA_PER_EV_A3

FloatArray = NDArray[np.float64]
TENSOR = (1.0, 1.0, 1.0, 2.0, 2.0, 2.0)  # how often each of the six components stands in the tensor


@dataclass(frozen=True)
class Weights:
    """Of an energy per atom (eV) and a stress (eV/A^3) against a force (eV/A); ridge: of the scaled unknowns."""

    energy: float = 500.0
    stress: float = 1000.0
    ridge: float = 1e-11


@dataclass(frozen=True)
class Form:
    """sum |A c - y|^2 = c matrix c - 2 right c + square, over ``count`` numbers."""

    matrix: FloatArray
    right: FloatArray
    square: float
    count: float

    def plus(self, other: Form, times: int = 1) -> Form:
        """Return this form and ``times`` the other."""
        return Form(
            self.matrix + times * other.matrix,
            self.right + times * other.right,
            self.square + times * other.square,
            self.count + times * other.count,
        )

    def rms(self, c: FloatArray) -> float:
        """Return the root of the mean square that ``c`` leaves; nan where nothing was summed."""
        if self.count <= 0:
            return math.nan
        left = float(c @ self.matrix @ c - 2 * self.right @ c + self.square)
        return math.sqrt(max(0.0, left) / self.count)


@dataclass(frozen=True)
class Sums:
    """The forms of energies per atom (eV), forces (eV/A) and stresses (eV/A^3) of some frames."""

    energy: Form
    force: Form
    stress: Form
    frames: int

    @classmethod
    def of(cls, rows: Iterable[Row], times: Sequence[int] | None = None) -> Sums:
        """Add up rows; ``times``: how often each counts (a bootstrap). GlasspotError where there is none."""
        return cls.of_each(rows, [times])[0]

    @classmethod
    def of_each(cls, rows: Iterable[Row], times: Sequence[Sequence[int] | None]) -> list[Sums]:
        """Return for each of ``times`` what :meth:`of` returns, reading the rows once."""
        found: dict[int, Sums] = {}
        for k, row in enumerate(rows):
            one = _of_row(row)
            for member, counts in enumerate(times):
                count = 1 if counts is None else counts[k]
                if count:
                    before = found.get(member)
                    found[member] = one.plus(one, count - 1) if before is None else before.plus(one, count)
        if len(found) < len(times):
            raise GlasspotError("there are no frames to fit to")
        return [found[member] for member in range(len(times))]

    @classmethod
    def total(cls, parts: Sequence[Sums]) -> Sums:
        """Return the sums of all ``parts``, one at least."""
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.plus(part)
        return whole

    def plus(self, other: Sums, times: int = 1) -> Sums:
        """Return these sums and ``times`` the others; -1 takes frames out again."""
        return Sums(
            self.energy.plus(other.energy, times),
            self.force.plus(other.force, times),
            self.stress.plus(other.stress, times),
            self.frames + times * other.frames,
        )

    def errors(self, coefficients: FloatArray) -> Errors:
        """Return the errors on these frames; mean absolute ones need more than sums: nan."""
        return Errors(
            energy_rmse_meV_per_atom=1e3 * self.energy.rms(coefficients),
            force_rmse_eV_per_A=self.force.rms(coefficients),
            stress_rmse_GPa=GPA_PER_EV_A3 * self.stress.rms(coefficients),
            energy_mae_meV_per_atom=math.nan,
            force_mae_eV_per_A=math.nan,
            frames=self.frames,
        )


def _of_row(row: Row) -> Sums:
    g = row.values / row.n_atoms
    energy = row.energy / row.n_atoms
    size = len(g)
    stress = Form(np.zeros((size, size)), np.zeros(size), 0.0, 0.0)
    if row.strain is not None and row.virial is not None:
        root = np.sqrt(TENSOR)[:, None]
        left, right = root * row.strain / row.volume, root[:, 0] * row.virial / row.volume
        stress = Form(left.T @ left, left.T @ right, float(right @ right), 9.0)
    return Sums(
        Form(np.outer(g, g), g * energy, energy**2, 1.0),
        Form(row.normal, row.moment, row.square, 3.0 * row.n_atoms),
        stress,
        1,
    )


def solve(sums: Sums, weights: Weights) -> FloatArray:
    """Return the coefficients (m,); GlasspotError where the normal equations are singular or not finite."""
    matrix = weights.energy**2 * sums.energy.matrix + sums.force.matrix + weights.stress**2 * sums.stress.matrix
    right = weights.energy**2 * sums.energy.right + sums.force.right + weights.stress**2 * sums.stress.right
    diagonal = np.diag(matrix)
    if not np.isfinite(matrix).all() or not diagonal.any():
        raise GlasspotError("the fit is singular: no descriptor sees a neighbour; is r_cut shorter than the bonds?")
    # A descriptor that is zero in all frames (an element they do not hold) keeps the coefficient 0.
    seen = diagonal > 0
    scale = np.where(seen, 1 / np.sqrt(np.where(seen, diagonal, 1.0)), 0.0)
    matrix = matrix * scale[:, None] * scale
    matrix[np.diag_indices_from(matrix)] += np.where(seen, weights.ridge, 1.0)
    try:
        found = scipy.linalg.solve(matrix, scale * right, assume_a="pos", check_finite=False)
    except np.linalg.LinAlgError as error:
        raise GlasspotError(
            f"the fit is singular: {sums.frames} frames do not determine {len(right)} coefficients. Give more frames, "
            "a smaller model (size = 1), or a larger ridge."
        ) from error
    return np.asarray(scale * found)

"""Partial structure factors of single frames: the periodic long-range descriptor, beside the Coulomb matrix.

Why these, and not an Ewald matrix: what SOAP cannot see beyond its cut-off (medium-range order, density fluctuations,
segregation) is what S(q) at small q shows, in the language of the field. The sum over wave vectors of the cell knows
its periodicity by construction: S_ab(q) does not change when atoms are wrapped, when the origin is shifted, or when the
order of the atoms changes, and averages over shells of |q| do not change when frame and cell are rotated together. It
costs N atoms times M wave vectors; an Ewald matrix costs N^2 wave sums, and has to be sorted.

S_ab(q) = Re rho_a(q) rho_b(q)* / sqrt(N_a N_b), rho_a(q) = sum_i exp(i q.r_i) over the atoms of element a, as of
Ashcroft and Langreth (doi:10.1103/PhysRev.156.685).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import pair_labels

Array = NDArray[np.float64]
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Shells:
    """Which wave vectors: 0 < |q| <= q_max (1/A), shared between shells ``width`` apart (1/A)."""

    q_max: float = 6.0
    width: float = 0.2

    def __post_init__(self) -> None:
        if not 0.5 <= self.q_max <= 12 or not 0.02 <= self.width <= self.q_max / 2:
            raise GlasspotError(
                f"wave vectors to {self.q_max:g} 1/A in shells of {self.width:g} 1/A; expected q_max from 0.5 to 12 "
                "and shells from 0.02 to half of q_max."
            )

    @property
    def centres(self) -> Array:
        """|q| of the shells, 1/A."""
        return np.asarray(self.width * np.arange(1, round(self.q_max / self.width) + 1), dtype=np.float64)


def structure_factors(
    frames: Sequence[Frame], elements: Sequence[str], shells: Shells, tell: Tell | None = None
) -> tuple[Array, Array]:
    """Return S_ab (n_frames, n_pairs, n_shells) and the number of wave vectors in each shell (n_frames, n_shells).

    Pairs as of ``pair_labels(elements)``. A wave vector between two shells counts for both, by how near it is, so that
    nothing jumps when a cell changes a little. A shell without a wave vector has S = 0 and the number 0.
    """
    labels = pair_labels(elements)
    values = np.zeros((len(frames), len(labels), len(shells.centres)))
    numbers = np.zeros((len(frames), len(shells.centres)))
    for n, frame in enumerate(frames):
        values[n], numbers[n] = _of_frame(frame, elements, shells)
        if tell is not None and (n % 16 == 15 or n + 1 == len(frames)):
            tell("structure factors", n + 1, len(frames))
    return values, numbers


def _of_frame(frame: Frame, elements: Sequence[str], shells: Shells) -> tuple[Array, Array]:
    """Return S_ab (n_pairs, n_shells) and the number of wave vectors in each shell of one frame."""
    index = np.array([list(elements).index(species) for species in frame.species])
    kinds = index[frame.types]
    inverse = np.asarray(np.linalg.inv(frame.cell), dtype=np.float64)
    fractional = frame.positions @ inverse
    most = _most(frame.cell, shells.q_max + shells.width)
    lengths, half = _waves(inverse, most)
    use = half & (lengths <= shells.q_max + shells.width)
    densities = [_density(fractional[kinds == a], most)[use] for a in range(len(elements))]
    atoms = np.maximum(np.bincount(kinds, minlength=len(elements)), 1)
    # Each wave vector is shared between the two shells beside it; those below the first count for the first.
    place = np.maximum(lengths[use] / shells.width - 1.0, 0.0)
    low = np.floor(place).astype(np.int64)
    shell = np.concatenate([low, low + 1])
    weight = np.concatenate([1 - (place - low), place - low])
    n_shells = len(shells.centres)

    def shared(values: Array) -> Array:
        sums = np.bincount(shell, weight * np.concatenate([values, values]), minlength=n_shells)
        return np.asarray(sums[:n_shells])

    counts = shared(np.ones(len(low)))
    found = []
    for a in range(len(elements)):
        for b in range(a, len(elements)):
            product = (densities[a] * densities[b].conj()).real / math.sqrt(atoms[a] * atoms[b])
            found.append(np.divide(shared(product), counts, out=np.zeros(n_shells), where=counts > 0))
    return np.array(found), 2 * counts


def _most(cell: Array, q_max: float) -> NDArray[np.int64]:
    """Return the largest Miller indices (3,) of a wave vector within ``q_max``."""
    return np.asarray(np.floor(q_max * np.linalg.norm(cell, axis=1) / (2 * math.pi)), dtype=np.int64)


def _waves(inverse: Array, most: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """Return |q| (1/A) of the Miller indices h from 0, k and l of both signs, and which to take: one of q and -q."""
    h, k, l = np.meshgrid(  # noqa: E741 (the names of Miller indices)
        np.arange(most[0] + 1), *(np.arange(-m, m + 1) for m in most[1:]), indexing="ij"
    )
    lengths = 2 * math.pi * np.linalg.norm(np.stack([h, k, l], axis=-1) @ inverse.T, axis=-1)
    return lengths, (h > 0) | (k > 0) | ((k == 0) & (l > 0))


def _density(fractional: Array, most: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Return sums of exp(2 pi i h.s) over atoms (n, 3), for the grid of :func:`_waves`.

    A product of three factors, one an axis, summed over the atoms as a product of matrices.
    """
    starts = (0, -most[1], -most[2])
    first, second, third = (
        np.exp(2j * math.pi * np.outer(np.arange(start, end + 1), fractional[:, axis] % 1.0))
        for axis, (start, end) in enumerate(zip(starts, most, strict=True))
    )
    return np.stack([(row * second) @ third.T for row in first])

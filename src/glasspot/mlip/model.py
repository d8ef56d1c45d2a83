"""What every machine-learned model is, whatever program fits it: frames and settings in, a potential out.

Errors are root mean squares over what a model has not seen: energies per atom, force components, stress components.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.potential.learned import LearnedPotential
from glasspot.units import GPA_PER_EV_A3

Settings = Mapping[str, float]
"""Values of a model's hyper-parameters, by name."""


@dataclass(frozen=True)
class Hyperparameter:
    """One number that a fit is given and that is worth a search: from ``low`` to ``high``, beginning at ``start``.

    log: searched on a logarithmic scale. whole: rounded to a whole number.
    """

    name: str
    low: float
    high: float
    start: float
    log: bool = False
    whole: bool = False
    unit: str = ""
    meaning: str = ""

    def at(self, u: float) -> float:
        """Return the value at ``u`` of the unit interval."""
        wide = self.low * (self.high / self.low) ** u if self.log else self.low + (self.high - self.low) * u
        return float(round(wide)) if self.whole else wide

    def place(self, value: float) -> float:
        """Return where ``value`` stands in the unit interval."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Labels:
    """What a model says of one frame: energy in eV, forces (n, 3) in eV/A, stress (3, 3) in eV/A^3 or None."""

    energy: float
    forces: NDArray[np.float64]
    stress: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Errors:
    """RMS errors over ``frames`` frames: meV/atom, eV/A, GPa; nan where nothing was there to compare."""

    energy_rmse_meV_per_atom: float
    force_rmse_eV_per_A: float
    stress_rmse_GPa: float
    energy_mae_meV_per_atom: float
    force_mae_eV_per_A: float
    frames: int


@dataclass(frozen=True)
class Trial:
    """Hyper-parameters that were tried, and the errors on frames of the training side that were left out for it."""

    settings: Mapping[str, float]
    errors: Errors

    @property
    def cost(self) -> float:
        """Geometric mean of the errors of energies and forces: neither is bought with the other."""
        return math.sqrt(self.errors.energy_rmse_meV_per_atom * self.errors.force_rmse_eV_per_A)


class Model(Protocol):
    """A kind of machine-learned potential."""

    @property
    def kind(self) -> str:
        """Name as users type it: "pod" or "gap"."""
        ...

    @property
    def space(self) -> tuple[Hyperparameter, ...]:
        """The hyper-parameters that a search may change."""
        ...

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the hyper-parameters that a search proposes; ``assess`` looks for the others itself."""
        ...

    def assess(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return trials with these values of the ``searched`` hyper-parameters, by leaving frames of ``train`` out."""
        ...

    def refine(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return trials about the best ``settings`` of a search, of what is too dear to try at each; may be empty."""
        ...

    def fit(self, train: Sequence[LabelledFrame], settings: Settings, folder: Path) -> LearnedPotential:
        """Return the model fitted to ``train``; its files and potential.toml stand in ``folder``, whole or not at all.

        GlasspotError for a fit that is singular, or a program that is missing or failed (the end of its log in it).
        """
        ...

    def predict(self, potential: LearnedPotential, frames: Sequence[LabelledFrame]) -> list[Labels]:
        """Return what the fitted model says of each frame; their own labels are not looked at."""
        ...


def errors(frames: Sequence[LabelledFrame], found: Sequence[Labels]) -> Errors:
    """Return the errors of ``found`` against the labels of ``frames``."""
    if not frames:
        raise GlasspotError("there are no frames to test on")
    pairs = list(zip(frames, found, strict=True))
    energy = [1e3 * (f.energy - t.energy) / t.n_atoms for t, f in pairs if t.energy is not None]
    force = [(f.forces - t.forces).ravel() for t, f in pairs if t.forces is not None]
    stress = [(f.stress - t.stress).ravel() for t, f in pairs if t.stress is not None and f.stress is not None]
    forces = np.concatenate(force) if force else np.empty(0)
    stresses = GPA_PER_EV_A3 * np.concatenate(stress) if stress else np.empty(0)
    return Errors(
        energy_rmse_meV_per_atom=_rms(np.array(energy)),
        force_rmse_eV_per_A=_rms(forces),
        stress_rmse_GPa=_rms(stresses),
        energy_mae_meV_per_atom=_mean(np.abs(energy)),
        force_mae_eV_per_A=_mean(np.abs(forces)),
        frames=len(frames),
    )


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else math.nan

"""The frames of a run that are worth an ab initio calculation, because the model knows too little of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.files import replacing
from glasspot.structure.frames import Frame

if TYPE_CHECKING:
    from ase import Atoms

FILE = "to-label.extxyz"
MOST = 50  # frames in all
EARLY = 2
ASTRAY = 10.0  # times the threshold
APART_PS = 0.3  # between two of one stage; a bond vibrates in 0.1 to 0.2 ps


@dataclass(frozen=True)
class Candidate:
    """A frame with atoms above the threshold.

    time_ps: within its stage; temperature: K, as asked; uncertainty: (n,) in eV/A.
    """

    frame: Frame
    stage: int
    stage_name: str
    time_ps: float
    temperature: float | None
    uncertainty: NDArray[np.float64]
    threshold: float  # eV/A

    @property
    def largest(self) -> float:
        """The largest uncertainty of an atom in it, in eV/A."""
        return float(self.uncertainty.max())

    @property
    def order(self) -> tuple[bool, float]:
        """What goes first is worth most: the worst of those that the model half knows, then the least of the others.

        Once the model has led the atoms astray, what it does with them says little of the real material.
        """
        astray = self.largest > ASTRAY * self.threshold
        return astray, self.largest if astray else -self.largest


def choose(candidates: Sequence[Candidate], first: int = 0, most: int = MOST) -> list[Candidate]:
    """Return up to ``most`` frames in the order of the run: of every stage its worst, and no two close in time.

    first: the first stage that counts; of a stage before it (a random packing on its way to the melt) EARLY are enough.
    """
    stages = list(dict.fromkeys(one.stage for one in candidates))
    ranked: list[tuple[int, Candidate]] = []
    for stage in stages:
        worst: list[Candidate] = []
        for one in sorted((c for c in candidates if c.stage == stage), key=lambda c: c.order):
            if len(worst) < (most if stage >= first else EARLY) and all(
                abs(one.time_ps - other.time_ps) >= APART_PS * 0.999 for other in worst
            ):
                worst.append(one)
        ranked += enumerate(worst)
    # The worst of each stage come first, then the second, so that a cut at ``most`` leaves no stage out.
    kept = [one for _, one in sorted(ranked, key=lambda item: (item[0], item[1].order))[:most]]
    return sorted(kept, key=lambda one: (one.stage, one.time_ps))


def write_candidates(chosen: Sequence[Candidate], path: Path) -> None:
    """Write extended XYZ, whole or not at all: cell, wrapped positions, the column ``force_uncertainty`` (eV/A).

    It holds no energy and no force, so nothing in it can be taken for a label.
    """
    import ase.io

    with replacing(path) as temporary:
        try:
            ase.io.write(temporary, [_atoms(one) for one in chosen], format="extxyz")
        except ValueError as error:
            raise GlasspotError(f"cannot write {path}: {error}.") from error


def _atoms(one: Candidate) -> Atoms:
    frame = one.frame
    still = Frame(frame.wrapped(), frame.cell, frame.species, frame.types)
    atoms = still.to_ase()
    atoms.arrays["force_uncertainty"] = one.uncertainty
    atoms.info |= {"config_type": one.stage_name, "time_ps": round(one.time_ps, 6)}
    if one.temperature is not None:
        atoms.info["temperature"] = round(one.temperature, 1)
    return atoms

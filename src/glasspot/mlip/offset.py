"""Energies that count from another zero: a constant for each atom between the data and the model.

Another pseudopotential, another functional or another code shifts every energy by a number for each element. Such
data have useful forces, but their energies say nothing of a model that was fitted to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.mlip.model import Labels

LARGE = 10.0  # meV/atom: an error below this is not worth the question
SHARE = 0.2  # of the error that a constant must leave, or less, to be told from a model that is simply bad
FRAMES_EACH = 3  # frames with energies, at least, for each constant that is fitted
SAME = 1e-3  # relative singular value below which compositions do not tell elements apart


@dataclass(frozen=True)
class Offset:
    """values: eV that the data lie above the model, for each atom of an element; empty where compositions leave open
    which element. mean: the same for an atom of the mean composition, meV. rmse, left: energy error in meV/atom as it
    is, and what would be left without the constants.
    """

    values: Mapping[str, float]
    mean: float
    rmse: float
    left: float

    def sentence(self) -> str:
        """Say it for people: what was found, what it may be, and that nothing was changed."""
        each = ", ".join(f"{element} {value:+.4f} eV" for element, value in self.values.items())
        return (
            f"The energies of the data lie {self.mean:+.1f} meV/atom from the model's by a constant"
            f"{f' of each element ({each})' if each else ''}: the energy error is {self.rmse:.1f} meV/atom, and would "
            f"be {self.left:.1f} without it. Are they of another calculation (pseudopotentials, functional, code)? Or "
            "are all these frames of one kind that the model does badly? The energy errors given here are with the "
            "constant: nothing was taken away."
        )


def find_offset(frames: Sequence[LabelledFrame], found: Sequence[Labels]) -> Offset | None:
    """Return the constants that explain most of a large energy error; None where there are none."""
    pairs = [(f, one) for f, one in zip(frames, found, strict=True) if f.energy is not None]
    elements = [e for e in (pairs[0][0].frame.species if pairs else ()) if any(f.counts.get(e) for f, _ in pairs)]
    if len(pairs) < FRAMES_EACH:
        return None
    counts = np.array([[f.counts.get(e, 0) for e in elements] for f, _ in pairs], dtype=float)
    atoms = counts.sum(axis=1)
    apart = np.array([f.energy - one.energy for f, one in pairs if f.energy is not None]) / atoms
    if not np.isfinite(apart).all():
        return None
    fractions = counts / atoms[:, None]
    sizes = np.linalg.svd(fractions, compute_uv=False)
    rank = int(np.sum(sizes > SAME * sizes[0]))
    if len(pairs) < FRAMES_EACH * rank:
        return None
    constants = np.linalg.lstsq(fractions, apart, rcond=SAME)[0]
    rmse = 1e3 * float(np.sqrt(np.mean(np.square(apart))))
    left = 1e3 * float(np.sqrt(np.mean(np.square(apart - fractions @ constants))))
    if rmse < LARGE or left > SHARE * rmse:
        return None
    told = dict(zip(elements, (float(c) for c in constants), strict=True)) if rank == len(elements) else {}
    return Offset(told, 1e3 * float(np.mean(apart)), rmse, left)

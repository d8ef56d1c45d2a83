"""How far to trust a machine-learned potential, atom by atom: the spread of its committee, calibrated by frames that it
has not seen.

The spread of atom i is s_i = sqrt(mean_k |F_ik - mean_k F_ik|^2) over the members k of the committee, forces as vectors
in eV/A. Members differ by the frames that they were fitted to, so they agree where there were many like this one, and
part where there were few. What they share (the form of the model) the spread does not know: it is too small by a
``factor``, found on held-out frames. The uncertainty of an atom is factor * s_i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.mlip.points import members, single_points
from glasspot.potential.learned import LearnedPotential
from glasspot.structure.frames import Frame
from glasspot.structure.look import Reference, reference_of

FloatArray = NDArray[np.float64]
QUANTILE = 0.999  # of the uncertainties of held-out atoms, and how far above it an atom must be to be called unknown
MARGIN = 1.5
BINS = 10
BATCH_ATOMS = 20_000  # of one start of LAMMPS


@dataclass(frozen=True)
class Bin:
    """Atoms of about the same uncertainty: how many, the RMS of what was told and of the error that was found, eV/A."""

    atoms: int
    uncertainty: float
    error: float


@dataclass(frozen=True)
class Calibration:
    """What the committee of a model is worth, from ``frames`` held-out frames of ``atoms`` atoms together.

    factor: from spread to uncertainty: their RMS equals ``error``, the RMS of |F - F_ab_initio| of an atom (eV/A).
    threshold: the uncertainty (eV/A) that next to no held-out atom has: MARGIN times their quantile QUANTILE. Above it
    an atom is where the model has seen next to nothing. false_alarms: share of held-out atoms above a threshold that
    the other half of the frames gave; nan for a single frame. rank: Spearman's correlation of uncertainty and error.
    bins: by rising uncertainty. reference: what sound frames of these data look like.
    """

    factor: float
    threshold: float
    error: float
    rank: float
    false_alarms: float
    frames: int
    atoms: int
    bins: tuple[Bin, ...]
    reference: Reference | None = None


def has_committee(potential: LearnedPotential) -> bool:
    """Tell whether an uncertainty can be known at all: a POD model with at least two members beside it."""
    return potential.kind == "pod" and len(members(potential)) > 1


def spreads(potential: LearnedPotential, frames: Sequence[Frame], work: Path | None = None) -> list[FloatArray]:
    """Return the spread of the committee (eV/A), one array (n,) a frame; work: :func:`glasspot.files.scratch`.

    GlasspotError without a committee, for an element that the model does not know, or where LAMMPS fails.
    """
    files = _committee(potential)
    found: list[FloatArray] = []
    for batch in _batches(frames):
        for labels in single_points(potential, batch, files, work):
            found.append(_spread(np.array([one.forces for one in labels])))
    return found


def calibrate(
    potential: LearnedPotential,
    frames: Sequence[LabelledFrame],
    reference: Sequence[Frame] = (),
    work: Path | None = None,
) -> Calibration:
    """Return what the spread of the committee means, from held-out ``frames`` with forces.

    ``reference``: good frames that a glass is compared with (those of the fit and the held-out ones; default: these).
    work: :func:`glasspot.files.scratch`. GlasspotError without a committee, or for frames without forces.
    """
    files = [potential.files["coefficients"], *_committee(potential)]
    labelled = [frame for frame in frames if frame.forces is not None]
    if not labelled:
        raise GlasspotError("no held-out frame has forces; a committee is calibrated by frames that were not fitted.")
    spread: list[FloatArray] = []
    error: list[FloatArray] = []
    truths = iter([frame.forces for frame in labelled if frame.forces is not None])
    for batch in _batches([frame.frame for frame in labelled]):
        for own, *others in single_points(potential, batch, files, work):
            spread.append(_spread(np.array([one.forces for one in others])))
            error.append(np.linalg.norm(own.forces - next(truths), axis=1))
    return _calibration(spread, error, reference_of(reference or [frame.frame for frame in labelled]))


def _committee(potential: LearnedPotential) -> list[Path]:
    if not has_committee(potential):
        raise GlasspotError(
            f"{potential.name} ({potential.kind}) has no committee, so nothing is known of its uncertainty; "
            "glasspot fit-mlip --model pod fits one with each model."
        )
    return members(potential)


def _batches(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yield the frames, some BATCH_ATOMS atoms at a time."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if sum(one.n_atoms for one in batch) >= BATCH_ATOMS:
            yield batch
            batch = []
    if batch:
        yield batch


def _spread(forces: FloatArray) -> FloatArray:
    """Return the spread (n,) of the forces (members, n, 3)."""
    away = forces - forces.mean(axis=0)
    return np.asarray(np.sqrt(np.square(away).sum(axis=2).mean(axis=0)))


def _calibration(spread: Sequence[FloatArray], error: Sequence[FloatArray], reference: Reference) -> Calibration:
    """Return the calibration from spreads and errors, one array (n,) a frame."""
    from scipy.stats import spearmanr

    s, e = np.concatenate(spread), np.concatenate(error)
    if not (np.isfinite(s).all() and np.isfinite(e).all()) or not _rms(s) > 0:
        raise GlasspotError(
            "the forces of the committee on the held-out frames are no numbers, or all the same; fit the model again."
        )
    factor = _rms(e) / _rms(s)
    order = np.argsort(s, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    rank = float(spearmanr(s, e)[0]) if len(s) > 2 else float("nan")
    return Calibration(
        factor=factor,
        threshold=factor * _limit(s),
        error=_rms(e),
        rank=rank,
        false_alarms=_false_alarms(spread),
        frames=len(spread),
        atoms=len(s),
        bins=tuple(Bin(len(part), factor * _rms(s[part]), _rms(e[part])) for part in parts),
        reference=reference,
    )


def _limit(spread: FloatArray) -> float:
    return MARGIN * float(np.quantile(spread, QUANTILE))


def _false_alarms(spread: Sequence[FloatArray]) -> float:
    """Return the share of atoms above the limit that the other half of the frames gives, every second one."""
    if len(spread) < 2:
        return float("nan")
    halves = [np.concatenate(spread[0::2]), np.concatenate(spread[1::2])]
    above = sum(int((one > _limit(other)).sum()) for one, other in (halves, halves[::-1]))
    return above / sum(len(half) for half in halves)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))

"""How well a fitted model does on frames it has not seen: errors overall and by group, and what they depend on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.closest import REACH, least_distances
from glasspot.dataset.doubts import formula_of
from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.record import frames_named
from glasspot.errors import GlasspotError
from glasspot.mlip.model import Errors, Labels, errors
from glasspot.mlip.offset import Offset, find_offset
from glasspot.mlip.parity import Parity
from glasspot.mlip.predict import OnStep, predict
from glasspot.potential.learned import LearnedPotential
from glasspot.units import GPA_PER_EV_A3

KINDS = ("config_type", "temperature", "composition")
NEAR = 0.02  # A: closer than the model's data by less than this is nothing to speak of


@dataclass(frozen=True)
class Group:
    """Errors of the frames that share a ``kind`` ("config_type", "temperature", "composition")."""

    kind: str
    name: str
    errors: Errors


@dataclass(frozen=True)
class FrameError:
    """One frame: energy in meV/atom with its sign (model less data), RMS of forces (eV/A) and stress (GPa), nan where
    not known. margin: A by which its closest pair is wider than any of that kind in the model's own data; negative
    where the model has seen nothing so close, nan where that is not known.
    """

    frame: LabelledFrame
    energy_meV_per_atom: float
    force_rmse_eV_per_A: float
    stress_rmse_GPa: float
    margin: float


@dataclass(frozen=True)
class Tested:
    """What a model says of ``frames``. rows: one a frame, in their order. notes: what was left out or not compared.

    offset: a constant between the energies, where there is a large one; it is in all errors given here.
    """

    potential: LearnedPotential
    frames: tuple[LabelledFrame, ...]
    found: tuple[Labels, ...]
    overall: Errors
    groups: tuple[Group, ...]
    rows: tuple[FrameError, ...]
    offset: Offset | None
    notes: tuple[str, ...]
    cautions: tuple[str, ...]

    def of_kind(self, kind: str) -> tuple[Group, ...]:
        """Return the groups of one kind."""
        return tuple(group for group in self.groups if group.kind == kind)

    def worst(self, count: int = 5) -> tuple[FrameError, ...]:
        """Return the frames with the largest errors of forces, the worst first; of energies where none has forces."""
        forces = [row for row in self.rows if not math.isnan(row.force_rmse_eV_per_A)]
        if forces:
            return tuple(sorted(forces, key=lambda row: -row.force_rmse_eV_per_A)[:count])
        return tuple(sorted(self.rows, key=lambda row: -abs(row.energy_meV_per_atom))[:count])

    def parity(self) -> Parity:
        """Return the arrays of the pictures."""
        return Parity.of({"test": (self.frames, self.found)})


def tested(
    potential: LearnedPotential,
    dataset_frames: Sequence[LabelledFrame],
    on_step: OnStep | None = None,
    say: Callable[[str], None] | None = None,
    work: Path | None = None,
) -> Tested:
    """Return what ``potential`` says of frames with labels, and how far that is from them.

    Frames without energies are tested on forces only, those without either are left out, and both is said.
    on_step(done, in all), say, work: see :func:`glasspot.mlip.predict.predict`. GlasspotError where nothing can be
    compared, and for an element that the model does not know.
    """
    if not dataset_frames:
        raise GlasspotError("there are no frames to test on.")
    frames = [frame for frame in dataset_frames if frame.energy is not None or frame.forces is not None]
    if not frames:
        raise GlasspotError(
            f"none of the {len(dataset_frames)} frames has an energy or forces to compare with "
            f"({frames_named([f.origin for f in dataset_frames])}). Where the file has them under unusual names, see "
            "docs/data.md."
        )
    found = predict(potential, frames, on_step, say, work)
    rows = tuple(_row(potential, frame, one) for frame, one in zip(frames, found, strict=True))
    offset = find_offset(frames, found)
    return Tested(
        potential=potential,
        frames=tuple(frames),
        found=tuple(found),
        overall=errors(frames, found),
        groups=_groups(frames, found),
        rows=rows,
        offset=offset,
        notes=_notes(dataset_frames),
        cautions=_cautions(rows, found, offset),
    )


def _groups(frames: Sequence[LabelledFrame], found: Sequence[Labels]) -> tuple[Group, ...]:
    """Return the errors of each config_type, temperature and composition; frames without a temperature are in none."""
    made = []
    for kind in KINDS:
        members: dict[str, list[int]] = {}
        for n, frame in enumerate(frames):
            name = _name(kind, frame)
            if name is not None:
                members.setdefault(name, []).append(n)
        names = sorted(members, key=lambda name: float(name.split()[0])) if kind == "temperature" else list(members)
        for name in names:
            own = members[name]
            made.append(Group(kind, name, errors([frames[n] for n in own], [found[n] for n in own])))
    return tuple(made)


def _name(kind: str, frame: LabelledFrame) -> str | None:
    if kind == "config_type":
        return frame.config_type
    if kind == "temperature":
        return None if frame.temperature is None else f"{frame.temperature:.0f} K"
    return formula_of(frame)


def _row(potential: LearnedPotential, frame: LabelledFrame, found: Labels) -> FrameError:
    energy = math.nan if frame.energy is None else 1e3 * (found.energy - frame.energy) / frame.n_atoms
    return FrameError(
        frame=frame,
        energy_meV_per_atom=energy,
        force_rmse_eV_per_A=_rms(frame.forces, found.forces),
        stress_rmse_GPa=GPA_PER_EV_A3 * _rms(frame.stress, found.stress),
        margin=margin_of(potential, frame),
    )


def _rms(reference: NDArray[np.float64] | None, found: NDArray[np.float64] | None) -> float:
    if reference is None or found is None:
        return math.nan
    return float(np.sqrt(np.mean(np.square(found - reference))))


def margin_of(potential: LearnedPotential, frame: LabelledFrame) -> float:
    """Return the least of: closest distance of a pair in the frame less that in the model's data, in A; nan unknown."""
    if not potential.closest:
        return math.nan
    # A pair that is not in ``closest`` never came nearer than REACH in the data of the model.
    own = least_distances([frame], potential.elements)
    return min((r - potential.closest.get(pair, REACH) for pair, r in own.items()), default=math.nan)


def _notes(frames: Sequence[LabelledFrame]) -> tuple[str, ...]:
    lacking = {
        "without energies, tested on forces only": [f for f in frames if f.energy is None and f.forces is not None],
        "without forces, tested on energies only": [f for f in frames if f.forces is None and f.energy is not None],
        "without energies and forces, left out": [f for f in frames if f.forces is None and f.energy is None],
    }
    return tuple(f"{text} ({frames_named([f.origin for f in own])})" for text, own in lacking.items() if own)


def _cautions(rows: Sequence[FrameError], found: Sequence[Labels], offset: Offset | None) -> tuple[str, ...]:
    """Return what a reader must know of the figures."""
    said = [] if offset is None else [offset.sentence()]
    endless = [
        row.frame.origin
        for row, one in zip(rows, found, strict=True)
        if not (math.isfinite(one.energy) and np.isfinite(one.forces).all())
    ]
    if endless:
        said.append(f"The model gives no finite number for some frames: are atoms on top of each other? "
                    f"({frames_named(endless)})")  # fmt: skip
    near = [row for row in rows if row.margin < -NEAR]
    if near:
        said.append(
            "Atoms are closer than any of their kind in the data that the model was fitted to, by up to "
            f"{-min(row.margin for row in near):.2f} A; there it guesses "
            f"({frames_named([row.frame.origin for row in near])})."
        )
    return tuple(said)

"""What a fitted model says of frames, whatever program evaluates it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.record import frames_named
from glasspot.errors import GlasspotError
from glasspot.mlip.gap import GapModel
from glasspot.mlip.model import Labels
from glasspot.mlip.points import single_points
from glasspot.potential.learned import LearnedPotential
from glasspot.structure.frames import Frame

BATCH = 20  # frames between two reports of progress: the start of the program is a small part of it
OnStep = Callable[[int, int], None]


def predict(
    potential: LearnedPotential,
    frames: Sequence[LabelledFrame],
    on_step: OnStep | None = None,
    say: Callable[[str], None] | None = None,
    work: Path | None = None,
) -> list[Labels]:
    """Return energy, forces and stress of each frame; their own labels are not looked at.

    on_step(done, in all): after each batch. say: told, a line at a time, what the user should know (a licence).
    work: where files are for a moment (:func:`glasspot.files.scratch`).
    GlasspotError for an element that the model does not know, with the frames it is in, and where the program fails.
    """
    require_known(potential, frames)
    own = [_of_model(potential, frame) for frame in frames]
    found: list[Labels] = []
    for start in range(0, len(own), BATCH):
        batch = own[start : start + BATCH]
        if potential.kind == "gap":
            found += GapModel(say=say if start == 0 else None).predict(potential, batch)
        else:
            found += [one[0] for one in single_points(potential, [frame.frame for frame in batch], work=work)]
        if on_step is not None:
            on_step(len(found), len(own))
    return found


def require_known(potential: LearnedPotential, frames: Sequence[LabelledFrame]) -> None:
    """Raise GlasspotError where frames hold an element that the model was not fitted to."""
    present = dict.fromkeys(symbol for frame in frames for symbol in frame.counts)
    unknown = [symbol for symbol in present if symbol not in potential.elements]
    if not unknown:
        return
    with_it = [frame for frame in frames if any(symbol in frame.counts for symbol in unknown)]
    raise GlasspotError(
        f"the data hold {', '.join(unknown)}, which the model {potential.name} was not fitted to; it knows "
        f"{', '.join(potential.elements)} ({frames_named([f.origin for f in with_it])}). Leave these frames out, or "
        "fit a model to data that hold every element."
    )


def _of_model(potential: LearnedPotential, labelled: LabelledFrame) -> LabelledFrame:
    """Return the frame with the model's species only: a data set names those of all its frames in each."""
    frame = labelled.frame
    if set(frame.species) <= set(potential.elements):
        return labelled
    own = Frame.from_symbols(labelled.symbols, frame.positions, frame.cell, potential.elements)
    return replace(labelled, frame=own)

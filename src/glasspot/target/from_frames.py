"""Targets made of a trajectory: its equilibrated frames, their g(r) with errors, and the noise floor that these imply.

A trajectory is folded once, whatever number of targets is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.structure.analysis import half_width
from glasspot.structure.equilibration import (
    Equilibration,
    detect_equilibration,
    leading_component,
    statistical_inefficiency,
)
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import BLOCKS, PairDistribution, as_frames, averaged, distributions_of_frames, total
from glasspot.target.curve import CurveTarget, curve_target

# Width of the shells (A) in which pairs are counted to see a liquid settle.
SHELL = 0.25


@dataclass(frozen=True)
class FrameCurves:
    """g(r) of the frames that count of one trajectory called ``name``, and which these are."""

    name: str
    pdf: PairDistribution
    equilibration: Equilibration
    given: bool  # the frames to leave out were named, not found
    half: float  # half the narrowest width of the cell, A

    def target(
        self, label: str, pair: str | None, r_range: tuple[float, float], weight: float = 1.0
    ) -> tuple[CurveTarget, str]:
        """Return the target of a pair, "Si-O", or of the total g(r) (None), with a line that says how good it is.

        GlasspotError for a pair that is not there and for a range that the curve does not cover.
        """
        if pair is None:
            values, error = total(self.pdf)
        else:
            row = self.pdf.index(pair)
            values, error = self.pdf.g[row], None if self.pdf.error is None else self.pdf.error[row]
        target = curve_target(label, pair, self.pdf.r, values, r_range, error, weight)
        return target, f"{label}: {self._frames()}, {self._quality(target)}"

    def _frames(self) -> str:
        found = self.equilibration
        if not found.start:
            return f"{found.n_frames} frames of {self.name}"
        why = "left out" if self.given else "not equilibrated"
        first = f"the first {found.start} are" if found.start > 1 else "the first is"
        return f"{found.n_kept} of {found.n_frames} frames of {self.name} ({first} {why})"

    def _quality(self, target: CurveTarget) -> str:
        if target.error is None or self.pdf.blocks is None:
            return "too few for an error"
        return f"{len(self.pdf.blocks)} blocks, noise floor {float(np.linalg.norm(target.error)) / target.norm:.1%}"

    def cautions(self) -> list[str]:
        """Return what is doubtful about the trajectory, a line each."""
        lines = [f"{self.name}: {self.equilibration.caution}"] if self.equilibration.caution else []
        end = float(self.pdf.edges[-1])
        if end > self.half + 1e-6:
            lines.append(
                f"{self.name}: g(r) to {end:g} A goes beyond half the cell ({self.half:.2f} A), where it repeats the "
                "cell; a shorter range is safer"
            )
        return lines


def frame_curves(
    name: str, frames: Sequence[Frame], r_max: float, bin_width: float, skip: int | None = None
) -> FrameCurves:
    """Return g(r) from 0 to ``r_max`` (A, or a little more: whole bins) of the frames of a trajectory in their order.

    ``skip``: how many frames at the start do not count; None: as many as are not equilibrated. Each frame's g(r) is
    divided by its own density, so the volume may vary. GlasspotError when frames differ in their atoms, and when none
    is left.
    """
    frames = as_frames(frames)
    if skip is not None and not 0 <= skip < len(frames):
        raise GlasspotError(f"{name} has {len(frames)} frames, so {skip} of them cannot be skipped.")
    end = float(np.ceil(r_max / bin_width - 1e-9) * bin_width)
    curves = np.array([g.astype(np.float32) for g in distributions_of_frames(frames, end, bin_width)])
    seen = observables(frames, curves, bin_width)
    if skip is None:
        found = detect_equilibration(seen)
    else:
        left = len(frames) - skip
        inefficiency = float(statistical_inefficiency(seen[skip:]).max()) if left > 1 else 1.0
        found = Equilibration(skip, len(frames), inefficiency)
    kept = frames[found.start :]
    pdf = averaged(kept, curves[found.start :], end, found.blocks(BLOCKS))
    return FrameCurves(name, pdf, found, skip is not None, half_width(kept))


def observables(frames: Sequence[Frame], curves: np.ndarray, bin_width: float) -> np.ndarray:
    """Return what tells whether frames are equilibrated, (n_frames, k): how the shells of their g(r), ``curves``
    (n_frames, n_pairs, n_bins), change together; the volume; and the energy where all frames have one.

    Shells of 0.25 A, each counted in units of its own scatter: single bins are mostly vibration. Without them a liquid
    that cooled for 3 ps was seen in its energy alone.
    """
    n_frames, n_pairs, n_bins = curves.shape
    together = min(max(round(SHELL / bin_width), 1), n_bins)
    whole = n_bins // together * together
    r = (np.arange(whole) + 0.5) * bin_width
    shells = (curves[:, :, :whole] * r**2).reshape(n_frames, n_pairs * whole // together, together).sum(axis=2)
    columns = [leading_component(shells), np.array([frame.volume for frame in frames])]
    if all("energy_eV" in frame.values for frame in frames):
        columns.append(np.array([frame.values["energy_eV"] for frame in frames]))
    return np.column_stack(columns)

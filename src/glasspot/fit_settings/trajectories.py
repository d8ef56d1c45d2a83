"""Trajectories named by [[target]] tables: each is read and folded once for all its targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.fit_settings.glass import Glass
from glasspot.structure.frames import Frame
from glasspot.structure.readers import read_frames
from glasspot.target.from_frames import FrameCurves, frame_curves
from glasspot.target_table import TargetTable

COMPOSITION_TOLERANCE = 0.01  # difference of an element's atomic fraction: rounding to whole units, not another glass
DENSITY_TOLERANCE = 0.01
WRONG_CELL = 2.0  # ratio of densities: beyond it the cell has another unit, or is that of another system


class Trajectories:
    """The trajectories of the targets of one system; what is doubtful about them goes into ``notes``."""

    def __init__(self, tables: Sequence[TargetTable], folder: Path, glass: Glass, notes: list[str]) -> None:
        self.tables = tables
        self.folder = folder
        self.glass = glass
        self.notes = notes
        self._curves: dict[tuple[Any, ...], FrameCurves] = {}

    def curves_for(self, table: TargetTable) -> FrameCurves:
        """Return g(r) of the trajectory of a table, far enough for every target that it serves."""
        key = _key(table)
        if key not in self._curves:
            reach = max(other.span[1] for other in self.tables if _key(other) == key)
            self._curves[key] = self._folded(table, reach)
        return self._curves[key]

    def _folded(self, table: TargetTable, reach: float) -> FrameCurves:
        path = self.folder / str(table.trajectory)
        frames = read_frames(path, table.frames, cell=table.cell, config_type=table.config_type)
        check_same_glass(frames[0], path, self.glass, self.notes)
        name = path.name if table.config_type is None else f"{table.config_type} of {path.name}"
        curves = frame_curves(name, frames, reach, table.bin_width, None if table.skip == "auto" else table.skip)
        self.notes += curves.cautions()
        return curves


def _key(table: TargetTable) -> tuple[Any, ...]:
    return (table.trajectory, table.config_type, table.frames, table.cell, table.skip, table.bin_width)


def check_same_glass(frame: Frame, path: Path, glass: Glass, notes: list[str]) -> None:
    """Refuse a trajectory of another composition; say so when its density is another one."""
    given, asked = frame.counts, glass.counts
    shares = {e: (given.get(e, 0) / frame.n_atoms, asked.get(e, 0) / sum(asked.values())) for e in {*given, *asked}}
    if any(abs(ours - theirs) > COMPOSITION_TOLERANCE for theirs, ours in shares.values()):
        raise GlasspotError(
            f"{path} holds {', '.join(f'{n} {e}' for e, n in given.items())}, which is not the composition of [system] "
            f"({', '.join(f'{n} {e}' for e, n in asked.items())}); fit each composition to its own reference"
        )
    density = sum(asked.values()) / glass.volume
    ratio = frame.n_atoms / frame.volume / density
    if not 1 / WRONG_CELL < ratio < WRONG_CELL:
        raise GlasspotError(
            f"{path} has {frame.n_atoms / frame.volume:.4g} atoms/A^3, but [system] has {density:.4g}; is the cell "
            f"right ({frame.volume ** (1 / 3):.4g} A for {frame.n_atoms} atoms), and in A?"
        )
    if abs(ratio - 1) > DENSITY_TOLERANCE:
        notes.append(f"{path.name} has {frame.n_atoms / frame.volume:.4f} atoms/A^3, [system] has {density:.4f}")

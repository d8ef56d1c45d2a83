"""What the engines that run inside glasspot share: a motion is followed line by line, recorded, watched and sampled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from glasspot import __version__
from glasspot.engine.base import Reason, Sample, ThermoRow, sample_of, thermo_every
from glasspot.engine.native.record import NAME, Record
from glasspot.engine.watch import Watch
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.readers import write_frames

TOO_STRONG = (
    "Take a shorter time step, let the start settle (a minimise stage, then one with gentle = true), or look at the "
    "potential at short distance."
)


class MotionError(Exception):
    """The atoms cannot be moved any further: ``reason`` as in engine.base, ``step`` of the stage.

    remedy: what to do, in words.
    """

    def __init__(self, reason: Reason, message: str, remedy: str, step: int) -> None:
        super().__init__(message)
        self.reason, self.remedy, self.step = reason, remedy, step


class Moving(Protocol):
    """Atoms that move through the stages of a protocol."""

    @property
    def stage(self) -> int:
        """Index of the present stage."""
        ...

    def rows(self) -> Iterator[ThermoRow]:
        """Move the atoms; yield a line at the start and end of each stage, and where ``thermo_every`` asks for one.

        More of them are welcome: the clock is looked at after each. Raises MotionError.
        """
        ...

    def frame(self, with_velocities: bool = False) -> Frame:
        """Return the atoms as they are at the last line, wrapped into the cell."""
        ...


def follow(moving: Moving, watch: Watch, record: Record, folder: Path, keep: bool) -> Iterator[Sample]:
    """Run to the end and yield the samples, the last one final; ``keep``: write them into ``folder`` as well.

    Raises EngineFailure.
    """
    protocol, n_atoms = watch.protocol, watch.simulation.start.n_atoms
    for row in _rows(moving, watch):
        stage = protocol.stages[row.stage]
        watch.enter(row.stage)
        # Some lines come elsewhere: they are for the watch only.
        if row.step % thermo_every(protocol, stage, n_atoms) == 0 or row.step >= protocol.steps(stage):
            record.write(row)
        watch.take(row)
        every = protocol.steps_between_samples(stage)
        if every and row.step > 0 and row.step % every == 0:
            watch.sampled(row)
            sample = sample_of(moving.frame(), row, protocol)
            if keep:
                write_frames(folder / f"samples-{row.stage}.extxyz", sample.frame, append=True)
            yield sample
        watch.tick()
    watch.finish()
    yield sample_of(moving.frame(with_velocities=True), row, protocol, final=True)


def _rows(moving: Moving, watch: Watch) -> Iterator[ThermoRow]:
    """Yield the lines of the motion; turn what stops it into a failure of the run."""
    try:
        yield from moving.rows()
    except MotionError as error:
        where = f'at step {error.step} of stage "{watch.protocol.stages[moving.stage].label}"'
        raise watch.failure(error.reason, f"{where} {error} {error.remedy}") from error


def open_record(folder: Path, engine: str) -> Record:
    """Make the folder, remove what an earlier run left in it, and begin the record of ``engine``, a line of words.

    GlasspotError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / NAME, *folder.glob("samples-*.extxyz")):
            path.unlink(missing_ok=True)
        return Record(folder, f"glasspot {__version__}, {engine}")
    except OSError as error:
        raise GlasspotError(f"cannot write into {folder} ({error.strerror}); give another folder.") from error

"""The native engine: simulations inside glasspot, on one core, with nothing but numba.

It does what the LAMMPS engine does, stage for stage; where the two differ in kind:

    NVT        stochastic velocity rescaling in place of a Nose-Hoover chain: canonical as well
    NPT        stochastic cell rescaling in place of Nose-Hoover and MTK: isobaric as well, without their ringing
    minimise   FIRE in place of conjugate gradients
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import OnProgress, Progress, Sample, Simulation, ThermoRow
from glasspot.engine.in_process import follow, open_record
from glasspot.engine.native.compiling import compile_for, compile_kernels, with_kept_code
from glasspot.engine.native.record import read_record, read_version, tail
from glasspot.engine.native.system import DEFAULT_SKIN, check_cell, check_potential
from glasspot.engine.native.trajectory import Trajectory
from glasspot.engine.native.variant import VARIANTS, Variant
from glasspot.engine.watch import Watch
from glasspot.errors import GlasspotError, check_choice
from glasspot.potential.learned import AnyPotential

__all__ = ["NativeEngine", "compile_kernels"]

COMPILING = "compiling for this machine (once)"
TELL_AFTER_S = 1.5  # loading what was compiled before takes less


@dataclass(frozen=True)
class NativeEngine:
    """Run simulations in this process.

    time_limit_s: None for a generous one from the size of the run. skin: of the neighbour list in A, None for the
    best. instructions: "auto", "avx512", or "portable" for code that every processor runs.
    """

    time_limit_s: float | None = None
    skin: float | None = None
    instructions: str = "auto"
    name: str = field(default="native", init=False)

    def __post_init__(self) -> None:
        check_choice(self.instructions, ("auto", *VARIANTS), "instructions")
        if self.skin is not None and not self.skin > 0:
            raise GlasspotError(f"skin is {self.skin} A; expected more than 0, such as {DEFAULT_SKIN}.")
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise GlasspotError(f"time_limit_s is {self.time_limit_s}; expected more than 0 s.")

    def check(self, potential: AnyPotential, species: Sequence[str], cell: NDArray[np.float64]) -> None:
        """Raise GlasspotError for what this engine cannot run; see ``engine.base.Engine``."""
        check_cell(cell, check_potential(potential), species)

    def version(self, folder: Path) -> str | None:
        """Return the version of glasspot and the machine code that ran in ``folder``; None without a run."""
        return read_version(Path(folder))

    def thermo(self, folder: Path) -> list[ThermoRow]:
        """Return the rows of thermo.csv in ``folder``; see ``engine.base.Engine``."""
        return read_record(Path(folder))

    def run(
        self, simulation: Simulation, folder: Path, on_progress: OnProgress | None = None, keep: bool = False
    ) -> Iterator[Sample]:
        """Yield samples as the run goes; the last one is final. See ``engine.base.Engine``.

        Left in the folder: thermo.csv, which grows as the run goes, and with ``keep`` the sampled frames of each stage
        as samples-STAGE.extxyz.
        """
        folder = Path(folder)
        trajectory = with_kept_code(partial(Trajectory, simulation, self.skin, self.instructions))
        with _told(on_progress, simulation):
            compile_for(trajectory.system)
        watch = Watch(simulation, self.time_limit_s, on_progress, lambda: tail(folder))
        with open_record(folder, f"native engine, {_code(trajectory.system.variant)}") as record:
            yield from follow(trajectory, watch, record, folder, keep)


def _code(variant: Variant) -> str:
    """Return the machine code in words, such as "avx512, tables of degree 5"."""
    return f"{type(variant).__name__.lower()}, tables of degree {variant.tables.degree}"


@contextmanager
def _told(on_progress: OnProgress | None, simulation: Simulation) -> Iterator[None]:
    """Tell, once, that the machine code is being made, when that takes more than a moment."""
    if on_progress is None:
        yield
        return
    progress = Progress(COMPILING, 0, simulation.protocol.total_steps, 0.0, 0.0)
    timer = threading.Timer(TELL_AFTER_S, on_progress, [progress])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

"""The ASE engine: simulations with the forces of an ASE calculator, on one core.

It is for models that only an ASE calculator evaluates (GAP, by QUIP), and a yardstick for the other engines: a pair
potential runs from its closed forms in double precision, some thousand times slower than in the native engine. What a
stage does, and the record it leaves, are those of the native engine.

ASE: Larsen et al., J. Phys. Condens. Matter 29 (2017) 273002, 10.1088/1361-648X/aa680e.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.ase_calculator import check_calculator, make_calculator
from glasspot.engine.base import OnProgress, Sample, Simulation, ThermoRow
from glasspot.engine.in_process import follow, open_record
from glasspot.engine.native.record import read_record, read_version, tail
from glasspot.engine.watch import START_LIMIT_S, Watch
from glasspot.errors import GlasspotError
from glasspot.potential.learned import AnyPotential

SLOWEST_ATOM_STEPS_PER_S = 20.0  # a GAP of many neighbours on an old core; the usual one makes 1000


@dataclass(frozen=True)
class AseEngine:
    """Run simulations in this process. time_limit_s: None for a generous one from the size of the run."""

    time_limit_s: float | None = None
    name: str = field(default="ase", init=False)

    def __post_init__(self) -> None:
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise GlasspotError(f"time_limit_s is {self.time_limit_s}; expected more than 0 s.")

    def check(self, potential: AnyPotential, species: Sequence[str], cell: NDArray[np.float64]) -> None:
        """Raise CannotRunError for what no calculator evaluates; see ``engine.base.Engine``. Any cell will do."""
        check_calculator(potential, species)

    def version(self, folder: Path) -> str | None:
        """Return the versions of glasspot and ASE that ran in ``folder``; None without a run."""
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
        import ase

        from glasspot.engine.ase_motion import AseMotion

        folder = Path(folder)
        self.check(simulation.potential, simulation.start.species, simulation.start.cell)
        motion = AseMotion(simulation, make_calculator(simulation.potential))
        watch = Watch(simulation, self._limit(simulation), on_progress, lambda: tail(folder))
        with open_record(folder, f"ASE engine, ASE {ase.__version__}") as record:
            yield from follow(motion, watch, record, folder, keep)

    def _limit(self, simulation: Simulation) -> float:
        if self.time_limit_s is not None:
            return self.time_limit_s
        atom_steps = simulation.protocol.total_steps * simulation.start.n_atoms
        return START_LIMIT_S + atom_steps / SLOWEST_ATOM_STEPS_PER_S

"""What every engine is asked and what it gives back: one simulation in, samples out as the run goes.

Units: A, ps, eV, K, bar. Energies are potential energies of the whole system.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from glasspot import protocol as protocols
from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.potential.learned import AnyPotential
    from glasspot.structure.frames import Frame

Reason = Literal["no-program", "killed", "crash", "lost-atoms", "nan", "time-limit", "too-hot", "boiled"]
REASONS: tuple[str, ...] = get_args(Reason)


@dataclass(frozen=True)
class Simulation:
    """What to simulate. The same simulation and program version give the same samples.

    start: positions, and velocities where the protocol keeps them. seed: of the velocities and of Langevin forces.
    looks: stages that are sampled to be looked at on the way; their mean temperature is no reason to fail.
    """

    potential: AnyPotential
    start: Frame
    protocol: protocols.Protocol
    seed: int = 1
    looks: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise GlasspotError(f"seed is {self.seed}; expected 0 or more.")
        if self.start.velocities is not None and not np.isfinite(self.start.velocities).all():
            raise GlasspotError("a velocity of the start is not a finite number; the run that wrote it has failed.")
        unknown = sorted(set(self.start.species) - set(self.potential.elements))
        if unknown:
            raise GlasspotError(
                f'the potential "{self.potential.name}" has no {", ".join(unknown)}; '
                f"it knows {', '.join(self.potential.elements)}."
            )


@dataclass(frozen=True)
class Sample:
    """One frame of a run with its thermodynamic numbers.

    stage: index into the protocol's stages. time_ps: from the start of that stage. energy_eV: potential energy with
    everything in it; long_range_energy_eV: the part of it that is not in the pair tables (reciprocal space of PPPM),
    0 for potentials with a cut-off Coulomb term. final: the state in which the run ended, with velocities; it is
    extra to the sampled frames and comes last.
    """

    frame: Frame
    stage: int
    time_ps: float
    energy_eV: float
    temperature_K: float
    pressure_bar: float
    long_range_energy_eV: float = 0.0
    final: bool = False


@dataclass(frozen=True)
class ThermoRow:
    """One line of the record of a run. step counts from the start of the stage; energies are those of ``Sample``.

    total_energy_eV: potential and kinetic energy together. A stage has lines at its start, at each sample and at its
    end; one that does not sample has some in between as well. A minimisation has at least its start and its end.
    """

    stage: int
    step: int
    temperature_K: float
    pressure_bar: float
    energy_eV: float
    long_range_energy_eV: float
    density: float  # g/cm3
    total_energy_eV: float

    @property
    def is_finite(self) -> bool:
        """Tell whether the system is still one: no number has become NaN or infinite."""
        return all(math.isfinite(x) for x in (self.temperature_K, self.pressure_bar, self.energy_eV, self.density))


@dataclass(frozen=True)
class Progress:
    """How far a run is: steps are counted over all stages; seconds since its start.

    temperature_K and density (g/cm3) are the last ones known, None before the first.
    """

    stage_name: str
    step: int
    total_steps: int
    seconds: float
    atom_steps_per_s: float
    temperature_K: float | None = None
    density: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None before the first step."""
        return self.seconds * (self.total_steps - self.step) / self.step if self.step else None


def sample_of(frame: Frame, row: ThermoRow, protocol: protocols.Protocol, final: bool = False) -> Sample:
    """Return the sample of ``frame`` with the numbers of its row; the frame carries them in its values as well."""
    time_ps = row.step * protocol.timestep
    values = {
        "time_ps": time_ps,
        "temperature_K": row.temperature_K,
        "pressure_bar": row.pressure_bar,
        "energy_eV": row.energy_eV,
    }
    return Sample(
        frame=replace(frame, values=values),
        stage=row.stage,
        time_ps=time_ps,
        energy_eV=row.energy_eV,
        temperature_K=row.temperature_K,
        pressure_bar=row.pressure_bar,
        long_range_energy_eV=row.long_range_energy_eV,
        final=final,
    )


def thermo_every(protocol: protocols.Protocol, stage: protocols.Stage, n_atoms: int) -> int:
    """Return the steps between two rows of a run's record: at each sample, otherwise a few times a second."""
    return protocol.steps_between_samples(stage) or max(10, min(1000, 200_000 // n_atoms))


OnProgress = Callable[[Progress], None]


class EngineFailure(GlasspotError):
    """A simulation that did not end well: ``reason`` is one of REASONS, ``log_tail`` the last lines of the log."""

    def __init__(self, reason: Reason, message: str, log_tail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.log_tail = log_tail

    def __reduce__(self) -> tuple[type[EngineFailure], tuple[str, str, str]]:
        # An exception that crosses a process boundary is rebuilt from its arguments; the default keeps only one.
        return (type(self), (self.reason, str(self), self.log_tail))


class CannotRunError(GlasspotError):
    """A system that an engine cannot run: ``why``, a whole sentence, and in the message what to do about it as well."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why, remedy)
        self.why = why

    def __str__(self) -> str:
        return " ".join(self.args)


class Engine(Protocol):
    """Anything that can run a Simulation."""

    @property
    def name(self) -> str:
        """Short name, such as "lammps"; part of the identity of a job, and the name of a run's folder."""
        ...

    def check(self, potential: AnyPotential, species: Sequence[str], cell: NDArray[np.float64]) -> None:
        """Raise CannotRunError when this engine cannot run such a system; nothing is written.

        species: the distinct ones of the atoms; cell: (3, 3), rows in A. The message says what stands in the way and,
        where another engine could run it, names that engine. A missing program is an EngineFailure "no-program".
        """
        ...

    def version(self, folder: Path) -> str | None:
        """Return the engine's version as its run in ``folder`` recorded it; None when it did not get that far."""
        ...

    def run(
        self, simulation: Simulation, folder: Path, on_progress: OnProgress | None = None, keep: bool = False
    ) -> Iterator[Sample]:
        """Yield the samples as the run goes; the last one is ``final`` and has velocities.

        folder: where the engine writes; made if absent. keep: keep the trajectory there as well. Closing the iterator
        stops the run. Raises EngineFailure.
        """
        ...

    def thermo(self, folder: Path) -> list[ThermoRow]:
        """Return the rows that the run in ``folder`` left there, of all stages in order; empty without a run."""
        ...

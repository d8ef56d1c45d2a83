"""The motion of one system through the stages of a protocol, a line of the record at a time.

A stage of dynamics is cut into blocks of BLOCK steps. A block begins with the atoms sorted anew (they diffuse), the
drift of the centre of mass taken away, and random numbers of its own; so it is a pure function of the ``State`` it
begins with, and a run that goes on from a saved State makes the very steps it would have made. (A block ends sooner
where the cell shrinks so far that it needs more images: sorting makes the arrays fit again.) Within a block come
legs, each of many steps in compiled code; at the end of a leg everything is known of the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import CannotRunError, Reason, Simulation, ThermoRow, thermo_every
from glasspot.engine.in_process import TOO_STRONG, MotionError
from glasspot.engine.native import chance
from glasspot.engine.native.barostat import COMPRESSIBILITY, FEWEST_INTERVALS, USUAL_INTERVALS
from glasspot.engine.native.field import CROWDED, ENERGY, FLEW, LIST_FULL, NOT_A_NUMBER, WELL, is_tight, update
from glasspot.engine.native.gentle import gentle_steps
from glasspot.engine.native.minimise import minimise
from glasspot.engine.native.motion import Atoms, Coupling, complete, nothing_measured, remove_drift, run_steps
from glasspot.engine.native.system import System, check_potential
from glasspot.oxides import mass
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN, density_from_mass

BLOCK = 1000  # steps
LONGEST_LEG = 2_000_000  # atom-steps between two looks at the clock
# A Nose-Hoover thermostat follows a ramp without a lag; rescaling lags by its time, twice as much with what the
# potential energy stores. At half the damping time a quench of 100 K/ps runs 10 K behind. Couplings in that time: it
# is exact for any number.
THERMOSTAT_SHARE, THERMOSTAT_INTERVALS = 0.5, 10
MOST_STEPS_BETWEEN_COUPLINGS = 10

PROBLEMS: dict[int, tuple[Reason, str]] = {
    NOT_A_NUMBER: ("nan", "the position of an atom became no number."),
    FLEW: ("lost-atoms", "an atom flew farther in one step than an atom can: the forces threw it out of its place."),
    CROWDED: ("crash", "so many atoms came around one that no glass holds them: the packing collapsed."),
}


@dataclass(frozen=True)
class State:
    """The beginning of a block: all that decides the rest of a run. Plain arrays, in the order of the frame.

    stage: index; step: of the stage; positions (n, 3) in A, as far as the atoms have gone; velocities (n, 3) in A/ps;
    lengths (3,) of the cell in A; heat: what the thermostat has put in since the stage began, eV.
    """

    stage: int
    step: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    lengths: NDArray[np.float64]
    heat: float = 0.0


class _ListFull(Exception):
    """The neighbour list needs more room."""


class Trajectory:
    """Runs ``simulation``; ``state`` is where the present block began.

    skin: of the neighbour list in A, None for the best. start: a State to go on from, of the same simulation. Raises
    GlasspotError for a system that cannot be run.
    """

    def __init__(
        self,
        simulation: Simulation,
        skin: float | None = None,
        instructions: str = "auto",
        start: State | None = None,
    ) -> None:
        frame = simulation.start
        self.simulation = simulation
        self.protocol = simulation.protocol
        self.system = System(frame, check_potential(simulation.potential), skin, instructions)
        self.dof = max(1, 3 * frame.n_atoms - 3)
        self.measured = nothing_measured()
        self._mass = mass(frame.counts)
        if start is None:
            at_rest = np.zeros_like(frame.positions)
            velocities = at_rest if frame.velocities is None else frame.velocities
            start = State(0, 0, frame.positions, velocities, self.system.lengths.copy())
        self.state = start

    @property
    def stage(self) -> int:
        """Index of the present stage."""
        return self.state.stage

    def rows(self) -> Iterator[ThermoRow]:
        """Move the atoms; yield a line at the start and end of each stage, and each ``thermo_every`` steps or sooner.

        At each of them ``frame`` gives the atoms. Raises MotionError.
        """
        while self.state.stage < len(self.protocol.stages):
            stage = self.protocol.stages[self.state.stage]
            total = self.protocol.steps(stage)
            if self.state.step == 0:
                self._draw_velocities(stage)
            shown = self.state.step - 1 if self.state.step == 0 else self.state.step
            while True:
                try:
                    for row in self._block(stage):
                        if row.step > shown:
                            shown = row.step
                            yield row
                    break
                except _ListFull:
                    # Room does not change the list, so the block begins again and comes by the same places.
                    self.system.grow_list()
            if shown < total:
                self._keep(self.state.stage, shown)
            else:
                self._keep(self.state.stage + 1, 0)

    def frame(self, with_velocities: bool = False) -> Frame:
        """Return the atoms as they are now, in the order of the start and wrapped into the cell."""
        lengths = self.system.lengths
        positions = self.system.positions()
        return Frame(
            positions=positions - lengths * np.floor(positions / lengths),
            cell=np.diag(lengths),
            species=self.simulation.start.species,
            types=self.simulation.start.types,
            velocities=self.system.velocities() if with_velocities else None,
        )

    # a block

    def _block(self, stage: Stage) -> Iterator[ThermoRow]:
        """Make the block that begins with ``self.state``; yield a line at its start and at the end of each leg."""
        if stage.kind == "minimise":
            yield from self._minimise()
            return
        state, system, every = self.state, self.system, thermo_every(self.protocol, stage, self.system.n)
        coupling = coupling_of(self.protocol, stage, self.dof)
        end = min(coupling.total, state.step + BLOCK)
        longest = max(10, LONGEST_LEG // system.n)
        rng = chance.generator(self.simulation.seed, state.stage, chance.STEPS, state.step)
        atoms = self._begin()
        first = -(-state.step // coupling.every)
        noise = chance.coupling_noise(rng, BLOCK // coupling.every + 1, self.dof)
        step = state.step
        yield self._row(step)
        while step < end and not is_tight(system.lengths, system.field.shifts, system.field.r_max):
            n_steps = min(end - step, every - step % every, longest)
            if stage.gentle:
                step, problem = gentle_steps(
                    system.variant, system.field, atoms, coupling, rng, self.measured, step, n_steps
                )
            else:
                step, problem = run_steps(
                    system.variant, system.field, atoms, coupling, noise, self.measured, first, step, n_steps
                )
            _check(problem, step)
            yield self._row(step)
        if stage.gentle:
            remove_drift(atoms)  # limited moves do not conserve momentum

    def _minimise(self) -> Iterator[ThermoRow]:
        atoms = self._begin()
        yield self._row(0)
        count, problem = minimise(self.system.variant, self.system.field, atoms, self.protocol.timestep)
        _check(problem, count)
        self._measure(atoms, count)
        yield self._row(count)

    def _begin(self) -> Atoms:
        """Bring the system to ``self.state``, sorted anew, with forces and everything measured."""
        state, system = self.state, self.system
        for flat, rows in ((system.x, state.positions), (system.v, state.velocities)):
            flat.reshape(-1, 4)[:, :3] = rows[system.order]
        system.lengths[:] = state.lengths
        try:
            system.sort()
        except CannotRunError as error:  # a cell that has shrunk too far; the start was checked
            raise MotionError(
                "crash",
                f"the cell has become too small: {error.why}",
                "Lower the pressure, or take more atoms.",
                state.step,
            ) from error
        atoms = Atoms(system.x, system.v, system.inverse_mass, system.half_mass, system.lengths)
        remove_drift(atoms)
        self.measured.heat[0] = state.heat
        self._measure(atoms, state.step)
        return atoms

    def _measure(self, atoms: Atoms, step: int) -> None:
        system, measured = self.system, self.measured
        energy, virial, long_range, problem = update(system.variant, system.field, atoms.x, atoms.lengths, ENERGY)
        _check(problem, step)
        measured.kinetic[0] = complete(atoms.v, system.field.forces, atoms.inverse_mass, atoms.half_mass, 0.0)
        measured.energy[0], measured.virial[0], measured.long_range[0] = energy, virial, long_range

    def _keep(self, stage: int, step: int) -> None:
        """Let a new block begin where the atoms are now."""
        system = self.system
        heat = float(self.measured.heat[0]) if step else 0.0
        self.state = State(stage, step, system.positions(), system.velocities(), system.lengths.copy(), heat)

    def _draw_velocities(self, stage: Stage) -> None:
        """Give the atoms of a stage that begins new velocities, where it asks for them or they have none."""
        stages = self.protocol.stages[: self.state.stage]
        moving = self.simulation.start.velocities is not None or any(other.kind != "minimise" for other in stages)
        if stage.kind == "minimise" or stage.temperature_ends is None or (moving and not stage.new_velocities):
            return
        rng = chance.generator(self.simulation.seed, self.state.stage, chance.VELOCITIES)
        masses = np.empty(self.system.n)
        masses[self.system.order] = 1.0 / self.system.inverse_mass.reshape(-1, 4)[:, 0]
        velocities = chance.maxwell_velocities(rng, masses, stage.temperature_ends[0])
        self.state = replace(self.state, velocities=velocities)

    def _row(self, step: int) -> ThermoRow:
        kinetic, energy, virial, long_range, _ = (float(number[0]) for number in self.measured)
        volume = float(self.system.lengths.prod())
        return ThermoRow(
            stage=self.state.stage,
            step=step,
            temperature_K=2.0 * kinetic / (self.dof * BOLTZMANN),
            pressure_bar=(2.0 * kinetic + virial) / (3.0 * volume) * BAR_PER_EV_A3,
            energy_eV=energy,
            long_range_energy_eV=long_range,
            density=density_from_mass(self._mass, volume),
            total_energy_eV=energy + kinetic,
        )


def coupling_of(protocol: Protocol, stage: Stage, dof: int) -> Coupling:
    """Return how the steps of a stage of dynamics are made."""
    has_barostat = stage.kind == "npt"
    relaxation = THERMOSTAT_SHARE * protocol.thermostat_damping
    intervals = [relaxation / THERMOSTAT_INTERVALS]
    if has_barostat:
        intervals.append(protocol.barostat_damping / USUAL_INTERVALS)
    every = int(min(intervals) / protocol.timestep + 1e-9)
    every = min(max(every, 1), MOST_STEPS_BETWEEN_COUPLINGS)
    interval = every * protocol.timestep
    start, end = stage.temperature_ends or (0.0, 0.0)
    low, high = stage.pressure_ends or (0.0, 0.0)
    return Coupling(
        thermostat=stage.kind != "nve",
        barostat=has_barostat,
        timestep=protocol.timestep,
        every=every,
        total=protocol.steps(stage),
        dof=dof,
        interval=interval,
        k_t=(BOLTZMANN * start, BOLTZMANN * end),
        pressure=(low / BAR_PER_EV_A3, high / BAR_PER_EV_A3),
        decay=exp(-interval / relaxation),
        mobility=COMPRESSIBILITY / max(protocol.barostat_damping, FEWEST_INTERVALS * interval),
    )


def _check(problem: int, step: int) -> None:
    """Raise what a problem of ``update`` stands for."""
    if problem == LIST_FULL:
        raise _ListFull
    if problem != WELL:
        reason, message = PROBLEMS[problem]
        raise MotionError(reason, message, TOO_STRONG, step)

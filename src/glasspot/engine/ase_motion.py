"""The motion of atoms through the stages of a protocol, with the forces of an ASE calculator.

Velocity Verlet with the thermostat and the barostat of the native engine (its modules name the sources), so that both
engines sample the same ensembles; at each step, in the order of :mod:`glasspot.engine.native.motion`. ASE's own
integrators are not used: they have no ramps, and count 3 n degrees of freedom for atoms whose centre is at rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import Simulation, ThermoRow
from glasspot.engine.in_process import TOO_STRONG, MotionError
from glasspot.engine.native import chance
from glasspot.engine.native.barostat import strain
from glasspot.engine.native.field import FARTHEST_JUMP
from glasspot.engine.native.gentle import DAMPING, LIMITED_MOVE, limit
from glasspot.engine.native.minimise import FORCE_TOLERANCE, descend
from glasspot.engine.native.motion import Coupling, along
from glasspot.engine.native.thermostat import rescaling
from glasspot.engine.native.trajectory import coupling_of
from glasspot.oxides import atomic_mass, mass
from glasspot.protocol import Stage
from glasspot.structure.frames import Frame
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN, MASS_SPEED_SQUARED, density_from_mass

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

PROPERTIES = ["energy", "forces", "stress"]
# eV an atom in ten updates of a minimisation: absolute, as learned energies hold those of the free atoms.
ENERGY_TOLERANCE = 2e-3


class AseMotion:
    """Runs ``simulation`` with the forces of ``calculator``; see ``engine.in_process.Moving``."""

    def __init__(self, simulation: Simulation, calculator: Calculator) -> None:
        frame = simulation.start
        self.simulation, self.protocol, self.calculator = simulation, simulation.protocol, calculator
        self.stage = 0
        self.dof = max(1, 3 * frame.n_atoms - 3)
        self.atoms = frame.to_ase()
        self.x = frame.positions.copy()
        self.v = np.zeros_like(self.x) if frame.velocities is None else frame.velocities.copy()
        self.cell = frame.cell.copy()
        self.masses = np.array([atomic_mass(name) for name in frame.species])[frame.types]
        self.pull = 1.0 / (MASS_SPEED_SQUARED * self.masses[:, None])  # A/ps^2 for 1 eV/A
        self.forces = np.zeros_like(self.x)
        self.energy = self.virial = self.long_range = 0.0
        self._mass = mass(frame.counts)

    def rows(self) -> Iterator[ThermoRow]:
        """Move the atoms; yield a line at the start of each stage and after each step. Raises MotionError."""
        self._update(0)
        for index, stage in enumerate(self.protocol.stages):
            self.stage = index
            self._draw_velocities(stage)
            self._remove_drift()
            yield self._row(0)
            yield from self._minimise() if stage.kind == "minimise" else self._dynamics(stage)

    def frame(self, with_velocities: bool = False) -> Frame:
        """Return the atoms as they are now, wrapped into the cell."""
        start = self.simulation.start
        velocities = self.v.copy() if with_velocities else None
        frame = Frame(self.x, self.cell.copy(), start.species, start.types, velocities)
        return Frame(frame.wrapped(), frame.cell, start.species, start.types, velocities)

    @property
    def volume(self) -> float:
        """In A^3."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def kinetic(self) -> float:
        """Kinetic energy in eV."""
        return 0.5 * MASS_SPEED_SQUARED * float((self.masses[:, None] * self.v * self.v).sum())

    # stages

    def _minimise(self) -> Iterator[ThermoRow]:
        def forces(count: int, looks: bool) -> tuple[NDArray[np.float64], float]:
            self._update(count)
            return self.forces, self.energy

        before = inf
        downhill = descend(self.x, self.pull, self.forces, forces, self.protocol.timestep)
        while True:
            with _quiet():
                found = next(downhill, None)
            if found is None:
                return
            count, energy, f = found
            yield self._row(count)
            small = ENERGY_TOLERANCE * len(self.x)
            if abs(energy - before) < small or sqrt(float((f * f).sum())) < FORCE_TOLERANCE:
                return
            before = energy

    def _dynamics(self, stage: Stage) -> Iterator[ThermoRow]:
        coupling = coupling_of(self.protocol, stage, self.dof)
        rng = chance.generator(self.simulation.seed, self.stage, chance.STEPS)
        noise = _coupling_noise(rng, self.dof)
        fastest = LIMITED_MOVE / coupling.timestep if stage.gentle else inf
        for step in range(1, coupling.total + 1):
            with _quiet():
                stretch = 0.0
                if coupling.thermostat and not stage.gentle and (step - 1) % coupling.every == 0:
                    stretch = self._couple(coupling, step - 1, *next(noise))
                self._kick(coupling.timestep, fastest)
                self._move(coupling.timestep, exp(stretch / 3.0), step)
                self._update(step)
                self._kick(coupling.timestep, fastest)
                if stage.gentle:
                    self._friction(along(coupling.k_t, step / coupling.total), coupling.timestep, rng)
            yield self._row(step)

    # parts of a step

    def _update(self, step: int) -> None:
        """Bring forces, energy and virial up to date; MotionError where one of them is no number."""
        if not (np.isfinite(self.x).all() and np.isfinite(self.cell).all()):
            raise MotionError("nan", "the position of an atom became no number.", TOO_STRONG, step)
        self.atoms.set_cell(self.cell)
        self.atoms.positions[:] = self.x
        try:
            self.calculator.calculate(self.atoms, PROPERTIES, ["positions", "cell"])
        except (RuntimeError, ArithmeticError) as error:
            text = " ".join(str(error).split())
            raise MotionError("crash", f"the calculator stopped ({text}).", TOO_STRONG, step) from error
        results = self.calculator.results
        self.energy, stress = float(results["energy"]), results["stress"]
        self.forces = np.array(results["forces"], dtype=np.float64)
        self.virial = -float(stress[0] + stress[1] + stress[2]) * self.volume
        self.long_range = getattr(self.calculator, "long_range_energy", 0.0)
        if not np.isfinite(self.forces).all():
            raise MotionError("nan", "the force on an atom became no number.", TOO_STRONG, step)

    def _kick(self, timestep: float, fastest: float) -> None:
        self.v += 0.5 * timestep * self.pull * self.forces
        if fastest < inf:
            limit(self.v, fastest)

    def _move(self, timestep: float, scale: float, step: int) -> None:
        """Move the atoms, in a cell that grows by ``scale`` in the middle of the move."""
        if float(np.abs(self.v).max()) * timestep > FARTHEST_JUMP:
            raise MotionError(
                "lost-atoms",
                "an atom flew farther in one step than an atom can: the forces threw it out of its place.",
                TOO_STRONG,
                step,
            )
        self.x *= scale
        self.x += 0.5 * (scale + 1.0 / scale) * timestep * self.v
        self.v /= scale
        self.cell *= scale

    def _couple(
        self, coupling: Coupling, step: int, normal: float, chi_square: float, normal_of_barostat: float
    ) -> float:
        """Let the thermostat act; return the change of ln V that the barostat chooses (0 without one)."""
        fraction, kinetic, volume = step / coupling.total, self.kinetic, self.volume
        k_t = along(coupling.k_t, fraction)
        factor = float(rescaling(kinetic, k_t, coupling.dof, coupling.decay, normal, chi_square))
        self.v *= sqrt(factor)
        if not coupling.barostat:
            return 0.0
        pressure = (2.0 * factor * kinetic + self.virial) / (3.0 * volume)
        target = along(coupling.pressure, fraction)
        return float(strain(pressure, target, volume, k_t, coupling.mobility, coupling.interval, normal_of_barostat))

    def _friction(self, k_t: float, timestep: float, rng: np.random.Generator) -> None:
        """As in :mod:`glasspot.engine.native.gentle`; the atoms as a whole stay at rest."""
        keep, column = exp(-timestep / DAMPING), self.masses[:, None]
        noise = rng.standard_normal(self.v.shape) * np.sqrt((1.0 - keep * keep) * k_t / (MASS_SPEED_SQUARED * column))
        self.v *= keep
        self.v += noise
        self._remove_drift()

    def _remove_drift(self) -> None:
        column = self.masses[:, None]
        self.v -= (column * self.v).sum(axis=0) / column.sum()

    def _draw_velocities(self, stage: Stage) -> None:
        """Give the atoms new velocities, where the stage asks for them or they have none."""
        before = self.protocol.stages[: self.stage]
        moving = self.simulation.start.velocities is not None or any(other.kind != "minimise" for other in before)
        if stage.kind == "minimise" or stage.temperature_ends is None or (moving and not stage.new_velocities):
            return
        rng = chance.generator(self.simulation.seed, self.stage, chance.VELOCITIES)
        self.v = chance.maxwell_velocities(rng, self.masses, stage.temperature_ends[0])

    def _row(self, step: int) -> ThermoRow:
        kinetic, volume = self.kinetic, self.volume
        return ThermoRow(
            stage=self.stage,
            step=step,
            temperature_K=2.0 * kinetic / (self.dof * BOLTZMANN),
            pressure_bar=(2.0 * kinetic + self.virial) / (3.0 * volume) * BAR_PER_EV_A3,
            energy_eV=self.energy,
            long_range_energy_eV=self.long_range,
            density=density_from_mass(self._mass, volume),
            total_energy_eV=self.energy + kinetic,
        )


def _quiet() -> np.errstate:
    """No warnings of what is no number: ``_update`` tells it."""
    return np.errstate(over="ignore", invalid="ignore")


def _coupling_noise(rng: np.random.Generator, dof: int) -> Iterator[tuple[float, float, float]]:
    """Yield, for one coupling after another, the numbers of ``chance.coupling_noise``."""
    shared = rng.standard_normal()
    while True:
        normal, chi_square = rng.standard_normal(), 2.0 * rng.standard_gamma(0.5 * (dof - 1))
        before, shared = shared, rng.standard_normal()
        yield normal, chi_square, 0.5 * (before + shared)

"""Help for the tests of motion: an ideal gas, a small melt, and a system's arrays ready to be moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lammps_lab import silica

from glasspot.engine.base import Simulation, ThermoRow
from glasspot.engine.native import chance
from glasspot.engine.native.field import ENERGY, WELL, update
from glasspot.engine.native.motion import Atoms, Coupling, Measured, complete, nothing_measured, run_steps
from glasspot.engine.native.system import System
from glasspot.engine.native.trajectory import Trajectory, coupling_of
from glasspot.oxides import atomic_mass
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.units import BOLTZMANN


def no_forces() -> Potential:
    """Return a potential that does nothing; so short that a small cell may shrink far without more images."""
    term = {"form": "buckingham", "A": 1e-30, "rho": 0.3}
    return Potential.from_dict(
        {
            "name": "ideal gas",
            "r_cut": 1.0,
            "wall": "none",
            "charges": {"O": 0.0},
            "coulomb": {"style": "dsf", "alpha": 0.25, "r_cut": 1.0},
            "pair": [{"elements": ["O", "O"], "term": [term]}],
        }
    )


def gas(n_atoms: int, length: float, temperature: float, seed: int = 1) -> Frame:
    """Return oxygen atoms anywhere in a cube, with velocities."""
    rng = np.random.default_rng(seed)
    velocities = chance.maxwell_velocities(rng, np.full(n_atoms, atomic_mass("O")), temperature)
    return Frame.from_symbols(["O"] * n_atoms, rng.uniform(0, length, (n_atoms, 3)), length, velocities=velocities)


@dataclass
class Moving:
    """A system with all that ``run_steps`` takes; ``run`` makes steps with noise of its own."""

    system: System
    atoms: Atoms
    measured: Measured
    rng: np.random.Generator
    step: int = 0

    @classmethod
    def of(cls, frame: Frame, potential: Potential, seed: int = 1) -> Moving:
        system = System(frame, potential)
        atoms = Atoms(system.x, system.v, system.inverse_mass, system.half_mass, system.lengths)
        moving = cls(system, atoms, nothing_measured(), np.random.default_rng(seed))
        moving.measure()
        return moving

    @property
    def dof(self) -> int:
        return 3 * self.system.n - 3

    @property
    def total_energy(self) -> float:
        return float(self.measured.kinetic[0] + self.measured.energy[0])

    @property
    def pressure(self) -> float:
        """In eV/A^3."""
        volume = self.atoms.lengths.prod()
        return float((2 * self.measured.kinetic[0] + self.measured.virial[0]) / (3 * volume))

    @property
    def temperature(self) -> float:
        return 2 * float(self.measured.kinetic[0]) / (self.dof * BOLTZMANN)

    def measure(self) -> None:
        system, measured = self.system, self.measured
        found = update(system.variant, system.field, system.x, system.lengths, ENERGY)
        measured.energy[0], measured.virial[0], measured.long_range[0], problem = found
        assert problem == WELL
        measured.kinetic[0] = complete(system.v, system.field.forces, system.inverse_mass, system.half_mass, 0.0)

    def run(self, coupling: Coupling, n_steps: int) -> None:
        first, end = -(-self.step // coupling.every), self.step + n_steps
        noise = chance.coupling_noise(self.rng, n_steps // coupling.every + 1, self.dof)
        self.step, problem = run_steps(
            self.system.variant,
            self.system.field,
            self.atoms,
            coupling,
            noise,
            self.measured,
            first,
            self.step,
            n_steps,
        )
        assert problem == WELL and self.step == end


def coupling(stage: Stage, n_atoms: int, **protocol: float) -> Coupling:
    """Return how a protocol of this one stage is integrated."""
    return coupling_of(Protocol("test", (stage,), **protocol), stage, 3 * n_atoms - 3)


def melt(n_formula: int = 32, length: float = 11.33, seed: int = 1) -> Frame:
    """Return silica at 3600 K, with velocities, made by the code that is tested."""
    protocol = Protocol(
        "melt",
        (Stage("minimise"), Stage("nvt", 0.3, 5000.0, gentle=True), Stage("nvt", 2.0, (5000.0, 3600.0))),
    )
    start = random_packing({"Si": n_formula, "O": 2 * n_formula}, length, seed=seed)
    trajectory = Trajectory(Simulation(silica(), start, protocol, seed))
    all_rows(trajectory)
    return trajectory.frame(with_velocities=True)


def all_rows(trajectory: Trajectory) -> list[ThermoRow]:
    """Run a trajectory to its end."""
    return list(trajectory.rows())

"""Help for the tests that every engine takes: the engines by name, systems to run, and exact energies and pressures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from lammps_lab import borosilicate, last, silica

from glasspot.composition import Composition
from glasspot.engine.base import Engine, Sample, Simulation
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.evaluate.engines import make_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.oxides import atomic_mass
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN, MASS_SPEED_SQUARED

ENGINES = ("lammps", "native", "ase")
BORON_GLASS = {"B": 8, "Si": 24, "Na": 10, "Ca": 4, "O": 69}  # about 12B of the borosilicate series


def engine_named(name: str, time_limit_s: float | None = None) -> Engine:
    """Return an engine by its name, as a job does."""
    return make_engine(EngineChoice(name, time_limit_s=time_limit_s))


def shik_glass() -> tuple[Potential, dict[str, int]]:
    """Return SHIK's set (Wolf electrostatics) for a sodium borosilicate of 111 atoms, and their counts."""
    composition = Composition.parse("20 Na2O 20 B2O3 60 SiO2")
    published = load_potential("SHIK")
    atoms = composition.atom_counts(111, published.counting_charges)
    return published.for_composition(atoms.composition, atoms.counts), dict(atoms.counts)


def systems() -> dict[str, tuple[Potential, dict[str, int], float | tuple[float, float, float]]]:
    """Return name -> potential, counts and cell: two to five species, three kinds of electrostatics, all sizes of box.

    The reach of a pair is 8 to 11 A and a skin: only the largest box holds no atom and its own image within that.
    """
    shik, shik_counts = shik_glass()
    return {
        "silica, large": (silica(), {"Si": 150, "O": 300}, 17.96),
        "silica, small": (silica(), {"Si": 32, "O": 64}, 11.33),
        "silica, smaller than its cut-off": (silica(), {"Si": 8, "O": 16}, 7.14),
        "silica, not cubic": (silica(), {"Si": 50, "O": 100}, (14.0, 10.0, 16.2)),
        "four species, Wolf": (shik, shik_counts, 11.0),
        "five species, PPPM, odd": (borosilicate(), BORON_GLASS, 11.5),
    }


def liquid(engine: Engine, counts: dict[str, int], cell: object, temperature: float, folder: Path) -> Frame:
    """Return a silica liquid that the engine itself made of a packing, with velocities."""
    protocol = Protocol(
        "liquid",
        (
            Stage("minimise"),
            Stage("nvt", 0.2, temperature + 2000, gentle=True),
            Stage("nvt", 0.8, (temperature + 2000, temperature)),
            Stage("nvt", 1.0, temperature),
        ),
    )
    start = random_packing(counts, cell, seed=1)
    return last(engine.run(Simulation(silica(), start, protocol, seed=1), folder)).frame


def masses(frame: Frame) -> np.ndarray:
    """Return the mass of each atom in g/mol."""
    return np.array([atomic_mass(name) for name in frame.species])[frame.types]


def temperature_of(frame: Frame) -> float:
    """Return the temperature of a frame's velocities, 3 n - 3 degrees of freedom."""
    assert frame.velocities is not None
    twice_kinetic = MASS_SPEED_SQUARED * float((masses(frame)[:, None] * frame.velocities**2).sum())
    return twice_kinetic / ((3 * frame.n_atoms - 3) * BOLTZMANN)


def exact_forces(frame: Frame, potential: Potential) -> tuple[np.ndarray, float, float]:
    """Return forces (n, 3) in eV/A, energy and virial (the sum of r.f) in eV from the closed forms.

    In double precision; Ewald's sums are converged to 1e-9.
    """
    atoms = frame.to_ase()
    atoms.calc = GlasspotCalculator(potential)
    stress = atoms.get_stress(voigt=False)
    return atoms.get_forces(), float(atoms.get_potential_energy()), -float(np.trace(stress)) * frame.volume


def exact(sample: Sample, potential: Potential) -> tuple[float, float]:
    """Return energy (eV) and pressure (bar) of a sample's frame from the closed forms."""
    _, energy, virial = exact_forces(sample.frame, potential)
    kinetic = (sample.frame.n_atoms - 1) * BOLTZMANN * sample.temperature_K
    return energy, BAR_PER_EV_A3 * (kinetic + virial / 3) / sample.frame.volume


def block_error(values: np.ndarray, blocks: int = 10) -> float:
    """Return the standard error of the mean of a correlated series, from the means of blocks."""
    means = [piece.mean() for piece in np.array_split(values, blocks)]
    return float(np.std(means, ddof=1) / np.sqrt(blocks))

"""The native engine against LAMMPS and against converged sums: forces along trajectories, drift, ensembles, structure.

Two runs of a liquid part after a picosecond, whatever runs them, so what is compared over longer times are averages,
each with the standard error of its mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from engine_lab import (
    BORON_GLASS,
    block_error,
    engine_named,
    exact_forces,
    liquid,
    systems,
)
from lammps_lab import borosilicate, forces, last, relative_rms, silica

from glasspot.engine.base import Engine, Simulation, ThermoRow
from glasspot.engine.native.trajectory import Trajectory
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.structure.pdf import pair_distribution
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN

SYSTEMS = systems()
PROMISED = 1e-5  # relative RMS force error against converged sums


@dataclass(frozen=True)
class Moment:
    """What the native engine knows at one step: forces (n, 3) in eV/A, in the order of the frame."""

    frame: Frame
    row: ThermoRow
    forces: np.ndarray


def moments(simulation: Simulation, stage: int, instructions: str = "auto") -> Iterator[Moment]:
    """Yield what the native engine knows at the samples of a stage, the forces with which it goes on among it."""
    trajectory = Trajectory(simulation, instructions=instructions)
    every = simulation.protocol.steps_between_samples(simulation.protocol.stages[stage])
    for row in trajectory.rows():
        if row.stage == stage and row.step and row.step % every == 0:
            found = np.empty((simulation.start.n_atoms, 3))
            system = trajectory.system
            found[system.order] = system.field.forces.reshape(-1, 4)[: system.n, :3]
            yield Moment(trajectory.frame(), row, found)


def hot_run(name: str, sample_ps: float, seed: int = 1) -> Simulation:
    """Return a system of ``systems`` from its packing, then NVE at some 3000 K with a sample each 50 steps."""
    potential, counts, cell = SYSTEMS[name]
    settle = Stage("nvt", 0.3, 4000.0, gentle=True)
    protocol = Protocol("hot", (Stage("minimise"), settle, Stage("nve", sample_ps, sample_every=0.05)))
    return Simulation(potential, random_packing(counts, cell, seed), protocol, seed)


@pytest.mark.parametrize("instructions", ["auto", "portable"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_forces_and_pressure_along_a_trajectory(name: str, instructions: str) -> None:
    """At each 50th step, with the neighbour list as it then is: an atom that went astray would be seen."""
    length = 2.0 if instructions == "auto" else 1.0
    simulation = hot_run(name, length)
    errors, off = [], []
    for moment in moments(simulation, 2, instructions):
        forces, energy, virial = exact_forces(moment.frame, simulation.potential)
        errors.append(relative_rms(moment.forces, forces))
        kinetic = (moment.frame.n_atoms - 1) * BOLTZMANN * moment.row.temperature_K
        pressure = BAR_PER_EV_A3 * (kinetic + virial / 3) / moment.frame.volume
        off.append(moment.row.pressure_bar - pressure)
        assert moment.row.energy_eV == pytest.approx(energy, rel=2e-6)
    assert len(errors) == round(length / 0.05)
    assert max(errors) < PROMISED
    # The virial sums what the forces sum: 1e-5 of its terms, some 500,000 bar each.
    assert np.abs(off).max() < 30.0


@pytest.mark.parametrize("name", ["silica, large", "silica, small", "four species, Wolf", "five species, PPPM, odd"])
def test_forces_are_those_of_lammps(name: str, tmp_path: Path) -> None:
    """LAMMPS computes anew (run 0) the forces of some frames of a trajectory; its tables err by 1e-5 to 3e-5."""
    simulation = hot_run(name, 0.5)
    for k, moment in enumerate(moments(simulation, 2)):
        if k % 5 == 4:
            found, energy = forces(moment.frame, simulation.potential, tmp_path / str(k))
            assert relative_rms(moment.forces, found) < 3e-5
            assert moment.row.energy_eV == pytest.approx(energy, rel=3e-6)


@pytest.mark.parametrize("name", ["silica, not cubic", "five species, PPPM, odd"])
def test_a_few_steps_are_those_of_lammps(name: str, tmp_path: Path) -> None:
    """The same start, ten steps of NVE: masses, units and integrator are the same; the rest are errors of forces."""
    potential, counts, cell = SYSTEMS[name]
    settled = Protocol("settle", (Stage("minimise"), Stage("nvt", 0.3, 4000.0, gentle=True)))
    start = last(engine_named("lammps").run(Simulation(potential, random_packing(counts, cell, 1), settled), tmp_path))
    protocol = Protocol("nve", (Stage("nve", 0.01),))
    one, other = (
        last(engine_named(engine).run(Simulation(potential, start.frame, protocol), tmp_path / engine))
        for engine in ("lammps", "native")
    )
    lengths = np.diag(start.frame.cell)
    apart = other.frame.positions - one.frame.positions
    # 1e-4 of the largest force, 50 eV/A on an oxygen, moves it by 1.5e-6 A within 10 fs, and changes its speed by 3e-4.
    assert np.abs(apart - lengths * np.round(apart / lengths)).max() < 5e-6
    np.testing.assert_allclose(other.frame.velocities, one.frame.velocities, atol=1e-3)
    assert other.temperature_K == pytest.approx(one.temperature_K, rel=1e-5)
    assert other.pressure_bar == pytest.approx(one.pressure_bar, abs=30.0)


def drift(engine: Engine, start: Frame, folder: Path) -> tuple[float, float]:
    """Return the drift of the total energy over 20 ps of NVE and its standard error, eV/atom."""
    protocol = Protocol("nve", (Stage("nve", 20.0, sample_every=0.05),))
    list(engine.run(Simulation(silica(), start, protocol), folder))
    rows = engine.thermo(folder)
    energy = np.array([row.total_energy_eV for row in rows]) / start.n_atoms
    time = np.array([row.step for row in rows]) / 1000.0
    slope, offset = np.polyfit(time, energy, 1)
    # The scatter about the line is correlated, so the error of its slope comes from ten pieces of the run.
    scatter = block_error(energy - slope * time - offset)
    return 20.0 * float(slope), 20.0 * scatter * np.sqrt(12.0) / 20.0


def test_energy_drifts_no_more_than_in_lammps(tmp_path: Path) -> None:
    """450 atoms of silica at 3600 K, 20 ps in steps of 1 fs."""
    start = liquid(engine_named("lammps"), {"Si": 150, "O": 300}, 17.96, 3600.0, tmp_path / "start")
    lammps, lammps_error = drift(engine_named("lammps"), start, tmp_path / "lammps")
    native, native_error = drift(engine_named("native"), start, tmp_path / "native")
    assert abs(native) < abs(lammps) + 3 * np.hypot(lammps_error, native_error)
    assert abs(native) < 1e-3  # of a kinetic energy of 0.46 eV


@pytest.mark.slow
def test_the_volume_fluctuates_as_in_lammps(tmp_path: Path) -> None:
    """24 atoms of silica at 8000 K and 100,000 bar for 300 ps: mean and variance of the volume.

    LAMMPS integrates the equations of Martyna, Tobias and Klein, the native engine rescales the cell at random; both
    give the isobaric ensemble. Small, since fluctuations then are large and the run long, and so hot that the network
    is made anew within a picosecond: at 5000 K so few atoms stay in one structure for tens of them.
    """
    settle = (Stage("minimise"), Stage("nvt", 0.2, 8000.0, gentle=True), Stage("npt", 10.0, 8000.0, 100000.0))
    protocol = Protocol("npt", (*settle, Stage("npt", 300.0, 8000.0, 100000.0, sample_every=0.05)))
    start = random_packing({"Si": 8, "O": 16}, 7.14, seed=1)
    found = {}
    for name in ("lammps", "native"):
        samples = engine_named(name).run(Simulation(silica(), start, protocol), tmp_path / name)
        volume = np.array([sample.frame.volume for sample in samples if not sample.final])
        square = (volume - volume.mean()) ** 2
        found[name] = (volume.mean(), block_error(volume, 20), square.mean(), block_error(square, 20))
    (mean, error, variance, its_error), (other, other_error, other_variance, its_other_error) = found.values()
    assert abs(other - mean) < 4.5 * np.hypot(error, other_error)
    assert abs(other_variance - variance) < 4.5 * np.hypot(its_error, its_other_error)
    assert error < 0.01 * mean and its_error < 0.2 * variance, "the run is long enough to tell"


@dataclass(frozen=True)
class Liquid:
    """What independent runs say of a liquid: density (replicas,) in g/cm3 and g(r) (replicas, pairs, bins)."""

    density: np.ndarray
    g: np.ndarray


def replicas(
    engine: Engine, potential: Potential, counts: dict[str, int], length: float, stages: tuple[Stage, ...], folder: Path
) -> Liquid:
    """Return density and g(r) of six runs from packings of their own; the last stage samples."""
    densities, curves = [], []
    for seed in range(1, 7):
        protocol = Protocol("liquid", (Stage("minimise"), Stage("nvt", 0.3, 5000.0, gentle=True), *stages))
        start = random_packing(counts, length, seed)
        run = engine.run(Simulation(potential, start, protocol, seed), folder / f"{engine.name}-{seed}")
        frames = [sample.frame for sample in run if not sample.final]
        densities.append(np.mean([frame.density for frame in frames]))
        curves.append(pair_distribution(frames, 5.0, 0.1).g)
    return Liquid(np.array(densities), np.array(curves))


def student(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Student's t of each number of two sets of independent runs, where its error tells something.

    Errors come from the scatter between the runs, so t has 10 degrees of freedom and t^2 the mean 10/8.
    """
    difference = other.mean(0) - one.mean(0)
    error = np.sqrt((one.var(0, ddof=1) + other.var(0, ddof=1)) / len(one))
    told = error > 1e-3 * max(1.0, float(error.max()))  # hardly a pair falls into the other bins of g(r)
    return np.asarray(difference[told] / error[told])


def assert_same(one: Liquid, other: Liquid) -> None:
    """Compare two liquids; each bound is one that equal liquids pass in all but one of a few hundred trials."""
    t = student(one.g, other.g)
    assert np.mean(t**2) < 2.5 and np.abs(t).max() < 9.0
    assert abs(student(one.density[:, None], other.density[:, None])[0]) < 4.5
    assert max(one.density.std(), other.density.std()) < 0.04 * one.density.mean(), "it is known well enough to tell"


@pytest.mark.slow
def test_a_silica_liquid_is_that_of_lammps(tmp_path: Path) -> None:
    """96 atoms at 6000 K and 50,000 bar, DSF: density and the three partial g(r)."""
    run = Stage("npt", 8.0, 6000.0, 50000.0, sample_every=0.02)
    stages = (Stage("nvt", 1.0, 6000.0), Stage("npt", 2.0, 6000.0, 50000.0), run)
    found = [
        replicas(engine_named(name), silica(), {"Si": 32, "O": 64}, 10.28, stages, tmp_path)
        for name in ("lammps", "native")
    ]
    assert_same(found[0], found[1])


@pytest.mark.slow
def test_a_borosilicate_liquid_is_that_of_lammps(tmp_path: Path) -> None:
    """115 atoms of about 12B at 3500 K and 50,000 bar, PPPM and particle-mesh Ewald: density and fifteen g(r)."""
    run = Stage("npt", 4.0, 3500.0, 50000.0, sample_every=0.02)
    stages = (Stage("nvt", 1.0, (5000.0, 3500.0)), Stage("npt", 1.0, 3500.0, 50000.0), run)
    found = [
        replicas(engine_named(name), borosilicate(), BORON_GLASS, 11.45, stages, tmp_path)
        for name in ("lammps", "native")
    ]
    assert_same(found[0], found[1])

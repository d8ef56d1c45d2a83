"""What every engine must do, asked through the Engine protocol alone: samples, ensembles, ramps, failures.

Where a tolerance is statistical it is some four standard errors of the quantity, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from engine_lab import (
    ENGINES,
    block_error,
    engine_named,
    exact,
    liquid,
    masses,
    systems,
    temperature_of,
)
from lammps_lab import last, silica

from glasspot.engine.base import Engine, EngineFailure, Progress, Sample, Simulation
from glasspot.errors import GlasspotError
from glasspot.potential.coulomb import PPPM
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.units import BOLTZMANN

SYSTEMS = systems()


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_named(request.param)


@pytest.fixture(scope="module")
def small(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Frame:
    """96 atoms of silica at 3600 K and 2.2 g/cm3, with velocities."""
    return liquid(engine, {"Si": 32, "O": 64}, 11.33, 3600.0, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Frame:
    """450 atoms of silica at 3600 K and 2.58 g/cm3, with velocities."""
    skip_where_too_slow(engine)
    return liquid(engine, {"Si": 150, "O": 300}, 17.96, 3600.0, tmp_path_factory.mktemp("large"))


def stages(*several: Stage, timestep: float = 0.001) -> Protocol:
    return Protocol("test", several, timestep=timestep)


def run(engine: Engine, start: Frame, protocol: Protocol, folder: Path, seed: int = 1) -> list[Sample]:
    """Return the samples of a run of silica; the last one is final."""
    return list(engine.run(Simulation(silica(), start, protocol, seed), folder))


def skip_where_too_slow(engine: Engine) -> None:
    """Leave out what takes an engine minutes."""
    if engine.name == "ase":
        pytest.skip("the ASE engine takes 10 ms a step here; test_ase_engine.py asks this of a lighter system")


def failure(engine: Engine, simulation: Simulation, folder: Path) -> EngineFailure:
    with pytest.raises(EngineFailure) as caught:
        list(engine.run(simulation, folder))
    return caught.value


def test_samples_come_in_order_with_their_times(engine: Engine, small: Frame, tmp_path: Path) -> None:
    first = Stage("nvt", 0.1, 3600.0, sample_every=0.05)
    samples = run(
        engine, small, stages(first, Stage("nvt", 0.1, 3600.0), Stage("nve", 0.06, sample_every=0.02)), tmp_path
    )
    assert [(s.stage, round(s.time_ps, 9)) for s in samples[:-1]] == [
        (0, 0.05),
        (0, 0.1),
        (2, 0.02),
        (2, 0.04),
        (2, 0.06),
    ]
    final = samples[-1]
    assert final.final and not any(s.final for s in samples[:-1])
    assert final.frame.velocities is not None and all(s.frame.velocities is None for s in samples[:-1])
    assert final.stage == 2 and final.time_ps == pytest.approx(0.06)
    np.testing.assert_allclose(final.frame.positions, samples[-2].frame.positions, atol=1e-9)
    assert final.energy_eV == samples[-2].energy_eV
    assert {s.frame.species for s in samples} == {small.species}
    assert temperature_of(final.frame) == pytest.approx(final.temperature_K, rel=1e-6)


def test_a_stage_without_samples_hands_out_the_last_state_alone(engine: Engine, small: Frame, tmp_path: Path) -> None:
    (only,) = run(engine, small, stages(Stage("nvt", 0.01, 3600.0)), tmp_path)
    assert only.final and only.stage == 0 and only.time_ps == pytest.approx(0.01)


def test_atoms_keep_their_order(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """Whatever an engine sorts by: atom k of a sample is atom k of the start, a few steps later."""
    shuffled = np.random.default_rng(2).permutation(small.n_atoms)
    start = Frame(small.positions[shuffled], small.cell, small.species, small.types[shuffled])
    for sample in run(engine, start, stages(Stage("nve", 0.01, 300.0, sample_every=0.005)), tmp_path):
        np.testing.assert_array_equal(sample.frame.types, start.types)
        moved = (sample.frame.positions - start.positions) @ np.linalg.inv(start.cell)
        assert np.abs(moved - np.round(moved)).max() * 11.33 < 0.5


def test_a_start_outside_its_cell_is_the_same_start(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """Positions may lie anywhere: only what they are modulo the cell counts."""
    away = np.random.default_rng(3).integers(-3, 4, small.positions.shape) @ small.cell
    protocol = stages(Stage("nve", 0.01, sample_every=0.01))
    outside = Frame(small.positions + away, small.cell, small.species, small.types, small.velocities)
    one, two = (run(engine, s, protocol, tmp_path / str(k)) for k, s in enumerate((small, outside)))
    np.testing.assert_allclose(two[-1].frame.wrapped(), one[-1].frame.wrapped(), atol=1e-5)


def test_progress_ends_where_the_run_ends(engine: Engine, small: Frame, tmp_path: Path) -> None:
    seen: list[Progress] = []
    protocol = stages(Stage("minimise"), Stage("nvt", 0.5, 3600.0, name="hold"), Stage("nve", 0.1))
    last(engine.run(Simulation(silica(), small, protocol), tmp_path, seen.append))
    assert seen[-1].step == seen[-1].total_steps == 600
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert seen[-1].stage_name == "nve" and seen[-1].atom_steps_per_s > 0 and seen[-1].seconds > 0
    assert seen[-1].density == pytest.approx(small.density, rel=1e-3) and seen[-1].temperature_K is not None


def test_the_record_of_a_run_is_left_in_its_folder(engine: Engine, small: Frame, tmp_path: Path) -> None:
    protocol = stages(Stage("minimise"), Stage("nvt", 0.05, 3600.0), Stage("nve", 0.04, sample_every=0.02))
    samples = run(engine, small, protocol, tmp_path)
    rows = engine.thermo(tmp_path)
    assert [(r.stage, r.step) for r in rows if r.stage == 2] == [(2, 0), (2, 20), (2, 40)]
    assert [(r.stage, r.step) for r in rows if r.stage == 1][:: len(rows)] == [(1, 0)]
    assert next(r for r in reversed(rows) if r.stage == 1).step == 50
    assert rows[-2].energy_eV == pytest.approx(samples[0].energy_eV, rel=1e-9)
    assert rows[-1].density == pytest.approx(small.density, rel=1e-6)
    kinetic = 1.5 * (small.n_atoms - 1) * BOLTZMANN * rows[-1].temperature_K
    assert rows[-1].total_energy_eV - rows[-1].energy_eV == pytest.approx(kinetic, rel=1e-5)
    assert engine.version(tmp_path) and engine.thermo(tmp_path / "elsewhere") == []
    assert engine.version(tmp_path / "elsewhere") is None


def test_a_trajectory_is_kept_when_asked(engine: Engine, small: Frame, tmp_path: Path) -> None:
    simulation = Simulation(silica(), small, stages(Stage("nvt", 0.02, 3600.0, sample_every=0.01)))
    for name, keep in (("without", False), ("with", True)):
        list(engine.run(simulation, tmp_path / name, keep=keep))
    without, kept = ({path.name for path in (tmp_path / name).iterdir()} for name in ("without", "with"))
    assert without < kept


def test_a_run_may_be_left_at_any_sample(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """After that the folder is free for another run, which knows nothing of the first."""
    long = stages(Stage("nvt", 500.0, 3600.0, sample_every=0.05))
    begun: Iterator[Sample] = engine.run(Simulation(silica(), small, long), tmp_path)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    samples = run(engine, small, stages(Stage("nvt", 0.02, 3600.0, sample_every=0.01)), tmp_path)
    assert len(samples) == 3 and engine.thermo(tmp_path)[-1].step == 20


def test_the_same_seed_gives_the_same_run_and_another_seed_another(engine: Engine, tmp_path: Path) -> None:
    start = random_packing({"Si": 27, "O": 54}, 10.7, seed=3)
    protocol = stages(Stage("minimise"), Stage("nvt", 0.2, 3600.0, gentle=True), Stage("npt", 0.2, 3600.0, 0.0))
    one, again, other = (run(engine, start, protocol, tmp_path / str(k), seed)[-1] for k, seed in enumerate((5, 5, 6)))
    np.testing.assert_array_equal(one.frame.positions, again.frame.positions)
    np.testing.assert_array_equal(one.frame.velocities, again.frame.velocities)
    assert one.pressure_bar == again.pressure_bar
    assert np.abs(one.frame.positions - other.frame.positions).max() > 0.1


def test_minimising_lowers_the_energy(engine: Engine, tmp_path: Path) -> None:
    start = random_packing({"Si": 32, "O": 64}, 11.33, seed=4)
    (final,) = run(engine, start, stages(Stage("minimise")), tmp_path)
    rows = engine.thermo(tmp_path)
    assert rows[-1].energy_eV < rows[0].energy_eV - 50.0
    assert final.energy_eV == pytest.approx(exact(final, silica())[0], rel=1e-5)
    assert final.frame.velocities is not None and np.all(final.frame.velocities == 0)
    np.testing.assert_array_equal(final.frame.cell, start.cell)


@pytest.mark.parametrize("name", SYSTEMS)
def test_energies_and_pressures_are_those_of_the_frames(engine: Engine, name: str, tmp_path: Path) -> None:
    """From a packing, for each kind of system; the exact sums are in double precision, Ewald's converged to 1e-9."""
    potential, counts, cell = SYSTEMS[name]
    engine.check(potential, tuple(counts), random_packing(counts, cell, seed=1).cell)
    protocol = stages(Stage("minimise"), Stage("nvt", 0.3, 3000.0, gentle=True), Stage("nve", 0.1, sample_every=0.025))
    simulation = Simulation(potential, random_packing(counts, cell, seed=1), protocol)
    *samples, _ = engine.run(simulation, tmp_path)
    assert len(samples) == 4
    for sample in samples:
        energy, pressure = exact(sample, potential)
        assert sample.energy_eV == pytest.approx(energy, rel=2e-6)
        # 1e-5 of the virial, which is some 500,000 bar in each direction, nearly all of which cancels.
        assert sample.pressure_bar == pytest.approx(pressure, abs=30.0)
        assert (sample.long_range_energy_eV != 0.0) == isinstance(potential.coulomb, PPPM)
    total = np.array([row.total_energy_eV for row in engine.thermo(tmp_path) if row.stage == 2])
    # A time step of 1 fs leaves some 1e-4 eV/atom; where pairs cross a truncated cut-off the energy jumps by 1e-3 eV.
    assert np.ptp(total) / simulation.start.n_atoms < 2e-3


def test_energy_is_conserved(engine: Engine, large: Frame, tmp_path: Path) -> None:
    run(engine, large, stages(Stage("nve", 2.0, sample_every=0.02)), tmp_path)
    rows = engine.thermo(tmp_path)
    total = np.array([row.total_energy_eV for row in rows]) / large.n_atoms
    drift = np.polyfit(np.arange(len(rows)) * 0.02, total, 1)[0] * 2.0
    assert len(rows) == 101
    assert np.std([row.temperature_K for row in rows]) > 10.0, "energy moves between kinetic and potential"
    # Measured with LAMMPS: scatter 3e-5 and drift below 2e-5 eV/atom, of a kinetic energy of 0.46 eV/atom.
    assert total.std() < 2e-4 and abs(drift) < 2e-4


def test_nvt_is_canonical(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """Mean of T and its variance, 2 T^2 / (3 n - 3); the atoms as a whole stay at rest."""
    skip_where_too_slow(engine)
    protocol = stages(Stage("nvt", 1.0, 3600.0), Stage("nvt", 20.0, 3600.0, sample_every=0.02))
    samples = run(engine, small, protocol, tmp_path)
    found = np.array([sample.temperature_K for sample in samples[:-1]])
    assert len(found) == 1000
    # T is forgotten within some 0.06 ps, so 300 independent values: the mean is known to 0.5 %, the variance to 8 %.
    assert found.mean() == pytest.approx(3600.0, rel=0.02)
    assert found.var() == pytest.approx(2 * 3600.0**2 / (3 * small.n_atoms - 3), rel=0.35)
    final = samples[-1].frame
    assert final.velocities is not None
    drift = masses(final) @ final.velocities / masses(final).sum()
    assert np.abs(drift).max() < 1e-3  # A/ps; an atom has 10


def test_ramps_end_where_asked(engine: Engine, large: Frame, tmp_path: Path) -> None:
    ramp = Stage("npt", 3.0, (3600.0, 1200.0), (0.0, 60000.0), sample_every=0.05)
    samples = run(engine, large, stages(Stage("npt", 1.0, 3600.0, 0.0), ramp), tmp_path)[:-1]
    temperatures = np.array([sample.temperature_K for sample in samples])
    # Ten samples scatter by some 1 % in their mean; the thermostat follows a ramp of 800 K/ps with a lag of 0.1 ps.
    assert temperatures[25:35].mean() == pytest.approx(2400.0, rel=0.1)
    assert temperatures[-10:].mean() == pytest.approx(1400.0, rel=0.1)
    densities = [sample.frame.density for sample in samples]
    assert np.mean(densities[-5:]) > 1.05 * np.mean(densities[:5])


def test_npt_reaches_its_pressure(engine: Engine, large: Frame, tmp_path: Path) -> None:
    protocol = stages(Stage("npt", 2.0, 3600.0, 50000.0), Stage("npt", 4.0, 3600.0, 50000.0, sample_every=0.02))
    samples = run(engine, large, protocol, tmp_path)[:-1]
    pressures = np.array([sample.pressure_bar for sample in samples])
    # Each value scatters by some 12,000 bar, and is remembered for 0.5 ps by a barostat of 1 ps.
    assert pressures.mean() == pytest.approx(50000.0, abs=max(4000.0, 4 * block_error(pressures)))
    cell = samples[-1].frame.cell
    np.testing.assert_allclose(cell, np.eye(3) * cell[0, 0], atol=1e-9)
    densities = [sample.frame.density for sample in samples]
    assert np.mean(densities) > 1.03 * large.density and np.std(densities) > 1e-3


def test_velocities_are_kept_unless_new_ones_are_asked_for(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """In a step of 1 fs forces change velocities by a tenth; new ones have nothing to do with the old."""
    for name, new in (("keep", False), ("draw", True)):
        final = run(engine, small, stages(Stage("nvt", 0.001, 3600.0, new_velocities=new)), tmp_path / name)[-1].frame
        assert small.velocities is not None and final.velocities is not None
        likeness = np.corrcoef(small.velocities.ravel(), final.velocities.ravel())[0, 1]
        assert abs(likeness) < 0.25 if new else likeness > 0.97


def test_drawn_velocities_have_the_temperature_asked(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """And are Maxwell's: the mean kinetic energy is the same for light and heavy atoms, and nothing drifts."""
    (final,) = run(engine, small, stages(Stage("nve", 0.001, 1000.0, new_velocities=True)), tmp_path)
    first = engine.thermo(tmp_path)[0]
    assert first.temperature_K == pytest.approx(1000.0, rel=1e-6)
    frame = final.frame
    assert frame.velocities is not None
    energy = masses(frame) * (frame.velocities**2).sum(1)
    shares = [energy[frame.types == kind].mean() / energy.mean() for kind in (0, 1)]
    assert shares == pytest.approx([1.0, 1.0], abs=0.4)  # 32 atoms: 0.14 for one standard error
    assert np.abs(masses(frame) @ frame.velocities).max() < 1e-3 * masses(frame).sum()


def test_a_run_goes_on_from_its_last_state(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """Without a thermostat positions and velocities are the whole state: two halves are the whole."""
    half, whole = stages(Stage("nve", 0.05)), stages(Stage("nve", 0.1))
    middle = run(engine, small, half, tmp_path / "first")[-1].frame
    two = run(engine, middle, half, tmp_path / "second")[-1].frame
    one = run(engine, small, whole, tmp_path / "whole")[-1].frame
    # Sums in another order differ in their last digit, which grows: tenfold in some 0.2 ps.
    np.testing.assert_allclose(two.wrapped(), one.wrapped(), atol=1e-4)
    assert two.velocities is not None and one.velocities is not None
    np.testing.assert_allclose(two.velocities, one.velocities, atol=1e-2)


def test_a_bad_packing_is_settled_gently(engine: Engine, tmp_path: Path) -> None:
    """Atoms thrown at random and only just parted: forces of hundreds of eV/A at the start."""
    close = dict.fromkeys((("Si", "Si"), ("Si", "O"), ("O", "O")), 1.0)
    start = random_packing({"Si": 32, "O": 64}, 11.33, 5, close)
    protocol = stages(
        Stage("minimise"), Stage("nvt", 0.5, 3000.0, gentle=True), Stage("nvt", 0.5, 3000.0, sample_every=0.01)
    )
    samples = run(engine, start, protocol, tmp_path)[:-1]
    assert np.mean([s.temperature_K for s in samples]) == pytest.approx(3000.0, rel=0.15)


def test_a_start_that_is_no_number_is_refused(small: Frame) -> None:
    assert small.velocities is not None
    broken = small.velocities.copy()
    broken[3, 1] = np.nan
    with pytest.raises(GlasspotError, match="velocity"):
        Simulation(
            silica(), Frame(small.positions, small.cell, small.species, small.types, broken), stages(Stage("nve", 1.0))
        )
    with pytest.raises(GlasspotError, match="position"):
        Frame(broken, small.cell, small.species, small.types)


def test_atoms_that_fuse_end_the_run(engine: Engine, tmp_path: Path) -> None:
    """Without its wall the Buckingham hole swallows the atoms of a packing: the run ends alone, with its reason."""
    start = random_packing({"Si": 32, "O": 64}, 11.33, 5, {("Si", "O"): 0.7, ("O", "O"): 0.7})
    pairs = [
        {**pair, "term": [term for term in pair["term"] if term["form"] == "buckingham"]}
        for pair in silica().to_dict()["pair"]
    ]
    bare = silica(wall="none", pair=[pair for pair in pairs if pair["term"]])
    protocol = stages(Stage("nvt", 2.0, 6000.0, sample_every=0.1))
    assert failure(engine, Simulation(bare, start, protocol), tmp_path).reason in (
        "crash",
        "lost-atoms",
        "nan",
        "too-hot",
    )


def test_atoms_too_fast_to_follow_end_the_run(engine: Engine, small: Frame, tmp_path: Path) -> None:
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=small.positions.shape)
    start = Frame(small.positions, small.cell, small.species, small.types, 1e5 * signs)
    found = failure(engine, Simulation(silica(), start, stages(Stage("nve", 1.0))), tmp_path)
    assert found.reason in ("lost-atoms", "nan") and "step" in str(found)
    if engine.name == "native":
        assert 'of stage "nve" an atom flew farther' in str(found) and "Take a shorter time step" in str(found)


def test_too_hot(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """50 A/ps in each direction is some 300,000 K; a thermostat of 0.1 ps cannot take it away in 0.05 ps."""
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=small.positions.shape)
    start = Frame(small.positions, small.cell, small.species, small.types, 50.0 * signs)
    protocol = stages(Stage("nvt", 0.05, 3600.0, sample_every=0.01), timestep=0.0005)
    found = failure(engine, Simulation(silica(), start, protocol), tmp_path)
    assert found.reason == "too-hot" and "3600 K was asked" in str(found)


def test_a_melt_that_boils(engine: Engine, small: Frame, tmp_path: Path) -> None:
    """Pulled at with 300,000 bar no liquid holds together."""
    found = failure(engine, Simulation(silica(), small, stages(Stage("npt", 50.0, 3000.0, -3e5))), tmp_path)
    assert found.reason == "boiled" and "times its volume" in str(found)


@pytest.mark.parametrize("name", ENGINES)
def test_a_run_over_its_limit_is_stopped(name: str, tmp_path: Path) -> None:
    engine = engine_named(name, time_limit_s=1.0)
    start = random_packing({"Si": 32, "O": 64}, 11.33, seed=4)
    protocol = stages(Stage("minimise"), Stage("nvt", 500.0, 3600.0, sample_every=0.05))
    found = failure(engine, Simulation(silica(), start, protocol), tmp_path)
    assert found.reason == "time-limit" and "of stage" in str(found)

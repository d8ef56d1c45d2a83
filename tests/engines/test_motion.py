"""The native engine's motion: laws of mechanics, exact distributions, limits, and runs that can be repeated.

Statistical tolerances are four standard errors, from the number of independent values; seeds are fixed.
"""

from __future__ import annotations

from itertools import islice
from math import exp, sqrt

import numpy as np
import pytest
from lammps_lab import borosilicate, silica
from motion_lab import Moving, all_rows, coupling, gas, melt, no_forces
from numba import njit

from glasspot.engine.base import Simulation
from glasspot.engine.in_process import MotionError
from glasspot.engine.native import chance, minimise
from glasspot.engine.native.barostat import FASTEST, strain
from glasspot.engine.native.field import IMAGE_ROOM
from glasspot.engine.native.gentle import LIMITED_MOVE, gentle_steps
from glasspot.engine.native.motion import remove_drift
from glasspot.engine.native.thermostat import rescaling
from glasspot.engine.native.trajectory import State, Trajectory
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN

# Where pairs cross a truncated cut-off the energy jumps by 5e-4 eV; a smooth one leaves the integrator's errors alone.
SMOOTH = silica(cutoff="smooth")


@pytest.fixture(scope="module")
def silica_melt() -> Frame:
    """96 atoms at 3600 K."""
    return melt()


# mechanics


def test_motion_can_be_turned_back(silica_melt: Frame) -> None:
    moving = Moving.of(silica_melt, silica())
    nve = coupling(Stage("nve", 1.0), silica_melt.n_atoms)
    moving.run(nve, 200)
    assert np.abs(moving.system.positions() - silica_melt.positions).max() > 0.5
    moving.atoms.v[:] *= -1.0
    moving.run(nve, 200)
    # Forces are single precision: 1e-6 of them, growing tenfold in some 0.2 ps of a melt.
    np.testing.assert_allclose(moving.system.positions(), silica_melt.positions, atol=2e-3)


def test_half_steps_in_one_pass_are_velocity_verlet(silica_melt: Frame) -> None:
    """One call of many steps moves atoms as many calls of one step do."""
    nve = coupling(Stage("nve", 1.0), silica_melt.n_atoms)
    one, many = (Moving.of(silica_melt, silica()) for _ in range(2))
    one.run(nve, 50)
    for _ in range(50):
        many.run(nve, 1)
    np.testing.assert_allclose(one.atoms.x, many.atoms.x, atol=1e-6)
    np.testing.assert_allclose(one.atoms.v, many.atoms.v, atol=1e-4)
    assert one.total_energy == pytest.approx(many.total_energy, abs=1e-4)


def test_the_error_of_the_energy_is_of_second_order(silica_melt: Frame) -> None:
    """Half the time step, a quarter of the energy's scatter."""
    scatter = []
    for timestep in (0.001, 0.0005):
        moving = Moving.of(silica_melt, SMOOTH)
        nve = coupling(Stage("nve", 1.0), silica_melt.n_atoms, timestep=timestep)
        total = []
        for _ in range(400):
            moving.run(nve, round(0.001 / timestep))
            total.append(moving.total_energy)
        scatter.append(np.std(total))
    assert scatter[0] / scatter[1] == pytest.approx(4.0, abs=1.0)
    assert scatter[0] / silica_melt.n_atoms < 3e-4  # eV; the kinetic energy is 0.46 eV an atom


def test_heat_of_the_thermostat_balances_the_energy(silica_melt: Frame) -> None:
    moving = Moving.of(silica_melt, SMOOTH)
    # What velocity Verlet conserves differs from the energy by a term of second order that grows with T: 1e-3 eV an
    # atom from here to 5000 K in steps of 1 fs, 6e-5 in steps of a quarter.
    nvt = coupling(Stage("nvt", 4.0, (3600.0, 5000.0)), silica_melt.n_atoms, timestep=0.00025)
    before = moving.total_energy
    moving.run(nvt, 16000)
    heat = float(moving.measured.heat[0])
    assert heat > 10.0
    assert moving.total_energy - heat == pytest.approx(before, abs=2e-4 * silica_melt.n_atoms)


def test_momentum_does_not_grow(silica_melt: Frame) -> None:
    """Single precision lets it creep; within a block it stays far below the motion of an atom."""
    moving = Moving.of(silica_melt, silica())
    remove_drift(moving.atoms)
    moving.run(coupling(Stage("nvt", 1.0, 3600.0), silica_melt.n_atoms), 1000)
    masses = moving.atoms.half_mass.reshape(-1, 4)[:, :3]
    drift = np.abs((masses * moving.atoms.v.reshape(-1, 4)[:, :3]).sum(axis=0) / masses[:, 0].sum())
    assert drift.max() < 1e-4  # A/ps; an atom has 10
    remove_drift(moving.atoms)
    assert np.abs((masses * moving.atoms.v.reshape(-1, 4)[:, :3]).sum(axis=0)).max() < 1e-12


# thermostat and barostat


def test_kinetic_energy_of_free_atoms_is_canonical() -> None:
    """Without forces K forgets with the thermostat's time alone, and is Gamma(dof/2, kT)."""
    n, temperature = 8, 2000.0
    moving = Moving.of(gas(n, 40.0, 100.0), no_forces())
    nvt = coupling(Stage("nvt", 1000.0, temperature), n)
    found = []
    for _ in range(20000):
        moving.run(nvt, 5)
        found.append(float(moving.measured.kinetic[0]))
    k_t, shape = BOLTZMANN * temperature, 0.5 * moving.dof
    values = np.array(found[200:]) / k_t
    independent = len(values) * (1 - nvt.decay) / (1 + nvt.decay)
    assert nvt.decay == pytest.approx(exp(-0.1))  # 5 fs of 50 fs, half of the damping time
    assert values.mean() == pytest.approx(shape, abs=4 * sqrt(shape / independent))
    assert values.var() == pytest.approx(shape, abs=4 * shape * sqrt((2 + 6 / shape) * 2 / independent))


@njit
def gas_volumes(n, n_steps, mobility, interval, seed):  # type: ignore[no-untyped-def]
    """Return volumes and pressures of n atoms without forces, P0 = kT = 1, by the thermostat and the barostat alone."""
    np.random.seed(seed)
    dof = 3 * n - 3
    volume, kinetic, shared = float(n), 0.5 * dof, np.random.normal()
    volumes, pressures = np.empty(n_steps), np.empty(n_steps)
    for step in range(n_steps):
        chi_square = 2.0 * np.random.gamma(0.5 * (dof - 1))
        kinetic *= rescaling(kinetic, 1.0, dof, 0.9, np.random.normal(), chi_square)
        pressures[step] = 2.0 * kinetic / (3.0 * volume)
        following = np.random.normal()
        change = strain(pressures[step], 1.0, volume, 1.0, mobility, interval, 0.5 * (shared + following))
        shared = following
        volume *= np.exp(change)
        kinetic *= np.exp(-2.0 * change / 3.0)
        volumes[step] = volume
    return volumes, pressures


@pytest.mark.parametrize("n", [4, 10, 40])
def test_volumes_of_an_ideal_gas_are_those_of_the_npt_ensemble(n: int) -> None:
    """Gamma(n, kT / P0): of the textbook's n + 1, one belongs to the momentum of the whole, which is kept at zero."""
    mobility, interval, n_steps = 0.02, 0.6, 5_000_000
    volumes, pressures = gas_volumes(n, n_steps, mobility, interval, 1)
    # A Gamma variable under this equation forgets with the rate mobility P0.
    independent = n_steps * mobility * interval / 2
    assert volumes.mean() == pytest.approx(n, abs=4 * sqrt(n / independent))
    assert volumes.mean() - n < 0.25, "so that n is told from n + 1 and n - 1"
    # A 50th of the relaxation time of the cell: Euler's variance would be 0.8 % too large.
    assert volumes.var() == pytest.approx(n, abs=0.002 * n + 4 * n * sqrt((2 + 6 / n) / independent))
    assert pressures.mean() == pytest.approx(1.0, abs=4 * sqrt(1 / (n - 2) / independent))


def test_the_loop_gives_these_volumes_too() -> None:
    """With positions, velocities and cell moving: 16 atoms at 11,600 K and 74,000 bar."""
    n, k_t, length = 16, 1.0, 6.0
    p0 = n * k_t / length**3
    moving = Moving.of(gas(n, length, k_t / BOLTZMANN), no_forces())
    npt = coupling(Stage("npt", 1000.0, k_t / BOLTZMANN, p0 * BAR_PER_EV_A3), n)
    fractional = moving.atoms.x / length
    volumes, pressures = [], []
    for _ in range(20000):
        moving.run(npt, 20)
        volumes.append(moving.atoms.lengths.prod() * p0 / k_t)
        pressures.append(moving.pressure / p0)
    assert npt.every == 1
    independent = 400.0 * npt.mobility * p0 / 2  # 400 ps; the barostat forgets in 2.5 ps
    assert np.mean(volumes) == pytest.approx(n, abs=4 * sqrt(n / independent))
    assert np.var(volumes) == pytest.approx(n, abs=4 * n * sqrt((2 + 6 / n) / independent))
    assert np.mean(pressures) == pytest.approx(1.0, abs=4 * sqrt(1 / n / independent))
    assert not np.allclose(moving.atoms.x / moving.atoms.lengths[0], fractional)


def test_positions_and_velocities_scale_with_the_cell() -> None:
    """Half a move, the scaling of place and speed, half a move."""
    moving = Moving.of(gas(8, 12.0, 300.0), no_forces())
    x, v = moving.atoms.x.copy(), moving.atoms.v.copy()
    squeeze = coupling(Stage("npt", 1.0, 300.0, 1e5), 8, thermostat_damping=1e9, barostat_damping=0.05)
    moving.run(squeeze, 1)
    scale = moving.atoms.lengths[0] / 12.0
    assert abs(scale - 1.0) > 1e-6
    np.testing.assert_allclose(moving.atoms.v, v / scale, rtol=1e-5, atol=1e-9)
    half = 0.0005 * v
    np.testing.assert_allclose(moving.atoms.x, scale * (x + half) + half / scale, atol=1e-7)


def test_a_packing_far_from_its_pressure_is_squeezed_in_order() -> None:
    """A packing at half of its density under 40,000 atm: no step is too long for the atoms, and it gets there."""
    start = random_packing({"Si": 32, "O": 64}, 14.3, seed=2)
    squeeze = Stage("npt", 10.0, 300.0, 40530.0, sample_every=0.05)
    stages = (Stage("minimise"), Stage("nvt", 0.3, 300.0, gentle=True), squeeze)
    rows = all_rows(Trajectory(Simulation(silica(), start, Protocol("squeeze", stages))))
    squeezed = [row for row in rows if row.stage == 2]
    density = np.array([row.density for row in squeezed])
    times = np.array([row.step * 0.001 for row in squeezed])
    assert np.abs(np.diff(np.log(density)) / np.diff(times)).max() < 1.5 * FASTEST
    assert density[0] < 1.15 and density[-1] > 2.0
    assert np.mean([row.pressure_bar for row in squeezed[-40:]]) == pytest.approx(40530.0, abs=10000.0)
    assert max(row.temperature_K for row in squeezed) < 900.0


def test_a_barostat_asked_to_be_too_fast_stays_stable() -> None:
    stages = (Stage("npt", 0.5, 3600.0, 0.0),)
    protocol = Protocol("fast", stages, barostat_damping=0.001)
    rows = all_rows(Trajectory(Simulation(silica(), melt(), protocol)))
    assert 1.5 < rows[-1].density < 3.5


def test_ramps_are_linear() -> None:
    """The thermostat follows with a lag of its own time: 0.05 ps of 1000 K/ps, without forces."""
    n = 400
    moving = Moving.of(gas(n, 60.0, 1000.0), no_forces())
    ramp = coupling(Stage("nvt", 2.0, (1000.0, 3000.0)), n)
    found = []
    for _ in range(20):
        moving.run(ramp, 100)
        found.append(moving.temperature)
    asked = 1000.0 + 100.0 * np.arange(1, 21) - 50.0
    scatter = asked * sqrt(2 / moving.dof)
    assert np.all(np.abs(found - asked) < 4 * scatter)
    assert np.mean((found - asked) / scatter) == pytest.approx(0.0, abs=4 / sqrt(20 / 3))


# velocities, gentle steps, minimisation


def test_drawn_velocities_have_no_momentum_and_the_exact_temperature() -> None:
    masses = np.array([28.085] * 20 + [15.999] * 40)
    v = chance.maxwell_velocities(chance.generator(1, 0, chance.VELOCITIES), masses, 3600.0)
    kinetic = 0.5 * 1.0364269e-4 * float((masses[:, None] * v * v).sum())
    assert 2 * kinetic / ((3 * 60 - 3) * BOLTZMANN) == pytest.approx(3600.0, rel=1e-12)
    np.testing.assert_allclose(masses @ v, 0.0, atol=1e-9)
    assert not chance.maxwell_velocities(np.random.default_rng(1), masses[:1], 300.0).any()


def test_gentle_steps_are_short_and_reach_their_temperature() -> None:
    start = random_packing({"Si": 32, "O": 64}, 11.33, seed=5)
    moving = Moving.of(start, silica())
    gentle = coupling(Stage("nvt", 1.0, 3000.0, gentle=True), start.n_atoms)
    rng = np.random.default_rng(1)
    longest, temperatures = 0.0, []
    for step in range(1000):
        before = moving.atoms.x.copy()
        _, problem = gentle_steps(
            moving.system.variant, moving.system.field, moving.atoms, gentle, rng, moving.measured, step, 1
        )
        assert problem == 0
        moves = np.linalg.norm((moving.atoms.x - before).reshape(-1, 4), axis=1)
        longest = max(longest, moves.max())
        temperatures.append(moving.temperature)
    assert 0.9 * LIMITED_MOVE < longest < LIMITED_MOVE * (1 + 1e-9), "the packing pushes as far as it may"
    # One T of 96 atoms scatters by 8 %; friction of 0.05 ps leaves some 5 independent values in 0.5 ps.
    assert np.mean(temperatures[500:]) == pytest.approx(3000.0, rel=0.15)


def test_minimising_finds_the_bond_of_two_atoms() -> None:
    potential = silica()
    r = np.linspace(1.2, 3.0, 20001)
    energy = potential.pair_energy("Si", "O", r)
    two = Frame.from_symbols(["Si", "O"], [[5.0, 5.0, 5.0], [5.0, 5.0, 7.2]], 20.0)
    moving = Moving.of(two, potential)
    count, problem = minimise.minimise(moving.system.variant, moving.system.field, moving.atoms, 0.001)
    found = moving.system.positions()
    assert problem == 0 and count < 300
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(float(r[energy.argmin()]), abs=0.02)
    assert not moving.atoms.v.any()


def test_no_atom_leaps_while_minimising(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimise, "MOST_UPDATES", 1)
    close = dict.fromkeys((("Si", "Si"), ("Si", "O"), ("O", "O")), 1.0)
    start = random_packing({"Si": 32, "O": 64}, 11.33, 5, close)
    moving = Moving.of(start, silica())
    for _ in range(20):
        before = moving.system.positions()
        minimise.minimise(moving.system.variant, moving.system.field, moving.atoms, 0.001)
        assert np.linalg.norm(moving.system.positions() - before, axis=1).max() < minimise.MOST_MOVE * (1 + 1e-9)


# whole runs

ALL_KINDS = Protocol(
    "all kinds",
    (
        Stage("minimise"),
        Stage("nvt", 0.05, 3600.0, gentle=True),
        Stage("nvt", 1.3, 3600.0),
        Stage("npt", 2.3, (3600.0, 3000.0), (0.0, 50000.0), new_velocities=True),
        Stage("nve", 1.2, sample_every=0.3),
    ),
)


def packing() -> Frame:
    return random_packing({"Si": 32, "O": 64}, 11.33, seed=4)


def states_of(simulation: Simulation) -> tuple[list[State], list[tuple[object, ...]], Frame]:
    """Return the state each block begins with, every row, and the last frame."""
    trajectory = Trajectory(simulation)
    states: list[State] = []
    rows = []
    for row in trajectory.rows():
        if not states or trajectory.state is not states[-1]:
            states.append(trajectory.state)
        rows.append(row)
    return states, rows, trajectory.frame(with_velocities=True)


def test_a_run_repeats_itself_and_goes_on_from_any_state_bit_for_bit() -> None:
    simulation = Simulation(silica(), packing(), ALL_KINDS, seed=7)
    states, rows, end = states_of(simulation)
    _, again, _ = states_of(simulation)
    assert rows == again
    assert {state.stage for state in states} == {0, 1, 2, 3, 4} and max(state.step for state in states) >= 2000
    for state in states:
        arrays = (array.copy() for array in (state.positions, state.velocities, state.lengths))
        going_on = Trajectory(simulation, start=State(state.stage, state.step, *arrays, state.heat))
        begin = (state.stage, state.step - (state.step == 0))  # the line at step 0 belongs to the block it begins
        assert all_rows(going_on) == [row for row in rows if (row.stage, row.step) > begin]
        last = going_on.frame(with_velocities=True)
        np.testing.assert_array_equal(last.positions, end.positions)
        np.testing.assert_array_equal(last.velocities, end.velocities)


def test_a_run_with_a_mesh_goes_on_bit_for_bit_too() -> None:
    counts = {"B": 4, "Si": 12, "Na": 6, "Ca": 2, "O": 35}
    stages = (
        Stage("minimise"),
        Stage("nvt", 0.05, 3000.0, gentle=True),
        Stage("npt", 1.2, (3000.0, 2000.0), (0.0, 100000.0)),
    )
    start = random_packing(counts, 9.2, seed=4)
    simulation = Simulation(borosilicate(), start, Protocol("npt", stages), seed=7)
    states, rows, end = states_of(simulation)
    assert [(state.stage, state.step) for state in states[-2:]] == [(2, 0), (2, 1000)]
    going_on = Trajectory(simulation, start=states[-1])
    assert all_rows(going_on) == [row for row in rows if (row.stage, row.step) > (2, 1000)]
    np.testing.assert_array_equal(going_on.frame().positions, end.positions)


def test_another_seed_is_another_run() -> None:
    one, two = (all_rows(Trajectory(Simulation(silica(), packing(), ALL_KINDS, seed)))[-1] for seed in (1, 2))
    assert one.energy_eV != two.energy_eV


def test_more_room_for_the_list_changes_nothing(silica_melt: Frame) -> None:
    """A list that overflows in the middle of a block: the block is made again, and rows come once and in order."""
    protocol = Protocol("npt", (Stage("npt", 2.5, 3600.0, 20000.0),))
    simulation = Simulation(silica(), silica_melt, protocol)
    usual = all_rows(Trajectory(simulation))
    short = Trajectory(simulation)
    field = short.system.field
    short.system.field = field._replace(atoms=field.atoms[: 16 * (int(field.starts.max()) // 16 + 1) or 1024].copy())
    assert all_rows(short) == usual
    assert short.system.field.atoms.size != field.atoms.size


def test_a_shrinking_cell_gets_new_images_in_time() -> None:
    """From 16.6 A, where twice the cut-off fits, to where it does not: sorted anew before any pair is missed."""
    start = random_packing({"Si": 80, "O": 160}, 16.6, seed=2)
    stages = (Stage("minimise"), Stage("nvt", 0.3, 3000.0, gentle=True), Stage("npt", 2.5, 3000.0, 2e5))
    trajectory = Trajectory(Simulation(silica(), start, Protocol("shrink", stages)))
    steps = set()
    for _ in trajectory.rows():
        state = trajectory.state
        if state.stage == 2:
            steps.add(state.step)
            # At most one step beyond: some 0.1 % of the length.
            room = trajectory.system.lengths * (1 << trajectory.system.field.shifts) / (2 * silica().r_max)
            assert np.all(room > 0.998 * IMAGE_ROOM)
    assert trajectory.system.field.n_images > 1
    assert any(step % 1000 for step in steps), "a block was cut short"


def test_a_cell_that_just_fits_its_images_is_run() -> None:
    """Rounding must not make it too small for its images each time it is sorted anew: that would never end."""
    for hair in (-3e-13, 0.0, 3e-13):
        start = random_packing({"Si": 4, "O": 8}, IMAGE_ROOM * silica().r_max * (1.0 + hair), seed=2)
        rows = Trajectory(Simulation(silica(), start, Protocol("p", (Stage("nve", 0.002),)))).rows()
        assert [row.step for row in islice(rows, 3)][-1] == 2


def test_each_problem_has_its_reason(silica_melt: Frame) -> None:
    protocol = Protocol("p", (Stage("nve", 0.1),))
    for velocity, reason in ((1e5, "lost-atoms"), (np.inf, "nan")):
        trajectory = Trajectory(Simulation(silica(), silica_melt, protocol))
        velocities = np.full_like(silica_melt.positions, velocity)
        velocities[::2] *= -1.0
        trajectory.state = State(0, 0, silica_melt.positions, velocities, np.diag(silica_melt.cell))
        with np.errstate(invalid="ignore"), pytest.raises(MotionError) as caught:
            all_rows(trajectory)
        assert caught.value.reason == reason and caught.value.step <= 2

"""The ASE engine: ensembles of free atoms, its steps against those of the native engine, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from engine_lab import engine_named
from lammps_lab import last, silica
from motion_lab import gas, melt, no_forces

from glasspot.engine.ase_calculator import make_calculator
from glasspot.engine.ase_engine import AseEngine
from glasspot.engine.ase_motion import AseMotion
from glasspot.engine.base import CannotRunError, EngineFailure, Simulation
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.errors import GlasspotError
from glasspot.potential.learned import LearnedPotential
from glasspot.protocol import Protocol, Stage
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN


class Nothing(Calculator):
    """Atoms that do not see each other; ``spring`` (eV/A^2) holds each to where it was first seen."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, spring: float = 0.0) -> None:
        super().__init__()
        self.spring, self.home = spring, None

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
        if self.home is None:
            self.home = atoms.positions.copy()
        apart = atoms.positions - self.home
        energy = 0.5 * self.spring * float((apart**2).sum())
        self.results = {"energy": energy, "forces": -self.spring * apart, "stress": np.zeros(6)}


class Failing(Nothing):
    def calculate(self, *arguments: Any) -> None:
        raise RuntimeError("no descriptor\n for this")


def motion(stage: Stage, n: int, length: float, calculator: Calculator, timestep: float = 0.001) -> AseMotion:
    temperature = stage.temperature_ends[0] if stage.temperature_ends else 300.0
    protocol = Protocol("test", (stage,), timestep=timestep)
    return AseMotion(Simulation(no_forces(), gas(n, length, temperature), protocol), calculator)


def test_the_energy_of_springs_is_conserved() -> None:
    """Verlet's error is of second order: (omega dt)^2 / 8 of the energy, 3e-5 here; nothing drifts."""
    rows = list(motion(Stage("nve", 5.0), 20, 10.0, Nothing(spring=2.0)).rows())
    total = np.array([row.total_energy_eV for row in rows])
    assert np.ptp([row.energy_eV for row in rows]) > 0.1 * total[0]
    assert np.ptp(total) < 5e-4 * total[0] and abs(total[-500:].mean() - total[:500].mean()) < 5e-5 * total[0]


def test_the_thermostat_is_canonical() -> None:
    """Mean of T and its variance, 2 T^2 / dof, of free atoms; half the damping time is forgotten in 0.05 ps."""
    n, steps = 12, 20000
    rows = list(motion(Stage("nvt", steps * 0.005, 800.0), n, 10.0, Nothing(), 0.005).rows())
    found = np.array([row.temperature_K for row in rows])
    dof, independent = 3 * n - 3, steps * 0.005 / 0.1
    assert found.mean() == pytest.approx(800.0, abs=4 * 800.0 * sqrt(2 / dof / independent))
    assert found.var() == pytest.approx(2 * 800.0**2 / dof, rel=4 * sqrt((2 + 12 / dof) / independent))


def test_the_barostat_gives_the_volumes_of_an_ideal_gas() -> None:
    """Gamma(n, kT / P0), whose mean is n kT / P0, as of the native engine: 16 atoms at 580 K and 120,000 bar."""
    n, k_t, length = 16, 0.05, 2.2
    p0 = n * k_t / length**3
    stage = Stage("npt", 150.0, k_t / BOLTZMANN, p0 * BAR_PER_EV_A3)
    moving = motion(stage, n, length, Nothing(), 0.005)
    rows = list(moving.rows())
    volumes = np.array([length**3 * rows[0].density / row.density for row in rows[6000:]])
    blocks = np.array([piece.mean() for piece in np.array_split(volumes, 20)])
    error = blocks.std(ddof=1) / sqrt(len(blocks))
    assert error < 0.05 * length**3
    assert volumes.mean() == pytest.approx(length**3, abs=4 * error)
    assert volumes.std() / volumes.mean() == pytest.approx(1 / sqrt(n), rel=0.25)
    np.testing.assert_allclose(moving.cell, np.eye(3) * moving.cell[0, 0], atol=1e-12)


def test_velocities_shrink_as_the_cell_grows() -> None:
    """By the same factor, so that the volume of phase space is kept; atoms at rest keep their place in the cell."""
    moving = motion(Stage("npt", 1.0, 300.0, 0.0), 6, 8.0, Nothing())
    before, place, moving.v[0] = moving.v.copy(), moving.x / 8.0, 0.0
    moving._move(0.001, 1.01, 1)
    np.testing.assert_allclose(moving.v[1:], before[1:] / 1.01, rtol=1e-12)
    np.testing.assert_allclose(moving.x[0] / moving.cell[0, 0], place[0], rtol=1e-12)
    assert moving.cell[1, 1] == pytest.approx(8.08)


def test_ramps_of_temperature_and_pressure_end_where_asked() -> None:
    n, length = 40, 12.0
    p0 = n * BOLTZMANN * 2000.0 / length**3 * BAR_PER_EV_A3
    rows = list(motion(Stage("npt", 30.0, (2000.0, 500.0), (p0, 3 * p0)), n, length, Nothing(), 0.005).rows())
    temperatures = [row.temperature_K for row in rows]
    # A mean of 200 steps, 1 ps, is known to 5 %; so is each of the pressures, whose gas has 40 atoms.
    assert np.mean(temperatures[2900:3100]) == pytest.approx(1250.0, rel=0.2)
    assert np.mean(temperatures[-200:]) == pytest.approx(525.0, rel=0.2)
    assert rows[-1].density > 2 * rows[0].density


def test_steps_are_those_of_the_native_engine(tmp_path: Path) -> None:
    """The same forces to single precision, so the same path for some time: 0.05 ps, a dozenth of a vibration."""
    start = melt()
    finals = []
    for name in ("ase", "native"):
        protocol = Protocol("test", (Stage("nve", 0.05),))
        finals.append(last(engine_named(name).run(Simulation(silica(), start, protocol), tmp_path / name)))
    ase, native = finals
    apart = (ase.frame.positions - native.frame.positions) @ np.linalg.inv(start.cell)
    assert np.abs(apart - np.round(apart)).max() * start.cell[0, 0] < 1e-4
    assert ase.energy_eV == pytest.approx(native.energy_eV, rel=1e-6)
    assert ase.pressure_bar == pytest.approx(native.pressure_bar, abs=50.0)


def test_a_calculator_that_fails_ends_the_run_with_its_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("glasspot.engine.ase_engine.make_calculator", lambda potential: Failing())
    simulation = Simulation(no_forces(), gas(4, 8.0, 300.0), Protocol("test", (Stage("nve", 1.0, name="hold"),)))
    with pytest.raises(
        EngineFailure, match=r'at step 0 of stage "hold" the calculator stopped \(no descriptor for'
    ) as c:
        list(AseEngine().run(simulation, tmp_path))
    assert c.value.reason == "crash"


@pytest.mark.parametrize("which", ["forces", "positions"])
def test_what_is_no_number_is_told_though_the_calculator_does_not(which: str) -> None:
    """QUIP gives an energy for a position that is no number."""
    moving = motion(Stage("nve", 1.0), 4, 8.0, Nothing())
    rows = moving.rows()
    next(rows)
    (moving.forces if which == "forces" else moving.x)[1, 2] = np.nan
    with pytest.raises(Exception, match="became no number") as caught:
        next(rows)
    assert caught.value.reason == "nan"  # type: ignore[attr-defined]


def test_the_time_limit_follows_the_size_of_the_run() -> None:
    """A GAP makes a thousand atom-steps a second, a tenth of what the other engines' limit allows for."""
    simulation = Simulation(no_forces(), gas(100, 20.0, 300.0), Protocol("test", (Stage("nve", 10.0),)))
    assert AseEngine()._limit(simulation) > 100 * 10000 / 100
    assert AseEngine(time_limit_s=5.0)._limit(simulation) == 5.0
    with pytest.raises(GlasspotError, match="time_limit_s"):
        AseEngine(time_limit_s=0.0)


def pod(tmp_path: Path) -> LearnedPotential:
    files = {role: tmp_path / role for role in ("parameters", "coefficients")}
    return LearnedPotential("pod", "mine", ("Si", "O"), 5.0, files, dict.fromkeys(files, "0"))


def test_what_it_cannot_run_is_refused_with_what_can(tmp_path: Path) -> None:
    engine, cell = AseEngine(), np.eye(3) * 10.0
    with pytest.raises(CannotRunError, match=r'mine is of kind "pod".*engine "lammps"'):
        engine.check(pod(tmp_path), ("Si", "O"), cell)
    with pytest.raises(CannotRunError, match="kind"):
        make_calculator(pod(tmp_path))
    screened = {"centre": "O", "ends": ["Si", "Si"], "K": 1.0, "theta0": 109.0, "rho": 1.0, "r_cut": 3.0}
    with pytest.raises(CannotRunError, match=r"three-body.*lammps"):
        engine.check(silica(three_body=[screened]), ("Si", "O"), cell)
    two = replace(silica(), charges={**silica().charges, "Fe2": 1.2, "Fe3": 1.8})
    with pytest.raises(CannotRunError, match="more than one species of Fe"):
        engine.check(two, ("Fe2", "O"), cell)
    engine.check(two, ("Si", "O"), cell)
    assert isinstance(make_calculator(silica()), GlasspotCalculator)

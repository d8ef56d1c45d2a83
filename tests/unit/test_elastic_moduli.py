"""Elastic moduli through an engine that is a formula: an anisotropic body under pressure, which may yield."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.engine.base import OnProgress, Sample, Simulation, ThermoRow
from glasspot.evaluate.elastic import AGREE, elastic_moduli, moduli
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.structure.frames import Frame
from glasspot.structure.quantities import ELASTIC
from glasspot.units import BAR_PER_EV_A3

GPA = BAR_PER_EV_A3 * 1e-4
LENGTHS = np.array([17.0, 18.0, 19.0])
FRAME = Frame.from_symbols(
    ["Si", "O"], np.array([[1.0, 2.0, 3.0], [2.5, 2.0, 3.0]]), LENGTHS, velocities=np.ones((2, 3))
)
C = np.array([[90.0, 30.0, 25.0], [30.0, 100.0, 35.0], [25.0, 35.0, 110.0]])  # GPa
# What C says of an isotropic body: the means of C11, C22, C33 and of all nine.
EXPECTED = moduli(bulk=float(C.mean()), stiffness=float(np.trace(C)) / 3)


@dataclass
class Spring:
    """An engine whose glass has the stiffness C and a pressure (GPa); strained along x by ``yields`` it drops (eV)."""

    pressure: float = -2.0
    yields: float = np.inf
    drop: float = 0.05
    simulations: list[Simulation] = field(default_factory=list)
    name: str = "spring"

    def check(self, potential: Potential, species: Sequence[str], cell: np.ndarray) -> None:
        """Run anything."""

    def version(self, folder: Path) -> str | None:
        return None

    def thermo(self, folder: Path) -> list[ThermoRow]:
        return []

    def run(
        self, simulation: Simulation, folder: Path, on_progress: OnProgress | None = None, keep: bool = False
    ) -> Iterator[Sample]:
        self.simulations.append(simulation)
        frame = simulation.start
        e = np.diag(frame.cell) / LENGTHS - 1
        stress = -self.pressure * np.ones(3) + C @ e  # the mean of its slopes in e is the bulk modulus
        energy = LENGTHS.prod() / GPA * (-self.pressure * e.sum() + e @ C @ e / 2) - 1000.0
        energy -= self.drop * (e[0] > self.yields)
        pressure = -1e4 * stress.mean()
        for k in range(4):  # thermal motion that averages to nothing
            noise = 0.02 * (-1) ** k
            yield Sample(frame, 1, float(k), energy + noise, 0.001, pressure + 100 * noise)
        yield Sample(replace(frame, velocities=np.ones((2, 3))), 1, 4.0, 1.1 * energy, 0.0, pressure, final=True)


def found(engine: Spring, **options: float) -> dict[str, float]:
    return elastic_moduli(engine, load_potential("CHIK"), FRAME, Path("unused"), **options)


def test_moduli_of_an_anisotropic_body_under_tension() -> None:
    """Exact but for rounding: 1e-12 of an energy of 1000 eV against 0.01 eV of strain."""
    engine = Spring()
    result = found(engine)
    assert {name: result[name] for name in ELASTIC} == pytest.approx(EXPECTED, rel=1e-6)
    assert result["elastic_residual"] < 1e-5
    # One at rest, and four strains of each axis, without the velocities of the run.
    assert len(engine.simulations) == 13
    assert all(simulation.start.velocities is None for simulation in engine.simulations)
    assert engine.simulations[0].start.cell == pytest.approx(FRAME.cell)


def test_the_strain_suits_the_volume_or_is_given() -> None:
    for options, expected in (({}, 0.002 * np.sqrt(5000.0 / FRAME.volume)), ({"strain": 0.01}, 0.01)):
        engine = Spring()
        found(engine, **options)
        strains = np.array([np.diag(s.start.cell) / LENGTHS - 1 for s in engine.simulations])
        assert np.abs(strains).max() == pytest.approx(expected)
        for axis in range(3):
            assert sorted(strains[:, axis][np.abs(strains[:, axis]) > 1e-9] / expected) == pytest.approx(
                [-1.0, -0.5, 0.5, 1.0]
            )
    large = replace(FRAME, cell=FRAME.cell * 5, positions=FRAME.positions * 5)
    engine = Spring()
    elastic_moduli(engine, load_potential("CHIK"), large, Path("unused"))
    assert np.abs(engine.simulations[1].start.cell[0, 0] / large.cell[0, 0] - 1) == pytest.approx(0.001)


def test_a_glass_that_yields_is_strained_less() -> None:
    engine = Spring(yields=0.0012)
    result = found(engine)
    assert {name: result[name] for name in ELASTIC} == pytest.approx(EXPECTED, rel=1e-5)
    assert len(engine.simulations) == 13 + 2  # a quarter of the strain along x as well


def test_a_glass_that_yields_at_once_is_told() -> None:
    result = found(Spring(yields=1e-5))
    assert result["elastic_residual"] > AGREE


def test_the_relations_of_the_moduli() -> None:
    """Those of Lame's constants: K = l + 2 m / 3, C11 = l + 2 m, E = m (3 l + 2 m) / (l + m), nu = l / (2 (l + m))."""
    for lam, mu in ((30.0, 25.0), (5.0, 40.0), (100.0, 1.0)):
        expected = {
            "bulk_modulus": lam + 2 * mu / 3,
            "shear_modulus": mu,
            "youngs_modulus": mu * (3 * lam + 2 * mu) / (lam + mu),
            "poisson_ratio": lam / (2 * (lam + mu)),
        }
        assert moduli(lam + 2 * mu / 3, lam + 2 * mu) == pytest.approx(expected)
        assert tuple(expected) == ELASTIC

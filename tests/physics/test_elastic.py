"""Elastic moduli against independent ways to them: stresses in double precision, matscipy, and another engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.optimize import BFGSLineSearch
from matscipy.elasticity import fit_elastic_constants

from glasspot.engine.base import Simulation
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.engine.lammps import LammpsEngine
from glasspot.engine.native.engine import NativeEngine
from glasspot.evaluate.elastic import elastic_moduli, moduli
from glasspot.potential.io import load_potential
from glasspot.presets import preset
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.structure.quantities import ELASTIC

GPA = 160.21766  # in 1 eV/A^3
CHIK = load_potential("CHIK")


@pytest.fixture(scope="module")
def glass(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    """Silica, 24 atoms, badly quenched."""
    protocol = preset("melt-quench-nvt", melt_ps=2.0, rate=1000.0, relax_ps=1.0, sample_ps=1.0, every_ps=1.0)
    start = random_packing({"Si": 8, "O": 16}, 7.13, seed=3)
    folder = tmp_path_factory.mktemp("quench")
    return list(NativeEngine().run(Simulation(CHIK, start, protocol, seed=3), folder))[-1].frame


@pytest.fixture(scope="module")
def found(glass: Frame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return elastic_moduli(NativeEngine(), CHIK, glass, tmp_path_factory.mktemp("elastic"))


def relaxed(atoms: Atoms) -> Atoms:
    """Return the atoms at rest in their cell, in double precision."""
    atoms.calc = GlasspotCalculator(CHIK)
    assert BFGSLineSearch(atoms, logfile=None).run(fmax=3e-4, steps=500)
    return atoms


@pytest.mark.slow
def test_a_glass_against_stresses_in_double_precision(glass: Frame, found: dict[str, float]) -> None:
    """The stress of strained glasses that ASE relaxed: no energy, no engine. 1 %: see the precision in the module."""
    rest, e = relaxed(glass.to_ase()), 0.002
    stiffness, pressure_slope = [], []
    for axis in range(3):
        stresses = []
        for sign in (1, -1):
            atoms = rest.copy()
            atoms.set_cell(rest.cell.array * (1 + sign * e * np.eye(3)[axis]), scale_atoms=True)
            stresses.append(relaxed(atoms).get_stress(voigt=False))
        slope = (stresses[0] - stresses[1]) / (2 * e) * GPA
        stiffness.append(slope[axis, axis])
        pressure_slope.append(np.trace(slope) / 3)
    expected = moduli(float(np.mean(pressure_slope)), float(np.mean(stiffness)))
    assert found["elastic_residual"] < 0.05
    for name in ELASTIC:
        assert found[name] == pytest.approx(expected[name], rel=0.01), name


@pytest.mark.slow
def test_the_engines_agree(glass: Frame, found: dict[str, float], tmp_path: Path) -> None:
    """1 %, as above: LAMMPS has tables and double precision, the native engine polynomials and single precision."""
    by_lammps = elastic_moduli(LammpsEngine(), CHIK, glass, tmp_path)
    for name in ELASTIC:
        assert by_lammps[name] == pytest.approx(found[name], rel=0.01), name


def test_a_crystal_under_pressure_against_matscipy(tmp_path: Path) -> None:
    """MgO at 12 GPa: energies must give the slope of the stress, as matscipy has it, from which they differ by P.

    Rounding errors of equal atoms add up, so a crystal needs the strain of 1 %; the stiffness is then good to 0.5 %,
    and 1.5 % of the shear modulus.
    """
    potential = load_potential("PMMCS")
    atoms = bulk("MgO", "rocksalt", a=4.15, cubic=True).repeat(2)
    atoms.calc = GlasspotCalculator(potential)
    assert -atoms.get_stress()[0] * GPA == pytest.approx(11.8, abs=0.1)
    stiffness, _ = fit_elastic_constants(atoms, symmetry="cubic", N_steps=5, delta=1e-3, verbose=False)
    c11, c12 = stiffness[0, 0] * GPA, stiffness[0, 1] * GPA
    expected = moduli((c11 + 2 * c12) / 3, c11)
    result = elastic_moduli(NativeEngine(), potential, Frame.from_ase(atoms), tmp_path, strain=0.01)
    for name in ELASTIC:
        assert result[name] == pytest.approx(expected[name], rel=0.015), name

"""The calculator: forces and stress as derivatives of the energy, Madelung's constant, and a pair by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import primitive_neighbor_list

from glasspot.engine import ewald
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.units import COULOMB_CONSTANT


def disordered(symbols: str = "SiOO") -> Atoms:
    """24 atoms on a shaken grid in a triclinic cell far smaller than twice any cut-off."""
    random = np.random.default_rng(3)
    grid = np.array(list(product(range(3), repeat=3)))[:24] / 3.0
    names = Atoms(symbols).get_chemical_symbols()
    kinds = random.permutation((names * 24)[:24])
    cell = [[7.2, 0.0, 0.0], [0.9, 7.0, 0.0], [-0.4, 0.6, 7.4]]
    atoms = Atoms(list(kinds), scaled_positions=grid, cell=cell, pbc=True)
    atoms.positions += random.normal(0.0, 0.1, (24, 3))
    return atoms


def energy(atoms: Atoms, potential: Potential) -> float:
    """The energy of a copy of ``atoms``, in eV."""
    copy = atoms.copy()
    copy.calc = GlasspotCalculator(potential)
    return float(copy.get_potential_energy())


# Truncated interactions have no exact derivative where a pair crosses the cut-off, so "shift" stands in for them.
POTENTIALS = {
    "dsf": replace(load_potential("BKS"), cutoff="shift"),
    "wolf": load_potential("SHIK"),
    "pppm": replace(load_potential("Wang-2018"), cutoff="shift"),
}


@pytest.mark.parametrize("style", POTENTIALS)
def test_forces_are_minus_the_derivative_of_the_energy(style: str) -> None:
    potential, atoms, h = POTENTIALS[style], disordered(), 1e-4
    atoms.calc = GlasspotCalculator(potential)
    forces = atoms.get_forces()
    for atom, axis in [(0, 0), (5, 1), (11, 2), (17, 0)]:
        ends = []
        for sign in (1.0, -1.0):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * h
            ends.append(energy(moved, potential))
        # Error of the difference: h^2 E'''/6, some 1e-8 eV/A^2 times h; rounding of the sums is smaller.
        assert forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2.0 * h), rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-9)


@pytest.mark.parametrize("style", POTENTIALS)
def test_stress_is_the_derivative_with_strain(style: str) -> None:
    potential, atoms, h = POTENTIALS[style], disordered(), 1e-4
    atoms.calc = GlasspotCalculator(potential)
    stress = atoms.get_stress(voigt=False)
    for a, b in [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)]:
        ends = []
        for sign in (1.0, -1.0):
            strain = np.zeros((3, 3))
            strain[a, b] += 0.5 * sign * h
            strain[b, a] += 0.5 * sign * h
            moved = atoms.copy()
            moved.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
            ends.append(energy(moved, potential))
        numeric = (ends[0] - ends[1]) / (2.0 * h) / atoms.get_volume()
        # The Ewald sum's set of k-vectors changes with the cell: its tolerance of 1e-9 over 2h limits the difference.
        assert stress[a, b] == pytest.approx(numeric, abs=1e-6 if style != "pppm" else 1e-5)


def test_madelung_constant_of_rock_salt() -> None:
    spacing = 2.0
    salt = bulk("NaCl", "rocksalt", a=2.0 * spacing, cubic=True)
    charges = np.array([1.0 if symbol == "Na" else -1.0 for symbol in salt.get_chemical_symbols()])
    cell = np.array(salt.cell)
    for r_cut in (6.0, 9.0):
        g = ewald.splitting(r_cut, 1e-12)
        i, j, r = primitive_neighbor_list("ijd", salt.pbc, cell, salt.positions, r_cut)
        total = 0.5 * ewald.real_space(charges[i] * charges[j], r, g)[0].sum()
        total += ewald.reciprocal_space(salt.positions, cell, charges, g, 1e-12)[0]
        madelung = -total / (len(salt) / 2) * spacing / COULOMB_CONSTANT
        # 1.747564594633...: known to many digits; the sums are converged to 1e-12.
        assert madelung == pytest.approx(1.747564594633, abs=1e-10)


def test_the_ewald_energy_does_not_depend_on_the_tables_g() -> None:
    """The accuracy asked of LAMMPS sets g_ewald of the tables; the exact sum must not notice."""
    atoms, wang = disordered(), load_potential("Wang-2018")
    coarse = replace(wang, coulomb=replace(wang.coulomb, accuracy=1e-3))
    assert energy(atoms, coarse) == pytest.approx(energy(atoms, wang), abs=1e-6)


def test_a_pair_of_atoms_is_the_pair_energy() -> None:
    potential = load_potential("BKS")
    pair = Atoms("SiO", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 1.7]])
    pair.calc = GlasspotCalculator(potential)
    assert pair.get_potential_energy() == pytest.approx(potential.pair_energy("Si", "O", [1.7])[0], rel=1e-12)
    push = potential.pair_force("Si", "O", [1.7])[0]
    np.testing.assert_allclose(pair.get_forces(), [[0, 0, -push], [0, 0, push]], rtol=1e-12, atol=1e-12)
    assert "stress" not in pair.calc.results  # there is no cell


def test_replicating_the_cell_multiplies_the_energy() -> None:
    for potential in POTENTIALS.values():
        atoms = disordered()
        assert energy(atoms.repeat((2, 1, 1)), potential) == pytest.approx(2.0 * energy(atoms, potential), rel=1e-8)


def test_a_missing_balanced_charge_is_found_from_the_atoms() -> None:
    shik, atoms = load_potential("SHIK"), disordered()
    balanced = replace(shik, charges={**shik.charges, "O": -1.7755 / 2.0})
    assert energy(atoms, shik) == pytest.approx(energy(atoms, balanced), rel=1e-12)


def test_what_it_cannot_do_is_said() -> None:
    with pytest.raises(GlasspotError, match="three-body"):
        GlasspotCalculator(load_potential("BMP"))
    wang = load_potential("Wang-2018")
    with pytest.raises(GlasspotError, match="not periodic"):
        energy(Atoms("SiO2", positions=[[0, 0, 0], [0, 0, 1.6], [0, 1.6, 0]]), wang)
    with pytest.raises(GlasspotError, match="net charge"):
        energy(Atoms("SiO", positions=[[0, 0, 0], [0, 0, 1.6]], cell=[9.0] * 3, pbc=True), wang)
    with pytest.raises(GlasspotError, match='does not know "Xe"'):
        energy(Atoms("Xe"), wang)
    with pytest.raises(GlasspotError, match="Fe3 and Fe2"):
        energy(Atoms("Fe"), load_potential("Guillot-Sator"))

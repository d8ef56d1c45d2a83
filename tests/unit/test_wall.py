"""The automatic wall: where it starts, how smooth it is, and that it moves continuously with the parameters."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from glasspot.potential.coulomb import DSF
from glasspot.potential.forms import Buckingham, InversePower
from glasspot.potential.io import load_potential
from glasspot.potential.model import PairInteraction, Potential
from glasspot.potential.wall import barrier, reference_distance


def bare_silica(name: str) -> Potential:
    """A published silica set without the D/r^24 that was added to it later."""
    potential = load_potential(name)
    pairs = tuple(
        PairInteraction(pair.elements, tuple(term for term in pair.terms if isinstance(term, Buckingham)))
        for pair in potential.pairs
    )
    return replace(potential, pairs=tuple(pair for pair in pairs if pair.terms))


def with_oxygen(potential: Potential, **changes: float) -> Potential:
    """The potential with some numbers of the O-O Buckingham term changed."""
    pairs = []
    for pair in potential.pairs:
        if pair.elements == ("O", "O"):
            first = pair.terms[0]
            assert isinstance(first, Buckingham)
            pair = replace(pair, terms=(replace(first, **changes), *pair.terms[1:]))
        pairs.append(pair)
    return replace(potential, pairs=tuple(pairs))


def test_bks_oxygen_has_a_hole_behind_twelve_electronvolts() -> None:
    potential = load_potential("BKS")
    wall = potential.pair_wall("O", "O")
    assert wall is not None
    # Read off a grid of 0.002 A: maximum of u at 1.438 A, well at 1.08 A, maximum of the force at 1.70 A.
    assert wall.r_barrier == pytest.approx(1.438, abs=0.002)
    assert wall.barrier_eV == pytest.approx(11.9, abs=0.1)
    assert wall.r_wall == pytest.approx(1.70, abs=0.005)
    r = np.arange(0.8, 1.4, 0.001)
    assert r[np.argmin(potential.bare_energy("O", "O", r))] == pytest.approx(1.08, abs=0.002)
    assert list(potential.walls()) == [("O", "O")]
    assert potential.pair_wall("Si", "O") is None and barrier(potential, "Si", "O") == inf


@pytest.mark.parametrize(("name", "height"), [("CHIK", 3.4), ("ML", 7.9)])
def test_barriers_of_the_bare_bond(name: str, height: float) -> None:
    """Above the energy at the bond length of the glass, 1.62 A, with Coulomb's law: values read off a grid."""
    potential = replace(bare_silica(name), coulomb=DSF(alpha=0.0, r_cut=1e5))
    wall = potential.pair_wall("Si", "O")
    assert wall is not None
    top, bond = potential.bare_energy("Si", "O", [wall.r_barrier, 1.62])
    assert top - bond == pytest.approx(height, abs=0.05)
    assert wall.barrier_eV > top - bond  # the reference is the minimum of the pair alone, which lies deeper


def test_bks_bond_has_hardly_a_barrier_of_its_own() -> None:
    assert barrier(bare_silica("BKS"), "Si", "O") == pytest.approx(0.57, abs=0.02)


@pytest.mark.parametrize(("name", "pair"), [("BKS", ("O", "O")), ("ML", ("O", "O")), ("Wang-2018", ("B", "O"))])
def test_force_and_slope_are_continuous_and_energy_is_the_integral(name: str, pair: tuple[str, str]) -> None:
    potential = load_potential(name)
    wall = potential.pair_wall(*pair)
    assert wall is not None
    h = 1e-5
    inner, at, outer = potential.pair_force(*pair, wall.r_wall + h * np.array([-1.0, 0.0, 1.0]))
    # F' = 0 at r_wall: over 1e-5 A the force moves by F'' h^2/2 only, from either side.
    assert abs(inner - at) < 1e-6 * at and abs(outer - at) < 1e-6 * at
    r = np.linspace(0.3, wall.r_wall + 0.5, 20001)
    force, energy = potential.pair_force(*pair, r), potential.pair_energy(*pair, r)
    simpson = (r[2] - r[0]) / 6.0 * (force[:-2:2] + 4.0 * force[1::2] + force[2::2])
    # Simpson's rule on 10000 panels: its error is far below 1e-9 but for the panel that holds the knot at r_wall.
    np.testing.assert_allclose(energy[0] - energy[-1], simpson.sum(), rtol=1e-8)
    inside = r < wall.r_wall
    assert np.all(np.diff(force[inside]) < 0.0), "the wall must push harder the deeper an atom is"


def test_outside_the_wall_nothing_is_changed() -> None:
    potential = load_potential("BKS")
    wall = potential.pair_wall("O", "O")
    assert wall is not None
    r = np.linspace(wall.r_wall, 9.0, 500)
    np.testing.assert_array_equal(potential.pair_energy("O", "O", r), potential.bare_energy("O", "O", r))
    np.testing.assert_array_equal(potential.pair_force("O", "O", r), potential.bare_force("O", "O", r))
    assert potential.pair_energy("O", "O", [8.0001])[0] == 0.0


def oxygen_energies(strengths: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """u(r) of O-O from 1 to 2.6 A for each strength C, and the weight of its wall."""
    r = np.linspace(1.0, 2.6, 200)
    potentials = [with_oxygen(load_potential("ML", check=False), C=float(strength)) for strength in strengths]
    walls = [potential.pair_wall("O", "O") for potential in potentials]
    energies = np.array([potential.pair_energy("O", "O", r) for potential in potentials])
    return energies, [0.0 if wall is None else wall.weight for wall in walls]


def test_the_wall_appears_continuously_as_a_hole_opens() -> None:
    """C of O-O grows through the values where the force first falls by half, then to zero, then a hole opens.

    A continuous function moves half as far in half the step; a jump would stay as it is.
    """
    coarse, weights = oxygen_energies(np.linspace(40.0, 90.0, 201))
    fine, _ = oxygen_energies(np.linspace(40.0, 90.0, 801))
    assert weights[0] == 0.0 and weights[-1] == 1.0
    assert len([weight for weight in weights if 0.0 < weight < 1.0]) > 5
    largest = [np.abs(np.diff(energies, axis=0)).max() for energies in (coarse, fine)]
    assert largest[1] < 0.35 * largest[0]


def test_repulsive_pairs_and_pairs_without_terms_need_no_wall() -> None:
    potential = load_potential("BKS")
    assert potential.pair_wall("Si", "Si") is None  # D/r^24 and Coulomb repulsion
    wang = load_potential("Wang-2018")
    assert wang.terms("Na", "Na") == () and wang.pair_wall("Na", "Na") is None
    assert barrier(wang, "Na", "Na") == inf


def test_a_pair_that_attracts_all_the_way_in_has_no_barrier() -> None:
    base = load_potential("BKS")
    pairs = tuple(pair for pair in base.pairs if set(pair.elements) != {"Si", "O"})
    naked = replace(base, pairs=pairs)
    assert reference_distance(naked, "Si", "O") is None
    assert barrier(naked, "Si", "O") == 0.0
    assert naked.pair_wall("Si", "O") is None


def test_a_switched_off_wall_leaves_the_bare_energy_and_still_reports_the_barrier() -> None:
    potential = replace(load_potential("BKS"), wall="none")
    r = np.linspace(1.0, 3.0, 50)
    np.testing.assert_array_equal(potential.pair_energy("O", "O", r), potential.bare_energy("O", "O", r))
    assert barrier(potential, "O", "O") == pytest.approx(barrier(load_potential("BKS"), "O", "O"))


def test_any_parameters_of_a_wide_search_give_a_finite_repulsive_wall() -> None:
    """Random sets over windows far wider than a fit's: never an exception, and atoms never fall through."""
    random = np.random.default_rng(5)
    r = np.linspace(0.3, 1.0, 60)
    base = load_potential("ML")
    for _ in range(60):
        a, c = np.exp(random.uniform(np.log(100.0), np.log(1e5))), random.uniform(0.0, 400.0)
        potential = with_oxygen(base, A=float(a), rho=float(random.uniform(0.15, 0.45)), C=float(c))
        force = potential.pair_force("O", "O", r)
        assert np.isfinite(force).all() and np.isfinite(potential.pair_energy("O", "O", r)).all()
        if barrier(potential, "O", "O") > 0.0:
            assert force.min() > 0.0


def test_the_scan_meets_added_steep_terms() -> None:
    """A D/r^24 strong enough to close the hole leaves no wall."""
    base = load_potential("BKS")
    pairs = []
    for pair in base.pairs:
        if pair.elements == ("O", "O"):
            pair = replace(pair, terms=(pair.terms[0], InversePower(16800.0, 24)))
        pairs.append(pair)
    assert replace(base, pairs=tuple(pairs)).pair_wall("O", "O") is None

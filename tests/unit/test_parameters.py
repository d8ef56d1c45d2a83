"""The map between a potential and the unit cube."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace, energy_derivatives, free_names, pair_energies

SEVEN = ["charge.Si", "Si-O.A", "Si-O.rho", "Si-O.C", "O-O.A", "O-O.rho", "O-O.C"]
PAIRS = [("Si", "Si"), ("Si", "O"), ("O", "O")]


def test_cube_and_back_gives_the_same_potential() -> None:
    base = load_potential("BKS")
    space = ParameterSpace.build(base, SEVEN)
    again = space.from_cube(space.to_cube(base))
    for name, value in space.values(base).items():
        # The logarithm and its inverse round in the last digits only.
        assert space.values(again)[name] == pytest.approx(value, rel=1e-12)


def test_another_point_survives_the_round_trip() -> None:
    space = ParameterSpace.build(load_potential("BKS"), SEVEN)
    point = np.array([0.3, 0.6, 0.2, 0.9, 0.45, 0.7, 0.1])
    assert np.allclose(space.to_cube(space.from_cube(point)), point, atol=1e-10)


def test_charges_stay_neutral() -> None:
    space = ParameterSpace.build(load_potential("BKS"), ["charge.Si"])
    moved = space.from_cube(np.array([0.1]))
    assert moved.charges["Si"] != load_potential("BKS").charges["Si"]
    assert moved.charges["Si"] + 2 * moved.charges["O"] == pytest.approx(0.0, abs=1e-12)


def test_moving_rho_holds_the_repulsion_at_the_bond() -> None:
    base = load_potential("BKS")
    space = ParameterSpace.build(base, ["Si-O.A", "Si-O.rho"])
    anchor = space.parameters[0].anchor
    assert 1.5 < anchor < 1.75  # the bond of BKS silica, A
    before = base.terms("Si", "O")[0]
    after = space.from_cube(np.array([0.5, 0.9])).terms("Si", "O")[0]
    assert after.rho != before.rho
    assert after.A * np.exp(-anchor / after.rho) == pytest.approx(before.A * np.exp(-anchor / before.rho), rel=1e-9)


def test_derivatives_match_hand_formulas() -> None:
    base = load_potential("BKS")
    space = ParameterSpace.build(base, SEVEN)
    r = np.linspace(1.9, 7.9, 60)  # outside every wall
    found = energy_derivatives(space, space.to_cube(base), PAIRS, r)
    width = {p.name: p.high - p.low for p in space.parameters}
    # U depends on C linearly: dU/dC = -1/r^6; the constant is the shift at the cut-off, if the set has one.
    expected = -width["O-O.C"] * (1 / r**6 - (1 / 8.0**6 if base.cutoff == "shift" else 0.0))
    assert np.allclose(found[6, 2], expected, rtol=1e-6)
    assert np.all(found[6, :2] == 0)
    # Charges enter through q^2: dU/dq_Si = 2 U_coulomb / q_Si for every pair.
    for k, (a, b) in enumerate(PAIRS):
        coulomb = base.coulomb.energy(base.charges[a] * base.charges[b], r)
        assert np.allclose(found[0, k], 2 * coulomb / base.charges["Si"] * width["charge.Si"], rtol=1e-6)


def test_pair_energies_are_what_an_engine_tabulates() -> None:
    base = load_potential("BKS")
    r = np.linspace(1.0, 7.9, 50)
    assert np.array_equal(pair_energies(base, PAIRS, r)[1], base.pair_energy("Si", "O", r))


def test_space_survives_plain_values() -> None:
    space = ParameterSpace.build(load_potential("BKS"), SEVEN, {"charge.Si": [1.2, 3.0]})
    again = ParameterSpace.from_dict(space.to_dict())
    assert again.names == space.names
    point = np.full(7, 0.4)
    assert again.from_cube(point).to_dict() == space.from_cube(point).to_dict()


def test_windows_are_in_the_values_own_unit() -> None:
    space = ParameterSpace.build(load_potential("BKS"), ["charge.Si", "O-O.C"], {"O-O.C": [50.0, 200.0]})
    assert space.windows()["O-O.C"] == pytest.approx((50.0, 200.0))
    assert space.windows()["charge.Si"] == pytest.approx((1.2, 3.12))


@pytest.mark.parametrize(
    ("names", "windows", "says"),
    [
        (["Si-O.Rho"], {}, 'Did you mean "Si-O.rho"'),
        ([], {}, "no free parameter"),
        (["Si-O.A", "Si-O.A"], {}, "twice"),
        (["charge.Si", "charge.O"], {}, "scaled by one factor"),
        (["Si-O.A"], {"Si-O.rho": [0.1, 0.3]}, "not a free parameter"),
        (["Si-O.A"], {"Si-O.A": [3.0, 1.0]}, "low < high"),
        (["Si-O.A"], {"Si-O.A": [-3.0, 1.0]}, "above zero"),
    ],
)
def test_mistakes_are_explained(names: list[str], windows: dict[str, list[float]], says: str) -> None:
    with pytest.raises(GlasspotError, match=says):
        ParameterSpace.build(load_potential("BKS"), names, windows)


def test_exponents_are_not_free() -> None:
    assert not [name for name in free_names(load_potential("BKS")) if name.endswith(".n")]

"""Compositions that fill a range evenly."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.space import Ranges, distance, fill

BASE = {"SiO2": (40.0, 75.0), "B2O3": (10.0, 40.0), "Na2O": (8.0, 35.0)}
ADDED = {"BaO": (2.0, 20.0), "ZnO": (2.0, 20.0)}


def test_glasses_stay_in_their_ranges() -> None:
    for glass in fill(Ranges(BASE, ADDED), 20):
        shares = glass.mole_percent
        dopant = [name for name in ADDED if name in shares]
        assert len(dopant) == 1 and sum(shares.values()) == pytest.approx(100.0)
        dose = shares[dopant[0]]
        assert 2.0 <= dose <= 20.0
        for name, (least, most) in BASE.items():
            assert least - 1e-6 <= shares[name] / (1 - dose / 100) <= most + 1e-6


def test_doses_are_evenly_spread_and_dopants_take_turns() -> None:
    found = fill(Ranges(BASE, ADDED), 12)
    for name in ADDED:
        doses = sorted(glass.mole_percent[name] for glass in found if name in glass.fractions)
        np.testing.assert_allclose(doses, 2.0 + 18.0 * (np.arange(6) + 0.5) / 6, atol=1e-6)


def test_glasses_are_farther_apart_than_random_ones() -> None:
    """The least distance between two of 16 glasses: twice that of random ones at least, as measured over ten draws."""

    def closest(glasses: list[Composition]) -> float:
        return min(distance(a, b) for k, a in enumerate(glasses) for b in glasses[:k])

    ranges, rng = Ranges(BASE), np.random.default_rng(0)
    by_chance = [closest([ranges.glass(ranges.draw(rng)) for _ in range(16)]) for _ in range(10)]
    assert closest(fill(ranges, 16)) > 2.0 * float(np.mean(by_chance))


def test_what_is_there_is_kept_away_from() -> None:
    taken = fill(Ranges(BASE), 8)
    more = fill(Ranges(BASE), 4, taken)
    assert min(distance(a, b) for a in taken for b in more) > 0.03


def test_glasses_that_cannot_be_made_are_passed_over() -> None:
    found = fill(Ranges(BASE), 10, suits=lambda glass: glass.fractions["Na2O"] < 0.2)
    assert all(glass.fractions["Na2O"] < 0.2 for glass in found)
    with pytest.raises(GlasspotError, match=r"none of 1000 glasses .* with 11 mol% BaO; change the ranges"):
        fill(Ranges(BASE, {"BaO": (2.0, 20.0)}), 1, suits=lambda _: False)


def test_the_same_seed_gives_the_same_glasses() -> None:
    assert fill(Ranges(BASE, ADDED), 5, seed=3) == fill(Ranges(BASE, ADDED), 5, seed=3)
    assert fill(Ranges(BASE, ADDED), 5, seed=3) != fill(Ranges(BASE, ADDED), 5, seed=4)


@pytest.mark.parametrize(
    ("base", "added", "message"),
    [
        ({"SiO2": (60.0, 40.0)}, {}, "range of SiO2 is 60 to 40"),
        ({"SiO2": (10.0, 40.0), "Na2O": (10.0, 40.0)}, {}, "add up to 100"),
        ({"SiO2": (80.0, 100.0), "Na2O": (30.0, 40.0)}, {}, "add up to 100"),
        ({"SiO2": (50.0, 100.0), "Na2O": (0.0, 50.0)}, {"Na2O": (1.0, 2.0)}, "Na2O stands in the base and in what"),
        ({"Si02": (100.0, 100.0)}, {}, "Si02"),
    ],
)
def test_ranges_that_make_no_glass(base: dict, added: dict, message: str) -> None:
    with pytest.raises(GlasspotError, match=message):
        Ranges(base, added)

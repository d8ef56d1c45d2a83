"""What every predicted g(r) must obey, whatever the data: sign, core, limit, symmetry, sums, coordination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve.model import CurveModel, train
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.pairs import ends_of
from glasspot.structure.pdf import total
from pcf_samples import sample_set

GLASSES = [
    "100 SiO2",
    "57 SiO2 19 B2O3 19 Na2O 5 BaO",
    "40 SiO2 20 B2O3 20 Na2O 20 ZnO",  # beyond the doses of the data
    "50 SiO2 20 B2O3 15 Na2O 5 BaO 5 ZnO 5 TiO2",  # pairs that no glass of the data has
    "60 SiO2 20 B2O3 10 Na2O 10 K2O",  # an oxide that the data do not have
    "10 SiO2 90 Na2O",  # far away
]


@pytest.fixture(scope="module")
def data() -> CurveSet:
    """Glasses whose curves have an empty core, as simulated ones: the tails of the made-up curves are cut."""
    whole = sample_set(30)
    glasses = [
        replace(glass, curves={pair: np.where(runs < 0.05, 0.0, runs) for pair, runs in glass.curves.items()})
        for glass in whole.glasses
    ]
    return replace(whole, glasses=tuple(glasses))


@pytest.fixture(scope="module")
def model(data: CurveSet) -> CurveModel:
    return train(data)


@pytest.mark.parametrize("text", GLASSES)
def test_curve_and_band_are_possible(model: CurveModel, text: str) -> None:
    found = model.predict(Composition.parse(text))
    assert found.low is not None and found.high is not None
    assert np.all(found.g >= 0) and np.all(found.low >= 0)
    assert np.all(found.low <= found.g) and np.all(found.g <= found.high) and np.all(np.isfinite(found.high))


@pytest.mark.parametrize("text", GLASSES)
def test_curve_goes_to_one(model: CurveModel, text: str) -> None:
    found = model.predict(Composition.parse(text))
    if found.distance is not None and found.distance < 5:
        # The ripples of this world have died down to 5 % at 10 A; a mean over 2 A is within a tenth of 1.
        np.testing.assert_allclose(found.g[:, found.r > 8.0].mean(axis=1), 1.0, atol=0.1)


def test_core_is_empty(model: CurveModel, data: CurveSet) -> None:
    found = model.predict(Composition.parse(GLASSES[1]))
    for row, pair in enumerate(found.pairs):
        counted = np.any([glass.mean(pair) > 0 for glass in data.glasses if pair in glass.curves], axis=0)
        core = slice(0, int(np.argmax(counted)))
        assert core.stop > 5
        assert np.all(found.g[row, core] == 0) and found.high is not None and np.all(found.high[row, core] == 0)


def test_core_of_an_unseen_element_is_empty(model: CurveModel) -> None:
    found = model.predict(Composition.parse(GLASSES[4]))
    assert found.partial("K", "O")[found.r < 1.5].max() == 0  # K-O bonds are 2.9 A, by the radii


def test_partials_give_the_total(model: CurveModel) -> None:
    found = model.predict(Composition.parse(GLASSES[1]))
    value, _ = total(found.distribution)
    expected = np.zeros(len(found.r))
    for a, share in found.fractions.items():
        for b, other in found.fractions.items():
            expected += share * other * found.partial(a, b)
    np.testing.assert_allclose(value, expected, rtol=1e-5)  # fractions are rounded to a millionth


def test_coordination_is_the_integral_of_the_partial(model: CurveModel) -> None:
    found = model.predict(Composition.parse(GLASSES[1]))
    for pair in ("Si-O", "B-O", "Na-O", "Ba-O"):
        cation, _ = ends_of(pair)
        edges = np.append(0.0, found.r + 0.5 * (found.r[1] - found.r[0]))
        shells = 4 / 3 * np.pi * np.diff(edges**3)
        running = np.cumsum(found.number_density * found.fractions["O"] * found.partial("O", cation) * shells)
        expected = np.interp(found.cutoffs[pair], edges[1:], running)
        assert found.coordination(cation, "O") == pytest.approx(expected, rel=1e-5)
        # The same bonds counted from the other end: N_a n_ab = N_b n_ba.
        back = found.coordination("O", cation)
        assert back is not None
        assert back * found.fractions["O"] == pytest.approx(expected * found.fractions[cation], rel=1e-5)


def test_order_of_oxides_does_not_matter(model: CurveModel) -> None:
    one = model.predict(Composition.parse("57 SiO2 19 B2O3 19 Na2O 5 BaO"))
    two = model.predict(Composition.parse("5 BaO 19 Na2O 57 SiO2 19 B2O3"))
    assert one.pairs == two.pairs
    np.testing.assert_allclose(one.g, two.g, atol=1e-10)


def test_curves_change_smoothly(model: CurveModel) -> None:
    near = [model.predict(Composition.parse(f"{57 - x} SiO2 19 B2O3 {19 + x} Na2O 5 BaO")).g for x in (0.0, 0.1)]
    # A tenth of a mol% changes no curve by more than 1 % of its size.
    assert np.max(np.linalg.norm(near[1] - near[0], axis=1) / np.linalg.norm(near[0], axis=1)) < 0.01


def test_atomic_fractions() -> None:
    found = atom_fractions(Composition.parse("50 SiO2 50 Na2O"))
    assert list(found) == ["Na", "Si", "O"]
    assert found == pytest.approx({"Na": 2 / 6, "Si": 1 / 6, "O": 3 / 6})

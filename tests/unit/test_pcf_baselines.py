"""The two baselines: the nearest glass, and linear mixing of end members."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.pairs import pairs_of
from glasspot.pcf.scoring.baselines import BASELINES, Baseline, Known, mixing_weights, train_mixing, train_nearest
from glasspot.pcf.scoring.splits import split_of
from pcf_samples import sample_set

CURVES = sample_set(24, n_runs=2)
R = (np.arange(100) + 0.5) * 0.1


def flat_glass(name: str, text: str, counts: dict[str, int], density: float, level: float) -> GlassCurves:
    """Return a glass whose every g(r) is ``level`` behind a peak at 2 A, so that mixing can be worked out by hand."""
    curve = level * (R > 1.5) + 5 * np.exp(-(((R - 2.0) / 0.2) ** 2))
    return GlassCurves(
        name, Composition.parse(text), counts, np.array([density]), dict.fromkeys(pairs_of(counts), curve[None])
    )


TWO = CurveSet(
    R,
    (
        flat_glass("silica", "SiO2", {"Si": 100, "O": 200}, 0.06, 1.0),
        flat_glass("half", "50 SiO2 50 Na2O", {"Si": 50, "Na": 100, "O": 150}, 0.08, 2.0),
    ),
)
BETWEEN = Composition.parse("75 SiO2 25 Na2O")


@pytest.mark.parametrize("kind", BASELINES)
def test_a_known_glass_gives_its_own_curves(kind: str) -> None:
    model = BASELINES[kind](CURVES, lambda *_: None)
    assert model.kind == kind
    glass = CURVES.glasses[7]
    said = model.predict(glass.composition)
    assert said.pairs == pairs_of(glass.counts)
    for pair, g in zip(said.pairs, said.g, strict=True):
        np.testing.assert_allclose(g, glass.mean(pair), atol=1e-8)  # the weights come from a linear programme
    assert said.number_density == pytest.approx(glass.density)
    assert said.distance == pytest.approx(0.0, abs=1e-9)
    assert said.low is None and said.high is None
    assert sum(said.fractions.values()) == pytest.approx(1.0)


def test_mixing_weights_each_member_with_the_pairs_that_it_brings() -> None:
    said = train_mixing(TWO).predict(BETWEEN)
    # A mole of oxides of each is 3 atoms; half of each member: n c_Si c_O = 3 (1/3)(2/3) and 3 (1/6)(1/2).
    a, b = 3 * (1 / 3) * (2 / 3), 3 * (1 / 6) * (1 / 2)
    assert said.partial("Si", "O")[-1] == pytest.approx((a * 1.0 + b * 2.0) / (a + b))
    assert said.partial("Na", "O")[-1] == pytest.approx(2.0)  # silica brings no Na
    # The volumes add: 3 atoms each, at 0.06 and 0.08 atoms/A^3.
    assert said.number_density == pytest.approx(6 / (3 / 0.06 + 3 / 0.08))


def test_a_glass_without_the_elements_takes_its_share_of_a_mixture() -> None:
    counts = {"B": 100, "Na": 100, "O": 200}
    three = CurveSet(R, (*TWO.glasses, flat_glass("borate", "50 B2O3 50 Na2O", counts, 0.09, 4.0)))
    said = train_mixing(three).predict(Composition.parse("60 SiO2 10 B2O3 30 Na2O"), ["Na-O"])
    # 0.4 silica, 0.4 of the half-soda glass, 0.2 borate, of 3, 3 and 4 atoms a mole.
    a, b = 0.4 * 3 * (1 / 3) * (1 / 2), 0.2 * 4 * (1 / 4) * (1 / 2)
    assert said.partial("Na", "O")[-1] == pytest.approx((a * 2.0 + b * 4.0) / (a + b))


def test_nearest_takes_the_nearest_glass_that_has_the_pair() -> None:
    model = train_nearest(TWO)
    said = model.predict(Composition.parse("80 SiO2 20 Na2O"))
    assert said.partial("Si", "O")[-1] == pytest.approx(1.0)  # silica is nearer,
    assert said.partial("Na", "O")[-1] == pytest.approx(2.0)  # but only the other has Na
    assert said.number_density == pytest.approx(0.06)


def test_mixing_interpolates_in_the_smallest_simplex() -> None:
    # In one dimension (x Na2O) only the two neighbours take part, each as near as it is.
    fractions = np.array([[1 - x, x] for x in (0.0, 0.1, 0.2, 0.4, 0.5)])
    known = Known(R, ("SiO2", "Na2O"), (), (), fractions, np.empty((5, 0)), np.ones(5), np.empty((5, 0, 100)))
    weights = mixing_weights(known, np.array([0.75, 0.25]), np.ones(5, dtype=bool))
    np.testing.assert_allclose(weights, [0, 0, 0.75, 0.25, 0], atol=1e-9)
    outside = mixing_weights(known, np.array([0.3, 0.7]), np.ones(5, dtype=bool))
    np.testing.assert_allclose(outside, [0, 0, 0, 0, 1], atol=1e-9)
    without = mixing_weights(known, np.array([0.75, 0.25]), np.array([True, True, False, False, True]))
    np.testing.assert_allclose(without, [0, 0.625, 0, 0, 0.375], atol=1e-9)


@pytest.mark.parametrize("kind", BASELINES)
def test_glasses_that_lack_a_curve_can_be_learnt_from(kind: str) -> None:
    fold = split_of("random", CURVES).folds[0]
    model = BASELINES[kind](fold.train, lambda *_: None)
    for glass, pair in fold.held[:20]:
        g = model.predict(glass.composition, [pair]).g
        assert np.isfinite(g).all() and g.max() > 1


@pytest.mark.parametrize("kind", BASELINES)
def test_a_pair_never_seen_is_refused(kind: str) -> None:
    model = BASELINES[kind](TWO, lambda *_: None)
    with pytest.raises(GlasspotError, match="no known glass has the pair Ba-O"):
        model.predict(Composition.parse("90 SiO2 10 BaO"), ["Ba-O"])
    assert model.predict(Composition.parse("90 SiO2 10 BaO"), ["Si-O"]).partial("Si", "O")[-1] == pytest.approx(1.0)


def test_the_state_makes_the_same_model() -> None:
    model = train_mixing(CURVES)
    meta, arrays = model.state()
    again = Baseline.from_state(meta, arrays)
    composition = Composition.parse("60 SiO2 20 B2O3 15 Na2O 5 BaO")
    first, second = model.predict(composition), again.predict(composition)
    np.testing.assert_array_equal(first.g, second.g)
    assert (first.number_density, first.cutoffs) == (second.number_density, second.cutoffs)
    assert first.number_density_error == second.number_density_error > 0


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(GlasspotError, match="no glass to learn from"):
        train_nearest(CurveSet(R, ()))

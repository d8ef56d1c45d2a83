"""The forest of the paper as plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.pcf.paper.direct import direct_forest
from glasspot.pcf.paper.forest import SEARCHED, Forest, ForestSettings, best_of, grow, search

ensemble = pytest.importorskip("sklearn.ensemble")
RNG = np.random.default_rng(1)
SAMPLES = RNG.normal(size=(120, 9))
VALUES = np.stack([np.sin(SAMPLES[:, 0]), SAMPLES[:, 1] * SAMPLES[:, 2], RNG.normal(size=120)], axis=1)


@pytest.mark.parametrize("settings", [ForestSettings(), ForestSettings(3, 2, 4, 10)])
def test_says_what_scikit_learn_says(settings: ForestSettings) -> None:
    """To rounding, on samples unseen."""
    theirs = ensemble.RandomForestRegressor(
        settings.trees,
        max_features=min(settings.features, 9),
        max_depth=settings.depth,
        min_samples_split=settings.min_split,
        random_state=3,
    ).fit(SAMPLES, VALUES)
    unseen = RNG.normal(size=(300, 9))
    ours = grow(SAMPLES, VALUES, settings, seed=3)
    assert ours.predict(unseen) == pytest.approx(theirs.predict(unseen), abs=1e-12)
    assert ours.of_each_tree(unseen)[2] == pytest.approx(theirs.estimators_[2].predict(unseen), abs=1e-12)


def test_one_output() -> None:
    assert grow(SAMPLES, VALUES[:, :1], ForestSettings()).predict(SAMPLES).shape == (120, 1)


def test_arrays_make_the_same_forest() -> None:
    forest = grow(SAMPLES, VALUES, ForestSettings())
    again = Forest.from_arrays(forest.arrays(), 9)
    assert (again.predict(SAMPLES) == forest.predict(SAMPLES)).all()


@pytest.mark.parametrize(("name", "value"), [("left", 0), ("right", 10**6), ("feature", 9)])
def test_arrays_that_are_no_trees_are_refused(name: str, value: int) -> None:
    """A child before its parent would go round for ever."""
    arrays = grow(SAMPLES, VALUES, ForestSettings()).arrays()
    assert arrays["left"][0] > 0
    changed = arrays[name].copy()
    changed[0] = value
    with pytest.raises(ValueError, match="do not make trees"):
        Forest.from_arrays(arrays | {name: changed}, 9)


def test_search_finds_depth() -> None:
    """Two values of depth 1 cannot hold a product of two features; deeper trees have a lower error held out."""
    clean = VALUES[:, :2]
    curves = search((SAMPLES[:90], clean[:90]), (SAMPLES[90:], clean[90:]))
    assert [curve.name for curve in curves] == list(SEARCHED)
    assert all(len(curve.train) == len(curve.held_out) == len(SEARCHED[curve.name]) for curve in curves)
    depth = curves[2]
    assert depth.best > 1
    assert best_of(curves).depth == depth.best
    assert depth.train[-1] < depth.train[0]


def test_straight_to_the_curve() -> None:
    """The mean over a hundredth of the grid keeps the sum; a forest of curves follows a smooth world."""
    from pcf_samples import sample_set

    data = sample_set(10)
    held_out = np.arange(data.n_curves) % 5 == 0
    found = direct_forest(data, held_out)
    curves = np.array([glass.mean(pair) for glass, pair in data.each()])[held_out]
    assert found.simulated.mean(axis=1) == pytest.approx(curves.mean(axis=1), rel=1e-9)
    assert found.r == pytest.approx((np.arange(100) + 0.5) * 0.1, abs=1e-9)
    assert 0.5 < found.r2 <= 1
    assert found.error < 0.5

"""Scores of surrogates: what is left out together, and numbers that are known for errors of a known size."""

from typing import ClassVar

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.surrogate.data import Layout, Prediction, Rows
from glasspot.surrogate.scores import LEVELS, cross_validate, folds_of, score

GROUP = np.repeat(np.arange(11), 7)


def test_a_parameter_set_is_never_split() -> None:
    fold = folds_of(GROUP, 5, np.random.default_rng(0))
    assert [len(np.unique(fold[g == GROUP])) for g in range(11)] == [1] * 11
    assert sorted(np.bincount(fold) // 7) == [2, 2, 2, 2, 3]
    assert (folds_of(GROUP, 5, np.random.default_rng(1)) != fold).any()


def test_too_few_sets_for_the_folds_are_refused() -> None:
    with pytest.raises(GlasspotError, match="12 folds of 11 parameter sets"):
        folds_of(GROUP, 12, np.random.default_rng(0))


class Mean:
    """Predicts the mean of what it saw, and remembers it."""

    name: ClassVar[str] = "mean"
    seen: ClassVar[list[np.ndarray]] = []

    def fit(self, rows: Rows) -> None:
        self.seen.append(np.unique(rows.group))
        self.mean = np.nanmean(rows.y, axis=0)

    def predict(self, x: np.ndarray) -> Prediction:
        one = np.ones((len(x), len(self.mean)))
        return Prediction(self.mean * one, 0.6 * one, 0.8 * one)


def test_each_row_is_predicted_once_by_what_has_not_seen_its_set() -> None:
    y = GROUP[:, None] * np.array([1.0, 10.0])
    rows = Rows(np.zeros((77, 1)), y, GROUP, Layout(1, 0), (False, False))
    Mean.seen.clear()
    scores = cross_validate(Mean, rows, folds=11, seed=0)
    assert sorted(55 - seen.sum() for seen in Mean.seen) == list(range(11))
    left_out = (55 - GROUP) / 10  # the mean of the ten other sets
    np.testing.assert_allclose(scores.mean[:, 0], left_out)
    np.testing.assert_allclose(scores.rmse, np.sqrt(np.mean((left_out - GROUP) ** 2)) * np.array([1.0, 10.0]))
    np.testing.assert_allclose(scores.total, 1.0)  # 0.6 of the mean and 0.8 of a run


def test_coverage_and_width_of_errors_of_known_size() -> None:
    rng = np.random.default_rng(0)
    n = 40_000
    total = np.full((n, 2), 0.5)
    y = rng.standard_normal((n, 2)) * [0.5, 1.0]
    y[::7, 1] = np.nan
    scores = score(y, np.zeros((n, 2)), total)
    # Errors of the right size: the nominal share, to 4 sd of a share of 40,000. Twice as large: that of half the width.
    np.testing.assert_allclose(scores.coverage[:, 0], LEVELS, atol=0.01)
    np.testing.assert_allclose(scores.coverage[:, 1], [0.264, 0.381, 0.589, 0.673], atol=0.01)
    np.testing.assert_allclose(scores.z_sd, [1.0, 2.0], rtol=0.02)
    np.testing.assert_allclose(scores.rmse, [0.5, 1.0], rtol=0.02)
    np.testing.assert_allclose(scores.width, 0.5)

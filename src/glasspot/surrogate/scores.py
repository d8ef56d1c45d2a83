"""How good a surrogate is on parameter sets that it has not seen.

A parameter set is left out with all its glasses and conditions: its rows resemble each other so much that a split by
row would let the surrogate look up the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.surrogate.data import Rows, Surrogate

LEVELS = (0.50, 0.68, 0.90, 0.95)


@dataclass(frozen=True)
class Scores:
    """``rmse`` (k,) over all held-out rows, in units of y; ``z_sd`` (k,) sd of (y - mean) / sqrt(sd^2 + noise^2).

    ``coverage`` (levels, k): share of held-out y inside the central interval of each of ``levels``, noise included,
    of a Gaussian; ``width`` (k,): mean of that sd, in units of y. ``mean``, ``total`` (n, k) are the held-out
    predictions themselves.
    """

    rmse: np.ndarray
    z_sd: np.ndarray
    coverage: np.ndarray
    width: np.ndarray
    mean: np.ndarray
    total: np.ndarray
    levels: tuple[float, ...] = LEVELS


def folds_of(group: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold (n,) of each row: groups shuffled and dealt out evenly. GlasspotError for too few groups."""
    groups = np.unique(group)
    if not 2 <= folds <= len(groups):
        raise GlasspotError(f"{folds} folds of {len(groups)} parameter sets; expected 2 to {len(groups)}")
    order = rng.permutation(len(groups))
    fold = np.empty(len(groups), dtype=int)
    fold[order] = np.arange(len(groups)) % folds
    return np.asarray(fold[np.searchsorted(groups, group)])


def cross_validate(make: Callable[[], Surrogate], rows: Rows, folds: int = 5, seed: int = 0) -> Scores:
    """Train ``folds`` fresh surrogates, each without one fold of the parameter sets, and score them there."""
    fold = folds_of(rows.group, folds, np.random.default_rng(seed))
    mean, total = np.full(rows.y.shape, np.nan), np.full(rows.y.shape, np.nan)
    for number in range(folds):
        held = fold == number
        surrogate = make()
        surrogate.fit(rows.of(~held))
        prediction = surrogate.predict(rows.x[held])
        mean[held] = prediction.mean
        total[held] = np.hypot(prediction.sd, prediction.noise)
    return score(rows.y, mean, total)


def score(y: np.ndarray, mean: np.ndarray, total: np.ndarray) -> Scores:
    """Return the scores of predictions ``mean`` with sd ``total`` (n, k) of ``y``; nan in y is left out."""
    from scipy.stats import norm

    off = (y - mean) / total
    half = norm.ppf(0.5 + 0.5 * np.array(LEVELS))
    inside = np.where(np.isnan(off), np.nan, np.abs(off) <= half[:, None, None])
    return Scores(
        rmse=np.sqrt(np.nanmean((y - mean) ** 2, axis=0)),
        z_sd=np.sqrt(np.nanmean(off**2, axis=0)),
        coverage=np.nanmean(inside, axis=1),
        width=np.nanmean(np.where(np.isnan(y), np.nan, total), axis=0),
        mean=mean,
        total=total,
    )

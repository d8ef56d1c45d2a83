"""Which evaluated points are worth another run: the same again, or at the next level.

Notation
    losses   (s, m): joint samples of the noise-free loss of m evaluated points
    p        share of the samples in which a point is the best of them: the probability that it is
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def best_probabilities(losses: np.ndarray) -> np.ndarray:
    """Return p (m,)."""
    return np.bincount(losses.argmin(1), minlength=losses.shape[1]) / len(losses)


def doubt(losses: np.ndarray) -> float:
    """Return what is expected to be lost by choosing among the points today, over knowing which is best.

    Zero where the model is sure. The expected value of perfect information of decision analysis.
    """
    return float(losses.mean(0).min() - losses.min(1).mean())


def worth_repeating(losses: np.ndarray, gain: float, most: int) -> list[int]:
    """Return which points to run again, ``most`` at most; none unless their doubt exceeds ``gain``.

    ``gain`` is the decrease of the least loss expected of the best new point. Where runs have no noise there is no
    doubt about evaluated points, so that none is repeated. Those with the greatest p (1 - p) come first.
    """
    if most <= 0 or losses.shape[1] < 2 or doubt(losses) <= gain:
        return []
    p = best_probabilities(losses)
    unsure = p * (1.0 - p)
    order = np.argsort(-unsure, kind="stable")[:most]
    return [int(i) for i in order if unsure[i] > 0]


def worth_promoting(
    losses: np.ndarray, following: Sequence[int | None], costs: Sequence[float], most: int
) -> list[tuple[int, int]]:
    """Return (point, level) to run next, ``most`` at most: by the probability of being best over what the run costs.

    ``following`` (m,): the level each point would go to, None for none; ``costs`` (l,) of one run at each level. Points
    that are best in no sample come after, by their mean loss.
    """
    open_ones = [i for i, level in enumerate(following) if level is not None]
    p, mean = best_probabilities(losses), losses.mean(0)

    def rank(i: int) -> tuple[float, float]:
        return (-p[i] / costs[following[i] or 0], float(mean[i]))

    return [(i, following[i] or 0) for i in sorted(open_ones, key=rank)[:most]]


def due(done: int, total: int, share: float) -> int:
    """Return how many more make ``done`` reach its ``share`` of ``total``, rounded down; never less than 0."""
    return max(0, int(np.floor(share * total + 1e-9)) - done)

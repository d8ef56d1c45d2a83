"""Where runs fail: candidates near failures are avoided, unless as many runs succeeded there.

The share of success about a point is a mean over the points run, weighted by exp(-d^2 / 2 h^2), d in units of the
windows as in :mod:`glasspot.search.diverse`, with half a success added from nowhere: far from everything a point is
expected to succeed. One failure alone closes 1.18 h about it; one success at the same distance opens it again. (A
Nadaraya-Watson estimate of the probability; no model is trained, so it works with the first failure.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.search.diverse import distances
from glasspot.search.proposer import Evaluation

REACH = 0.1  # h: each parameter differs by 10 % of its window
FROM_NOWHERE = 0.5
LEAST_SHARE = 0.5


class Failures:
    """What was run so far, and where it failed. ``width`` (n,) of the windows."""

    def __init__(self, told: Sequence[Evaluation], width: np.ndarray) -> None:
        self._width = width
        self._points = np.array([e.point for e in told]).reshape(-1, len(width))
        self._failed = np.array([e.cost is None for e in told], dtype=bool)

    def share(self, points: np.ndarray) -> np.ndarray:
        """Return the share of success expected at ``points`` (m, n): (m,)."""
        if not self._failed.any():
            return np.ones(len(points))
        weights = np.exp(-0.5 * (distances(points, self._points, self._width) / REACH) ** 2)
        lost = weights[:, self._failed].sum(1)
        return np.asarray(1.0 - lost / (weights.sum(1) + FROM_NOWHERE))

    def near(self, point: np.ndarray) -> bool:
        """Return whether ``point`` (n,) is too near to failures to be worth a run."""
        return bool(self.share(point[None])[0] < LEAST_SHARE)

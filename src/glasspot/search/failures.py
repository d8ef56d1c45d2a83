"""Where runs fail: a candidate is avoided where, of all points run so far, the nearest failed.

On made-up glasses with walls across one or two parameters, or a failing ball about the optimum, this lost fewer runs
than smoothed shares of failures and about as few as a trained (logistic) model of them. A failure by chance closes its
neighbourhood only until a nearer point succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.search.diverse import distances
from glasspot.search.proposer import Evaluation


class Failures:
    """What was run so far, and where it failed. ``width`` (n,) of the windows: the units of distances."""

    def __init__(self, told: Sequence[Evaluation], width: np.ndarray) -> None:
        points = np.array([e.point for e in told]).reshape(-1, len(width))
        failed = np.array([e.cost is None for e in told], dtype=bool)
        self._width = width
        self._failed, self._succeeded = points[failed], points[~failed]

    def near(self, point: np.ndarray) -> bool:
        """Return whether a failure is nearer to ``point`` (n,) than any success."""
        return self._nearest(point, self._failed) < self._nearest(point, self._succeeded)

    def _nearest(self, point: np.ndarray, others: np.ndarray) -> float:
        return float(distances(point[None], others, self._width).min(initial=np.inf))

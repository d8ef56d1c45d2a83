"""Points of the unit cube: when two are one, and how one is brought back into the cube and behind the margin."""

from __future__ import annotations

import numpy as np

from glasspot.search.proposer import Margin

SAME = 1e-6  # of a side: what rounding on another machine may grow to, far below any step that matters
HALVINGS = 40
CORRECTIONS = 5
HIGHEST = 1000.0  # of a margin, for differences: beyond it there is no barrier to speak of, and it may be infinite


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two points, each (n,), are one but for rounding."""
    return bool(np.allclose(one, other, rtol=0.0, atol=SAME))


def pulled_back(point: np.ndarray, towards: np.ndarray, margin: Margin) -> np.ndarray:
    """Return the point nearest to ``point``, of the straight line to ``towards``, in the cube and above the margin.

    ``point`` outside the cube is first put on its face. Found by bisection, so another stretch of the line may be
    missed where the margin is not monotonic along it. ``towards`` itself where nothing better holds.
    """
    point = np.clip(point, 0.0, 1.0)
    if margin(point) >= 0:
        return np.array(point)
    inside, outside = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        if margin(towards + middle * (point - towards)) >= 0:
            inside = middle
        else:
            outside = middle
    return np.asarray(towards + inside * (point - towards))


def slope_of(margin: Margin, point: np.ndarray) -> np.ndarray:
    """Return the gradient of the margin by central differences, (n,); finite where the margin is infinite."""
    h = 1e-3
    axes = h * np.eye(len(point))
    return np.array([(min(margin(point + a), HIGHEST) - min(margin(point - a), HIGHEST)) / (2 * h) for a in axes])


def projected(point: np.ndarray, margin: Margin) -> np.ndarray | None:
    """Return the point put on the cube and, by a few linear corrections, on the margin; None where they fail."""
    point = np.clip(point, 0.0, 1.0)
    for _ in range(CORRECTIONS):
        there = margin(point)
        if there >= 0:
            return point
        slope = slope_of(margin, point)
        # A little more than needed: a margin that curves the wrong way is met from inside.
        point = np.clip(point - 1.05 * there * slope / max(float(slope @ slope), 1e-12), 0.0, 1.0)
    return point if margin(point) >= 0 else None

"""The best of many candidates, kept apart: ten points in one spot teach no more than one.

Distances are in units of the windows: the root of the mean over the parameters of (step / width of the window)^2, so
that a number means the same for two parameters and for ten.
"""

from __future__ import annotations

import numpy as np

from glasspot.search.points import SAME

# Between two selected points: each parameter differs by 5 % of its window on average. In windows of +-10 % that
# is 1 % of its value, the finest step of their grid.
APART = 0.05
AGAIN = 0.01  # from a point that was run already: nearer is a repeat
HALVINGS = 4


def distances(points: np.ndarray, others: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return how far each of ``points`` (m, n) is from each of ``others`` (k, n), in units of ``width``: (m, k)."""
    steps = (points[:, None, :] - others[None, :, :]) / width
    return np.asarray(np.sqrt((steps**2).mean(-1)))


def best_apart(
    points: np.ndarray, losses: np.ndarray, count: int, width: np.ndarray, known: np.ndarray | None = None
) -> np.ndarray:
    """Return the indices of ``count`` of ``points`` (m, n), least loss first, at least ``APART`` from each other.

    Where there are too few, the distance is halved, up to four times; then fewer are returned. ``known`` (k, n): points
    run already, of which a choice stays ``AGAIN`` away.
    """
    order = np.argsort(losses, kind="stable")
    if known is not None and len(known):
        order = order[distances(points[order], known, width).min(1) >= AGAIN]
    between = distances(points, points, width)
    chosen: list[int] = []
    for halving in range(HALVINGS + 1):
        least = max(APART / 2**halving, SAME)
        for i in order:
            if len(chosen) == count:
                break
            if i not in chosen and (not chosen or between[i, chosen].min() >= least):
                chosen.append(int(i))
    return np.array(sorted(chosen, key=lambda i: losses[i]), dtype=int)

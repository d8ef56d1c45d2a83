"""Which frames to take: a fraction of each cluster, as published, and three ways without clusters to compare with.

Every choice is nested: what a larger fraction chooses contains what a smaller one does, for a database that grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.distill.kernels import Indices
from glasspot.errors import GlasspotError, did_you_mean

Array = NDArray[np.float64]

METHODS = ("cluster", "farthest", "cur", "random")
WITHIN = ("random", "centre", "farthest")
POWER_STEPS = 15  # of the power iteration; the start is the direction before, so few are enough


def random_order(n: int, seed: int) -> Indices:
    """Return all frames (n,) in random order."""
    return np.random.default_rng([seed, 2]).permutation(n)


def farthest_order(features: Array, count: int | None = None, lacking: Array | None = None) -> Indices:
    """Return ``count`` frames: the one nearest to the mean, then always the one farthest from all taken.

    features: (n, r) coordinates whose distances count, their mean anywhere; lacking: (n,) to be added to squared
    distances, as of :func:`glasspot.distill.embedding.features`.
    """
    n = len(features)
    count = n if count is None else min(count, n)
    own = np.einsum("ij,ij->i", features, features) + (0.0 if lacking is None else lacking)

    def to(frame: int) -> Array:
        return np.asarray(own + own[frame] - 2 * (features @ features[frame]))

    mean = features.mean(axis=0)
    order = [int(np.argmin(own - 2 * (features @ mean)))]
    nearest = to(order[0])
    for _ in range(1, count):
        nearest[order[-1]] = -np.inf
        order.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, to(order[-1]))
    return np.array(order, dtype=np.int64)


def centre_order(features: Array, lacking: Array | None = None) -> Indices:
    """Return all frames, the nearest to their mean first; arguments as of :func:`farthest_order`."""
    centred = features - features.mean(axis=0)
    apart = np.einsum("ij,ij->i", centred, centred) + (0.0 if lacking is None else lacking)
    return np.argsort(apart, kind="stable").astype(np.int64)


def cur_order(features: Array, count: int | None = None) -> Indices:
    """Return ``count`` frames by leverage, as in CUR (Imbalzano et al., doi:10.1063/1.5024611).

    Each time the frame with the largest weight in the first left singular vector of ``features`` (n, r) is taken, and
    its direction is taken off all the others. The singular vector is that of a power iteration.
    """
    left: Array = np.array(features, dtype=np.float64)
    n = len(left)
    count = n if count is None else min(count, n)
    total = float(np.einsum("ij,ij->", left, left))
    taken = np.zeros(n, dtype=bool)
    order: list[int] = []
    chance = np.random.default_rng(0)
    direction: Array = np.ones(left.shape[1])
    for _ in range(count):
        if np.einsum("ij,ij->", left, left) <= 1e-14 * total:
            break
        for _ in range(POWER_STEPS):
            direction = left.T @ (left @ direction)
            direction = direction / max(float(np.linalg.norm(direction)), 1e-300)
        weight = np.abs(left @ direction)
        weight[taken] = -1.0
        frame = int(np.argmax(weight))
        taken[frame] = True
        order.append(frame)
        length = float(np.linalg.norm(left[frame]))
        if length > 0:
            along = left[frame] / length
            left = left - np.outer(left @ along, along)
        # The old direction may be gone altogether; a little of chance brings in the others.
        direction = direction + 0.1 * chance.normal(size=left.shape[1])
    # Frames that the others span already, in their order.
    rest = np.flatnonzero(~taken)[: count - len(order)]
    return np.concatenate([np.array(order, dtype=np.int64), rest])


def cluster_orders(labels: Indices, places: tuple[Array, Array] | None, within: str, seed: int) -> tuple[Indices, ...]:
    """Return for each cluster its frames in the order in which they are taken.

    within: "random" as published, "centre" (the most typical first) or "farthest" (the most different from those
    taken); the last two need ``places``, as of :func:`glasspot.distill.embedding.features`. GlasspotError for another
    word.
    """
    if within not in WITHIN:
        raise GlasspotError(f'within is "{within}"; expected {", ".join(WITHIN)}.{did_you_mean(within, WITHIN)}')
    orders = []
    for number in range(int(labels.max()) + 1):
        own = np.flatnonzero(labels == number)
        if within == "random" or places is None:
            inside = np.random.default_rng([seed, 3, number]).permutation(len(own))
        else:
            mine, lacking = places[0][own], places[1][own]
            inside = centre_order(mine, lacking) if within == "centre" else farthest_order(mine, None, lacking)
        orders.append(own[inside])
    return tuple(orders)


def take_of_each(orders: Sequence[Indices], fraction: float) -> Indices:
    """Return a fraction of each cluster, one frame of each at least, sorted. GlasspotError for one not in 0-1."""
    check_fraction(fraction)
    return np.sort(np.concatenate([order[: _count(fraction, len(order))] for order in orders]))


def take_first(order: Indices, fraction: float, n: int) -> Indices:
    """Return the first frames of an order of all ``n``, sorted. GlasspotError for a fraction not in 0-1."""
    check_fraction(fraction)
    return np.sort(order[: _count(fraction, n)])


def check_fraction(fraction: float) -> None:
    """Raise GlasspotError for a fraction that is not more than 0 and at most 1."""
    if not 0 < fraction <= 1:
        raise GlasspotError(f"the fraction of frames is {fraction:g}; expected more than 0 and at most 1, as 0.1.")


def _count(fraction: float, n: int) -> int:
    return min(n, max(1, math.floor(fraction * n + 0.5)))

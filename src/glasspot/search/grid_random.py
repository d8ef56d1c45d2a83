"""Start points by grid and at random, as a paper chose them: each parameter alone, then pairs, then all together.

The paper is that of :mod:`glasspot.search.learning`. The trials that its authors published are 10, 5, 3 (and a few 1)
% of one parameter at a time, up and down, and pairs moved together or against each other by a few %, in windows of
+-15 %. Here: 2/3, 1/3 and 1/5 of the way from the start to either bound, one parameter at a time; pairs at 1/3 of the
way, all four signs; then points drawn evenly in the windows. Five parameters have a grid of 70 points, of the paper's
230.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.search.points import same
from glasspot.search.proposer import Margin
from glasspot.search.sobol import start_set

STEPS = (2 / 3, 1 / 3, 1 / 5)  # the largest first: where the set is small it reaches as far
PAIR_STEP = 1 / 3
MOST_GRID = 0.5  # of the set: a grid alone says nothing of three parameters together
LOOKED_AT = 100  # points looked at for each one wanted
STREAM = 42  # sets these random numbers apart from those of other methods with the same seed


def grid_random(start: np.ndarray, seed: int, margin: Margin, windows: np.ndarray, points: int) -> np.ndarray:
    """Return the start, a grid about it and random points in ``windows`` (n, 2) that pass the screen: (points, n).

    The start is not screened: it is what the user asked for. GlasspotError when too few of the random ones pass.
    """
    start = np.asarray(start, dtype=float)
    grid = [point for point in grid_about(start, windows) if margin(point) >= 0]
    chosen = [start, *grid[: int(MOST_GRID * points)]][:points]
    rng = np.random.default_rng([seed, STREAM])
    wanted = points - len(chosen)
    drawn = random_points(rng, windows, lambda point: margin(point) >= 0, wanted)
    if len(drawn) < wanted:
        raise GlasspotError(
            f"only {len(drawn)} of {LOOKED_AT * wanted} points inside the windows of the free parameters "
            f"({len(drawn) / (LOOKED_AT * wanted):.1%}) pass the screen: elsewhere the barrier between like charges is "
            "lower than asked. Narrow the windows (potential.windows), or ask for less (fit.barrier_eV)"
        )
    return np.asarray(np.vstack([chosen, drawn]))


def sobol_points(start: np.ndarray, seed: int, margin: Margin, windows: np.ndarray, points: int) -> np.ndarray:
    """Return the start and points of a Sobol set in ``windows`` that pass the screen: (points, n).

    GlasspotError as :func:`glasspot.search.sobol.start_set` has it.
    """
    low, width = windows[:, 0], windows[:, 1] - windows[:, 0]
    unit = start_set((start - low) / width, seed, lambda point: margin(low + width * point), points)
    found = low + width * unit
    found[0] = start  # not what rounding makes of it
    return np.asarray(found)


def grid_about(start: np.ndarray, windows: np.ndarray) -> list[np.ndarray]:
    """Return the points of the grid, each (n,), in the order in which they are wanted."""
    n = len(start)
    # How far to the bounds: (n, 2); a side on which the start stands at the bound has no points.
    ways = windows - np.clip(start, windows[:, 0], windows[:, 1])[:, None]
    moves = [{axis: step * ways[axis, side]} for step in STEPS for axis in range(n) for side in (0, 1)]
    for one, other in combinations(range(n), 2):
        for first, second in ((0, 0), (1, 1), (0, 1), (1, 0)):
            moves.append({one: PAIR_STEP * ways[one, first], other: PAIR_STEP * ways[other, second]})
    points: list[np.ndarray] = []
    for move in moves:
        point = np.array(start, dtype=float)
        for axis, step in move.items():
            point[axis] = np.clip(point[axis], *windows[axis]) + step
        if not any(same(point, other) for other in (start, *points)):
            points.append(point)
    return points


def random_points(
    rng: np.random.Generator, windows: np.ndarray, allowed: Callable[[np.ndarray], bool], count: int
) -> np.ndarray:
    """Return ``count`` points drawn evenly in ``windows`` (n, 2) that are allowed; fewer where nearly none is."""
    found: list[np.ndarray] = []
    for _ in range(LOOKED_AT * count):
        if len(found) == count:
            break
        point = windows[:, 0] + (windows[:, 1] - windows[:, 0]) * rng.random(len(windows))
        if allowed(point):
            found.append(point)
    return np.array(found).reshape(-1, len(windows))

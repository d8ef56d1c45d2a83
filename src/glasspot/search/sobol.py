"""Start points that fill the cube evenly: the start itself, then a scrambled Sobol set, screened before any run.

Source of the sequence and its scrambling: scipy.stats.qmc.Sobol (Joe and Kuo, SIAM J. Sci. Comput. 30, 2635 (2008)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.search.proposer import Evaluation, Margin, Proposal

# Points looked at for each one wanted. Where fewer pass, the windows are wrong, not the luck.
LOOKED_AT = 100
CHUNK = 64  # a power of two keeps the set balanced
STREAM = 1  # sets these random numbers apart from those of other methods with the same seed


class Sobol:
    """Ask and tell. ``start`` (n,) is the first point; ``finished`` after ``points``, the start among them.

    GlasspotError when the screen ``margin(u) >= 0`` lets nearly nothing pass.
    """

    name: ClassVar[str] = "sobol"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(self, *, start: np.ndarray, seed: int, margin: Margin, points: int) -> None:
        self.points = start_set(start, seed, margin, points)
        self.told: list[Evaluation] = []

    @property
    def place(self) -> np.ndarray | None:
        """The point of least cost, (n,); None before the first success."""
        return best_point(self.told)

    @property
    def finished(self) -> bool:
        """Whether the whole set was told."""
        return len(self.told) >= len(self.points)

    def ask(self, count: int) -> list[Proposal]:
        """Return the next ``count`` points, or what is left of the set; its last point when nothing is left."""
        first = min(len(self.told), len(self.points) - 1)
        return [Proposal(point.copy(), note="start") for point in self.points[first : first + max(1, count)]]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points, whoever asked for them: each takes the place of one of the set."""
        self.told.extend(evaluations)


def start_set(start: np.ndarray, seed: int, margin: Margin, points: int) -> np.ndarray:
    """Return the start and points of a scrambled Sobol set that pass the screen, (points, n), in a fixed order.

    The start is not screened: it is what the user asked for. GlasspotError when too few of the others pass.
    """
    from scipy.stats import qmc

    start = np.asarray(start, dtype=float)
    sequence = qmc.Sobol(len(start), scramble=True, rng=np.random.default_rng([seed, STREAM]))
    passed = [start]
    looked_at = 0
    while len(passed) < points:
        if looked_at >= LOOKED_AT * points and (len(passed) - 1) * LOOKED_AT < looked_at:
            raise GlasspotError(
                f"only {len(passed) - 1} of {looked_at} points inside the windows of the free parameters "
                f"({(len(passed) - 1) / looked_at:.1%}) pass the screen: elsewhere the barrier between like charges is "
                "lower than asked. Narrow the windows (potential.windows), or ask for less (fit.barrier_eV)"
            )
        chunk = sequence.random(CHUNK)
        looked_at += CHUNK
        passed.extend(point for point in chunk if margin(point) >= 0)
    return np.array(passed[: max(1, points)])


def best_point(evaluations: Sequence[Evaluation]) -> np.ndarray | None:
    """Return the point of least cost, (n,); None where all failed."""
    succeeded = [(e.cost, number) for number, e in enumerate(evaluations) if e.cost is not None]
    return evaluations[min(succeeded)[1]].point if succeeded else None

"""Search along one line by the secant method: each parabola through what is known gives the next length to try.

The first parabola takes cost and slope at length 0 and the cost at a first length; by its two slopes that is the secant
step of Shewchuk (An introduction to the conjugate gradient method without the agonizing pain, 1994, section 14.2). The
next takes the three costs known by then. One run an iteration, because slopes along the line would take two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ITERATIONS = 3  # successes on one line, as in the paper
FAILURES = 3
EXPANSION = 2.0  # farthest that a parabola is trusted, in units of the farthest length tried
SAME_LENGTH = 0.001  # of a side of the cube: a length this close to one tried is not worth a run


@dataclass
class LineSearch:
    """Ask ``next_length``, tell its cost. ``cost`` and ``slope`` (< 0) at length 0; ``first`` and ``reach`` lengths."""

    cost: float
    slope: float
    first: float
    reach: float
    tried: list[tuple[float, float]] = field(init=False)  # length, cost; the start of the line is the first
    failed: list[float] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.tried = [(0.0, self.cost)]

    @property
    def best(self) -> int:
        """Which of ``tried`` cost least; 0 is the start of the line."""
        return min(range(len(self.tried)), key=lambda k: self.tried[k][1])

    def tell(self, length: float, cost: float | None) -> None:
        """Take the cost at a length, None when it failed."""
        if cost is None:
            self.failed.append(length)
        else:
            self.tried.append((length, cost))

    def next_length(self) -> tuple[float, float] | None:
        """Return the next length to try and the cost expected there (nan: none); None when the line is done."""
        if len(self.tried) > ITERATIONS or len(self.failed) > FAILURES:
            return None
        length, expected = self._least()
        if self.failed and length >= min(self.failed):
            length, expected = 0.5 * (self.tried[self.best][0] + min(self.failed)), float("nan")
        length = min(length, self.reach)
        if any(abs(length - known) < SAME_LENGTH for known, _ in self.tried):
            return None
        return length, expected

    def _least(self) -> tuple[float, float]:
        """Return where the parabola is least and its value there, or a longer step where it has no such point."""
        if len(self.tried) == 1:
            return self.first, float("nan")
        lengths, costs = np.array(self.tried).T
        if len(self.tried) == 2:
            curvature = (costs[1] - costs[0] - self.slope * lengths[1]) / lengths[1] ** 2
            parabola = np.array([curvature, self.slope, costs[0]])
        else:
            parabola = np.polyfit(lengths[-3:], costs[-3:], 2)
        farthest = float(lengths.max())
        if parabola[0] > 0:
            length = float(np.clip(-0.5 * parabola[1] / parabola[0], 0.0, EXPANSION * farthest))
            return length, float(np.polyval(parabola, length))
        if self.tried[self.best][0] == farthest:
            return EXPANSION * farthest, float("nan")
        return self.tried[self.best][0], float("nan")  # nothing better in sight

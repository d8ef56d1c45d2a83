"""Gradient of a noisy cost by differences, each axis with its own step.

Over a window, some parameters move the cost a thousand times more than others. A step too short drowns in noise; one
too long jumps over the valley, where the two sides tell nothing of the slope. So each step is set by the change of the
cost that it made: near CHANGE of the cost itself, but clear of its error (in the spirit of Shi et al., SIAM J. Sci.
Comput. 44, A2302 (2022)). The steps then also say how long one unit of each axis is to a search: its preconditioner.
"""

from __future__ import annotations

import numpy as np

from glasspot.search.proposer import Evaluation, Margin

FIRST_STEP = 0.02  # of a side of the cube
STEPS = (0.001, 0.1)
CHANGE = 0.2  # of the cost: what a step should make
CHANGE_IN_ERRORS = 5.0
COARSE = 5.0  # times as much, or a failure: the step is asked again, shorter
SHORTER = 0.25
RETRIES = 2
PACE = 3.0  # most that a step grows or shrinks from one gradient to the next


class Differences:
    """Ask for the ``points`` about a place, tell what came of them, until none is left; then there is a ``gradient``.

    Two points an axis, or one where the other leaves the cube or the margin: there the difference is one-sided, as it
    is where one side failed.
    """

    def __init__(self, dimensions: int, margin: Margin) -> None:
        self.steps = np.full(dimensions, FIRST_STEP)
        self.gradient = np.zeros(dimensions)
        self.variance = np.zeros(dimensions)
        self.points: list[np.ndarray] = []
        self._longest = np.full(dimensions, STEPS[1])  # half of what was too long
        self._margin = margin
        self._here = Evaluation(np.zeros(dimensions), 0.0)
        self._sides: list[tuple[int, int]] = []  # axis and sign of each point
        self._known: dict[tuple[int, int], Evaluation] = {}
        self._retries = 0

    def begin(self, here: Evaluation) -> None:
        """Ask for all points about ``here``, a success."""
        self._here, self._known, self._retries = here, {}, 0
        self._place(range(len(self.steps)))

    def tell(self, got: list[Evaluation]) -> None:
        """Take what came of ``points``, all of them; ask for more where a step was too long."""
        for axis in {axis for axis, _ in self._sides}:
            for sign in (1, -1):
                self._known.pop((axis, sign), None)
        self._known |= dict(zip(self._sides, got, strict=True))
        changes = np.array([self._change(axis) for axis in range(len(self.steps))])
        wanted = max(CHANGE * _cost(self._here), CHANGE_IN_ERRORS * (self._here.error or 0.0))
        coarse = np.flatnonzero((changes > COARSE * wanted) & (self.steps > STEPS[0]))
        self.points, self._sides = [], []
        if len(coarse) and self._retries < RETRIES:
            self._retries += 1
            self._longest[coarse] = np.maximum(0.5 * self.steps[coarse], STEPS[0])
            self.steps[coarse] = np.maximum(SHORTER * self.steps[coarse], STEPS[0])
            self._place(coarse)
        if self.points:
            return
        slopes = [self._slope(axis) for axis in range(len(self.steps))]
        self.gradient, self.variance = np.array(slopes).T
        steps = self.steps * np.clip(wanted / np.maximum(changes, 1e-300), 1 / PACE, PACE)
        self.steps = np.clip(steps, STEPS[0], self._longest)

    def _place(self, axes: np.ndarray | range) -> None:
        self.points, self._sides = [], []
        for axis in axes:
            for sign in (1, -1):
                point = self._here.point.copy()
                point[axis] += sign * self.steps[axis]
                if 0.0 <= point[axis] <= 1.0 and self._margin(point) >= 0:
                    self.points.append(point)
                    self._sides.append((int(axis), sign))

    def _change(self, axis: int) -> float:
        """Return the most by which a side of an axis changed the cost; infinite where one failed."""
        sides = [self._known[side] for side in ((axis, 1), (axis, -1)) if side in self._known]
        costs = [np.inf if e.cost is None else e.cost for e in sides]
        return max((abs(cost - _cost(self._here)) for cost in costs), default=np.inf)

    def _slope(self, axis: int) -> tuple[float, float]:
        """Return the slope along one axis and its variance; both zero where neither side is known."""
        high, low = (self._known.get((axis, sign), Evaluation(self._here.point, None)) for sign in (1, -1))
        if high.cost is None and low.cost is None:
            return 0.0, 0.0
        high, low = (e if e.cost is not None else self._here for e in (high, low))
        length = float(high.point[axis] - low.point[axis])
        return (_cost(high) - _cost(low)) / length, ((high.error or 0.0) ** 2 + (low.error or 0.0) ** 2) / length**2


def _cost(evaluation: Evaluation) -> float:
    assert evaluation.cost is not None  # noqa: S101 - only successes are kept
    return evaluation.cost

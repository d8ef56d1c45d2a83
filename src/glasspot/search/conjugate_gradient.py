"""Nonlinear conjugate gradients on a cost that only runs can tell: the refinement of Liu et al. (2019).

Notation
    g       gradient of the cost by differences (:mod:`glasspot.search.differences`), (n,), per side of the cube
    r       -g, without what would leave the cube or break the margin, (n,)
    h       steps of the differences, (n,); s = h^2 r is the preconditioned r, with h as at the last restart
    beta    max(0, s (r - r_old) / s_old r_old), Polak and Ribiere with restart; also a restart every n directions
    d       s + beta d_old, the direction of the next line search (:mod:`glasspot.search.line_search`)

As in J. R. Shewchuk, "An introduction to the conjugate gradient method without the agonizing pain" (1994), section 14
and its preconditioner, and in H. Liu et al., "Parameterization of empirical forcefields for glassy silica using machine
learning", MRS Commun. 9, 593 (2019): at most 3 iterations on a line; the end when, 10 iterations in a row, the new
minimum overlaps with the last, the cost shows a plateau and the squared sum of the gradient stays below 5. They do not
print the units of that 5. Here it is taken in (% of R_chi per side of the cube)^2, the widths of the windows being the
only scale all parameters share; and because noise alone may give more than that, also a gradient whose squared sum is
less than NOISE_FACTOR times what the errors of its points give counts as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from glasspot.search.differences import Differences
from glasspot.search.gain import least_gain
from glasspot.search.line_search import SAME_LENGTH, LineSearch
from glasspot.search.points import projected, same, slope_of
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin

FIRST_LENGTH = 0.1  # of the first line; later ones begin with the last length that gained
LENGTHS = (0.004, 0.25)  # within which a line begins
OVERLAP = 0.5  # of the steps h: two minima closer than this along every axis overlap, as the points about them do
ZERO = 5.0  # (% of R_chi per side)^2, as printed but for its units
NOISE_FACTOR = 2.0  # above the mean of chi2 over n by one to two standard deviations, for 4 to 10 parameters
PATIENCE = 10  # iterations, as printed
EDGE = 1e-9


class ConjugateGradient:
    """Ask and tell. ``start`` (n,) in the cube is run first, unless its evaluation is told before.

    The points of a gradient are asked for together. ``finished`` by the rule above with ``patience`` for the 10, when
    the search did not move at all for as many iterations, or when the start failed as many times.
    """

    name: ClassVar[str] = "conjugate-gradient"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(self, *, start: np.ndarray, margin: Margin = no_margin, patience: int = PATIENCE) -> None:
        self.finished = False
        self._margin = margin
        self._patience = patience
        self._asked = [Proposal(np.array(start, dtype=float), note="start")]
        self._got: list[Evaluation] = []  # of what is asked
        self._here: Evaluation | None = None
        self._differences = Differences(len(start), margin)
        self._scale = np.ones(len(start))  # h^2 since the last restart
        self._downhill = np.zeros(len(start))
        self._direction = np.zeros(len(start))
        self._since_restart = 0
        self._line: LineSearch | None = None
        self._line_told: list[Evaluation] = []  # those of line.tried
        self._length = FIRST_LENGTH
        self._moved: tuple[float, float, float] | None = (
            None  # by the last line: distance, gain, least gain that counts
        )
        self._calm = 0
        self._still = 0
        self._failed_starts = 0

    @property
    def place(self) -> np.ndarray | None:
        """The end of the last line that gained, (n,); None before the start succeeded."""
        return None if self._here is None else self._here.point

    def ask(self, count: int) -> list[Proposal]:
        """Return the next point of the line, or what is left of the gradient, whatever ``count`` is."""
        return [Proposal(p.point.copy(), p.predicted, p.note) for p in self._asked[len(self._got) :]]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of the points asked for; those of other methods are ignored but for the start's."""
        for evaluation in evaluations:
            if not same(evaluation.point, self._asked[len(self._got)].point):
                continue
            self._got.append(evaluation)
            if len(self._got) == len(self._asked):
                got, self._got = self._got, []
                self._take(got)

    def _take(self, got: list[Evaluation]) -> None:
        if self._line is not None:
            self._take_line_point(self._line, got[0])
        elif self._here is not None:
            self._take_gradient(self._here, got)
        elif got[0].cost is not None:
            self._here = got[0]
            self._ask_gradient(self._here)
        else:
            self._failed_starts += 1
            self.finished = self._failed_starts >= self._patience

    def _ask_gradient(self, here: Evaluation) -> None:
        self._differences.begin(here)
        self._ask_differences(here)

    def _ask_differences(self, here: Evaluation) -> None:
        self._asked = [Proposal(point, note="gradient") for point in self._differences.points]
        if not self._asked:  # walled in on all sides
            self._asked = [Proposal(here.point, note="no way out")]
            self.finished = True

    def _take_gradient(self, here: Evaluation, got: list[Evaluation]) -> None:
        if not self._differences.points:
            return
        self._differences.tell(got)
        if self._differences.points:
            self._ask_differences(here)
            return
        downhill = self._allowed(here.point, -self._differences.gradient)
        self._judge(float(downhill @ downhill), float(self._differences.variance.sum()))
        old, self._downhill = self._downhill, downhill
        self._since_restart += 1
        useful = self._moved is not None and self._moved[0] > 0 and bool(old.any())  # what the last direction tells
        if useful and self._since_restart < len(downhill):
            beta = max(0.0, float(self._scale * downhill @ (downhill - old)) / float(self._scale * old @ old))
            conjugate = self._allowed(here.point, self._scale * downhill + beta * self._direction)
            if conjugate @ self._differences.gradient < 0:
                self._ask_line(here, conjugate)
                return
        self._restart(here)

    def _judge(self, squared: float, noise: float) -> None:
        """Count iterations that ended where the last did, without gain, on ground that is flat but for noise."""
        if self._moved is None:
            return
        distance, gain, least = self._moved
        flat = squared * 1e4 < ZERO or squared < NOISE_FACTOR * noise
        self._calm = self._calm + 1 if flat and distance < OVERLAP and gain < least else 0
        self._still = self._still + 1 if distance == 0 else 0
        self.finished = self.finished or max(self._calm, self._still) >= self._patience

    def _restart(self, here: Evaluation) -> None:
        self._since_restart = 0
        self._scale = self._differences.steps**2
        direction = self._allowed(here.point, self._scale * self._downhill)
        # Scaled and put on an edge, it may point uphill.
        self._ask_line(here, direction if direction @ self._downhill > 0 else self._downhill)

    def _allowed(self, point: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Return the direction without what points out of the cube or, at the margin, below it."""
        out = ((point <= EDGE) & (direction < 0)) | ((point >= 1.0 - EDGE) & (direction > 0))
        inside = np.where(out, 0.0, direction)
        size = float(np.linalg.norm(inside))
        if size == 0 or self._margin(np.clip(point + SAME_LENGTH * inside / size, 0.0, 1.0)) >= 0:
            return inside
        normal = np.where(out, 0.0, slope_of(self._margin, point))
        along = min(0.0, float(inside @ normal)) / max(float(normal @ normal), 1e-300)
        return np.where(out, 0.0, inside - along * normal)

    def _ask_line(self, here: Evaluation, direction: np.ndarray) -> None:
        size = float(np.linalg.norm(direction))
        if size < 1e-15:  # flat: nowhere to go, so look at the same place again
            self._direction = np.zeros(len(direction))
            self._moved = (0.0, 0.0, np.inf)
            self._ask_gradient(here)
            return
        self._direction = direction
        unit = direction / size
        with np.errstate(divide="ignore", invalid="ignore"):
            to_face = np.where(unit > 0, (1.0 - here.point) / unit, np.where(unit < 0, -here.point / unit, 0.0))
        slope = min(float(self._differences.gradient @ unit), 0.0)
        # No cost is negative, so the slope tells how far at most it can hold: short lines where the ground is steep.
        first = min(self._length, _cost(here) / max(-slope, 1e-300))
        self._line = LineSearch(_cost(here), slope, first, float(to_face.max()))
        self._line_told = [here]
        self._ask_along(self._line, here)

    def _ask_along(self, line: LineSearch, here: Evaluation) -> None:
        """Ask for the next point of the line, put on the cube and the margin; end the line where there is none."""
        unit = self._direction / np.linalg.norm(self._direction)
        while (following := line.next_length()) is not None:
            length, predicted = following
            point = projected(here.point + length * unit, self._margin)
            if point is not None:
                self._asked = [Proposal(point, predicted, "line")]
                return
            line.tell(length, None)
        self._end_line(line, here)

    def _take_line_point(self, line: LineSearch, evaluation: Evaluation) -> None:
        following = line.next_length()
        here = self._line_told[0]
        if following is not None:
            line.tell(following[0], evaluation.cost)
        if evaluation.cost is not None:
            self._line_told.append(evaluation)
        self._ask_along(line, here)

    def _end_line(self, line: LineSearch, here: Evaluation) -> None:
        self._line = None
        best = line.best
        length = line.tried[best][0]
        if best == 0:
            length = 0.5 * min([*line.failed, *(known for known, _ in line.tried[1:])], default=self._length)
        self._length = float(np.clip(length, *LENGTHS))
        if best == 0 and self._since_restart > 0:
            self._restart(here)  # the same gradient may still tell the way
            return
        self._here = there = self._line_told[best]
        distance = float(np.abs((there.point - here.point) / self._differences.steps).max())
        self._moved = (distance, _cost(here) - _cost(there), least_gain(_cost(here), here.error))
        self._ask_gradient(there)


def _cost(evaluation: Evaluation) -> float:
    assert evaluation.cost is not None  # noqa: S101 - only successes are kept
    return evaluation.cost

"""Conjugate gradients on functions whose least point is known, with noise, walls and bounds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from glasspot.search.conjugate_gradient import ConjugateGradient
from glasspot.search.differences import FIRST_STEP, Differences
from glasspot.search.line_search import ITERATIONS, LineSearch
from glasspot.search.proposer import Evaluation

ANSWER = np.array([0.62, 0.35, 0.55, 0.4, 0.48])
START = np.full(5, 0.5)
AXES = np.linalg.qr(np.random.default_rng(3).standard_normal((5, 5)))[0]
CURVATURES = np.array([1.0, 2.0, 4.0, 7.0, 12.0])


def quadratic(point: np.ndarray) -> float:
    return 0.1 + 0.5 * float(CURVATURES @ (AXES @ (point - ANSWER)) ** 2)


def run(
    proposer: ConjugateGradient, cost: Callable[[np.ndarray], float | None], runs: int, error: float | None = None
) -> list[tuple[str, Evaluation]]:
    """Return what was asked for, with its note, until ``runs`` or the end."""
    told: list[tuple[str, Evaluation]] = []
    while len(told) < runs and not proposer.finished:
        for proposal in proposer.ask(2)[: runs - len(told)]:
            told.append((proposal.note, Evaluation(proposal.point, cost(proposal.point), error)))
            proposer.tell([told[-1][1]])
    return told


def place(proposer: ConjugateGradient) -> np.ndarray:
    found = proposer.place
    assert found is not None
    return found


def test_a_quadratic_in_as_many_directions_as_it_has_axes() -> None:
    proposer = ConjugateGradient(start=START)
    gradients = 0
    for proposals in iter(lambda: proposer.ask(1), None):
        if proposals[0].note == "gradient":
            gradients += 1
            if gradients == len(START) + 1:  # after five lines
                break
        proposer.tell([Evaluation(p.point, quadratic(p.point)) for p in proposals])
    assert np.allclose(place(proposer), ANSWER, atol=5e-3)
    assert quadratic(START) - 0.1 > 1000 * (quadratic(place(proposer)) - 0.1)


def test_steepest_descent_alone_is_worse() -> None:
    """The directions are conjugate: on a long valley they get much farther than gradients followed one by one."""

    def valley(point: np.ndarray) -> float:
        return 0.5 * float(np.array([0.05, 0.4, 1.5, 5.0, 12.0]) @ (AXES @ (point - ANSWER)) ** 2)

    class Steepest(ConjugateGradient):
        def _take_gradient(self, here: Evaluation, got: list[Evaluation]) -> None:
            self._moved = None
            super()._take_gradient(here, got)

    costs = []
    for kind in (ConjugateGradient, Steepest):
        proposer = kind(start=START)
        run(proposer, valley, 80)
        costs.append(valley(place(proposer)))
    assert costs[0] < 0.3 * costs[1]


def test_the_first_point_is_the_start_unless_it_is_known() -> None:
    fresh = ConjugateGradient(start=START)
    (first,) = fresh.ask(4)
    assert np.array_equal(first.point, START)
    known = ConjugateGradient(start=START)
    known.tell([Evaluation(np.full(5, 0.2), 0.01), Evaluation(START, quadratic(START)), Evaluation(ANSWER, None)])
    assert np.array_equal(place(known), START)
    points = np.array([p.point for p in known.ask(1)])
    assert len(points) == 10
    assert np.allclose(np.abs(points - START).sum(axis=1), FIRST_STEP)


def test_a_narrow_bent_valley_is_followed() -> None:
    def rosenbrock(point: np.ndarray) -> float:
        x, y = 3.0 * point[0] - 1.5, 3.0 * point[1] - 1.0
        return float((1 - x) ** 2 + 10.0 * (y - x * x) ** 2) / 10.0

    start = np.array([0.1, 0.6])  # on the far side of the bend; the valley's floor alone costs 0.5 there, 0 at its end
    proposer = ConjugateGradient(start=start)
    run(proposer, rosenbrock, 150)
    assert rosenbrock(place(proposer)) < 0.05


@pytest.mark.parametrize("seed", range(6))
def test_it_goes_down_under_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def noisy(point: np.ndarray) -> float:
        return float(quadratic(point) * (1.0 + 0.02 * rng.standard_normal()))

    proposer = ConjugateGradient(start=np.array([0.2, 0.7, 0.3, 0.7, 0.2]))
    run(proposer, noisy, 80, error=0.004)
    # From 0.6 or more; the least is 0.1, and 2 % noise hides what is within 0.005 of it.
    assert quadratic(place(proposer)) < 0.115


def test_it_ends_when_ten_iterations_gained_nothing() -> None:
    proposer = ConjugateGradient(start=START)
    told = run(proposer, quadratic, 10_000)
    assert proposer.finished
    assert len(told) < 400
    assert np.allclose(place(proposer), ANSWER, atol=5e-3)
    ways = [note for note, _ in told]
    assert sum(a != b for a, b in pairwise(ways)) > 10


def test_a_steep_slope_is_no_end() -> None:
    """At a cliff of failures the lines gain nothing, but the ground is not flat."""

    def cliff(point: np.ndarray) -> float | None:
        return 0.5 + float(point[0]) if point[0] > 0.499 else None

    told = run(proposer := ConjugateGradient(start=START), cliff, 60)
    assert not proposer.finished
    assert all(e.point.min() >= 0 and e.point.max() <= 1 for _, e in told)
    run(proposer, cliff, 1000)
    assert proposer.finished  # it cannot move at all


def test_a_wall_of_failures_is_met_but_not_passed() -> None:
    def wall(point: np.ndarray) -> float | None:
        return None if point[0] > 0.57 else quadratic(point)

    proposer = ConjugateGradient(start=START)
    told = run(proposer, wall, 200)
    assert any(e.cost is None for _, e in told)
    free = np.linalg.inv(H := AXES.T @ np.diag(CURVATURES) @ AXES)
    least = 0.1 + 0.5 * 0.05**2 / free[0, 0]  # on the face of the wall
    assert H.shape == (5, 5)
    assert quadratic(place(proposer)) < least + 0.2 * (quadratic(START) - least)


def test_a_failed_side_of_a_gradient_falls_back_on_the_other() -> None:
    proposer = ConjugateGradient(start=START)
    proposer.tell([Evaluation(START, quadratic(START))])
    while (proposals := proposer.ask(1))[0].note == "gradient":
        points = [p.point for p in proposals]
        proposer.tell([Evaluation(p, None if p[0] > 0.5 else quadratic(p)) for p in points])
    h = 1e-6
    true = np.array([(quadratic(START + h * e) - quadratic(START - h * e)) / (2 * h) for e in np.eye(5)])
    gradient = proposer._differences.gradient
    assert gradient @ true > 0.999 * np.linalg.norm(gradient) * np.linalg.norm(true)
    assert np.linalg.norm(gradient) == pytest.approx(np.linalg.norm(true), rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_a_valley_a_hundred_times_steeper_across_than_along(seed: int) -> None:
    """As R_chi over the windows of a potential: a norm, runs that fail 0.06 off the valley, noise."""
    rng = np.random.default_rng(seed)
    steep = np.array([20.0, 6.0, 1.0, 0.5, 0.2])

    def valley(point: np.ndarray) -> float | None:
        cost = float(np.linalg.norm([0.01, *(steep * (point - ANSWER))]))
        return cost * (1 + 0.02 * float(rng.standard_normal())) if cost < 1.0 else None

    start = ANSWER + np.array([-0.01, 0.02, 0.15, -0.2, -0.3])
    proposer = ConjugateGradient(start=start)
    run(proposer, valley, 100, error=0.004)
    assert np.linalg.norm(steep * (start - ANSWER)) > 0.29
    assert np.linalg.norm(steep * (place(proposer) - ANSWER)) < 0.1


def test_an_active_bound_is_slid_along() -> None:
    def beyond(point: np.ndarray) -> float:
        return quadratic(point + np.array([0.8, 0.0, 0.0, 0.0, 0.0]))  # the least point is at -0.18 on the first axis

    proposer = ConjugateGradient(start=START)
    told = run(proposer, beyond, 200)
    assert min(e.point.min() for _, e in told) >= 0
    assert place(proposer)[0] == 0.0
    hessian = AXES.T @ np.diag(CURVATURES) @ AXES
    rest = ANSWER[1:] - np.linalg.solve(hessian[1:, 1:], hessian[1:, 0] * (0.0 + 0.8 - ANSWER[0]))
    assert np.allclose(place(proposer)[1:], rest, atol=0.02)


def test_an_active_margin_is_slid_along() -> None:
    normal = np.array([1.0, 0.0, 1.0, 0.0, 0.0]) / np.sqrt(2)

    def margin(point: np.ndarray) -> float:
        return 0.04 - float(normal @ (point - START)) + 0.3 * float(point[4] - 0.5) ** 2

    proposer = ConjugateGradient(start=START, margin=margin)
    told = run(proposer, quadratic, 200)
    assert min(margin(e.point) for _, e in told) >= 0
    hessian = AXES.T @ np.diag(CURVATURES) @ AXES
    shift = np.linalg.solve(hessian, normal)
    excess = float(normal @ (ANSWER - START)) - 0.04
    assert excess > 0
    least = 0.1 + 0.5 * excess**2 / float(normal @ shift)  # on the plane; the curved margin is within 0.001 of it
    assert quadratic(place(proposer)) == pytest.approx(least, abs=0.05 * (quadratic(START) - least))


@pytest.mark.parametrize("edge", ["cube", "margin"])
def test_along_an_edge_that_the_gradient_presses_on(edge: str) -> None:
    """Most of the gradient points out; what is left leads to the answer as if the edge were not there."""
    start = np.array([0.0 if edge == "cube" else 0.5, 0.7, 0.3])
    answer = np.array([start[0], 0.4, 0.6])

    def pressed(point: np.ndarray) -> float:
        return 0.1 + float(((point - answer)[1:] ** 2).sum()) + 20.0 * float(point[0])

    def margin(point: np.ndarray) -> float:
        return float(point[0]) - start[0] if edge == "margin" else np.inf

    proposer = ConjugateGradient(start=start, margin=margin)
    told = run(proposer, pressed, 30)
    assert min(e.point[0] for _, e in told) >= start[0]
    assert np.allclose(place(proposer), answer, atol=0.01)


@pytest.mark.parametrize(
    ("squared", "noise", "distance", "gain", "ends"),
    [
        (4e-4, 0.0, 0.1, 0.001, True),
        (6e-4, 0.0, 0.1, 0.001, False),  # above 5 %^2
        (6e-4, 4e-4, 0.1, 0.001, True),  # but not above what noise gives
        (4e-4, 0.0, 0.6, 0.001, False),  # it still moves
        (4e-4, 0.0, 0.1, 0.02, False),  # it still gains
    ],
)
def test_the_rule_to_end(squared: float, noise: float, distance: float, gain: float, ends: bool) -> None:
    proposer = ConjugateGradient(start=START)
    for _ in range(10):
        assert not proposer.finished
        proposer._moved = (distance, gain, 0.01)
        proposer._judge(squared, noise)
    assert proposer.finished == ends


def test_a_line_takes_at_most_three_successes_and_ends_where_the_parabola_is_known() -> None:
    line = LineSearch(cost=1.0, slope=-2.0, first=0.1, reach=1.0)
    asked = []
    while (following := line.next_length()) is not None:
        asked.append(following[0])
        line.tell(following[0], 1.0 - 2.0 * following[0] + 4.0 * following[0] ** 2)
    assert asked == pytest.approx([0.1, 0.2, 0.25])  # no more than twice the farthest at once
    line = LineSearch(cost=1.0, slope=-2.0, first=0.2, reach=1.0)
    line.tell(0.2, 1.0 - 2.0 * 0.2 + 4.0 * 0.2**2)
    length, expected = line.next_length() or (0.0, 0.0)
    assert (length, expected) == pytest.approx((0.25, 0.75))
    line.tell(length, expected)
    assert line.next_length() is None
    line = LineSearch(cost=1.0, slope=-2.0, first=0.1, reach=1.0)
    rng = np.random.default_rng(1)
    while (following := line.next_length()) is not None:
        line.tell(following[0], float(rng.uniform()))
    assert len(line.tried) <= 1 + ITERATIONS


def test_a_line_halves_its_step_where_runs_fail() -> None:
    line = LineSearch(cost=1.0, slope=-2.0, first=0.2, reach=1.0)
    asked = []
    while (following := line.next_length()) is not None:
        asked.append(following[0])
        line.tell(following[0], None)
    assert asked == pytest.approx([0.2, 0.1, 0.05, 0.025])


def test_the_direction_is_that_of_polak_and_ribiere() -> None:
    proposer = ConjugateGradient(start=START[:2])
    here = Evaluation(START[:2], 0.3, 0.001)
    old, new, scale, before = (np.array(x) for x in ([0.2, 0.5], [0.3, 0.4], [4.0, 1.0], [0.8, 0.5]))
    known = Differences(2, lambda _: 1.0)
    known.begin(here)
    known.tell([Evaluation(p, 0.3 - float(new @ (p - here.point)), 0.0) for p in known.points])
    while known.points:  # changes of the cost that are far from those wanted are asked for again
        known.tell([Evaluation(p, 0.3 - float(new @ (p - here.point)), 0.0) for p in known.points])
    assert known.gradient == pytest.approx(-new)
    known.points, known.tell = [here.point], lambda _: known.points.clear()  # type: ignore[method-assign]
    proposer._differences, proposer._here, proposer._downhill = known, here, old
    proposer._scale, proposer._direction, proposer._moved = scale, before, (1.0, 0.1, 0.01)
    proposer._take_gradient(here, [])
    beta = scale * new @ (new - old) / (scale * old @ old)
    assert beta > 0 and proposer._direction == pytest.approx(scale * new + beta * before)

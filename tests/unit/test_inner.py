"""What runs on a surrogate: optimisers of a cheap function, the choice that keeps points apart, the start set."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.search.best_of_runs import Best
from glasspot.search.diverse import AGAIN, APART, best_apart, distances
from glasspot.search.failures import Failures
from glasspot.search.grid_random import grid_about, grid_random, random_points, sobol_points
from glasspot.search.inner import ACQUISITIONS, LOOKS, Looked, Task, bayesian, cma_es
from glasspot.search.proposer import Evaluation, no_margin

ANSWER = np.array([0.35, 0.55, 0.3, 0.7])
BOX = np.array([[0.2, 0.6], [0.3, 0.9], [0.3, 0.7], [0.0, 0.9]])  # the answer lies on a face of it
WINDOWS = np.tile([0.2, 0.8], (5, 1))


def bowl(points: np.ndarray) -> np.ndarray:
    d = (points - ANSWER) / (BOX[:, 1] - BOX[:, 0])
    return np.asarray(0.001 + (d**2).sum(1) + 2 * d.sum(1) ** 2)


def anywhere(point: np.ndarray) -> bool:
    return True


def corner(point: np.ndarray) -> bool:
    """Refuse the half of the box with the answer."""
    return bool(point[1] > 0.6)


def looked(name: str, task: Task, seed: int = 1) -> Looked:
    rng = np.random.default_rng(seed)
    if name == "cma-es":
        return cma_es(task, rng, np.array([0.3, 0.8, 0.6, 0.4]))
    pytest.importorskip("botorch", reason="botorch is not installed")
    from glasspot.search.cost_model import repeatable

    with repeatable(seed):
        return bayesian(task, rng, name, 15)


@pytest.mark.parametrize("name", [*ACQUISITIONS, "cma-es"])
def test_the_least_point_of_the_box_is_found_also_on_its_face(name: str) -> None:
    found = looked(name, Task(bowl, BOX, anywhere))
    assert (found.points >= BOX[:, 0]).all()
    assert (found.points <= BOX[:, 1]).all()
    assert np.allclose(found.losses, bowl(found.points))
    # At random, 60 points come to about 0.15; CMA-ES, with more looks, comes as near as one likes.
    assert found.losses.min() < (0.0011 if name == "cma-es" else 0.02)
    if name != "cma-es":
        assert len(found.points) == LOOKS


@pytest.mark.parametrize("name", ["expected-improvement", "cma-es"])
def test_only_allowed_points_are_looked_at(name: str) -> None:
    found = looked(name, Task(bowl, BOX, corner))
    assert found.points[:, 1].min() > 0.6
    # Of the face y = 0.6: d_y = 1/12, and the others give way.
    assert found.losses.min() < 0.05


@pytest.mark.parametrize("name", ["upper-confidence-bound", "cma-es"])
def test_the_same_random_numbers_give_the_same_points(name: str) -> None:
    task = Task(bowl, BOX, anywhere)
    assert np.array_equal(looked(name, task).points, looked(name, task).points)
    assert not np.array_equal(looked(name, task).points, looked(name, task, seed=2).points)


@pytest.mark.parametrize("name", ["probability-of-improvement", "cma-es"])
def test_where_nothing_is_allowed_nothing_is_looked_at(name: str) -> None:
    found = looked(name, Task(bowl, BOX, lambda point: False))
    assert found.points.shape == (0, 4)
    assert found.losses.shape == (0,)


def test_the_best_are_taken_and_kept_apart() -> None:
    rng = np.random.default_rng(1)
    points, width = rng.random((400, 5)) * 0.5, np.full(5, 0.5)
    losses = rng.random(400)
    chosen = best_apart(points, losses, 10, width)
    assert chosen[0] == np.argmin(losses)
    assert (np.diff(losses[chosen]) > 0).all()
    between = distances(points[chosen], points[chosen], width)
    assert between[~np.eye(10, dtype=bool)].min() >= APART
    # Whatever is better than the last of them and was left out lies near one that is better still.
    for left in set(np.flatnonzero(losses < losses[chosen[-1]])) - set(chosen.tolist()):
        better = chosen[losses[chosen] < losses[left]]
        assert distances(points[[left]], points[better], width).min() < APART


def test_distances_mean_the_same_in_any_number_of_dimensions_and_windows() -> None:
    for n, width in ((1, 0.1), (5, 0.5), (20, 1.0)):
        assert np.isclose(distances(np.zeros((1, n)), np.full((1, n), 0.05 * width), np.full(n, width)), 0.05)


def test_where_all_are_near_each_other_they_come_nearer_but_never_twice() -> None:
    points = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.51], [0.5, 0.52]])
    chosen = best_apart(points, np.array([0.4, 0.1, 0.3, 0.2]), 4, np.ones(2))
    assert chosen.tolist() == [1, 3, 2]  # at 0.05 / 8 and 0.05 / 16; the first is the second again


def test_what_was_run_is_not_run_again() -> None:
    points = np.array([[0.5, 0.5], [0.5, 0.5 + AGAIN], [0.2, 0.5]])
    chosen = best_apart(points, np.array([0.1, 0.2, 0.3]), 3, np.ones(2), known=np.array([[0.5, 0.5]]))
    assert chosen.tolist() == [2]  # AGAIN along one axis of two is less than AGAIN
    assert len(best_apart(np.zeros((0, 2)), np.zeros(0), 3, np.ones(2), known=points)) == 0


def test_the_best_of_several_runs_leave_out_what_is_known() -> None:
    task, width = Task(bowl, BOX, anywhere), BOX[:, 1] - BOX[:, 0]
    place = np.array([0.3, 0.8, 0.6, 0.4])
    first = Best(runs=3, top=5, pick=6).of(task, "cma-es", np.random.default_rng(1), place[None], place)
    assert first.shape == (6, 4)
    again = Best(runs=3, top=5, pick=6).of(task, "cma-es", np.random.default_rng(1), first, place)
    assert distances(again, first, width).min() >= AGAIN
    assert bowl(first)[0] < bowl(again)[0] < bowl(again)[-1] < 0.2  # the best is taken; near it there are others
    filled = Best(runs=1, top=2, pick=6).of(task, "cma-es", np.random.default_rng(1), first, place)
    assert len(filled) == 6  # two from the run, four at random


def test_a_point_is_avoided_where_the_nearest_run_failed() -> None:
    width = np.array([0.5, 0.1])
    failure, success = Evaluation(np.array([0.4, 0.4]), None), Evaluation(np.array([0.6, 0.4]), 0.1)
    found = Failures([failure, success], width)
    assert found.near(np.array([0.49, 0.4]))
    assert not found.near(np.array([0.51, 0.4]))
    # In units of the windows: a success beside it in the wide direction is nearer than one in the narrow direction.
    other = Failures([failure, Evaluation(np.array([0.4, 0.44]), 0.1)], width)
    assert not other.near(np.array([0.4, 0.43]))
    assert other.near(np.array([0.3, 0.415]))
    assert not Failures([failure, Evaluation(failure.point, 0.1)], width).near(failure.point)
    assert not Failures([success], width).near(failure.point)
    assert not Failures([], width).near(failure.point)


def test_the_grid_moves_one_parameter_then_pairs() -> None:
    start = np.array([0.5, 0.5, 0.4, 0.5, 0.5])
    grid = np.array(grid_about(start, WINDOWS)) - start
    moved = (np.abs(grid) > 1e-9).sum(1)
    assert moved.tolist() == [1] * 30 + [2] * 40
    assert np.allclose(grid[0], [-0.2, 0, 0, 0, 0])  # 2/3 of the way to 0.2
    assert np.allclose(sorted(set(np.round(grid[:30, 2], 9)) - {0.0}), [-2 / 15, -1 / 15, -0.04, 0.08, 2 / 15, 4 / 15])
    assert len(np.unique(np.round(grid, 9), axis=0)) == 70


def test_the_grid_leaves_out_the_side_on_which_the_start_stands_at_the_bound() -> None:
    grid = np.array(grid_about(np.array([0.2, 0.5]), WINDOWS[:2]))
    assert grid[:, 0].min() == 0.2
    assert len(grid) == 3 + 6 + 2  # and pairs, of which those with no step in the first are there already


@pytest.mark.parametrize("make", [grid_random, sobol_points])
def test_a_start_set_begins_with_the_start_and_passes_the_screen(make: object) -> None:
    def margin(point: np.ndarray) -> float:
        return float(point.sum() - 2.0)

    start = np.full(5, 0.3)  # not screened
    points = make(start, 1, margin, WINDOWS, 60)  # type: ignore[operator]
    assert points.shape == (60, 5)
    assert np.array_equal(points[0], start)
    assert min(margin(p) for p in points[1:]) >= 0
    assert points.min() >= 0.2
    assert points.max() <= 0.8
    assert len(np.unique(points, axis=0)) == 60
    assert np.array_equal(points, make(start, 1, margin, WINDOWS, 60))  # type: ignore[operator]
    assert not np.array_equal(points, make(start, 2, margin, WINDOWS, 60))  # type: ignore[operator]
    with pytest.raises(GlasspotError, match="pass the screen"):
        make(start, 1, lambda point: -1.0, WINDOWS, 60)  # type: ignore[operator]


def test_at_most_half_of_a_start_set_is_a_grid() -> None:
    start = np.full(5, 0.5)
    points = grid_random(start, 1, no_margin, WINDOWS, 230)
    assert ((np.abs(points - start) > 1e-9).sum(1) <= 2).sum() == 71
    points = grid_random(start, 1, no_margin, WINDOWS, 20)
    assert ((np.abs(points - start) > 1e-9).sum(1) <= 2).sum() == 11


def test_random_points_fill_the_windows_evenly() -> None:
    points = random_points(np.random.default_rng(1), WINDOWS, anywhere, 500)
    assert points.shape == (500, 5)
    # The mean of 500 even numbers over 0.6 has an error of 0.0077.
    assert np.allclose(points.mean(0), 0.5, atol=0.035)

"""Start points: the start, then an even set that passes the screen."""

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.search.proposer import Evaluation, no_margin
from glasspot.search.sobol import Sobol, best_point, start_set

START = np.array([0.5, 0.4, 0.3])


def _half(point):
    return point[0] - 0.5


def _sobol(**changes):
    return Sobol(**({"start": START, "seed": 1, "margin": no_margin, "points": 10} | changes))


def _told(proposals, cost=0.5):
    return [Evaluation(p.point, cost, 0.01) for p in proposals]


def test_the_start_comes_first_even_where_the_screen_refuses_it():
    sobol = _sobol(margin=lambda u: u[0] - 0.6)
    points = np.array([p.point for p in sobol.ask(10)])
    assert points[0] == pytest.approx(START)
    assert np.all(points[1:, 0] >= 0.6)


def test_the_set_fills_the_cube_more_evenly_than_chance():
    from scipy.stats import qmc

    points = start_set(START, 3, no_margin, 65)[1:]
    chance = [qmc.discrepancy(np.random.default_rng(n).random((64, 3))) for n in range(20)]
    assert qmc.discrepancy(points) < 0.5 * min(chance)


def test_batches_follow_each_other_and_asking_changes_nothing():
    asked, resumed = _sobol(), _sobol()
    seen = []
    while not asked.finished:
        first, again = asked.ask(4), asked.ask(4)
        assert np.array_equal([p.point for p in first], [p.point for p in again])
        seen.extend(p.point for p in first)
        asked.tell(_told(first))
        resumed.tell(_told(first))
        assert np.array_equal([p.point for p in asked.ask(4)], [p.point for p in resumed.ask(4)])
    assert np.array_equal(seen, start_set(START, 1, no_margin, 10))
    assert len(asked.ask(2)) == 1  # never none, even when the set is used up


def test_the_seed_decides_the_set():
    assert np.array_equal(start_set(START, 1, no_margin, 9), start_set(START, 1, no_margin, 9))
    assert not np.array_equal(start_set(START, 1, no_margin, 9)[1:], start_set(START, 2, no_margin, 9)[1:])


def test_more_points_begin_with_the_same():
    assert np.array_equal(start_set(START, 1, _half, 100)[:10], start_set(START, 1, _half, 10))


@pytest.mark.parametrize(("width", "share"), [(0.0, "0 of"), (2e-3, r"of .* \(0\.\d%\)")])
def test_windows_that_the_screen_empties_are_refused_with_the_share_that_passed(width, share):
    with pytest.raises(GlasspotError, match=share):
        _sobol(margin=lambda u: width - u[1])


def test_one_point_is_the_start_alone():
    sobol = _sobol(points=1)
    sobol.tell(_told(sobol.ask(3)))
    assert sobol.finished
    assert sobol.place == pytest.approx(START)


def test_the_place_is_the_best_point_and_none_where_all_failed():
    points = np.eye(3)
    costs = [0.3, None, 0.2]
    assert best_point([Evaluation(u, c) for u, c in zip(points, costs, strict=True)]) == pytest.approx(points[2])
    assert best_point([Evaluation(points[0], None)]) is None

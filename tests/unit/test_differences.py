"""Gradients by differences whose steps follow what they find."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from glasspot.search.differences import CHANGE, FIRST_STEP, STEPS, Differences
from glasspot.search.proposer import Evaluation, no_margin

HERE = np.full(3, 0.5)


def measure(
    differences: Differences, cost: Callable[[np.ndarray], float | None], here: np.ndarray = HERE, error: float = 0.0
) -> int:
    """Take a gradient; return how many rounds of runs it took."""
    differences.begin(Evaluation(here, cost(here), error))
    rounds = 0
    while differences.points:
        rounds += 1
        differences.tell([Evaluation(p, cost(p), error) for p in differences.points])
    return rounds


def slopes(point: np.ndarray) -> float:
    return 0.1 + float(np.array([2.0, 0.3, 0.01]) @ (point - HERE))


def test_each_step_comes_to_make_the_same_change() -> None:
    differences = Differences(3, no_margin)
    assert [measure(differences, slopes) for _ in range(4)] == [1, 1, 1, 1]
    assert differences.gradient == pytest.approx([2.0, 0.3, 0.01])
    assert differences.steps == pytest.approx([CHANGE * 0.1 / 2.0, CHANGE * 0.1 / 0.3, STEPS[1]])


def test_noise_makes_steps_longer() -> None:
    differences = Differences(3, no_margin)
    for _ in range(6):
        measure(differences, slopes, error=0.02)
    assert differences.steps[0] == pytest.approx(5 * 0.02 / 2.0)
    assert differences.variance[0] == pytest.approx(2 * 0.02**2 / (2 * differences.steps[0]) ** 2)


def test_a_step_over_the_valley_is_asked_again_shorter() -> None:
    """One side fails 0.006 from here: a difference to one side would show a cliff where there is hardly a slope."""

    def ravine(point: np.ndarray) -> float | None:
        away = float(point[0]) - 0.499
        return None if away > 0.007 else 0.1 + 200.0 * away**2

    differences = Differences(3, no_margin)
    assert measure(differences, ravine) == 2
    assert differences.gradient[0] == pytest.approx(400.0 * 0.001)
    assert differences.steps[0] <= FIRST_STEP / 2


def test_at_faces_and_margins_one_side_is_enough() -> None:
    corner = np.array([0.0, 1.0, 0.5])
    differences = Differences(3, lambda point: 0.505 - float(point[2]))

    def plane(point: np.ndarray) -> float:
        return 3.0 + float(np.array([2.0, 0.3, 1.0]) @ (point - corner))

    measure(differences, plane, corner)
    assert differences.gradient == pytest.approx([2.0, 0.3, 1.0])


def test_an_axis_of_which_nothing_is_known_has_no_slope() -> None:
    differences = Differences(3, no_margin)
    assert measure(differences, lambda p: None if p[1] != 0.5 else slopes(p)) == 3
    assert differences.gradient == pytest.approx([2.0, 0.0, 0.01])

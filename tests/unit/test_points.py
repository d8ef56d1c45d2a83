"""Points brought back into the cube and behind the margin."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.search.points import projected, pulled_back, same, slope_of

CENTRE = np.full(3, 0.4)


def ball(point: np.ndarray) -> float:
    return 0.3 - float(np.linalg.norm(point - CENTRE))


def cliff(point: np.ndarray) -> float:
    """No barrier at all on one side, a low one on the other: as where like charges only repel."""
    return np.inf if point[0] < 0.5 else -0.8


def test_a_point_is_pulled_back_as_far_as_needed() -> None:
    inside = np.array([0.5, 0.4, 0.4])
    assert np.array_equal(pulled_back(inside, CENTRE, ball), inside)
    back = pulled_back(np.array([0.9, 0.4, 0.4]), CENTRE, ball)
    assert back == pytest.approx([0.7, 0.4, 0.4])
    assert ball(back) >= 0
    face = pulled_back(np.array([0.4, -3.0, 0.4]), CENTRE, lambda p: 1.0)
    assert face == pytest.approx([0.4, 0.0, 0.4])
    hopeless = pulled_back(np.array([0.9, 0.9, 0.9]), CENTRE, lambda p: -1.0)
    assert hopeless == pytest.approx(CENTRE)


def test_a_point_is_projected_on_the_nearest_edge() -> None:
    on = projected(np.array([0.7, 0.7, 0.4]), ball)
    assert on is not None
    assert 0 <= ball(on) < 0.02
    assert np.linalg.norm(on - CENTRE - 0.3 * np.array([1.0, 1.0, 0.0]) / np.sqrt(2)) < 0.02
    assert projected(np.array([0.7, 0.7, 0.4]), lambda p: -1.0) is None


def test_where_the_margin_is_infinite_its_slope_is_a_number() -> None:
    for x in (0.3, 0.4995, 0.5005, 0.9):
        assert np.isfinite(slope_of(cliff, np.array([x, 0.5, 0.5]))).all()
    for x in (0.3, 0.6):
        point = projected(np.array([x, 0.5, 0.5]), cliff)
        assert point is None or cliff(point) >= 0


def test_rounding_makes_no_other_point() -> None:
    assert same(CENTRE, CENTRE + 1e-9)
    assert not same(CENTRE, CENTRE + np.array([0.0, 0.0, 1e-4]))

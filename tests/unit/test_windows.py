"""Windows that move by rule: only for what chance does not explain, on that side only, and never where runs fail."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.search.proposer import Evaluation, no_margin
from glasspot.search.windows import Rule, Selection, checked, moved

N = 5
WINDOWS = np.tile([0.25, 0.75], (N, 1))
PICK = 10


def spread(rng: np.random.Generator, count: int = PICK, windows: np.ndarray = WINDOWS) -> np.ndarray:
    """Return points spread evenly over the windows."""
    return windows[:, 0] + (windows[:, 1] - windows[:, 0]) * rng.random((count, N))


def piled(rng: np.random.Generator, axis: int, low: float, high: float, count: int = PICK) -> np.ndarray:
    points = spread(rng, count)
    points[:, axis] = low + (high - low) * rng.random(count)
    return points


def told(points: np.ndarray, failed: int = 0) -> list[Evaluation]:
    """Return the points as evaluations, of which the first ``failed`` failed."""
    return [Evaluation(point, None if i < failed else 0.1) for i, point in enumerate(points)]


def test_points_spread_by_chance_move_a_window_in_less_than_one_in_a_hundred_iterations() -> None:
    moves, trials = 0, 1500
    for trial in range(trials):
        rng = np.random.default_rng([1, trial])
        selections = [Selection(spread(rng), WINDOWS) for _ in range(1 + trial % 3)]
        _, decisions = moved(WINDOWS, selections, [], no_margin, seed=trial)
        moves += any(d["moved"] for d in decisions)
    # Holm keeps it below 1 %; 15 +- 4 would be at the level itself, so more than 15 would be a fault of the rule.
    assert moves <= 15


def test_a_screen_that_leaves_only_one_side_is_no_reason_to_move() -> None:
    """Half of the windows are refused: of what is left, twice as much is near the low bound as elsewhere."""

    def margin(point: np.ndarray) -> float:
        return 0.5 - point[0]

    moves, trials = 0, 400
    for trial in range(trials):
        rng = np.random.default_rng([2, trial])
        points = spread(rng, 200)
        passed = points[[margin(p) >= 0 for p in points]]
        selections = [Selection(passed[:PICK], WINDOWS), Selection(passed[PICK : 2 * PICK], WINDOWS)]
        _, decisions = moved(WINDOWS, selections, [], margin, seed=trial)
        moves += bool(decisions)
    assert moves <= 8  # 1 % of 400, and two standard deviations more


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("axis", range(N))
def test_points_that_pile_up_move_the_window_on_that_side_only(axis: int, side: int) -> None:
    for trial in range(10):
        rng = np.random.default_rng([3, axis, side, trial])
        points = piled(rng, axis, *((0.25, 0.29) if side == 0 else (0.71, 0.75)))
        new, decisions = moved(WINDOWS, [Selection(points, WINDOWS)], told(points), no_margin, seed=trial)
        expected = WINDOWS.copy()
        expected[axis, side] += 0.125 if side else -0.125  # a quarter of the width of 0.5
        assert np.allclose(new, expected)
        (decision,) = decisions
        assert (decision["kind"], decision["axis"], decision["side"]) == ("window", axis, ("low", "high")[side])
        assert decision["moved"]
        assert decision["evaluations"] == PICK
        assert decision["before"] == WINDOWS[axis].tolist()
        assert decision["after"] == new[axis].tolist()
        assert decision["p_value"] < 1e-3
        assert "10 of the 10 points" in decision["reason"]
        assert ("lowest 10%", "highest 10%")[side] in decision["reason"]


def test_points_at_the_bound_count() -> None:
    points = spread(np.random.default_rng(4))
    points[:, 2] = 0.25
    new, _ = moved(WINDOWS, [Selection(points, WINDOWS)], told(points), no_margin, seed=0)
    assert new[2].tolist() == [0.125, 0.75]


def test_both_sides_may_move_at_once() -> None:
    rng = np.random.default_rng(5)
    points = np.vstack([piled(rng, 0, 0.25, 0.28), piled(rng, 0, 0.72, 0.75)])
    new, decisions = moved(WINDOWS, [Selection(points, WINDOWS)], told(points), no_margin, seed=0)
    assert new[0].tolist() == [0.125, 0.875]
    assert [d["after"] for d in decisions] == [[0.125, 0.75], [0.125, 0.875]]
    assert decisions[1]["before"] == decisions[0]["after"]


def test_two_iterations_show_what_one_is_too_few_for() -> None:
    rng = np.random.default_rng(6)
    one, other = spread(rng), spread(rng)
    one[:, 0] = other[:, 0] = [0.26, 0.27, 0.28, 0.29, *np.linspace(0.35, 0.65, 6)]  # 4 of 10: p = 0.013
    first, second = Selection(one, WINDOWS), Selection(other, WINDOWS)
    assert not moved(WINDOWS, [first], told(one), no_margin, seed=0)[1]
    new, _ = moved(WINDOWS, [first, second], told(one), no_margin, seed=0)
    assert new[0, 0] == 0.125


def test_points_selected_in_other_windows_do_not_count() -> None:
    rng = np.random.default_rng(7)
    before = WINDOWS.copy()
    before[0] = [0.4, 0.75]
    selections = [Selection(piled(rng, 0, 0.25, 0.29), before), Selection(spread(rng), WINDOWS)]
    assert not moved(WINDOWS, selections, [], no_margin, seed=0)[1]
    selections = [Selection(piled(rng, 1, 0.25, 0.29), before), Selection(spread(rng), WINDOWS)]
    new, _ = moved(WINDOWS, selections, [], no_margin, seed=0)  # that axis had the same window
    assert new[1, 0] == 0.125


def test_windows_never_leave_the_cube_and_stop_at_it() -> None:
    windows, selections, reasons = WINDOWS, [], []
    for number in range(6):
        rng = np.random.default_rng([8, number])
        points = spread(rng, windows=windows)
        points[:, 3] = windows[3, 1]
        selections.append(Selection(points, windows))
        windows, decisions = moved(windows, selections, told(points), no_margin, seed=8)
        assert windows.min() >= 0
        assert windows.max() <= 1
        reasons += [(d["moved"], d["reason"]) for d in decisions]
    assert windows[3].tolist() == [0.25, 1.0]
    assert "as far as the outermost limit" in reasons[1][1]
    assert [done for done, _ in reasons] == [True, True, False, False, False, False]
    assert "stands at the outermost limit already" in reasons[-1][1]


def test_the_screen_may_refuse_what_would_be_added() -> None:
    points = piled(np.random.default_rng(9), 1, 0.25, 0.29)

    def margin(point: np.ndarray) -> float:
        return point[1] - 0.22  # of 0.125 .. 0.25 a quarter passes

    new, (decision,) = moved(WINDOWS, [Selection(points, WINDOWS)], told(points), margin, seed=0)
    assert np.array_equal(new, WINDOWS)
    assert not decision["moved"]
    assert decision["after"] == decision["before"]
    assert "passes the screen" in decision["reason"]


@pytest.mark.parametrize(("failed", "moves"), [(0, True), (2, True), (5, True), (7, False), (10, False)])
def test_runs_that_fail_near_the_bound_refuse_it(failed: int, moves: bool) -> None:
    """Of ten, more than a third beyond chance: from seven on, P(K >= 7 | 10, 1/3) = 0.02."""
    points = piled(np.random.default_rng(10), 1, 0.25, 0.29)
    far = told(piled(np.random.default_rng(11), 1, 0.4, 0.6, 30), failed=20)  # elsewhere they do not matter
    selection = Selection(points, WINDOWS)
    new, (decision,) = moved(WINDOWS, [selection], [*told(points, failed), *far], no_margin, seed=0)
    assert decision["moved"] is moves
    assert new[1, 0] == (0.125 if moves else 0.25)
    if not moves:
        assert f"{failed} of the 10 points run near that bound failed" in decision["reason"]


def test_the_same_history_gives_the_same_windows() -> None:
    points = piled(np.random.default_rng(12), 1, 0.25, 0.29)

    def margin(point: np.ndarray) -> float:
        return point[0] + point[1] - 0.5

    def once() -> object:
        new, decisions = moved(WINDOWS, [Selection(points, WINDOWS)], told(points), margin, seed=3)
        return new.tolist(), decisions

    assert once() == once()


def test_the_numbers_of_the_rule_can_be_changed() -> None:
    points = piled(np.random.default_rng(13), 0, 0.25, 0.29)
    selection = Selection(points, WINDOWS)
    new, _ = moved(WINDOWS, [selection], [], no_margin, 0, Rule(step=0.1))
    assert np.isclose(new[0, 0], 0.2)
    assert not moved(WINDOWS, [selection], [], no_margin, 0, Rule(level=1e-12))[1]


@pytest.mark.parametrize("bad", [[0.5, 0.5], [0.7, 0.2], [-0.1, 0.5], [0.5, 1.2]])
def test_windows_that_are_empty_or_leave_the_cube_are_refused(bad: list[float]) -> None:
    with pytest.raises(GlasspotError, match="parameter 2"):
        checked(np.array([[0.1, 0.9], bad]))

"""How long a run will still take: the same rule for the terminal, glasspot status and the live page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from glasspot.campaign.now import Now, RunNow
from glasspot.report.left import LATE, Mark, asked_seconds, search_seconds, seconds_of_late

AT = 1.79e9  # seconds of the epoch


def job(part: float, spent: float, silent: float = 0.0) -> RunNow:
    """Return a run of which so much is done, after so many seconds."""
    return RunNow("k", "fit 1", "n1", AT - spent - silent, round(1000 * part), 1000, 1e6, silent)


def now(jobs: Sequence[RunNow], waiting: int = 0, unnamed: int = 0) -> Now:
    under_way = len(jobs) + unnamed
    return Now(AT, under_way + waiting, under_way, {"n1": under_way}, 1e6, tuple(jobs))


# The runs asked for


def test_runs_under_way_tell_their_own_pace() -> None:
    assert asked_seconds(now([job(0.5, 30.0), job(0.5, 30.0)]), 7.0) == pytest.approx(30.0)
    assert asked_seconds(now([job(0.5, 30.0), job(0.5, 30.0)], waiting=4), 7.0) == pytest.approx(30.0 + 2 * 60.0)
    # It is counted until each spoke last: one that is silent does not seem to be slow.
    assert asked_seconds(now([job(0.5, 30.0, silent=14.0)]), None) == pytest.approx(30.0)


def test_runs_that_have_just_begun_are_as_long_as_those_before() -> None:
    just = [job(0.001, 5.0), job(0.0, 0.0)]
    assert asked_seconds(now(just), 60.0) == pytest.approx(60.0)
    assert asked_seconds(now(just, waiting=6), 60.0) == pytest.approx(0.9995 * 60.0 + 3 * 60.0)
    assert asked_seconds(now([job(0.1, 5.0)]), None) == pytest.approx(45.0)  # nothing else tells it


def test_it_is_not_less_than_the_run_that_has_most_before_it() -> None:
    assert asked_seconds(now([job(0.9, 90.0), job(0.1, 10.0)]), None) == pytest.approx(90.0)


def test_runs_that_are_not_named_are_as_far_as_the_others() -> None:
    named = [job(0.5, 30.0)] * 4
    assert asked_seconds(now(named, waiting=100, unnamed=96), None) == pytest.approx(30.0 + 60.0)
    assert asked_seconds(now([], waiting=30, unnamed=10), 10.0) == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("found", "each"),
    [
        (now([]), 60.0),
        (now([], waiting=5), 60.0),  # nothing is under way, so nobody knows when it begins
        (now([job(0.0, 10.0)]), None),
        (now([job(0.5, 0.0)]), None),  # the clock of its machine is ahead
    ],
)
def test_what_is_not_known_is_not_said(found: Now, each: float | None) -> None:
    assert asked_seconds(found, each) is None


def test_the_last_runs_tell_how_long_one_takes() -> None:
    assert seconds_of_late([]) is None
    assert seconds_of_late([4.0, 8.0]) == 6.0
    assert seconds_of_late([1000.0] * 9 + [10.0] * LATE) == 10.0


# The search


def course(*rounds: tuple[int, float], each: int = 1) -> list[Mark]:
    """Return the marks of rounds: how many evaluations, and the wall time (s) of each round."""
    marks: list[Mark] = []
    clock = 0.0
    for number, (evaluations, seconds) in enumerate(rounds):
        clock += seconds
        for _ in range(evaluations):
            marks.append(Mark(len(marks), number, each * (len(marks) + 1), clock))
    return marks


def left(marks: list[Mark], most: int | None) -> float | None:
    return search_seconds(marks.__getitem__, len(marks), most)


def test_the_time_left_of_a_search_is_that_of_its_pace_of_late() -> None:
    slow, fast = [(1, 100.0)] * 60, [(1, 10.0)] * LATE
    assert left(course(*slow, *fast), 200) == pytest.approx(90 * 10.0)
    assert left(course(*slow, *fast, each=4), 800) == pytest.approx(90 * 10.0)  # each evaluation is four MD runs


@pytest.mark.parametrize("size", [8, 64, 1000])
def test_evaluations_that_end_together_do_not_seem_to_be_fast(size: int) -> None:
    rounds = [(1, 500.0), *[(size, 600.0)] * 3]
    assert left(course(*rounds), 1 + 5 * size) == pytest.approx(2 * 600.0)
    assert left(course(*rounds[:2]), 1 + 5 * size) == pytest.approx(4 * 600.0)  # after the first round already


@pytest.mark.parametrize(
    ("marks", "most"),
    [
        ([], 100),
        (course((1, 10.0)), 100),  # the first evaluation runs alone
        (course((1, 10.0), (4, 10.0)), None),
        (course((1, 10.0), (4, 10.0)), 5),  # the budget is used up
        (course((4, 10.0)), 100),
    ],
)
def test_of_a_search_without_pace_or_end_nothing_is_said(marks: list[Mark], most: int | None) -> None:
    assert left(marks, most) is None


def test_few_evaluations_are_asked_for() -> None:
    marks, asked = course((1, 5.0), *[(64, 600.0)] * 200), []

    def mark(number: int) -> Mark:
        asked.append(number)
        return marks[number]

    assert search_seconds(mark, len(marks), 20_000) is not None
    assert len(asked) < 30


def test_a_mark_is_what_a_record_says() -> None:
    record: dict[str, Any] = {"number": 3, "round": 2, "run": 8, "seconds": 12.5, "cost": None}
    assert Mark.of(record) == Mark(3, 2, 8, 12.5)

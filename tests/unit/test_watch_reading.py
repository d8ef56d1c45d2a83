"""What a live page reads: each thing once, and thinned where it is much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import live_samples as samples
from glasspot.errors import GlasspotError
from glasspot.live.course import STEP, Course
from glasspot.live.ended import EndedRuns
from glasspot.report.left import LATE
from glasspot.store import STORE_FILE, Store
from glasspot.store.news import News


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of many evaluations."""
    return samples.make_store(tmp_path_factory.mktemp("long"), evaluations=700)


def test_of_many_evaluations_some_are_drawn_and_every_better_one(long: Path) -> None:
    course = Course(most=100)
    with Store.open(long) as store:
        course.read(News(store))
        drawn = [record["number"] for record in course.records(News(store))]
        whole = store.records(STEP)
    assert course.stride == 8 and set(range(0, 700, 8)) <= set(drawn) and drawn[-1] == 699
    best, better = float("inf"), []
    for record in whole:
        if record["cost"] is not None and record["cost"] < best:
            best, better = record["cost"], [*better, record["number"]]
    best_run = course.standing.best
    assert set(better) <= set(drawn) and best_run is not None and best_run["run"] == better[-1] + 1
    assert len(drawn) < 150 and drawn == sorted(drawn)
    assert (
        course.said()
        == f"Thinned: {len(drawn)} of 700 evaluations are drawn, among them each that was the best so far."
    )


def test_few_evaluations_are_all_drawn(long: Path) -> None:
    course = Course()
    with Store.open(long) as store:
        course.read(News(store))
        assert len(course.records(News(store))) == 700
    assert course.said() == ""


def test_a_search_that_gains_all_the_time_is_thinned_too(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        for number in range(300):
            store.put_record(STEP, number, samples.step(1) | {"number": number, "cost": 1.0 - 0.001 * number})
        course = Course(most=50)
        course.read(News(store))
        drawn = [record["number"] for record in course.records(News(store))]
    assert len(drawn) < 120 and drawn[0] == 0 and drawn[-1] == 299


class Counting(News):
    """Counts the rows that are read."""

    rows = 0

    def records_after(self, kind: str, number: int, most: int = -1) -> list[tuple[int, dict[str, Any]]]:
        found = super().records_after(kind, number, most)
        self.rows += len(found)
        return found


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    samples.make_store(tmp_path, evaluations=20)
    course, ended = Course(), EndedRuns()
    with Store.create(tmp_path) as store:
        news = Counting(store)
        course.read(news)
        ended.read(news)
        samples.add_evaluation(store, 20)
        samples.add_evaluation(store, 21)
        course.read(news)
        ended.read(news)
        assert news.rows == 22 and [record["number"] for record in course.records(news)] == list(range(22))
        assert ended.tally.runs == 22
        # A store from which evaluations were taken (a repair, say) is read anew.
        samples.make_store(tmp_path / "less", evaluations=7)
    with Store.open(tmp_path / "less") as store:
        course.read(News(store))
        ended.read(News(store))
    assert len(course.marks) == 7 and ended.tally.runs == 7


def test_a_row_that_was_changed_is_no_row(tmp_path: Path) -> None:
    samples.make_store(tmp_path, evaluations=5)
    data = (tmp_path / STORE_FILE).read_bytes()
    assert data.count(b'"reason": ""') > 3
    (tmp_path / STORE_FILE).write_bytes(data.replace(b'"reason": ""', b'"reason":"" ', 1))
    with pytest.raises(GlasspotError, match="not as it was written"), Store.open(tmp_path) as store:
        Course().read(News(store))


def test_a_mark_changes_with_what_was_concluded_and_not_with_the_clock(tmp_path: Path) -> None:
    samples.make_store(tmp_path, evaluations=5)
    with Store.create(tmp_path) as store:
        news = News(store)
        before = news.mark(STEP)
        store.set_meta("now", samples.note_of_now(3))
        store.set_meta("seconds", 12.0)
        samples.add_evaluation(store, 5)
        assert news.mark(STEP) == before
        store.put_record("decision", 0, {"kind": "window"})
        second = news.mark(STEP)
        store.set_meta("fitted", {})
        assert len({before, second, news.mark(STEP)}) == 3


def test_runs_that_ended_are_counted_and_the_last_are_told(tmp_path: Path) -> None:
    samples.make_store(tmp_path, evaluations=8 * samples.FAILS)
    ended = EndedRuns()
    with Store.open(tmp_path) as store:
        ended.read(News(store))
    assert ended.tally.runs == 8 * samples.FAILS and ended.failed == 8
    assert ended.reasons == [("too-hot", 3), ("lost-atoms", 3), ("time-limit", 2)]
    assert [run.label for run in ended.last_failed] == [f"fit {k * samples.FAILS}" for k in range(3, 9)]
    assert set(ended.late_s) == {samples.EACH_S} and len(ended.late_s) == LATE

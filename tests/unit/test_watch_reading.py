"""What a live page reads: each thing once, thinned where it is much, and how long the rest will take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import live_samples as samples
from glasspot.errors import GlasspotError
from glasspot.live.course import STEP, Course
from glasspot.live.left import budget, queue_left, search_left
from glasspot.live.now import Now
from glasspot.live.tally import Tally
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
    assert set(better) <= set(drawn) and course.best is not None and course.best.number == better[-1]
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
    assert course.said() == "" and course.failed == 700 // samples.FAILS


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
    course, tally = Course(), Tally()
    with Store.create(tmp_path) as store:
        news = Counting(store)
        course.read(news)
        tally.read(news)
        samples.add_evaluation(store, 20)
        samples.add_evaluation(store, 21)
        course.read(news)
        tally.read(news)
        assert news.rows == 22 and [record["number"] for record in course.records(news)] == list(range(22))
        assert tally.done == 22
        # A store from which evaluations were taken (a repair, say) is read anew.
        samples.make_store(tmp_path / "less", evaluations=7)
    with Store.open(tmp_path / "less") as store:
        course.read(News(store))
        tally.read(News(store))
    assert len(course.marks) == 7 and tally.done == 7


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


def test_the_time_left_is_that_of_the_pace_of_late(long: Path) -> None:
    course = Course()
    with Store.open(long) as store:
        course.read(News(store))
    assert search_left(course.marks, 760) == "at most about 18 min 24 s of search, then the validation"
    assert search_left(course.marks, 700) == search_left(course.marks, None) == search_left(course.marks[:1], 760) == ""
    assert queue_left(300, 0.5) == "about 10 min 00 s for the 300 MD runs asked for so far"
    assert queue_left(300, 0.0) == queue_left(0, 1.0) == ""


def test_the_pace_is_that_of_this_driver(tmp_path: Path) -> None:
    samples.make_store(tmp_path, evaluations=30)
    tally = Tally()
    with Store.open(tmp_path) as store:
        tally.read(News(store))
    last = samples.BEGAN + 29 * samples.EACH_S
    assert tally.pace(0.0, last) == pytest.approx(1 / samples.EACH_S)
    assert tally.pace(0.0, last + 29 * samples.EACH_S) == pytest.approx(0.5 / samples.EACH_S)  # it has become slow
    assert tally.pace(last - 1, last) == 0.0  # one run says nothing


def test_the_budget_is_that_of_the_settings() -> None:
    assert budget({"fit": {"max_runs": 60}}, 3) == 60
    assert budget({"fit": {"max_sets": 60}}, 3) == 180
    assert budget({"fit": {"method": "gauss-newton"}}, 3) == 24
    assert budget({}, 3) is budget(None, 3) is budget({"fit": {"unknown": 1}}, 3) is None


@pytest.mark.parametrize("noted", [None, 3, {}, {"at": 1.0}, {**samples.note_of_now(2), "jobs": [{"label": "a"}]}])
def test_a_note_of_another_form_is_none(noted: Any) -> None:
    assert Now.of(noted) is None


def test_a_note_of_the_driver_is_read_whole() -> None:
    found = Now.of(samples.note_of_now(5, waiting=3, at=100.0))
    assert (
        found is not None and found.to_go == 8 and found.hosts == {"node01": 2, "node02": 1, "node03": 1, "node04": 1}
    )
    assert found.runs[1].part == pytest.approx(9700 / 60000) and found.runs[1].since == 53.0

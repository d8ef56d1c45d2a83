"""What is known of a run in a few lines: how far it is, who drives it, how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glasspot.campaign.driver import Driver
from glasspot.live.course import Course
from glasspot.live.left import budget, queue_left, search_left
from glasspot.live.now import Now
from glasspot.live.status_parts import STATES, Fact, under_way
from glasspot.live.tally import Tally
from glasspot.report.words import count, duration, percent


@dataclass(frozen=True)
class Standing:
    """How a run stands. settings, seconds: what the store has of them; scored: whether validation has begun."""

    state: str
    course: Course
    tally: Tally
    now: Now | None
    driver: Driver | None
    settings: Any
    seconds: float
    scored: bool
    clock: float

    @property
    def most(self) -> int | None:
        """MD runs that the search may take."""
        marks = self.course.marks
        return budget(self.settings, marks[0].run) if marks else None

    @property
    def left(self) -> str:
        """How long it may still take, in words; "" where that is not known."""
        if self.state != "running":
            return ""
        since = self.driver.since if self.driver is not None else 0.0
        asked = self.now.to_go if self.now is not None else 0
        of_search = "" if self.scored else search_left(self.course.marks, self.most)
        return of_search or queue_left(asked, self.tally.pace(since, self.clock))


def facts(standing: Standing) -> list[Fact]:
    """Return what is known, the most general first."""
    course, tally = standing.course, standing.tally
    found = []
    if course.marks:
        found.append(_search(standing))
    failed = sum(tally.reasons.values())
    words = f"{tally.done:,} finished" + (f", {failed:,} of them failed" if failed else "")
    found.append(Fact("MD runs in all" if course.marks else "MD runs", words))
    if course.best is not None and course.best.cost is not None:
        found.append(Fact("Best so far", f"R_chi {percent(course.best.cost)}, after {course.best.run:,} MD runs"))
    if standing.state == "running" and standing.now is not None:
        found += under_way(standing.now)
    found += _times(standing)
    return found


def _search(standing: Standing) -> Fact:
    run, most = standing.course.marks[-1].run, standing.most
    if most is None:
        return Fact("Search", count(run, "MD run"))
    going_on = standing.state == "running" and not standing.scored
    return Fact("Search", f"{run:,} of at most {most:,} MD runs", (run, most) if going_on else None)


def _times(standing: Standing) -> list[Fact]:
    found = []
    if standing.state == "running" and standing.driver is not None:
        driver = standing.driver
        words = f"process {driver.process} on {driver.host}, for {duration(max(0.0, standing.clock - driver.since))}"
        found.append(Fact("Driver", words))
    if standing.seconds > 0:
        found.append(Fact("Time so far", duration(standing.seconds)))
    if standing.left:
        found.append(Fact("Time left", standing.left))
    return found


def said(standing: Standing) -> str:
    """Return how the run stands in one line, to be read out."""
    parts = [f"{STATES.get(standing.state, standing.state)}: {standing.tally.done:,} MD runs"]
    if standing.course.best is not None and standing.course.best.cost is not None:
        parts.append(f"best R_chi {percent(standing.course.best.cost)}")
    failed = sum(standing.tally.reasons.values())
    return ", ".join([*parts, f"{failed:,} failed"] if failed else parts)

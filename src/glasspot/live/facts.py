"""What is known of a run in a few lines: how far it is, who drives it, how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glasspot.campaign.driver import Driver
from glasspot.campaign.now import Now
from glasspot.live.course import Course
from glasspot.live.ended import EndedRuns
from glasspot.live.status_parts import STATES, Fact, under_way
from glasspot.report.left import asked_seconds, search_seconds, seconds_of_late
from glasspot.report.words import count, duration, percent

NEAR_S = 1.0  # less is not worth saying


@dataclass(frozen=True)
class Moment:
    """How a run stands. most: MD runs that its search may take, None where that is not known; seconds: of wall time.

    now: what the driver noted last of what runs; scored: whether validation has begun; clock: seconds of the epoch.
    """

    state: str
    course: Course
    ended: EndedRuns
    now: Now | None
    driver: Driver | None
    most: int | None
    seconds: float
    scored: bool
    clock: float

    @property
    def best(self) -> dict[str, Any] | None:
        """Of the evaluations so far; None before the first that has a cost."""
        return self.course.standing.best

    @property
    def left(self) -> str:
        """How long it may still take, in words; "" where that is not known."""
        if self.state != "running":
            return ""
        marks = self.course.marks
        search = None if self.scored else search_seconds(marks.__getitem__, len(marks), self.most)
        if search is not None and search > NEAR_S:
            return f"at most about {duration(search)} of search, then the validation"
        asked = None if self.now is None else asked_seconds(self.now, seconds_of_late(self.ended.late_s))
        if self.now is None or asked is None or asked < NEAR_S:
            return ""
        return f"about {duration(asked)} for the {count(self.now.to_go, 'MD run')} asked for so far"


def facts(moment: Moment) -> list[Fact]:
    """Return what is known, the most general first."""
    done, failed = moment.ended.tally.runs, moment.ended.failed
    found = []
    if moment.course.marks:
        found.append(_search(moment))
    words = f"{done:,} finished" + (f", {failed:,} of them failed" if failed else "")
    found.append(Fact("MD runs in all" if moment.course.marks else "MD runs", words))
    if moment.best is not None:
        words = f"R_chi {percent(moment.best['cost'])}, after {moment.best['run']:,} MD runs"
        found.append(Fact("Best so far", words))
    if moment.state == "running" and moment.now is not None:
        found += under_way(moment.now)
    found += _times(moment)
    return found


def _search(moment: Moment) -> Fact:
    run, most = moment.course.marks[-1].runs, moment.most
    if most is None:
        return Fact("Search", count(run, "MD run"))
    going_on = moment.state == "running" and not moment.scored
    return Fact("Search", f"{run:,} of at most {most:,} MD runs", (run, most) if going_on else None)


def _times(moment: Moment) -> list[Fact]:
    found = []
    if moment.state == "running" and moment.driver is not None:
        driver = moment.driver
        words = f"process {driver.process} on {driver.host}, for {duration(max(0.0, moment.clock - driver.since))}"
        found.append(Fact("Driver", words))
    if moment.seconds > 0:
        found.append(Fact("Time so far", duration(moment.seconds)))
    if moment.left:
        found.append(Fact("Time left", moment.left))
    return found


def said(moment: Moment) -> str:
    """Return how the run stands in one line, to be read out."""
    parts = [f"{STATES.get(moment.state, moment.state)}: {moment.ended.tally.runs:,} MD runs"]
    if moment.best is not None:
        parts.append(f"best R_chi {percent(moment.best['cost'])}")
    failed = moment.ended.failed
    return ", ".join([*parts, f"{failed:,} failed"] if failed else parts)

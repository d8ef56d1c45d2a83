"""How long a run will still take, in seconds: one rule for the terminal, ``glasspot status`` and the live page.

* Of the MD runs asked for: as many side by side as now, each as long as the runs under way say by their own pace, or,
  while these have done too little, as the last ones that ended. It is not less than the one that has most before it.
* Of the search: its pace of late, as wall time per MD run, for those that it may still take. The evaluations of a round
  end together, so the pace is taken from the end of one round to the end of another. Searches often stop earlier.

What is not known is None, never a guess.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glasspot.campaign.now import Now

LATE = 50  # runs that ended last, and evaluations: they tell the pace of late
ENOUGH = 0.5  # of a run, which those under way must have done together before their own pace is believed


@dataclass(frozen=True)
class Left:
    """Seconds: until the MD runs asked for are done, and at most of the search."""

    asked: float | None = None
    search: float | None = None


@dataclass(frozen=True)
class Mark:
    """How far a search was when an evaluation ended. runs: MD runs with it; seconds: of wall time since it began."""

    number: int
    round: int
    runs: int
    seconds: float

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Mark:
        """Return what the record of an evaluation says."""
        return cls(record["number"], record["round"], record["run"], record["seconds"])


def seconds_of_late(ended: Iterable[float]) -> float | None:
    """Return the mean of the last LATE of these, the seconds of runs that ended, in order; None where none has."""
    late = list(ended)[-LATE:]
    return sum(late) / len(late) if late else None


def asked_seconds(now: Now, each: float | None) -> float | None:
    """Return the seconds until the runs asked for are done; None where none is under way, or nothing tells the pace.

    each: seconds of a run that ended of late (:func:`seconds_of_late`).
    """
    each = _seconds_of_run(now, each)
    if now.under_way < 1 or each is None:
        return None
    before = [1.0 - job.part for job in now.jobs] or [1.0]  # parts of runs, of those that are named
    queue = now.waiting / now.under_way + sum(before) / len(before)
    return each * max(queue, max(before))


def _seconds_of_run(now: Now, each: float | None) -> float | None:
    """Return the seconds of a whole run, by those under way together; ``each`` where they have done too little."""
    begun = [job for job in now.jobs if job.part > 0]
    done = sum(job.part for job in begun)
    if done < ENOUGH and each is not None:
        return each
    spent = sum(max(0.0, now.at - job.since - job.silent_s) for job in begun)  # until each spoke last
    return spent / done if done > 0 and spent > 0 else each


def search_seconds(mark: Callable[[int], Mark], evaluations: int, most: int | None) -> float | None:
    """Return the seconds that a search may still take; None before its second round has ended, and where it is over.

    mark: gives that of an evaluation by its number, from 0 to ``evaluations`` - 1; few are asked for. most: MD runs
    that the search may take, None where that is not known.
    """
    if most is None or evaluations < 2:
        return None
    last = mark(evaluations - 1)
    # From the end of the last round before the LATE last evaluations; the first evaluation is a round of its own.
    begun = max(mark(max(0, evaluations - LATE)).round, mark(0).round + 1)
    since = mark(bisect_left(range(evaluations), begun, key=lambda number: mark(number).round) - 1)
    if last.runs >= most or last.runs <= since.runs:
        return None
    return max(0.0, last.seconds - since.seconds) / (last.runs - since.runs) * (most - last.runs)

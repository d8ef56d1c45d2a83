"""What runs where: the jobs that were asked for and are not done, read from the progress that workers leave.

With thousands of jobs out, a look must cost little on a file system that others use as well: each look reads at most
READS files, of jobs known to be under way in turn, and of those next in the queue.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from glasspot.campaign.now import Now, RunNow
from glasspot.evaluate.job import Job
from glasspot.evaluate.progress import PROGRESS_FILE

READS = 64  # of a look, of either kind
SHOWN = 200  # jobs named in the record for readers; the others are counted


@dataclass(frozen=True)
class RunningJob:
    """A job under way or waiting, for a progress display; step is 0 until its engine has said something.

    host, since: where it runs, and since when (seconds of the epoch); "" and 0 of one that waits. spoke: what its
    worker said last, seen at heard (seconds of this machine's own steady clock).
    """

    label: str
    step: int
    total_steps: int
    atom_steps_per_s: float
    key: str = ""
    host: str = ""
    since: float = 0.0
    spoke: float = 0.0
    heard: float = 0.0


class UnderWay:
    """The jobs asked for and not yet done, in the order in which they were asked for."""

    def __init__(self, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of
        self._jobs: dict[str, RunningJob] = {}
        self._out: dict[str, None] = {}  # given to the executor, not known to have begun
        self._begun: deque[str] = deque()

    def ask(self, job: Job) -> None:
        """Note a job that waits to be given out."""
        self._jobs[job.key] = RunningJob(job.label, 0, job.protocol.total_steps, 0.0, job.key)

    def give(self, key: str) -> None:
        """Note that a job was given to the executor."""
        self._out[key] = None

    def end(self, key: str) -> None:
        """Note that a job is done, or lost."""
        self._jobs.pop(key, None)
        self._out.pop(key, None)

    def lose(self, job: Job) -> None:
        """Note that a job must be given out again."""
        self._out.pop(job.key, None)
        self.ask(job)

    def look(self) -> list[RunningJob]:
        """Read some of the progress and return all jobs, those asked for first in front."""
        for _ in range(min(READS, len(self._begun))):
            key = self._begun.popleft()
            if key in self._jobs and self._jobs[key].host:
                self._read(key)
                self._begun.append(key)
        for key in list(islice(self._out, READS)):
            if self._read(key):
                self._begun.append(key)
                del self._out[key]
        return list(self._jobs.values())

    def now(self) -> Now:
        """Return what a reader of the store is told of what runs."""
        return now_of(self._jobs.values())

    def _read(self, key: str) -> bool:
        """Read the progress of one job; tell whether it has begun."""
        try:
            content = json.loads((self._folder_of(key) / PROGRESS_FILE).read_text())
            before, spoke = self._jobs[key], float(content["seconds"])
            news = spoke != before.spoke or not before.host
            self._jobs[key] = RunningJob(
                before.label, int(content["step"]), int(content["total_steps"]), float(content["atom_steps_per_s"]),
                key, str(content["host"]), float(content["since"]), spoke, time.monotonic() if news else before.heard,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return False  # not there yet, or of an older glasspot
        return True


def now_of(jobs: Iterable[RunningJob]) -> Now:
    """Return what runs at this moment, of jobs that wait or are under way: the first SHOWN of the latter by name.

    silent_s: seconds since a job was last heard of; a healthy worker says something four times a minute at least.
    """
    asked, clock = list(jobs), time.monotonic()
    found = [job for job in asked if job.host]
    return Now(
        at=time.time(),
        to_go=len(asked),
        under_way=len(found),
        hosts=dict(Counter(job.host for job in found)),
        atom_steps_per_s=sum(job.atom_steps_per_s for job in found),
        jobs=tuple(
            RunNow(j.key, j.label, j.host, j.since, j.step, j.total_steps, j.atom_steps_per_s, clock - j.heard)
            for j in found[:SHOWN]
        ),
    )

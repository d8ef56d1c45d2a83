"""A batch of jobs: given out, taken back, and given out again when a worker dies, until all are in the store."""

from __future__ import annotations

import queue
import time
from collections import Counter, deque
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from glasspot.campaign.log import EventLog
from glasspot.campaign.stopping import ended
from glasspot.campaign.under_way import UnderWay
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import Job
from glasspot.execute.lost import NO_MORE_FILE, JobLostError, NotBegunError
from glasspot.files import UnwritableError

ATTEMPTS = 3
IN_FLIGHT = 2000  # jobs given to the executor at once: enough for 1000 workers, and bounded in memory
POLL_S = 0.3


@dataclass
class Times:
    """Seconds: of the driver as a whole, of it waiting for jobs, and summed over jobs."""

    began: float = field(default_factory=time.perf_counter)
    waiting: float = 0.0
    jobs: float = 0.0
    engines: float = 0.0

    @property
    def wall(self) -> float:
        """Seconds since the driver began."""
        return time.perf_counter() - self.began


class Runs(Protocol):
    """What a batch needs of the runner that it belongs to."""

    times: Times
    log: EventLog

    @property
    def under_way(self) -> UnderWay:
        """The jobs asked for and not yet done."""
        ...

    @property
    def ending(self) -> bool:
        """Whether no more jobs begin."""
        ...

    def submit(self, job: Job) -> Future[str]:
        """Give a job to the executor. Raises BrokenExecutor."""
        ...

    def take(self, job: Job) -> bool:
        """Move a finished job's outcome into the store; tell whether there was one."""
        ...

    def look(self) -> None:
        """Tell what runs; raise what ends the campaign."""
        ...

    def give_up_executor(self) -> None:
        """End the executor; the next job makes another one."""
        ...

    def job_folder(self, key: str) -> Path:
        """Return the folder in which a job runs."""
        ...


class Batch:
    """Jobs by their keys, run until all are in the store."""

    def __init__(self, runner: Runs, jobs: dict[str, Job]) -> None:
        self.runner = runner
        self.waiting = deque(jobs.values())
        self.futures: dict[Future[str], Job] = {}
        self.done: queue.SimpleQueue[Future[str]] = queue.SimpleQueue()
        self.losses: Counter[str] = Counter()
        self.breaks = 0  # of the executor, since a job was last finished

    def run(self) -> None:
        """Run them. RunFailedError when a job cannot be run, KeyboardInterrupt when it was asked to end."""
        for job in self.waiting:
            self.runner.under_way.ask(job)
        try:
            while self.waiting or self.futures:
                if self.runner.ending and not self.futures:
                    raise ended()
                try:
                    self._give_out()
                    self._collect()
                except BrokenExecutor as error:
                    self._broken(error)
        finally:
            for job in (*self.waiting, *self.futures.values()):
                self.runner.under_way.end(job.key)

    def _give_out(self) -> None:
        while self.waiting and len(self.futures) < IN_FLIGHT and not self.runner.ending:
            future = self.runner.submit(self.waiting[0])
            self.futures[future] = self.waiting.popleft()
            future.add_done_callback(self.done.put)

    def _collect(self) -> None:
        """Wait for a moment, then take what has come."""
        clock = time.perf_counter()
        found: list[Future[str]] = []
        with suppress(queue.Empty):
            found.append(self.done.get(timeout=POLL_S))
            while True:
                found.append(self.done.get_nowait())
        self.runner.look()
        self.runner.times.waiting += time.perf_counter() - clock
        for future in found:
            if future in self.futures:  # not of an executor that was given up
                self._answer(future, self.futures[future])

    def _answer(self, future: Future[str], job: Job) -> None:
        """Take what a worker left; give the job out again where it left nothing."""
        try:
            lost = self._what_was_lost(future, job)
        except NotBegunError:
            lost = None
        del self.futures[future]  # only now: where the executor broke all are still needed
        if lost is None:
            self._put_back(job)
        elif self.runner.take(job):
            self.breaks = 0
        else:
            self._again(job, lost or "it left no outcome")

    def _what_was_lost(self, future: Future[str], job: Job) -> str:
        """Return "" or how the job was lost; raise what keeps every worker from leaving an outcome."""
        try:
            future.result()
        except SystemExit as error:
            # Somebody told the worker to end: to the campaign it has died, and must not end the driver too.
            raise BrokenExecutor(f"the worker of {job.label} was ended") from error
        except NotBegunError:
            if self.runner.ending:
                raise
            return f"{NO_MORE_FILE} stands in {self.runner.job_folder(job.key).parent}; delete it"
        except JobLostError as error:
            return str(error) or type(error).__name__
        except (OSError, UnwritableError) as error:
            raise RunFailedError(
                f"{job.label} could not be run in {self.runner.job_folder(job.key)} ({error}); is the disk full, or "
                "its file server away? What was finished is kept; mend it and use --resume"
            ) from error
        return ""

    def _again(self, job: Job, why: str) -> None:
        self.losses[job.key] += 1
        self.runner.log.write("run-lost", key=job.key, label=job.label, times=self.losses[job.key], why=why)
        if self.losses[job.key] >= ATTEMPTS:
            self._end(job, why)
        self._put_back(job)

    def _put_back(self, job: Job) -> None:
        self.runner.under_way.lose(job)
        self.waiting.append(job)

    def _broken(self, error: BrokenExecutor) -> None:
        """Take what finished all the same, and give out the others again to new workers.

        Nobody says which job's worker died. One that always kills its own is in the end alone with others like it, so
        the campaign ends after breaks with nothing gained between them, and not before.
        """
        self.runner.give_up_executor()
        left = [job for job in self.futures.values() if not self.runner.take(job)]
        gained = len(left) < len(self.futures)
        self.futures.clear()
        self.breaks = 0 if gained else self.breaks + 1
        self.runner.log.write("workers-lost", runs=len(left), why=error)
        for job in left:
            self.runner.under_way.lose(job)
        if self.breaks >= ATTEMPTS:
            self._end(left[0] if left else self.waiting[0], str(error))
        self.waiting.extendleft(reversed(left))

    def _end(self, job: Job, why: str) -> None:
        raise RunFailedError(
            f"the worker of {job.label} died {ATTEMPTS} times ({why}); is the machine out of memory, or the wall time "
            f"too short? What was finished is kept; look into {self.runner.job_folder(job.key)}, then use --resume"
        )

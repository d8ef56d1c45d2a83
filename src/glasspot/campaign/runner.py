"""Run jobs through an executor, each of them once: what the store knows is not run again.

A worker leaves its outcome in the job's own folder before it answers, so a job that ends while the driver is dead is
taken from there on resume. A worker that dies takes no job with it: the executor is made anew and the job run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from glasspot.campaign.interrupt import InterruptKey
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import OUTCOME_FILE, Continue, Job, Outcome
from glasspot.evaluate.run import PROGRESS_FILE, final_frame, run_job
from glasspot.execute import ExecutorFactory, stop
from glasspot.files import UnwritableError
from glasspot.store import Store

ATTEMPTS = 3
POLL_S = 0.3


@dataclass(frozen=True)
class RunningJob:
    """A job under way or waiting, for a progress display; step is 0 until its engine has said something."""

    label: str
    step: int
    total_steps: int
    atom_steps_per_s: float


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


class Runner:
    """Gives jobs to an executor and their outcomes to the store. Use it in a ``with`` block.

    prepare is called before there are workers, when something is to be run: what they would otherwise do all at once.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        make_executor: ExecutorFactory,
        on_running: Callable[[Sequence[RunningJob]], None] = lambda _: None,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.folder = folder
        self.times = Times()
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._on_running = on_running
        self._prepare = prepare
        self._known: dict[str, Outcome] = {}
        self._key = InterruptKey()

    def __enter__(self) -> Runner:
        self._key.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._key.__exit__()
        if self._executor is not None:
            stop(self._executor)

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return the outcomes of ``jobs``, in their order; those not yet in the store are run, side by side."""
        missing = {job.key: job for job in jobs if self.outcome(job.key) is None}
        attempts = dict.fromkeys(missing, 0)
        while missing:
            for key in missing:
                attempts[key] += 1
                if attempts[key] > ATTEMPTS:
                    raise RunFailedError(
                        f"the worker of run {key} died {ATTEMPTS} times; is the machine out of memory? "
                        f"What was finished is kept; look into {self.job_folder(key)}, then use --resume"
                    )
            self._run_once(missing)
            missing = {key: job for key, job in missing.items() if self.outcome(key) is None}
        return [self._require(job.key) for job in jobs]

    def outcome(self, key: str) -> Outcome | None:
        """Return an outcome from the store; None when it is not there."""
        if key not in self._known:
            data = self.store.get_outcome(key)
            if data is None:
                return None
            self._known[key] = Outcome.from_bytes(data)
        return self._known[key]

    def forget(self, keys: Iterable[str]) -> None:
        """Let go of outcomes, which stay in the store: a long row of runs would fill the memory with them."""
        for key in keys:
            self._known.pop(key, None)

    def job_folder(self, key: str) -> Path:
        """Return the folder in which a job runs; a person can read and repeat it there."""
        return self.folder / "jobs" / key

    def _require(self, key: str) -> Outcome:
        outcome = self.outcome(key)
        if outcome is None:
            raise GlasspotError(f"the outcome of run {key} is missing from the store")
        return outcome

    def _run_once(self, jobs: dict[str, Job]) -> None:
        """Submit every job once and take what comes back, until all are done or the executor broke."""
        futures: dict[Future[str], Job] = {}
        try:
            if self._executor is None:
                self._prepare()
                self._executor = self._make_executor()
            for job in jobs.values():
                start = None
                if isinstance(job.start, Continue):
                    start = final_frame(self._require(job.start.key))
                future = self._executor.submit(run_job, job, start, self.job_folder(job.key))
                futures[future] = job
            self._collect(futures)
        except BrokenExecutor:
            # A worker was killed. Jobs that finished all the same have left their outcome in their folder.
            if self._executor is not None:
                stop(self._executor)
            self._executor = None
            for job in jobs.values():
                self._take(job)

    def _collect(self, futures: dict[Future[str], Job]) -> None:
        pending = set(futures)
        while pending:
            clock = time.perf_counter()
            done, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            self._key.check()
            self._on_running([self._progress(job) for f, job in futures.items() if f in pending])
            self.times.waiting += time.perf_counter() - clock
            for future in done:
                self._check(future, futures[future])
                self._take(futures[future])

    def _check(self, future: Future[str], job: Job) -> None:
        """Raise what kept a worker from leaving an outcome."""
        try:
            future.result()
        except SystemExit as error:
            # Somebody told the worker to end: to the campaign it has died, and must not end the driver too.
            raise BrokenExecutor(f"the worker of {job.label} was ended") from error
        except (OSError, UnwritableError) as error:
            raise RunFailedError(
                f"{job.label} could not be run in {self.job_folder(job.key)} ({error}); is the disk full? "
                "What was finished is kept; mend it and use --resume"
            ) from error

    def _take(self, job: Job) -> None:
        """Move a finished job's outcome from its folder into the store."""
        path = self.job_folder(job.key) / OUTCOME_FILE
        if self.outcome(job.key) is None:
            if not path.is_file():
                return
            data = path.read_bytes()
            outcome = Outcome.from_bytes(data)
            if outcome.reason == "no-program":
                # Nothing was tried: not a result to remember, and no other run can do better.
                path.unlink()
                raise GlasspotError(outcome.message)
            seconds = float(outcome.numbers["seconds"])
            self.store.put_outcome(job.key, job.label, job.spec(), outcome.ok, outcome.reason, seconds, data)
            self._known[job.key] = outcome
            self.times.jobs += seconds
            self.times.engines += float(outcome.numbers.get("engine_seconds", seconds))
        path.unlink(missing_ok=True)

    def _progress(self, job: Job) -> RunningJob:
        try:
            content = json.loads((self.job_folder(job.key) / PROGRESS_FILE).read_text())
        except (OSError, ValueError):
            return RunningJob(job.label, 0, job.protocol.total_steps, 0.0)
        return RunningJob(job.label, content["step"], content["total_steps"], content["atom_steps_per_s"])

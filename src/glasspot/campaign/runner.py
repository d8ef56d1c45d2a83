"""Run jobs through an executor, each of them once: what the store knows is not run again.

A worker leaves its outcome in the job's own folder before it answers, so a job that ends while the driver is dead is
taken from there on resume. A worker that dies takes no job with it: its job is given out again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path

from glasspot.campaign.batch import POLL_S, Batch, Times
from glasspot.campaign.interrupt import InterruptKey
from glasspot.campaign.kept import Kept
from glasspot.campaign.log import EventLog
from glasspot.campaign.now import NOTE, Note
from glasspot.campaign.stopping import StopWatch
from glasspot.campaign.tally import Standing, Tally
from glasspot.campaign.under_way import RunningJob, UnderWay
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import OUTCOME_FILE, Continue, Job, Outcome
from glasspot.evaluate.progress import PROGRESS_FILE
from glasspot.evaluate.run import final_frame, run_job
from glasspot.execute.executors import ExecutorFactory, stop
from glasspot.store import Store

NOTE_S = 2.0  # between two records of what runs where
CACHE_BYTES = 200_000_000  # of outcomes kept in memory; the others are read from the store


class Runner:
    """Gives jobs to an executor and their outcomes to the store. Use it in a ``with`` block.

    prepare is called before there are workers, when something is to be run: what they would otherwise do all at once.
    keep_folders: False removes the folder of a run that ended well.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        make_executor: ExecutorFactory,
        on_running: Callable[[Sequence[RunningJob]], None] = lambda _: None,
        prepare: Callable[[], None] = lambda: None,
        keep_folders: bool = True,
    ) -> None:
        self.store = store
        self.folder = folder
        self.times = Times()
        self.log = EventLog(folder)
        self.standing = Standing()  # of a search; kept by the campaign, noted for readers
        self._hosts: set[str] = set()  # on which runs were seen
        self._tally = Tally.of_store(store, Note.of(store).tally)
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._on_running = on_running
        self._prepare = prepare
        self._keep_folders = keep_folders
        self._known = Kept(CACHE_BYTES)
        self._key = InterruptKey()
        self._stop = StopWatch(folder, folder / "jobs", self.log, self._key.tell)
        self._under_way = UnderWay(self.job_folder)
        self._noted = self._looked = -NOTE_S

    def __enter__(self) -> Runner:
        self._key.__enter__()
        self._stop.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._key.hold()  # a second Ctrl-C must not leave workers behind
        self.give_up_executor()
        self._stop.end()
        self._key.__exit__()
        with suppress(GlasspotError):  # on a full disk the record stays as it was
            self._note()
        if kind is None:
            self._key.check()

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return the outcomes of ``jobs``, in their order; those not yet in the store are run, side by side."""
        self.work(jobs)
        return [self._require(job.key) for job in jobs]

    def work(self, jobs: Sequence[Job]) -> None:
        """Run those of ``jobs`` that are not in the store; their outcomes are there afterwards."""
        Batch(self, {job.key: job for job in jobs if not self.store.has_outcome(job.key)}).run()

    def outcome(self, key: str) -> Outcome | None:
        """Return an outcome from the store; None when it is not there."""
        found = self._known.get(key)
        if found is None:
            data = self.store.get_outcome(key)
            if data is None:
                return None
            found = Outcome.from_bytes(data)
            self._known.put(key, found)
        return found

    def job_folder(self, key: str) -> Path:
        """Return the folder in which a job runs; a person can read and repeat it there."""
        return self.folder / "jobs" / key

    def _require(self, key: str) -> Outcome:
        outcome = self.outcome(key)
        if outcome is None:
            raise GlasspotError(f"the outcome of run {key} is missing from the store")
        return outcome

    def submit(self, job: Job) -> Future[str]:
        """Give a job to the executor, which is made when there is none. Raises BrokenExecutor."""
        if self._executor is None:
            self._prepare()
            self._executor = self._make_executor()
        start = final_frame(self._require(job.start.key)) if isinstance(job.start, Continue) else None
        self._under_way.give(job.key)
        return self._executor.submit(run_job, job, start, self.job_folder(job.key))

    def give_up_executor(self) -> None:
        """End the executor; the next job makes another one."""
        if self._executor is not None:
            stop(self._executor)
        self._executor = None

    def look(self) -> None:
        """Raise KeyboardInterrupt where it was asked for; tell the display, and now and then the store, what runs."""
        self._key.check()
        self._stop.look()
        if time.monotonic() - self._looked < POLL_S:
            return
        self._looked = time.monotonic()
        self._on_running(self._under_way.look())
        if time.monotonic() - self._noted > NOTE_S:
            self._noted = time.monotonic()
            self._note()

    def _note(self) -> None:
        """Note for readers what runs, and what came of what ran."""
        now = self._under_way.now()
        for host in now.hosts.keys() - self._hosts:
            self._hosts.add(host)
            self.log.write("host-joins", host=host)
        self.store.set_meta(NOTE, Note(now, self._tally, self.standing).encode())

    @property
    def ending(self) -> bool:
        """Whether no more jobs begin, and the campaign ends when those under way are done."""
        return self._stop.ending

    @property
    def under_way(self) -> UnderWay:
        """The jobs asked for and not yet done."""
        return self._under_way

    def take(self, job: Job) -> bool:
        """Move a finished job's outcome from its folder into the store; tell whether there was one.

        A file that is damaged (the machine went down while it was written) is no outcome: the job must run again.
        """
        path = self.job_folder(job.key) / OUTCOME_FILE
        try:
            data = path.read_bytes()
            outcome = Outcome.from_bytes(data)
        except FileNotFoundError:
            return False
        except GlasspotError as error:
            self.log.write("outcome-damaged", key=job.key, label=job.label, message=error)
            path.unlink(missing_ok=True)
            return False
        if outcome.reason == "no-program":
            # Nothing was tried: not a result to remember, and no other run can do better.
            path.unlink()
            raise GlasspotError(outcome.message)
        seconds = float(outcome.numbers["seconds"])
        self.store.put_outcome(job.key, job.label, job.spec(), outcome.ok, outcome.reason, seconds, data)
        self._known.put(job.key, outcome)
        self._under_way.end(job.key)
        self._tally.add(job.label, outcome.ok, outcome.reason, seconds)
        self.times.jobs += seconds
        self.times.engines += float(outcome.numbers.get("engine_seconds", seconds))
        if outcome.ok:
            self.log.write("run-finished", key=job.key, label=job.label, seconds=seconds)
        else:
            self.log.write("run-failed", key=job.key, label=job.label, seconds=seconds, reason=outcome.reason)
        with suppress(OSError):  # stored already: what stays behind is met, and passed over, by the next look
            path.unlink(missing_ok=True)
            (self.job_folder(job.key) / PROGRESS_FILE).unlink(missing_ok=True)
        if outcome.ok and not self._keep_folders:
            shutil.rmtree(self.job_folder(job.key), ignore_errors=True)
        return True

"""Run jobs through an executor, each of them once: what the store knows is not run again.

A worker leaves its outcome in the job's own folder before it answers, so a job that ends while the driver is dead is
taken from there on resume. A worker that dies takes no job with it: its job is given out again.
"""

from __future__ import annotations

import queue
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from glasspot.campaign.interrupt import InterruptKey
from glasspot.campaign.log import EventLog
from glasspot.campaign.stopping import StopWatch, ended
from glasspot.campaign.tally import Standing, Tally
from glasspot.campaign.under_way import RunningJob, UnderWay
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import OUTCOME_FILE, Continue, Job, Outcome
from glasspot.evaluate.progress import PROGRESS_FILE
from glasspot.evaluate.run import final_frame, run_job
from glasspot.execute.lost import NO_MORE_FILE, JobLostError, NotBegunError
from glasspot.execute.place import ExecutorFactory, stop
from glasspot.files import UnwritableError
from glasspot.store import Store

ATTEMPTS = 3
IN_FLIGHT = 2000  # jobs given to the executor at once: enough for 1000 workers, and bounded in memory
POLL_S = 0.3
NOTE_S = 2.0  # between two records of what runs where
CACHE_BYTES = 200_000_000  # of outcomes kept in memory; the others are read from the store


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
        self.log = EventLog(folder)
        self.standing = Standing()  # of a search; kept by the campaign, noted for readers
        self._hosts: set[str] = set()  # on which runs were seen
        self._tally = Tally.of_store(store, (store.get_meta("now") or {}).get("tally"))
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._on_running = on_running
        self._prepare = prepare
        self._known = _Cache(CACHE_BYTES)
        self._key = InterruptKey()
        self._stop = StopWatch(folder, folder / "jobs", self.log)
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
        _Batch(self, {job.key: job for job in jobs if not self.store.has_outcome(job.key)}).run()

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
        now = self._under_way.record()
        for host in now["hosts"].keys() - self._hosts:
            self._hosts.add(host)
            self.log.write("host-joins", host=host)
        self.store.set_meta("now", {**now, "tally": self._tally.encode(), "search": self.standing.encode()})

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
        return True


class _Batch:
    """Jobs being run until all are in the store."""

    def __init__(self, runner: Runner, jobs: dict[str, Job]) -> None:
        self.runner = runner
        self.waiting = deque(jobs.values())
        self.futures: dict[Future[str], Job] = {}
        self.done: queue.SimpleQueue[Future[str]] = queue.SimpleQueue()
        self.losses: Counter[str] = Counter()
        self.breaks = 0  # of the executor, since a job was last finished

    def run(self) -> None:
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
            del self.futures[future]
            self.runner.under_way.lose(job)
            self.waiting.append(job)
            return
        del self.futures[future]
        if self.runner.take(job):
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
                f"{job.label} could not be run in {self.runner.job_folder(job.key)} ({error}); is the disk full? "
                "What was finished is kept; mend it and use --resume"
            ) from error
        return ""

    def _again(self, job: Job, why: str) -> None:
        self.losses[job.key] += 1
        self.runner.log.write("run-lost", key=job.key, label=job.label, times=self.losses[job.key], why=why)
        if self.losses[job.key] >= ATTEMPTS:
            self._end(job, why)
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


class _Cache:
    """The outcomes last used, up to a number of bytes of their arrays."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._found: OrderedDict[str, tuple[Outcome, int]] = OrderedDict()

    def get(self, key: str) -> Outcome | None:
        if key not in self._found:
            return None
        self._found.move_to_end(key)
        return self._found[key][0]

    def put(self, key: str, outcome: Outcome) -> None:
        if key in self._found:
            return
        size = sum(array.nbytes for array in outcome.arrays.values())
        self._found[key] = (outcome, size)
        self._size += size
        while self._size > self._most and len(self._found) > 1:
            _, (_, gone) = self._found.popitem(last=False)
            self._size -= gone

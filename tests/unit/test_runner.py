"""The runner: each job once, whatever happens to workers, folders and disks."""

from __future__ import annotations

import json
import threading
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign import batch
from glasspot.campaign import runner as module
from glasspot.campaign.batch import ATTEMPTS
from glasspot.campaign.runner import Runner
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import OUTCOME_FILE, Job, Outcome, write_outcome
from glasspot.evaluate.progress import PROGRESS_FILE
from glasspot.execute.lost import JobLostError
from glasspot.files import UnwritableError
from glasspot.store import Store
from made_up_jobs import jobs


def finish(job: Job, start: object, folder: Path) -> str:
    """Stand in for ``run_job``: leave an outcome that names the seed."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"seconds": 1.5, "engine_seconds": 1.0}
    write_outcome(Outcome(job.key, True, numbers=numbers, arrays={"seed": np.array([job.seed])}), folder)
    return job.key


class Scripted(Executor):
    """Runs jobs in this process; ``faults`` says what befalls the n-th submission: an error, or a job's failure."""

    def __init__(self, faults: dict[int, BaseException] | None = None) -> None:
        self.faults = faults or {}
        self.submitted = 0
        self.made = 0

    def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        fault = self.faults.get(self.submitted)
        if fault is not None:
            future.set_exception(fault)
        else:
            future.set_result(function(*args))
        return future


class Lazy(Executor):
    """Does what is out together, a little later; ``most`` were out at a time."""

    def __init__(self) -> None:
        self.out: list[tuple[Future[Any], Any, Any]] = []
        self.most = 0
        self.made = 0

    def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.out.append((future, function, args))
        self.most = max(self.most, len(self.out))
        if len(self.out) == batch.IN_FLIGHT or args[0].seed == 10:
            threading.Timer(0.05, self.work).start()
        return future

    def work(self) -> None:
        """Do all that is out."""
        out, self.out = self.out, []
        for future, function, args in out:
            future.set_result(function(*args))


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_job", finish)


def runner(folder: Path, executor: Any) -> Runner:
    def make() -> Executor:
        executor.made += 1
        return executor  # type: ignore[no-any-return]

    return Runner(Store.create(folder), folder, make)


def test_each_job_runs_once_and_outcomes_come_in_order(tmp_path: Path) -> None:
    executor = Scripted()
    with runner(tmp_path, executor) as run:
        asked = jobs(3)
        outcomes = run.run([*asked, asked[0]])
        assert [int(o.arrays["seed"][0]) for o in outcomes] == [1, 2, 3, 1]
        run.run(asked)
        assert executor.submitted == 3
        assert (run.times.jobs, run.times.engines) == (4.5, 3.0)
        assert not list(tmp_path.rglob(OUTCOME_FILE))  # moved into the store
    with runner(tmp_path, Scripted({1: AssertionError("nothing is left to run")})) as again:
        assert [int(o.arrays["seed"][0]) for o in again.run(asked)] == [1, 2, 3]


def test_what_memory_does_not_hold_comes_from_the_store_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_BYTES", 1)  # the last outcome only
    with runner(tmp_path, Scripted()) as run:
        one, other = jobs(2)
        first, second = run.run([one, other])
        assert run.outcome(other.key) is second
        again = run.outcome(one.key)
        assert again is not None and again is not first and again.arrays["seed"] == first.arrays["seed"]


def test_what_workers_share_is_made_ready_once_and_only_when_something_is_run(tmp_path: Path) -> None:
    asked, made_ready = jobs(2), []
    for executor in (Scripted(), Scripted()):
        store = Store.create(tmp_path)
        with Runner(store, tmp_path, lambda e=executor: e, prepare=lambda: made_ready.append(1)) as run:
            run.run(asked)
            run.run(asked)
    assert made_ready == [1]


@pytest.mark.parametrize("death", [BrokenExecutor("killed"), SystemExit(143)])
def test_a_dead_worker_costs_only_its_own_run(tmp_path: Path, death: BaseException) -> None:
    executor = Scripted({2: death})
    with runner(tmp_path, executor) as run:
        assert [int(o.arrays["seed"][0]) for o in run.run(jobs(3))] == [1, 2, 3]
    assert executor.submitted == 4  # three, and the second once more


def test_a_job_whose_worker_is_lost_is_given_out_again_and_the_others_go_on(tmp_path: Path) -> None:
    executor = Scripted({2: JobLostError("its node went down")})
    with runner(tmp_path, executor) as run:
        assert [int(o.arrays["seed"][0]) for o in run.run(jobs(3))] == [1, 2, 3]
        assert "run-lost" in run.log.path.read_text() and "its node went down" in run.log.path.read_text()
    assert executor.submitted == 4 and executor.made == 1


def test_a_worker_that_always_dies_ends_the_campaign(tmp_path: Path) -> None:
    executor = Scripted({n: BrokenExecutor("killed") for n in range(1, 20)})
    with runner(tmp_path, executor) as run, pytest.raises(RunFailedError, match=rf"died {ATTEMPTS} times.*--resume"):
        run.run(jobs(1))
    assert executor.submitted == ATTEMPTS


def test_a_job_that_is_always_lost_ends_the_campaign_after_the_others_were_taken(tmp_path: Path) -> None:
    executor = Scripted({n: JobLostError("out of memory") for n in (1, 4, 5)})
    asked = jobs(3)
    with runner(tmp_path, executor) as run, pytest.raises(RunFailedError, match=r"out of memory.*--resume"):
        run.run(asked)
    with Store.open(tmp_path) as store:
        assert [store.has_outcome(job.key) for job in asked] == [False, True, True]


def test_workers_may_die_often_as_long_as_runs_are_finished_between(tmp_path: Path) -> None:
    executor = Scripted({n: BrokenExecutor("killed") for n in range(1, 60, 3)})
    with runner(tmp_path, executor) as run:
        assert len(run.run(jobs(30))) == 30
    assert executor.made > ATTEMPTS


def test_no_more_jobs_are_out_than_the_memory_is_meant_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "IN_FLIGHT", 3)
    executor = Lazy()
    with runner(tmp_path, executor) as run:
        outcomes = run.run(jobs(10))
    assert [int(o.arrays["seed"][0]) for o in outcomes] == list(range(1, 11))
    assert executor.most == 3


def test_an_outcome_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """A machine that goes down may leave half a file."""
    (job,) = jobs(1)
    folder = tmp_path / "jobs" / job.key
    finish(job, None, folder)
    whole = (folder / OUTCOME_FILE).read_bytes()
    calls = []

    def half(job: Job, start: object, place: Path) -> str:
        calls.append(job.key)
        (place / OUTCOME_FILE).write_bytes(whole[: len(whole) // 2] if len(calls) == 1 else whole)
        return job.key

    executor = Scripted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run_job", half)
        with runner(tmp_path, executor) as run:
            assert run.run([job])[0].ok
            assert "outcome-damaged" in run.log.path.read_text()
    assert len(calls) == 2


@pytest.mark.parametrize("keep", [True, False])
def test_folders_of_good_runs_go_where_that_was_asked_for(
    keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = jobs(2)

    def work(job: Job, start: object, folder: Path) -> str:
        folder.mkdir(parents=True)
        (folder / "thermo.csv").touch()
        outcome = Outcome(job.key, job is good, "" if job is good else "nan", numbers={"seconds": 1.0})
        write_outcome(outcome, folder)
        return job.key

    monkeypatch.setattr(module, "run_job", work)
    with Runner(Store.create(tmp_path), tmp_path, Scripted, keep_folders=keep) as run:
        run.work([good, bad])
        assert run.job_folder(good.key).exists() == keep
        assert (run.job_folder(bad.key) / "thermo.csv").exists()  # to be looked at


def test_what_runs_is_told_to_readers_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTE_S", 0.0)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    (job,) = jobs(1)
    folder = tmp_path / "jobs" / job.key
    told: list[dict[str, Any]] = []

    class Waiting(Scripted):
        def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
            future: Future[Any] = Future()
            folder.mkdir(parents=True)
            progress = {
                "step": 5,
                "total_steps": 10,
                "atom_steps_per_s": 2.0,
                "host": "node7",
                "since": 1.0,
                "seconds": 3.0,
            }
            (folder / PROGRESS_FILE).write_text(json.dumps(progress))
            self.later = lambda: future.set_result(function(*args))
            return future

    executor = Waiting()

    def look(_: Any) -> None:
        with Store.open(tmp_path) as store:
            told.append(store.get_meta("now"))
        if len(told) == 3:
            executor.later()

    with Runner(Store.create(tmp_path), tmp_path, lambda: executor, look) as run:
        run.run([job])
    now = told[2]
    assert (now["to_go"], now["under_way"], now["hosts"], now["atom_steps_per_s"]) == (1, 1, {"node7": 1}, 2.0)
    expected = {"label": "a job", "step": 5, "total_steps": 10, "host": "node7", "since": 1.0, "key": job.key}
    assert {key: now["jobs"][0][key] for key in expected} == expected
    assert not (folder / PROGRESS_FILE).exists()


@pytest.mark.parametrize("fault", [OSError(28, "No space left"), UnwritableError("cannot write outcome.npz: full")])
def test_a_full_disk_is_told_and_nothing_is_remembered_of_the_run(tmp_path: Path, fault: Exception) -> None:
    (job,) = jobs(1)
    with runner(tmp_path, Scripted({1: fault})) as run, pytest.raises(RunFailedError, match="is the disk full"):
        run.run([job])
    with Store.open(tmp_path) as store:
        assert store.get_outcome(job.key) is None


def test_a_missing_program_is_no_result_to_remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_program(job: Job, start: object, folder: Path) -> str:
        folder.mkdir(parents=True)
        write_outcome(Outcome(job.key, False, "no-program", "no lmp: install it"), folder)
        return job.key

    monkeypatch.setattr(module, "run_job", no_program)
    (job,) = jobs(1)
    with runner(tmp_path, Scripted()) as run, pytest.raises(GlasspotError, match="no lmp"):
        run.run([job])
    with Store.open(tmp_path) as store:
        assert store.get_outcome(job.key) is None
    assert not list(tmp_path.rglob(OUTCOME_FILE))

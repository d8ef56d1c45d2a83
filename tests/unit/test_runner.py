"""The runner: each job once, whatever happens to workers, folders and disks."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign import runner as module
from glasspot.campaign.runner import ATTEMPTS, Runner
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import OUTCOME_FILE, EngineChoice, Job, Observe, Outcome, Packing, write_outcome
from glasspot.files import UnwritableError
from glasspot.potential.io import load_potential
from glasspot.presets import preset
from glasspot.store import Store


def jobs(number: int) -> list[Job]:
    first = Job(
        load_potential("BKS"), Packing({"Si": 27, "O": 54}, 10.7, 1), preset("liquid-pdf"), 1, EngineChoice(),
        Observe(8.0, 640), "a job",
    )  # fmt: skip
    return [replace(first, seed=seed) for seed in range(1, number + 1)]


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

    def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        fault = self.faults.get(self.submitted)
        if fault is not None:
            future.set_exception(fault)
        else:
            future.set_result(function(*args))
        return future


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_job", finish)


def runner(folder: Path, executor: Executor) -> Runner:
    return Runner(Store.create(folder), folder, lambda: executor)


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


def test_a_worker_that_always_dies_ends_the_campaign(tmp_path: Path) -> None:
    executor = Scripted({n: BrokenExecutor("killed") for n in range(1, 20)})
    with runner(tmp_path, executor) as run, pytest.raises(RunFailedError, match=f"died {ATTEMPTS} times.*--resume"):
        run.run(jobs(1))
    assert executor.submitted == ATTEMPTS


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

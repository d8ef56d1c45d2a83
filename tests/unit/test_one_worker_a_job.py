"""Two workers on one job: the second waits for the first, and takes its result."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from glasspot.engine.base import EngineFailure
from glasspot.evaluate import run as module
from glasspot.evaluate.job import OUTCOME_FILE, EngineChoice, Job, Observe, Outcome, Packing, write_outcome
from glasspot.evaluate.run import LOCK_FILE, run_job
from glasspot.execute.lost import JobLostError
from glasspot.potential.io import load_potential
from glasspot.presets import preset


def job() -> Job:
    packing = Packing({"Si": 27, "O": 54}, 10.7, 1)
    return Job(load_potential("BKS"), packing, preset("liquid-pdf"), 1, EngineChoice("native"), Observe(8.0, 640))


def test_a_worker_waits_for_the_one_that_a_dead_driver_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(module, "_run_here", lambda job, *_: ran.append(job.key))
    asked = job()
    other = os.open(tmp_path / LOCK_FILE, os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    worker = threading.Thread(target=run_job, args=(asked, None, tmp_path), daemon=True)
    worker.start()
    worker.join(0.3)
    assert worker.is_alive() and not ran
    write_outcome(Outcome(asked.key, True, numbers={"seconds": 1.0}), tmp_path)  # what the first came to
    os.close(other)
    worker.join(10)
    assert not worker.is_alive() and not ran


def test_a_worker_whose_predecessor_died_runs_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(module, "_run_here", lambda job, *_: ran.append(job.key))
    asked = job()
    (tmp_path / LOCK_FILE).touch()  # its file is still there; the lock died with it
    assert run_job(asked, None, tmp_path) == asked.key and ran == [asked.key]


def test_an_engine_ended_from_outside_leaves_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> Outcome:
        raise EngineFailure("killed", "LAMMPS was ended from outside (SIGKILL)")

    monkeypatch.setattr(module, "_simulate", killed)
    with pytest.raises(JobLostError, match="SIGKILL"):
        run_job(job(), None, tmp_path)
    assert not (tmp_path / OUTCOME_FILE).exists()

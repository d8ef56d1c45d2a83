"""A request to end: who obeys it, what is finished first, and what the command says."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_samples
from glasspot.campaign import runner as runner_module
from glasspot.campaign import stopping
from glasspot.campaign.driver import REQUEST_FILE, Driver, driver_of, driving, is_driven, is_heard, this_process
from glasspot.campaign.interrupt import EndedError, InterruptKey
from glasspot.campaign.log import EventLog
from glasspot.campaign.runner import Runner
from glasspot.campaign.stopping import StopRequest, StopWatch, ask, asked
from glasspot.cli import main
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import Job, Outcome, write_outcome
from glasspot.evaluate.run import run_job
from glasspot.execute.lost import NO_MORE_FILE, NotBegunError
from glasspot.store import Store
from made_up_jobs import jobs

STRANGER = replace(this_process(), token="of-another")  # noqa: S106 - no secret


def finish(job: Job, start: object, folder: Path) -> str:
    """Stand in for ``run_job``; it looks for the mark as that does."""
    if (folder.parent / NO_MORE_FILE).exists():
        raise NotBegunError(job.key)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"seconds": 1.0, "engine_seconds": 1.0}
    write_outcome(Outcome(job.key, True, numbers=numbers, arrays={"seed": np.array([job.seed])}), folder)
    return job.key


class OneAtATime(Executor):
    """Does one job at each look of the runner; ``before`` is called ahead of the job of each number."""

    def __init__(self, before: dict[int, Callable[[], object]]) -> None:
        self.queue: list[tuple[Future[Any], Any, Any]] = []
        self.before = before
        self.done = 0

    def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.queue.append((future, function, args))
        return future

    def work(self, *_: object) -> None:
        if not self.queue:
            return
        future, function, args = self.queue.pop(0)
        self.done += 1
        self.before.get(self.done, lambda: None)()
        try:
            future.set_result(function(*args))
        except NotBegunError as error:
            future.set_exception(error)


@pytest.fixture
def at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "LOOK_S", -1.0)
    monkeypatch.setattr(runner_module, "POLL_S", 0.001)
    monkeypatch.setattr(runner_module, "run_job", finish)


def events(folder: Path) -> list[str]:
    return [line.split()[1] for line in (folder / "glasspot.log").read_text().splitlines()]


# The watch.


def watch(folder: Path) -> StopWatch:
    folder.mkdir(parents=True, exist_ok=True)
    return StopWatch(folder, folder / "jobs", EventLog(folder), lambda _: None)


@pytest.mark.usefixtures("at_each_look")
def test_only_the_driver_that_is_named_obeys(tmp_path: Path) -> None:
    one = watch(tmp_path)
    one.look()
    ask(tmp_path, STRANGER, after_runs=False)
    one.look()
    for rubbish in ("", "{", "[]", "null", "[" * 5000, '{"token": 1}', "\xff", "x" * 10000):
        (tmp_path / REQUEST_FILE).write_text(rubbish, encoding="latin-1")
        assert asked(tmp_path) is None
        one.look()
    ask(tmp_path, this_process(), after_runs=False)
    with pytest.raises(EndedError, match="stopped on request") as told:
        one.look()
    assert (told.value.state, told.value.exit_code) == ("stopped", 130)
    assert isinstance(told.value, KeyboardInterrupt)  # everything that knows Ctrl-C knows it


@pytest.mark.usefixtures("at_each_look")
def test_a_request_to_a_ladder_reaches_the_rung_at_work(tmp_path: Path) -> None:
    rung = watch(tmp_path / "rung")
    ask(tmp_path, this_process(), after_runs=False)
    with pytest.raises(EndedError):
        rung.look()


@pytest.mark.usefixtures("at_each_look")
def test_after_runs_marks_the_jobs_and_a_second_request_may_end_at_once(tmp_path: Path) -> None:
    one = watch(tmp_path)
    ask(tmp_path, this_process(), after_runs=True)
    one.look()
    one.look()
    assert one.ending
    assert (tmp_path / "jobs" / NO_MORE_FILE).exists()
    assert events(tmp_path) == ["stop-asked"]
    ask(tmp_path, this_process(), after_runs=False)
    with pytest.raises(EndedError):
        one.look()
    one.end()
    assert not (tmp_path / "jobs" / NO_MORE_FILE).exists()


def test_the_folder_is_looked_into_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(stopping, "asked", looks.append)
    clock = iter([100.0, 100.0, 100.4, 100.9, 101.1, 101.1])
    monkeypatch.setattr(stopping.time, "monotonic", lambda: next(clock))
    one = watch(tmp_path)
    for _ in range(4):
        one.look()
    assert looks.count(tmp_path) == 2


# The runner.


@pytest.mark.usefixtures("at_each_look")
def test_runs_under_way_finish_and_the_others_wait_for_a_resume(tmp_path: Path) -> None:
    executor = OneAtATime({3: lambda: ask(tmp_path, this_process(), after_runs=True)})
    with Store.create(tmp_path) as store:
        run = Runner(store, tmp_path, lambda: executor, executor.work)
        with pytest.raises(EndedError), run:
            run.run(jobs(10))
        assert len(store.outcomes()) == 3  # the third was under way; the executor had the others, which saw the mark
        assert executor.done == 10
        assert not list(tmp_path.rglob(NO_MORE_FILE))
        assert "run-lost" not in events(tmp_path)
        (tmp_path / REQUEST_FILE).unlink()
        again = OneAtATime({})
        with Runner(store, tmp_path, lambda: again, again.work) as resumed:
            assert [int(o.arrays["seed"][0]) for o in resumed.run(jobs(10))] == list(range(1, 11))
        assert again.done == 7


@pytest.mark.usefixtures("at_each_look")
def test_a_campaign_whose_last_runs_finish_is_finished_and_not_stopped(tmp_path: Path) -> None:
    executor = OneAtATime({2: lambda: ask(tmp_path, this_process(), after_runs=True)})
    with Store.create(tmp_path) as store, Runner(store, tmp_path, lambda: executor, executor.work) as run:
        assert len(run.run(jobs(2))) == 2
        with pytest.raises(EndedError):
            run.run(jobs(3))


@pytest.mark.usefixtures("at_each_look")
def test_a_mark_that_nobody_asked_for_is_told_and_does_not_hang(tmp_path: Path) -> None:
    executor = OneAtATime({1: lambda: (tmp_path / "jobs" / NO_MORE_FILE).touch()})
    (tmp_path / "jobs").mkdir()
    with (
        Store.create(tmp_path) as store,
        Runner(store, tmp_path, lambda: executor, executor.work) as run,
        pytest.raises(RunFailedError, match="delete it"),
    ):
        run.run(jobs(1))


def test_a_worker_begins_no_job_where_the_mark_stands(tmp_path: Path) -> None:
    (tmp_path / NO_MORE_FILE).touch()
    with pytest.raises(NotBegunError):
        run_job(jobs(1)[0], None, tmp_path / "key")
    assert not (tmp_path / "key").exists()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "THINKS_S", 0.2)
    monkeypatch.setattr(stopping, "NAP_S", 0.02)


@pytest.mark.usefixtures("soon")
def test_a_driver_that_thinks_is_ended_too(tmp_path: Path) -> None:
    """About its next points, say: it does not look, for minutes perhaps."""
    with Store.create(tmp_path) as store:
        with (
            pytest.raises(EndedError, match="stopped on request") as told,
            Runner(store, tmp_path, lambda: OneAtATime({})),
        ):
            ask(tmp_path, STRANGER, after_runs=False)
            think(0.5)
            ask(tmp_path, this_process(), after_runs=True)
            think(0.5)  # nothing is under way, and the thought may end
            ask(tmp_path, this_process(), after_runs=False)
            think(30)
        assert told.value.state == "stopped"
        assert events(tmp_path) == ["stop-asked"]
    end = time.monotonic() + 10
    while "glasspot-stop" in {thread.name for thread in threading.enumerate()}:
        assert time.monotonic() < end
        time.sleep(0.01)


def think(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


@pytest.mark.usefixtures("soon")
def test_a_driver_that_looks_itself_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[EndedError] = []
    monkeypatch.setattr(stopping, "LOOK_S", -1.0)
    one = StopWatch(tmp_path, tmp_path / "jobs", EventLog(tmp_path), told.append)
    one.begin()
    ask(tmp_path, this_process(), after_runs=False)
    for _ in range(20):
        with pytest.raises(EndedError):
            one.look()
        time.sleep(0.01)
    one.end()
    time.sleep(0.5)
    assert not told


# The signals.


@pytest.fixture
def usual_signals():  # type: ignore[no-untyped-def]
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_raises_once_with_its_exit_code(number: signal.Signals, code: int) -> None:
    with InterruptKey() as outer, InterruptKey() as inner:
        with pytest.raises(EndedError, match=number.name) as told:
            os.kill(os.getpid(), number)
            signal.pause()
        assert (told.value.state, told.value.exit_code) == ("interrupted", code)
        outer.check()  # it was for the inner one
        inner.hold()
        os.kill(os.getpid(), number)  # only noted: what is left to do is short
        time.sleep(0.05)
        with pytest.raises(EndedError):
            inner.check()
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.usefixtures("usual_signals")
def test_a_signal_that_somebody_cares_for_is_left_alone() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    with InterruptKey():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


# The driver's name.


def test_the_lock_says_who_drives_and_forgets_requests_to_others(tmp_path: Path) -> None:
    assert driver_of(tmp_path) is None
    ask(tmp_path, STRANGER, after_runs=False)
    with driving(tmp_path):
        assert not (tmp_path / REQUEST_FILE).exists()
        assert driver_of(tmp_path) == this_process()
        with pytest.raises(GlasspotError, match=rf"process {os.getpid()} on .*glasspot stop"), driving(tmp_path):
            pass
        ask(tmp_path, this_process(), after_runs=False)
    assert not (tmp_path / REQUEST_FILE).exists()
    assert not is_driven(tmp_path)
    for rubbish in ("", "[]", '{"host": 1}', "[" * 9000):
        (tmp_path / "driver.lock").write_text(rubbish)
        assert driver_of(tmp_path) is None


@pytest.mark.parametrize(
    ("host", "state", "ago", "heard"),
    [
        ("elsewhere", "running", 5, True),
        ("elsewhere", "running", 500, False),  # silent for long: it has died
        ("elsewhere", "finished", 5, False),
        (platform.node(), "running", 5, False),  # here the lock is the truth
    ],
)
def test_a_driver_whose_lock_this_machine_cannot_see_is_heard(
    tmp_path: Path, host: str, state: str, ago: float, heard: bool
) -> None:
    (tmp_path / "driver.lock").write_text(json.dumps(asdict(replace(STRANGER, host=host))))
    with Store.create(tmp_path) as store:
        store.set_meta("state", state)
        store.set_meta("now", live_samples.note_of_now(1, at=time.time() - ago))
        assert is_heard(store, tmp_path) is heard


# The command.

DRIVER = """
import sys, time
from pathlib import Path
from glasspot.campaign.driver import driving, this_process
from glasspot.campaign.stopping import asked
with driving(Path(sys.argv[1])):
    print("drives", flush=True)
    for _ in range(600):
        request = asked(Path(sys.argv[1]))
        if request is not None and request.token == this_process().token and sys.argv[2] == "obeys":
            break
        time.sleep(0.05)
"""


def drive(folder: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(folder), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "drives\n"
    return process


def test_the_command_waits_until_the_driver_has_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.create(tmp_path) as store:
        store.set_meta("state", "stopped")
    process = drive(tmp_path, "obeys")
    assert main(["stop", str(tmp_path)]) == 0
    assert not is_driven(tmp_path)
    said = capsys.readouterr().out
    assert f"asked process {process.pid} on {platform.node()} to end now" in said
    assert "state: stopped; 0 MD runs in the store" in said
    assert "--resume" in said
    process.communicate()


def test_the_command_gives_up_after_its_time_and_says_what_it_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = drive(tmp_path, "is deaf")
    try:
        assert main(["stop", str(tmp_path), "--after-runs", "--timeout", "0.5"]) == 1
        said = capsys.readouterr().out
        assert "still at work" in said
        assert str(tmp_path / REQUEST_FILE) in said
        driver = driver_of(tmp_path)
        assert driver is not None
        request = asked(tmp_path)
        assert request is not None
        assert request == StopRequest(driver.token, True, request.by)
    finally:
        process.kill()
        process.communicate()


def test_where_nobody_is_at_work_nothing_is_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.create(tmp_path) as store:
        store.set_meta("state", "finished")
    before = sorted(tmp_path.iterdir())
    assert main(["stop", str(tmp_path)]) == 0
    assert "no glasspot is at work" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [[], ["--timeout", "0"], ["--timeout", "nan"]])
def test_a_folder_or_a_time_that_makes_no_sense_is_refused(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stop", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_driver_without_a_name_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with driving(tmp_path):
        (tmp_path / "driver.lock").write_text("")
        assert main(["stop", str(tmp_path)]) == 2
        assert not (tmp_path / REQUEST_FILE).exists()


def test_this_process_has_one_name() -> None:
    assert this_process() is this_process()
    assert this_process() == Driver(platform.node(), os.getpid(), this_process().since, this_process().token)

"""Local workers: how many, what they inherit, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from glasspot.errors import GlasspotError
from glasspot.execute.executors import stop
from glasspot.execute.local import LocalPool, local_workers
from glasspot.execute.place import here


def pid_and_threads() -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has asked for (a zombie) does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def wait_until_gone(pid: int, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_alive(pid)


def test_no_workers_are_refused() -> None:
    with pytest.raises(GlasspotError, match="workers is 0; expected 1 or more"):
        here(0)
    assert 1 <= local_workers() <= (os.cpu_count() or 1)


def test_a_worker_uses_one_thread_and_leaves_the_drivers_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    executor = LocalPool(1)
    try:
        pid, threads = executor.submit(pid_and_threads).result(30)
    finally:
        stop(executor)
    assert pid != os.getpid() and threads == "1" and "OMP_NUM_THREADS" not in os.environ
    assert wait_until_gone(pid)


def test_stop_does_not_wait_for_running_work() -> None:
    executor = LocalPool(1)
    pid, _ = executor.submit(pid_and_threads).result(30)
    running = executor.submit(time.sleep, 600)
    began = time.monotonic()
    while not running.running() and time.monotonic() - began < 10:
        time.sleep(0.01)
    stop(executor)
    assert time.monotonic() - began < 15
    assert wait_until_gone(pid)
    with pytest.raises((BrokenExecutor, SystemExit)):
        running.result(10)


def never_end(folder: Path) -> None:
    """Swallow whatever tells it to end, as a worker does that waits for a lock of one that was killed."""
    (folder / "begun").touch()
    while True:
        with suppress(BaseException):
            time.sleep(600)


@pytest.mark.parametrize("deaf", [False, True], ids=["swallows the exception", "is stopped"])
def test_a_worker_that_does_not_leave_is_made_to(deaf: bool, tmp_path: Path) -> None:
    """Python would wait for it at its own end, forever."""
    executor = LocalPool(1)
    pid, _ = executor.submit(pid_and_threads).result(30)
    executor.submit(never_end, tmp_path)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    if deaf:
        os.kill(pid, signal.SIGSTOP)
    stop(executor)
    assert wait_until_gone(pid, 1.0)


DRIVER = """
import os, time
from glasspot.execute.local import LocalPool
if __name__ == "__main__":
    executor = LocalPool(1)
    print(executor.submit(os.getpid).result(), flush=True)
    executor.submit(time.sleep, 600)
    time.sleep(600)
"""


def test_a_worker_does_not_outlive_a_driver_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        assert is_alive(worker)
        driver.send_signal(signal.SIGKILL)
    assert wait_until_gone(worker)


def begin_and_wait(folder: Path) -> None:
    """Stand in for a job whose engine must clean up."""
    try:
        (folder / "begun").touch()
        time.sleep(600)
    finally:
        time.sleep(0.3)
        (folder / "cleaned-up").touch()


def test_a_worker_that_is_told_to_end_cleans_up_and_does_nothing_more(tmp_path: Path) -> None:
    """Neither the next job of the queue, nor a traceback: it would read what another one had begun to read."""
    executor = LocalPool(1)
    try:
        pid, _ = executor.submit(pid_and_threads).result(30)
        running = executor.submit(begin_and_wait, tmp_path)
        following = [executor.submit((tmp_path / f"next-{k}").touch) for k in range(3)]
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(pid, signal.SIGTERM)
        for future in (running, *following):
            with pytest.raises(BrokenExecutor):
                future.result(30)
        assert (tmp_path / "cleaned-up").exists() and not list(tmp_path.glob("next-*"))
        assert wait_until_gone(pid)
    finally:
        stop(executor)


INTERRUPTED = """
import sys, time
from pathlib import Path
from glasspot.execute.local import LocalPool
if __name__ == "__main__":
    executor = LocalPool(2)
    for _ in range(6):
        executor.submit(time.sleep, 600)
    print("begun", flush=True)
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        executor.stop()
        sys.exit(130)
"""


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.3, 1.0])
def test_ctrl_c_is_not_for_the_workers_and_nobody_complains(after_s: float, tmp_path: Path) -> None:
    """It reaches them as well, in the same terminal, also those that are just being started."""
    script = tmp_path / "driver.py"
    script.write_text(INTERRUPTED)
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen([sys.executable, script], **both) as driver:  # type: ignore[call-overload]
        assert driver.stdout is not None
        driver.stdout.readline()
        time.sleep(after_s)
        os.killpg(driver.pid, signal.SIGINT)
        _, errors = driver.communicate(timeout=30)
    assert driver.returncode == 130 and errors == ""

"""A run that was told to end, by ``glasspot stop`` or a signal, leaves a clear state and goes on to the same end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_fit import SETTINGS, glasspot, processes_in, start_glasspot, stored, wait_for, write_settings

from glasspot.report.status import status

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
# One worker, and runs of a second or two: there is always one under way, and others that wait.
LONGER = SETTINGS.replace("sample_ps = 1\n", "sample_ps = 3\n").replace("replicas = 2", "replicas = 3")


def events(folder: Path) -> list[str]:
    return [line.split()[1] for line in (folder / "glasspot.log").read_text().splitlines()]


def begun(tmp_path: Path, *hooks: str) -> tuple[Path, Path, subprocess.Popen[str]]:
    """Return the file, the folder and the driver of a fit that has one run behind it."""
    path, folder = write_settings(tmp_path, "\n".join([LONGER, *hooks])), tmp_path / "run"
    driver = start_glasspot("fit", path, "--out", folder, "--workers", "1")
    wait_for(lambda: stored(folder))
    return path, folder, driver


def end_of(driver: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = driver.communicate(timeout=60)
    return driver.returncode, output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = glasspot("fit", write_settings(folder, LONGER), "--out", folder / "run", "--workers", "2")
    assert done.returncode == 0, done.stderr
    return folder / "run"


def assert_goes_on_to_the_same_end(path: Path, folder: Path, undisturbed: Path) -> None:
    before = stored(folder)
    resumed = glasspot("fit", path, "--out", folder, "--resume", "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    after = stored(folder)
    assert {key: after[key] for key in before} == before  # not one was run again
    assert set(after) == set(stored(undisturbed))
    one, two = status(undisturbed), status(folder)
    assert [h["cost"] for h in one["history"]] == [h["cost"] for h in two["history"]]
    assert one["validation"] == two["validation"]


def test_a_stopped_fit_goes_on_to_the_same_end(tmp_path: Path, undisturbed: Path) -> None:
    path, folder, driver = begun(tmp_path)
    asked = glasspot("stop", folder)
    assert asked.returncode == 0, asked.stderr
    assert "state: stopped" in asked.stdout and "--resume" in asked.stdout
    code, output = end_of(driver)
    assert code == 130 and "stopped on request" in output and "Traceback" not in output
    assert status(folder)["state"] == "stopped"
    assert not (folder / "stop.request").exists()
    assert not processes_in(folder)
    assert events(folder)[-3:] == ["stop-asked", "stopped", "driver-ends"]
    again = glasspot("stop", folder)  # nothing is there to be stopped
    assert again.returncode == 0 and "no glasspot is at work" in again.stdout
    assert_goes_on_to_the_same_end(path, folder, undisturbed)
    assert events(folder)[-2:] == ["finished", "driver-ends"]


def test_after_runs_lets_those_under_way_finish_and_begins_no_other(tmp_path: Path, undisturbed: Path) -> None:
    path, folder, driver = begun(tmp_path)
    asked = glasspot("stop", folder, "--after-runs")
    assert asked.returncode == 0, asked.stderr
    assert end_of(driver)[0] == 130
    log = events(folder)
    at = log.index("stop-asked")
    assert log[at:].count("run-finished") >= 1  # the one that was under way
    assert len(stored(folder)) < len(stored(undisturbed))
    # Every run that was begun is done: a job's folder is made when it begins.
    assert {place.name for place in (folder / "jobs").iterdir()} == set(stored(folder))
    assert_goes_on_to_the_same_end(path, folder, undisturbed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_as_the_interrupt_key_does_and_is_told(tmp_path: Path, number: signal.Signals, code: int) -> None:
    hook = 'on_failure = ["sh", "-c", "echo $GLASSPOT_STATE: $GLASSPOT_MESSAGE"]'
    _, folder, driver = begun(tmp_path, "[run]", hook)
    os.kill(driver.pid, number)
    returned, output = end_of(driver)
    assert returned == code
    assert f"interrupted by {number.name}" in output and "Traceback" not in output
    wait_for(lambda: not processes_in(folder), 20)
    assert status(folder)["state"] == "interrupted"
    assert (folder / "hook.log").read_text() == f"interrupted: interrupted by {number.name}\n"


def test_a_request_to_an_earlier_driver_stops_nobody(tmp_path: Path) -> None:
    path, folder, driver = begun(tmp_path)
    request = folder / "stop.request"
    end = time.monotonic() + 2.5  # longer than the driver takes to look
    while time.monotonic() < end:
        request.write_text('{"token": "of-another", "after_runs": false, "by": "me"}')
        time.sleep(0.1)
    assert driver.poll() is None
    driver.send_signal(signal.SIGINT)
    end_of(driver)
    request.write_text('{"token": "of-another", "after_runs": false, "by": "me"}')
    (folder / "jobs" / "no-more").touch()
    resumed = glasspot("fit", path, "--out", folder, "--resume", "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert not request.exists()

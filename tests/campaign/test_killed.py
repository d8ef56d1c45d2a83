"""kill -9 at any moment: no finished run is lost or repeated, no process is left, and the end is the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from small_fit import glasspot, processes_in, start_glasspot, stored, wait_for, write_settings

from glasspot.report.status import status
from glasspot.store import Store

Fits = Callable[[str], Path]
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")


@pytest.mark.parametrize(("engine", "runs_before"), [("lammps", 1), ("native", 1), ("native", 5)])
def test_a_killed_driver_is_resumed_to_the_same_end(
    finished_fits: Fits, tmp_path: Path, engine: str, runs_before: int
) -> None:
    path, folder, finished_fit = write_settings(tmp_path), tmp_path / "run", finished_fits(engine)
    driver = start_glasspot("fit", path, "--out", folder, "--workers", "2", "--engine", engine)
    wait_for(lambda: len(stored(folder)) >= runs_before)
    workers = [pid for pid in children(driver.pid) if "spawn_main" in command_of(pid)]
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    # Workers see that their driver is gone and end, with the engine they started.
    wait_for(lambda: not processes_in(folder), 20)
    wait_for(lambda: not any("spawn_main" in command_of(pid) for pid in workers), 20)
    assert workers and status(folder)["state"] == "interrupted"
    before = stored(folder)
    resumed = glasspot("fit", path, "--out", folder, "--resume", "--workers", "2", "--engine", engine)
    assert resumed.returncode == 0, resumed.stderr
    after = stored(folder)
    assert {key: after[key] for key in before} == before  # not one was run again
    assert set(after) == set(stored(finished_fit))
    one, two = status(finished_fit), status(folder)
    assert [h["cost"] for h in one["history"]] == [h["cost"] for h in two["history"]]
    assert one["validation"] == two["validation"]


@pytest.mark.parametrize("engine", ["lammps", "native"])
def test_a_killed_worker_costs_only_its_own_run(finished_fits: Fits, tmp_path: Path, engine: str) -> None:
    path, folder, finished_fit = write_settings(tmp_path), tmp_path / "run", finished_fits(engine)
    driver = start_glasspot("fit", path, "--out", folder, "--workers", "2", "--engine", engine)
    wait_for(lambda: len(stored(folder)) >= 2)
    workers = [pid for pid in children(driver.pid) if "spawn_main" in command_of(pid)]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    output, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, output
    assert set(stored(folder)) == set(stored(finished_fit))
    assert [h["cost"] for h in status(folder)["history"]] == [h["cost"] for h in status(finished_fit)["history"]]


def test_a_run_that_ended_while_no_driver_looked_is_taken(finished_fit: Path, tmp_path: Path) -> None:
    """The worker leaves its outcome in the job's folder before it answers; here the driver died in between."""
    path, folder = write_settings(tmp_path), tmp_path / "run"
    with Store.open(finished_fit) as store:
        first = store.outcomes()[0]["key"]
        data = store.get_outcome(first)
    driver = start_glasspot("fit", path, "--out", folder, "--workers", "1")
    wait_for(lambda: (folder / "jobs").exists())
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    wait_for(lambda: not processes_in(folder), 20)
    place = folder / "jobs" / first
    place.mkdir(parents=True, exist_ok=True)
    (place / "outcome.npz").write_bytes(data or b"")
    marker = place / "thermo.csv"
    marker.unlink(missing_ok=True)
    resumed = glasspot("fit", path, "--out", folder, "--resume", "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert first in stored(folder)
    assert not marker.exists()  # nothing was run for it


@pytest.mark.parametrize("engine", ["lammps", "native"])
def test_interrupt_leaves_a_clean_state(tmp_path: Path, engine: str) -> None:
    path, folder = write_settings(tmp_path), tmp_path / "run"
    driver = start_glasspot("fit", path, "--out", folder, "--workers", "2", "--engine", engine)
    wait_for(lambda: len(stored(folder)) >= 1)
    os.killpg(driver.pid, signal.SIGINT)
    output, _ = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert "interrupted" in output and "Traceback" not in output
    wait_for(lambda: not processes_in(folder), 20)
    assert status(folder)["state"] == "interrupted"


def children(pid: int) -> list[int]:
    """Return all descendants of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""

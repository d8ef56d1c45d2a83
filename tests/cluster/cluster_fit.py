"""A small fit on the nodes of the lab, run as a user would run it, and what must be true of it at its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from pytest import approx
from slurm_lab import SlurmLab
from small_fit import SETTINGS, write_settings

from glasspot.evaluate.job import OUTCOME_FILE
from glasspot.report.status import status
from glasspot.store import Store

# Runs of a second: long enough to be found under way and held.
LONGER = SETTINGS.replace("equilibrate_ps = 0.5", "equilibrate_ps = 9").replace("sample_ps = 1", "sample_ps = 15")
MARK = "GLASSPOT_TEST_OF"


class ClusterFit:
    """A fit with executor = "slurm"; ``run``: more lines of [run]. ``engine``: the table of that name.

    peace: folder of the same fit by processes of this machine.
    """

    def __init__(self, lab: SlurmLab, folder: Path, run: str, peace: Path, engine: str, settings: str) -> None:
        self.lab, self.peace, self.folder = lab, peace, folder / "run"
        text = f'{settings}{engine}\n[run]\nexecutor = "slurm"\nwalltime = "00:10:00"\n{run}\n'
        self.settings = write_settings(folder, text)
        self.output = folder / "output.txt"
        # Everything that is started inherits it, on the nodes as well.
        self.environment = {**lab.environment, MARK: str(folder)}
        self.driver: subprocess.Popen[bytes] | None = None

    def start(self, resume: bool = False) -> ClusterFit:
        """Start the driver."""
        quick = Path(__file__).parent / "quick_driver.py"
        words = [sys.executable, str(quick), "fit", str(self.settings), "--out", str(self.folder)]
        with self.output.open("wb") as output:
            self.driver = subprocess.Popen(
                words + ["--resume"] * resume, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return self

    def ends(self, seconds: float = 150) -> int:
        """Wait for the driver; return its exit code."""
        assert self.driver is not None
        try:
            return self.driver.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the fit does not end:\n{self.log[-3000:]}\n{self.parsl_log[-3000:]}") from None

    def kill(self) -> None:
        """Kill -9 the driver."""
        assert self.driver is not None
        os.kill(self.driver.pid, signal.SIGKILL)
        self.driver.wait()

    def end(self) -> None:
        """Leave nothing, whatever a test met."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    @property
    def log(self) -> str:
        path = self.folder / "glasspot.log"
        return path.read_text() if path.exists() else ""

    @property
    def parsl_log(self) -> str:
        path = self.folder / "cluster" / "parsl.log"
        return path.read_text() if path.exists() else ""

    def finished(self) -> int:
        """Return how many runs have finished."""
        return self.log.count(" run-finished ")

    def wait_for_runs(self, count: int) -> None:
        """Wait until so many runs have finished."""
        self._wait(lambda: self.finished() >= count)

    def wait_for(self, event: str, count: int = 1, seconds: float = 60) -> None:
        """Wait for so many lines of an event in glasspot.log."""
        self._wait(lambda: self.log.count(f" {event} ") >= count, seconds)

    def _wait(self, condition, seconds: float = 90) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + seconds
        while not condition():
            assert self.driver is not None and self.driver.poll() is None, self.output.read_text()
            assert time.monotonic() < end, f"{self.log[-3000:]}\n{self.parsl_log[-3000:]}"
            time.sleep(0.05)

    def under_way(self) -> dict[Path, int]:
        """Return the folder of each run that has told of progress and left no outcome, and its worker, which lives."""
        found = {}
        for path in self.folder.glob("jobs/*/progress.json"):
            try:
                worker = int(re.findall(r'"process": (\d+)', path.read_text())[0])
            except (OSError, IndexError):
                continue
            if not (path.parent / OUTCOME_FILE).exists() and _state(worker) not in ("", "Z"):
                found[path.parent] = worker
        return found

    def hold(self) -> int:
        """Stop a worker amid a run and return its process.

        What is done to it next cannot come too late: neither the run nor the fit ends before, however fast the machine.
        """
        end = time.monotonic() + 90
        while True:
            for folder, worker in self.under_way().items():
                os.kill(worker, signal.SIGSTOP)
                self.lab.wait_for(lambda: _state(worker) in ("T", "Z", ""), 5)  # noqa: B023
                if _state(worker) == "T" and not (folder / OUTCOME_FILE).exists():
                    return worker
                release(worker)  # it had just finished
            assert self.driver is not None and self.driver.poll() is None, self.output.read_text()
            assert time.monotonic() < end, f"no run is under way:\n{self.log[-3000:]}\n{self.parsl_log[-3000:]}"
            time.sleep(0.02)

    def processes(self) -> list[int]:
        """Return all live processes of this fit, on all nodes."""
        mark = f"{MARK}={self.environment[MARK]}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return [pid for pid in found if pid != os.getpid()]

    def check(self, same_command: bool = True) -> None:
        """The same results as in peace, no run lost, none done twice, no job and no process left.

        With another command of LAMMPS runs have other keys, and a mean over them the last bit of another order.
        """
        ended = Counter(re.findall(r"run-(?:finished|failed) .*?key=(\w+)", self.log))
        assert all(times == 1 for times in ended.values()), ended
        one, two = status(self.folder), status(self.peace)
        close = 0 if same_command else 1e-12
        found, peaceful = (table["history"] + table["validation"]["scores"] for table in (one, two))
        for name in ("cost", "error"):
            assert [row[name] for row in found] == approx([row[name] for row in peaceful], rel=close, abs=0)
        assert set(ended) == _keys(self.folder)
        assert len(ended) == len(_keys(self.peace)) and (set(ended) == _keys(self.peace)) == same_command
        self.lab.wait_for(lambda: not self.lab.jobs(), 20)
        try:
            self.lab.wait_for(lambda: not self.processes(), 20)
        except TimeoutError:
            raise AssertionError([Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.processes()]) from None


def release(worker: int) -> None:
    """Let a worker go on that was held, if it lives."""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)


def _state(pid: int) -> str:
    """Return the state of a process in one letter, "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _keys(folder: Path) -> set[str]:
    with Store.open(folder) as store:
        return {outcome["key"] for outcome in store.outcomes()}

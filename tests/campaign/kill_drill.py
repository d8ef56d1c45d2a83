"""kill -9 at random moments of real fits: drivers, workers, engines. A drill with a record, and a part of the tests.

    python tests/campaign/kill_drill.py --kills 200 --out DIR [--ways native lammps parsl] [--seed 1]

Small fits are run one after the other, each killed at random and resumed until it ends, and compared with the same fit
left in peace. What is looked for after every kill: a finished run that is no longer there (lost), a run that was
finished twice, a process that is left after its driver has died (orphan), a resume that fails, another result.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from small_fit import SETTINGS, glasspot, processes_in, start_glasspot, write_settings

from glasspot.report.status import status
from glasspot.store import Store

RUNS = 16  # of each fit, and some more for its choice and validation
GONE_S = 30.0  # after which a process of a dead driver counts as an orphan
WAYS = ("native", "lammps", "parsl")
DRIVER, WORKER, ENGINE, HELPER = "driver", "worker", "engine", "helper of Parsl"


@dataclass
class Record:
    """What a drill did and met."""

    kills: dict[str, int] = field(default_factory=dict)
    fits: int = 0
    runs: int = 0
    resumes: int = 0
    gave_up: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found."""
        return not (self.lost or self.twice or self.orphans or self.wrong)


def drill(folder: Path, kills: int, seed: int, ways: tuple[str, ...] = WAYS, mean_wait: float = 1.5) -> Record:
    """Kill ``kills`` times, ``mean_wait`` s apart on average, then let the last fit end; return what was met."""
    chance = random.Random(seed)
    record = Record()
    while sum(record.kills.values()) < kills:
        way = ways[record.fits % len(ways)]
        one = _Fit(folder / f"fit-{record.fits}-{way}", way, seed + record.fits, record, chance, mean_wait)
        one.run(kills)
        record.fits += 1
        print(json.dumps(asdict(record)), flush=True)
    return record


class _Fit:
    """One fit, killed and resumed until it has ended."""

    def __init__(self, folder: Path, way: str, seed: int, record: Record, chance: random.Random, wait: float) -> None:
        text = re.sub(r"seed = \d+", f"seed = {seed}", SETTINGS).replace("max_runs = 6", f"max_runs = {RUNS}")
        if way == "parsl":
            text += '[run]\nexecutor = "parsl"\n'
        self.settings = write_settings(folder, text)
        self.run_folder = folder / "run"
        self.peace = folder / "peace"
        engine = ("--engine", "native" if way == "parsl" else way)
        self.words: tuple[str | Path, ...] = ("fit", self.settings, "--workers", "2", *engine, "--out")
        self.record, self.chance, self.wait = record, chance, wait
        self.seen: set[tuple[int, str]] = set()  # processes of this fit, with the time of their start

    def run(self, kills: int) -> None:
        """Start, kill, resume; then compare."""
        while True:
            driver = self._start()
            while driver.poll() is None and sum(self.record.kills.values()) < kills:
                end = time.monotonic() + self.chance.expovariate(1 / self.wait)
                while driver.poll() is None and time.monotonic() < end:
                    time.sleep(0.02)
                if driver.poll() is None:
                    self._kill(driver)
            output, _ = driver.communicate(timeout=600)
            if driver.returncode == 0:
                break
            if "use --resume" in output and driver.returncode == 1:
                self.record.gave_up += 1  # one job was hit three times: told, and resumed as a person would
            elif driver.returncode != -signal.SIGKILL:
                self.record.wrong.append(f"exit code {driver.returncode}: {output[-500:]}")
                break
            self._look_for_orphans()
        self._look_for_orphans()
        self._compare()

    def _start(self) -> subprocess.Popen[str]:
        resume = ("--resume",) if (self.run_folder / "store.sqlite").exists() else ()
        self.record.resumes += bool(resume)
        return start_glasspot(*self.words, self.run_folder, *resume)

    def _kill(self, driver: subprocess.Popen[str]) -> None:
        """Kill one process of the fit, and see that what was finished before is still there."""
        found = _processes(driver.pid)
        kind = self.chance.choice([DRIVER, WORKER, ENGINE, HELPER])
        if not found[kind]:
            return  # else a driver that is about to start its workers would be hit most of the time
        before = _finished(self.run_folder)
        self.seen |= {(pid, _start_of(pid)) for pid in _descendants(driver.pid)}
        pid = self.chance.choice(found[kind])
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.record.kills[kind] = self.record.kills.get(kind, 0) + 1
        if kind == DRIVER:
            driver.wait()
        after = _finished(self.run_folder)
        self.record.lost += [f"{self.run_folder}: {key} after a {kind} was killed" for key in before - after]

    def _look_for_orphans(self) -> None:
        end = time.monotonic() + GONE_S
        while (left := self._living()) and time.monotonic() < end:
            time.sleep(0.1)
        self.record.orphans += [f"{self.run_folder}: {pid} {command}" for pid, command in left]

    def _living(self) -> list[tuple[int, str]]:
        """Return what still runs in the folder, and what was seen as the driver's and still runs anywhere."""
        seen = [(pid, "seen before") for pid, start in self.seen if start and _start_of(pid) == start]
        return processes_in(self.run_folder) + seen

    def _compare(self) -> None:
        """The fit that was killed and the one in peace must have done the same, each run once."""
        done = glasspot(*self.words, self.peace)
        if done.returncode != 0:
            self.record.wrong.append(f"{self.peace}: {done.stderr}")
            return
        ended = re.findall(r"run-(?:finished|failed) .*?key=(\w+)", (self.run_folder / "glasspot.log").read_text())
        self.record.runs += len(set(ended))
        self.record.twice += [f"{self.run_folder}: {key}" for key, n in Counter(ended).items() if n > 1]
        one, two = status(self.run_folder), status(self.peace)
        if [h["cost"] for h in one["history"]] != [h["cost"] for h in two["history"]]:
            self.record.wrong.append(f"{self.run_folder}: another history")
        if one["validation"] != two["validation"]:
            self.record.wrong.append(f"{self.run_folder}: other scores")
        missing = _finished(self.peace) - _finished(self.run_folder)
        self.record.lost += [f"{self.run_folder}: {key} at the end" for key in missing]


def _finished(folder: Path) -> set[str]:
    """Return the keys of the runs that are finished: in the store, or in the job's folder on the way to it."""
    waiting = {path.parent.name for path in folder.glob("jobs/*/outcome.npz")}
    if not (folder / "store.sqlite").exists():
        return waiting
    with Store.open(folder) as store:  # looked at after the folders: an outcome only moves from there to here
        return waiting | {outcome["key"] for outcome in store.outcomes()}


def _processes(driver: int) -> dict[str, list[int]]:
    """Return the processes of a fit by what they are."""
    found: dict[str, list[int]] = {DRIVER: [driver], WORKER: [], ENGINE: [], HELPER: []}
    for pid in _descendants(driver):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        text = b" ".join(words)
        if b"in.lammps" in text and b"supervise.py" not in text:
            found[ENGINE].append(pid)
        elif b"spawn_main" in text or b"parsl: HTEX worker" in text:
            found[WORKER].append(pid)
        elif b"process_worker_pool" in text or b"interchange" in text:
            found[HELPER].append(pid)
    return found


def _start_of(pid: int) -> str:
    """Return when a process began, in ticks of the kernel; "" of one that is gone or that only waits to be counted."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]


def _descendants(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(word) for word in text.split()]
    return children + [one for child in children for one in _descendants(child)]


def main() -> int:
    """Run a drill and print its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--wait", type=float, default=1.5, help="mean seconds between two kills")
    args = parser.parse_args()
    record = drill(args.out.resolve(), args.kills, args.seed, tuple(args.ways), args.wait)
    print(json.dumps(asdict(record), indent=1))
    return 0 if record.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())

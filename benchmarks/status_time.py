"""How long ``glasspot status`` takes for a folder of many runs, as a whole process: the median of five.

    python benchmarks/status_time.py               10,000 runs and steps
    python benchmarks/status_time.py --runs 1000

Each with the file in the page cache, and after it was dropped from there; with the driver's note of what it counted,
with one from before the last 200 runs (it is made every two seconds: a driver that was killed), and without any. The
store is made up, of the size of a real one: outcomes of
50 kB, steps of a fit of 25 parameters.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PARAMETERS, KEYS, BLOB = 25, 6, 50_000
NOTES = {"noted": 0, "killed": 200, "no note": None}  # -> runs after the note


def main() -> None:
    """Make the folder, time the command, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="make it there, or use the one that is there; it is kept")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="status-"))
    try:
        if not (folder / "store.sqlite").exists():
            make(folder, args.runs)
        size = (folder / "store.sqlite").stat().st_size / 1e6
        for noted, missing in NOTES.items():
            note(folder, missing)
            for words in ([], ["--all"], ["--json"]):
                warm, cold = (statistics.median(timed(folder, words, cold) for _ in range(5)) for cold in (False, True))
                print(f"{args.runs} runs, {size:.0f} MB, {noted}, status {' '.join(words):6s} "
                      f"{warm:5.2f} s warm {cold:5.2f} s cold", flush=True)  # fmt: skip
    finally:
        if args.folder is None:
            shutil.rmtree(folder)


def timed(folder: Path, words: list[str], cold: bool) -> float:
    """Return the seconds of one call."""
    if cold:
        handle = os.open(folder / "store.sqlite", os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    clock = time.perf_counter()
    command = [sys.executable, "-m", "glasspot", "status", str(folder), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - clock


def make(folder: Path, runs: int) -> None:
    """Make a store of a fit under way: every twentieth run failed."""
    from glasspot.store import Store

    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)  # noqa: S311 - numbers of no secret
    with Store.create(folder) as store:
        store._connection.execute("PRAGMA synchronous=OFF")  # it may be lost
        store.set_meta("state", "interrupted")
        store.set_meta("seconds", 3600.0)
        store.set_meta("plan", {"title": "made up", "max_runs": 2 * runs})
        for number in range(runs):
            ok = number % 20 != 7
            store.put_outcome(
                f"{draw.getrandbits(80):020x}", f"fit {number + 1}", {"a": "b" * 3000}, ok, "" if ok else "boiled",
                41.0, draw.randbytes(BLOB),
            )  # fmt: skip
            store.put_record("step", number, step(draw, number, ok))
    os.sync()


def note(folder: Path, missing: int | None) -> None:
    """Leave the note that a driver leaves, made before the last ``missing`` runs; None: no note."""
    from glasspot.campaign.tally import Standing, Tally
    from glasspot.store import Store
    from glasspot.store.news import News

    with Store.create(folder) as store:
        standing = Standing()
        runs, steps = News(store).runs_after(0), store.records("step")
        for record in steps[: len(steps) - (missing or 0)]:
            standing.add(record)
        tally = Tally.of_runs(runs[: len(runs) - (missing or 0)])
        there = missing is not None
        store.set_meta("now", {"tally": tally.encode(), "search": standing.encode()} if there else None)
    os.sync()


def step(draw: random.Random, number: int, ok: bool) -> dict[str, Any]:
    """Return the record of an evaluation."""
    names = [f"Si-O.{i}.rho" for i in range(PARAMETERS)]
    return {
        "number": number, "run": number + 1, "method": "bayes", "round": number, "of_round": 1, "note": "",
        "point": [draw.random() for _ in names], "values": {name: draw.random() for name in names},
        "predicted": draw.random(), "accepted": False,
        "keys": [f"{draw.getrandbits(80):020x}" for _ in range(KEYS)], "refined": False, "level": 0,
        "cost": 0.1 + draw.random() if ok else None, "error": 0.01 if ok else None, "noise": 0.01,
        "per_curve": {name: draw.random() for name in names[:KEYS]}, "per_state": {}, "numbers": {},
        "reason": "" if ok else "boiled", "message": "", "seconds": 40.0 * number,
    }  # fmt: skip


if __name__ == "__main__":
    main()

"""A fit small enough to run several times in the tests: 81 atoms, runs of a second, real MD throughout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glasspot.store import Store

SETTINGS = """
title = "a small fit"
seed = 5
[potential]
start = "BKS"
free = ["charge.Si", "Si-O.A", "Si-O.rho", "O-O.A", "O-O.rho"]
[system]
composition = "SiO2"
atoms = 81
density = 2.2
temperature = 3600
[md]
replicas = 2
first_equilibrate_ps = 1
equilibrate_ps = 0.5
sample_ps = 1
[[target]]
pair = "total"
file = "target.csv"
columns = ["g"]
range = [1.0, 6.0]
[fit]
max_runs = 6
candidates = 2
[validation]
runs = 2
equilibrate_ps = 1
sample_ps = 1
"""


def write_settings(folder: Path, text: str = SETTINGS) -> Path:
    """Write a fit's files: the total g(r) of a made-up liquid with peaks where silica has them."""
    folder.mkdir(parents=True, exist_ok=True)
    r = np.arange(160) * 0.05 + 0.025
    peaks = [(1.62, 0.10, 4.2), (2.65, 0.18, 1.6), (3.15, 0.25, 0.5), (4.1, 0.5, 0.2)]
    g = sum(h * np.exp(-(((r - c) / (1.4 * w)) ** 2)) for c, w, h in peaks) + 1 / (1 + np.exp(-(r - 3.6) / 0.25))
    rows = ["r,g"] + [f"{x:.4f},{y:.5f}" for x, y in zip(r, g, strict=True)]
    (folder / "target.csv").write_text("\n".join(rows) + "\n")
    path = folder / "fit.toml"
    path.write_text(text)
    return path


def glasspot(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "glasspot", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)  # type: ignore[call-overload]


def start_glasspot(*words: str | Path) -> subprocess.Popen[str]:
    """Start the command line in a process group of its own, to be killed by a test.

    Signals have their usual effect, also where the tests themselves were started by nohup.
    """
    command = [sys.executable, "-m", "glasspot", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip


def processes_in(folder: Path) -> list[tuple[int, str]]:
    """Return (pid, command) of every live process whose working folder or command line names ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(entry / "cwd")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and (str(folder) in command or place.startswith(str(folder))):
            found.append((int(entry.name), command))
    return found


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return when ``condition`` holds; fail the test when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.02)


def stored(folder: Path) -> dict[str, float]:
    """Return key -> time of storing of every outcome."""
    if not (folder / "store.sqlite").exists():
        return {}
    with Store.open(folder) as store:
        return {o["key"]: o["stored"] for o in store.outcomes()}

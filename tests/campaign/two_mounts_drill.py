"""Fits on a network file system that is mounted twice: a drill with a record, for two mount points of one folder.

    python tests/campaign/two_mounts_drill.py MOUNT_A MOUNT_B --local DIR [--kills 30] [--parsl]
    python tests/campaign/two_mounts_drill.py MOUNT_A MOUNT_B --local DIR --outages 5 --break COMMAND --mend COMMAND

The two mounts stand for two machines: each has caches of its own, so they must be two clients of the file server (two
mounts of FUSE, or two machines' homes by sshfs), not one folder by two names. A driver works through A; others look,
ask and resume through B. DIR is on a local disk, for the fit that every other is compared with. --break and --mend
take the file server away and bring it back, such as "kill -STOP 123" and "kill -CONT 123".
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from small_fit import SETTINGS, glasspot, start_glasspot, stored, wait_for, write_settings

from glasspot.report.status import status
from glasspot.store import Store
from glasspot.store.disk import file_system

# Runs of about a second, some thirty of them.
LONGER = SETTINGS.replace("max_runs = 6", "max_runs = 100").replace("\nsample_ps = 1", "\nsample_ps = 8")
MOST_S = 300.0


class Trial:
    """The two mounts with a folder of their own in them, and the fit that all others must equal."""

    def __init__(self, mount_a: Path, mount_b: Path, local: Path, seed: int) -> None:
        self.a = Path(tempfile.mkdtemp(dir=mount_a, prefix="drill-"))
        self.b = mount_b / self.a.name
        wait_for(self.b.is_dir)
        self.chance = random.Random(seed)
        self.settings = write_settings(local / "settings", LONGER)
        self.peace = local / "peace"
        self.words: tuple[str | Path, ...] = ("fit", self.settings, "--workers", "2", "--out")
        self.must(glasspot(*self.words, self.peace))

    @staticmethod
    def must(done: subprocess.CompletedProcess[str]) -> str:
        """Return what a command printed; it must have done its work."""
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, place: Path, resume: bool = False) -> subprocess.Popen[str]:
        """Start a fit and return its driver, a second or two after its first finished run."""
        driver = start_glasspot(*self.words, place, *["--resume"] * resume)
        if not resume:
            wait_for(lambda: stored(place))
        return driver

    def finish(self, place: Path) -> None:
        """Resume a fit until its end."""
        self.must(glasspot(*self.words, place, *["--resume"] * (place / "store.sqlite").exists()))

    def faults(self, place: Path) -> list[str]:
        """Return in what a finished fit differs from that in peace; nothing is what is hoped for."""
        one, two = status(place), status(self.peace)
        found = []
        if [h["cost"] for h in one["history"]] != [h["cost"] for h in two["history"]]:
            found.append("another history")
        if one["validation"] != two["validation"]:
            found.append("other scores")
        if set(stored(place)) != set(stored(self.peace)):
            found.append("other runs")
        ended = re.findall(r"run-(?:finished|failed) .*?key=(\w+)", (place / "glasspot.log").read_text())
        return found + [f"{key} was finished {n} times" for key, n in Counter(ended).items() if n > 1]


def costs(trial: Trial) -> dict[str, Any]:
    """Return the journal and the milliseconds of storing an outcome of 20 kB, there and on the local disk."""
    found: dict[str, Any] = {}
    for name, folder in (("mount", trial.a / "costs"), ("local", trial.peace.parent / "costs")):
        folder.mkdir()
        with Store.create(folder) as store:
            seconds = []
            for k in range(300):
                began = time.perf_counter()
                store.put_outcome(f"k{k}", f"fit {k}", {}, True, "", 1.0, trial.chance.randbytes(20_000))
                seconds.append(time.perf_counter() - began)
            logged = store.path.with_name(store.path.name + "-wal").exists()
        found[name] = {
            "file system": file_system(folder), "journal": "write-ahead log" if logged else "rollback",
            "median_ms": round(1e3 * sorted(seconds)[150], 2), "slowest_ms": round(1e3 * max(seconds), 2),
        }  # fmt: skip
    return found


def looked_at(trial: Trial) -> dict[str, Any]:
    """A fit through A, while status, repair --check and the live page look through B as often as they can."""
    place, seen = trial.b / "watched", Counter[str]()
    driver = trial.start(trial.a / "watched")
    commands = (("status",), ("repair", "--check"))
    looks = [threading.Thread(target=_ask, args=(driver, seen, words, place)) for words in commands]
    looks.append(threading.Thread(target=_watch, args=(driver, seen, place)))
    for look in looks:
        look.start()
    driver.communicate(timeout=MOST_S)
    for look in looks:
        look.join()
    return {"exit": driver.returncode, "looks": dict(seen), "faults": trial.faults(place)}


def _ask(driver: subprocess.Popen[str], seen: Counter[str], words: tuple[str, ...], place: Path) -> None:
    while driver.poll() is None:
        done = glasspot(*words, place)
        seen[" ".join(words) if done.returncode == 0 else f"{words}: {done.stdout}{done.stderr}"] += 1


def _watch(driver: subprocess.Popen[str], seen: Counter[str], place: Path) -> None:
    server = start_glasspot("watch", place)
    assert server.stdout is not None
    address = next(line for line in server.stdout if line.startswith("live page")).split()[-1]
    while driver.poll() is None:
        with urllib.request.urlopen(address.replace("/?", "/state?"), timeout=60) as answer:  # noqa: S310 - of this machine
            said = json.load(answer)["said"]
        trouble = "" if "MD runs" in said else f": {said}"
        seen[f"watch{trouble}"] += 1
        time.sleep(0.1)
    server.terminate()
    server.communicate(timeout=60)


def second_driver(trial: Trial) -> dict[str, Any]:
    """Another driver through B, in the folder of one at work through A."""
    driver = trial.start(trial.a / "two")
    second = glasspot(*trial.words, trial.b / "two", "--resume")
    driver.communicate(timeout=MOST_S)
    return {
        "exit": driver.returncode, "second": second.returncode, "said": second.stderr.strip(),
        "faults": trial.faults(trial.b / "two"),
    }  # fmt: skip


def stops(trial: Trial, number: int = 5) -> dict[str, Any]:
    """``glasspot stop`` through B: the seconds until it has come back, the driver through A gone; then the rest."""
    found: dict[str, Any] = {}
    for how in ((), ("--after-runs",)):
        place, took = f"stop{len(how)}", []
        for k in range(number):
            driver = trial.start((trial.a, trial.b)[k % 2] / place, resume=k > 0)
            time.sleep(2 + trial.chance.random() if k else 0)
            began = time.monotonic()
            trial.must(glasspot("stop", (trial.b, trial.a)[k % 2] / place))
            took.append(round(time.monotonic() - began, 2))
            driver.communicate(timeout=MOST_S)
        trial.finish(trial.b / place)
        found[" ".join(("stop", *how))] = {"seconds": took, "faults": trial.faults(trial.a / place)}
    return found


def kills(trial: Trial, number: int) -> dict[str, Any]:
    """kill -9 of drivers and workers at random moments; each resume through the other mount."""
    done, faults, fits, resumes = Counter[str](), [], 0, 0
    while sum(done.values()) < number:
        places = [trial.a / f"kill{fits}", trial.b / f"kill{fits}"]
        fits += 1
        while True:
            place = places[resumes % 2]
            resume = (place / "store.sqlite").exists()
            driver = start_glasspot(*trial.words, place, *["--resume"] * resume)
            resumes += resume
            while driver.poll() is None and sum(done.values()) < number:
                time.sleep(trial.chance.expovariate(1 / 6.0))
                kind = trial.chance.choice(["driver", "driver", "worker"])
                before = set(stored(places[1]))
                _kill(driver, kind, done)
                if missing := before - set(stored(places[1])):
                    faults.append(f"lost: {missing}")
            output, _ = driver.communicate(timeout=MOST_S)
            if driver.returncode == 0:
                break
            if driver.returncode != -9:
                faults.append(f"exit code {driver.returncode}: {output[-300:]}")
        faults += trial.faults(places[0])
    return {"kills": dict(done), "fits": fits, "resumes": resumes, "faults": faults}


def _kill(driver: subprocess.Popen[str], kind: str, done: Counter[str]) -> None:
    try:
        family = psutil.Process(driver.pid).children(recursive=True)
        workers = [one for one in family if "spawn_main" in " ".join(one.cmdline())]
    except psutil.NoSuchProcess:
        return
    if kind == "worker" and workers:
        workers[0].kill()
    elif kind == "driver" and driver.poll() is None:
        driver.kill()
        _, left = psutil.wait_procs(family, 30)
        assert not left, left
    else:
        return
    done[kind] += 1


def outages(trial: Trial, number: int, breaks: str, mends: str, away_s: float) -> list[dict[str, Any]]:
    """Take the file server away at a random moment of a fit, bring it back, and finish the fit through B."""
    found = []
    for k in range(number):
        driver = start_glasspot(*trial.words, trial.a / f"away{k}")
        time.sleep(trial.chance.uniform(1, 12))
        subprocess.run(shlex.split(breaks), check=True)
        time.sleep(away_s)
        subprocess.run(shlex.split(mends), check=True)
        output, _ = driver.communicate(timeout=MOST_S)
        wait_for(lambda: _is_back(trial))
        trial.finish(trial.b / f"away{k}")
        said = output.splitlines()[-1] if driver.returncode else ""
        faults = [output[output.index("Traceback") :]] if "Traceback" in output else []
        faults += trial.faults(trial.b / f"away{k}")
        found.append({"exit": driver.returncode, "said": said, "faults": faults})
    return found


def _is_back(trial: Trial) -> bool:
    try:
        return all(list(place.iterdir()) for place in (trial.a, trial.b))
    except OSError:
        return False


def parsl(trial: Trial) -> dict[str, Any]:
    """The workers of Parsl, with their folders on the mount."""
    text = f'{LONGER}[run]\nexecutor = "parsl"\n'
    path = write_settings(trial.peace.parent / "parsl", text)
    done = glasspot("fit", path, "--workers", "2", "--out", trial.a / "parsl")
    return {"exit": done.returncode, "said": done.stderr[-300:], "faults": trial.faults(trial.b / "parsl")}


def main() -> int:
    """Do the drill and print its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", type=Path, metavar="MOUNT_A")
    parser.add_argument("b", type=Path, metavar="MOUNT_B")
    parser.add_argument("--local", type=Path, required=True, help="folder on a local disk, empty or not there")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--parsl", action="store_true")
    parser.add_argument("--outages", type=int, default=0)
    parser.add_argument("--break", dest="breaks", metavar="COMMAND", help="takes the file server away")
    parser.add_argument("--mend", metavar="COMMAND", help="brings it back")
    parser.add_argument("--away", type=float, default=20.0, help="seconds between the two")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    trial = Trial(args.a.resolve(), args.b.resolve(), args.local.resolve(), args.seed)
    if args.outages:
        print("outages", json.dumps(outages(trial, args.outages, args.breaks, args.mend, args.away), indent=1))
        return 0
    for part in (costs, looked_at, second_driver, stops):
        print(part.__name__, json.dumps(part(trial), indent=1), flush=True)
    if args.kills:
        print("kills", json.dumps(kills(trial, args.kills), indent=1), flush=True)
    if args.parsl:
        print("parsl", json.dumps(parsl(trial), indent=1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

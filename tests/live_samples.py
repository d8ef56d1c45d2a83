"""The store of a fit to a liquid, made up whole and as large as asked, to be watched while it grows. Nothing is run."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.evidence import score
from glasspot.campaign.tally import Standing
from glasspot.evaluate.job import Outcome
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.store import STORE_FILE, Store
from glasspot.store.rows import META, RUNS, Run, Seal, digest, digest_bytes, part_of
from glasspot.store.schema import ADD_OUTCOME, PUT_SEAL, make_tables
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System
from report_samples import PARAMETERS, PEAKS, pair_curve

R_MAX, NODES = 8.0, 320
SYSTEM = System(("Si-Si", "Si-O", "O-O"), {"Si": 108, "O": 216}, 4909.0)
SPACE = ParameterSpace.build(load_potential("BKS"), [name for name, *_ in PARAMETERS])
BEGAN = 1.79e9  # seconds of the epoch
EACH_S = 18.4  # of an evaluation
FAILS = 23  # one in so many evaluations
REASONS = ("lost-atoms", "too-hot", "time-limit")
DENSITY = SYSTEM.counts["Si"] / SYSTEM.volume, SYSTEM.counts["O"] / SYSTEM.volume


def _partial(label: str, shift: float, broadening: float, r: np.ndarray) -> np.ndarray:
    known = label if label in PEAKS else "-".join(reversed(label.split("-")))
    return pair_curve(known, shift, broadening, np.maximum(r, 1e-3))


def objective() -> Objective:
    """Return the targets: the three g(r) of liquid silica, as Gaussian shells."""
    edges = np.arange(0.9, 7.901, 0.05)
    centres = 0.5 * (edges[1:] + edges[:-1])
    targets = tuple(CurveTarget(f"g(r) {pair}", pair, edges, _partial(pair, 0, 1, centres)) for pair in SYSTEM.labels)
    return Objective((StateTargets("", targets, SYSTEM, R_MAX, NODES),))


def outcome(key: str, shift: float, rng: np.random.Generator) -> Outcome:
    """Return a run whose shells are off by ``shift`` (A)."""
    r = np.arange(NODES + 1) * R_MAX / NODES
    shell = 4 * np.pi * r**2 * (R_MAX / NODES) / SYSTEM.volume
    rows = [n * shell * _partial(label, shift, 1 - 4 * shift, r)
            for n, label in zip(SYSTEM.pair_counts(), SYSTEM.labels, strict=True)]  # fmt: skip
    histogram = np.array(rows)[None] * (1 + 0.01 * rng.normal(size=(4, 3, NODES + 1)))
    angle = np.arange(61.0, 180, 2.0)
    arrays = {
        "frames": np.full(4, 50), "histogram": histogram,
        "angle Si-O-Si|x": angle, "angle Si-O-Si|y": np.exp(-(((angle - 143 - 200 * shift) / 15) ** 2)),
    }  # fmt: skip
    texts = {"provenance": {"glasspot": "test", "engine": "native"}}
    return Outcome(key, True, numbers={"pressure_bar": 1e4 * shift}, arrays=arrays, texts=texts)


def failed(key: str, reason: str) -> Outcome:
    """Return a run that failed."""
    return Outcome(key, False, reason, f"the potential let the melt go wrong at step 4200 ({reason})")


def cost_of(number: int) -> float | None:
    """Return R_chi of an evaluation: falling with noise, None where it failed."""
    if number % FAILS == FAILS - 1:
        return None
    noise = np.random.default_rng(number).exponential()
    return float(0.03 + 0.12 * np.exp(-number / 40) * (number == 0 or 0.6 + 0.4 * noise) + 0.01 * noise * (number > 0))


def step(number: int) -> dict[str, Any]:
    """Return the record of an evaluation."""
    rng = np.random.default_rng([3, number])
    point = SPACE.to_cube(SPACE.base) if number == 0 else rng.uniform(0.3, 0.7, len(SPACE.names))
    cost = cost_of(number)
    good = cost is not None
    return {
        "number": number, "run": number + 1, "method": "cma-es", "round": number, "of_round": 1,
        "note": "start" if number == 0 else "", "point": point.tolist(),
        "values": SPACE.values(SPACE.from_cube(point)), "predicted": None, "accepted": False, "keys": [key_of(number)],
        "refined": False, "level": 0, "cost": cost, "error": 0.002 if good else None, "noise": 0.004 if good else None,
        "per_curve": {t.label: cost for t in objective().states[0].curves} if good and number < 2 else {},
        "per_state": {}, "numbers": {}, "reason": "" if good else REASONS[number % 3],
        "message": "" if good else "the potential let the melt go wrong", "seconds": EACH_S * (number + 1),
    }  # fmt: skip


def key_of(number: int) -> str:
    """Return the name of the run of an evaluation."""
    return f"{number:020x}"


def note_of_now(running: int, waiting: int = 0, at: float | None = None, most: int = 200) -> dict[str, Any]:
    """Return what the driver notes of runs under way, on four hosts; ``most``: MD runs that the search may take."""
    at = time.time() if at is None else at
    jobs = [
        {"key": f"{n:020x}", "label": f"fit {n + 1}", "host": f"node{n % 4 + 1:02d}", "since": at - 40 - 7 * n,
         "step": 9000 + 700 * n, "total_steps": 60000, "atom_steps_per_s": 2.1e6 + 1e4 * n, "silent_s": 1.0}
        for n in range(running)
    ]  # fmt: skip
    hosts = {f"node{n + 1:02d}": len(range(n, running, 4)) for n in range(min(4, running))}
    return {"at": at, "to_go": running + waiting, "under_way": running, "hosts": hosts,
            "atom_steps_per_s": sum(job["atom_steps_per_s"] for job in jobs), "jobs": jobs,
            "search": Standing(most).encode()}  # fmt: skip


def values(state: str, evaluations: int, max_runs: int) -> dict[str, Any]:
    """Return the values by name that a fit in this state has stored."""
    return {
        "settings": {"fit": {"method": ["cma-es"], "max_runs": max_runs}, "files": {}},
        "plan": {
            "title": "Liquid silica at 3600 K", "description": "Seven parameters of BKS, fitted to three g(r).",
            "cautions": [], "seed": 1, "space": SPACE.to_dict(), "windows": {n: list(w) for n, w in
            SPACE.windows().items()}, "began": "2026-11-20T10:00:00Z",
        },
        "objective": objective().to_dict(), "state": state, "seconds": EACH_S * evaluations,
        "page": "a-token-for-the-tests-0001", "now": note_of_now(0, at=BEGAN, most=max_runs),
    }  # fmt: skip


def scores() -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Return the validation runs of three potentials, and their scores."""
    rng, runs, records = np.random.default_rng(8), [], []
    fitted = replace(load_potential("CHIK"), name="silica-fitted", cautions=())
    named = [(0.002, "fitted", fitted), (-0.018, "start", load_potential("BKS")),
             (0.012, "published", load_potential("CHIK"))]  # fmt: skip
    for shift, role, potential in named:
        found = [outcome(f"{role}-{n}", shift, rng) for n in range(3)]
        runs += found
        content = {**score([found], objective()), "name": potential.name, "role": role}
        records.append({**content, "keys": {"": [one.key for one in found]}, "potential": potential.to_dict()})
    return runs, records


def make_store(
    folder: Path, evaluations: int = 12, state: str = "interrupted", validated: bool = False, max_runs: int = 200
) -> Path:
    """Write the store of a fit with so many evaluations, all in one transaction, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / STORE_FILE
    steps = [step(number) for number in range(evaluations)]
    best = min((s["cost"], s["number"]) for s in steps if s["cost"] is not None)[1] if steps else -1
    rng = np.random.default_rng(1)
    small = outcome("", 0.0, rng)
    small = replace(small, arrays={"frames": small.arrays["frames"]})
    data = []
    for n, record in enumerate(steps):
        if record["cost"] is None:
            data.append(failed(key_of(n), record["reason"]))
        else:
            shown = {0: -0.02, best: 0.003}
            data.append(outcome(key_of(n), shown[n], rng) if n in shown else replace(small, key=key_of(n)))
    known = values(state, evaluations, max_runs)
    records = [("step", n, record) for n, record in enumerate(steps)]
    if validated:
        runs, judged = scores()
        data += runs
        records += [("validation", n, record) for n, record in enumerate(judged)]
        known["fitted"] = judged[0]["potential"]
        known["determination"] = {"reason": "a made-up fit", "directions": []}
    _write(path, known, records, data)
    return folder


def _write(
    path: Path, known: dict[str, Any], records: Sequence[tuple[str, int, dict[str, Any]]], data: Sequence[Outcome]
) -> None:
    seal = Seal()
    connection = sqlite3.connect(path, isolation_level=None)
    make_tables(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN")
    for name, value in known.items():
        text = json.dumps(value)
        seal.add(META, digest(name, text))
        connection.execute("INSERT INTO meta VALUES (?,?,?)", (name, digest(name, text), text))
    for kind, number, record in records:
        text = json.dumps(record, sort_keys=True)
        seal.add(part_of(kind), digest(kind, number, text))
        connection.execute("INSERT INTO records VALUES (?,?,?,?)", (kind, number, digest(kind, number, text), text))
    plain: dict[str, bytes] = {}  # outcomes that differ in their key only have the bytes of one
    for n, one in enumerate(data):
        like = "small" if one.ok and "histogram" not in one.arrays else one.key
        content = plain.setdefault(like, one.to_bytes())
        stored, label = BEGAN + EACH_S * n, f"fit {n + 1}"
        row = (one.key, label, "{}", int(one.ok), one.reason, EACH_S, stored, content)
        number = connection.execute(ADD_OUTCOME, row).lastrowid or 0
        run = Run(one.key, number, label, one.ok, one.reason, EACH_S, stored, digest_bytes(content))
        seal.add(RUNS, run.digest)
        connection.execute("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)", run.row)
    connection.execute(PUT_SEAL, (seal.encode(),))
    connection.execute("COMMIT")
    connection.close()
    os.utime(path)


def add_evaluation(store: Store, number: int, seconds: float = EACH_S) -> None:
    """Store one more evaluation with its run, as a driver does."""
    record = step(number) | {"seconds": seconds * (number + 1)}
    rng = np.random.default_rng(number)
    good = record["cost"] is not None
    one = outcome(key_of(number), 0.004, rng) if good else failed(key_of(number), record["reason"])
    store.put_outcome(one.key, f"fit {number + 1}", {}, one.ok, one.reason, seconds, one.to_bytes())
    store.put_record("step", number, record)
    store.set_meta("seconds", record["seconds"])

"""Stores of made-up runs whose outcomes are real ones, to be damaged in tests, and what was written into them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Outcome, content_key
from glasspot.store import STORE_FILE, Store

KINDS = ("step", "validation")
PAGE = 4096
# The tables of before there were digests.
OLD = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE outcomes (
  key TEXT PRIMARY KEY, label TEXT NOT NULL, spec TEXT NOT NULL, ok INTEGER NOT NULL, reason TEXT NOT NULL,
  seconds REAL NOT NULL, stored REAL NOT NULL, outcome BLOB NOT NULL);
CREATE TABLE records (
  kind TEXT NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (kind, number));
"""


@dataclass(frozen=True)
class Written:
    """What was written into a store."""

    rows: dict[str, tuple[str, bool, str, float, bytes]]  # key -> label, ok, reason, seconds, outcome
    records: dict[str, list[dict[str, Any]]]
    meta: dict[str, Any]


def spec(number: int) -> dict[str, Any]:
    """Return what was asked of a run: as long as that of a real one, so that it does not fit a page's own part."""
    return {"seed": number, "potential": {f"parameter {k}": 0.1 * k for k in range(60 + 40 * (number % 4))}}


def outcome(number: int) -> Outcome:
    """Return the outcome of a run; some are failures, of one page, and some large."""
    ok = number % 7 != 3
    size = 40 if not ok else (300, 900, 2500)[number % 3]
    arrays = {"histogram": np.random.default_rng(number).normal(size=size)}
    return Outcome(
        content_key(spec(number)), ok, "" if ok else "boiled", numbers={"seconds": 1.0 + number}, arrays=arrays
    )


def made(runs: int = 18, steps: int = 20) -> Written:
    """Return what is to be written."""
    rows = {}
    for number in range(runs):
        one = outcome(number)
        rows[one.key] = (f"fit {number}", one.ok, one.reason, float(one.numbers["seconds"]), one.to_bytes())
    records = {
        "step": [{"number": n, "cost": 1.0 / (n + 1), "point": [n / 7.0] * (5 + 37 * (n % 5))} for n in range(steps)],
        "validation": [{"name": f"set {n}", "cost": 0.1 * n} for n in range(3)],
    }
    meta = {"state": "finished", "seconds": 12.5, "settings": {"a": list(range(900))}, "plan": {"title": "made up"}}
    return Written(rows, records, meta)


def write(folder: Path, content: Written) -> Path:
    """Write a store and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    with Store.create(folder) as store:
        for number, (key, row) in enumerate(content.rows.items()):
            store.put_outcome(key, row[0], spec(number), *row[1:])
        for kind, records in content.records.items():
            for number, record in enumerate(records):
                store.put_record(kind, number, record)
        for key, value in content.meta.items():
            store.set_meta(key, value)
    return folder / STORE_FILE


def write_old(folder: Path, content: Written) -> Path:
    """Write a store as it was before there were digests."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / STORE_FILE
    connection = sqlite3.connect(path)
    connection.executescript(OLD)
    for number, (key, (label, ok, reason, seconds, data)) in enumerate(content.rows.items()):
        row = (key, label, json.dumps(spec(number), sort_keys=True), int(ok), reason, seconds, 1e9 - number, data)
        connection.execute("INSERT INTO outcomes VALUES (?,?,?,?,?,?,?,?)", row)
    for kind, records in content.records.items():
        for number, record in enumerate(records):
            connection.execute("INSERT INTO records VALUES (?,?,?)", (kind, number, json.dumps(record)))
    for key, value in content.meta.items():
        connection.execute("INSERT INTO meta VALUES (?,?)", (key, json.dumps(value)))
    connection.commit()
    connection.close()
    return path


def answers(store: Store, content: Written) -> dict[str, Any]:
    """Return everything that the store answers; a question it refuses, saying that it is damaged, is left out."""
    asked: dict[str, Any] = {
        "all": lambda: {o["key"]: (o["label"], o["ok"], o["reason"], o["seconds"]) for o in store.outcomes()}
    }
    asked |= {f"run {key}": lambda key=key: store.get_outcome(key) for key in content.rows}
    asked |= {f"has {key}": lambda key=key: store.has_outcome(key) for key in content.rows}
    asked |= {f"records {kind}": lambda kind=kind: store.records(kind) for kind in content.records}
    asked |= {f"meta {key}": lambda key=key: store.get_meta(key) for key in content.meta}
    found = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except GlasspotError as error:
            assert "glasspot repair" in str(error), error
    return found


def truth(content: Written) -> dict[str, Any]:
    """Return what a whole store answers."""
    found: dict[str, Any] = {"all": {key: row[:4] for key, row in content.rows.items()}}
    found |= {f"run {key}": row[4] for key, row in content.rows.items()}
    found |= {f"has {key}": True for key in content.rows}
    found |= {f"records {kind}": records for kind, records in content.records.items()}
    return found | {f"meta {key}": value for key, value in content.meta.items()}

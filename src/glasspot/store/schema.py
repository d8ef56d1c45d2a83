"""The tables of the store, a new one, and stores of before there were digests.

runs: what is told of each outcome without reading it, keyed as outcomes are. It stands apart because a column behind
large values costs the reading of those values, and so that each outcome is known twice. outcomes: what was asked
(spec) and what came of it (outcome). seal: one row, see :mod:`glasspot.store.rows`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from glasspot.files import replacing
from glasspot.store.rows import META, RUNS, Run, Seal, digest, part_of

FORMAT = 2  # PRAGMA user_version; 0 is a store of before there were digests
PAGE = 4096  # bytes; a repair counts on it where the first page is gone

SLIM = """
CREATE TABLE {schema}.meta (key TEXT PRIMARY KEY, digest TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE {schema}.records (
  kind TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (kind, number));
CREATE TABLE {schema}.runs (
  key TEXT PRIMARY KEY, number INTEGER NOT NULL, label TEXT NOT NULL, ok INTEGER NOT NULL, reason TEXT NOT NULL,
  seconds REAL NOT NULL, stored REAL NOT NULL, data TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE {schema}.seal (id INTEGER PRIMARY KEY, content TEXT NOT NULL);
"""
OUTCOMES = """
CREATE TABLE outcomes (
  key TEXT PRIMARY KEY, label TEXT NOT NULL, spec TEXT NOT NULL, ok INTEGER NOT NULL, reason TEXT NOT NULL,
  seconds REAL NOT NULL, stored REAL NOT NULL, outcome BLOB NOT NULL);
"""
ADD_OUTCOME = "INSERT INTO outcomes (key, label, spec, ok, reason, seconds, stored, outcome) VALUES (?,?,?,?,?,?,?,?)"
PUT_RUN = "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)"
PUT_SEAL = "INSERT OR REPLACE INTO seal VALUES (1, ?)"


def make_empty(path: Path) -> None:
    """Make a store with its tables and nothing in it, whole or not at all: a reader may look at any moment."""
    with replacing(path, durable=True) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            make_tables(connection)
        finally:
            connection.close()


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file."""
    connection.execute(f"PRAGMA page_size={PAGE}")
    connection.executescript(f"BEGIN; {SLIM.format(schema='main')} {OUTCOMES} PRAGMA user_version={FORMAT};")
    connection.execute(PUT_SEAL, (Seal().encode(),))
    connection.execute("COMMIT")


def is_old(connection: sqlite3.Connection) -> bool:
    """Tell whether the store is one of before there were digests; ValueError where it is none that is known."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    if version == FORMAT and tables == {"meta", "records", "runs", "seal", "outcomes"}:
        return False
    if version == 0 and tables == {"meta", "records", "outcomes"}:
        return True
    if version > FORMAT:
        raise ValueError(f"its format is {version}, and this glasspot knows {FORMAT}: was it made by a newer one?")
    raise ValueError("it has not the tables of a store")


def bring_up(connection: sqlite3.Connection, schema: str) -> None:
    """Give a store of before there were digests the tables of today.

    schema: "main" mends the store itself; "temp" makes tables for this connection only, of the store as it is now.
    """
    meta = connection.execute("SELECT key, value FROM main.meta ORDER BY rowid").fetchall()
    records = connection.execute("SELECT kind, number, content FROM main.records ORDER BY rowid").fetchall()
    rows = connection.execute(
        "SELECT key, rowid, label, ok, reason, seconds, stored FROM main.outcomes ORDER BY rowid"
    ).fetchall()
    if schema == "main":
        connection.execute("DROP TABLE meta")
        connection.execute("DROP TABLE records")
    for statement in SLIM.format(schema=schema).split(";")[:-1]:  # executescript would end the transaction
        connection.execute(statement)
    seal = Seal()
    for key, value in meta:
        seal.add(META, digest(key, value))
        connection.execute("INSERT INTO meta VALUES (?,?,?)", (key, digest(key, value), value))
    for kind, number, content in records:
        seal.add(part_of(kind), digest(kind, number, content))
        connection.execute(
            "INSERT INTO records VALUES (?,?,?,?)", (kind, number, digest(kind, number, content), content)
        )
    for key, number, label, ok, reason, seconds, stored in rows:
        run = Run(key, number, label, bool(ok), reason, float(seconds), float(stored), "")
        seal.add(RUNS, run.digest)
        connection.execute(PUT_RUN, run.row)
    connection.execute(PUT_SEAL, (seal.encode(),))
    if schema == "main":
        connection.execute(f"PRAGMA main.user_version={FORMAT}")

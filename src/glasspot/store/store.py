"""The record of a campaign in one SQLite file: outcomes by the hash of what was asked, and what the driver concluded.

Only the driving process writes, each outcome in a transaction of its own that is on disk before the driver goes on, so
a crash at any moment loses nothing that was finished. Curves and numbers are stored, never costs: scoring happens on
reading. Any number of readers (status, report) may look at the same time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.files import replacing

STORE_FILE = "store.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
  key TEXT PRIMARY KEY, label TEXT NOT NULL, spec TEXT NOT NULL, ok INTEGER NOT NULL, reason TEXT NOT NULL,
  seconds REAL NOT NULL, stored REAL NOT NULL, outcome BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (kind, number));
"""


class Store:
    """One campaign's store. Use :meth:`create` or :meth:`open`; close it, or use it in a ``with`` block."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open the store in ``folder`` for writing, and make it when it is not there."""
        path = folder / STORE_FILE
        try:
            if not path.exists():
                _make_empty(path)
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        except (sqlite3.OperationalError, OSError) as error:
            raise GlasspotError(f"cannot write the store {path} ({error}); is the folder writable?") from error
        except sqlite3.Error as error:
            raise GlasspotError(_unreadable(path, error)) from error
        return cls(connection, path)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open an existing store for reading only; GlasspotError when there is none."""
        path = folder / STORE_FILE
        if not path.is_file():
            inside = sorted(p.parent.name for p in folder.glob(f"*/{STORE_FILE}"))
            hint = f"; there are runs inside, such as {folder / inside[0]}" if inside else ""
            raise GlasspotError(f"{folder} is not the folder of a glasspot run (no {STORE_FILE} in it){hint}")
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            connection.execute("SELECT count(*) FROM meta").fetchone()
        except sqlite3.Error as error:
            raise GlasspotError(_unreadable(path, error)) from error
        return cls(connection, path)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def put_outcome(
        self, key: str, label: str, spec: Mapping[str, Any], ok: bool, reason: str, seconds: float, data: bytes
    ) -> None:
        """Store an outcome; one that is there already is left as it is."""
        row = (key, label, json.dumps(spec, sort_keys=True), int(ok), reason, seconds, time.time(), data)
        with self._writing():
            self._connection.execute("INSERT OR IGNORE INTO outcomes VALUES (?,?,?,?,?,?,?,?)", row)

    def get_outcome(self, key: str) -> bytes | None:
        """Return the bytes of an outcome, or None when it is not there."""
        row = self._query("SELECT outcome FROM outcomes WHERE key = ?", (key,))
        return bytes(row[0][0]) if row else None

    def has_outcome(self, key: str) -> bool:
        """Tell whether an outcome is there."""
        return bool(self._query("SELECT 1 FROM outcomes WHERE key = ?", (key,)))

    def outcomes(self) -> list[dict[str, Any]]:
        """Return key, label, ok, reason, seconds and time of storing of every outcome, oldest first."""
        names = ("key", "label", "ok", "reason", "seconds", "stored")
        rows = self._query("SELECT key, label, ok, reason, seconds, stored FROM outcomes ORDER BY stored, key")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value under a name."""
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (key, json.dumps(value)))

    def get_meta(self, key: str, default: Any = None) -> Any:
        """Return the JSON value stored under a name."""
        row = self._query("SELECT value FROM meta WHERE key = ?", (key,))
        return json.loads(row[0][0]) if row else default

    def put_record(self, kind: str, number: int, content: Mapping[str, Any]) -> None:
        """Store what the driver concluded at one point (an iteration, a score); the same number is written over."""
        with self._writing():
            self._connection.execute(
                "INSERT OR REPLACE INTO records VALUES (?,?,?)", (kind, number, json.dumps(content, sort_keys=True))
            )

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return all records of one kind, in order of their number."""
        rows = self._query("SELECT content FROM records WHERE kind = ? ORDER BY number", (kind,))
        return [json.loads(row[0]) for row in rows]

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise GlasspotError(_unreadable(self.path, error)) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise GlasspotError(
                f"the store {self.path} cannot be written ({error}); is the disk full or the folder read-only? "
                "What was finished is kept; mend it and use --resume"
            ) from error
        finally:
            # Left in the middle (Ctrl-C, values that are no JSON): must not stand in the way of the next write.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.rollback()


def _unreadable(path: Path, error: Exception) -> str:
    return f"the store {path} cannot be read ({error}); it is damaged, or not of glasspot: choose another folder"


def _make_empty(path: Path) -> None:
    """Make a store with its tables and nothing in it, whole or not at all: a reader may look at any moment."""
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.executescript(SCHEMA)
        finally:
            connection.close()

"""The record of a campaign in one SQLite file: outcomes by the hash of what was asked, and what the driver concluded.

Only the driving process writes, each outcome in a transaction of its own that is on disk before the driver goes on, so
a crash at any moment loses nothing that was finished. Curves and numbers are stored, never costs: scoring happens on
reading. Any number of readers (status, report) may look at the same time. Damage is told, never shown as a result:
every row is checked when it is read (:mod:`glasspot.store.rows`).
"""

from __future__ import annotations

import io
import json
import sqlite3
import time
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.store.access import Access, unreadable
from glasspot.store.connect import DamagedError, is_damage, leave, let_age, looking_again, to_read, to_write
from glasspot.store.rows import META, RUNS, Run, digest, digest_bytes, part_of
from glasspot.store.schema import ADD_OUTCOME, PUT_RUN, bring_up, is_old, make_empty

STORE_FILE = "store.sqlite"


class Store:
    """One campaign's store. Use :meth:`create` or :meth:`open`; close it, or use it in a ``with`` block.

    Everything that reads raises DamagedError where the file is not as it was written.
    """

    def __init__(self, access: Access, writes: bool = False) -> None:
        self._access = access
        self._writes = writes
        self._runs_checked = False
        self.path = access.path

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open the store in ``folder`` for writing, and make it when it is not there."""
        path = folder / STORE_FILE
        try:
            let_age(path)
            if not path.exists():
                make_empty(path)
            store = cls(Access(to_write(path), path), writes=True)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                raise DamagedError(path, error) from error
            raise GlasspotError(f"cannot write the store {path} ({error}); is the folder writable?") from error
        try:
            store._bring_up()
            store.check()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open an existing store for reading only; GlasspotError when there is none."""
        path = folder / STORE_FILE
        if not path.is_file():
            inside = sorted(p.parent.name for p in folder.glob(f"*/{STORE_FILE}"))
            hint = f"; there are runs inside, such as {folder / inside[0]}" if inside else ""
            raise GlasspotError(f"{folder} is not the folder of a glasspot run (no {STORE_FILE} in it){hint}")
        return cls(Access(looking_again(path, lambda: _reader(path)), path, lambda: _reader(path)))

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def let_go(self) -> None:
        """Write nothing from now on, whatever is asked: another driver has the folder. A write is a GlasspotError."""
        self._connection.execute("PRAGMA query_only=ON")
        self._writes = False

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._access.connection

    def close(self) -> None:
        """Close the file; a driver leaves a single one."""
        if self._writes:
            leave(self._connection)
        else:
            self._connection.close()

    def put_outcome(
        self, key: str, label: str, spec: Mapping[str, Any], ok: bool, reason: str, seconds: float, data: bytes
    ) -> None:
        """Store an outcome; one that is there already is left as it is."""
        text, stored = json.dumps(spec, sort_keys=True), time.time()
        with self._access.sealing() as seal:
            if self._connection.execute("SELECT 1 FROM runs WHERE key = ?", (key,)).fetchone():
                return
            row = (key, label, text, int(ok), reason, float(seconds), stored, data)
            number = self._connection.execute(ADD_OUTCOME, row).lastrowid or 0
            run = Run(key, number, label, ok, reason, float(seconds), stored, digest_bytes(data))
            self._connection.execute(PUT_RUN, run.row)
            seal.add(RUNS, run.digest)

    def get_outcome(self, key: str) -> bytes | None:
        """Return the bytes of an outcome, or None when it is not there."""

        def read() -> bytes | None:
            found = self._outcome(key, "outcome")
            if found is None:
                return None
            run, data = found
            if not isinstance(data, bytes) or not (digest_bytes(data) == run.data if run.data else _is_archive(data)):
                raise ValueError(f"the outcome of run {key} is not as it was written")
            return data

        return self._access.reading(read)

    def get_spec(self, key: str) -> str | None:
        """Return what was asked of a run as JSON, or None when it is not there; its hash is the key."""
        found = self._access.reading(lambda: self._outcome(key, "spec"))
        return None if found is None else str(found[1])

    def has_outcome(self, key: str) -> bool:
        """Tell whether an outcome is there."""
        return self._access.reading(lambda: self._run(key)) is not None

    def count_outcomes(self) -> int:
        """Return how many outcomes are there."""
        return self._access.reading(lambda: self._access.seal().rows(RUNS))

    def outcomes(self) -> list[dict[str, Any]]:
        """Return key, label, ok, reason, seconds and time of storing of every outcome, in the order of storing.

        By the order in which they came and not by ``stored``: the driver's clock may have jumped.
        """
        return [
            {"key": run.key, "label": run.label, "ok": run.ok, "reason": run.reason, "seconds": run.seconds,
             "stored": run.stored}
            for run in sorted(self._access.reading(self._all_runs), key=lambda run: run.number)
        ]  # fmt: skip

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value under a name."""
        text = json.dumps(value)
        with self._access.sealing() as seal:
            before = self._connection.execute("SELECT digest FROM meta WHERE key = ?", (key,)).fetchone()
            if before:
                seal.remove(META, before[0])
            seal.add(META, digest(key, text))
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?,?,?)", (key, digest(key, text), text))

    def get_meta(self, key: str, default: Any = None) -> Any:
        """Return the JSON value stored under a name."""

        def read() -> str | None:
            digests = dict(self._access.rows("SELECT key, digest FROM meta NOT INDEXED"))
            self._access.seal().check(META, digests.values())
            if key not in digests:
                return None
            found = self._access.rows("SELECT value FROM meta WHERE key = ?", (key,))
            if not found or digest(key, found[0][0]) != digests[key]:
                raise ValueError(f'the value of "{key}" is not as it was written')
            return str(found[0][0])

        text = self._access.reading(read)
        return default if text is None else json.loads(text)

    def put_record(self, kind: str, number: int, content: Mapping[str, Any]) -> None:
        """Store what the driver concluded at one point (an iteration, a score); the same number is written over."""
        text, place, part = json.dumps(content, sort_keys=True), (kind, number), part_of(kind)
        with self._access.sealing() as seal:
            before = self._connection.execute("SELECT digest FROM records WHERE kind = ? AND number = ?", place)
            if old := before.fetchone():
                seal.remove(part, old[0])
            seal.add(part, digest(*place, text))
            row = (*place, digest(*place, text), text)
            self._connection.execute("INSERT OR REPLACE INTO records VALUES (?,?,?,?)", row)

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return all records of one kind, in order of their number."""
        return [json.loads(text) for text in self._access.reading(lambda: self._records(kind))]

    def check(self) -> None:
        """Read everything but the outcomes themselves; DamagedError unless it is what was written."""

        def read() -> None:
            seal = self._access.seal()
            digests = []
            for key, written, value in self._access.rows("SELECT key, digest, value FROM meta"):
                if digest(key, value) != written:
                    raise ValueError(f'the value of "{key}" is not as it was written')
                digests.append(written)
            seal.check(META, digests)
            for kind in seal.kinds:
                self._records(kind)
            self._all_runs()

        self._access.reading(read)

    def check_pages(self) -> None:
        """Let SQLite look at every page; DamagedError unless they hang together. Reads the whole file."""

        def read() -> None:
            said = self._access.rows("PRAGMA integrity_check(1)")
            if said != [("ok",)]:
                raise ValueError(" ".join(str(said[0][0]).split()))

        self._access.reading(read)

    def _records(self, kind: str) -> list[str]:
        rows = self._access.rows("SELECT number, digest, content FROM records WHERE kind = ? ORDER BY number", (kind,))
        for number, written, content in rows:
            if digest(kind, number, content) != written:
                raise ValueError(f"record {number} of {kind} is not as it was written")
        self._access.seal().check(part_of(kind), (written for _, written, _ in rows))
        return [content for _, _, content in rows]

    def _all_runs(self) -> list[Run]:
        runs = [Run.of_row(row) for row in self._access.rows("SELECT * FROM runs")]
        if any(one.key >= other.key for one, other in pairwise(runs)):
            raise ValueError("the table of runs is out of order")  # a search in it would miss some
        self._access.seal().check(RUNS, (run.digest for run in runs))
        self._runs_checked = True
        return runs

    def _run(self, key: str) -> Run | None:
        found = self._access.rows("SELECT * FROM runs WHERE key = ?", (key,))
        if found:
            return Run.of_row(found[0])
        if not self._runs_checked:  # before "it is not there" is believed
            self._all_runs()
        return None

    def _outcome(self, key: str, column: str) -> tuple[Run, Any] | None:
        """Return a run with a column of its outcome."""
        run = self._run(key)
        if run is None:
            return None
        statement = f"SELECT {column} FROM outcomes WHERE key = ?"  # noqa: S608 - a word of this file
        rows = self._access.rows(statement, (key,))
        if not rows:
            raise ValueError(f"the outcome of run {key} is gone")
        return run, rows[0][0]

    def _bring_up(self) -> None:
        """Give a store of before there were digests what it lacks."""
        if self._access.reading(lambda: is_old(self._connection)):
            with self._access.writing():
                bring_up(self._connection, "main")


def _reader(path: Path) -> sqlite3.Connection:
    """Return a connection of a reader; for it alone, a store of before there were digests gets what it lacks."""
    try:
        connection = to_read(path)
    except sqlite3.Error as error:
        raise unreadable(path, error) from error

    def look_old() -> None:
        if is_old(connection):
            bring_up(connection, "temp")

    try:
        Access(connection, path).reading(look_old)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_archive(data: bytes) -> bool:
    """Tell whether an outcome of before there were digests is whole: each part of a npz archive has a checksum."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.testzip() is None
    except Exception:  # noqa: BLE001 - zipfile and zlib each raise their own kinds
        return False

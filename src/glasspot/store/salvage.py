"""A new store from what is good in a damaged one: every row that can prove itself, wherever it lies in the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from glasspot.errors import GlasspotError
from glasspot.store.pages import Cell, Pages, Value
from glasspot.store.rows import META, RUNS, Run, Seal, digest, digest_bytes, part_of
from glasspot.store.schema import PUT_RUN, PUT_SEAL, make_tables

# Of key, spec and bytes: ok, reason and seconds of an outcome; GlasspotError where it is not what it says.
Verify = Callable[[str, str, bytes], tuple[bool, str, float]]
Place = TypeVar("Place")
OUTCOME_COLUMNS = 8


@dataclass(frozen=True)
class Saved:
    """What was saved. A second number is how many there were, None where the store can no longer tell.

    lost: (key, label) of the runs that are lost, as far as they are known by name.
    """

    runs: tuple[int, int | None]
    lost: tuple[tuple[str, str], ...]
    records: Mapping[str, tuple[int, int | None]]
    values: tuple[int, int | None]

    @property
    def anything(self) -> bool:
        """Whether there was something to save."""
        return bool(self.runs[0] or self.records or self.values[0])

    @property
    def everything(self) -> bool:
        """Whether nothing is lost."""
        return all(saved == of for saved, of in (self.runs, self.values, *self.records.values()))


@dataclass
class _Found:
    """What a damaged store tells beside its outcomes. Of rows of one place the one that was written last counts."""

    runs: dict[str, Run] = field(default_factory=dict)
    meta: dict[str, tuple[int, str]] = field(default_factory=dict)
    records: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    old_meta: dict[str, tuple[int, str]] = field(default_factory=dict)  # of before there were digests
    old_records: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    seal: Seal | None = None

    def take(self, cell: Cell) -> None:
        """Take what a row says; ValueError where it is damaged, or none of ours."""
        match cell.values():
            case (str(), int(), str(), _, str(), _, _, str(), str()) as row:
                run = Run.of_row(row)
                self.runs[run.key] = run
            case (str(kind), int(number), str(written), str(content)) if digest(kind, number, content) == written:
                _keep(self.records, (kind, number), cell.rowid, content)
            case (str(key), str(written), str(value)) if digest(key, value) == written:
                _keep(self.meta, key, cell.rowid, value)
            case (None, str(content)):
                self.seal = Seal.decode(content)
            case (str(key), str(value)) if _is_json(value):
                _keep(self.old_meta, key, cell.rowid, value)
            case (str(kind), int(number), str(content)) if _is_json(content):
                _keep(self.old_records, (kind, number), cell.rowid, content)

    def settle(self) -> None:
        """Choose between the shapes of today and those of before there were digests; leave out what hangs in the air.

        Of a kind of record of which some are lost, those after the first gap go too: a reader may count on their
        order, and a resumed run makes them again from the runs.
        """
        if not (self.runs or self.meta or self.records or self.seal):
            self.meta, self.records = self.old_meta, self.old_records
        for kind in {kind for kind, _ in self.records}:
            numbers = {number for other, number in self.records if other == kind}
            if self.seal is None or len(numbers) != self.seal.rows(part_of(kind)):
                whole = next(n for n in range(len(numbers) + 1) if n not in numbers)
                for number in numbers:
                    if number >= whole:
                        del self.records[kind, number]


def salvage(damaged: Path, new: Path, verify: Verify) -> Saved:
    """Write what is good in the store ``damaged`` as a store in the empty file ``new``. OSError, sqlite3.Error."""
    connection = sqlite3.connect(new, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")  # a half-written new store is thrown away
        connection.execute("PRAGMA synchronous=OFF")  # the whole file is made durable at the end
        make_tables(connection)
        connection.execute("BEGIN")
        with Pages(damaged) as pages:
            found = _found_in(pages)
            saved_runs = _copy_outcomes(pages, connection, found.runs, verify)
        saved = _account(found, saved_runs)
        if not saved.everything:
            found.meta["state"] = (0, json.dumps("interrupted"))  # not finished any more
            found.meta.pop("now", None)  # what a driver noted for readers counts what is lost
        _write_rest(connection, found, saved_runs)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return saved


def _found_in(pages: Pages) -> _Found:
    found = _Found()
    for cell in pages.cells():
        if cell.columns != OUTCOME_COLUMNS:
            try:
                found.take(cell)
            except ValueError:  # a damaged row
                continue
    found.settle()
    return found


def _copy_outcomes(
    pages: Pages, connection: sqlite3.Connection, known: Mapping[str, Run], verify: Verify
) -> dict[str, Run]:
    """Copy every outcome that is what it says; return what is told of them."""
    saved: dict[str, Run] = {}
    for cell in pages.cells():
        if cell.columns != OUTCOME_COLUMNS:
            continue
        try:
            row = cell.values()
            run = _run_of(cell.rowid, row, known, verify)
        except (ValueError, GlasspotError):  # a damaged row
            continue
        if run.key not in saved:
            row = (run.key, run.label, row[2], int(run.ok), run.reason, run.seconds, run.stored, row[7])
            number = _insert(connection, run.number, row)
            saved[run.key] = Run(
                run.key, number, run.label, run.ok, run.reason, run.seconds, run.stored, run.data
            )  # fmt: skip
    return saved


def _run_of(rowid: int, row: tuple[Value, ...], known: Mapping[str, Run], verify: Verify) -> Run:
    """Return what is told of an outcome; ValueError or GlasspotError where it is damaged."""
    match row:
        case (str(key), label, str(spec), _, _, _, stored, bytes(data)):
            ok, reason, seconds = verify(key, spec, data)
            written = digest_bytes(data)
            run = known.get(key)
            if run is None:
                time = float(stored) if isinstance(stored, int | float) else 0.0
                return Run(key, rowid, str(label), ok, reason, seconds, time, written)
            if run.data not in ("", written):
                raise ValueError("not the outcome that was stored")
            return Run(key, run.number, run.label, ok, reason, seconds, run.stored, written)
    raise ValueError("not an outcome")


def _insert(connection: sqlite3.Connection, number: int, row: tuple[Value, ...]) -> int:
    """Insert an outcome under its number, or where that is taken or none under another; return that."""
    names = "key, label, spec, ok, reason, seconds, stored, outcome"
    try:
        return connection.execute(
            f"INSERT INTO outcomes (rowid, {names}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608 - words of this file
            (number, *row),
        ).lastrowid or 0  # fmt: skip
    except (sqlite3.IntegrityError, OverflowError):
        return connection.execute(
            f"INSERT INTO outcomes ({names}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
            row,
        ).lastrowid or 0  # fmt: skip


def _write_rest(connection: sqlite3.Connection, found: _Found, runs: Mapping[str, Run]) -> None:
    seal = Seal()
    for run in runs.values():
        connection.execute(PUT_RUN, run.row)
        seal.add(RUNS, run.digest)
    for key, (_, value) in found.meta.items():
        connection.execute("INSERT INTO meta VALUES (?,?,?)", (key, digest(key, value), value))
        seal.add(META, digest(key, value))
    for (kind, number), (_, content) in found.records.items():
        written = digest(kind, number, content)
        connection.execute("INSERT INTO records VALUES (?,?,?,?)", (kind, number, written, content))
        seal.add(part_of(kind), written)
    connection.execute(PUT_SEAL, (seal.encode(),))


def _account(found: _Found, saved: Mapping[str, Run]) -> Saved:
    """Count what was saved against what there was."""
    seal = found.seal
    lost = tuple((run.key, run.label) for run in found.runs.values() if run.key not in saved)
    kinds = {kind for kind, _ in found.records} | set(seal.kinds if seal else ())
    here = {kind: sum(other == kind for other, _ in found.records) for kind in sorted(kinds)}
    return Saved(
        (len(saved), seal.rows(RUNS) if seal else None),
        lost,
        {kind: (number, seal.rows(part_of(kind)) if seal else None) for kind, number in here.items()},
        (len(found.meta), seal.rows(META) if seal else None),
    )


def _keep(rows: dict[Place, tuple[int, str]], place: Place, rowid: int, content: str) -> None:
    if place not in rows or rows[place][0] < rowid:
        rows[place] = (rowid, content)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

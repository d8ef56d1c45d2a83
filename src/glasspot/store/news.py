"""What is new in a store since a reader looked last: for readers that look again and again, and must cost little."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from glasspot.store.rows import RUNS, Run, digest, part_of
from glasspot.store.store import Store

IGNORED = ("now", "seconds", "sessions")  # values that change all the time and say nothing of a result
SOME_RUNS = "SELECT runs.* FROM outcomes CROSS JOIN runs ON runs.key = outcomes.key WHERE outcomes.rowid > ?"
AT_ONCE = 500  # values in one statement


class News:
    """Reads a store by parts. Each row is checked against its digest; DamagedError where it is not what was written."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._access = store._access  # of this package

    def counts(self) -> dict[str, int]:
        """Return how many rows there are: kind of record -> number, and "runs" -> outcomes."""

        def read() -> dict[str, int]:
            seal = self._access.seal()
            return {RUNS: seal.rows(RUNS)} | {kind: seal.rows(part_of(kind)) for kind in seal.kinds}

        return self._access.reading(read)

    def mark(self, passing: str) -> str:
        """Return a word that changes with every change of what was concluded.

        Outcomes, records of the kind ``passing`` and the values named in IGNORED do not count.
        """

        def read() -> str:
            seal = self._access.seal()
            parts = [(kind, seal.total(part_of(kind))) for kind in seal.kinds if kind != passing]
            values = self._access.rows("SELECT key, digest FROM meta ORDER BY key")
            return digest(json.dumps([parts, [row for row in values if row[0] not in IGNORED]]))

        return self._access.reading(read)

    def runs_after(self, number: int) -> list[Run]:
        """Return what is told of the outcomes stored after the one of this number, in the order of storing.

        The first has number 1. Where only some are asked for, only these are read: by the outcomes' own order, which is
        theirs, while the table of runs is ordered by key.
        """
        statement = SOME_RUNS if number > 0 else "SELECT * FROM runs WHERE number > ?"
        rows = self._access.reading(lambda: [Run.of_row(row) for row in self._access.rows(statement, (number,))])
        return sorted(rows, key=lambda run: run.number)

    def records_after(self, kind: str, number: int, most: int = -1) -> list[tuple[int, dict[str, Any]]]:
        """Return the records of a kind whose number is higher, with it, in their order: the first ``most`` of them."""
        return self._records(kind, "number > ? ORDER BY number LIMIT ?", (number, most))

    def records_at(self, kind: str, numbers: Iterable[int]) -> list[tuple[int, dict[str, Any]]]:
        """Return the records of a kind with these numbers, in their order; those that are not there are left out."""
        asked = sorted(numbers)
        found = []
        for k in range(0, len(asked), AT_ONCE):
            some = tuple(asked[k : k + AT_ONCE])
            found += self._records(kind, f"number IN ({','.join('?' * len(some))}) ORDER BY number", some)
        return found

    def _records(self, kind: str, condition: str, values: tuple[int, ...]) -> list[tuple[int, dict[str, Any]]]:
        statement = f"SELECT number, digest, content FROM records WHERE kind = ? AND {condition}"  # noqa: S608 - ours

        def read() -> list[tuple[int, dict[str, Any]]]:
            found = []
            for number, written, content in self._access.rows(statement, (kind, *values)):
                if digest(kind, number, content) != written:
                    raise ValueError(f"record {number} of {kind} is not as it was written")
                found.append((number, json.loads(content)))
            return found

        return self._access.reading(read)

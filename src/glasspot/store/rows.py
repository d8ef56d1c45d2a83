"""What proves that a row of the store is what was written: a digest of each row, and one seal over all of them.

A digest tells a row that was changed. The seal, written in the transaction of every change, holds how many rows each
part of the store has and the sum of their digests: it tells rows that vanished, came back, or are of another moment.
Against damage, not against people: who can write the store can write its seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

DIGITS = 16  # of a digest, hexadecimal: damage that is missed once in 2^64
RUNS, META = "runs", "meta"  # parts of the store; each kind of records is another


def digest(*values: str | int | float) -> str:
    """Return the digest of a row's values; ValueError where one is of a kind that no row has."""
    try:
        return digest_bytes(json.dumps(values).encode())
    except TypeError as error:
        raise ValueError(f"a value is of the wrong kind: {error}") from error


def digest_bytes(data: bytes) -> str:
    """Return the digest of an outcome's bytes."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def part_of(kind: str) -> str:
    """Return the part of the store to which records of a kind belong."""
    return f"records {kind}"


@dataclass(frozen=True)
class Run:
    """What is told of an outcome without reading it; one row of the table of runs.

    number: the order in which they were stored. seconds: of the worker. stored: seconds of the epoch, by the driver's
    clock. data: digest of the outcome's bytes, "" in a store of before there were digests.
    """

    key: str
    number: int
    label: str
    ok: bool
    reason: str
    seconds: float
    stored: float
    data: str

    @property
    def digest(self) -> str:
        """The digest of the row."""
        return digest(
            self.key, self.number, self.label, int(self.ok), self.reason, self.seconds, self.stored, self.data
        )

    @property
    def row(self) -> tuple[str | int | float, ...]:
        """The row as it is stored."""
        return (
            self.key, self.number, self.label, int(self.ok), self.reason, self.seconds, self.stored, self.data,
            self.digest,
        )  # fmt: skip

    @classmethod
    def of_row(cls, row: Iterable[object]) -> Run:
        """Return what a row says; ValueError where it is not as it was written."""
        values = tuple(row)
        try:
            key, number, label, ok, reason, seconds, stored, data, written = values
            texts = all(isinstance(text, str) for text in (key, label, reason, data))
            run = cls(key, int(number), label, bool(ok), reason, float(seconds), float(stored), data)  # type: ignore
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError("a row of the table of runs is damaged") from error
        if not texts or run.digest != written:
            raise ValueError("a row of the table of runs is damaged")
        return run


class Seal:
    """How many rows each part of the store has, and the sum of their digests."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[int, int]] = {}

    def add(self, part: str, written: str) -> None:
        """Count a row in, by its digest."""
        self._change(part, 1, written)

    def remove(self, part: str, written: str) -> None:
        """Count a row out, by its digest."""
        self._change(part, -1, written)

    def _change(self, part: str, sign: int, written: str) -> None:
        rows, total = self._parts.get(part, (0, 0))
        if not isinstance(written, str):
            raise ValueError(f"a digest of {part} is damaged")
        self._parts[part] = (rows + sign, (total + sign * int(written, 16)) % 16**DIGITS)

    def rows(self, part: str) -> int:
        """Return how many rows a part has."""
        return self._parts.get(part, (0, 0))[0]

    def total(self, part: str) -> tuple[int, int]:
        """Return how many rows a part has, and the sum of their digests: changed by any change of it."""
        return self._parts.get(part, (0, 0))

    @property
    def kinds(self) -> list[str]:
        """The kinds of records."""
        return sorted(part.removeprefix("records ") for part in self._parts if part.startswith("records "))

    def check(self, part: str, digests: Iterable[str]) -> None:
        """Raise ValueError unless these are the digests of all rows of a part."""
        found = Seal()
        for written in digests:
            found.add(part, written)
        (rows, total), (there, of_them) = self._parts.get(part, (0, 0)), found._parts.get(part, (0, 0))
        if rows != there:
            raise ValueError(f"{there} rows of {part} where there were {rows}")
        if total != of_them:
            raise ValueError(f"rows of {part} are not those that were written last")

    def encode(self) -> str:
        """Return the seal as text, with its own digest."""
        parts = {part: [rows, f"{total:0{DIGITS}x}"] for part, (rows, total) in self._parts.items()}
        text = json.dumps(parts, sort_keys=True)
        return f"{digest(text)} {text}"

    @classmethod
    def decode(cls, content: object) -> Seal:
        """Return the seal that :meth:`encode` wrote; ValueError where it is damaged."""
        written, _, text = str(content).partition(" ")
        if digest(text) != written:
            raise ValueError("the seal is damaged")
        seal = cls()
        seal._parts = {part: (rows, int(total, 16)) for part, (rows, total) in json.loads(text).items()}
        return seal

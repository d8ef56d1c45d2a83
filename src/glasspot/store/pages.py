"""The rows of a SQLite file read from its pages, without SQLite: what a damaged file still holds.

Every page that says it is a leaf (or an inner page of an index, whose cells are rows too) is read by itself, whatever
became of the pages that lead to it. The file format: https://www.sqlite.org/fileformat2.html. Nothing here trusts
what it reads; whether a row is as it was written is for others to judge, by its digest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glasspot.store.schema import PAGE

Value = int | float | str | bytes | None
TABLE_LEAF, INDEX_LEAF, INDEX_INNER = 0x0D, 0x0A, 0x02
FIRST_HEADER = 100  # bytes of the first page before its cells
WAL_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # and the byte order of its checksums


class Pages:
    """The pages of a store, those of its write-ahead log over those of the file. Numbers begin at 1."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._over = _logged(path.with_name(path.name + "-wal"))
        in_file = path.stat().st_size // PAGE
        self.number = max(in_file, *self._over) if self._over else in_file

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, number: int) -> bytes:
        """Return a page, or "" where there is none, or the disk does not give it."""
        if number < 1 or number > self.number:
            return b""
        if number in self._over:
            return self._over[number]
        try:
            self._file.seek((number - 1) * PAGE)
            data = self._file.read(PAGE)
        except OSError:
            return b""
        return data if len(data) == PAGE else b""

    def cells(self) -> Iterator[Cell]:
        """Yield every cell of every page that holds rows."""
        for number in range(1, self.number + 1):
            yield from self._cells_of(number)

    def _cells_of(self, number: int) -> Iterator[Cell]:
        page = self.read(number)
        head = FIRST_HEADER if number == 1 else 0
        kind = page[head] if page else 0
        if kind not in (TABLE_LEAF, INDEX_LEAF, INDEX_INNER):
            return
        first = head + (12 if kind == INDEX_INNER else 8)
        (count,) = struct.unpack_from(">H", page, head + 3)
        for k in range(min(count, (PAGE - first) // 2)):
            (place,) = struct.unpack_from(">H", page, first + 2 * k)
            try:
                yield _cell(self, number, page, kind, place)
            except (ValueError, IndexError):  # this cell is damaged; others may be good
                continue


@dataclass(frozen=True)
class Cell:
    """A row as it lies in the file. rowid is 0 in an index; columns: how many values it has."""

    pages: Pages
    page: int
    rowid: int
    size: int  # bytes
    local: bytes  # the part of it that lies in its page
    overflow: int  # the page where it goes on, 0 for none
    columns: int

    def values(self) -> tuple[Value, ...]:
        """Return the values of the row; ValueError where it is damaged."""
        payload, _ = self._whole()
        return _decode(payload)

    def on(self) -> frozenset[int]:
        """Return the numbers of the pages on which the row lies; ValueError where it is damaged."""
        return self._whole()[1]

    def _whole(self) -> tuple[bytes, frozenset[int]]:
        parts, missing, number, seen = [self.local], self.size - len(self.local), self.overflow, {self.page}
        while missing > 0:
            page = self.pages.read(number)
            if not page or number in seen:
                raise ValueError("a row goes on in a page that is not there")
            seen.add(number)
            parts.append(page[4 : 4 + missing])
            missing -= len(parts[-1])
            (number,) = struct.unpack_from(">I", page)
        return b"".join(parts), frozenset(seen)


def _cell(pages: Pages, number: int, page: bytes, kind: int, place: int) -> Cell:
    """Return the cell at a place of a page; ValueError or IndexError where there is none."""
    at = place + 4 if kind == INDEX_INNER else place
    size, at = _varint(page, at)
    rowid = 0
    if kind == TABLE_LEAF:
        rowid, at = _varint(page, at)
    most = PAGE - 35 if kind == TABLE_LEAF else (PAGE - 12) * 64 // 255 - 23
    least = (PAGE - 12) * 32 // 255 - 23
    if not 0 < size <= pages.number * PAGE:
        raise ValueError("no row is as large as that")
    spilled = least + (size - least) % (PAGE - 4)
    here = size if size <= most else spilled if spilled <= most else least
    if at + here > PAGE:
        raise ValueError("a row reaches beyond its page")
    local = page[at : at + here]
    overflow = 0
    if here < size:
        if at + here + 4 > PAGE:
            raise ValueError("a row reaches beyond its page")
        (overflow,) = struct.unpack_from(">I", page, at + here)
    head, after = _varint(local, 0)
    columns = 0
    while after < head:
        _, after = _varint(local, after)
        columns += 1
    return Cell(pages, number, rowid, size, local, overflow, columns)


def _decode(payload: bytes) -> tuple[Value, ...]:
    head, at = _varint(payload, 0)
    values: list[Value] = []
    place = head
    while at < head:
        kind, at = _varint(payload, at)
        size = _size(kind)
        data = payload[place : place + size]
        if len(data) != size:
            raise ValueError("a row is shorter than it says")
        values.append(_value(kind, data))
        place += size
    return tuple(values)


def _size(kind: int) -> int:
    """Return how many bytes a value takes."""
    if kind >= 12:
        return (kind - 12) // 2
    if kind in (10, 11):
        raise ValueError("no value is of that kind")
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]


def _value(kind: int, data: bytes) -> Value:
    if kind >= 12:
        return data.decode() if kind % 2 else data
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    return int.from_bytes(data, "big", signed=True) if kind else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes and the place after it; IndexError beyond the end."""
    value = 0
    for k in range(8):
        byte = data[at + k]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + k + 1
    return value << 8 | data[at + 8], at + 9


def _logged(path: Path) -> dict[int, bytes]:
    """Return the pages that a write-ahead log has brought to an end; none where it is damaged from the start."""
    try:
        log = path.read_bytes()
    except OSError:
        return {}
    if len(log) < 32:
        return {}
    magic, _, size = struct.unpack_from(">III", log)
    order = WAL_MAGIC.get(magic)
    if order is None or size != PAGE:
        return {}
    sums = _checksum(order, log[:24], (0, 0))
    done: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    if sums != struct.unpack_from(">II", log, 24):
        return {}
    for at in range(32, len(log) - 24 - PAGE + 1, 24 + PAGE):
        number, pages_after = struct.unpack_from(">II", log, at)
        page = log[at + 24 : at + 24 + PAGE]
        sums = _checksum(order, page, _checksum(order, log[at : at + 8], sums))
        if log[at + 8 : at + 16] != log[16:24] or sums != struct.unpack_from(">II", log, at + 16):
            break
        waiting[number] = page
        if pages_after:  # the end of a transaction
            done |= waiting
            waiting = {}
    return done


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, other = sums
    for first, second in struct.iter_unpack(f"{order}II", data):
        one = (one + first + other) & 0xFFFFFFFF
        other = (other + second + one) & 0xFFFFFFFF
    return one, other

"""What a file of atoms promises against what it can hold, looked at before anything is made of it.

ASE's readers believe the numbers of a file: "10^12 atoms" would be counted to, and made room for. Here a file is read
through once, line by line; it may name no more atoms than it has bytes, and a packed one may not be a bomb.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import Any, TextIO

from glasspot.errors import GlasspotError

MOST_UNPACKED, MOST_TIMES = 200_000_000, 100  # bytes, and times the packed size: text of numbers shrinks to a third
MOST_COLUMNS = 1000  # of a row of extended XYZ
BLOCK = 1 << 20
# What reading raises on a file that is damaged, or is packed and cut short.
DAMAGED = (OSError, EOFError, zlib.error, UnicodeDecodeError)


def opened(path: Path) -> TextIO:
    """Open a text file, unpacked where it is .gz."""
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def check_regular(path: Path) -> None:
    """Raise GlasspotError for what is not there, or a device, a pipe or a folder: files are read more than once."""
    if "\0" in str(path):
        raise GlasspotError(f"{str(path)!r} is no name of a file.")
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise GlasspotError(f"{path} does not exist; check the name.") from None
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise GlasspotError(f"{path} could not be opened: {error.strerror or error}.") from error
    if not S_ISREG(kind):
        raise GlasspotError(f"{path} could not be opened: it is a folder, a device or a pipe, and no file of atoms.")


def unpacked_size(path: Path) -> int:
    """Return the bytes of a file, unpacked; GlasspotError for one that is damaged, or would fill the memory."""
    packed = path.stat().st_size
    if path.suffix != ".gz":
        return packed
    size = 0
    try:
        with gzip.open(path, "rb") as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > max(MOST_UNPACKED, MOST_TIMES * packed):
                    raise GlasspotError(
                        f"{path} unpacks to more than {MOST_TIMES} times its size, as no file of atoms does; refused."
                    )
    except DAMAGED as error:
        raise GlasspotError(f"{path} could not be unpacked ({error}). It may be cut short; copy it again.") from error
    return size


def check_promises(path: Path, kind: str) -> None:
    """Raise GlasspotError for a file that names more atoms than it can hold; ``kind``: ASE's name of the format.

    What else is wrong with it is left to the reader.
    """
    size = unpacked_size(path)
    try:
        with opened(path) as file:
            most = max((number for number in KINDS[kind](file)), default=0)
    except DAMAGED as error:
        raise GlasspotError(f"{path} could not be read: {error}. It may be cut short; copy it again.") from error
    if most > size:
        raise too_many(path, most)


def too_many(path: Path, number: int) -> GlasspotError:
    """Return the error for a file that names so many atoms."""
    shown = str(number) if number < 10**18 else "more than 10^18"
    return GlasspotError(f"{path} names {shown} atoms, more than it can hold; is it damaged?")


def whole(word: str) -> int:
    """Return the whole number that a word is, 0 for any other word; a number of very many digits is 10^18."""
    if not re.fullmatch(r"\s*[-+]?[\d_]{1,4000}\s*", word):
        return 10**18 if re.fullmatch(r"\s*[-+]?[\d_]+\s*", word) else 0
    try:
        return abs(int(word))
    except ValueError:
        return 0


def limited_properties(comment: str) -> dict[str, Any]:
    """Return the keys and values of a comment line of extended XYZ, as ASE reads them.

    ValueError where they name more columns than any row has: ASE would make room for each.
    """
    from ase.io.extxyz import key_val_str_to_dict

    found: dict[str, Any] = key_val_str_to_dict(comment)
    columns = sum(whole(word) for word in str(found.get("Properties", "")).split(":")[2::3])
    if columns > MOST_COLUMNS:
        raise ValueError(f"Properties names more than {MOST_COLUMNS} columns")
    return found


def no_properties(comment: str) -> dict[str, Any]:
    """Return nothing: the comment line of plain XYZ says nothing that every program agrees on."""
    return {}


def _xyz(file: TextIO) -> Iterator[int]:
    """Yield the numbers of atoms, frame by frame as ASE goes: a number below zero is none at all, and read on from."""
    line = file.readline()
    while line.strip():
        number = whole(line)
        yield number
        below_zero = line.lstrip().startswith("-")
        for _ in islice(file, 1 if below_zero else min(number + 1, 10**18)):
            pass
        line = file.readline()
        while line.lstrip().startswith("VEC"):  # a cell, as some programs write it
            line = file.readline()


def _dump(file: TextIO) -> Iterator[int]:
    for line in file:
        if "ITEM: NUMBER OF ATOMS" in line:
            yield whole((next(file, "").split() or [""])[0])


def _data(file: TextIO) -> Iterator[int]:
    for line in file:
        words = line.split("#")[0].split()
        if len(words) > 1 and words[1].startswith("atoms"):
            yield whole(words[0])


def _xdatcar(file: TextIO) -> Iterator[int]:
    """Yield the numbers of atoms; ValueError becomes a promise too large where a symbol holds a number itself."""
    total = 0
    while comment := file.readline():
        if "Direct configuration=" not in comment:
            head = list(islice(file, 6))
            if len(head) < 6:
                return
            yield 0 if all(word.isalpha() for word in head[4].split()) else 10**18
            numbers = [whole(word) for word in head[5].split()]
            yield from numbers
            total = sum(numbers)
            yield total
            file.readline()
        for _ in islice(file, min(total, 10**18)):
            pass


def _outcar(file: TextIO) -> Iterator[int]:
    for line in file:
        if "ions per type" in line:
            numbers = [whole(word) for word in line.split()[4:]]
            yield from numbers
            yield sum(numbers)
        elif "NKPTS" in line and "NBANDS" in line:
            yield from (whole(word) for word in line.split())


KINDS: dict[str, Callable[[TextIO], Iterator[int]]] = {
    "extxyz": _xyz,
    "xyz": _xyz,
    "lammps-dump-text": _dump,
    "lammps-data": _data,
    "vasp-xdatcar": _xdatcar,
    "vasp-out": _outcar,
}

"""Read what LAMMPS writes while it writes: binary dumps (exact, fast) and the thermodynamic lines of its log."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import ThermoRow
from glasspot.errors import GlasspotError

STAGE_MARK = "GLASSPOT stage"
STAGE_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Snapshot:
    """One frame of a dump: step, cell (3, 3) rows in A, and columns (name -> (n,) float64) sorted by atom id.

    Positions count from the corner of the box.
    """

    step: int
    cell: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]

    def vectors(self, *names: str) -> NDArray[np.float64]:
        """Return columns side by side, shape (n, len(names))."""
        return np.stack([self.columns[name] for name in names], axis=1)


class DumpReader:
    """Follow a growing ``dump custom`` file with the suffix .bin: ``read`` returns what is new and whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._names: tuple[str, ...] = ()

    def read(self) -> list[Snapshot]:
        """Return the snapshots that have been completed since the last call. GlasspotError for another format."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as handle:
            handle.seek(self._offset)
            cursor = _Cursor(handle.read(), 0)
        snapshots: list[Snapshot] = []
        whole = 0
        try:
            while True:
                snapshots.append(self._snapshot(cursor))
                whole = cursor.position
        except _Incomplete:
            pass
        except _Damaged as error:
            raise GlasspotError(f"{self.path.name} is damaged ({error}); the run has to be made again.") from None
        self._offset += whole
        return snapshots

    def _snapshot(self, cursor: _Cursor) -> Snapshot:
        """Parse one snapshot; the layout is that of DumpCustom::header_binary, revision 2 (LAMMPS of 2021 or later)."""
        marker = cursor.integer("q")
        if marker >= 0 or cursor.text(-marker) != "DUMPCUSTOM":
            raise GlasspotError(
                f"{self.path.name} is no binary dump that glasspot can read; use a LAMMPS of 2021 or later."
            )
        if cursor.integer("i") != 1:
            raise GlasspotError(f"{self.path.name} was written on a machine with another byte order.")
        cursor.integer("i")  # revision
        step = cursor.integer("q")
        n_atoms = cursor.integer("q")
        triclinic = cursor.integer("i")
        cursor.skip(24)  # kinds of boundary
        bounds = cursor.doubles(6)
        tilt = cursor.doubles(3) if triclinic else np.zeros(3)
        if not (np.isfinite(bounds).all() and np.isfinite(tilt).all()):
            raise _Damaged("its box is not finite")
        n_columns = cursor.integer("i")
        cursor.text(cursor.integer("i"))  # units: written once, empty otherwise
        if cursor.integer("b"):
            cursor.doubles(1)  # time
        names = cursor.text(cursor.integer("i"))
        self._names = tuple(names.split()) or self._names
        blocks = [cursor.doubles(cursor.integer("i")) for _ in range(cursor.integer("i"))]
        if sum(map(len, blocks)) != n_atoms * n_columns or n_atoms < 1 or n_columns != len(self._names):
            raise _Damaged(f"{n_atoms} atoms of {n_columns} columns are not what it holds")
        if lacking := {"id", "x", "y", "z"} - set(self._names):
            raise _Damaged(f"it lacks {', '.join(sorted(lacking))}")
        table = np.concatenate(blocks).reshape(n_atoms, n_columns)
        columns = dict(zip(self._names, table[np.argsort(table[:, self._names.index("id")])].T, strict=True))
        cell, corner = _box(bounds, tilt)
        for axis, name in enumerate(("x", "y", "z")):
            columns[name] = columns[name] - corner[axis]
        return Snapshot(step, cell, columns)


def _box(bounds: NDArray[np.float64], tilt: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cell rows and corner from LAMMPS's bounding box, which holds the tilted cell."""
    xy, xz, yz = tilt
    low = bounds[0::2] - np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    high = bounds[1::2] - np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    lx, ly, lz = high - low
    return np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]), low


class _Incomplete(Exception):
    """The rest has not been written yet."""


class _Damaged(Exception):
    """What stands there is none of LAMMPS's."""


class _Cursor:
    """A place in bytes, moving forward."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def skip(self, size: int) -> int:
        start = self.position
        if size < 0:
            raise _Damaged("a length is below zero")
        if start + size > len(self.data):
            raise _Incomplete
        self.position += size
        return start

    def integer(self, kind: str) -> int:
        start = self.skip(struct.calcsize("=" + kind))
        return int(struct.unpack_from("=" + kind, self.data, start)[0])

    def text(self, size: int) -> str:
        start = self.skip(size)
        return self.data[start : start + size].decode("ascii", errors="replace")

    def doubles(self, count: int) -> NDArray[np.float64]:
        start = self.skip(8 * count)
        return np.frombuffer(self.data, dtype=np.float64, count=count, offset=start)


# In the order of ThermoRow's fields after stage and step; LAMMPS prints these names in the header line.
THERMO_COLUMNS = ("Step", "Temp", "Press", "PotEng", "E_long", "Density", "TotEng")
THERMO_KEYWORDS = "step temp press pe elong density etotal"


MOST_AT_ONCE = 10_000_000  # bytes read of a log in one go
LONGEST_LINE = 10_000  # of a line that has not ended; what is longer is none of LAMMPS's


class LogReader:
    """Follow a growing log: ``rows`` of all stages, the ``error`` line if there is one, and whether it ``finished``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stage = -1
        self.error: str | None = None
        self.finished = False
        self.size = 0
        self._rest = ""
        self._in_table = False

    def read(self) -> list[ThermoRow]:
        """Return the rows that have been written since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as handle:
            handle.seek(self.size)
            new = handle.read(MOST_AT_ONCE)
        self.size += len(new)
        *lines, self._rest = (self._rest[-LONGEST_LINE:] + new.decode("ascii", errors="replace")).split("\n")
        return [row for line in lines if (row := self._line(line)) is not None]

    def _line(self, line: str) -> ThermoRow | None:
        words = line.split()
        if line.startswith(STAGE_MARK):
            self.stage = int(words[2]) if words[2:] and STAGE_NUMBER.fullmatch(words[2]) else self.stage
        elif line.startswith("ERROR") and self.error is None:
            self.error = line.strip()
        elif line.startswith("Total wall time"):
            self.finished = True
        elif tuple(words) == THERMO_COLUMNS:
            self._in_table = True
        elif line.startswith("Loop time"):
            self._in_table = False
        elif self._in_table and len(words) == len(THERMO_COLUMNS):
            return self._row(words)
        return None

    def _row(self, words: list[str]) -> ThermoRow | None:
        try:
            step, *numbers = int(words[0]), *(float(word) for word in words[1:])
        except ValueError:
            return None  # a warning between two lines of the table
        return ThermoRow(self.stage, step, *numbers)


def end_of(path: Path, most: int = 200_000) -> str:
    """Return the last ``most`` bytes of a text file: a program that floods its log must not fill the memory."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - most))
        return handle.read(most).decode(errors="replace")


def tail(text: str, lines: int = 30) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])

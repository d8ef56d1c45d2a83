"""The record of a run: ``thermo.csv``, a line each time everything is known, written as the run goes.

Its first line, a comment, says which program wrote it; the numbers are exact: reading gives back what was written.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from types import TracebackType

from glasspot.engine.base import ThermoRow

NAME = "thermo.csv"
COLUMNS = (
    *("stage", "step", "temperature_K", "pressure_bar", "potential_energy_eV"),
    *("long_range_energy_eV", "density_g_cm3", "total_energy_eV"),
)
TAIL = 30  # lines of a failure's log


class Record:
    """Writes ``folder``/thermo.csv; ``version`` stands in its first line. To be used in a ``with``."""

    def __init__(self, folder: Path, version: str) -> None:
        self._handle = (folder / NAME).open("w", newline="")
        self._handle.write(f"# {version}\n")
        self._writer = csv.writer(self._handle, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._handle.close()
        except OSError:
            if kind is None:  # a run that ended otherwise is told as such: not by a disk that takes no last line
                raise

    def write(self, row: ThermoRow) -> None:
        """Write a line; it can be read at once."""
        self._writer.writerow(astuple(row))
        self._handle.flush()


def read_record(folder: Path) -> list[ThermoRow]:
    """Return the rows of ``folder``/thermo.csv as far as they are whole; empty without one."""
    try:
        lines = (folder / NAME).read_text(errors="replace").split("\n")
    except OSError:
        return []
    rows = []
    for line in lines[2:-1]:
        words = line.split(",")
        if len(words) == len(COLUMNS):
            with suppress(ValueError):  # a damaged line is no row
                rows.append(ThermoRow(int(words[0]), int(words[1]), *(float(word) for word in words[2:])))
    return rows


def read_version(folder: Path) -> str | None:
    """Return what the first line of ``folder``/thermo.csv says; None without one."""
    try:
        first = (folder / NAME).read_text(errors="replace").split("\n", 1)[0]
    except OSError:
        return None
    return first.removeprefix("# ") or None


def tail(folder: Path) -> str:
    """Return the last lines of the record, "" without one."""
    try:
        return "\n".join((folder / NAME).read_text(errors="replace").rstrip().splitlines()[-TAIL:])
    except OSError:
        return ""

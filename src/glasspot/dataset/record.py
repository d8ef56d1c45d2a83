"""One configuration as a file gives it, before the elements of the whole set are known, and what reading decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import VOIGT

LONGEST_TYPE = 200  # characters of a config_type
SHOWN = 3  # origins named in a message; the number of frames is always said
CHANGING = re.compile(r"ramp|heat|cool|quench|anneal|melt", re.IGNORECASE)  # of which temperature says nothing


@dataclass(frozen=True)
class Record:
    """Positions (n, 3) and cell (3, 3) in A, zeros where there is none; labels as in LabelledFrame."""

    symbols: tuple[str, ...]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    periodic: bool = True
    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    stress: NDArray[np.float64] | None = None
    config_type: str = ""
    temperature: float | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        # What a file says is shown in terminals and tables: it must not steer them.
        shown = "".join(c if c.isprintable() else "?" for c in self.config_type[:LONGEST_TYPE])
        object.__setattr__(self, "config_type", shown)


@dataclass
class Notes:
    """What reading decided or doubts, each said once with the frames it is about."""

    about: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, origin: str = "") -> None:
        """Note ``text``, about one more frame where ``origin`` names one."""
        self.about.setdefault(text, []).extend([origin] if origin else [])

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{text} ({frames_named(where)})" if where else text for text, where in self.about.items())


def frames_named(origins: Sequence[str], count: int | None = None) -> str:
    """Return "12 frames: a.xyz:0, a.xyz:3, a.xyz:4, ..." for a message."""
    count = len(origins) if count is None else count
    more = ", ..." if count > SHOWN else ""
    return f"{count} frame{'s' * (count != 1)}: {', '.join(origins[:SHOWN])}{more}"


def as_number(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def as_rows(value: Any, n_atoms: int) -> NDArray[np.float64] | None:
    """Return (n_atoms, 3) finite numbers, or None for anything else."""
    try:
        rows = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return rows if rows.shape == (n_atoms, 3) and np.isfinite(rows).all() else None


def as_tensor(value: Any) -> NDArray[np.float64] | None:
    """Return (3, 3) from nine numbers or six (xx yy zz yz xz xy), or None for anything else."""
    try:
        numbers = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    if not np.isfinite(numbers).all() or numbers.size not in (6, 9):
        return None
    if numbers.size == 9:
        return numbers.reshape(3, 3)
    tensor = np.zeros((3, 3))
    for (row, column), number in zip(VOIGT, numbers, strict=True):
        tensor[row, column] = tensor[column, row] = number
    return tensor


def symmetric(tensor: NDArray[np.float64], notes: Notes, origin: str) -> NDArray[np.float64]:
    """Return the symmetric part of a stress, and note where the other part is more than rounding."""
    part = 0.5 * (tensor + tensor.T)
    if np.abs(tensor - part).max() > 0.01 * max(np.abs(tensor).max(), 1e-12):
        notes.add("a stress or virial is not symmetric; the mean of both halves is used", origin)
    return part


def temperature_of(config_type: str) -> float | None:
    """Return the temperature (K) that a name like "liquid_1600K" tells, or None.

    A name of a change ("ramp_1600_3000K", "quench_300K") and one with several temperatures tell none.
    """
    words = re.split(r"[\s_\-,;:/]+", config_type)
    places = [i for i, word in enumerate(words) if re.fullmatch(r"\d+(\.\d+)?K", word)]
    if len(places) != 1 or CHANGING.search(config_type):
        return None
    place = places[0]
    # "1600_3000K" is a range; "run_3_300K" counts runs.
    if place and re.fullmatch(r"\d{2,}(\.\d+)?", words[place - 1]):
        return None
    return float(words[place][:-1])

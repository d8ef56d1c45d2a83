"""Curves y(x) with errors: read from CSV, brought onto other points, compared.

    chi2 = sum_x (ref - y)^2 / sum_x ref^2        R_X = sqrt(chi2)

The R_chi of several weighted curves, made of the same chi2, is :class:`glasspot.target.objective.Objective`'s.
Wright's R_X is by custom that of T(r) or of S(Q): A. C. Wright, J. Non-Cryst. Solids 159 (1993) 264.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.files import read_limited

LARGEST_CURVES = 100_000_000  # bytes of a file


@dataclass(frozen=True)
class Curve:
    """``y`` (n,) at rising ``x`` (n,), with the standard ``error`` (n,) of y where it is known.

    GlasspotError when lengths differ, a value is not finite, or x does not rise.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    error: NDArray[np.float64] | None = None
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("x", "y", "error"):
            value = getattr(self, name)
            if value is None:
                continue
            array = np.asarray(value, dtype=np.float64)
            object.__setattr__(self, name, array)
            if array.ndim != 1 or len(array) != len(self.x):
                raise GlasspotError(f"{self._name}: {name} must have as many values as x; given {array.shape}.")
            if not np.isfinite(array).all():
                raise GlasspotError(f"{self._name}: {name} holds a value that is not a number; remove that row.")
        if len(self.x) < 2 or np.any(np.diff(self.x) <= 0):
            raise GlasspotError(f"{self._name}: x must hold at least two values and rise; sort the rows by x.")

    @property
    def _name(self) -> str:
        return f'curve "{self.label}"' if self.label else "curve"

    def resample(self, x: ArrayLike) -> Curve:
        """Return the curve at other points by linear interpolation; the error is interpolated too.

        GlasspotError when the points reach outside the curve: nothing is ever extrapolated.
        """
        points = np.asarray(x, dtype=np.float64)
        self._covers(float(points.min()), float(points.max()))
        error = None if self.error is None else np.interp(points, self.x, self.error)
        return replace(self, x=points, y=np.interp(points, self.x, self.y), error=error)

    def _covers(self, low: float, high: float) -> None:
        slack = 1e-9 * max(1.0, abs(high))
        if low < self.x[0] - slack or high > self.x[-1] + slack:
            raise GlasspotError(
                f"{self._name} covers {self.x[0]:g} to {self.x[-1]:g}, but {low:g} to {high:g} is asked; "
                "shorten the range or give a longer curve."
            )


def chi_squared(reference: ArrayLike, model: ArrayLike) -> float:
    """Return sum (ref - model)^2 / sum ref^2 of two arrays of one shape."""
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(model, dtype=np.float64)
    if a.shape != b.shape:
        raise GlasspotError(f"two curves are compared point by point, but they have shapes {a.shape} and {b.shape}.")
    total = float(np.sum(a**2))
    if not total > 0.0:
        raise GlasspotError("the reference curve is zero throughout, so nothing can be compared with it.")
    return float(np.sum((a - b) ** 2)) / total


def wright_r_x(experiment: Curve, model: Curve, x_range: tuple[float, float] | None = None) -> float:
    """Return Wright's R_X (a fraction): sqrt( sum (T_exp - T_model)^2 / sum T_exp^2 ) within ``x_range``.

    Give T(r) = 4 pi rho r g(r) (structure.pdf.total_correlation), as Wright does, usually from 1 to 8 or 10 A, or
    S(Q); the model is brought to the points of the experiment. Say which, and the range: R_X depends on both.
    Source: A. C. Wright, J. Non-Cryst. Solids 159 (1993) 264.
    """
    low, high = x_range if x_range is not None else (float(experiment.x[0]), float(experiment.x[-1]))
    inside = (experiment.x >= low) & (experiment.x <= high)
    if inside.sum() < 2:
        raise GlasspotError(f"the experiment has fewer than two points between {low:g} and {high:g}; widen the range.")
    return float(np.sqrt(chi_squared(experiment.y[inside], model.resample(experiment.x[inside]).y)))


def read_csv_columns(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Return the numeric columns of a comma-separated file by the names in its header row; '#' lines are comments.

    GlasspotError when the file is missing, empty, binary, has no header, or a row is cut short or not numeric.
    """
    path = Path(path)
    lines = _text_lines(path)
    if not lines:
        raise GlasspotError(f"{path} is empty; a curve needs a header row such as r_A,g_SiO and rows of numbers.")
    names = [word.strip() for word in lines[0][1].split(",")]
    if all(_is_number(word) for word in names):
        raise GlasspotError(f"{path} has no header row; put the column names in the first line, such as r_A,g_SiO.")
    if len(set(names)) != len(names) or not all(names):
        raise GlasspotError(f"{path}: the header names must be distinct and not empty; given {', '.join(names)}.")
    rows = []
    for number, line in lines[1:]:
        words = line.split(",")
        if len(words) != len(names):
            raise GlasspotError(
                f"{path}, line {number}: {len(words)} values, but the header names {len(names)} columns; "
                "is the file cut short?"
            )
        if not all(_is_number(word) for word in words):
            bad = next(word for word in words if not _is_number(word))
            hint = "" if len(names) > 1 else " Columns with a header are separated by commas."
            raise GlasspotError(f'{path}, line {number}: "{bad.strip()[:40]}" is not a number.{hint}')
        rows.append([float(word) for word in words])
    if len(rows) < 2:
        raise GlasspotError(f"{path} holds {len(rows)} rows of numbers; a curve needs at least two.")
    table = np.array(rows)
    return {name: table[:, i] for i, name in enumerate(names)}


def read_columns(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a CSV file, or of bare numbers between spaces, as programs of diffraction write them.

    Bare columns have the names "1", "2", ...; '#' lines are comments. Errors as :func:`read_csv_columns`.
    """
    path = Path(path)
    lines = _text_lines(path)
    if not lines or not all(_is_number(word) for word in lines[0][1].split()):
        return read_csv_columns(path)
    rows = [line.split() for _, line in lines]
    wrong = next((k for k, row in enumerate(rows) if len(row) != len(rows[0]) or not all(map(_is_number, row))), None)
    if wrong is not None:
        raise GlasspotError(
            f"{path}, line {lines[wrong][0]}: expected {len(rows[0])} numbers as in the first row; is it cut short?"
        )
    return {str(k + 1): column for k, column in enumerate(np.array(rows, dtype=np.float64).T)}


def pick_column(columns: dict[str, NDArray[np.float64]], name: str, path: str | Path) -> NDArray[np.float64]:
    """Return one column by name; GlasspotError with the names that are there, and the closest."""
    if name not in columns:
        known = ", ".join(columns)
        raise GlasspotError(f'{path} has no column "{name}"; it has {known}.{did_you_mean(name, columns)}')
    return columns[name]


def _text_lines(path: Path) -> list[tuple[int, str]]:
    """Return (line number, text) of the lines that are neither empty nor comments."""
    try:
        raw = read_limited(path, LARGEST_CURVES)
    except FileNotFoundError as error:
        raise GlasspotError(f"{path} does not exist; check the name.") from error
    except OSError as error:
        raise GlasspotError(f"{path} could not be opened: {error.strerror or error}.") from error
    if b"\0" in raw:
        raise GlasspotError(f"{path} is a binary file; a curve is a text file with comma-separated columns.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GlasspotError(f"{path} is not a UTF-8 text file (byte {error.start}); save it as plain CSV.") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False

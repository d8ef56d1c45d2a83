"""Curves: resampling, comparison, reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.curves import Curve, chi_squared, pick_column, read_csv_columns, wright_r_x
from glasspot.errors import GlasspotError


def test_chi_squared_is_relative_to_the_reference() -> None:
    reference, model = np.array([0.0, 3.0, 4.0]), np.array([0.0, 3.0, 3.0])
    assert chi_squared(reference, model) == pytest.approx(1 / 25)
    assert chi_squared(reference, reference) == 0.0


def test_wright_r_x_uses_the_range_and_the_points_of_the_experiment() -> None:
    x = np.linspace(0.0, 10.0, 101)
    experiment = Curve(x, 1 + x)
    model = Curve(np.linspace(0.0, 10.0, 11), 1.1 * (1 + np.linspace(0.0, 10.0, 11)))
    assert wright_r_x(experiment, model, (1.0, 8.0)) == pytest.approx(0.1)
    with pytest.raises(GlasspotError, match="fewer than two points"):
        wright_r_x(experiment, model, (20.0, 30.0))


def test_resample_never_extrapolates() -> None:
    curve = Curve(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), error=np.array([0.1, 0.1, 0.3]), label="Si-O")
    half = curve.resample([0.5, 1.5])
    assert half.y.tolist() == [0.5, 2.5]
    assert half.error == pytest.approx([0.1, 0.2])
    with pytest.raises(GlasspotError, match=r'curve "Si-O" covers 0 to 2, but 0\.5 to 2\.5 is asked'):
        curve.resample([0.5, 2.5])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [1.0]), "as many values as x"),
        (([1.0, 1.0], [1.0, 2.0]), "rise"),
        (([1.0, 2.0], [1.0, float("nan")]), "not a number"),
        (([1.0], [1.0]), "at least two"),
    ],
)
def test_a_curve_checks_itself(arguments: tuple[list[float], list[float]], words: str) -> None:
    with pytest.raises(GlasspotError, match=words):
        Curve(np.array(arguments[0]), np.array(arguments[1]))


def test_curves_that_cannot_be_compared() -> None:
    with pytest.raises(GlasspotError, match="shapes"):
        chi_squared(np.ones(3), np.ones(4))
    with pytest.raises(GlasspotError, match="zero throughout"):
        chi_squared(np.zeros(3), np.ones(3))


def test_csv_columns(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("# AIMD\nr_A, g_SiO\n0.1,0\n0.2,1e-3\n\n0.3,2\n")
    columns = read_csv_columns(path)
    assert list(columns) == ["r_A", "g_SiO"]
    assert columns["g_SiO"].tolist() == [0.0, 1e-3, 2.0]
    with pytest.raises(GlasspotError, match=r'no column "g_Si0"; it has r_A, g_SiO\. Did you mean "g_SiO"'):
        pick_column(columns, "g_Si0", path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"r_A,g\n0.1,1\n0.2\n", "line 3: 1 values, but the header names 2 columns"),
        (b"r_A,g\n0.1,1\n0.2,abc\n", 'line 3: "abc" is not a number'),
        (b"r_A,g\n0.1,1\n0.2,nan\n", 'line 3: "nan" is not a number'),
        (b"0.1,1\n0.2,2\n", "has no header row"),
        (b"r,r\n1,2\n2,3\n", "must be distinct"),
        (b"r,g\n1,2\n", "holds 1 rows"),
        (b"\x00\x01\x02", "is a binary file"),
        (b"r,g\n1,\xff\xfe\n", "not a UTF-8 text file"),
    ],
)
def test_bad_csv_files_are_told_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(GlasspotError, match=words) as caught:
        read_csv_columns(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(GlasspotError, match="does not exist"):
        read_csv_columns(tmp_path / "none.csv")

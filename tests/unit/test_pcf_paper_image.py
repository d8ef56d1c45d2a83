"""Curves drawn as pictures and read again."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.pcf.paper.image import SIDE, Axes
from glasspot.pcf.paper.training import relative_errors
from pcf_samples import sample_set

R = (np.arange(500) + 0.5) * 0.02


def test_a_flat_curve_fills_its_height() -> None:
    """g = top / 4 is half the height; nothing is hidden in the upper half."""
    picture = Axes(R, 8.0).draw(np.full((1, 500), 2.0))[0]
    assert (picture[: SIDE // 2] == 0).all()
    assert (picture[SIDE // 2 :] == 1).all()


def test_ink_is_the_mean_height_of_a_column() -> None:
    """To half a grey level (1/510 a pixel) and the 16 points of a column: a slope is drawn as it is."""
    axes = Axes(R, 1.0)
    picture = axes.draw((R[None] / 10) ** 2)[0]
    assert picture.mean(axis=0) == pytest.approx((np.arange(SIDE) + 0.5) / SIDE, abs=1e-3)


@pytest.mark.parametrize("place", [1.50, 1.55, 1.60, 1.65])
def test_a_narrow_peak_comes_back(place: float) -> None:
    """sd 0.05 A, a third of a column: height within 12 %, area within 5 %, place within 0.04 A, a quarter of one."""
    curve = 20 * np.exp(-0.5 * ((R - place) / 0.05) ** 2)
    axes = Axes(R, 25.0)
    back = axes.read(axes.draw(curve[None]))[0]
    assert back.max() == pytest.approx(curve.max(), rel=0.12)
    assert back.sum() == pytest.approx(curve.sum(), rel=0.05)
    assert (R * back).sum() / back.sum() == pytest.approx(place, abs=0.04)


def test_a_peak_in_the_middle_of_a_column_stays_there() -> None:
    """By symmetry, to half a bin of the grid (0.01 A); the valley between two peaks as well."""
    place = 10.5 * 10 / SIDE
    curve = 20 * np.exp(-0.5 * ((R - place) / 0.05) ** 2)
    axes = Axes(R, 20.0)
    back = axes.read(axes.draw(curve[None]))[0]
    assert (R * back).sum() / back.sum() == pytest.approx(place, abs=0.01)
    hole = 20 - axes.read(axes.draw(20 - curve[None]))[0]
    assert (R * hole).sum() / hole.sum() == pytest.approx(place, abs=0.01)


def test_round_trip_of_a_set() -> None:
    """Mean loss below 1 % of the mean square; drawn again the same but for edges cut by the bins of 0.05 A (3e-4)."""
    data = sample_set(8)
    curves = np.array([glass.mean(pair) for glass, pair in data.each()])
    axes = Axes.of(data.r, curves)
    pictures = axes.draw(curves)
    back = axes.read(pictures)
    assert relative_errors(curves, back).mean() < 0.01
    assert ((axes.draw(back) - pictures) ** 2).mean() < 3e-4
    assert back.min() >= 0


def test_grey_keeps_the_sum_of_its_column() -> None:
    """Whatever a decoder makes, the root of what is read has the sums of the columns; 0.01 for bins across edges."""
    axes = Axes(R, 1.0)
    grey = np.random.default_rng(0).random((2, SIDE, SIDE)).astype(np.float32)
    root = np.sqrt(axes.read(grey))
    assert root.mean(axis=1) == pytest.approx(grey.mean(axis=(1, 2)), abs=0.01)


def test_empty_and_full_pictures() -> None:
    axes = Axes(R, 9.0)
    assert (axes.read(np.zeros((1, SIDE, SIDE), np.float32)) == 0).all()
    assert axes.read(np.ones((1, SIDE, SIDE), np.float32)) == pytest.approx(9.0)


def test_above_the_axis_is_cut() -> None:
    assert Axes(R, 4.0).draw(np.full((1, 500), 9.0)).min() == 1

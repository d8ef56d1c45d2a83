"""Soundness of a glass: good frames pass, made-up failures are found, and false alarms are as rare as is claimed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.mixing import chance_of_largest, chance_of_sum, concentration_waves
from glasspot.structure.packing import random_packing
from glasspot.structure.readers import read_frames
from glasspot.structure.soundness import Soundness, judge, judge_run, reference_of, together
from glasspot.structure.voids import voids

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
ASTE3, B2O3 = DATA / "aste3_dft.extxyz.gz", DATA / "b2o3_dft.extxyz.gz"
needs_data = pytest.mark.skipif(not ASTE3.exists() or not B2O3.exists(), reason="the ab initio frames are not here")


def kinds(judged: Soundness) -> set[str]:
    return {finding.kind for finding in judged.findings}


@pytest.fixture(scope="module")
def glass() -> Frame:
    """1440 atoms of a made-up mixture AB3, evenly packed with soft cores: no chemistry, no holes."""
    return random_packing({"As": 360, "Te": 1080}, 37.0, seed=5)


@pytest.fixture(scope="module")
def telluride() -> list[Frame]:
    return [frame for frame in read_frames(ASTE3) if frame.n_atoms > 1]


def with_types(frame: Frame, types: NDArray[np.int64]) -> Frame:
    return Frame(frame.positions, frame.cell, frame.species, types)


def without(frame: Frame, gone: NDArray[np.bool_]) -> Frame:
    return Frame(frame.positions[~gone], frame.cell, frame.species, frame.types[~gone])


def repeated(frame: Frame, n: int) -> Frame:
    return Frame.from_ase(frame.to_ase() * (n, n, n))


def distances_from(frame: Frame, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances (n,) of all atoms from a place at their nearest image, in a cell with right angles."""
    lengths = np.diag(frame.cell)
    apart = frame.positions - place
    return np.asarray(np.linalg.norm(apart - lengths * np.round(apart / lengths), axis=1))


@pytest.mark.parametrize(
    "sites, radius",
    [
        ([[0, 0, 0]], np.sqrt(3) / 2),  # simple cubic: the middle of the cube
        ([[0, 0, 0], [0.5, 0.5, 0.5]], np.sqrt(5) / 4),  # bcc: the tetrahedral site
        ([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], 0.5),  # fcc: the octahedral site
    ],
)
@pytest.mark.parametrize("shear", [0.0, 1.0])
def test_largest_hole_of_a_crystal(sites: list[list[float]], radius: float, shear: float) -> None:
    # The same lattice in a sheared cell: its holes are the same. Exact but for rounding.
    cells = np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(3)])
    points = 4.0 * (np.array(sites)[None] + cells[:, None]).reshape(-1, 3)
    cell = 12.0 * np.eye(3)
    cell[1, 0] = 12.0 * shear
    frame = Frame.from_symbols(["Te"] * len(points), points, cell)
    assert voids(frame).largest == pytest.approx(4.0 * radius, rel=1e-9)


def test_a_hole_wider_than_the_first_margin_is_measured(glass: Frame) -> None:
    hollow = without(glass, distances_from(glass, np.zeros(3)) < 18.0)  # at the corner, where copies close it
    found = voids(hollow)
    assert found.largest >= 18.0
    assert distances_from(hollow, found.place).min() == pytest.approx(found.largest, abs=1e-9)


def test_random_mixing_has_unit_power_and_the_chances_that_are_claimed(glass: Frame) -> None:
    rng = np.random.default_rng(1)
    shuffled = [concentration_waves(with_types(glass, rng.permutation(glass.types))) for _ in range(200)]
    power = np.array([waves.power["As"] for waves in shuffled])
    # A mean of 200 x n exponential values of mean 1: its standard error is 1/sqrt(400 n); four of them.
    assert power.mean() == pytest.approx(1.0, abs=4 / np.sqrt(power.size))
    for chance in (chance_of_largest, chance_of_sum):
        below = np.mean([chance(one, 1.0) < 0.05 for one in power])
        assert below == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 200))  # four standard errors of a share


def test_packing_is_sound(glass: Frame) -> None:
    judged = judge(glass)
    assert judged.sound and not judged.failed and judged.verdict == "sound"


def test_bubble_is_found(glass: Frame) -> None:
    centre = np.diag(glass.cell) / 2
    judged = judge(without(glass, distances_from(glass, centre) < 7.0))
    assert kinds(judged) == {"void"}
    assert "without any atom" in judged.findings[0].message and judged.numbers["largest_void_A"] > 7.0
    against = judge(without(glass, distances_from(glass, centre) < 6.0), reference_of([glass]))
    assert kinds(against) == {"void"} and "largest of the reference" in against.findings[0].message


def test_atom_alone_in_a_bubble_is_found(glass: Frame) -> None:
    centre = np.diag(glass.cell) / 2
    away = distances_from(glass, centre)
    lonely = without(glass, (away < 7.0) & (away > away.min()))
    assert "isolated atoms" in kinds(judge(lonely))


def test_two_halves_of_different_composition_are_found(glass: Frame) -> None:
    rng = np.random.default_rng(2)
    left = glass.wrapped()[:, 0] < glass.cell[0, 0] / 2
    types = np.where(rng.random(glass.n_atoms) < np.where(left, 0.40, 0.10), 0, 1)
    judged = judge(with_types(glass, types))
    assert kinds(judged) == {"segregation"} and judged.failed
    # 40 and 10 % but for the noise of 720 drawings (1.8 %, three of them), and for halves cut beside the middle.
    found = re.search(r"As is (\d+) % of the atoms in one half of the box and (\d+) %", judged.findings[0].message)
    assert found is not None
    assert float(found[1]) == pytest.approx(10, abs=6) and float(found[2]) == pytest.approx(40, abs=6)
    mild = np.where(rng.random(glass.n_atoms) < np.where(left, 0.27, 0.23), 0, 1)
    assert judge(with_types(glass, mild)).sound


def test_droplets_are_found(glass: Frame) -> None:
    near = np.argsort(distances_from(glass, np.array([5.0, 8.0, 20.0])))
    types = np.ones(glass.n_atoms, np.int64)
    types[near[:360]] = 0
    assert "segregation" in kinds(judge(with_types(glass, types)))


def test_segregation_against_a_reference_that_is_better_mixed_than_chance() -> None:
    # A superstructure of period 2 has no long wave at all: S is far below that of chance, and a split of 30 and 20 %,
    # which chance alone could nearly make in 1728 atoms, is then seen.
    rng = np.random.default_rng(3)
    sites = np.array([[i, j, k] for i in range(12) for j in range(12) for k in range(12)])
    even = np.where((sites % 2).sum(axis=1) == 0, 0, 1) * np.where((sites % 2).sum(axis=1) == 3, 0, 1)
    positions = 3.2 * sites + rng.normal(0.0, 0.2, sites.shape)
    ordered = Frame(positions, 38.4 * np.eye(3), ("As", "Te"), even)
    reference = reference_of([ordered])
    assert reference.segregation["As"] < 0.01
    swapped = even.copy()
    swapped[(sites[:, 0] < 6) & (even == 1) & (rng.random(len(sites)) < 0.05 / 0.75)] = 0
    swapped[(sites[:, 0] >= 6) & (even == 0) & (rng.random(len(sites)) < 0.05 / 0.25)] = 1
    assert "segregation" in kinds(judge(with_types(ordered, swapped), reference))
    assert judge(ordered, reference).sound


def test_collapsed_pair_is_found(glass: Frame) -> None:
    positions = glass.positions.copy()
    positions[0] = positions[700] + [0.9, 0.0, 0.0]
    judged = judge(Frame(positions, glass.cell, glass.species, glass.types))
    assert "too close" in kinds(judged) and judged.failed
    assert "0.90 A" in judged.findings[0].message


def test_ideal_gas_is_no_glass() -> None:
    rng = np.random.default_rng(4)
    gas = Frame.from_symbols(["As", "Te"] * 300, rng.random((600, 3)) * 27.0, 27.0)
    assert {"too close"} <= kinds(judge(gas)) and judge(gas).failed


def test_density_far_from_what_was_expected(glass: Frame) -> None:
    assert judge(glass, density=glass.density).sound
    warned = judge(glass, density=1.3 * glass.density)
    assert kinds(warned) == {"density"} and not warned.failed and "swollen" in warned.findings[0].message
    assert judge(glass, density=2.0 * glass.density).failed
    swollen = Frame(glass.positions * 1.08, glass.cell * 1.08, glass.species, glass.types)
    assert "density" in kinds(judge(swollen, reference_of([glass])))


def test_frames_of_a_trajectory_are_counted(glass: Frame) -> None:
    centre = np.diag(glass.cell) / 2
    torn = without(glass, distances_from(glass, centre) < 7.0)
    judged = judge([glass, torn, torn])
    assert "in 2 of the 3 frames" in judged.findings[0].message
    with pytest.raises(GlasspotError, match="at least one"):
        judge([])
    with pytest.raises(GlasspotError, match="more than one atom"):
        reference_of([Frame.from_symbols(["Te"], [[0, 0, 0]], 25.0)])


@needs_data
def test_no_real_frame_is_flagged(telluride: list[Frame]) -> None:
    # The limits were set with a margin so that none of the 862 frames is; here a sample of them, for the time it takes.
    for frames in (telluride[::3], read_frames(B2O3, "::25")):
        reference = reference_of(frames[::2])
        assert [f.message for frame in frames for f in judge(frame).findings] == []
        assert [f.message for frame in frames[1::2] for f in judge(frame, reference).findings] == []


@needs_data
def test_failures_made_of_a_real_glass(telluride: list[Frame]) -> None:
    reference = reference_of(telluride[::4])
    # Eight copies of one box: their common waves are eight times too strong, so that segregation is no matter here.
    large = repeated(telluride[0], 2)  # 1920 atoms
    assert kinds(judge(large, reference)) <= {"segregation"}
    bubble = without(large, distances_from(large, np.array([9.0, 9.0, 9.0])) < 5.0)  # 15 atoms gone
    assert "void" in kinds(judge(bubble)) and "void" in kinds(judge(bubble, reference))
    rng = np.random.default_rng(6)
    left = large.wrapped()[:, 2] < large.cell[2, 2] / 2
    halves = with_types(large, np.where(rng.random(1920) < np.where(left, 0.35, 0.15), 0, 1))
    assert "segregation" in kinds(judge(halves)) and "segregation" in kinds(judge(halves, reference))
    small = telluride[0]
    split = small.wrapped()[:, 0] < small.cell[0, 0] / 2
    assert "segregation" in kinds(judge(with_types(small, np.where(split & (np.arange(240) % 2 == 0), 0, 1))))


def test_record_of_a_good_run_and_of_bad_ones() -> None:
    asked = np.concatenate([[np.nan], np.full(50, 3000.0), np.linspace(3000, 300, 100), np.full(50, 300.0)])
    rng = np.random.default_rng(7)
    temperature = np.where(np.isnan(asked), 0.0, asked) * rng.normal(1.0, 0.1, len(asked))  # as of 70 atoms
    energy = -4.0 + 1.5 * 8.617e-5 * temperature
    density = np.linspace(5.6, 5.0, len(asked))
    assert judge_run(temperature, asked, density, energy).sound
    hot = temperature.copy()
    hot[180] = 2500.0
    assert kinds(judge_run(hot, asked)) == {"temperature"}
    boiling = density.copy()
    boiling[40:] = 2.0
    assert kinds(judge_run(temperature, asked, boiling)) == {"density"}
    torn = energy.copy()
    torn[100:] += 8.0
    assert kinds(judge_run(temperature, asked, density, torn)) == {"energy"}
    torn[120] = np.nan
    broken = judge_run(temperature, asked, density, torn)
    assert kinds(broken) == {"not finite"} and "energy" in broken.findings[0].message
    with pytest.raises(GlasspotError, match="values"):
        judge_run(temperature[:-1], asked)
    assert together(broken, judge_run(temperature, asked)).failed

"""Targets from trajectories: one answer whatever the format, the right frames, and errors that mean what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.curves import read_csv_columns
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.readers import read_frames
from glasspot.target.from_frames import frame_curves

LENGTH = 10.0
PAIRS = ("Si-Si", "Si-O", "O-O", None)


def gas(n_frames: int, seed: int = 1, drift: int = 0, volumes: bool = False) -> list[Frame]:
    """Independent frames of an ideal gas; in the first ``drift`` of them half the O stands 1.6 A from a Si."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(n_frames):
        length = LENGTH * (1 + 0.02 * rng.standard_normal()) if volumes else LENGTH
        positions = rng.random((60, 3)) * length
        if number < drift:
            away = rng.standard_normal((20, 3))
            positions[20:40] = positions[:20] + 1.6 * away / np.linalg.norm(away, axis=1)[:, None]
        frames.append(Frame.from_symbols(["Si"] * 20 + ["O"] * 40, positions, length))
    return frames


@pytest.mark.parametrize("volumes", [False, True])
def test_three_formats_give_one_target(tmp_path: Path, volumes: bool) -> None:
    """Extended XYZ, XDATCAR (wrapped) and, at fixed volume, XYZ of CP2K (unwrapped, without a cell)."""
    import ase.io

    frames = gas(24, volumes=volumes)
    images = [frame.to_ase() for frame in frames]
    ase.io.write(tmp_path / "run.extxyz", images, format="extxyz")
    ase.io.write(tmp_path / "XDATCAR", images, format="vasp-xdatcar")
    read = {name: read_frames(tmp_path / name) for name in ("run.extxyz", "XDATCAR")}
    if not volumes:
        for image in images:
            image.positions[::3] += [3 * LENGTH, 0.0, -LENGTH]
        ase.io.write(tmp_path / "run.xyz", images, format="xyz")
        read["run.xyz"] = read_frames(tmp_path / "run.xyz", cell=LENGTH)
    curves = {name: frame_curves(name, found, 4.5, 0.1) for name, found in read.items()}
    for pair in PAIRS:
        ours, _ = frame_curves("memory", frames, 4.5, 0.1).target("t", pair, (1.0, 4.5))
        for name, curve in curves.items():
            theirs, note = curve.target("t", pair, (1.0, 4.5))
            # Coordinates are written with eight digits; a pair on the edge of a bin may change sides: one of 190 pairs
            # in one of 24 frames changes a bin of g by less than 0.05 at 1 A.
            moved = np.abs(theirs.values - ours.values) > 1e-6
            assert moved.sum() <= 2, (name, pair)
            np.testing.assert_allclose(theirs.values, ours.values, atol=0.05)
            assert name in note


def test_the_frames_before_equilibrium_are_left_out() -> None:
    curves = frame_curves("XDATCAR", gas(250, drift=40), 4.5, 0.1)
    assert 38 <= curves.equilibration.start <= 45
    target, note = curves.target("g(r) Si-O", "Si-O", (1.0, 4.5))
    start = curves.equilibration.start
    assert f"g(r) Si-O: {250 - start} of 250 frames of XDATCAR (the first {start} are not equilibrated)" in note
    assert "8 blocks, noise floor" in note
    assert curves.cautions() == []
    np.testing.assert_allclose(target.values, 1.0, atol=0.35)  # no bond at 1.6 A is left
    with_all, _ = frame_curves("XDATCAR", gas(250, drift=40), 4.5, 0.1, skip=0).target("t", "Si-O", (1.0, 4.5))
    assert with_all.values[5:7].max() > 1.6
    skipped, told = frame_curves("XDATCAR", gas(250, drift=40), 4.5, 0.1, skip=100).target("t", "Si-O", (1.0, 4.5))
    assert "150 of 250 frames of XDATCAR (the first 100 are left out)" in told
    np.testing.assert_allclose(skipped.values, 1.0, atol=0.35)


def test_the_energy_tells_what_the_pairs_do_not() -> None:
    rng = np.random.default_rng(2)
    energies = rng.standard_normal(200) + 20 * (np.arange(200) < 60)
    frames = [replace(f, values={"energy_eV": e}) for f, e in zip(gas(200), energies, strict=True)]
    assert frame_curves("run", frames, 4.5, 0.1).equilibration.start == pytest.approx(60, abs=3)
    without = [frames[0], *(replace(frame, values={}) for frame in frames[1:])]
    assert frame_curves("run", without, 4.5, 0.1).equilibration.start == 0


def test_the_noise_floor_is_the_scatter_of_such_trajectories() -> None:
    """The floor of one trajectory against the scatter of the means of 30 of them."""
    floors, values = [], []
    for seed in range(30):
        target, _ = frame_curves("run", gas(40, seed=seed), 4.5, 0.25).target("t", "Si-O", (1.0, 4.5))
        assert target.error is not None
        floors.append(np.linalg.norm(target.error) / np.linalg.norm(target.values))
        values.append(target.values)
    scatter = np.linalg.norm(np.std(values, axis=0, ddof=1)) / np.linalg.norm(np.mean(values, axis=0))
    # 30 trajectories know a scatter to 3 % (14 bins), 8 blocks each are short of it by 4 %.
    assert np.sqrt(np.mean(np.square(floors))) == pytest.approx(scatter, rel=0.12)


def test_what_is_doubtful_is_said() -> None:
    few = frame_curves("run", gas(3), 4.5, 0.1)
    target, note = few.target("g(r) total", None, (1.0, 4.5))
    assert target.error is None
    assert "too few for an error" in note
    assert "independent" in few.cautions()[0]
    wide = frame_curves("run", gas(40), 6.0, 0.1)
    assert "beyond half the cell (5.00 A)" in wide.cautions()[0]
    falling = [replace(frame, values={"energy_eV": -0.1 * k}) for k, frame in enumerate(gas(60))]
    assert any("still changes" in line for line in frame_curves("run", falling, 4.5, 0.1).cautions())


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(GlasspotError, match="10 frames, so 10 of them cannot be skipped"):
        frame_curves("run", gas(10), 4.5, 0.1, skip=10)
    with pytest.raises(GlasspotError, match="same atoms"):
        other = Frame.from_symbols(["Si", "O"], [[0, 0, 0], [1, 1, 1]], LENGTH)
        frame_curves("run", [*gas(5), other], 4.5, 0.1)
    with pytest.raises(GlasspotError, match='no pair "Si-B"'):
        frame_curves("run", gas(5), 4.5, 0.1).target("t", "Si-B", (1.0, 4.5))


def test_a_range_that_is_no_whole_number_of_bins() -> None:
    target, _ = frame_curves("run", gas(10), 4.53, 0.1).target("t", "Si-O", (1.0, 4.53))
    assert target.edges[-1] == pytest.approx(4.5)
    np.testing.assert_allclose(np.diff(target.edges), 0.1, rtol=1e-9)


def test_liquid_b2o3_of_ab_initio_frames(shared_data: Path) -> None:
    """Every second frame of one part of a file against the partial PDFs that others derived from the same source."""
    frames = read_frames(shared_data / "b2o3_dft.extxyz.gz", "::2", config_type="liquid_1600K")
    assert len(frames) == 90
    curves = frame_curves("b2o3", frames, 7.9, 0.02)
    reference = read_csv_columns(shared_data / "b2o3_liquid_1600K_partial_pdf.csv")
    for pair, column in (("B-O", "g_BO"), ("O-O", "g_OO"), ("B-B", "g_BB")):
        target, _ = curves.target(pair, pair, (1.0, 7.9))
        number = frames[0].counts[pair[0]]
        # The file counts N(N-1) pairs of one element.
        theirs = reference[column] * ((number - 1) / number if pair[0] == pair[-1] else 1.0)
        theirs = np.interp(target.r, reference["r_A"], theirs)
        assert target.error is not None
        floor = np.linalg.norm(target.error)
        apart = np.linalg.norm(target.values - theirs)
        # Ours is nearly all of the difference, so it is about as large as our own error says; 8 blocks know it to 20 %.
        assert 0.4 * floor < apart < 1.3 * floor, pair

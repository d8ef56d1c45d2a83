"""Coulomb matrices, structure factors, the hybrid kernel, its cache and its landmarks."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distill_samples import made_up
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.distill import kernels as module
from glasspot.distill.cache import Cache
from glasspot.distill.coulomb import coulomb_matrix, packed_matrices, unwrapped
from glasspot.distill.embedding import features, plane
from glasspot.distill.kernels import KernelSettings, compute_kernels, distance
from glasspot.distill.longrange import Shells, structure_factors
from glasspot.distill.plan import plan
from glasspot.distill.soap import Soap
from glasspot.distill.taxicab import taxicab
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame

pytest.importorskip("featomic", reason="featomic is not installed")
QUICK = KernelSettings(soap=Soap(n_max=4, l_max=3, r_cut=4.0))
BOTH = ("periodic", "coulomb")


def moved(labelled: LabelledFrame, positions: np.ndarray) -> LabelledFrame:
    return replace(labelled, frame=replace(labelled.frame, positions=positions))


def test_the_coulomb_matrix_is_as_printed() -> None:
    """Equation 5, water-like: to rounding."""
    matrix = coulomb_matrix(np.array([[0.0, 0, 0], [0, 0, 2.0]]), np.array([8, 1]))
    assert matrix == pytest.approx(np.array([[0.5 * 8**2.4, 4.0], [4.0, 0.5]]), rel=1e-14)


def test_sorted_matrices_do_not_know_the_order_of_the_atoms_and_compare_as_whole_ones() -> None:
    """Distances of packed, sorted, padded matrices against the plain sum over both: to 1e-6, single precision."""
    one, two = made_up(each=1).frames[:2]
    shuffled = np.random.default_rng(3).permutation(24)
    frame = one.frame
    again = replace(one, frame=Frame(frame.positions[shuffled], frame.cell, frame.species, frame.types[shuffled]))
    fewer = Frame(two.frame.positions[:20], frame.cell, frame.species, two.frame.types[:20])
    less = replace(two, frame=fewer, forces=None)
    which = [one, again, less]
    packed = packed_matrices(which, [f.frame.positions for f in which], 24)
    filled = np.array([300, 300, 210])
    apart = taxicab(packed, packed, filled, filled)
    assert apart[0, 2] == pytest.approx(np.abs(whole(one, 24) - whole(less, 24)).sum(), rel=1e-6)
    assert apart[0, 1] < 1e-5 * apart[0, 2]


def whole(labelled: LabelledFrame, n: int) -> np.ndarray:
    numbers = np.array([{"B": 5, "O": 8}[symbol] for symbol in labelled.symbols])
    matrix = coulomb_matrix(labelled.frame.positions, numbers)
    order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
    padded = np.zeros((n, n))
    padded[: len(numbers), : len(numbers)] = matrix[order][:, order]
    return padded


def test_a_trajectory_is_unwrapped_and_another_one_begins_anew() -> None:
    """Positions to 1e-12 A: only whole cell vectors are added."""
    first = made_up(each=1).frames[0]
    steps = np.random.default_rng(4).normal(scale=0.3, size=(5, 24, 3)).cumsum(axis=0)
    true = [first.frame.positions + 2.9 + step for step in steps]
    run = [moved(first, places % 6.0) for places in true]
    other = replace(run[-1], config_type="another")
    placed, trajectories = unwrapped([*run, other])
    assert trajectories == 2
    for before, after, place, there in zip(true, true[1:], placed, placed[1:], strict=False):
        assert there - place == pytest.approx(after - before, abs=1e-12)
    assert np.array_equal(placed[-1], other.frame.positions)


def test_frames_far_apart_are_no_trajectory() -> None:
    first = made_up(each=1).frames[0]
    chance = np.random.default_rng(5)
    run = [moved(first, chance.uniform(0, 6, size=(24, 3))) for _ in range(4)]
    assert unwrapped(run)[1] == 4


def test_structure_factors_are_the_sum_over_wave_vectors() -> None:
    """Against the plain sum over the wave vectors of one shell of a cube (|q| = 2 pi / L exactly): to rounding."""
    frame = made_up(each=1).frames[1].frame
    width = 2 * math.pi / 6.0
    values, numbers = structure_factors([frame], ("B", "O"), Shells(q_max=2 * width, width=width))
    assert numbers[0, 0] >= 6
    boron, oxygen = (frame.positions[frame.types == t] for t in (0, 1))
    # Between the first shell and the second lie waves (1,1,0) and (1,1,1), shared by how near they are.
    sums, weights = np.zeros(3), 0.0
    for h in np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3):
        place = np.linalg.norm(h)
        weight = max(0.0, 1 - abs(place - 1.0)) if place > 0 else 0.0
        rho = [np.exp(2j * math.pi * (atoms @ h) / 6.0).sum() for atoms in (boron, oxygen)]
        pairs = [abs(rho[0]) ** 2 / 8, (rho[0] * rho[1].conj()).real / math.sqrt(8 * 16), abs(rho[1]) ** 2 / 16]
        sums += weight * np.array(pairs)
        weights += weight
    assert values[0, :, 0] == pytest.approx(sums / weights, abs=1e-12)
    assert numbers[0, 0] == pytest.approx(weights)


def test_structure_factors_do_not_change_with_wrapping_origin_or_rotation() -> None:
    """To 1e-9: rounding of phases."""
    frame = made_up(each=1).frames[1].frame
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    others = [
        replace(frame, positions=(frame.positions + 1.7) % 6.0),
        replace(frame, positions=frame.positions @ turn, cell=frame.cell @ turn),
    ]
    values, _ = structure_factors([frame, *others], ("B", "O"), Shells())
    assert np.abs(values[1:] - values[0]).max() < 1e-9


def test_an_ideal_gas_has_the_structure_factor_one() -> None:
    """S_aa = 1 and S_ab = 0 at every q, to four standard errors of the mean of 40 frames (at least six waves each)."""
    chance = np.random.default_rng(6)
    gas = [Frame.from_symbols(["B"] * 20 + ["O"] * 30, chance.uniform(0, 10, (50, 3)), 10.0) for _ in range(40)]
    values, numbers = structure_factors(gas, ("B", "O"), Shells(q_max=3.0, width=0.5))
    seen = numbers.min(axis=0) > 0
    error = values.std(axis=0)[:, seen] / math.sqrt(40)
    expected = np.array([1.0, 0.0, 1.0])[:, None]
    assert (np.abs(values.mean(axis=0)[:, seen] - expected) < 4 * error + 1e-9).all()


@pytest.mark.parametrize("long_range", BOTH)
def test_kernels_are_normalised_symmetric_and_hybrids_lie_between(long_range: str) -> None:
    found = compute_kernels(made_up(each=3), replace(QUICK, long_range=long_range))
    assert found.exact and len(found) == 9
    for delta, single in ((0.0, found.short), (1.0, found.long)):
        assert np.array_equal(found.hybrid(delta), single)
        assert single == pytest.approx(single.T, abs=1e-6)
        assert np.diag(single) == pytest.approx(1.0, abs=1e-12)
        assert (np.linalg.eigvalsh(single) > -1e-6).all()
    assert found.hybrid(0.3) == pytest.approx(0.7 * found.short + 0.3 * found.long)
    assert found.distances(0.3) == pytest.approx(np.sqrt(np.maximum(2 - 2 * found.hybrid(0.3), 0)))
    assert distance(np.array([1.0, 0.0, 1 + 1e-15])) == pytest.approx([0.0, math.sqrt(2), 0.0])


def test_half_of_the_median_distance_is_the_length_of_decay() -> None:
    """exp(-2) at the median, by definition, to the step between neighbouring distances (a few per cent)."""
    found = compute_kernels(made_up(each=4), QUICK)
    assert np.median(found.long[np.triu_indices(12, 1)]) == pytest.approx(math.exp(-2), rel=0.05)
    given = compute_kernels(made_up(each=4), replace(QUICK, zeta=2 * found.zeta))
    assert given.long == pytest.approx(found.long**2, rel=1e-9)


def test_the_periodic_kernel_ignores_wrapping_and_the_coulomb_kernel_does_not() -> None:
    """The reason for the first: shifted and wrapped frames are the same to it (1e-6), and others to the second."""
    data = made_up(each=1)
    shifted = moved(data.frames[1], (data.frames[1].frame.positions + 2.0) % 6.0)
    pair = Dataset((data.frames[0], data.frames[1], replace(shifted, config_type="elsewhere")), data.elements)
    periodic = compute_kernels(pair, QUICK)
    coulomb = compute_kernels(pair, replace(QUICK, long_range="coulomb"))
    assert periodic.long[1, 2] == pytest.approx(1.0, abs=1e-4)
    assert periodic.short[1, 2] == pytest.approx(1.0, abs=1e-9)
    assert coulomb.long[1, 2] < 0.9


@pytest.mark.parametrize("long_range", BOTH)
def test_a_second_run_reads_what_the_first_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_range: str
) -> None:
    settings = replace(QUICK, long_range=long_range)
    first = compute_kernels(made_up(each=3), settings, Cache(tmp_path))
    for name in ("power_spectra", "structure_factors", "taxicab" if long_range == "coulomb" else "packed_matrices"):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("computed again"))
    again = compute_kernels(made_up(each=3), settings, Cache(tmp_path))
    assert np.array_equal(first.short, again.short) and np.array_equal(first.long, again.long)


@pytest.mark.parametrize("long_range", BOTH)
def test_kernels_do_not_hang_on_the_groups_that_are_computed_together(
    monkeypatch: pytest.MonkeyPatch, long_range: str
) -> None:
    """In groups of four: to 1e-6, the single precision of the sums, whose parts are the same."""
    settings = replace(QUICK, long_range=long_range)
    whole_one = compute_kernels(made_up(each=3), settings)
    few = compute_kernels(made_up(each=3), replace(settings, exact_to=5, landmarks=6, zeta=whole_one.zeta))
    monkeypatch.setattr(module, "CHUNK", 4)
    parts = compute_kernels(made_up(each=3), settings)
    assert parts.long == pytest.approx(whole_one.long, abs=1e-6)
    assert parts.short == pytest.approx(whole_one.short, abs=1e-12)
    assert few.long == pytest.approx(whole_one.long[:, few.landmarks], abs=1e-6)


def test_a_damaged_file_and_other_frames_are_computed_again(tmp_path: Path) -> None:
    first = compute_kernels(made_up(each=3), QUICK, Cache(tmp_path))
    kept = sorted(tmp_path.iterdir())
    assert {path.name.split("-")[0] for path in kept} == {"soap", "structure"}
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    again = compute_kernels(made_up(each=3), QUICK, Cache(tmp_path))
    assert np.array_equal(first.long, again.long)
    other = compute_kernels(made_up(each=3, seed=1), QUICK, Cache(tmp_path))
    assert not np.allclose(first.short, other.short)


def test_landmarks_give_nearly_the_whole_kernel() -> None:
    """20 of 36 frames: distances among the other 16 to a tenth of their mean (765 frames of B2O3 with 100: 1.3 %)."""
    data = made_up(each=12)
    whole_one = compute_kernels(data, QUICK)
    few = compute_kernels(data, replace(QUICK, exact_to=10, landmarks=20, zeta=whole_one.zeta))
    assert not few.exact and few.short.shape == (36, 20)
    assert few.long == pytest.approx(whole_one.long[:, few.landmarks], abs=1e-12)
    others = np.setdiff1d(np.arange(36), few.landmarks)
    pairs = np.array([(a, b) for a in others for b in others if a < b])
    for delta in (0.0, 0.5, 1.0):
        coordinates, lacking = features(few, delta)
        square = np.square(coordinates[pairs[:, 0]] - coordinates[pairs[:, 1]]).sum(axis=1) + lacking[pairs].sum(axis=1)
        exact = whole_one.distances(delta)[pairs[:, 0], pairs[:, 1]]
        assert np.sqrt(np.mean((np.sqrt(square) - exact) ** 2)) < 0.1 * exact.mean()


def test_features_and_the_plane_hold_the_distances() -> None:
    """Exact: all coordinates give the distances (1e-6, the root of rounding); two of them at most as much."""
    found = compute_kernels(made_up(each=4), QUICK)
    coordinates, lacking = features(found, 0.4)
    assert not lacking.any()
    apart = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=2)
    assert apart == pytest.approx(found.distances(0.4), abs=1e-6)
    flat = plane(found, 0.4)
    assert flat.shape == (12, 2)
    assert (np.linalg.norm(flat[:, None] - flat[None], axis=2) <= apart + 1e-6).all()


def test_the_plan_is_bounded_for_a_hundred_thousand_frames() -> None:
    """What the documentation promises: under 16 GB, and memory linear in the number of frames."""
    big = plan(100_000, 265, 2, KernelSettings(), 2)
    assert not big.exact and big.memory_GB < 16
    assert plan(200_000, 265, 2, KernelSettings(), 2).memory_GB == pytest.approx(2 * big.memory_GB, rel=0.01)
    assert plan(765, 265, 2, KernelSettings(), 2).exact
    assert "1000 landmarks" in str(big)


@pytest.mark.parametrize("wrong", [{"long_range": "ewald"}, {"zeta": 0.0}, {"landmarks": 1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(GlasspotError, match="expected"):
        replace(QUICK, **wrong)


def test_a_data_set_of_one_frame_and_a_delta_outside_are_refused() -> None:
    with pytest.raises(GlasspotError, match="expected two or more"):
        compute_kernels(Dataset(made_up(each=1).frames[:1], ("B", "O")), QUICK)
    with pytest.raises(GlasspotError, match=r"delta is 1\.2"):
        compute_kernels(made_up(each=1), QUICK).hybrid(1.2)

"""g(r) against freud and ASE, its errors and totals."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import (
    averaged,
    distributions_of_frames,
    pair_distribution,
    running_coordination,
    total,
    total_correlation,
    total_weights,
)


def random_frames(n_frames: int = 1, n: int = 300, length: float = 15.0) -> list[Frame]:
    rng = np.random.default_rng(7)
    symbols = ["Si"] * (n // 3) + ["O"] * (n - n // 3)
    return [Frame.from_symbols(symbols, rng.random((n, 3)) * length, length) for _ in range(n_frames)]


def test_partials_equal_those_of_freud() -> None:
    import freud

    frame = random_frames()[0]
    ours = pair_distribution(frame, 7.0, 0.1)
    box = freud.box.Box.cube(15.0)
    centred = frame.positions - 7.5
    for a, b in (("Si", "Si"), ("Si", "O"), ("O", "O")):
        one, two = (centred[frame.types == frame.species.index(e)] for e in (a, b))
        rdf = freud.density.RDF(bins=70, r_max=7.0)
        rdf.compute((box, two), query_points=None if a == b else one)
        # freud computes in single precision, so a distance on the edge of a bin may fall on its other side: one pair.
        one_pair = 15.0**3 / (len(one) * len(two)) / ours.shells * (2 if a == b else 1)
        assert np.all(np.abs(rdf.rdf - ours.partial(f"{a}-{b}")) <= 1.01 * one_pair + 1e-3 * np.abs(rdf.rdf))
        assert np.mean(np.abs(rdf.rdf - ours.partial(f"{a}-{b}"))) < 2e-3


def test_total_equals_that_of_ase() -> None:
    from ase.geometry.rdf import get_rdf

    frame = random_frames()[0]
    pdf = pair_distribution(frame, 7.0, 0.1)
    theirs, r = get_rdf(frame.to_ase(), 7.0, 70)
    np.testing.assert_allclose(total(pdf)[0], theirs, atol=1e-9)
    np.testing.assert_allclose(r, pdf.r, atol=1e-12)


def test_weights_sum_to_one_and_give_the_plain_count() -> None:
    frame = random_frames()[0]
    pdf = pair_distribution(frame, 7.0, 0.1)
    assert total_weights(pdf).sum() == pytest.approx(1.0, abs=1e-14)
    one_kind = Frame.from_symbols(["Si"] * 300, frame.positions, 15.0)
    np.testing.assert_allclose(total(pdf)[0], pair_distribution(one_kind, 7.0, 0.1).g[0], atol=1e-12)


def test_running_coordination_counts_neighbours() -> None:
    frame = random_frames()[0]
    pdf = pair_distribution(frame, 7.0, 0.1)
    distances = frame.to_ase().get_all_distances(mic=True)
    si = frame.types == 0
    for centre, neighbour, rows, columns in (("Si", "O", si, ~si), ("O", "Si", ~si, si), ("O", "O", ~si, ~si)):
        r, n = running_coordination(pdf, centre, neighbour)
        d = distances[np.ix_(rows, columns)]
        for k in (10, 35, 69):
            within = np.sum((d < r[k]) & (d > 0)) / rows.sum()
            assert n[k] == pytest.approx(within, abs=1e-9)


def test_block_error_is_that_of_the_mean() -> None:
    # Independent frames: the error of g in a bin follows from Poisson counting, sqrt(count) / count.
    pdf = pair_distribution(random_frames(64), 7.0, 0.5)
    assert pdf.error is not None
    expected = pdf.g * np.sqrt(1.0 / np.maximum(pdf.g * 64 * 100 * 200 * pdf.shells / 15.0**3, 1))[0]
    ratio = pdf.error[1, 6:] / expected[1, 6:]
    # Eight blocks know their spread to 1 / sqrt(14) = 27 % each; the mean of eight bins to about 10 %.
    assert 0.7 < np.sqrt(np.mean(ratio**2)) < 1.4
    assert pair_distribution(random_frames(3), 7.0, 0.5).error is None


def test_frames_of_unequal_number_weigh_alike_in_uneven_blocks() -> None:
    frames = random_frames(11)
    whole = pair_distribution(frames, 7.0, 0.5).g
    mean = np.mean([pair_distribution(f, 7.0, 0.5).g for f in frames], axis=0)
    np.testing.assert_allclose(whole, mean, atol=1e-12)


def test_t_of_r() -> None:
    r = np.array([1.0, 2.0])
    np.testing.assert_allclose(total_correlation(r, np.array([1.0, 3.0]), 0.066), 4 * np.pi * 0.066 * r * [1.0, 3.0])


def test_mistakes_are_told() -> None:
    frames = random_frames(1)
    other = Frame.from_symbols(["Si", "O"], [[0, 0, 0], [1, 1, 1]], 15.0)
    with pytest.raises(GlasspotError, match="must hold the same atoms"):
        pair_distribution([*frames, other], 5.0)
    with pytest.raises(GlasspotError, match="bin width"):
        pair_distribution(frames, 5.0, 0.0)
    with pytest.raises(GlasspotError, match='no pair "Si-S"'):
        pair_distribution(frames, 5.0).partial("Si-S")
    with pytest.raises(GlasspotError, match="no frame"):
        pair_distribution([], 5.0)


def test_frames_of_another_volume_keep_their_own_density() -> None:
    """An ideal gas has g = 1 at any density: g(r) is divided frame by frame, not by the mean density."""
    rng = np.random.default_rng(3)
    symbols = ["Si"] * 200 + ["O"] * 400
    lengths = np.repeat([14.0, 18.0], 30)
    frames = [Frame.from_symbols(symbols, rng.random((600, 3)) * length, length) for length in lengths]
    each = np.array(list(distributions_of_frames(frames, 6.0, 0.5)))
    pdf = averaged(frames, each, 6.0, 6)
    # 60 frames of 80000 pairs, the shell from 5 to 6 A holds a tenth or so of them: 0.1 %; the like-pair 1 - 1/N.
    assert pdf.partial("Si-O")[-2:].mean() == pytest.approx(1.0, abs=0.01)
    assert pdf.blocks is not None and len(pdf.blocks) == 6
    whole = pair_distribution(frames, 6.0, 0.5)
    np.testing.assert_allclose(pdf.g, whole.g, rtol=1e-12)
    np.testing.assert_allclose(each.mean(axis=0), whole.g, rtol=1e-12)
    assert pdf.error is not None and whole.error is not None

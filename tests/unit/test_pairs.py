"""Pair counts against plain sums, an independent neighbour list, and the rules that counts must keep."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure import pairs
from glasspot.structure.frames import Frame

SKEW = np.array([[9.0, 0.0, 0.0], [3.1, 8.0, 0.0], [-2.2, 1.7, 7.5]])


def random_frame(n: int, cell: np.ndarray | float, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Si", "O", "Na"], size=n, p=[0.3, 0.5, 0.2]).tolist()
    matrix = np.eye(3) * cell if np.ndim(cell) == 0 else np.asarray(cell)
    # Some atoms lie outside the cell: readers hand out unwrapped positions.
    return Frame.from_symbols(symbols, (rng.random((n, 3)) * 3 - 1) @ matrix, matrix, species=("Si", "Na", "O"))


def plain_distances(frame: Frame, r_max: float) -> dict[str, np.ndarray]:
    """Every ordered pair, images and self-images included, by an explicit sum over cells."""
    reach = 4
    shifts = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3))) @ frame.cell
    positions = frame.wrapped()
    found: dict[str, list[float]] = {label: [] for label in pairs.pair_labels(frame.species)}
    table, labels = pairs.pair_index(len(frame.species)), pairs.pair_labels(frame.species)
    for i in range(frame.n_atoms):
        for j in range(frame.n_atoms):
            d = np.linalg.norm(positions[j] + shifts - positions[i], axis=1)
            d = d[(d > 1e-9) & (d < r_max)]
            found[labels[table[frame.types[i], frame.types[j]]]] += d.tolist()
    return {label: np.sort(values) for label, values in found.items()}


def test_labels_follow_the_order_of_the_species() -> None:
    assert pairs.pair_labels(("Si", "O")) == ("Si-Si", "Si-O", "O-O")
    assert pairs.pair_labels(("B",)) == ("B-B",)
    assert pairs.pair_index(3)[2, 1] == pairs.pair_index(3)[1, 2] == 4


@pytest.mark.parametrize(
    ("cell", "r_max"),
    [(10.0, 4.9), (np.diag([9.0, 11.0, 13.0]), 4.4), (10.0, 7.3), (7.0, 15.2), (SKEW, 3.0), (SKEW, 9.4)],
    ids=["cube", "box", "beyond half", "beyond the box", "triclinic", "triclinic, far"],
)
def test_histogram_equals_the_plain_sum(cell: np.ndarray | float, r_max: float) -> None:
    frame = random_frame(25, cell)
    counts = pairs.histogram(frame, r_max, 40)
    for row, distances in zip(counts, plain_distances(frame, r_max).values(), strict=True):
        # The plain sum sees each pair from both ends.
        expected = np.histogram(distances, bins=40, range=(0.0, r_max))[0] / 2
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize(("cell", "r_max"), [(10.0, 4.9), (10.0, 7.3), (SKEW, 6.0)])
def test_fine_histogram_gives_the_exact_mean_of_a_linear_function(cell: np.ndarray | float, r_max: float) -> None:
    # Linear assignment keeps sums of any straight line exactly; 1e-12 is rounding of some hundred terms.
    frame = random_frame(30, cell, seed=3)
    counts = pairs.fine_histogram(frame, r_max, 64)
    nodes = np.linspace(0.0, r_max, 65)
    for row, distances in zip(counts, plain_distances(frame, r_max).values(), strict=True):
        assert row.sum() == pytest.approx(len(distances) / 2, rel=1e-12)
        assert row @ (2.0 + 3.0 * nodes) == pytest.approx(np.sum(2.0 + 3.0 * distances) / 2, rel=1e-12)


def test_fine_histogram_gives_pair_energies_to_second_order() -> None:
    frame = random_frame(200, 16.0, seed=5)
    distances = np.concatenate(list(plain_distances(frame, 7.0).values()))
    exact = np.sum(np.cos(distances)) / 2
    errors = []
    for n in (100, 200, 400):
        nodes = np.linspace(0.0, 7.0, n + 1)
        errors.append(abs(pairs.fine_histogram(frame, 7.0, n).sum(axis=0) @ np.cos(nodes) - exact))
    # Halving the spacing quarters the error, give or take what chance adds to the prefactor.
    assert errors[1] < 0.35 * errors[0]
    assert errors[2] < 0.35 * errors[1]


def test_both_ways_of_counting_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = random_frame(700, np.diag([20.0, 21.0, 22.0]), seed=1)
    by_all_pairs = pairs.fine_histogram(frame, 9.5, 300)
    monkeypatch.setattr(pairs, "ALL_PAIRS_LIMIT", 0)
    # The same distances in another order of addition: rounding only.
    np.testing.assert_allclose(pairs.fine_histogram(frame, 9.5, 300), by_all_pairs, atol=1e-9)


def test_neighbour_list_equals_that_of_matscipy() -> None:
    from matscipy.neighbours import neighbour_list

    for cell in (np.eye(3) * 12.0, SKEW * 1.4):
        frame = random_frame(150, cell, seed=2)
        cutoffs = np.array([[2.5, 3.0, 2.0], [3.0, 0.0, 3.5], [2.0, 3.5, 2.8]])
        first, second, vector, distance = pairs.neighbour_list(frame, cutoffs)
        i, j, d = neighbour_list("ijd", frame.to_ase(), float(cutoffs.max()))
        keep = d < cutoffs[frame.types[i], frame.types[j]]
        assert sorted(zip(first, second, np.round(distance, 9), strict=True)) == sorted(
            zip(i[keep], j[keep], np.round(d[keep], 9), strict=True)
        )
        assert np.all(np.diff(first) >= 0)
        np.testing.assert_allclose(np.linalg.norm(vector, axis=1), distance, rtol=1e-12)


def test_a_range_that_makes_no_sense_is_refused() -> None:
    frame = random_frame(5, 10.0)
    with pytest.raises(GlasspotError, match="r_max must be a positive length"):
        pairs.histogram(frame, -1.0, 10)
    with pytest.raises(GlasspotError, match="at least one bin"):
        pairs.fine_histogram(frame, 4.0, 0)


def test_an_element_without_atoms_has_empty_rows() -> None:
    frame = Frame.from_symbols(["O", "O"], [[0, 0, 0], [1, 0, 0]], 8.0, species=("Si", "O"))
    counts = pairs.histogram(frame, 3.0, 3)
    assert counts.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_an_atom_a_rounding_error_below_a_face_is_found() -> None:
    # y = -1e-17 wraps to 1 - 1e-17 = 1.0 in floating point, the far end of the cell.
    frame = Frame.from_symbols(["Si", "O"], [[0.0, -1e-17, 0.0], [1.0, 0.5, 0.2]], SKEW)
    assert pairs.histogram(frame, 2.0, 1)[1, 0] == 1
    first, _, _, distance = pairs.neighbour_list(frame, np.full((2, 2), 2.0))
    assert first.tolist() == [0, 1]
    assert distance == pytest.approx([np.sqrt(1.29)] * 2)

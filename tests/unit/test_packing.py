"""Random packings: whole, without overlaps (checked by ASE's neighbour list), the same for the same seed, and fast."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from glasspot.composition import box_length
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.packing import least_distance, random_packing
from glasspot.structure.readers import read_frames, write_frames

SILICA = {"Si": 200, "O": 400}


def closest(frame: Frame) -> dict[tuple[str, str], float]:
    """The shortest distance of each pair of species below 3 A, periodic images included."""
    first, second, distance = neighbor_list("ijd", frame.to_ase(), 3.0)
    symbols = np.array(frame.symbols)
    found: dict[tuple[str, str], float] = {}
    for a in frame.species:
        for b in frame.species:
            between = (symbols[first] == a) & (symbols[second] == b)
            if between.any():
                found[a, b] = float(distance[between].min())
    return found


@pytest.mark.parametrize("n_units", [17, 200, 1000])
@pytest.mark.parametrize("density", [1.5, 2.2, 2.6])
def test_no_overlap_at_usual_densities(n_units: int, density: float) -> None:
    counts = {"Si": n_units, "O": 2 * n_units}
    frame = random_packing(counts, box_length(counts, density), seed=3)
    assert frame.counts == counts
    assert frame.density == pytest.approx(density, rel=1e-3)  # the same masses on both sides, rounded cube root
    for (a, b), distance in closest(frame).items():
        assert distance >= least_distance(a, b) - 1e-9


def test_many_species() -> None:
    counts = {"Na": 322, "B": 98, "Si": 692, "Ca": 98, "O": 1790}
    frame = random_packing(counts, box_length(counts, 2.53), seed=0)
    assert frame.counts == counts
    assert frame.species[-1] == "O"
    for (a, b), distance in closest(frame).items():
        assert distance >= least_distance(a, b) - 1e-9


def test_oxidation_states_pack_weigh_and_are_written_as_their_element(tmp_path: Path) -> None:
    counts = {"Si": 100, "Fe2": 50, "Fe3": 50, "O": 325}
    frame = random_packing(counts, 20.0, seed=0)
    assert frame.counts == {name: counts[name] for name in frame.species}
    assert least_distance("Fe3", "O") == least_distance("Fe", "O")
    assert Frame.from_symbols(frame.symbols, frame.positions, frame.cell).species == frame.species
    # 2.82 g/cm3 by hand: (100 Si + 100 Fe + 325 O) g/mol in 8000 A^3
    assert frame.density == pytest.approx((2808.6 + 5584.5 + 5199.7) / 6.02214e23 / 8e-21, rel=1e-3)
    for name in ("iron.extxyz", "iron.data"):
        write_frames(tmp_path / name, frame)
        (back,) = read_frames(tmp_path / name)
        assert back.counts["Fe"] == 100  # files know elements only


def test_triclinic_cell() -> None:
    cell = np.array([[22.0, 0.0, 0.0], [8.0, 20.0, 0.0], [-6.0, 5.0, 19.0]])
    frame = random_packing(SILICA, cell, seed=5)
    np.testing.assert_array_equal(frame.cell, cell)
    for (a, b), distance in closest(frame).items():
        assert distance >= least_distance(a, b) - 1e-9


def test_dense_box_gets_shorter_distances_not_overlaps() -> None:
    frame = random_packing(SILICA, box_length(SILICA, 4.3), seed=1)  # stishovite's density
    for (a, b), distance in closest(frame).items():
        assert distance >= 0.8 * least_distance(a, b) - 1e-9  # LEAST_SCALE


def test_same_seed_same_packing() -> None:
    one, two = (random_packing(SILICA, 21.0, seed=11) for _ in range(2))
    np.testing.assert_array_equal(one.positions, two.positions)
    other = random_packing(SILICA, 21.0, seed=12)
    assert not np.allclose(one.positions, other.positions)


def test_points_are_spread_evenly() -> None:
    """Each octant of the box holds an eighth of the atoms, within 5 sigma of a binomial (a packing is smoother)."""
    frame = random_packing({"Si": 1000, "O": 2000}, 35.7, seed=2)
    octant = ((frame.positions // (35.7 / 2)).astype(int) @ [4, 2, 1]).clip(0, 7)
    share = np.bincount(octant, minlength=8)
    assert np.abs(share - 375).max() < 5 * np.sqrt(3000 * 0.125 * 0.875)


def test_given_distances_are_kept() -> None:
    frame = random_packing(SILICA, 21.5, seed=4, min_distances={("O", "Si"): 1.8, ("O", "O"): 2.3})
    found = closest(frame)
    assert found["Si", "O"] >= 1.8 - 1e-9
    assert found["O", "O"] >= 2.3 - 1e-9


def test_thirty_thousand_atoms_in_seconds() -> None:
    counts = {"Si": 10000, "O": 20000}
    began = time.perf_counter()
    frame = random_packing(counts, box_length(counts, 2.2), seed=0)
    assert time.perf_counter() - began < 20  # 0.6 s alone on one core; the margin is for a loaded machine
    assert frame.n_atoms == 30000


@pytest.mark.parametrize(
    "counts, cell, message",
    [
        (SILICA, box_length(SILICA, 9.0), "do not fit without overlaps"),
        (SILICA, 2.0, "A high"),
        ({"Si": 0}, 20.0, "at least one atom"),
        ({"Qq": 10}, 20.0, 'unknown element "Qq"'),
    ],
)
def test_impossible_packings_are_refused(counts: dict[str, int], cell: float, message: str) -> None:
    with pytest.raises(GlasspotError, match=message):
        random_packing(counts, cell, seed=0)


def test_bad_distance_is_refused() -> None:
    with pytest.raises(GlasspotError, match="Si, O"):
        random_packing(SILICA, 21.0, seed=0, min_distances={("Si", "Na"): 2.0})

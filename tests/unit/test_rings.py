"""Shortest-path rings: crystals whose rings are known, a plain search by networkx, and cells too small for a ring."""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from ase import Atoms
from ase.spacegroup import crystal

from glasspot.errors import GlasspotError
from glasspot.structure import rings
from glasspot.structure.frames import Frame
from glasspot.structure.rings import shortest_path_rings
from glasspot.structure.topology import find_bonds


def cristobalite() -> Atoms:
    """Ideal beta-cristobalite, 24 atoms."""
    sites = [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)]
    return crystal(["Si", "O"], sites, spacegroup=227, cellpar=[7.16] * 3 + [90] * 3)


def quartz() -> Atoms:
    """Alpha-quartz, 9 atoms in a hexagonal cell; Levien, Prewitt and Weidner, Am. Mineral. 65 (1980) 920."""
    sites = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    return crystal(["Si", "O"], sites, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120])


def found(atoms: Atoms, largest: int, cutoff: float = 2.0) -> dict[int, float]:
    return shortest_path_rings(find_bonds(Frame.from_ase(atoms), {"Si-O": cutoff}), ["Si"], largest).distribution


def test_crystals_from_their_smallest_cells() -> None:
    """Cristobalite: 12 rings of six through each Si. Quartz: 6 of six, 40 of eight.

    C. S. Marians and L. W. Hobbs, J. Non-Cryst. Solids 124 (1990) 242. A ring of n passes through n of them.
    """
    assert found(cristobalite(), 7) == {6: 12 / 6}
    assert found(quartz(), 9) == {6: 6 / 6, 8: 40 / 8}


def test_a_cell_and_its_copies_have_the_same_rings() -> None:
    assert found(quartz(), 8) == found(quartz() * (3, 2, 4), 8)
    assert found(cristobalite(), 6) == found(cristobalite() * (1, 2, 3), 6)


def random_network(seed: int) -> Atoms:
    """Atoms anywhere, so that oxygens have none to four formers, atoms of one kind are close, and some stand alone."""
    rng = np.random.default_rng(seed)
    cell = np.array([[9.0, 0.0, 0.0], [1.0, 9.5, 0.0], [-0.7, 0.4, 10.0]])
    symbols = ["Si"] * 36 + ["O"] * 72 + ["Na"] * 20
    return Atoms(symbols, scaled_positions=rng.random((len(symbols), 3)), cell=cell, pbc=True)


@pytest.mark.parametrize("seed", [1, 6])
def test_rings_equal_those_of_a_plain_search(seed: int) -> None:
    """By the definition, over all cycles of a cell that is 27 times as large."""
    largest, cutoff = 4, 2.1
    atoms = random_network(seed)
    wide = Frame.from_ase(atoms * (3, 3, 3))
    bonds = find_bonds(wide, {"Si-O": cutoff})[0]
    vectors = {(i, j): v for i, j, v in zip(bonds.first.tolist(), bonds.second.tolist(), bonds.vector, strict=True)}
    graph = nx.Graph(list(vectors))
    distance = dict(nx.all_pairs_shortest_path_length(graph, cutoff=largest))
    expected: Counter[int] = Counter()
    for cycle in nx.simple_cycles(graph, length_bound=2 * largest):
        n = len(cycle)
        ways = [(a, b, min(b - a, n - b + a)) for b in range(n) for a in range(b)]
        around = sum(vectors[cycle[k - 1], cycle[k]] for k in range(n))
        if np.abs(around).max() < 1e-6 and all(distance[cycle[a]][cycle[b]] == way for a, b, way in ways):
            expected[n // 2] += 1
    formers = wide.counts["Si"]
    assert set(expected) == {2, 3, 4}  # all sizes are there, so that the comparison says something
    assert found(atoms, largest, cutoff) == pytest.approx({n: count / formers for n, count in expected.items()})


def test_both_formers_and_their_own_cut_offs_count() -> None:
    """With half the silicon called boron the network is the same; without the boron's bonds nothing is closed."""
    atoms = cristobalite()
    atoms.symbols[[0, 3, 5, 6]] = "B"
    frame = Frame.from_ase(atoms)
    bonds = find_bonds(frame, {"Si-O": 2.0, "B-O": 1.7, "O-O": 2.9, "Si-Si": 3.4})  # more bonds than belong to a ring
    both = shortest_path_rings(bonds, ["B", "Si"], 6)
    assert both.distribution == {6: 2.0}
    assert both.formers == ("B", "Si")
    short = shortest_path_rings(find_bonds(frame, {"Si-O": 2.0, "B-O": 1.0}), ["B", "Si"], 6)
    assert short.distribution.get(6, 0.0) < 0.5
    assert short.per_former.shape == short.size.shape == (5,)


def test_frames_are_averaged_and_few_of_many_are_taken() -> None:
    open_cell = cristobalite() * (2, 2, 2)
    open_cell.positions[open_cell.symbols == "O"] += 50.0 * np.array([[0.01, 0.0, 0.0]])  # 0.5 A: half the bonds gone
    pair = [Frame.from_ase(cristobalite() * (2, 2, 2)), Frame.from_ase(open_cell)]
    alone = [shortest_path_rings(find_bonds(frame, {"Si-O": 1.8}), ["Si"], 6).per_former for frame in pair]
    both = shortest_path_rings(find_bonds(pair, {"Si-O": 1.8}), ["Si"], 6)
    assert both.n_frames == 2
    assert both.per_former == pytest.approx((alone[0] + alone[1]) / 2)
    assert not np.array_equal(*alone)
    many = shortest_path_rings(find_bonds(pair * 40, {"Si-O": 1.8}), ["Si"], 6)
    assert 2 < many.n_frames <= rings.ENOUGH_ATOMS // 192


def test_what_cannot_be_counted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bonds = find_bonds(Frame.from_ase(cristobalite()), {"Si-O": 2.0})
    with pytest.raises(GlasspotError, match="no cut-off is given for Al-O"):
        shortest_path_rings(bonds, ["Al"], 6)
    monkeypatch.setattr(rings, "MOST_ATOMS", 40)
    with pytest.raises(GlasspotError, match="need 48 formers and oxygens"):
        shortest_path_rings(bonds, ["Si"], 6)


def test_a_network_without_a_bond_has_no_rings() -> None:
    assert found(cristobalite(), 6, cutoff=1.0) == {}


@pytest.mark.parametrize(("largest", "copies"), [(5, 1), (6, 2), (10, 2), (11, 3)])
def test_a_cell_is_repeated_no_more_than_it_must(largest: int, copies: int) -> None:
    """A chain of five formers leads across: it can hide rings of six and more. So can one through two cells of 11."""
    places = [(1.6 * k, 5.0, 5.0) for k in range(10)]
    chain = Frame.from_ase(Atoms(["Si", "O"] * 5, places, cell=[16.0, 20.0, 20.0], pbc=True))
    network = rings._wide_network(chain, {"Si-O": 1.8}, ["Si"], largest)
    assert network.frame.n_atoms == 10 * copies


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in use from /proc")
def test_many_glasses_do_not_fill_the_memory() -> None:
    """The library keeps what it is given: without our remedy each of these calls keeps a matrix of 9 MB."""

    def memory() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    bonds = find_bonds(Frame.from_ase(cristobalite() * 4), {"Si-O": 2.0})
    shortest_path_rings(bonds, ["Si"], 6)
    before = memory()
    for _ in range(5):
        shortest_path_rings(bonds, ["Si"], 6)
    assert memory() - before < 15

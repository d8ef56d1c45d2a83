"""Coordination, angles, bridging oxygens and Qn on crystals where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from glasspot.errors import GlasspotError
from glasspot.structure import topology
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution
from glasspot.structure.peaks import first_minimum, first_peak


def coordination(frames: Frame | list[Frame], centre: str, neighbour: str, cutoff: float) -> topology.Coordination:
    """Return the coordination within one cut-off."""
    return topology.coordination(topology.find_bonds(frames, {f"{centre}-{neighbour}": cutoff}), centre, neighbour)


@pytest.fixture(scope="module")
def cristobalite() -> Frame:
    """Ideal beta-cristobalite, Fd-3m: Si-O 1.55 A, every O-Si-O 109.47 and every Si-O-Si 180 degrees."""
    sites = [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)]
    return Frame.from_ase(crystal(["Si", "O"], sites, spacegroup=227, cellpar=[7.16] * 3 + [90] * 3))


@pytest.fixture(scope="module")
def quartz() -> Frame:
    """Alpha-quartz, P3221, a triclinic (hexagonal) cell; Levien, Prewitt and Weidner, Am. Mineral. 65 (1980) 920."""
    sites = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    return Frame.from_ase(crystal(["Si", "O"], sites, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120]))


def test_silica_crystals_are_networks_of_q4(cristobalite: Frame, quartz: Frame) -> None:
    for frame in (cristobalite, quartz):
        assert coordination(frame, "Si", "O", 2.0).distribution == {4: 1.0}
        assert coordination(frame, "O", "Si", 2.0).distribution == {2: 1.0}
        network = topology.network(topology.find_bonds(frame, {"Si-O": 2.0}))
        assert network.oxygen == {"free": 0.0, "non-bridging": 0.0, "bridging": 1.0, "tricluster": 0.0}
        assert network.qn["Si"] == {4: 1.0}


def test_angles_of_cristobalite(cristobalite: Frame) -> None:
    angle, density = topology.bond_angles(topology.find_bonds(cristobalite, {"Si-O": 2.0}), "O", "Si", "O")
    assert angle[density > 0] == pytest.approx([109.5])  # the bin that holds 109.47
    assert density.sum() * (angle[1] - angle[0]) == pytest.approx(1.0)
    angle, density = topology.bond_angles(
        topology.find_bonds(cristobalite, {"Si-O": 2.0}), "Si", "O", "Si", bin_width=0.5
    )
    assert angle[density > 0] == pytest.approx([179.75])


def test_angles_of_quartz(quartz: Frame) -> None:
    bridges = topology.bond_angles(topology.find_bonds(quartz, {"Si-O": 2.0}), "Si", "O", "Si", bin_width=0.5)
    # Levien et al. give 143.73 degrees.
    assert topology.angle_moments(*bridges)[0] == pytest.approx(143.7, abs=0.5)
    tetrahedra = topology.bond_angles(topology.find_bonds(quartz, {"Si-O": 2.0}), "O", "Si", "O", bin_width=0.5)
    assert topology.angle_moments(*tetrahedra)[0] == pytest.approx(109.47, abs=0.2)


def test_first_shells_of_elements() -> None:
    for name, structure, a, shell, number in (
        ("Cu", "fcc", 3.6, 3.1, 12),
        ("Fe", "bcc", 2.87, 2.7, 8),
        ("Si", "diamond", 5.43, 3.0, 4),
    ):
        frame = Frame.from_ase(bulk(name, structure, a=a))  # one primitive cell: neighbours are images
        assert coordination(frame, name, name, shell).distribution == {number: 1.0}


def test_angles_equal_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    frame = Frame.from_symbols(["Si"] * 40 + ["O"] * 80, rng.random((120, 3)) * 11.0, 11.0)
    cutoffs = {"Si-O": 2.6, "Si-Si": 3.0}
    _, density = topology.bond_angles(topology.find_bonds(frame, cutoffs), "Si", "Si", "O", bin_width=10.0)
    atoms = frame.to_ase()
    d = atoms.get_all_distances(mic=True)
    expected = [
        atoms.get_angle(i, j, k, mic=True)
        for j in range(40)
        for i in range(40)
        for k in range(40, 120)
        if i != j and d[i, j] < 3.0 and d[j, k] < 2.6
    ]
    counts = np.histogram(expected, bins=18, range=(0, 180))[0]
    np.testing.assert_allclose(density, counts / counts.sum() / 10.0, atol=1e-12)


def test_random_directions_give_angles_as_their_sine() -> None:
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(60, 200, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    frames = [Frame.from_symbols(["Si"] + ["O"] * 200, np.vstack([[50.0] * 3, 50.0 + d]), 100.0) for d in directions]
    angle, density = topology.bond_angles(topology.find_bonds(frames, {"Si-O": 1.5}), "O", "Si", "O", bin_width=10.0)
    # 60 x 19900 angles, at least 9000 a bin; correlated, so 5 % is 5 or more standard errors.
    per_solid_angle = density / np.sin(np.radians(angle))
    np.testing.assert_allclose(per_solid_angle / per_solid_angle.sum() / 10.0, 1 / 180.0, rtol=0.05)
    assert angle[0] == 5.0


def test_bridging_oxygens_of_a_small_chain() -> None:
    # Na-O-Si-O-Si-O(-Na) on a line, 1.6 A apart, one free O far off.
    x = [0.0, 2.2, 3.8, 5.4, 7.0, 8.6, 10.8, 20.0]
    frame = Frame.from_symbols(["Na", "O", "Si", "O", "Si", "O", "Na", "O"], [[v, 5, 5] for v in x], [40.0, 30.0, 30.0])
    network = topology.network(topology.find_bonds(frame, {"Si-O": 2.0, "Na-O": 3.0}))
    assert network.formers == ("Si",)
    assert network.oxygen == {"free": 0.25, "non-bridging": 0.5, "bridging": 0.25, "tricluster": 0.0}
    assert network.qn["Si"] == {1: 1.0}


def test_four_fold_boron() -> None:
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.47 / np.sqrt(3)
    triangle = np.array([[1.37, 0, 0], [-0.685, 1.1864, 0], [-0.685, -1.1864, 0]])
    positions = np.vstack([[5, 5, 5], 5 + tetrahedron, [15, 15, 15], 15 + triangle])
    frame = Frame.from_symbols(["B"] + ["O"] * 4 + ["B"] + ["O"] * 3, positions, 20.0)
    assert coordination(frame, "B", "O", 1.8).distribution[4] == 0.5
    network = topology.network(topology.find_bonds(frame, {"B-O": 1.8}))
    assert network.qn_boron4 == {0: 1.0}
    assert network.qn["B"] == {0: 1.0}


def test_the_first_minimum_ends_the_shell() -> None:
    rng = np.random.default_rng(2)
    base = crystal(["Si", "O"], [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)], spacegroup=227, cellpar=[7.16] * 3 + [90] * 3)
    frames = []
    for _ in range(8):
        atoms = base * (2, 2, 2)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        frames.append(Frame.from_ase(atoms))
    pdf = pair_distribution(frames, 7.0, 0.05)
    peak, height = first_peak(pdf.r, pdf.partial("Si-O"))
    # Ends that move by 0.1 A a direction: g ~ exp(-(r - b)^2 / 2 s^2) / r with s^2 = 0.02 A^2, so its top lies at
    # b - s^2 / b = 1.537 A. The mean of 2048 bonds is known to 0.003 A, the top of a fitted peak to some 0.01 A.
    assert peak == pytest.approx(1.537, abs=0.02)
    assert height > 5
    # The shell ends at about 1.55 + 4 x 0.14 and the next begins at 2.97 - 4 x 0.14 (Si-O, second neighbours).
    assert 2.0 < first_minimum(pdf.r, pdf.partial("Si-O")) < 2.7
    found = coordination(frames, "Si", "O", first_minimum(pdf.r, pdf.partial("Si-O")))
    assert found.mean == pytest.approx(4.0, abs=0.01)


def test_a_peak_of_few_counts_has_an_end_too() -> None:
    """A highest bin beside the top of the smoothed curve is no reason to find no minimum at all."""
    r = np.arange(320) * 0.025 + 0.0125
    silica = 20 * np.exp(-(((r - 1.62) / 0.06) ** 2)) + 1 / (1 + np.exp(-(r - 3.5) / 0.2))
    counts = 0.05 * (r / 1.6) ** 2  # of an ideal gas in each bin
    for seed in range(20):
        g = np.random.default_rng(seed).poisson(silica * counts) / counts
        assert 1.6 < first_minimum(r, g) < 2.9


def test_mistakes_are_told(cristobalite: Frame) -> None:
    with pytest.raises(GlasspotError, match='no element "S"'):
        coordination(cristobalite, "S", "O", 2.0)
    with pytest.raises(GlasspotError, match="must be a length of a few A"):
        topology.find_bonds(cristobalite, {"Si-O": -1.0})
    with pytest.raises(GlasspotError, match='belongs to a pair such as "Si-O"'):
        topology.find_bonds(cristobalite, {"SiO": 2.0})
    with pytest.raises(GlasspotError, match="no cut-off is given for Si-Si"):
        topology.bond_angles(topology.find_bonds(cristobalite, {"Si-O": 2.0}), "Si", "Si", "O")
    with pytest.raises(GlasspotError, match="no peak above 1"):
        first_minimum(np.arange(0.05, 8, 0.1), np.ones(80))
    with pytest.raises(GlasspotError, match="too near its first peak"):
        r = np.arange(0.05, 2.0, 0.05)
        first_minimum(r, 20 * np.exp(-((r - 1.6) ** 2) / 0.01))

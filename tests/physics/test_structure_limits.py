"""Limits and laws that g(r), n(r) and S(Q) must keep, whatever the system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from glasspot.curves import read_csv_columns
from glasspot.structure import scattering
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution, running_coordination, total
from glasspot.structure.readers import read_frames

TRICLINIC = np.array([[8.0, 0.0, 0.0], [2.5, 7.5, 0.0], [-1.5, 2.0, 9.0]])


def ideal_gas(n_frames: int, n: int, cell: np.ndarray) -> list[Frame]:
    rng = np.random.default_rng(11)
    symbols = ["Si"] * (n // 3) + ["O"] * (n - n // 3)
    return [Frame.from_symbols(symbols, rng.random((n, 3)) @ cell, cell) for _ in range(n_frames)]


@pytest.mark.parametrize(
    ("cell", "r_max"),
    [(np.eye(3) * 20.0, 10.0), (np.eye(3) * 12.0, 26.0), (TRICLINIC, 15.0)],
    ids=["half the box", "twice the box", "triclinic"],
)
def test_ideal_gas_has_g_of_one(cell: np.ndarray, r_max: float) -> None:
    n, n_frames = 240, 40
    pdf = pair_distribution(ideal_gas(n_frames, n, cell), r_max, 0.5)
    far = pdf.r > 2.0
    # An atom never finds itself: a like pair at the same image is missing, so g = 1 - 1/N_a; images put it back beyond
    # the box, at the lattice vectors only, which the mean over r sees.
    for label, g in zip(pdf.labels, pdf.g, strict=True):
        a, b = label.split("-")
        expected = 1.0 if a != b or r_max > 12.0 else 1.0 - 1.0 / pdf.counts[a]
        pairs = g[far] @ pdf.shells[far]
        counted = n_frames * pdf.counts[a] * pdf.counts[b] / pdf.volume * pairs / (2 if a == b else 1)
        # Four standard errors of Poisson counting; images repeat the same pairs, so the count of distinct ones is what
        # one cell holds, n_frames N_a N_b, fewer than are counted beyond the box.
        distinct = min(counted, n_frames * pdf.counts[a] * pdf.counts[b] / 2)
        assert pairs / pdf.shells[far].sum() == pytest.approx(expected, abs=4 / np.sqrt(distinct) + 2e-3)


def test_ideal_gas_scatters_by_itself_alone() -> None:
    partials = scattering.faber_ziman(
        pair_distribution(ideal_gas(40, 600, np.eye(3) * 22.0), 11.0, 0.05), scattering.q_grid(1.5, 20.0, 0.25)
    )
    assert partials.error is not None
    for s, error in zip(partials.s, partials.error, strict=True):
        # 75 values, correlated over some 2 pi / 11 A: their mean square deviation in errors is about 1.
        assert np.mean(((s - 1) / error) ** 2) < 3.0
    assert np.abs(scattering.neutron(partials).s - 1).max() < 0.05
    assert np.abs(scattering.xray(partials).s - 1).max() < 0.05


@pytest.mark.parametrize("cell", [np.eye(3) * 7.3, TRICLINIC], ids=["cube", "triclinic"])
def test_copies_of_the_cell_change_nothing(cell: np.ndarray) -> None:
    frame = ideal_gas(1, 30, cell)[0]
    copies = Frame.from_ase(frame.to_ase() * (2, 3, 2))
    # 11.03 A: no distance between an atom and its own image falls on the edge of a bin.
    one, many = pair_distribution(frame, 11.03, 0.1), pair_distribution(copies, 11.03, 0.1)
    np.testing.assert_allclose(many.g, one.g, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "structure", "a", "shells"),
    [
        # distance in units of the lattice parameter -> atoms of the shell
        ("Cu", "fcc", 3.6, {0.5**0.5: 12, 1.0: 6, 1.5**0.5: 24, 2.0**0.5: 12}),
        ("Fe", "bcc", 2.87, {0.75**0.5: 8, 1.0: 6, 2.0**0.5: 12, 2.75**0.5: 24}),
        ("Si", "diamond", 5.43, {0.1875**0.5: 4, 0.5**0.5: 12, 0.6875**0.5: 12, 1.0: 6}),
    ],
)
def test_crystals_have_the_shells_of_their_lattice(
    name: str, structure: str, a: float, shells: dict[float, int]
) -> None:
    frame = Frame.from_ase(bulk(name, structure, a=a))
    pdf = pair_distribution(frame, 1.8 * a, 0.02)
    r, n = running_coordination(pdf, name, name)
    so_far = 0
    for distance, number in shells.items():
        before, after = (int(np.searchsorted(r, distance * a + shift)) for shift in (-0.06, 0.06))
        assert n[before] == pytest.approx(so_far, abs=1e-9)
        so_far += number
        assert n[after] == pytest.approx(so_far, abs=1e-9)


def test_partials_add_up_to_the_total() -> None:
    frame = ideal_gas(1, 300, np.eye(3) * 15.0)[0]
    pdf = pair_distribution(frame, 7.0, 0.1)
    atoms = frame.n_atoms / frame.volume
    from_total = np.cumsum(atoms * total(pdf)[0] * pdf.shells)
    c = pdf.fractions
    from_partials = sum(c[a] * running_coordination(pdf, a, b)[1] for a in c for b in c)
    np.testing.assert_allclose(from_total, from_partials, rtol=1e-12)
    partials = scattering.faber_ziman(pdf, scattering.q_grid(1.0, 10.0))
    np.testing.assert_allclose(scattering.number_number(partials).s, partials.weights @ partials.s, rtol=1e-12)


def test_unlike_coordination_numbers_balance() -> None:
    pdf = pair_distribution(ideal_gas(3, 300, np.eye(3) * 15.0), 7.0, 0.1)
    _, si_o = running_coordination(pdf, "Si", "O")
    _, o_si = running_coordination(pdf, "O", "Si")
    # N_Si n_SiO = N_O n_OSi counts the same bonds from both ends.
    np.testing.assert_allclose(100 * si_o, 200 * o_si, rtol=1e-12)


def test_inverse_transform_gives_g_back() -> None:
    """2 / pi int Q (S - 1) sin(Qr) dQ = 4 pi rho r (g - 1): the pair of transforms is consistent in its prefactors."""
    r = (np.arange(400) + 0.5) * 0.05
    pdf = pair_distribution(ideal_gas(1, 60, np.eye(3) * 40.0), 20.0, 0.05)
    smooth = 1 + 2 * np.exp(-((r - 3.0) ** 2) / 0.5) - np.exp(-(r**2) / 2.0)
    q = scattering.q_grid(0.005, 25.0, 0.01)
    s = scattering.faber_ziman(replace(pdf, g=np.tile(smooth, (3, 1))), q).s[1]
    back = 2 / np.pi * 0.01 * np.sin(np.outer(r, q)) @ (q * (s - 1))
    direct = 4 * np.pi * pdf.number_density * r * (smooth - 1)
    # Bins of 0.05 A take the mean of a smooth curve: a few 1e-3 of its height.
    np.testing.assert_allclose(back, direct, atol=5e-3 * np.abs(direct).max())


def test_liquid_b2o3_from_ab_initio_frames(shared_data: Path) -> None:
    """g(r) of frames agrees with the partial PDFs that others derived from the same source."""
    frames = [f for f in read_frames(shared_data / "b2o3_dft.extxyz.gz", ":40") if f.counts == {"B": 106, "O": 159}]
    frames = [f for f in frames if f.volume == pytest.approx(15.977**3, rel=1e-3)]
    reference = read_csv_columns(shared_data / "b2o3_liquid_1600K_partial_pdf.csv")
    pdf = pair_distribution(frames, 7.96, 0.02)
    r = reference["r_A"]
    inside = (r > 1.0) & (r < 7.9)
    for pair, column in (("B-O", "g_BO"), ("O-O", "g_OO"), ("B-B", "g_BB")):
        ours = np.interp(r, pdf.r, pdf.partial(pair))[inside]
        theirs = reference[column][inside]
        # 40 frames against hundreds: the noise of the fewer, 3 % for B-O, 5 % and 7 % for the like pairs, and no more.
        assert np.sqrt(np.sum((ours - theirs) ** 2) / np.sum(theirs**2)) < 0.10, pair
    n_bo = running_coordination(pdf, "B", "O")
    assert n_bo[1][np.searchsorted(n_bo[0], 1.9)] == pytest.approx(3.0, abs=0.03)  # three-fold boron, as in all of B2O3


def test_neutron_interference_of_silica_glass_starts_where_theory_says(shared_data: Path) -> None:
    """Measured F(Q -> 0) of SiO2 glass, barn/sr/atom: -<b^2> and some thermal and small-angle scattering on top."""
    table = np.loadtxt(shared_data / "silica_glass_neutron_nimrod.txt", comments="#")
    low = table[(table[:, 0] > 0.1) & (table[:, 0] < 0.35), 1].mean()
    b = scattering.scattering_lengths(["Si", "O"])
    minus_b2 = -(b["Si"] ** 2 + 2 * b["O"] ** 2) / 3 * scattering.BARN_PER_FM2
    # S(0) of a glass frozen in at 1500 K is 0.02-0.03 of <b>^2, and the normalisation of such data is good to 5-10 %.
    assert minus_b2 < low < 0.8 * minus_b2

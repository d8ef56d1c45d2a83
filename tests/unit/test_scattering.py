"""Structure factors against the Debye sum, freud, and tabulated values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure import scattering
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution

LIGHT = ("Li", "Be", "B", "O", "Na", "Mg", "Al", "Si", "P", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni")
HEAVY = ("Cu", "Zn", "Ge", "As", "Sr", "Zr", "Ag", "Sn", "Te", "Ba", "La", "Ce", "Nd", "Gd", "Er")


@pytest.fixture(scope="module")
def cluster() -> Frame:
    """A silica-like cluster, 6 A across, alone in a large cell: every pair is shorter than r_max."""
    rng = np.random.default_rng(5)
    return Frame.from_symbols(["Si"] * 10 + ["O"] * 20, 20.0 + rng.random((30, 3)) * 6.0, 46.0)


def background(frame: Frame, q: np.ndarray, r_max: float) -> np.ndarray:
    """4 pi rho int_0^R r^2 sin(Qr)/(Qr) dr: what the "-1" of g - 1 takes away in a finite range."""
    rho = frame.n_atoms / frame.volume
    return 4 * np.pi * rho * (np.sin(q * r_max) - q * r_max * np.cos(q * r_max)) / q**3


def debye(frame: Frame, a: int, b: int, q: np.ndarray) -> np.ndarray:
    """sum_{i in a, j in b, i != j} sin(Q r_ij) / (Q r_ij), the double sum of Debye (1915)."""
    d = np.linalg.norm(frame.positions[:, None] - frame.positions[None], axis=2)
    chosen = d[np.ix_(frame.types == a, frame.types == b)]
    chosen = chosen[chosen > 0]
    return np.sinc(np.outer(q, chosen) / np.pi).sum(axis=1)


def test_partials_equal_the_debye_sum(cluster: Frame) -> None:
    q = scattering.q_grid(0.5, 15.0, 0.1)
    partials = scattering.faber_ziman(pair_distribution(cluster, 12.0, 0.005), q)
    for label, (a, b) in {"Si-Si": (0, 0), "Si-O": (0, 1), "O-O": (1, 1)}.items():
        n_a, n_b = (np.sum(cluster.types == t) for t in (a, b))
        # N_a N_b / N (S_ab - 1 + background) is the Debye sum over ordered pairs a, b.
        ours = partials.s[partials.labels.index(label)] - 1 + background(cluster, q, 12.0)
        # Bins of 0.005 A move a distance by 0.0014 A (rms); times Q = 15 that is 0.02 of a wave, averaged over pairs.
        np.testing.assert_allclose(ours * n_a * n_b / 30, debye(cluster, a, b, q), atol=0.02 * np.sqrt(n_a * n_b))


def test_totals_equal_the_weighted_debye_sum(cluster: Frame) -> None:
    q = scattering.q_grid(0.5, 15.0, 0.1)
    partials = scattering.faber_ziman(pair_distribution(cluster, 12.0, 0.005), q)
    b = np.array([4.1491, 5.803])
    f = np.array([scattering.form_factor(e, q) for e in ("Si", "O")])
    neutron, xray = scattering.neutron(partials), scattering.xray(partials)
    sums = {(i, j): debye(cluster, i, j, q) / 30 for i in (0, 1) for j in (0, 1)}
    mean_b = (10 * b[0] + 20 * b[1]) / 30
    mean_f = (10 * f[0] + 20 * f[1]) / 30
    removed = background(cluster, q, 12.0)
    f_neutron = sum(b[i] * b[j] * s for (i, j), s in sums.items()) - mean_b**2 * removed
    f_xray = sum(f[i] * f[j] * s for (i, j), s in sums.items()) - mean_f**2 * removed
    # 0.01 of <b>^2 covers the bins (see above).
    np.testing.assert_allclose(neutron.f, 0.01 * f_neutron, atol=0.01 * 0.01 * mean_b**2)
    np.testing.assert_allclose(neutron.s, 1 + f_neutron / mean_b**2, atol=0.01)
    np.testing.assert_allclose(xray.s, 1 + f_xray / mean_f**2, atol=0.01)


def test_total_equals_that_of_freud_from_wave_vectors() -> None:
    import freud

    from glasspot.structure.packing import random_packing

    length = 18.5
    frames = [random_packing({"Si": 600}, length, seed=s, min_distances={("Si", "Si"): 1.8}) for s in range(4)]
    q = scattering.q_grid(2.0, 12.0, 0.1)
    ours = scattering.number_number(scattering.faber_ziman(pair_distribution(frames, length / 2, 0.02), q))
    direct = freud.diffraction.StaticStructureFactorDirect(bins=40, k_max=12.0, k_min=2.0, num_sampled_k_points=4000)
    for frame in frames:
        direct.compute((freud.box.Box.cube(length), frame.positions - length / 2), reset=False)
    inside = (direct.bin_centers > 2.1) & (direct.bin_centers < 11.9)
    theirs = direct.S_k[inside]
    difference = np.interp(direct.bin_centers[inside], q, ours.s) - theirs
    assert np.ptp(theirs) > 0.7  # there is structure to compare
    # freud: 4000 wave vectors of 4 frames in 40 bins, each known to 100 %, so 1 / sqrt(400) = 0.05 a bin; the cut of
    # g(r) at half the box adds some 0.03. The mean over 39 bins is known six times better.
    assert np.sqrt(np.mean(difference**2)) < 0.08
    assert abs(np.mean(difference)) < 0.02


def test_lorch_damps_the_ripples_of_the_cut() -> None:
    frame = Frame.from_symbols(["Si"] * 2, [[0, 0, 0], [3.01, 0, 0]], 40.0)
    pdf = pair_distribution(frame, 10.0, 0.02)
    q = scattering.q_grid(5.0, 25.0)

    def both(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        plain, window = (scattering.faber_ziman(replace(pdf, g=g), q, lorch=on).s[0] for on in (False, True))
        return plain, window

    # A g(r) that is 1.1 up to the cut has nothing to say but the cut, which the window takes away.
    plain, window = both(np.full_like(pdf.g, 1.1))
    assert np.max(np.abs(window - 1)) < 0.1 * np.max(np.abs(plain - 1))
    # One bond at r0: the window scales what it adds to S(Q) by sinc(r0 / R), here at the centre of its bin.
    with_bond, without = both(pdf.g), both(np.zeros_like(pdf.g))
    scale = np.sinc(3.01 / 10.0)
    np.testing.assert_allclose(with_bond[1] - without[1], scale * (with_bond[0] - without[0]), atol=1e-10)


def test_form_factors_are_those_of_the_international_tables() -> None:
    # f(0) = Z for neutral atoms (fits are good to 0.03 e), and f of Si, O and Ca at sin(theta)/lambda = 0.5 1/A:
    # International Tables for Crystallography C, table 6.1.1.1.
    for element, z in {
        "H": 1,
        "Li": 3,
        "B": 5,
        "O": 8,
        "Na": 11,
        "Si": 14,
        "Ca": 20,
        "Fe": 26,
        "Ba": 56,
        "La": 57,
    }.items():
        assert scattering.form_factor(element, np.array([0.0]))[0] == pytest.approx(z, abs=0.03)
    at = np.array([4 * np.pi * 0.5])
    for element, value in {"Si": 6.24, "O": 2.338, "Ca": 8.26}.items():
        assert scattering.form_factor(element, at)[0] == pytest.approx(value, abs=0.03)


def test_neutron_lengths() -> None:
    assert scattering.scattering_lengths(["Si", "O", "Ti"]) == {"Si": 4.1491, "O": 5.803, "Ti": -3.438}
    assert scattering.scattering_lengths(["B", "O"], {"B": "11B"})["B"] == 6.65
    assert scattering.scattering_lengths(["B", "O"], {"O": 5.8})["O"] == 5.8
    with pytest.raises(GlasspotError, match='no neutron scattering length is known for "12B"'):
        scattering.scattering_lengths(["B"], {"B": "12B"})


def test_every_element_of_the_oxide_potentials_has_both() -> None:
    elements = [
        "Li",
        "Be",
        "B",
        "O",
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "K",
        "Ca",
        "Sc",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
        "Zn",
        "Ge",
        "As",
        "Sr",
        "Zr",
        "Ag",
        "Sn",
        "Te",
        "Ba",
        "La",
        "Ce",
        "Nd",
        "Gd",
        "Er",
    ]
    assert len(scattering.scattering_lengths(elements)) == len(elements)
    for element in elements:
        assert scattering.form_factor(element, np.array([1.0]))[0] > 0


def test_errors_come_from_blocks() -> None:
    rng = np.random.default_rng(1)
    frames = [Frame.from_symbols(["Si"] * 100 + ["O"] * 200, rng.random((300, 3)) * 16.0, 16.0) for _ in range(16)]
    partials = scattering.faber_ziman(pair_distribution(frames, 8.0), scattering.q_grid(1.0, 10.0))
    total = scattering.neutron(partials)
    assert partials.error is not None and total.error is not None
    # An ideal gas has S = 1: the deviations are as large as the errors say.
    assert 0.5 < np.std((total.s - 1) / total.error) < 2.0


def test_ranges_that_make_no_sense_are_refused() -> None:
    with pytest.raises(GlasspotError, match="must rise from a value above 0"):
        scattering.q_grid(0.0, 10.0)
    frame = Frame.from_symbols(["Si", "O"], [[0, 0, 0], [1, 1, 1]], 10.0)
    with pytest.raises(GlasspotError, match="values above 0"):
        scattering.faber_ziman(pair_distribution(frame, 4.0), np.array([0.0, 1.0]))
    unknown = scattering.faber_ziman(
        pair_distribution(Frame.from_symbols(["Po"] * 2, [[0, 0, 0], [1, 1, 1]], 10.0), 4.0), np.array([1.0])
    )
    with pytest.raises(GlasspotError, match="Po"):
        scattering.xray(unknown)

"""Electrostatics: formulas written out once more by hand, limits, and forces as derivatives."""

from __future__ import annotations

from math import erfc, exp, pi, sqrt

import numpy as np
import pytest

from glasspot.potential.coulomb import DSF, PPPM, Wolf
from glasspot.units import COULOMB_CONSTANT

STYLES = [DSF(alpha=0.25, r_cut=8.0), Wolf(r_cut=10.0, smooth_width=0.2), Wolf(8.0, 0.3, 0.2), PPPM(11.0, 1e-5)]


@pytest.mark.parametrize("style", STYLES, ids=["dsf", "wolf", "wolf damped", "pppm"])
def test_force_is_minus_the_derivative_and_zero_outside(style) -> None:
    r = np.linspace(0.8, style.r_cut - 0.01, 300)
    h = 1e-5
    slope = (style.energy(-2.88, r + h) - style.energy(-2.88, r - h)) / (2.0 * h)
    np.testing.assert_allclose(style.force(-2.88, r), -slope, rtol=1e-7, atol=1e-8)  # h^2 V'''/6 and rounding
    outside = np.array([style.r_cut + 1e-9, style.r_cut + 5.0])
    assert not style.energy(-2.88, outside).any() and not style.force(-2.88, outside).any()


def test_dsf_is_the_formula_of_fennell_and_gezelter() -> None:
    alpha, r_cut, r, qq = 0.25, 8.0, 1.61, 2.4 * -1.2
    at_cut = erfc(alpha * r_cut) / r_cut**2 + 2.0 * alpha / sqrt(pi) * exp(-((alpha * r_cut) ** 2)) / r_cut
    by_hand = COULOMB_CONSTANT * qq * (erfc(alpha * r) / r - erfc(alpha * r_cut) / r_cut + at_cut * (r - r_cut))
    assert DSF(alpha, r_cut).energy(qq, np.array([r]))[0] == pytest.approx(by_hand, rel=1e-14)
    # The constant that LAMMPS coul/dsf adds per atom: e_shift = erfc(a rc)/rc - rc f_shift, with f_shift = -at_cut.
    shift = erfc(alpha * r_cut) / r_cut + r_cut * at_cut
    own = -(shift / 2.0 + alpha / sqrt(pi)) * 1.2**2 * COULOMB_CONSTANT
    assert DSF(alpha, r_cut).self_energy(-1.2) == pytest.approx(own, rel=1e-14)


@pytest.mark.parametrize("style", STYLES[:3], ids=["dsf", "wolf", "wolf damped"])
def test_shifted_styles_end_smoothly(style) -> None:
    end = np.array([style.r_cut - 1e-6])
    # Energy and force are linear and quadratic in the distance to the cut-off, at most.
    assert abs(style.energy(1.0, end)[0]) < 1e-10
    assert abs(style.force(1.0, end)[0]) < 1e-5


def test_wolf_of_shik_is_the_authors_formula() -> None:
    r, r_w, g = 3.1, 10.0, 0.2
    by_hand = COULOMB_CONSTANT * 0.8 * (1 / r - 1 / r_w + (r - r_w) / r_w**2) * exp(-(g**2) / (r - r_w) ** 2)
    assert Wolf(r_w, g).energy(0.8, np.array([r]))[0] == pytest.approx(by_hand, rel=1e-14)


def test_undamped_dsf_far_inside_a_long_cutoff_is_coulombs_law() -> None:
    force = DSF(alpha=0.0, r_cut=1e4).force(1.0, np.array([2.0]))[0]
    assert force == pytest.approx(COULOMB_CONSTANT / 4.0, rel=1e-7)  # the force shift is 1/r_cut^2 = 1e-8


def test_g_ewald_follows_accuracy_and_cutoff_alone() -> None:
    assert PPPM(11.0, 1e-5).g_ewald == pytest.approx(sqrt(-np.log(1e-5)) / 11.0)
    assert PPPM(8.0, 1e-5).g_ewald == pytest.approx(PPPM(11.0, 1e-5).g_ewald * 11.0 / 8.0)
    # Kolafa and Perram's estimate of the real-space error for BKS silica, the worst case among the sets: met.
    mean_square_charge, number_density, r_cut = (2.4**2 + 2 * 1.2**2) / 3.0, 0.0662, 8.0
    pppm = PPPM(r_cut, 1e-5)
    error = 2.0 * mean_square_charge * sqrt(number_density / r_cut) * exp(-((pppm.g_ewald * r_cut) ** 2))
    assert error < pppm.accuracy

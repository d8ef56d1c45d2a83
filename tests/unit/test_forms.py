"""The closed forms: values by hand, forces as derivatives, and the smoothing function."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.potential.forms import FORMS, BornMayerHuggins, Buckingham, InversePower, Morse, smoothing

TERMS = [
    Buckingham(A=18003.7572, rho=0.205205, C=133.5381),
    BornMayerHuggins(A=0.0070, rho=0.1560, sigma=2.5419, C=46.2930, D=3.0),
    Morse(D=0.340554, a=2.0067, r0=2.1),
    InversePower(coefficient=113.0, n=24),
    InversePower(coefficient=22.0, n=12),
]


@pytest.mark.parametrize("term", TERMS, ids=lambda term: f"{term.form}-{getattr(term, 'n', '')}")
def test_force_is_minus_the_derivative_of_the_energy(term) -> None:
    r = np.linspace(1.0, 6.0, 400)
    h = 1e-4
    # Fourth-order central difference: its error, h^4 V'''''/30, is below 1e-9 of the force for r^-24 at 1 A.
    slope = (8.0 * (term.energy(r + h) - term.energy(r - h)) - (term.energy(r + 2 * h) - term.energy(r - 2 * h))) / (
        12.0 * h
    )
    np.testing.assert_allclose(term.force(r), -slope, rtol=1e-7, atol=1e-9)


def test_values_by_hand() -> None:
    r = np.array([2.0])
    assert Buckingham(100.0, 0.5, 64.0).energy(r)[0] == pytest.approx(100.0 * np.exp(-4.0) - 1.0)
    assert BornMayerHuggins(0.5, 0.25, 3.0, 64.0, 256.0).energy(r)[0] == pytest.approx(0.5 * np.exp(4.0) - 1.0 + 1.0)
    assert InversePower(16.0, 4).energy(r)[0] == pytest.approx(1.0)
    # A Morse well has depth D at r0 and no force there.
    morse = Morse(D=0.3, a=1.7, r0=2.0)
    assert morse.energy(r)[0] == pytest.approx(-0.3)
    assert morse.force(r)[0] == pytest.approx(0.0, abs=1e-15)


def test_names_and_units_of_the_parameters() -> None:
    assert Buckingham.parameters() == ("A", "rho", "C")
    assert Morse.parameters() == ("D", "a", "r0")
    assert {name: form.energy_parameters for name, form in FORMS.items()} == {
        "buckingham": ("A", "C"),
        "born-mayer-huggins": ("A", "C", "D"),
        "morse": ("D",),
        "inverse-power": ("coefficient",),
    }


def test_a_depth_that_waits_for_a_composition_gives_no_energy() -> None:
    waiting = Morse(D=0.0, a=2.64, r0=1.44, composition_rule="bertani-2022")
    with pytest.raises(GlasspotError, match="for_composition"):
        waiting.energy(np.array([2.0]))


def test_smoothing_is_one_inside_and_ends_flat() -> None:
    r = np.array([2.0, 6.0, 7.5, 7.9, 7.999, 8.0, 9.0])
    g, slope = smoothing(r, r_cut=8.0, width=0.2)
    assert g[0] == pytest.approx(np.exp(-((0.2 / 6.0) ** 2)))
    assert np.all(np.diff(g) <= 0.0)
    assert g[4] == pytest.approx(0.0, abs=1e-300) and slope[4] == pytest.approx(0.0, abs=1e-300)
    assert list(g[5:]) == [0.0, 0.0] and list(slope[5:]) == [0.0, 0.0]
    h = 1e-6
    inner = r[:4]
    numeric = (smoothing(inner + h, 8.0, 0.2)[0] - smoothing(inner - h, 8.0, 0.2)[0]) / (2.0 * h)
    np.testing.assert_allclose(slope[:4], numeric, rtol=1e-6, atol=1e-9)  # rounding of the difference: 1e-16/1e-6

"""The fingerprint of the paper: its 58 numbers, and what it has no place for."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.paper.fingerprint import LENGTH, fingerprint


def test_numbers_are_those_of_the_paper() -> None:
    """Base flags, dopant flags, amounts in mol%, then the pair in Si B O Ba Na Ti Zn: Si-O is places (0, 2), (2, 0)."""
    found = fingerprint(Composition.parse("99.5 SiO2 0.5 BaO"), "Si-O")
    assert LENGTH == len(found) == 58
    assert found[:9] == pytest.approx([0, 0, 1, 1, 0, 0, 0.5, 0, 0], abs=1e-12)
    assert np.flatnonzero(found[9:]).tolist() == [2, 14]
    glass = Composition.parse("60 SiO2 20 B2O3 10 Na2O 4 TiO2 6 ZnO")
    assert fingerprint(glass, "Zn-Zn")[:9] == pytest.approx([1, 1, 1, 0, 1, 1, 0, 4, 6], abs=1e-12)
    assert np.flatnonzero(fingerprint(glass, "Zn-Zn")[9:]).tolist() == [48]


def test_every_pair_has_its_own_matrix() -> None:
    """28 distinct pairs, each the same from both sides."""
    from glasspot.pcf.pairs import pairs_of

    glass = Composition.parse("50 SiO2 20 B2O3 20 Na2O 4 TiO2 3 ZnO 3 BaO")
    rows = [fingerprint(glass, pair)[9:] for pair in pairs_of(["Si", "B", "O", "Ba", "Na", "Ti", "Zn"])]
    assert len(np.unique(rows, axis=0)) == 28
    assert all((row.reshape(7, 7) == row.reshape(7, 7).T).all() for row in rows)
    assert (fingerprint(glass, "O-Si") == fingerprint(glass, "Si-O")).all()


def test_ratios_of_the_base_do_not_show() -> None:
    """As printed: a limit of the paper's model, not of this code."""
    one, other = (Composition.parse(text) for text in ("70 SiO2 20 B2O3 10 Na2O", "40 SiO2 30 B2O3 30 Na2O"))
    assert (fingerprint(one, "Si-O") == fingerprint(other, "Si-O")).all()


@pytest.mark.parametrize(
    ("text", "pair", "said"),
    [
        ("70 SiO2 30 Li2O", "Si-O", "knows no Li2O"),
        ("BaO", "Ba-O", "needs a base glass"),
        ("SiO2", "Al-O", "knows no Al"),
    ],
)
def test_what_it_has_no_place_for(text: str, pair: str, said: str) -> None:
    with pytest.raises(GlasspotError, match=said):
        fingerprint(Composition.parse(text), pair)


def test_an_oxide_of_no_amount_is_not_there() -> None:
    glass = Composition((("SiO2", 1.0), ("Li2O", 0.0), ("BaO", 0.0)))
    assert fingerprint(glass, "Si-O")[:9] == pytest.approx([0, 0, 1, 0, 0, 0, 0, 0, 0])

"""Compositions that are not of oxides: compounds such as GeSe2, elements, and what a slip of the pen gets there."""

from __future__ import annotations

import pytest

from glasspot.composition import Composition, has_density_estimate, start_box
from glasspot.errors import GlasspotError
from glasspot.oxides import parse_component

LEARNED = {"As": 0.0, "Te": 0.0, "Ge": 0.0, "Se": 0.0, "S": 0.0, "Si": 0.0, "O": 0.0}  # as a learned potential counts


@pytest.mark.parametrize(
    "text", ["AsTe3", "25 As 75 Te", "25 at% As 75 at% Te", "As25Te75", "0.25As - 0.75Te", "AsTe₃"]
)
def test_ways_to_write_arsenic_telluride(text: str) -> None:
    counts = Composition.parse(text).atom_counts(1920, LEARNED)
    assert counts.counts == {"As": 480, "Te": 1440}
    assert counts.rounding_error_mol_percent == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(
    "text, n_atoms, expected",
    [
        ("As2S3", 500, {"As": 200, "S": 300}),
        ("GeSe2", 300, {"Ge": 100, "Se": 200}),
        # 80 units of three atoms and 20 of five: 340 atoms.
        ("80 GeSe2 20 As2Se3", 340, {"Ge": 80, "Se": 220, "As": 40}),
        ("50 SiO2 50 GeSe2", 600, {"Si": 100, "Ge": 100, "Se": 200, "O": 200}),
        # As4Se6 is two As2Se3: the same moles of atoms, half the units.
        ("80 GeSe2 10 As4Se6", 340, {"Ge": 80, "Se": 220, "As": 40}),
    ],
)
def test_whole_units(text: str, n_atoms: int, expected: dict[str, int]) -> None:
    assert Composition.parse(text).atom_counts(n_atoms, LEARNED).counts == expected


def test_oxygen_stands_last() -> None:
    assert list(Composition.parse("50 SiO2 50 GeSe2").atom_counts(600, LEARNED).counts)[-1] == "O"


def test_mass_percent_of_elements() -> None:
    fractions = Composition.parse("50 wt% As 50 wt% Te").fractions
    assert fractions["As"] == pytest.approx((1 / 74.922) / (1 / 74.922 + 1 / 127.60), rel=1e-4)  # IUPAC masses


def test_what_was_reduced_is_said() -> None:
    composition = Composition.parse("Ge20Se80")
    assert composition.oxides == (("GeSe4", 1.0),)
    assert "Ge20Se80 counts as 20 GeSe4" in composition.note
    # Per mass nothing changes: 1 g of Ge20Se80 is 1 g of GeSe4.
    assert (
        Composition.parse("50 wt% Ge20Se80 50 wt% Te").fractions
        == Composition.parse("50 wt% GeSe4 50 wt% Te").fractions
    )


@pytest.mark.parametrize(
    "text, hint",
    [
        ("aste3", 'Did you mean "AsTe3"?'),
        ("SiO2x", 'Did you mean "SiO2"?'),
        ("70 SiO2 30 Na20", 'Did you mean "Na2O"?'),
        ("B203", 'Did you mean "B2O3"?'),
        ("SIO2", 'Did you mean "SiO2"?'),
        ("Te8", "or an element (Te)"),
        ("GeSe02", "whole numbers"),
        ("As0.25Te0.75", "whole numbers"),
        ("AsAsTe", "unknown formula"),
        ("XxTe3", "unknown formula"),
        ("GeOSe", "oxide of one element"),
        ("50 at% GeSe2 50 at% Te", "is for elements"),
        ("50 at% As 50 mol% Te", "mixes units"),
    ],
)
def test_mistakes(text: str, hint: str) -> None:
    with pytest.raises(GlasspotError) as error:
        Composition.parse(text)
    assert hint in str(error.value)


def test_unusual_oxide_is_doubted_and_still_refused_where_there_are_charges() -> None:
    assert "SiO2" in Composition.parse("Si2O").note
    with pytest.raises(GlasspotError, match="Si2O is not neutral"):
        Composition.parse("Si2O").atom_counts(300, {"Si": 2.4, "O": -1.2})


def test_charges_decide_whether_a_compound_is_neutral() -> None:
    charges = {"Ge": 1.2, "Se": -0.6, "As": 0.9}
    assert Composition.parse("GeSe2").atom_counts(300, charges).counts == {"Ge": 100, "Se": 200}
    with pytest.raises(GlasspotError, match=r"GeSe4 is not neutral .*-1.2000 e a formula unit"):
        Composition.parse("GeSe4").atom_counts(300, charges)
    with pytest.raises(GlasspotError, match="Se is not neutral"):
        Composition.parse("33 Ge 67 Se").atom_counts(300, {"Se": -0.6, "Ge": 0.0})


def test_unknown_element_names_what_is_known() -> None:
    with pytest.raises(GlasspotError, match=r'does not know S \(asked for by "As2S3"\); it knows As, Te'):
        Composition.parse("As2S3").atom_counts(300, {"As": 0.0, "Te": 0.0})


def test_density_must_be_given_where_it_cannot_be_estimated() -> None:
    atoms = Composition.parse("50 SiO2 50 GeSe2").atom_counts(300, LEARNED)
    assert not has_density_estimate(atoms.asked) and has_density_estimate(Composition.parse("SiO2"))
    with pytest.raises(GlasspotError, match=r"no density can be estimated for GeSe2.*density = "):
        start_box(atoms, None)
    length, note = start_box(Composition.parse("AsTe3").atom_counts(240, LEARNED), 4.99)
    # The ab initio box of 240 atoms of AsTe3 at 33.697 A^3 an atom has 20.072 A and 5.639 g/cm3; 4.99 gives 20.91 A.
    assert length == pytest.approx(20.072 * (5.639 / 4.99) ** (1 / 3), abs=0.01) and note == ""


def test_component_values() -> None:
    unit = parse_component("Ge2Sb2Te5")
    assert unit.atoms == 9
    assert unit.mass == pytest.approx(2 * 72.63 + 2 * 121.76 + 5 * 127.60, abs=0.1)  # IUPAC

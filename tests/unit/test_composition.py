"""Compositions: reading text, whole neutral counts, density, and what a user's slip of the pen gets."""

from __future__ import annotations

import pytest

from glasspot.composition import Composition, box_length, estimate_density, four_fold_boron
from glasspot.errors import GlasspotError
from glasspot.oxides import atomic_mass, element_of, mass, parse_oxide

GUILLOT_SATOR = {
    "O": -0.945, "Si": 1.89, "Ti": 1.89, "Al": 1.4175, "B": 1.4175, "Fe3": 1.4175, "Fe2": 0.945, "Ca": 0.945,
    "Mg": 0.945, "Ba": 0.945, "Na": 0.4725, "K": 0.4725,
}  # fmt: skip
GLASSES = [
    "SiO2",
    "70 SiO2 30 Na2O",
    "60 SiO2 20 B2O3 20 Na2O + 5 BaO",
    "4.9 B2O3 69.3 SiO2 16.1 Na2O 9.8 CaO",
    "74.1 B2O3 15.4 Na2O 10.5 CaO",
    "45 SiO2 10 Fe2O3 5 FeO 15 Al2O3 10 MgO 10 CaO 5 K2O",
]


@pytest.mark.parametrize(
    "text",
    [
        "70 SiO2 30 Na2O",
        "70SiO2-30Na2O",
        "70% SiO2, 30 % Na2O",
        "SiO2: 70, Na2O: 30",
        "0.7SiO2 - 0.3Na2O",
        "7 SiO₂ + 3 Na₂O",
    ],
)
def test_ways_to_write_one_glass(text: str) -> None:
    fractions = Composition.parse(text).fractions
    assert list(fractions) == ["SiO2", "Na2O"]
    assert fractions["SiO2"] == pytest.approx(0.7, abs=1e-12)


def test_single_oxide_needs_no_amount() -> None:
    assert Composition.parse("SiO2").oxides == (("SiO2", 1.0),)


def test_sum_is_normalised_and_said() -> None:
    composition = Composition.parse("60 SiO2 20 B2O3 20 Na2O + 5 BaO")
    assert composition.fractions["BaO"] == pytest.approx(5 / 105)
    assert "add up to 105" in composition.note
    assert Composition.parse("70 SiO2 30 Na2O").note == ""


@pytest.mark.parametrize("text, basis", [("50 SiO2 50 Na2O", "wt"), ("50 wt% SiO2 50 wt% Na2O", "mol")])
def test_mass_percent(text: str, basis: str) -> None:
    composition = Composition.parse(text, basis=basis)
    silica, soda = 50 / 60.083, 50 / 61.979  # molar masses from the IUPAC table
    assert composition.fractions["SiO2"] == pytest.approx(silica / (silica + soda), rel=1e-4)


@pytest.mark.parametrize(
    "text, hint",
    [
        ("70 Si02 30 Na2O", 'Did you mean "SiO2"?'),
        ("70 SiO2 30 Na20", 'Did you mean "Na2O"?'),
        ("sio2", 'Did you mean "SiO2"?'),
        ("70 XxO2 30 Na2O", 'unknown oxide "XxO2"'),
        ("100 Si2O4", 'did you mean "SiO2"'),
        ("100 CaSiO3", "oxide of one element"),
        ("100 O2", 'unknown oxide "O2"'),
        ("70 SiO2 -30 Na2O", 'negative amount "-30"'),
        ("-5 SiO2 105 Na2O", 'negative amount "-5"'),
        ("70 SiO2 10 SiO2 20 Na2O", '"SiO2" stands twice'),
        ("SiO2 30 Na2O", "a number before each oxide"),
        ("", "a number before each oxide"),
        ("70 SiO2 & 30 Na2O", 'cannot read "& 30 Na2O"'),
        ("70 mol% SiO2 30 wt% Na2O", "mixes units"),
        ("0 SiO2", "add up to zero"),
    ],
)
def test_mistakes_get_one_clear_line(text: str, hint: str) -> None:
    with pytest.raises(GlasspotError) as error:
        Composition.parse(text)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_basis() -> None:
    with pytest.raises(GlasspotError, match='"mol" or "wt"'):
        Composition.parse("SiO2", basis="at")


@pytest.mark.parametrize("text", GLASSES)
@pytest.mark.parametrize("n_atoms", [300, 3000, 30000])
def test_counts_are_neutral_near_and_honest(text: str, n_atoms: int) -> None:
    composition = Composition.parse(text)
    result = composition.atom_counts(n_atoms, GUILLOT_SATOR)
    charge = sum(number * GUILLOT_SATOR[name] for name, number in result.counts.items())
    assert charge == pytest.approx(0, abs=1e-9 * n_atoms)  # whole units of neutral oxides: zero but for summing
    assert abs(result.n_atoms - n_atoms) <= max(0.02 * n_atoms, 5)  # SIZE_TOLERANCE, or one unit of B2O3
    assert sum(result.mole_percent.values()) == pytest.approx(100)
    # One unit more or less of one oxide is 100/units mol%: rounding to the nearest unit must do better than that.
    assert result.rounding_error_mol_percent < 100 / sum(result.units.values())
    assert result.composition.oxides == tuple(
        (name, units / sum(result.units.values())) for name, units in result.units.items()
    )
    assert str(result.n_atoms) in result.note


def test_exact_when_the_size_allows() -> None:
    result = Composition.parse("70 SiO2 30 Na2O").atom_counts(3000, GUILLOT_SATOR)
    assert result.counts == {"Si": 700, "Na": 600, "O": 1700}
    assert result.rounding_error_mol_percent == pytest.approx(0, abs=1e-10)
    assert "exactly" in result.note


def test_iron_is_told_apart_by_its_oxide() -> None:
    result = Composition.parse("60 SiO2 20 FeO 20 Fe2O3").atom_counts(500, GUILLOT_SATOR)
    assert result.counts["Fe3"] == 2 * result.counts["Fe2"]
    plain = Composition.parse("50 SiO2 50 FeO").atom_counts(500, {"Si": 2.4, "Fe": 1.2, "O": -1.2})
    assert set(plain.counts) == {"Si", "Fe", "O"}


def test_element_without_charge_names_what_is_known() -> None:
    with pytest.raises(GlasspotError, match=r"no charge for Li .* it knows O, Si"):
        Composition.parse("70 SiO2 30 Li2O").atom_counts(300, GUILLOT_SATOR)


def test_oxide_that_is_not_neutral_says_by_how_much() -> None:
    with pytest.raises(GlasspotError, match=r"SiO2 is not neutral .*\+0.2000 e a formula unit"):
        Composition.parse("SiO2").atom_counts(300, {"Si": 2.4, "O": -1.1})
    with pytest.raises(GlasspotError, match=r"Na2O2 is not neutral"):
        Composition.parse("70 SiO2 30 Na2O2").atom_counts(300, GUILLOT_SATOR)


def test_too_few_atoms_for_a_dopant() -> None:
    with pytest.raises(GlasspotError, match=r"too few for 0.1 mol% Na2O") as error:
        Composition.parse("99.9 SiO2 0.1 Na2O").atom_counts(100, GUILLOT_SATOR)
    enough = int(str(error.value).split("ask for ")[1].rstrip("."))
    assert Composition.parse("99.9 SiO2 0.1 Na2O").atom_counts(enough, GUILLOT_SATOR).units["Na2O"] == 1


def test_masses_and_box() -> None:
    assert parse_oxide("Al2O3").mass == pytest.approx(101.961, abs=0.002)  # IUPAC
    assert atomic_mass("Fe3") == atomic_mass("Fe") and element_of("Fe3") == "Fe"
    assert mass({"Si": 1000, "O": 2000}) == pytest.approx(60083, rel=1e-4)
    # The box of 3000 atoms at 2.2 g/cm3 in Liu et al. 2019 (arXiv:1902.03486) has L = 35.661 A.
    assert box_length({"Si": 1000, "O": 2000}, 2.2) == pytest.approx(35.661, abs=0.01)
    with pytest.raises(GlasspotError, match="g/cm3"):
        box_length({"Si": 1}, 2200)


# Measured densities, g/cm3: the soda-lime borosilicates of Wang et al. 2018 (10.1016/j.jnoncrysol.2018.04.063),
# silica and boron oxide glass, soda-silica (30 mol%).
MEASURED = {
    "SiO2": 2.20,
    "B2O3": 1.82,
    "70 SiO2 30 Na2O": 2.46,
    "4.9 B2O3 69.3 SiO2 16.1 Na2O 9.8 CaO": 2.5308,
    "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO": 2.5451,
    "21.9 B2O3 51.6 SiO2 15.5 Na2O 11 CaO": 2.5375,
    "38.4 B2O3 36.9 SiO2 14.1 Na2O 10.6 CaO": 2.5166,
    "49.3 B2O3 24.9 SiO2 15 Na2O 10.8 CaO": 2.4533,
    "62 B2O3 12.7 SiO2 14.9 Na2O 10.4 CaO": 2.3901,
    "74.1 B2O3 15.4 Na2O 10.5 CaO": 2.3192,
}


@pytest.mark.parametrize("text", MEASURED)
def test_estimated_density(text: str) -> None:
    density, note = estimate_density(Composition.parse(text))
    assert density == pytest.approx(MEASURED[text], rel=0.03)  # additive volumes are good to a few per cent
    assert "estimated" in note


def test_density_of_an_oxide_without_a_volume_is_flagged() -> None:
    density, note = estimate_density(Composition.parse("70 SiO2 30 PbO"))
    assert 3 < density < 5.5
    assert "PbO" in note


def test_four_fold_boron_is_continuous_and_bounded() -> None:
    # Dell-Bray-Xiao for 20 Na2O 20 B2O3 60 SiO2: 0.69; the three branches meet at R = 0.5 + K/16 and 0.5 + K/4.
    assert four_fold_boron(1, 3) == pytest.approx(0.6875)
    for silica in (0.0, 1.0, 3.0):
        for edge in (0.5 + silica / 16, 0.5 + silica / 4):
            assert four_fold_boron(edge - 1e-9, silica) == pytest.approx(four_fold_boron(edge + 1e-9, silica), abs=1e-6)
    assert four_fold_boron(50, 1) == 0

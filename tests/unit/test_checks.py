"""Checks on load: published sets pass, wrong units and lost digits are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glasspot.errors import GlasspotError
from glasspot.potential.checks import check, require_sound, scaled
from glasspot.potential.forms import Buckingham
from glasspot.potential.io import list_potentials, load_potential, potential_to_toml
from glasspot.potential.model import PairInteraction, Potential
from glasspot.units import ENERGY_UNITS

# Tables 2 (BayOpt), S1 and S2 of the borosilicate paper as they are printed: "eV", and a digit of A(Si-O) lost.
PRINTED = {
    ("Na", "O"): (2774279.995, 0.170, 0.0),
    ("B", "Si"): (7787.547002, 0.290, 0.0),
    ("Si", "O"): (116089.747, 0.161, 1067.655354),
    ("O", "O"): (208071.224, 0.265, 1962.277725),
    ("O", "Ca"): (3589789.46, 0.178, 974.5339388),
    ("B", "O"): (4420924.707, 0.1249337423, 750.9560382),
    ("B", "B"): (12287.5823, 0.352685761, 0.0),
}


def printed(unit: str, silicon_oxygen: float = 116089.747) -> dict[str, Any]:
    """The printed tables as a potential file in ``unit``."""
    numbers = {**PRINTED, ("Si", "O"): (silicon_oxygen, 0.161, 1067.655354)}
    return {
        "name": "as printed",
        "unit": unit,
        "r_cut": 11.0,
        "charges": {"Si": 1.89, "B": 1.4175, "Na": 0.4725, "Ca": 0.945, "O": -0.945},
        "coulomb": {"style": "pppm", "accuracy": 1e-5, "r_cut": 11.0},
        "pair": [
            {"elements": list(pair), "term": [{"form": "buckingham", "A": a, "rho": rho, "C": c}]}
            for pair, (a, rho, c) in numbers.items()
        ],
    }


def refusal(unit: str, **changes: float) -> str:
    """The message with which the printed tables are refused."""
    with pytest.raises(GlasspotError) as caught:
        require_sound(Potential.from_dict(printed(unit, **changes)), unit)
    return str(caught.value)


def test_the_uncorrected_tables_of_the_paper_are_refused_naming_unit_and_digit() -> None:
    message = refusal("eV")
    assert "the energies look like kcal/mol, not eV" in message
    assert "A of Si-O (116089.747) seems to have lost a digit" in message
    assert "\n" not in message


def test_half_a_correction_leaves_the_other_half() -> None:
    only_digit = refusal("kcal/mol")
    assert "lost a digit" in only_digit and "look like" not in only_digit
    only_unit = refusal("eV", silicon_oxygen=1160089.747)
    assert "look like kcal/mol" in only_unit and "digit" not in only_unit
    sound = Potential.from_dict(printed("kcal/mol", silicon_oxygen=1160089.747))
    assert [finding for finding in check(sound, "kcal/mol") if finding.level == "error"] == []


def test_the_file_is_refused_on_load(tmp_path: Path) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(potential_to_toml(Potential.from_dict(printed("eV"))))
    with pytest.raises(GlasspotError, match="kcal/mol"):
        load_potential(path)
    assert load_potential(path, check=False).name == "as printed"


@pytest.mark.parametrize("name", list_potentials())
def test_published_sets_pass(name: str) -> None:
    findings = check(load_potential(name, check=False))
    assert [finding.message for finding in findings if finding.level == "error"] == []


@pytest.mark.parametrize("unit", ["kcal/mol", "kJ/mol", "K"])
@pytest.mark.parametrize("name", ["BKS", "CHIK", "ML", "Guillot-Sator", "Wang-2018", "SHIK", "PMMCS"])
def test_a_set_read_in_a_wrong_unit_is_refused_with_the_right_one(name: str, unit: str) -> None:
    """The numbers stand in ``unit`` but the file says eV."""
    wrong = scaled(load_potential(name), 1.0 / ENERGY_UNITS[unit])
    with pytest.raises(GlasspotError, match=f"the energies look like {unit}, not eV"):
        require_sound(wrong)


def with_term(potential: Potential, elements: tuple[str, str], **changes: float) -> Potential:
    """The potential with numbers of the first term of a pair changed."""
    pairs: list[PairInteraction] = []
    for pair in potential.pairs:
        if set(pair.elements) == set(elements):
            pair = replace(pair, terms=(replace(pair.terms[0], **changes), *pair.terms[1:]))
        pairs.append(pair)
    return replace(potential, pairs=tuple(pairs))


def test_charges_of_an_oxide_must_add_to_nothing() -> None:
    with pytest.raises(GlasspotError, match=r"oxide of Si is not neutral: 2 x 2.4 \+ 4 x -1.1"):
        require_sound(replace(load_potential("BKS"), charges={"Si": 2.4, "O": -1.1}))
    # Published charges are rounded to three digits: +-0.001 e a formula is no mistake.
    require_sound(replace(load_potential("ML"), charges={"Si": 1.955, "O": -0.9775}))


def test_a_missing_repulsion_is_refused() -> None:
    potential = load_potential("BKS")
    without = replace(potential, pairs=tuple(pair for pair in potential.pairs if "Si" not in pair.elements))
    with pytest.raises(GlasspotError, match="Si-O has no repulsion"):
        require_sound(without)


def test_a_digit_too_many_is_named() -> None:
    potential = load_potential("Guillot-Sator")
    first = potential.terms("Na", "O")[0]
    assert isinstance(first, Buckingham)
    with pytest.raises(GlasspotError, match=r"A of Na-O .* digit too many"):
        require_sound(with_term(potential, ("Na", "O"), A=10.0 * first.A))


def test_low_barriers_are_told_and_refused_without_a_wall() -> None:
    bks = load_potential("BKS")
    bare = replace(
        bks, pairs=tuple(replace(pair, terms=pair.terms[:1]) for pair in bks.pairs if pair.elements != ("Si", "Si"))
    )
    (caution,) = check(bare)
    assert caution.level == "caution" and caution.pair is not None and set(caution.pair) == {"Si", "O"}
    assert "0.6 eV" in caution.message and "wall closes it" in caution.message
    with pytest.raises(GlasspotError, match='expected wall = "auto"'):
        require_sound(replace(bare, wall="none"))

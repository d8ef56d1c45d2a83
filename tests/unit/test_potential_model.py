"""The Potential, its file format, and what follows from a composition."""

from __future__ import annotations

import json
import pickle
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.potential.forms import Morse
from glasspot.potential.io import list_potentials, load_potential, potential_to_toml
from glasspot.potential.model import Potential
from glasspot.potential.rules import bertani_2022_depth, composition_counts, formal_valence
from glasspot.units import ENERGY_UNITS

BKS: dict[str, Any] = {
    "name": "test",
    "r_cut": 8.0,
    "charges": {"Si": 2.4, "O": -1.2},
    "coulomb": {"style": "dsf", "alpha": 0.25, "r_cut": 8.0},
    "pair": [
        {
            "elements": ["Si", "O"],
            "term": [
                {"form": "buckingham", "A": 18003.7572, "rho": 0.205205, "C": 133.5381},
                {"form": "inverse-power", "coefficient": 29.0, "n": 24},
            ],
        },
        {"elements": ["O", "O"], "term": [{"form": "buckingham", "A": 1388.773, "rho": 0.362319, "C": 175.0}]},
    ],
}


def changed(*path: Any, value: Any) -> dict[str, Any]:
    """BKS with one entry set; the path leads through keys and list indices."""
    data = deepcopy(BKS)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


def test_pair_energy_is_the_sum_of_its_parts_in_either_order() -> None:
    potential = Potential.from_dict(BKS)
    r = np.array([1.6, 3.0, 7.9])
    buckingham, steep = potential.terms("O", "Si")
    expected = buckingham.energy(r) + steep.energy(r) + potential.coulomb.energy(-2.88, r)
    np.testing.assert_allclose(potential.pair_energy("Si", "O", r), expected, rtol=1e-14)
    np.testing.assert_array_equal(potential.pair_energy("O", "Si", r), potential.pair_energy("Si", "O", r))
    assert potential.r_max == 8.0 and potential.elements == ("Si", "O")


@pytest.mark.parametrize("cutoff", ["truncate", "shift", "smooth"])
def test_cutoff_treatments(cutoff: str) -> None:
    potential = Potential.from_dict(changed("cutoff", value=cutoff))
    bare = potential.terms("O", "O")[0]
    at_cut = float(bare.energy(np.array([8.0]))[0])
    r = np.array([3.0, 8.0 - 1e-9, 8.0 + 1e-9])
    short, force = potential.short_range("O", "O", r)
    assert short[2] == 0.0 and force[2] == 0.0
    assert short[1] == pytest.approx({"truncate": at_cut, "shift": 0.0, "smooth": 0.0}[cutoff], abs=1e-12)
    inside = float(bare.energy(r[:1])[0]) - (0.0 if cutoff == "truncate" else at_cut)
    scale = np.exp(-((0.2 / 5.0) ** 2)) if cutoff == "smooth" else 1.0
    assert short[0] == pytest.approx(inside * scale, rel=1e-12)
    grid, h = np.linspace(1.0, 7.99, 200), 1e-5
    slope = (potential.short_range("O", "O", grid + h)[0] - potential.short_range("O", "O", grid - h)[0]) / (2 * h)
    np.testing.assert_allclose(potential.short_range("O", "O", grid)[1], -slope, rtol=1e-6, atol=1e-8)


def test_energies_are_converted_to_electronvolts() -> None:
    factor = ENERGY_UNITS["kcal/mol"]
    data = changed("unit", value="kcal/mol")
    for pair in data["pair"]:
        for term in pair["term"]:
            for name in ("A", "C", "coefficient"):
                if name in term:
                    term[name] /= factor
    r = np.linspace(1.2, 8.0, 30)
    expected = Potential.from_dict(BKS).pair_energy("Si", "O", r)
    np.testing.assert_allclose(Potential.from_dict(data).pair_energy("Si", "O", r), expected, rtol=1e-12)


@pytest.mark.parametrize("name", list_potentials())
def test_every_set_survives_a_round_trip(name: str) -> None:
    potential = load_potential(name)
    assert Potential.from_dict(json.loads(json.dumps(potential.to_dict()))) == potential
    assert Potential.from_dict(tomllib.loads(potential_to_toml(potential))) == potential
    copy = pickle.loads(pickle.dumps(potential))  # noqa: S301 - as a worker process receives it
    assert copy == potential and hash(copy) == hash(potential)


def test_the_name_of_a_potential_is_a_hash_of_its_content() -> None:
    first, second = Potential.from_dict(BKS), Potential.from_dict(deepcopy(BKS))
    assert first.potential_id == second.potential_id and len(first.potential_id) == 64
    moved = changed("pair", 0, "term", 0, "A", value=18003.7573)
    assert Potential.from_dict(moved).potential_id != first.potential_id
    json.dumps(first.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (changed("r_cutt", value=8.0), 'unknown key "r_cutt".*Did you mean "r_cut"'),
        (changed("cutoff", value="truncated"), 'Did you mean "truncate"'),
        (changed("unit", value="kcal"), 'unknown energy unit "kcal"'),
        (changed("coulomb", "style", value="dfs"), 'Did you mean "dsf"'),
        (changed("coulomb", "accuracy", value=1e-5), 'unknown key "accuracy"'),
        (changed("coulomb", value={"style": "pppm", "r_cut": 8.0, "accuracy": 2.0}), "between 0 and 1"),
        (changed("pair", 0, "term", 0, "form", value="buckinghm"), 'Did you mean "buckingham"'),
        (changed("pair", 0, "term", 0, "rho", value=0.0), '"rho" must be above zero'),
        (changed("pair", 0, "term", 0, "A", value="18003"), '"A" must be a finite number'),
        (changed("pair", 0, "term", 0, value={"form": "buckingham", "rho": 0.2}), '"A" is missing'),
        (changed("pair", 0, "elements", value=["Si", "Al"]), '"Al" has no charge'),
        (changed("pair", 0, "elements", value=["O", "O"]), "O-O is given twice"),
        (changed("pair", 0, "term", value=[]), "leave the pair out"),
        (changed("charges", "O", value=float("nan")), '"O" must be a finite number'),
        (changed("r_cut", value=-1.0), '"r_cut" must be above zero'),
        (changed("name", value=""), '"name" is missing'),
        (changed("cautions", value="one"), '"cautions" must be a list'),
        (changed("verified", value="perhaps"), "yes, partly, no"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(data: dict[str, Any], words: str) -> None:
    with pytest.raises(GlasspotError, match=words) as caught:
        Potential.from_dict(data)
    assert "\n" not in str(caught.value)


def test_unknown_names_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="unknown potential"):
        load_potential("BSK")
    with pytest.raises(GlasspotError, match="cannot read"):
        load_potential(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = \n")
    with pytest.raises(GlasspotError, match="not valid TOML"):
        load_potential(broken)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GlasspotError, match="not valid TOML: it is no UTF-8 text"):
        load_potential(binary)
    assert load_potential("bks") == load_potential("BKS") == load_potential("b k s")
    own = tmp_path / "own.toml"
    own.write_text(potential_to_toml(load_potential("BKS")))
    assert load_potential(own) == load_potential("BKS")


def test_an_unknown_species_and_an_unbalanced_charge() -> None:
    with pytest.raises(GlasspotError, match='does not know "Na"'):
        Potential.from_dict(BKS).pair_energy("Na", "O", [2.0])
    shik = load_potential("SHIK")
    assert shik.balance == "O" and "O" in shik.elements
    with pytest.raises(GlasspotError, match="for_composition"):
        shik.pair_energy("Si", "O", [2.0])


def test_the_balanced_charge_follows_the_glass() -> None:
    shik = load_potential("SHIK")
    silica = shik.for_composition(Composition.parse("SiO2"))
    assert silica.charge("O") == pytest.approx(-1.7755 / 2.0)
    glass = Composition.parse("30 Na2O 70 SiO2")
    nominal = shik.for_composition(glass).charge("O")
    assert nominal == pytest.approx(-(0.7 * 1.7755 + 0.6 * 0.6018) / 1.7)
    # On whole atoms the cell is neutral to rounding, and a balanced potential can be balanced again.
    counts = {"Si": 71, "Na": 60, "O": 172}
    exact = silica.for_composition(glass, counts)
    assert sum(exact.charge(name) * number for name, number in counts.items()) == pytest.approx(0.0, abs=1e-12)
    assert exact.pair_energy("Na", "O", [2.3])[0] < 0.0
    with pytest.raises(GlasspotError, match=r'no charge for Fe \(asked for by "FeO"'):
        shik.for_composition(Composition.parse("50 FeO 50 SiO2"))
    formal = shik.counting_charges
    assert (formal["Si"], formal["Na"], formal["O"]) == (4.0, 1.0, -2.0)


def test_a_set_without_rules_is_returned_as_it_is() -> None:
    potential = load_potential("BKS")
    assert potential.for_composition(Composition.parse("SiO2")) is potential
    assert potential.counting_charges == dict(potential.charges)


def test_the_boron_depth_follows_the_glass() -> None:
    bmp = load_potential("BMP")
    assert not bmp.is_complete("B", "O") and bmp.is_complete("Si", "O")
    with pytest.raises(GlasspotError, match="for_composition"):
        bmp.pair_energy("B", "O", [1.4])
    glass = bmp.for_composition(Composition.parse("20 Na2O 20 B2O3 60 SiO2"))
    # R = 1, K = 3, by hand: 2.36081 exp(0.20999) - 1.87213 exp(-6.51818) - 0.044955 - 0.12807
    depth = 2.36081 * np.exp(0.20999) - 1.87213 * np.exp(-6.51818) - 0.044955 - 0.12807
    assert bertani_2022_depth(1.0, 3.0) == pytest.approx(depth, rel=1e-12)
    assert glass.is_complete("B", "O")
    (morse,) = (term for term in glass.terms("B", "O") if isinstance(term, Morse))
    assert abs(morse.D - depth) < 1e-12


@pytest.mark.parametrize(
    "glass", ["20 B2O3 80 SiO2", "1.6 Na2O 16 B2O3 96 SiO2", "4.9 B2O3 69.3 SiO2 16.1 Na2O 9.8 CaO"]
)
def test_boron_outside_the_rules_domain_is_refused(glass: str) -> None:
    """Negative at R = 0, K = 4 and R = 0.1, K = 6; 0.43 eV for glass 6B."""
    with pytest.raises(GlasspotError, match="outside the glasses it was fitted to"):
        load_potential("BMP").for_composition(Composition.parse(glass))


def test_species_names() -> None:
    assert element_of("Fe3") == "Fe" and element_of("Si") == "Si"
    assert (formal_valence("Fe3"), formal_valence("Si"), formal_valence("Xx")) == (3, 4, None)
    known = {"Fe2": 0.945, "Fe3": 1.4175, "O": -0.945, "Si": 1.89}
    assert composition_counts(Composition.parse("Fe2O3"), known) == {"Fe3": 2, "O": 3}
    assert composition_counts(Composition.parse("FeO"), known) == {"Fe2": 1, "O": 1}
    assert composition_counts(Composition.parse("SiO2"), known) == {"Si": 1, "O": 2}

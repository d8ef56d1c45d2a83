"""The file format of a potential <-> the objects of model.py. Unknown keys are refused; the format is told in io.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from glasspot.errors import GlasspotError, check_choice, check_keys, did_you_mean, is_shown_as_written
from glasspot.oxides import is_species
from glasspot.potential.coulomb import DSF, PPPM, STYLES, Coulomb, Wolf
from glasspot.potential.forms import FORMS, Term
from glasspot.potential.model import PairInteraction, Potential, ThreeBody
from glasspot.potential.rules import COMPOSITION_RULES
from glasspot.units import energy_factor

TEXTS = ("title", "source", "doi", "verification")
TOP_LEVEL = (
    *("name", *TEXTS, "unit", "verified", "cautions", "r_cut", "cutoff", "smooth_width", "wall", "balance"),
    *("charges", "coulomb", "pair", "three_body"),
)
CUTOFFS = ("truncate", "shift", "smooth")
VERIFIED = ("yes", "partly", "no")
WALLS = ("auto", "none")
MOST_NAME = 60  # characters
LONGEST_CUT = 50.0  # A
STRONGEST_ALPHA = 10.0  # 1/A
LARGEST = 1e30  # of a parameter: its powers must not overflow
HIGHEST_CHARGE = 100.0  # e
HIGHEST = {
    "rho": 1e3,
    "n": 50.0,
    "a": 100.0,
    "r0": 20.0,
}  # lengths in A; beyond them energies overflow


def check_name(name: str, where: str) -> str:
    """Return the name of a potential; GlasspotError for one that could not also name a file or stand in one line."""
    if not 0 < len(name) <= MOST_NAME or not name.isprintable() or name.startswith(".") or set(name) & set("/\\"):
        raise GlasspotError(
            f"{where} is {name[:MOST_NAME]!r}; expected one line of 1 to {MOST_NAME} characters without / or \\, "
            'such as name = "BKS"'
        )
    return name


def _check_species(names: Iterable[str], where: str) -> None:
    """Raise GlasspotError for a name that is no element, nor one with its valence (Fe3): engines read these names."""
    for name in names:
        if not is_species(name):
            raise GlasspotError(
                f'{where}: "{name}" is no chemical element; expected such as Si, or Fe3 with its valence'
            )


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise GlasspotError(f"{where}: expected a table of key = value, got {value!r}")
    return value


def _tables(value: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        raise GlasspotError(f"{where}: expected a list of tables ([[...]] in TOML), got {value!r}")
    return [_table(item, where) for item in value]


def _number(table: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = table.get(key, default)
    if value is None:
        raise GlasspotError(f'{where}: "{key}" is missing; expected a number')
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GlasspotError(f'{where}: "{key}" must be a finite number, got {value!r}')
    return float(value)


def _positive(table: Mapping[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = _number(table, key, where, default)
    if value <= 0.0:
        raise GlasspotError(f'{where}: "{key}" must be above zero, got {value:g}')
    if key in ("r_cut", "smooth_width") and value > LONGEST_CUT:
        raise GlasspotError(f'{where}: "{key}" must be at most {LONGEST_CUT:g} A, got {value:g}')
    return value


def _text(table: Mapping[str, Any], key: str, where: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise GlasspotError(f'{where}: "{key}" must be text, got {value!r}')
    if not is_shown_as_written(value):
        raise GlasspotError(f'{where}: "{key}" holds control characters: {value[:MOST_NAME]!r}; leave them out')
    return value


def _choice(table: Mapping[str, Any], key: str, where: str, options: tuple[str, ...]) -> str:
    value = _text(table, key, where, options[0])
    check_choice(value, options, f'{where}: "{key}"')
    return value


def _species(value: Any, number: int, known: Iterable[str], where: str) -> tuple[str, ...]:
    """Return ``number`` species names, each of which has a charge."""
    known = tuple(known)
    if not isinstance(value, list | tuple) or len(value) != number or not all(isinstance(item, str) for item in value):
        raise GlasspotError(f"{where}: expected a list of {number} elements, got {value!r}")
    for species in value:
        if species not in known:
            hint = did_you_mean(species, known)
            raise GlasspotError(f'{where}: "{species}" has no charge; add it to [charges] ({", ".join(known)}).{hint}')
    return tuple(value)


def _read_coulomb(table: Mapping[str, Any], where: str) -> Coulomb:
    style = _text(table, "style", where)
    check_choice(style, STYLES, f'{where}: "style"')
    kind = STYLES[style]
    names = [f.name for f in fields(kind)]
    check_keys(table, ("style", *names), where)
    if style == "dsf":
        _number(table, "alpha", where)
    numbers = {name: _number(table, name, where) for name in names if name in table}
    numbers["r_cut"] = _positive(table, "r_cut", where)
    if not 0.0 < numbers.get("accuracy", 1e-5) < 1.0:
        raise GlasspotError(f'{where}: "accuracy" must lie between 0 and 1, usually 1e-5; got {numbers["accuracy"]:g}')
    if not 0.0 <= numbers.get("alpha", 0.0) <= STRONGEST_ALPHA:
        raise GlasspotError(
            f'{where}: "alpha" must lie between 0 and {STRONGEST_ALPHA:g} 1/A, got {numbers["alpha"]:g}'
        )
    if not 0.0 <= numbers.get("smooth_width", 0.0) <= LONGEST_CUT:
        raise GlasspotError(
            f'{where}: "smooth_width" must lie between 0 and {LONGEST_CUT:g} A, got {numbers["smooth_width"]:g}'
        )
    kinds: dict[str, type[DSF | Wolf | PPPM]] = {"dsf": DSF, "wolf": Wolf, "pppm": PPPM}
    return kinds[style](**numbers)


def _read_term(table: Mapping[str, Any], factor: float, where: str) -> Term:
    form = _text(table, "form", where)
    check_choice(form, FORMS, f'{where}: "form"')
    kind = FORMS[form]
    known = [f.name for f in fields(kind)]
    check_keys(table, ("form", *known), where)
    rule = table.get("composition_rule")
    if rule is not None and rule not in COMPOSITION_RULES:
        known_rules = ", ".join(COMPOSITION_RULES)
        raise GlasspotError(f"{where}: unknown composition_rule {rule!r}; expected one of {known_rules}")
    numbers: dict[str, Any] = {}
    for name in kind.parameters():
        optional = name == "C" or (name, form) in {("D", "born-mayer-huggins")} or (name == "D" and rule is not None)
        value = _number(table, name, where, 0.0 if optional else None)
        highest = HIGHEST.get(name)
        if highest is not None and not 0.0 < value <= highest:
            raise GlasspotError(f'{where}: "{name}" must be above zero and at most {highest:g}, got {value:g}')
        if abs(value) > LARGEST:
            raise GlasspotError(f'{where}: "{name}" must be at most {LARGEST:g}, got {value:g}')
        numbers[name] = value * factor if name in kind.energy_parameters else value
    if rule is not None:
        numbers["composition_rule"] = rule
    return kind(**numbers)


def _read_pair(table: Mapping[str, Any], factor: float, elements: tuple[str, ...], where: str) -> PairInteraction:
    check_keys(table, ("elements", "term"), where)
    a, b = _species(table.get("elements"), 2, elements, where)
    where = f"{where} {a}-{b}"
    terms = tuple(_read_term(term, factor, where) for term in _tables(table.get("term", []), where))
    if not terms:
        raise GlasspotError(f"{where}: no [[pair.term]] is given; leave the pair out when it has no short-range term")
    return PairInteraction((a, b), terms)


def _read_three_body(table: Mapping[str, Any], factor: float, elements: tuple[str, ...], where: str) -> ThreeBody:
    check_keys(table, [f.name for f in fields(ThreeBody)], where)
    (centre,) = _species([table.get("centre")], 1, elements, where)
    a, b = _species(table.get("ends"), 2, elements, where)
    theta0 = _number(table, "theta0", where)
    if not 0.0 <= theta0 <= 180.0:
        raise GlasspotError(f'{where}: "theta0" must lie between 0 and 180 degrees, got {theta0:g}')
    return ThreeBody(
        centre=centre,
        ends=(a, b),
        K=_number(table, "K", where) * factor,
        theta0=theta0,
        rho=_positive(table, "rho", where),
        r_cut=_positive(table, "r_cut", where),
    )


def potential_from_dict(data: Mapping[str, Any]) -> Potential:
    """Return the Potential of a parsed file; GlasspotError names the key that is wrong and how to mend it."""
    data = _table(data, "potential")
    name = _text(data, "name", "potential")
    if not name:
        raise GlasspotError('potential: "name" is missing; expected a short name such as name = "BKS"')
    check_name(name, "the name of the potential")
    where = f"potential {name}"
    check_keys(data, TOP_LEVEL, where)
    factor = energy_factor(_text(data, "unit", where, "eV"))
    charge_table = _table(data.get("charges"), f"{where}, [charges]")
    charges = {species: _number(charge_table, species, f"{where}, [charges]") for species in charge_table}
    if strange := next((species for species, charge in charges.items() if abs(charge) > HIGHEST_CHARGE), None):
        raise GlasspotError(
            f"{where}, [charges]: {strange} has {charges[strange]:g} e; expected at most {HIGHEST_CHARGE:g}"
        )
    balance = _text(data, "balance", where) or None
    elements = tuple(charges) if balance is None or balance in charges else (*charges, balance)
    _check_species(elements, f"{where}, [charges]")
    pairs = tuple(
        _read_pair(pair, factor, elements, f"{where}, [[pair]]")
        for pair in _tables(data.get("pair", []), f"{where}, pair")
    )
    seen = set()
    for pair in pairs:
        key = tuple(sorted(pair.elements))
        if key in seen:
            label = "-".join(pair.elements)
            raise GlasspotError(f"{where}: the pair {label} is given twice; put all terms in one [[pair]]")
        seen.add(key)
    cautions = data.get("cautions", [])
    if not isinstance(cautions, list | tuple) or not all(
        isinstance(item, str) and is_shown_as_written(item) for item in cautions
    ):
        raise GlasspotError(f'{where}: "cautions" must be a list of texts without control characters, got {cautions!r}')
    return Potential(
        name=name,
        charges=charges,
        pairs=pairs,
        coulomb=_read_coulomb(_table(data.get("coulomb"), f"{where}, [coulomb]"), f"{where}, [coulomb]"),
        r_cut=_positive(data, "r_cut", where),
        cutoff=_choice(data, "cutoff", where, CUTOFFS),
        smooth_width=_positive(data, "smooth_width", where, 0.2),
        wall=_choice(data, "wall", where, WALLS),
        balance=balance,
        three_body=tuple(
            _read_three_body(item, factor, elements, f"{where}, [[three_body]]")
            for item in _tables(data.get("three_body", []), f"{where}, three_body")
        ),
        verified=_choice({"verified": "no", **data}, "verified", where, VERIFIED),
        cautions=tuple(cautions),
        **{key: _text(data, key, where) for key in TEXTS},
    )


def potential_to_dict(potential: Potential) -> dict[str, Any]:
    """Return the file format of ``potential`` as plain lists, dicts, texts and floats, energies in eV."""
    data: dict[str, Any] = {"name": potential.name}
    data |= {key: getattr(potential, key) for key in TEXTS}
    data |= {"unit": "eV", "verified": potential.verified, "cautions": list(potential.cautions)}
    data |= {"r_cut": potential.r_cut, "cutoff": potential.cutoff, "wall": potential.wall}
    if potential.cutoff == "smooth":
        data["smooth_width"] = potential.smooth_width
    if potential.balance is not None:
        data["balance"] = potential.balance
    data["charges"] = dict(potential.charges)
    data["coulomb"] = {"style": potential.coulomb.style, **_plain(potential.coulomb)}
    data["pair"] = [
        {"elements": list(pair.elements), "term": [{"form": term.form, **_plain(term)} for term in pair.terms]}
        for pair in potential.pairs
    ]
    if potential.three_body:
        data["three_body"] = [{**_plain(item), "ends": list(item.ends)} for item in potential.three_body]
    return data


def with_terms(potential: Potential, terms: Mapping[str, Any]) -> Potential:
    """Return ``potential`` with other short-range terms (in eV) for some pairs, as {"Si-Si": [{form = ...}, ...]}.

    An empty list takes the pair's terms away. GlasspotError for a pair or a term that is not sound.
    """
    if not terms:
        return potential
    data = potential_to_dict(potential)
    where = "potential.terms"
    for label, given in terms.items():
        if label.count("-") != 1:
            raise GlasspotError(f'{where}: "{label}" is no pair; expected such as "{"-".join(potential.elements[:2])}"')
        a, b = _species(label.split("-"), 2, potential.elements, f'{where} "{label}"')
        if a != b and f"{b}-{a}" in terms:
            raise GlasspotError(f'{where} has "{a}-{b}" and "{b}-{a}", which are one pair; keep one')
        kept = [pair for pair in data["pair"] if sorted(pair["elements"]) != sorted((a, b))]
        data["pair"] = kept + ([{"elements": [a, b], "term": given}] if given else [])
    data["name"] = f"{potential.name}-changed"
    data["title"] = f"{potential.title or potential.name}, with other terms for {', '.join(terms)}"
    data |= {"verified": "no", "verification": ""}
    return potential_from_dict(data)


def _plain(item: Coulomb | Term | ThreeBody) -> dict[str, Any]:
    """Return the fields of ``item`` that are set."""
    values = {f.name: getattr(item, f.name) for f in fields(item)}
    return {name: value for name, value in values.items() if value is not None}

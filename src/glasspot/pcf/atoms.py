"""Atomic fractions of a composition: how much of each element there is, whatever the oxides are called."""

from __future__ import annotations

from glasspot.composition import Composition
from glasspot.oxides import Oxide, parse_component
from glasspot.pcf.pairs import in_order


def atoms_of_unit(formula: str) -> dict[str, int]:
    """Return element -> atoms of one formula unit, of an oxide, a compound without oxygen or an element."""
    part = parse_component(formula)
    return {part.element: part.cations, "O": part.oxygens} if isinstance(part, Oxide) else dict(part.parts)


def atoms_per_unit(composition: Composition) -> float:
    """Return the atoms of one mean formula unit of the glass, such as 3 for SiO2."""
    return sum(share * sum(atoms_of_unit(formula).values()) for formula, share in composition.oxides)


def atom_fractions(composition: Composition) -> dict[str, float]:
    """Return element -> atomic fraction, in the order of ``pairs.in_order``; the fractions sum to 1."""
    amounts: dict[str, float] = {}
    for formula, share in composition.oxides:
        for element, number in atoms_of_unit(formula).items():
            amounts[element] = amounts.get(element, 0.0) + share * number
    total = sum(amounts.values())
    return {element: amounts[element] / total for element in in_order(amounts)}

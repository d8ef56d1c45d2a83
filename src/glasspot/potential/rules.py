"""Parameters that follow from the composition of the glass: a balanced charge, and BMP's depth of the B-O bond."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of, parse_component

if TYPE_CHECKING:
    from glasspot.composition import Composition

ALKALI = frozenset({"Li", "Na", "K", "Rb", "Cs"})
ALKALINE_EARTH = frozenset({"Be", "Mg", "Ca", "Sr", "Ba"})

# Usual valences; an oxidation-state label such as "Fe3" carries its own.
VALENCE = {
    **dict.fromkeys(sorted(ALKALI | {"Ag"}), 1),
    **dict.fromkeys(sorted(ALKALINE_EARTH | {"Mn", "Co", "Ni", "Zn", "Pb", "Cd", "Fe"}), 2),
    **dict.fromkeys(["B", "Al", "Ga", "Sc", "Y", "Cr", "La", "Nd", "Gd", "Er", "Eu", "Sm", "Yb", "Bi"], 3),
    **dict.fromkeys(["Si", "Ge", "Sn", "Ti", "Zr", "Hf", "Te", "Ce"], 4),
    **dict.fromkeys(["P", "V", "Nb", "Ta"], 5),
    "Cu": 1,
    "O": -2,
}

# Below this depth (eV) the polynomial of :func:`bertani_2022_depth` has left the glasses it was fitted to: boron is no
# longer bound. Pure B2O3 has 1.99, a sodium borosilicate 2 to 3.
SHALLOWEST_BORON_BOND = 1.5


def formal_valence(species: str) -> int | None:
    """Return the formal charge number of a species ("Si" -> 4, "Fe3" -> 3, "O" -> -2), None when it is not known."""
    element = element_of(species)
    if element != species:
        return int(species[len(element) :])
    return VALENCE.get(species)


def composition_counts(composition: Composition, known: Collection[str]) -> dict[str, float]:
    """Return species -> atoms in one mole of ``composition``, named as in ``known``: 1 Fe2O3 -> {"Fe3": 2, "O": 3}.

    GlasspotError for an element that is not among the ``known`` species.
    """
    total: dict[str, float] = {}
    for formula, fraction in composition.oxides:
        for species, number in parse_component(formula).atoms_of(known).items():
            total[species] = total.get(species, 0.0) + fraction * number
    return total


def balancing_charge(name: str, balance: str, charges: Mapping[str, float], counts: Mapping[str, float]) -> float:
    """Return the charge of ``balance`` (e) that makes ``counts`` (species -> atoms, or moles) neutral.

    GlasspotError when a species has no charge in the potential, or ``balance`` does not occur.
    """
    for species, number in counts.items():
        if number and species != balance and species not in charges:
            raise GlasspotError(
                f'the potential {name} has no charge for "{species}"; it knows {", ".join(charges)}. '
                "Choose oxides of these elements or another potential (glasspot potentials list)."
            )
    if not counts.get(balance):
        raise GlasspotError(f'the potential {name} balances the charge on "{balance}", which the glass does not have')
    others = math.fsum(charges[species] * number for species, number in counts.items() if species != balance and number)
    return -others / counts[balance]


def bertani_2022_depth(modifier_ratio: float, silica_ratio: float) -> float:
    """Return the Morse depth D of B-O in eV for R = modifier_ratio and K = silica_ratio.

    R = (alkali + alkaline-earth oxides)/B2O3 and K = SiO2/B2O3, in moles. Bertani, Pallini, Cocchi, Menziani, Pedone,
    J. Am. Ceram. Soc. 2022, 10.1111/jace.18681, with its 2023 erratum. GlasspotError outside the polynomial's domain.
    """
    r, k = modifier_ratio, silica_ratio
    peak = 1.0 / (r + 1.0) ** 2
    depth = (
        (2.11081 + peak) * math.exp(0.02063 * r + 0.06312 * k)
        + (-2.12213 + peak) * math.exp(-7.50152 * r + 0.32778 * k)
        - 0.001665 * k**3
        - 0.12807 * r
    )
    if not depth >= SHALLOWEST_BORON_BOND:
        raise GlasspotError(
            f"BMP's rule for B-O gives a depth of {depth:.2f} eV at R = {r:.2f}, K = SiO2/B2O3 = {k:.2f}, outside the "
            f"glasses it was fitted to (depth above {SHALLOWEST_BORON_BOND} eV). Choose a glass with more B2O3 "
            "(K below about 8; below 2 without modifier), or another potential such as SHIK."
        )
    return depth


def boron_ratios(composition: Composition) -> tuple[float, float] | None:
    """Return (R, K) of :func:`bertani_2022_depth`; None for a glass without B2O3."""
    moles = dict(composition.oxides)
    boron = moles.get("B2O3", 0.0)
    if boron == 0.0:
        return None
    modifier = math.fsum(
        amount
        for formula, amount in moles.items()
        if any(formula == f"{e}2O" for e in ALKALI) or any(formula == f"{e}O" for e in ALKALINE_EARTH)
    )
    return modifier / boron, moles.get("SiO2", 0.0) / boron


COMPOSITION_RULES = ("bertani-2022",)

"""What a composition names: oxides of one element, compounds without oxygen, elements; species (Fe2, Fe3); masses."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import ClassVar

from glasspot.errors import GlasspotError, did_you_mean

COMMON_OXIDES = (
    "SiO2", "B2O3", "P2O5", "GeO2", "Al2O3", "Li2O", "Na2O", "K2O", "BeO", "MgO", "CaO", "SrO", "BaO", "ZnO", "TiO2",
    "ZrO2", "FeO", "Fe2O3", "MnO", "CoO", "NiO", "Cu2O", "Ag2O", "Cr2O3", "Sc2O3", "Y2O3", "La2O3", "Ce2O3", "CeO2",
    "Nd2O3", "Gd2O3", "Er2O3", "SnO2", "V2O5", "VO2", "PbO", "Rb2O", "Cs2O", "TeO2", "As2O3",
)  # fmt: skip
COMMON_COMPOUNDS = (
    "GeS2", "GeSe2", "GeTe", "GeTe4", "GeSe4", "As2S3", "As2Se3", "As2Te3", "AsTe3", "Sb2S3", "Sb2Se3", "Sb2Te3",
    "Ge2Sb2Te5", "SiS2", "SiSe2", "P2S5", "B2S3", "Ga2S3", "Li2S", "Na2S", "Ag2S", "Ag2Se", "GeS", "GeSe", "AgI",
    "LiF", "NaF", "MgF2", "CaF2", "BaF2", "AlF3", "ZrF4", "BeF2", "ZnCl2", "NaCl", "LiCl", "KCl",
)  # fmt: skip


@dataclass(frozen=True)
class Oxide:
    """One cation's oxide: ``cations`` of ``element`` and ``oxygens`` of O a formula unit, as in Al2O3 (Al, 2, 3)."""

    formula: str
    element: str
    cations: int
    oxygens: int
    multiple: ClassVar[int] = 1  # Si2O4 is refused, not reduced

    @property
    def atoms(self) -> int:
        return self.cations + self.oxygens

    @property
    def mass(self) -> float:
        """Mass of one formula unit, g/mol."""
        return self.cations * atomic_mass(self.element) + self.oxygens * atomic_mass("O")

    def species(self, charges: Collection[str]) -> str:
        """Return the cation's name among ``charges``: with its valence (``Fe3``) where the potential tells them apart.

        Raises GlasspotError naming the elements the potential knows.
        """
        valence, rest = divmod(2 * self.oxygens, self.cations)
        named = f"{self.element}{valence}"
        if rest == 0 and named in charges:
            return named
        if self.element in charges:
            return self.element
        known = ", ".join(charges)
        raise GlasspotError(
            f'the potential has no charge for {self.element} (asked for by "{self.formula}"); it knows {known}. '
            "Choose another potential (glasspot potentials list) or leave the oxide out."
        )

    def atoms_of(self, charges: Collection[str]) -> dict[str, int]:
        """Return species -> atoms of one formula unit, named as in ``charges``; errors as :meth:`species`."""
        return {self.species(charges): self.cations, "O": self.oxygens}


@dataclass(frozen=True)
class Compound:
    """A compound without oxygen, or an element: ``parts`` (element, atoms) of one formula unit, GeSe2: Ge 1, Se 2.

    ``multiple``: how many of these units it was written as, 20 for Ge20Se80.
    """

    formula: str
    parts: tuple[tuple[str, int], ...]
    multiple: int = 1

    @property
    def atoms(self) -> int:
        return sum(number for _, number in self.parts)

    @property
    def mass(self) -> float:
        """Mass of one formula unit, g/mol."""
        return sum(number * atomic_mass(element) for element, number in self.parts)

    @property
    def is_element(self) -> bool:
        return len(self.parts) == 1

    def atoms_of(self, charges: Collection[str]) -> dict[str, int]:
        """Return species -> atoms of one formula unit. GlasspotError for an element that the potential does not know.

        Elements are named without a valence: nothing in such a formula tells Fe2 from Fe3.
        """
        for element, _ in self.parts:
            if element not in charges:
                raise GlasspotError(
                    f'the potential does not know {element} (asked for by "{self.formula}"); it knows '
                    f"{', '.join(charges)}. Choose another potential, or leave {self.formula} out."
                )
        return dict(self.parts)


Component = Oxide | Compound


MOST_FORMULA = 60  # characters; a name that long is none
MOST_ATOMS = 1000  # of one element in a formula unit


def _checked_formula(formula: str) -> None:
    """Raise GlasspotError for a formula with a number that no formula unit has: it would overflow what is counted."""
    number = max(
        (word.lstrip("0") for word in re.findall(r"\d+", formula)), key=lambda word: (len(word), word), default=""
    )
    if len(formula) > MOST_FORMULA or len(number) > len(str(MOST_ATOMS)) or int(number or 0) > MOST_ATOMS:
        raise GlasspotError(
            f'"{formula[:MOST_FORMULA]}" is no formula: expected one such as SiO2 or GeSe2, of at most {MOST_FORMULA} '
            f"characters and {MOST_ATOMS} atoms of an element."
        )


@cache
def parse_component(formula: str) -> Component:
    """Read what a composition may name: an oxide of one element, a compound without oxygen (GeSe2), an element (Te).

    A compound is brought to its smallest whole numbers (Ge20Se80 is GeSe4). An element stands without a number: Na20 is
    a slip of the pen for Na2O. GlasspotError with a hint for anything else.
    """
    _checked_formula(formula)
    words = re.findall(r"([A-Z][a-z]?)([1-9]\d*)?", formula)
    elements = [element for element, _ in words]
    whole = "".join(element + number for element, number in words) == formula and set(elements) <= set(_masses())
    if len(elements) > 1 and "O" in elements:
        return parse_oxide(formula)
    if whole and len(words) == 1 and not words[0][1]:
        return Compound(formula, ((formula, 1),))
    if whole and len(words) > 1 and len(set(elements)) == len(elements):
        numbers = [int(number or 1) for _, number in words]
        divisor = gcd(*numbers)
        parts = tuple((element, number // divisor) for element, number in zip(elements, numbers, strict=True))
        return Compound("".join(f"{e}{n}" if n > 1 else e for e, n in parts), parts, divisor)
    if "O" in formula:
        return parse_oxide(formula)  # which refuses it, with the oxide that was probably meant
    hint = did_you_mean(formula.replace("0", "O"), (*COMMON_OXIDES, *COMMON_COMPOUNDS))
    raise GlasspotError(
        f'unknown formula "{formula}"; expected an oxide of one element (SiO2), a compound in whole numbers (GeSe2) or '
        f"an element (Te).{hint}"
    )


@cache
def parse_oxide(formula: str) -> Oxide:
    """Read the formula of an oxide of one element, as ``Al2O3``; GlasspotError with a hint when it is none."""
    _checked_formula(formula)
    match = re.fullmatch(r"([A-Z][a-z]?)([1-9]\d*)?O([1-9]\d*)?", formula)
    if match is None or match[1] == "O" or match[1] not in _masses():
        hint = did_you_mean(formula, COMMON_OXIDES) if any(c.isalpha() and c not in "oO" for c in formula) else ""
        raise GlasspotError(
            f'unknown oxide "{formula}"; expected the formula of an oxide of one element, such as SiO2 or Na2O.{hint}'
        )
    cations, oxygens = int(match[2] or 1), int(match[3] or 1)
    divisor = gcd(cations, oxygens)
    simple = f"{match[1]}{cations // divisor}O{oxygens // divisor}".replace("1O", "O").removesuffix("1")
    if divisor > 1 and simple in COMMON_OXIDES:
        raise GlasspotError(f'unknown oxide "{formula}"; did you mean "{simple}" (twice the amount)?')
    return Oxide(formula, match[1], cations, oxygens)


@cache
def _masses() -> dict[str, float]:
    from ase.data import atomic_masses, chemical_symbols

    return {symbol: float(atomic_masses[number]) for number, symbol in enumerate(chemical_symbols) if number > 0}


def is_species(name: str) -> bool:
    """Tell whether ``name`` is a chemical element, or one with its valence, as Fe3."""
    return re.fullmatch(r"[A-Z][a-z]?[0-9]?", name) is not None and element_of(name) in _masses()


def element_of(species: str) -> str:
    """Return the chemical element of a species' name: ``Fe3`` -> ``Fe``."""
    return species.rstrip("0123456789")


def atomic_mass(species: str) -> float:
    """Return the atomic mass in g/mol of a species (``Fe3`` weighs as Fe); GlasspotError when it is no element."""
    element = element_of(species)
    if element not in _masses():
        raise GlasspotError(f'unknown element "{species}"; expected a chemical symbol such as Si or Na.')
    return _masses()[element]


def mass(counts: Mapping[str, int]) -> float:
    """Return the mass in g/mol of ``counts`` (species -> number of atoms)."""
    return sum(number * atomic_mass(species) for species, number in counts.items())

"""Compositions of glasses: text -> frozen mole fractions -> whole, neutral atom counts -> mass, density and box.

A composition is made of oxides of one element (SiO2), compounds without oxygen (GeSe2) and elements (Te). Counts are
made of whole formula units, so that a system is neutral whenever each of its units is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from glasspot.errors import GlasspotError
from glasspot.oxides import COMMON_OXIDES, Component, Compound, Oxide, mass, parse_component, parse_oxide
from glasspot.units import volume_from_density

# Partial molar volumes in glass at room temperature, cm3/mol: the factors of A. A. Appen (Chemistry of Glass) for
# silicate glasses. That of SiO2 grows above 67 mol%. B2O3 has one volume for three-fold and one for four-fold boron,
# fitted to B2O3 glass (1.82 g/cm3) and to the borosilicates of the unit test. SrO, BeO and GeO2 are less sure.
MOLAR_VOLUMES = {
    "SiO2": 26.1, "Al2O3": 40.4, "Li2O": 11.0, "Na2O": 20.2, "K2O": 34.1, "MgO": 12.5, "CaO": 14.4, "BaO": 22.0,
    "ZnO": 14.5, "TiO2": 20.5, "SrO": 17.5, "BeO": 7.8, "GeO2": 28.6,
}  # fmt: skip
SILICA_EXCESS = 3.5  # cm3/mol per mole fraction of SiO2 above 0.67: 27.25 for pure silica
BO3_VOLUME, BO4_VOLUME = 38.2, 22.0  # cm3 per mole of B2O3 with only three-fold, only four-fold boron
VOLUME_PER_OXYGEN = 13.5  # cm3 per mole of O, for an oxide that is not in the table
MODIFIERS = ("Li2O", "Na2O", "K2O", "MgO", "CaO", "SrO", "BaO")

SIZE_TOLERANCE = 0.02  # the number of atoms may leave the asked one by this fraction for a better composition
LARGEST_SUM = 1e9  # of amounts; some people give moles, nobody this many
LEAST_SHARE = 1e-9  # of what is there at all; less is a slip, and overflows what is counted
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
TOKEN = re.compile(
    r"(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)\s*(?P<unit>%|mol\s?%|mole\s?%|at\s?%|wt\s?%|mass\s?%)?(?![A-Za-z]*%)"
    r"|(?P<formula>[A-Za-z][A-Za-z0-9.]*)|(?P<gap>[\s,;+:·*-]+)"
)


@dataclass(frozen=True)
class AtomCounts:
    """Whole formula units and the atoms they make, as near the asked size and composition as whole units can be.

    ``counts`` maps the name of each species to its number, in the order of the composition, O last.
    ``composition`` holds the exact mole fractions of the whole units: balance charges with this one.
    """

    counts: dict[str, int]
    units: dict[str, int]
    asked_atoms: int
    asked: Composition
    composition: Composition

    @property
    def n_atoms(self) -> int:
        return sum(self.counts.values())

    @property
    def mole_percent(self) -> dict[str, float]:
        """The actual mol% of each component."""
        return self.composition.mole_percent

    @property
    def rounding_error_mol_percent(self) -> float:
        """The largest difference between actual and asked mol%."""
        asked = self.asked.mole_percent
        return max(abs(value - asked[oxide]) for oxide, value in self.mole_percent.items())

    @property
    def mass(self) -> float:
        """Mass of all atoms, g/mol."""
        return mass(self.counts)

    @property
    def note(self) -> str:
        """One line for the user: the counts and what rounding to whole units did."""
        atoms = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        error = self.rounding_error_mol_percent
        if error < 5e-4:
            rounding = "the composition is met exactly"
        else:
            actual = ", ".join(f"{value:.2f} {oxide}" for oxide, value in self.mole_percent.items())
            rounding = f"rounded to {actual} mol% (largest rounding error {error:.2g} mol%)"
        return f"{self.n_atoms} atoms for {self.asked_atoms} asked ({atoms}); {rounding}"


@dataclass(frozen=True)
class Composition:
    """Mole fractions of what the glass is made of, in the order given; they sum to one.

    ``oxides`` holds (formula, fraction): oxides, compounds without oxygen, elements. ``note``: what parsing did, if
    anything.
    """

    oxides: tuple[tuple[str, float], ...]
    note: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str, basis: str = "mol") -> Composition:
        """Read text such as ``70 SiO2 30 Na2O``, ``70SiO2-30Na2O``, ``60 SiO2 20 B2O3 20 Na2O + 5 BaO``, ``AsTe3``,
        ``80 GeSe2 20 As2Se3`` or ``25 As 75 Te``.

        Amounts are mol%, or mass percent with ``basis="wt"`` or when the text says ``wt%``; ``at%`` is mol% of
        elements. A sum other than 100 (or 1) is normalised and ``note`` says so; a compound such as Ge20Se80 counts as
        20 GeSe4. Raises GlasspotError for a formula that is none, and for an amount that is missing, negative or given
        twice.
        """
        amounts, unit = _amounts(text)
        if basis not in ("mol", "wt"):
            raise GlasspotError(f'unknown basis "{basis}" of a composition; expected "mol" or "wt".')
        parts = {formula: parse_component(formula) for formula, _ in amounts}
        basis = _basis(text, unit or basis, parts)
        total = sum(amount for _, amount in amounts)
        if total <= 0:
            raise GlasspotError(f'the amounts in "{text}" add up to zero; give at least one above zero.')
        if not total < LARGEST_SUM:
            raise GlasspotError(f'the amounts in "{text}" add up to {total:g}; give them in percent.')
        notes = []
        if len(amounts) > 1 and abs(total - 100) > 1e-6 and abs(total - 1) > 1e-6:
            notes.append(f"the amounts add up to {total:g} and were normalised to 100 %")
        moles: dict[str, float] = {}
        for formula, amount in amounts:
            part = parts[formula]
            if amount > 0:
                share = amount / part.mass if basis == "wt" else amount * part.multiple
                moles[part.formula] = moles.get(part.formula, 0.0) + share
        notes += [
            f"{formula} counts as {part.multiple} {part.formula}"
            for formula, part in parts.items()
            if part.multiple > 1
        ]
        notes += [note for part in parts.values() for note in _doubts(part)]
        if basis == "wt":
            notes.append("mass percent were turned into mol%")
        total = sum(moles.values())
        least = min(moles, key=moles.__getitem__)
        if not moles[least] > LEAST_SHARE * max(total, LEAST_SHARE):
            raise GlasspotError(f'the amount of {least} in "{text}" is too small to count; leave it out.')
        return cls(tuple((formula, amount / total) for formula, amount in moles.items()), "; ".join(notes))

    @property
    def mole_percent(self) -> dict[str, float]:
        return {oxide: 100 * fraction for oxide, fraction in self.oxides}

    @cached_property
    def fractions(self) -> dict[str, float]:
        return dict(self.oxides)

    def __str__(self) -> str:
        return " ".join(f"{100 * fraction:.6g} {oxide}" for oxide, fraction in self.oxides)

    def atom_counts(self, n_atoms: int, charges: Mapping[str, float]) -> AtomCounts:
        """Return whole, neutral atom counts nearest ``n_atoms`` and this composition.

        ``charges`` (e) are those of the potential (its ``counting_charges``: where it balances one charge by the
        composition, formal valences). Raises GlasspotError for an element without a charge, for an
        component that is not neutral, and for a size too small to hold one unit of each.
        """
        parts = [parse_component(formula) for formula, _ in self.oxides]
        atoms = [part.atoms_of(charges) for part in parts]
        for part, numbers_of in zip(parts, atoms, strict=True):
            _check_neutral(part, numbers_of, charges)
        numbers = self._units(parts, n_atoms)
        counts: dict[str, int] = {}
        for numbers_of, number in zip(atoms, numbers, strict=True):
            for name, each in numbers_of.items():
                counts[name] = counts.get(name, 0) + number * each
        if "O" in counts:
            counts["O"] = counts.pop("O")  # last
        units = {part.formula: number for part, number in zip(parts, numbers, strict=True)}
        total = sum(numbers)
        actual = Composition(tuple((formula, number / total) for formula, number in units.items()))
        return AtomCounts(counts, units, n_atoms, self, actual)

    def _units(self, parts: list[Component], n_atoms: int) -> list[int]:
        """Search the whole units near ``n_atoms``: 1 % of size is given up for each 0.5 mol% of rounding error."""
        fractions = [fraction for _, fraction in self.oxides]
        per_unit = sum(fraction * part.atoms for fraction, part in zip(fractions, parts, strict=True))
        least = min(fractions)
        if n_atoms * least / per_unit < 0.5:
            rare = parts[fractions.index(least)].formula
            enough = int(per_unit / least) + 1
            raise GlasspotError(
                f"{n_atoms} atoms are too few for {100 * least:.3g} mol% {rare}: not one unit; ask for {enough}."
            )
        slack = max(SIZE_TOLERANCE * n_atoms, max(part.atoms for part in parts))
        best: tuple[float, list[int]] | None = None
        for total in range(max(1, int((n_atoms - slack) / per_unit)), int((n_atoms + slack) / per_unit) + 2):
            numbers = _largest_remainder(fractions, total)
            atoms = sum(number * part.atoms for number, part in zip(numbers, parts, strict=True))
            off = abs(atoms - n_atoms)
            if off > slack or min(numbers) == 0:
                continue
            error = max(abs(number / total - fraction) for number, fraction in zip(numbers, fractions, strict=True))
            score = 100 * error + 50 * off / n_atoms
            if best is None or score < best[0] - 1e-12:
                best = score, numbers
        if best is None:
            raise GlasspotError(f"{n_atoms} atoms are too few for {self}; ask for {int(per_unit / least) + 1} or more.")
        return best[1]


def _basis(text: str, basis: str, parts: Mapping[str, Component]) -> str:
    """Return "mol" or "wt"; percent of atoms are mol% of elements, and of nothing else."""
    if basis != "at":
        return basis
    if not all(isinstance(part, Compound) and part.is_element for part in parts.values()):
        raise GlasspotError(f'at% in "{text}" is for elements, as in "25 at% As 75 at% Te"; give compounds in mol%.')
    return "mol"


def _doubts(part: Component) -> list[str]:
    """Return a doubt about an oxide of a valence nobody asks for: a slip that a learned potential cannot notice."""
    if not isinstance(part, Oxide) or part.formula in COMMON_OXIDES:
        return []
    usual = [name for name in COMMON_OXIDES if parse_oxide(name).element == part.element]
    return [f"{part.formula} is an unusual oxide; the usual one is {' or '.join(usual)}"] if usual else []


def _amounts(text: str) -> tuple[list[tuple[str, float]], str]:
    """Split text into (formula, amount) and the unit it states ("mol", "wt" or "" for none)."""
    tokens: list[tuple[str, str]] = []
    units = set()
    plain = text.translate(SUBSCRIPTS).strip()
    position = 0
    while position < len(plain):
        match = TOKEN.match(plain, position)
        if match is None:
            rest = plain[position:]
            raise GlasspotError(f'cannot read "{rest}" in the composition "{text}"; write e.g. "70 SiO2 30 Na2O".')
        # A minus after a space (or first of all) and touching a number is a sign; any other one separates two oxides.
        if re.match(r"-[\d.]", plain[match.end() - 1 :]) and (match.end() == 1 or plain[match.end() - 2].isspace()):
            amount = plain[match.end() - 1 :].split()[0]
            raise GlasspotError(f'negative amount "{amount}" in "{text}"; amounts are zero or more.')
        if match["number"]:
            tokens.append(("number", match["number"]))
            units.add(_unit(match["unit"] or ""))
        elif match["formula"]:
            tokens.append(("formula", match["formula"]))
        position = match.end()
    if len(units) > 1:
        raise GlasspotError(f'"{text}" mixes units; give every amount in mol% or every amount in wt%.')
    return _pair_up(text, tokens), units.pop() if units else ""


def _unit(word: str) -> str:
    """Return "wt", "at" or "mol" for what stands behind a number, "" for nothing."""
    if word.startswith(("wt", "mass")):
        return "wt"
    return "at" if word.startswith("at") else "mol" if word else ""


def _pair_up(text: str, tokens: list[tuple[str, str]]) -> list[tuple[str, float]]:
    """Join each formula with its number, which stands before it (or, all through the text, after it)."""
    kinds = [kind for kind, _ in tokens]
    words = [word for _, word in tokens]
    if kinds == ["formula"]:
        return [(words[0], 100.0)]
    half = len(kinds) // 2
    if kinds and kinds == ["number", "formula"] * half:
        amounts = [(words[2 * i + 1], float(words[2 * i])) for i in range(half)]
    elif kinds and kinds == ["formula", "number"] * half:
        amounts = [(words[2 * i], float(words[2 * i + 1])) for i in range(half)]
    else:
        raise GlasspotError(
            f'cannot read the composition "{text}"; expected a number before each oxide, e.g. "70 SiO2 30 Na2O".'
        )
    seen = set()
    for formula, _ in amounts:
        if formula in seen:
            raise GlasspotError(f'"{formula}" stands twice in "{text}"; give each oxide once.')
        seen.add(formula)
    return amounts


def _check_neutral(part: Component, numbers: Mapping[str, int], charges: Mapping[str, float]) -> None:
    """Raise GlasspotError for a formula unit with a charge; a learned potential knows none (0 for every element)."""
    if isinstance(part, Compound):
        total = sum(number * charges[name] for name, number in numbers.items())
        if abs(total) > 1e-4:
            each = ", ".join(f"{name} {charges[name]:+g} e" for name in numbers)
            raise GlasspotError(
                f"{part.formula} is not neutral with this potential: {total:+.4f} e a formula unit ({each}). Write a "
                "compound of the valences the potential knows, or choose a potential without charges."
            )
        return
    if "O" not in charges:
        raise GlasspotError(f"the potential has no charge for O; it knows {', '.join(charges)}.")
    total = sum(number * charges[name] for name, number in numbers.items())
    if abs(total) > 1e-4:
        name = next(iter(numbers))
        wanted = -part.oxygens * charges["O"] / part.cations
        raise GlasspotError(
            f"{part.formula} is not neutral with this potential: {total:+.4f} e a formula unit "
            f"({name} {charges[name]:+g} e, O {charges['O']:+g} e; {wanted:+g} e for {name} would make it neutral). "
            "Write the oxide of the valence the potential knows, or let the potential balance one element (balance)."
        )


def _largest_remainder(fractions: list[float], total: int) -> list[int]:
    """Share ``total`` units among ``fractions`` so that no share is off by a whole unit."""
    numbers = [int(fraction * total + 1e-9) for fraction in fractions]
    order = sorted(range(len(fractions)), key=lambda i: numbers[i] - fractions[i] * total)
    for i in order[: total - sum(numbers)]:
        numbers[i] += 1
    return numbers


def box_length(counts: Mapping[str, int], density: float) -> float:
    """Return the edge in A of the cubic box that holds ``counts`` at ``density`` (g/cm3)."""
    if not 0.01 < density < 30:
        raise GlasspotError(f"density {density:g} was given; expected g/cm3, between 0.01 and 30 (silica glass: 2.2).")
    return float(volume_from_density(mass(counts), density) ** (1 / 3))


def start_box(atoms: AtomCounts, density: float | None) -> tuple[float, str]:
    """Return the edge in A of the cubic box for ``atoms`` at ``density`` (g/cm3), and a note.

    Without a density the glass's is estimated, and the note says so; else it is empty. GlasspotError where it has to be
    given: only oxides have an estimate.
    """
    note = ""
    if density is None:
        density, note = estimate_density(atoms.asked)
    return box_length(atoms.counts, density), note


def four_fold_boron(modifier_ratio: float, silica_ratio: float) -> float:
    """Return the fraction of four-fold boron for R = modifier/B2O3 and K = SiO2/B2O3 (mol ratios).

    The model of Dell, Bray and Xiao, J. Non-Cryst. Solids 58 (1983) 1; it was made for Na2O-B2O3-SiO2.
    """
    most = 0.5 + silica_ratio / 16
    if modifier_ratio <= most:
        return max(modifier_ratio, 0.0)
    if modifier_ratio <= 0.5 + silica_ratio / 4:
        return most
    return max((8 + silica_ratio) / 12 * (1 - modifier_ratio / (2 + silica_ratio)), 0.0)


def four_fold_share(composition: Composition) -> float:
    """Return the fraction of four-fold boron, 0 to 1, by :func:`four_fold_boron`; 0 without B2O3.

    Modifiers that aluminium takes for itself are not counted.
    """
    fractions = composition.fractions
    boron = fractions.get("B2O3", 0.0)
    if boron == 0.0:
        return 0.0
    modifier = sum(fractions.get(name, 0.0) for name in MODIFIERS) - fractions.get("Al2O3", 0.0)
    return min(four_fold_boron(modifier / boron, fractions.get("SiO2", 0.0) / boron), 1.0)


def has_density_estimate(composition: Composition) -> bool:
    """Return whether :func:`estimate_density` knows the glass: one of oxides only."""
    return all(isinstance(parse_component(formula), Oxide) for formula, _ in composition.oxides)


def estimate_density(composition: Composition) -> tuple[float, str]:
    """Return the density in g/cm3 of the glass at room temperature and a note that says it is estimated, and how.

    Sum of partial molar volumes (``MOLAR_VOLUMES``), with the four-fold boron of Dell, Bray and Xiao in borates.
    Against measured silicate and borate glasses it is right within 6 %, mostly within 2 %. GlasspotError for a
    composition that is not of oxides only, see :func:`has_density_estimate`.
    """
    if not has_density_estimate(composition):
        other = ", ".join(name for name, _ in composition.oxides if isinstance(parse_component(name), Compound))
        raise GlasspotError(
            f"no density can be estimated for {other}, only for glasses of oxides; give the density of the start box "
            "in g/cm3, such as density = 5.6 (the measured one, or that of the data the potential was fitted to)."
        )
    volume = 0.0
    unknown = []
    for formula, fraction in composition.oxides:
        oxide = parse_oxide(formula)
        if formula == "B2O3":
            molar = BO3_VOLUME + (BO4_VOLUME - BO3_VOLUME) * four_fold_share(composition)
        elif formula in MOLAR_VOLUMES:
            molar = MOLAR_VOLUMES[formula]
        else:
            molar = VOLUME_PER_OXYGEN * oxide.oxygens
            unknown.append(formula)
        if formula == "SiO2":
            molar += SILICA_EXCESS * max(fraction - 0.67, 0.0)
        volume += fraction * molar
    total = sum(fraction * parse_oxide(formula).mass for formula, fraction in composition.oxides)
    density = total / volume
    note = (
        f"density {density:.3f} g/cm3 is estimated from the molar volumes of the oxides (glass at 300 K, within about "
        "6 %; a melt is lighter). Give a density to overrule it."
    )
    if unknown:
        note += f" For {', '.join(unknown)} {VOLUME_PER_OXYGEN} cm3 per mole of O was taken, within 20 % only."
    return density, note

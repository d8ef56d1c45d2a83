"""Does a set of numbers make physical sense? Checked on load, so that a wrong unit or a lost digit is met before MD.

* each oxide is neutral with the charges;
* each cation-oxygen pair has a first minimum at a distance chemistry allows;
* like charges repel at the distance of O-O neighbours, by no more than atoms do;
* the barrier before the short-range hole, which a wall must close when it is low.

When a set fails, the energies are tried in other units and the prefactors with one digit more or less; the message
names what mends it. (The set printed in the seed paper of glasspot's borosilicate fit, in "eV", is in kcal/mol, and
one of its prefactors lost a digit.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.potential import rules
from glasspot.potential.forms import BornMayerHuggins, Buckingham, InversePower, Morse, Term
from glasspot.potential.model import PairInteraction, Potential
from glasspot.potential.wall import NON_BONDED_REFERENCE, barrier, reference_distance
from glasspot.units import ENERGY_UNITS

# Cation-oxygen bond length in oxides (A): sums of effective ionic radii for the usual coordination; Shannon 1976,
# Acta Cryst. A32, 751, 10.1107/S0567739476001551.
# fmt: off
BOND_LENGTH = {
    "Li": 1.97, "Na": 2.40, "K": 2.78, "Rb": 2.92, "Cs": 3.07, "Ag": 2.20, "Cu": 1.85, "Cu2": 1.97, "Be": 1.65,
    "Mg": 2.06, "Ca": 2.40, "Sr": 2.58, "Ba": 2.77, "Mn": 2.21, "Mn3": 2.03, "Fe": 2.15, "Fe2": 2.15, "Fe3": 1.95,
    "Co": 2.08, "Ni": 2.07, "Zn": 1.98, "Cd": 2.33, "Pb": 2.40, "B": 1.42, "Al": 1.80, "Ga": 1.85, "Sc": 2.12,
    "Y": 2.28, "La": 2.45, "Ce3": 2.43, "Ce4": 2.28, "Ce": 2.28, "Nd": 2.38, "Sm": 2.34, "Eu": 2.34, "Gd": 2.32,
    "Er": 2.27, "Yb": 2.24, "Cr": 2.00, "Bi": 2.35, "Si": 1.62, "Ge": 1.76, "Sn": 2.05, "Ti": 1.92, "Zr": 2.12,
    "Hf": 2.11, "Te": 1.92, "P": 1.53, "V": 1.75, "V4": 1.90, "V5": 1.75, "Nb": 1.98, "Ta": 1.98,
}
# fmt: on
# The first minimum of an ion pair lies at 0.79 to 0.97 of the bond length in the published sets, about 0.88 +- 15 %;
# the unit that is likelier when several pass is the one that comes nearest to USUAL.
SHORTEST, USUAL, LONGEST = 0.74, 0.91, 1.03
# Short-range energy (eV) of two oxygens 2.6 A apart: -0.8 to 1.1 in the published sets.
WEAKEST_OXYGEN, STRONGEST_OXYGEN = -2.0, 4.0
NEUTRAL_WITHIN = 2e-3  # e per oxide formula: published charges are rounded to three digits
LOW_BARRIER = 10.0  # eV: below this, atoms of like charge fuse in a hot melt within a few ps
LOW_BOND_BARRIER = 3.0  # eV, the same for bonded pairs
# Steps of the search for what mends a set: at most this many lost digits.
MOST_LOST_DIGITS = 2
MOST_TOLD = 4  # errors told in one message


@dataclass(frozen=True)
class Finding:
    """One remark about a set. ``level`` is "error" (refused) or "caution" (told to the user)."""

    level: str
    message: str
    pair: tuple[str, str] | None = None


def check(potential: Potential, unit: str = "eV") -> list[Finding]:
    """Return what is wrong with ``potential`` (errors first), and what a user must know about it.

    ``unit`` is the energy unit that its file states; it only enters the wording.
    """
    failures = _failures(potential)
    errors = [Finding("error", message, pair) for pair, message in failures.items()]
    if errors:
        remedy = _remedy(potential, unit)
        if remedy:
            errors.append(Finding("error", remedy))
    errors += list(_charge_errors(potential))
    return errors + list(_cautions(potential))


def require_sound(potential: Potential, unit: str = "eV") -> list[Finding]:
    """Return the cautions of ``potential``; GlasspotError with every error, and what would mend them."""
    findings = check(potential, unit)
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        about_pairs = [finding.message for finding in errors if finding.pair is not None]
        told = about_pairs[:MOST_TOLD]
        if len(about_pairs) > MOST_TOLD:
            told.append(f"and {len(about_pairs) - MOST_TOLD} more")
        told += [finding.message for finding in errors if finding.pair is None]
        raise GlasspotError(f"the potential {potential.name} makes no physical sense: {'; '.join(told)}")
    return findings


def _charge_errors(potential: Potential) -> Iterator[Finding]:
    """Each oxide X_n O_m must be neutral, unless oxygen's charge is balanced by the composition."""
    if potential.balance is not None or "O" not in potential.charges:
        return
    oxygen = potential.charges["O"]
    for species, charge in potential.charges.items():
        valence = rules.formal_valence(species)
        if species == "O" or valence is None:
            continue
        excess = 2.0 * charge + valence * oxygen
        if abs(excess) > NEUTRAL_WITHIN:
            yield Finding(
                "error",
                f"the oxide of {species} is not neutral: 2 x {charge:g} + {valence} x {oxygen:g} = {excess:+.4g} e; "
                f"expected {-0.5 * valence * oxygen:g} e for {species}",
                (species, "O"),
            )


def _completed(potential: Potential, cation: str) -> Potential:
    """Return ``potential`` with what waits for a composition filled in as in the pure oxide of ``cation``."""
    balance = potential.balance
    valence = rules.formal_valence(cation)
    if balance is not None and cation != balance and valence is not None and valence > 0:
        charge = -2.0 * potential.charges[cation] / valence
        potential = replace(potential, charges={**potential.charges, balance: charge})
    depth = rules.bertani_2022_depth(0.0, 0.0)

    def fill(term: Term) -> Term:
        if isinstance(term, Morse) and term.composition_rule is not None and term.D == 0.0:
            return replace(term, D=depth)
        return term

    pairs = tuple(replace(pair, terms=tuple(fill(term) for term in pair.terms)) for pair in potential.pairs)
    return replace(potential, pairs=pairs)


def _cations(potential: Potential) -> list[str]:
    return [species for species, charge in potential.charges.items() if species != "O" and charge > 0.0]


def _failures(potential: Potential) -> dict[tuple[str, str], str]:
    """Return pair -> what is wrong with it; empty for a set that makes sense."""
    if "O" not in potential.elements:
        return {}
    wrong: dict[tuple[str, str], str] = {}
    cations = _cations(potential)
    for cation in cations:
        message = _bond_failure(_completed(potential, cation), cation)
        if message:
            wrong[cation, "O"] = message
    message = _oxygen_failure(_completed(potential, cations[0]) if cations else potential)
    if message:
        wrong["O", "O"] = message
    return wrong


def _bond_failure(potential: Potential, cation: str) -> str:
    """Return what is wrong with the bond of ``cation`` to oxygen, or an empty text."""
    first = reference_distance(potential, cation, "O") if potential.terms(cation, "O") else None
    if first is None:
        return f"{cation}-O has no repulsion at short range, so the atoms fuse"
    length = BOND_LENGTH.get(cation, BOND_LENGTH.get(element_of(cation)))
    if length is None or SHORTEST * length <= first <= LONGEST * length:
        return ""
    return (
        f"{cation}-O has its first minimum at {first:.2f} A, expected {SHORTEST * length:.2f} to "
        f"{LONGEST * length:.2f} A (bond length {length:.2f} A)"
    )


def _oxygen_failure(potential: Potential) -> str:
    """Return what is wrong with the short range of O-O, or an empty text."""
    energy = float(potential.short_range("O", "O", np.array([NON_BONDED_REFERENCE]))[0][0])
    if WEAKEST_OXYGEN <= energy <= STRONGEST_OXYGEN:
        return ""
    return (
        f"O-O has a short-range energy of {energy:.3g} eV at {NON_BONDED_REFERENCE} A, expected "
        f"{WEAKEST_OXYGEN:g} to {STRONGEST_OXYGEN:g} eV"
    )


def _cautions(potential: Potential) -> Iterator[Finding]:
    """Low barriers, closed by the wall; errors where the wall is switched off, or nothing repels at all."""
    cations = _cations(potential)
    full = _completed(potential, cations[0]) if cations else potential
    for pair in full.pairs:
        a, b = pair.elements
        if not full.is_complete(a, b):
            continue
        height = barrier(full, a, b)
        bonded = full.charge(a) * full.charge(b) < 0.0
        if height == 0.0 and not bonded:
            yield Finding("error", f"{a}-{b} has no repulsion at short range, so the atoms fuse", (a, b))
        if height == 0.0 or height >= (LOW_BOND_BARRIER if bonded else LOW_BARRIER):
            continue
        low = f"{a}-{b} has a barrier of only {height:.1f} eV before it falls into a hole at short range"
        if potential.wall == "none":
            yield Finding("error", f'{low}, and its wall is switched off; expected wall = "auto"', (a, b))
        else:
            yield Finding("caution", f"{low}; the automatic wall closes it", (a, b))


def scaled(potential: Potential, factor: float) -> Potential:
    """Return ``potential`` with every energy parameter times ``factor`` (its numbers read in another unit)."""
    pairs = tuple(
        replace(pair, terms=tuple(_scaled_term(term, factor) for term in pair.terms)) for pair in potential.pairs
    )
    return replace(potential, pairs=pairs)


def _scaled_term(term: Term, factor: float) -> Term:
    return replace(term, **{name: getattr(term, name) * factor for name in term.energy_parameters})


def _with_digit(potential: Potential, pair: tuple[str, str], power: float) -> tuple[Potential, str, float] | None:
    """Return (potential with the prefactor of ``pair`` times ``power``, the parameter's name, its old value)."""
    changed: list[PairInteraction] = []
    told: tuple[str, float] | None = None
    for item in potential.pairs:
        if set(item.elements) == set(pair) and told is None:
            first = item.terms[0]
            name = {Buckingham: "A", BornMayerHuggins: "A", Morse: "D", InversePower: "coefficient"}[type(first)]
            told = (name, getattr(first, name))
            item = replace(item, terms=(replace(first, **{name: power * told[1]}), *item.terms[1:]))  # type: ignore[arg-type]
        changed.append(item)
    return None if told is None else (replace(potential, pairs=tuple(changed)), *told)


def _remedy(potential: Potential, unit: str) -> str:
    """Return the smallest change that makes the set pass: another unit, then up to two lost digits; else nothing."""
    candidates: list[tuple[int, float, list[str]]] = []
    for name, energy in ENERGY_UNITS.items():
        trial = scaled(potential, energy / ENERGY_UNITS[unit])
        wrong = list(_failures(trial))
        if len(wrong) > MOST_LOST_DIGITS:
            continue
        digits = [_lost_digit(trial, pair, energy) for pair in wrong]
        if all(digits):
            parts = [] if name == unit else [f'the energies look like {name}, not {unit}: set unit = "{name}"']
            candidates.append((len(parts + digits), _distance_from_usual(trial), parts + digits))
    candidates.sort(key=lambda candidate: candidate[:2])
    if not candidates:
        return ""
    text = "likely cause: " + ", and ".join(candidates[0][2])
    # With one pair to judge by, a wrong unit and a lost digit can mend it alike: tell both.
    if len(candidates) > 1 and candidates[0][0] == candidates[1][0] == 1:
        text += f"; or else {candidates[1][2][0]}"
    return text


def _distance_from_usual(potential: Potential) -> float:
    """Return how far the mean of (first minimum / bond length) is from usual: it ranks the units that pass."""
    ratios = []
    for cation in _cations(potential):
        full = _completed(potential, cation)
        if cation in BOND_LENGTH and not _bond_failure(full, cation):
            ratios.append((reference_distance(full, cation, "O") or 0.0) / BOND_LENGTH[cation])
    return abs(float(np.mean(ratios)) - USUAL) if ratios else 0.0


def _lost_digit(potential: Potential, pair: tuple[str, str], unit_energy: float) -> str:
    """Return which digit too few or too many explains that ``pair`` fails, or an empty text."""
    for power, words in ((10.0, "to have lost a digit"), (0.1, "to have a digit too many")):
        trial = _with_digit(potential, pair, power)
        if trial is None:
            return ""
        changed, name, old = trial
        if pair not in _failures(changed):
            value = old / unit_energy
            return (
                f"{name} of {pair[0]}-{pair[1]} ({value:.10g}) seems {words}: ten times "
                f"{'more' if power > 1.0 else 'less'} would do"
            )
    return ""

"""What stands in for an oxide, or a pair of elements, that the data do not have: the ones most like it.

Likeness is that of ``elements.likeness``: distance to oxygen, valence, electronegativity. An unseen oxide is
replaced by as much charge of each of its stand-ins, whose predictions are averaged by their likeness. A curve that is
taken from another pair is moved by the difference of the sums of radii, all of it around the first peak and ever less
behind: where g(r) is near 1 it is the density that tells distances, and that of the glass is not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.oxides import Oxide, parse_component, parse_oxide
from glasspot.pcf.curve.elements import has_ion, ion_of, likeness
from glasspot.pcf.pairs import ends_of, pair_name

FloatArray = NDArray[np.float64]

MOST = 3  # stand-ins of one oxide or pair
LEAST_SHARE = 0.1  # of the weight, for one to be asked at all
FIRST_SHELL, FADE = 1.4, 4.0  # the shift is whole up to this many sums of radii, then falls off over so many A


@dataclass(frozen=True)
class StandIn:
    """A composition of known oxides only, how much it counts, and what stands for what (unseen -> known).

    by: oxides; of: elements.
    """

    weight: float
    composition: Composition
    by: Mapping[str, str]
    of: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """A pair whose curve is taken, how much it counts, in which composition, and by how much r is moved, A."""

    pair: str
    weight: float
    composition: Composition
    shift: float


def stand_ins(composition: Composition, known: Sequence[str]) -> tuple[StandIn, ...]:
    """Return what is predicted in place of a composition: itself where its oxides are all ``known``.

    GlasspotError for a formula that is no oxide, or whose cation is not tabulated.
    """
    unseen = [formula for formula, _ in composition.oxides if formula not in known]
    if not unseen:
        return (StandIn(1.0, composition, {}, {}),)
    for formula in unseen:
        if not isinstance(parse_component(formula), Oxide):
            ion_of(formula)  # which says what is wrong
    found = []
    for choice in product(*(_likest(formula, known) for formula in unseen)):
        weight = float(np.prod([share for _, share in choice]))
        by = {formula: name for formula, (name, _) in zip(unseen, choice, strict=True)}
        of = {parse_oxide(formula).element: parse_oxide(name).element for formula, name in by.items()}
        found.append(StandIn(weight, replaced(composition, by), by, {a: b for a, b in of.items() if a != b}))
    return tuple(found)


def replaced(composition: Composition, by: Mapping[str, str]) -> Composition:
    """Return the composition with oxides replaced by so much of another that there is as much oxygen (charge)."""
    amounts: dict[str, float] = {}
    for formula, share in composition.oxides:
        name = by.get(formula, formula)
        charge = parse_oxide(formula).oxygens / parse_oxide(name).oxygens if name != formula else 1.0
        amounts[name] = amounts.get(name, 0.0) + share * charge
    total = sum(amounts.values())
    return Composition(tuple((name, amount / total) for name, amount in amounts.items()))


def sources(pair: str, stand_in: StandIn, known: Iterable[str], oxides: Mapping[str, str]) -> tuple[Source, ...]:
    """Return from which of the ``known`` pairs the curve of ``pair`` is taken in a composition without unseen oxides.

    ``oxides``: element -> its oxide, of the data and of the composition asked for. Empty where nothing is like it.
    """
    known = tuple(known)
    a, b = ends_of(pair)
    direct = pair_name(stand_in.of.get(a, a), stand_in.of.get(b, b))
    if direct in known:
        return (Source(direct, 1.0, stand_in.composition, _shift(pair, direct, oxides)),)
    scored = []
    for other in known:
        scored += [(score, other, by) for score, by in _matches(ends_of(direct), ends_of(other), oxides)]
    scored = sorted(scored, key=lambda item: -item[0])[:MOST]
    kept = [item for item in scored if item[0] >= LEAST_SHARE * sum(score for score, _, _ in scored)]
    total = sum(score for score, _, _ in kept)
    return tuple(
        Source(other, score / total, replaced(stand_in.composition, by), _shift(pair, other, oxides))
        for score, other, by in kept
    )


def moved(r: FloatArray, values: FloatArray, shift: float, pair: str, oxides: Mapping[str, str]) -> FloatArray:
    """Return ``values`` (n_r,) of a curve moved outwards by ``shift`` (A) around its first peak; 0 comes in from 0."""
    if shift == 0.0:
        return values
    size = sum_of_radii(pair, oxides)
    fading = np.exp(-np.maximum(r - FIRST_SHELL * size, 0.0) / FADE)
    return np.interp(r - shift * fading, r, values, left=0.0)


def sum_of_radii(pair: str, oxides: Mapping[str, str]) -> float:
    """Return the distance of a cation to oxygen, or the sum of two of them for two cations, A."""
    return sum(ion_of(oxides[element]).to_oxygen for element in ends_of(pair) if element != "O")


def _shift(pair: str, other: str, oxides: Mapping[str, str]) -> float:
    return 0.0 if pair == other else sum_of_radii(pair, oxides) - sum_of_radii(other, oxides)


def _likest(formula: str, known: Sequence[str]) -> list[tuple[str, float]]:
    """Return (oxide, share) of the stand-ins of an oxide; another oxide of the same element is the only one."""
    element = parse_oxide(formula).element
    known = [name for name in known if isinstance(parse_component(name), Oxide)]
    same = [name for name in known if parse_oxide(name).element == element]
    if same:
        return [(same[0], 1.0)]
    ion = ion_of(formula)
    scored = sorted(((likeness(ion, ion_of(name)), name) for name in known if has_ion(name)), reverse=True)[:MOST]
    kept = [(score, name) for score, name in scored if score >= LEAST_SHARE * sum(each for each, _ in scored)]
    total = sum(score for score, _ in kept)
    return [(name, score / total) for score, name in kept]


def _matches(
    wanted: tuple[str, str], other: tuple[str, str], oxides: Mapping[str, str]
) -> list[tuple[float, dict[str, str]]]:
    """Return (likeness, oxide -> oxide that stands in) of the ways to lay a known pair over the wanted one."""
    found = []
    for ends in {other, other[::-1]}:
        if any((a == "O") != (c == "O") for a, c in zip(wanted, ends, strict=True)):
            continue
        cations = [(a, c) for a, c in zip(wanted, ends, strict=True) if a != "O"]
        if not all(element in oxides and has_ion(oxides[element]) for both in cations for element in both):
            continue
        score = float(np.prod([likeness(ion_of(oxides[a]), ion_of(oxides[c])) for a, c in cations]))
        by = {oxides[a]: oxides[c] for a, c in cations if a != c}
        if all(by.get(oxides[a], oxides[a]) == oxides[c] for a, c in cations):  # not one element by two
            found.append((score, by))
    return found

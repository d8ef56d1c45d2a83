"""How a set of pair curves is parted for a test: what a model learns from, and what it is then asked for.

    random                  curves are dealt out one by one, as in the paper: other pairs of the same glass are learnt
                            from, so this says how well gaps in a known glass are filled, not how a new glass is met
    glass                   whole glasses are dealt out
    dopant-concentrations   of one dopant in one base, a range of concentrations: the middle third, the highest third
    dopant                  every glass with one dopant

A dopant is an oxide that is not of the base; unless it is said otherwise the base is SiO2, B2O3 and Na2O, those of the
paper. The base of a glass is what is left of its composition without dopants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from glasspot.composition import Composition
from glasspot.errors import GlasspotError, check_choice
from glasspot.pcf.curve_set import CurveSet, GlassCurves

BASE = ("SiO2", "B2O3", "Na2O")
FOLDS = 5
THIRDS = {"middle": 1, "highest": 2}  # the lowest third would be nearly the glass without the dopant


@dataclass(frozen=True)
class Fold:
    """One test: ``train`` is learnt from, then ``held`` are asked for: (glass with all its curves, pair)."""

    name: str
    train: CurveSet
    held: tuple[tuple[GlassCurves, str], ...]


@dataclass(frozen=True)
class Split:
    """A way to part a set, and its tests."""

    name: str
    folds: tuple[Fold, ...]


def base_of(composition: Composition, base: Sequence[str] = BASE) -> Composition | None:
    """Return the composition without dopants, its fractions summing to 1; None for a glass of dopants only."""
    parts = [(name, share) for name, share in composition.oxides if name in base and share > 0]
    total = sum(share for _, share in parts)
    return Composition(tuple((name, share / total) for name, share in parts)) if parts else None


def dopants_of(curve_set: CurveSet, base: Sequence[str] = BASE) -> tuple[str, ...]:
    """Return the oxides of the set that are not of the base, in the order met."""
    return tuple(name for name in curve_set.oxides if name not in base)


def split_of(name: str, curve_set: CurveSet, folds: int = FOLDS, seed: int = 0, base: Sequence[str] = BASE) -> Split:
    """Return the split of this name; ``folds`` is for random and glass. GlasspotError for data that cannot be split."""
    ways: dict[str, Callable[[], Split]] = {
        "random": lambda: random_split(curve_set, folds, seed),
        "glass": lambda: glass_split(curve_set, folds, seed),
        "dopant-concentrations": lambda: concentration_split(curve_set, base),
        "dopant": lambda: dopant_split(curve_set, base),
    }
    check_choice(name, ways, "the split")
    check_names(curve_set)
    return ways[name]()


SPLITS = ("random", "glass", "dopant-concentrations", "dopant")


def random_split(curve_set: CurveSet, folds: int = FOLDS, seed: int = 0) -> Split:
    """Deal the curves out, pair by pair; a glass may lie in training with a part of its pairs."""
    curves = [(k, pair) for k, glass in enumerate(curve_set.glasses) for pair in glass.curves]
    parts = _dealt(len(curves), folds, seed, "curves")
    made = []
    for number, part in enumerate(parts):
        held = {curves[k] for k in part}
        glasses = []
        for k, glass in enumerate(curve_set.glasses):
            kept = {pair: runs for pair, runs in glass.curves.items() if (k, pair) not in held}
            if kept:
                glasses.append(replace(glass, curves=kept))
        train = replace(curve_set, glasses=tuple(glasses))
        asked = tuple((curve_set.glasses[k], pair) for k, pair in curves if (k, pair) in held)
        made.append(Fold(f"curves, part {number + 1} of {folds}", train, asked))
    return Split("random", tuple(made))


def glass_split(curve_set: CurveSet, folds: int = FOLDS, seed: int = 0) -> Split:
    """Deal whole glasses out."""
    parts = _dealt(len(curve_set.glasses), folds, seed, "glasses")
    made = (_without(curve_set, part, f"glasses, part {k + 1} of {folds}") for k, part in enumerate(parts))
    return Split("glass", tuple(made))


def concentration_split(curve_set: CurveSet, base: Sequence[str] = BASE) -> Split:
    """Leave a range of concentrations out: a fold for each dopant, each kind of base (its oxides) and each range.

    Of the glasses of one dopant in one base, in the order of the dopant's fraction, the middle third and the highest
    third, at least one glass each. Fewer than three glasses make no range.
    """
    families: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for k, glass in enumerate(curve_set.glasses):
        of_base = base_of(glass.composition, base)
        oxides = tuple(name for name in base if of_base is not None and name in of_base.fractions)
        for dopant in dopants_of(curve_set, base):
            if glass.composition.fractions.get(dopant, 0.0) > 0:
                families.setdefault((dopant, oxides), []).append(k)
    made = []
    for (dopant, oxides), numbers in families.items():
        if len(numbers) < 3:
            continue
        ordered = sorted(numbers, key=lambda k: curve_set.glasses[k].composition.fractions[dopant])
        doses = [100 * curve_set.glasses[k].composition.fractions[dopant] for k in ordered]
        thirds = np.array_split(np.arange(len(ordered)), 3)
        for word, third in THIRDS.items():
            part = thirds[third]
            limits = f"{doses[part[0]]:.1f} to {doses[part[-1]]:.1f} mol%"
            name = f"{dopant} in {'-'.join(oxides) or 'no base'}, {word} concentrations, {limits}"
            made.append(_without(curve_set, [ordered[k] for k in part], name))
    if not made:
        raise GlasspotError(
            "no dopant has three glasses in one base, so no range of concentrations can be left out; the dopants are "
            f"{', '.join(dopants_of(curve_set, base)) or 'none'} (every oxide but {', '.join(base)}). "
            "Add glasses, or say which oxides are the base."
        )
    return Split("dopant-concentrations", tuple(made))


def dopant_split(curve_set: CurveSet, base: Sequence[str] = BASE) -> Split:
    """Leave each dopant out altogether: a fold for each, with every glass that holds it."""
    made = []
    for dopant in dopants_of(curve_set, base):
        part = [k for k, g in enumerate(curve_set.glasses) if g.composition.fractions.get(dopant, 0.0) > 0]
        if 0 < len(part) < len(curve_set.glasses):
            made.append(_without(curve_set, part, f"every glass with {dopant}"))
    if not made:
        raise GlasspotError(
            f"there is no dopant to leave out: no oxide but {', '.join(base)} is in some of the glasses and not in "
            "others. Say which oxides are the base."
        )
    return Split("dopant", tuple(made))


def _without(curve_set: CurveSet, part: Sequence[int], name: str) -> Fold:
    """Return the fold that holds the glasses of the numbers ``part``, with all their pairs."""
    out = {int(k) for k in part}
    train = curve_set.only([k for k in range(len(curve_set.glasses)) if k not in out])
    held = curve_set.only(sorted(out))
    return Fold(name, train, tuple(held.each()))


def _dealt(n: int, folds: int, seed: int, what: str) -> list[list[int]]:
    """Return the numbers below ``n``, shuffled and dealt to ``folds`` parts."""
    if not 2 <= folds <= n:
        raise GlasspotError(f"{folds} folds of {n} {what} were asked for; expected from 2 to {n}.")
    order = np.random.default_rng(seed).permutation(n)
    return [sorted(int(k) for k in order[part::folds]) for part in range(folds)]


def check_names(curve_set: CurveSet) -> None:
    """Raise GlasspotError for two glasses of one name: scores tell glasses apart by it."""
    seen: set[str] = set()
    for glass in curve_set.glasses:
        if glass.name in seen:
            raise GlasspotError(f'two glasses have the name "{glass.name}"; each glass needs a name of its own.')
        seen.add(glass.name)

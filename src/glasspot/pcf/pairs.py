"""Pairs of elements by one name each, whatever the order in which a glass lists its elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement

from ase.data import atomic_numbers

from glasspot.errors import GlasspotError, did_you_mean

FORMERS = ("Si", "B", "P", "Ge", "Al", "As", "Te", "V")
KINDS = ("former-O", "modifier-O", "O-O", "cation-cation")


def kind_of(pair: str) -> str:
    """Return the class of a pair: one of ``KINDS``. Formers are ``FORMERS``; every other cation is a modifier."""
    a, b = ends_of(pair)
    if b != "O":
        return "cation-cation"
    return "O-O" if a == "O" else "former-O" if a in FORMERS else "modifier-O"


def in_order(elements: Iterable[str]) -> tuple[str, ...]:
    """Return elements, each once: by atomic number, but O last, as in the names of bonds ("Si-O", "Na-Si")."""
    return tuple(sorted(set(elements), key=lambda element: (element == "O", atomic_numbers[element])))


def pair_name(a: str, b: str) -> str:
    """Return the one name of a pair of elements, such as "Si-O" for ("O", "Si")."""
    first, second = (a, a) if a == b else in_order((a, b))
    return f"{first}-{second}"


def ends_of(pair: str) -> tuple[str, str]:
    """Return the two elements of a pair in their one order; GlasspotError for what is no pair of elements."""
    parts = pair.split("-")
    if len(parts) != 2 or not all(part in atomic_numbers for part in parts):
        raise GlasspotError(f'"{pair}" is no pair of elements; expected such as "Si-O".')
    first, second = pair_name(*parts).split("-")
    return first, second


def pairs_of(elements: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all pairs of ``elements``, in a fixed order."""
    return tuple(pair_name(a, b) for a, b in combinations_with_replacement(in_order(elements), 2))


def asked_pairs(pairs: Sequence[str] | None, elements: Iterable[str]) -> tuple[str, ...]:
    """Return the names of ``pairs``, each once (None: all of ``elements``); GlasspotError for one they do not make."""
    there = pairs_of(elements)
    if pairs is None:
        return there
    found = []
    for pair in pairs:
        name = pair_name(*ends_of(pair)) if "-" in pair else pair
        if name not in there:
            raise GlasspotError(
                f'the glass has no pair "{pair}"; it has {", ".join(there)}.{did_you_mean(pair, there)}'
            )
        found.append(name)
    return tuple(dict.fromkeys(found))

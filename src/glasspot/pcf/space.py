"""Which glasses to simulate: compositions that fill a range evenly, each as far as can be from all the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.oxides import parse_oxide

CANDIDATES = 1000
DRAWS = 200  # tries for each candidate, before the ranges are said not to add up to 100 %


@dataclass(frozen=True)
class Ranges:
    """A range of glasses. base: oxide -> (least, most) mol% of the glass without what is added to it; they add up to
    100. added: oxide -> (least, most) mol% of the whole glass; each glass takes one of these, in turn.
    """

    base: Mapping[str, tuple[float, float]]
    added: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (least, most) in (*self.base.items(), *self.added.items()):
            parse_oxide(name)
            if not 0 <= least <= most <= 100:
                raise GlasspotError(
                    f"the range of {name} is {least:g} to {most:g} mol%; expected 0 <= least <= most <= 100."
                )
        both = set(self.base) & set(self.added)
        if both:
            raise GlasspotError(f"{', '.join(sorted(both))} stands in the base and in what is added to it; choose one.")
        if sum(most for _, most in self.base.values()) < 100 or sum(least for least, _ in self.base.values()) > 100:
            raise GlasspotError(
                "no glass has its base inside these ranges: their least amounts must add up to 100 mol% or less, "
                "and their most to 100 or more."
            )

    def glass(self, base: Mapping[str, float], added: str | None = None, dose: float = 0.0) -> Composition:
        """Return a base (fractions) with a fraction ``dose`` of the whole glass of an added oxide."""
        parts = {name: share * (1 - dose) for name, share in base.items()}
        if added is not None:
            parts[added] = dose
        return Composition(tuple((name, share) for name, share in parts.items() if share > 0))

    def doses(self, added: str, number: int, rng: np.random.Generator) -> list[float]:
        """Return ``number`` fractions of an added oxide, evenly spread over its range, in random order."""
        least, most = self.added[added]
        return [(least + (most - least) * (k + 0.5) / number) / 100.0 for k in rng.permutation(number)]

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Return the fractions of a base: all but one at random in their ranges, the widest takes what is left."""
        names = sorted(self.base, key=lambda name: self.base[name][0] - self.base[name][1])
        for _ in range(DRAWS):
            rest = {name: rng.uniform(*self.base[name]) for name in names[1:]}
            left = 100.0 - sum(rest.values())
            if self.base[names[0]][0] - 1e-9 <= left <= self.base[names[0]][1] + 1e-9:
                found = {names[0]: max(left, 0.0), **rest}
                return {name: found[name] / 100.0 for name in self.base}
        raise GlasspotError("these ranges of the base hardly ever add up to 100 mol%; widen them.")


def distance(a: Composition, b: Composition) -> float:
    """Return how far two compositions are from each other: half the sum of differences in fractions, 0 to 1."""
    names = dict.fromkeys((*a.fractions, *b.fractions))
    return 0.5 * sum(abs(a.fractions.get(name, 0.0) - b.fractions.get(name, 0.0)) for name in names)


def vectors(compositions: Sequence[Composition], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the fractions of ``names`` in each composition, (n, k)."""
    return np.array([[one.fractions.get(name, 0.0) for name in names] for one in compositions]).reshape(-1, len(names))


def fill(
    ranges: Ranges,
    number: int,
    taken: Sequence[Composition] = (),
    seed: int = 1,
    suits: Callable[[Composition], bool] = lambda _: True,
) -> list[Composition]:
    """Return ``number`` glasses in ``ranges``: each has the base that is farthest from all before it and ``taken``.

    The added oxides take turns, and the doses of each are evenly spread over its range. suits: says of a glass whether
    it can be simulated. GlasspotError when none can.
    """
    rng = np.random.default_rng([seed, number])
    bases = [ranges.draw(rng) for _ in range(CANDIDATES)]
    added: list[str | None] = [*ranges.added] or [None]
    doses = {name: ranges.doses(name, -(-number // len(added)), rng) for name in ranges.added}
    chosen: list[Composition] = []
    names = [*ranges.base, *ranges.added]
    names += [name for one in taken for name in one.fractions if name not in names]
    names = list(dict.fromkeys(names))
    shares = np.array([[base.get(name, 0.0) for name in names] for base in bases])
    others = vectors(taken, names)
    for k in range(number):
        name = added[k % len(added)]
        dose = 0.0 if name is None else doses[name][k // len(added)]
        places = shares * (1 - dose)
        if name is not None:
            places[:, names.index(name)] = dose
        farthest = np.argsort(-_nearest(places, others), kind="stable")
        glasses = (ranges.glass(bases[place], name, dose) for place in farthest)
        found = next((glass for glass in glasses if suits(glass)), None)
        if found is None:
            raise GlasspotError(
                f"none of {CANDIDATES} glasses in these ranges can be simulated with this potential"
                + ("" if name is None else f" with {100 * dose:.3g} mol% {name}")
                + "; change the ranges."
            )
        chosen.append(found)
        others = np.vstack([others, vectors([found], names)])
    return chosen


def _nearest(places: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each of ``places`` (n, k) is from the nearest of ``others`` (m, k), (n,); 0 without any."""
    from scipy.spatial.distance import cdist

    if not len(others):
        return np.zeros(len(places))
    return np.asarray(0.5 * cdist(places, others, "cityblock").min(axis=1))

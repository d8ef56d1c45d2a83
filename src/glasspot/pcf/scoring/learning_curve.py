"""How the errors fall with the number of glasses learnt from, on held-out glasses that are never learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Tell, Train, silent
from glasspot.pcf.pairs import KINDS, pairs_of
from glasspot.pcf.scoring.held_out import judge
from glasspot.pcf.scoring.scores import Scores, simulated_of
from glasspot.pcf.scoring.splits import check_names

HELD_SHARE = 0.25


@dataclass(frozen=True)
class LearningPoint:
    """One model after ``size`` glasses. ``errors``: measure (``Scores.averages``) -> average over the held-out curves;
    ``refused``: curves that the model could not predict, which the averages leave out.
    """

    model: str
    size: int
    repeat: int
    errors: Mapping[str, float]
    refused: int


@dataclass(frozen=True)
class LearningCurve:
    """All points; ``held``: the names of the held-out glasses."""

    points: tuple[LearningPoint, ...]
    held: tuple[str, ...]

    def of(self, model: str, measure: str) -> list[tuple[int, float, float | None]]:
        """Return (size, mean over the repeats, their standard deviation or None) by size, of one model."""
        found: dict[int, list[float]] = {}
        for point in self.points:
            if point.model == model and measure in point.errors:
                found.setdefault(point.size, []).append(point.errors[measure])
        return [(size, fmean(v), stdev(v) if len(v) > 1 else None) for size, v in sorted(found.items())]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return {"held": list(self.held), "points": [asdict(point) for point in self.points]}


def learning_curve(
    models: Mapping[str, Train],
    curve_set: CurveSet,
    sizes: Sequence[int],
    repeats: int = 3,
    seed: int = 0,
    tell: Tell = silent,
) -> LearningCurve:
    """Train each model on ``sizes`` glasses, ``repeats`` times with others in another order, each size holding the
    smaller one; a quarter of the glasses, the same for all, is asked for. GlasspotError for sizes that the rest cannot
    fill.
    """
    check_names(curve_set)
    held, pool = parted(curve_set, HELD_SHARE, np.random.default_rng([seed, 0]))
    if not sizes or min(sizes) < 1 or max(sizes) > len(pool):
        raise GlasspotError(
            f"sizes {', '.join(map(str, sizes)) or 'none'} were asked for; of {len(curve_set.glasses)} glasses "
            f"{len(held)} are held out, so expected from 1 to {len(pool)}."
        )
    simulated = simulated_of(curve_set)
    asked = list(curve_set.only(held).each())
    points = []
    steps = [(repeat, size, name) for repeat in range(repeats) for size in sorted(sizes) for name in models]
    for number, (repeat, size, name) in enumerate(steps):
        order = every_pair_soon(curve_set, pool, np.random.default_rng([seed, 1, repeat]))
        judged = judge(models[name](curve_set.only(order[:size]), silent), asked, simulated)
        points.append(LearningPoint(name, size, repeat, errors_of(judged.curves, judged.glasses), len(judged.refused)))
        tell(f"{name}, {size} glasses", number + 1, len(steps))
    return LearningCurve(tuple(points), tuple(curve_set.glasses[k].name for k in held))


def errors_of(curves: Sequence[Any], glasses: Sequence[Any]) -> dict[str, float]:
    """Return measure -> average of rows of ``held_out.judge``; "relative former-O" and so on for classes of pairs."""
    scores = Scores("", "", ("",), tuple(curves), tuple(glasses), (), ())
    found = {measure: average.mean for measure, average in scores.averages().items()}
    of_kinds = {kind: scores.averages(kind).get("relative") for kind in KINDS}
    return found | {f"relative {kind}": average.mean for kind, average in of_kinds.items() if average is not None}


def parted(curve_set: CurveSet, share: float, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Return the numbers of the held-out glasses, drawn at random, and of the others."""
    n = len(curve_set.glasses)
    if n < 4:
        raise GlasspotError(f"{n} glasses are too few to hold some of them out; expected 4 or more.")
    order = [int(k) for k in rng.permutation(n)]
    cut = max(1, round(share * n))
    return sorted(order[:cut]), sorted(order[cut:])


def every_pair_soon(curve_set: CurveSet, pool: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Return the pool in random order, but first those glasses, as met, that bring a pair not met before."""
    order = [int(k) for k in rng.permutation(list(pool))]
    met: set[str] = set()
    first = []
    for k in order:
        brings = set(pairs_of(curve_set.glasses[k].counts)) - met
        if brings:
            first.append(k)
            met |= brings
    return first + [k for k in order if k not in first]

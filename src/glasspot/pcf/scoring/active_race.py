"""Is it worth asking the model what to simulate next? A race on glasses that are simulated already.

Some glasses are held out for the test, a few are the start, the others are the pool. Each way of choosing adds glasses
from the pool in batches, a model is trained after each, and its error on the held-out glasses is written down.

    uncertainty  next_glass: where the model's bands are widest
    random       any glass of the pool
    spread       the glass farthest from all chosen ones: what needs no model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Model, Tell, Train, silent
from glasspot.pcf.next_glass import apart, as_points, next_glass
from glasspot.pcf.scoring.held_out import judge
from glasspot.pcf.scoring.learning_curve import HELD_SHARE, errors_of, every_pair_soon, parted
from glasspot.pcf.scoring.scores import simulated_of
from glasspot.pcf.scoring.splits import check_names

WAYS = ("uncertainty", "random", "spread")


@dataclass(frozen=True)
class RaceStep:
    """One training: ``way`` of choosing, number of glasses learnt from, errors by measure on the held-out glasses."""

    way: str
    seed: int
    size: int
    errors: dict[str, float]


@dataclass(frozen=True)
class Race:
    """All steps of all ways and seeds."""

    steps: tuple[RaceStep, ...]

    def medians(self, way: str, measure: str = "relative") -> list[tuple[int, float]]:
        """Return (number of glasses, median error over the seeds) of one way of choosing."""
        found: dict[int, list[float]] = {}
        for step in self.steps:
            if step.way == way and measure in step.errors:
                found.setdefault(step.size, []).append(step.errors[measure])
        return [(size, median(values)) for size, values in sorted(found.items())]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return {"steps": [asdict(step) for step in self.steps]}


def race(
    train: Train,
    curve_set: CurveSet,
    start: int = 8,
    batch: int = 4,
    rounds: int = 5,
    seeds: Sequence[int] = (0, 1, 2),
    tell: Tell = silent,
) -> Race:
    """Run the race; the ways share the held-out glasses and the start of a seed. GlasspotError for too few glasses.

    The start brings every pair of elements as soon as it can, as a sensible first plan would.
    """
    check_names(curve_set)
    simulated = simulated_of(curve_set)
    steps: list[RaceStep] = []
    for number, seed in enumerate(seeds):
        held, pool = parted(curve_set, HELD_SHARE, np.random.default_rng([seed, 0]))
        if start < 1 or start + batch * rounds > len(pool):
            raise GlasspotError(
                f"a start of {start} and {rounds} batches of {batch} were asked for, but only {len(pool)} glasses of "
                f"{len(curve_set.glasses)} are not held out; ask for less."
            )
        asked = list(curve_set.only(held).each())
        order = every_pair_soon(curve_set, pool, np.random.default_rng([seed, 1]))
        for way in WAYS:
            chosen, left = order[:start], order[start:]
            rng = np.random.default_rng([seed, 2])
            for done in range(rounds + 1):
                model = train(curve_set.only(chosen), silent)
                judged = judge(model, asked, simulated)
                steps.append(RaceStep(way, seed, len(chosen), errors_of(judged.curves, judged.glasses)))
                if done < rounds:
                    new = _choose(way, model, curve_set, chosen, left, batch, rng)
                    chosen, left = chosen + new, [k for k in left if k not in new]
            tell(f"seed {seed}, {way}", WAYS.index(way) + 1 + number * len(WAYS), len(WAYS) * len(seeds))
    return Race(tuple(steps))


def _choose(
    way: str,
    model: Model,
    curve_set: CurveSet,
    chosen: Sequence[int],
    left: Sequence[int],
    batch: int,
    rng: np.random.Generator,
) -> list[int]:
    """Return the numbers of the next glasses, out of ``left``."""
    if way == "random":
        return [int(k) for k in rng.choice(list(left), batch, replace=False)]
    compositions = [glass.composition for glass in curve_set.glasses]
    if way == "uncertainty":
        found = next_glass(model, [compositions[k] for k in left], [compositions[k] for k in chosen], batch)
        new = [left[one.number] for one in found]
    else:
        points, new = as_points(compositions), []
        for _ in range(batch):
            distance = apart(points[list(left)], points[[*chosen, *new]]).min(axis=1)
            new.append(left[int(np.argmax(distance))])
    others = [k for k in left if k not in new]  # a pool may hold a composition twice, which is worth nothing
    return new + [int(k) for k in rng.choice(others, batch - len(new), replace=False)]

"""What was told, point by point: repeats and levels of one point belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.search.proposer import Evaluation

DECIMALS = 6  # of a side, as far as two points are one


def key_of(point: np.ndarray) -> tuple[float, ...]:
    """Return what two points have in common that are one but for rounding."""
    return tuple((np.round(point, DECIMALS) + 0.0).tolist())  # 0.0: no -0


@dataclass(frozen=True)
class Evaluated:
    """The points (n, p) where some run succeeded, the evaluations of each, and the number of its first success (n,)."""

    points: np.ndarray
    runs: tuple[tuple[Evaluation, ...], ...]
    first: np.ndarray

    @classmethod
    def of(cls, told: Sequence[Evaluation]) -> Evaluated:
        """Return what ``told`` says, failures of a point that also succeeded among its runs."""
        runs: dict[tuple[float, ...], list[Evaluation]] = {}
        first: dict[tuple[float, ...], int] = {}
        for number, evaluation in enumerate(told):
            runs.setdefault(key_of(evaluation.point), []).append(evaluation)
            if evaluation.curves is not None:
                first.setdefault(key_of(evaluation.point), number)
        kept = [tuple(runs[key]) for key in first]
        return cls(np.array([of[0].point for of in kept]), tuple(kept), np.array(list(first.values()), dtype=int))

    def __len__(self) -> int:
        return len(self.runs)

    def level(self, number: int) -> int:
        """Return the highest level at which a run of this point succeeded."""
        return max(e.level for e in self.runs[number] if e.curves is not None)

    def next_level(self, number: int, levels: int) -> int | None:
        """Return the level to go on with: that after the highest one run; None after the last, or a failure there."""
        tried = max(e.level for e in self.runs[number]) + 1
        return tried if tried < levels and tried == self.level(number) + 1 else None


def least_cost(told: Sequence[Evaluation]) -> np.ndarray | None:
    """Return the point (p,) of least mean cost, of those at the highest level that any reached; None if all failed."""
    found = Evaluated.of([e for e in told if e.cost is not None and e.curves is not None])
    if not len(found):
        return None
    top = max(found.level(number) for number in range(len(found)))

    def cost(number: int) -> float:
        of = [e.cost for e in found.runs[number] if e.level == top and e.cost is not None]
        return float(np.mean(of)) if of else float("inf")

    return np.asarray(found.points[min(range(len(found)), key=cost)])


@dataclass(frozen=True)
class Novelty:
    """How many evaluations were of new points, of known points at another level, and repeats of both."""

    new: int = 0
    other_level: int = 0
    repeats: int = 0

    @classmethod
    def of(cls, told: Sequence[Evaluation], first: int) -> Novelty:
        """Return how new the evaluations were from number ``first`` on."""
        points: set[tuple[float, ...]] = set()
        runs: set[tuple[float, ...]] = set()
        counts = [0, 0, 0]
        for number, evaluation in enumerate(told):
            point = key_of(evaluation.point)
            run = (*point, evaluation.level)
            if number >= first:
                counts[(point in points) + (run in runs)] += 1
            points.add(point)
            runs.add(run)
        return cls(*counts)

"""What every search method is: ask for points of the unit cube, tell what came of them.

Notation, for all methods
    u       point of the unit cube, (n,)
    level   how it is simulated, 0 the cheapest (a small glass, quenched fast); with one level all are of level 0
    cost    what is made small: R_chi of the weighted targets, a fraction; noisy
    margin  u -> number; below zero the point is screened out before any run (the barrier of like charges is too low)

A proposer holds no hidden state: ``ask`` gives the same points until something is told, and two proposers that were
told the same in the same order ask for the same points, whether or not they were asked before. A fit is resumed by
telling what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from glasspot.search.linear_model import LinearModel

Margin = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Proposal:
    """A point to run, what cost the method expects there (nan: no expectation), and what it is for, in a few words."""

    point: np.ndarray
    predicted: float = float("nan")
    note: str = ""
    level: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What came of a point: its cost with the standard error, or None for both where a run failed.

    ``curves`` are the scaled curves (m,) whose distance from the scaled reference is the cost; None: not told.
    ``model`` is there where the runs gave the response of the curves to the parameters as well.
    """

    point: np.ndarray
    cost: float | None
    error: float | None = None
    model: LinearModel | None = None
    curves: np.ndarray | None = None
    level: int = 0


class Proposer(Protocol):
    """A search method."""

    name: ClassVar[str]
    needs_response: ClassVar[bool]  # it wants ``Evaluation.model``

    @property
    def place(self) -> np.ndarray | None:
        """The evaluated point at which the search stands, (n,); None before the first."""

    @property
    def refining(self) -> bool:
        """Whether the next runs should be longer, as near the end."""

    @property
    def finished(self) -> bool:
        """Whether the method's own rule to stop is met."""

    def ask(self, count: int) -> list[Proposal]:
        """Return the next points, never none; ``count`` is how many are run side by side.

        A method may return fewer, or more where its points belong together (a generation, a gradient).
        """

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points: those asked for, or a first part of them when the budget ended, in their order.

        Points of other methods, told before the first ``ask``, may be used or ignored.
        """


@runtime_checkable
class Learner(Proposer, Protocol):
    """A search method that models what every glass does, and moves its windows."""

    @property
    def windows(self) -> np.ndarray:
        """Where it looks now, (n, 2): low and high of each axis of the cube."""

    @property
    def decisions(self) -> Sequence[Mapping[str, Any]]:
        """What it decided so far beside its points, as plain values for the record, oldest first.

        Each has "kind" ("window", ...), "evaluations": how many had been told, and "reason", a sentence.
        """

    def recommended(self, count: int) -> list[np.ndarray]:
        """Return the evaluated points, best first, that its model expects most of where the fit is judged."""


def no_margin(point: np.ndarray) -> float:
    """Screen nothing out."""
    return float(np.inf)

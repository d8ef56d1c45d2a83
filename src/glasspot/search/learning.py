"""Active learning: train a surrogate, optimise on it, run the best few by MD, train again.

The loop of "Optimization of transferable interatomic potentials for glasses toward experimental properties" (preprint,
2025; sections 2.1 to 2.4 and 3), "the paper" below and in the modules that this one uses.

An iteration: a surrogate learns everything that was run; ``runs`` optimisations of its loss, each with its own random
numbers, give ``top`` points each; the best ``pick`` of them, kept apart, are run. Phases follow one another, each with
its optimiser and its objective. The windows may move by rule between iterations (:mod:`glasspot.search.windows`).

What is chosen here and not printed: distances that keep points apart (:mod:`glasspot.search.diverse`); points near
failures are not proposed (:mod:`glasspot.search.failures`); how the runs differ (:mod:`glasspot.search.best_of_runs`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.extras import need
from glasspot.search.aims import Aims
from glasspot.search.best_of_runs import Best
from glasspot.search.cost_model import repeatable
from glasspot.search.failures import Failures
from glasspot.search.grid_random import grid_random, random_points, sobol_points
from glasspot.search.inner import Task
from glasspot.search.points import same
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin
from glasspot.search.windows import Rule, Selection, checked, moved
from glasspot.surrogate.data import Surrogate
from glasspot.surrogate.models import make_surrogate

# Of the paper.
START_POINTS, ITERATIONS, RUNS, TOP, PICK = 230, (8, 9), 5, 5, 10
FEWEST = 4  # successes without which there is nothing to train on
OPTIMISERS = {"bayes": "Bayesian optimisation", "cma-es": "CMA-ES"}
START_SETS = {"grid-random": grid_random, "sobol": sobol_points}
STREAM = 43  # sets these random numbers apart from those of other methods with the same seed


@dataclass(frozen=True)
class Phase:
    """``iterations`` with one optimiser and one objective: ``weights`` (g, k) on the squares, or None for R_chi."""

    optimiser: str
    iterations: int
    weights: np.ndarray | None


class ActiveLearning:
    """Ask and tell. ``start`` (n,) in the cube is the first of ``start_points``; ``windows`` (n, 2): None for the cube.

    ``start_windows``: where the start set lies; None: in ``windows``. ``optimisers``, ``iterations`` and ``weights``
    have one entry for each phase. ``move``: whether windows move, by ``rule``. ``finished`` after the last iteration,
    or when twice the start set gave too few successes to learn from. GlasspotError for phases that do not fit, windows
    outside the cube, a screen that lets nearly nothing pass, and packages that are not installed.
    """

    name: ClassVar[str] = "active-learning"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(
        self,
        *,
        start: np.ndarray,
        seed: int,
        aims: Aims,
        margin: Margin = no_margin,
        windows: np.ndarray | None = None,
        surrogate: str = "mlp",
        start_set: str = "grid-random",
        start_points: int = START_POINTS,
        start_windows: np.ndarray | None = None,
        optimisers: Sequence[str] = tuple(OPTIMISERS),
        iterations: Sequence[int] = ITERATIONS,
        weights: Sequence[np.ndarray | None] | None = None,
        runs: int = RUNS,
        top: int = TOP,
        pick: int = PICK,
        move: bool = True,
        rule: Rule | None = None,
    ) -> None:
        self._start = np.array(start, dtype=float)
        self._seed, self._margin, self._aims = seed, margin, aims
        self._phases = _phases(optimisers, iterations, weights)
        self._surrogate = surrogate
        make_surrogate(surrogate)  # refuses an unknown name, or a missing package, before anything is run
        self._torch = surrogate != "quadratic" or "bayes" in optimisers
        self._best = Best(runs, top, pick)
        self._move, self._rule = move, rule
        self._windows = checked(np.tile([0.0, 1.0], (len(self._start), 1)) if windows is None else windows)
        first = self._windows if start_windows is None else checked(start_windows)
        if start_set not in START_SETS:
            raise GlasspotError(f'the start set "{start_set}" is not known; expected one of {", ".join(START_SETS)}')
        self._set = START_SETS[start_set](self._start, seed, margin, first, start_points)
        # Several levels (sizes, cooling rates): the paper has one, the one that is aimed at.
        self._level = int(np.argmin(np.abs(aims.levels).sum(1)))
        self._told: list[Evaluation] = []
        self._selections: list[Selection] = []
        self._decisions: list[dict[str, Any]] = []

    @property
    def place(self) -> np.ndarray | None:
        """The point of least observed loss, (n,); None before the first success."""
        return next(iter(self.recommended(1)), None)

    @property
    def finished(self) -> bool:
        """Whether the last iteration was told, or there is no success to learn from."""
        if not self._taught:
            return len(self._told) >= 2 * len(self._set)
        return len(self._selections) >= sum(phase.iterations for phase in self._phases)

    @property
    def windows(self) -> np.ndarray:
        """Where it looks now, (n, 2)."""
        return self._windows.copy()

    @property
    def decisions(self) -> Sequence[Mapping[str, Any]]:
        """What came of each iteration ("iteration"), and what was decided on crowded windows ("window")."""
        return tuple(self._decisions)

    def recommended(self, count: int) -> list[np.ndarray]:
        """Return the ``count`` points of least observed loss, by the objective of the present phase; no surrogate."""
        weights = self._phase.weights
        succeeded = [e for e in self._told if e.cost is not None and e.level == self._level]
        found: list[np.ndarray] = []
        for evaluation in sorted(succeeded, key=lambda e: self._observed(e, weights)):
            if len(found) == count:
                break
            if not any(same(evaluation.point, other) for other in found):
                found.append(evaluation.point)
        return found

    def ask(self, count: int) -> list[Proposal]:
        """Return the next ``pick`` points of an iteration; of the start set ``count`` where that is more."""
        told, count = len(self._told), max(1, count, self._best.pick)
        if told < len(self._set):
            points = self._set[told : told + count]
        elif not self._taught:
            rng = np.random.default_rng([self._seed, STREAM, told])
            points = random_points(rng, self._windows, lambda point: self._margin(point) >= 0, count)
            points = points if len(points) else self._start[None]
        else:
            return self._iteration()
        return [Proposal(point.copy(), note="start", level=self._level) for point in points]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points, whoever asked for them: the surrogate learns from all that succeeded."""
        if not evaluations:
            return
        of_iteration = len(self._told) >= len(self._set) and self._taught
        phase = self._phase
        self._told.extend(evaluations)
        if not of_iteration:
            return
        self._selections.append(Selection(np.array([e.point for e in evaluations]), self._windows))
        self._decisions.append(self._account(evaluations, phase))
        if self._move:
            self._windows, decisions = moved(
                self._windows, self._selections, self._told, self._margin, self._seed, self._rule
            )
            self._decisions.extend(decisions)

    @property
    def _taught(self) -> bool:
        """Whether enough succeeded to train on."""
        return sum(e.curves is not None for e in self._told) >= FEWEST

    @property
    def _phase(self) -> Phase:
        """The phase of the next iteration; the last one after the end."""
        left = len(self._selections)
        for phase in self._phases:
            if left < phase.iterations:
                return phase
            left -= phase.iterations
        return self._phases[-1]

    def _observed(self, evaluation: Evaluation, weights: np.ndarray | None) -> tuple[float, float]:
        """Return what to sort successes by: the loss, then the cost; R_chi^2 is known without curves."""
        cost = np.inf if evaluation.cost is None else evaluation.cost
        if weights is None:
            return cost**2, cost
        if evaluation.curves is None:
            return np.inf, cost
        return float(self._aims.loss(self._aims.values(evaluation.curves), weights)), cost

    def _iteration(self) -> list[Proposal]:
        """Train, optimise, and return the points of one iteration."""
        rng = np.random.default_rng([self._seed, STREAM, len(self._told)])
        quiet: AbstractContextManager[None] = repeatable(int(rng.integers(2**31))) if self._torch else nullcontext()
        with quiet:
            model = make_surrogate(self._surrogate, int(rng.integers(2**31)))
            model.fit(self._aims.rows(self._told))
            points = self._candidates(model, rng)
            predicted = np.sqrt(self._loss(model, None)(points))
        note = f"iteration {len(self._selections) + 1}, {self._phase.optimiser}"
        return [Proposal(p, float(cost), note, self._level) for p, cost in zip(points, predicted, strict=True)]

    def _loss(self, model: Surrogate, weights: np.ndarray | None) -> Callable[[np.ndarray], np.ndarray]:
        """Return the loss (m,) that the surrogate predicts for points (m, n)."""

        def loss(points: np.ndarray) -> np.ndarray:
            values = self._aims.by_glass(model.predict(self._aims.inputs(points)).mean)
            return self._aims.loss(values, weights)

        return loss

    def _candidates(self, model: Surrogate, rng: np.random.Generator) -> np.ndarray:
        """Return the points of one iteration, (k, n)."""
        failures = Failures(self._told, self._windows[:, 1] - self._windows[:, 0])

        def allowed(point: np.ndarray) -> bool:
            return not failures.near(point) and self._margin(point) >= 0

        task = Task(self._loss(model, self._phase.weights), self._windows, allowed)
        known = np.array([e.point for e in self._told])
        place = (self.recommended(1) or [self._start])[0]
        found = self._best.of(task, self._phase.optimiser, rng, known, place)
        # Nothing at all is allowed in these windows: the best is run again, which at least says how sure it is.
        return found if len(found) else place[None]

    def _account(self, evaluations: Sequence[Evaluation], phase: Phase) -> dict[str, Any]:
        """Return the record of the iteration that was just told."""
        number, total = len(self._selections), sum(p.iterations for p in self._phases)
        first = len(self._told) - len(evaluations)
        losses = [self._observed(e, phase.weights)[0] for e in evaluations]
        failed = sum(e.cost is None for e in evaluations)
        best = int(np.argmin(losses))
        came = f"the best of them has a loss of {losses[best]:.4g}" if failed < len(losses) else "none gave a loss"
        return {
            "kind": "iteration", "evaluations": len(self._told), "iteration": number, "optimiser": phase.optimiser,
            "phase": self._phases.index(phase), "first": first, "count": len(evaluations), "failed": failed,
            "best": None if failed == len(losses) else first + best, "windows": self._windows.tolist(),
            "reason": f"Iteration {number} of {total}, {OPTIMISERS[phase.optimiser]} on the surrogate: of "
            f"{len(evaluations)} points run {failed} failed; {came}.",
        }  # fmt: skip


def _phases(
    optimisers: Sequence[str], iterations: Sequence[int], weights: Sequence[np.ndarray | None] | None
) -> list[Phase]:
    """Return the phases; GlasspotError where their numbers differ, or an optimiser is not known."""
    weights = [None] * len(optimisers) if weights is None else weights
    if not 0 < len(optimisers) == len(iterations) == len(weights) or min(iterations) < 1:
        raise GlasspotError(
            f"the phases of active learning do not fit: {len(optimisers)} optimisers, iterations {list(iterations)}, "
            f"{len(weights)} objectives; expected one of each for every phase, and at least one iteration"
        )
    for optimiser in optimisers:
        if optimiser not in OPTIMISERS:
            raise GlasspotError(f'the optimiser "{optimiser}" is not known; expected one of {", ".join(OPTIMISERS)}')
    if "bayes" in optimisers:
        need("botorch", "BoTorch", "bayes", 'the optimiser "bayes" of active learning')
    return [Phase(*phase) for phase in zip(optimisers, iterations, weights, strict=True)]

"""Multi-objective search: one model of all glasses, points that push the front of the losses or lower their sum.

A round, after the start set:

    1  the surrogate learns from everything told: parameters, glass, condition -> quantities, with its noise
    2  joint samples of the values of all glasses, at evaluated points and at candidates, give sampled losses
    3  new points are chosen by them, for the total loss R_chi^2, which is what is validated in the end, and for the
       front of the losses of the quantities (:mod:`glasspot.search.greedy`)
    4  candidates are drawn anew about the chosen ones, and 2 and 3 done again

All losses are noise-free and at the condition aimed at. With several levels a new point is run at the cheapest, and a
share of each round goes to evaluated points at their next level; where noise is what hides the best of the evaluated
points, some are run again (:mod:`glasspot.search.again`).

Windows move by rule (:mod:`glasspot.search.window_moves`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from glasspot.extras import need
from glasspot.search.again import due, worth_promoting, worth_repeating
from glasspot.search.aims import Aims
from glasspot.search.cost_model import Feasibility, nearest, repeatable
from glasspot.search.evaluated import Evaluated, Novelty, least_cost
from glasspot.search.gain import RELATIVE_GAIN
from glasspot.search.glass_model import GlassModel, enough
from glasspot.search.grid_random import sobol_points
from glasspot.search.points import same
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin
from glasspot.search.prospect import Ground, Prospect
from glasspot.search.window_moves import Moves
from glasspot.search.windows import checked

START_POINTS = 20
BATCH = 4  # points of a round, where one at a time is asked
PATIENCE = 30  # evaluations without gain
PROMOTE = 0.25  # of what follows the start set: evaluated points at their next level
REPEAT = 0.25  # the same, run again at their level, at most
STREAM = 6  # sets these random numbers apart from those of other methods with the same seed


@dataclass(frozen=True)
class _View:
    """What is known after some evaluations: the points, the model, and what it expects of them at the aim (n, k)."""

    evaluated: Evaluated
    model: GlassModel
    expected: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """The evaluated points, least expected loss first."""
        return np.argsort(self.expected.sum(1), kind="stable")


class MultiObjective:
    """Ask and tell. ``start`` (n,) in the cube; ``windows`` (n, 2): the box in it where the search looks.

    ``aims``: what is wanted of each glass. ``surrogate``: its name. The first ``start_points`` are the start and points
    of a Sobol set in the windows, at level 0; the start is then run once at each other level. ``weights`` (g, k):
    factors on the squares in the losses whose front is pushed; the total loss stays R_chi^2. ``level_costs`` (l,): of
    one evaluation at each level. ``promote``: share of the evaluations after the start set that go to a next level.
    ``repeats``: whether points may be run again. ``move``: whether the windows move, by rule. ``finished`` when
    ``patience`` evaluations after the start set lowered the least expected R_chi by less than 3 %.

    GlasspotError where a package is not installed, or the screen lets nearly nothing pass.
    """

    name: ClassVar[str] = "multi-objective"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(
        self,
        *,
        start: np.ndarray,
        seed: int,
        aims: Aims,
        windows: np.ndarray,
        margin: Margin = no_margin,
        surrogate: str = "gaussian-process",
        start_points: int = START_POINTS,
        weights: np.ndarray | None = None,
        level_costs: Sequence[float] = (1.0,),
        promote: float = PROMOTE,
        repeats: bool = True,
        patience: int = PATIENCE,
        batch: int = BATCH,
        move: bool = True,
    ) -> None:
        need("botorch", "BoTorch", "bayes", f'method "{self.name}"')
        self._start = np.array(start, dtype=float)
        self._seed = seed
        self._aims = aims
        self._margin = margin
        self._surrogate = surrogate
        self._weights = weights
        self._costs = tuple(level_costs)
        self._promote = promote
        self._repeats = repeats
        self._patience = patience
        self._batch = batch
        self._first_windows = checked(windows)
        self._moves = Moves(self._first_windows, margin, seed) if move else None
        self._told: list[Evaluation] = []
        self._set = [Proposal(point, note="start") for point in self._spread(start_points)]
        self._set += [Proposal(self._start, note="start", level=level) for level in range(1, len(self._costs))]
        self._own = len(self._set)  # the number of the first evaluation that the model proposed
        self._seen: tuple[int, _View | None] = (-1, None)  # what _view found, and after how many evaluations

    @property
    def place(self) -> np.ndarray | None:
        """The point of least cost at the highest level that any reached, (n,); None before the first success."""
        return least_cost(self._told)

    @property
    def windows(self) -> np.ndarray:
        """Where it looks now, (n, 2)."""
        return (self._first_windows if self._moves is None else self._moves.windows).copy()

    @property
    def decisions(self) -> Sequence[Mapping[str, Any]]:
        """How its windows moved, and why."""
        return () if self._moves is None else tuple(self._moves.decisions)

    @property
    def finished(self) -> bool:
        """Whether the last evaluations after the start set gained nothing, as the model now sees all of them."""
        before = len(self._told) - self._patience
        if before < self._own:
            return False
        view = self._view()
        if view is None:
            return True
        loss = np.sqrt(view.expected.sum(1))
        earlier = loss[view.evaluated.first < before]
        return bool(len(earlier) and loss.min() > (1.0 - RELATIVE_GAIN) * earlier.min())

    def recommended(self, count: int) -> list[np.ndarray]:
        """Return ``count`` evaluated points, best first: those of least expected loss at the aim."""
        view = self._view()
        if view is None:
            return [] if self.place is None else [self.place]
        return [view.evaluated.points[i].copy() for i in view.order[:count]]

    def ask(self, count: int) -> list[Proposal]:
        """Return the next points: ``count`` of them, or a batch of its own size where one is asked."""
        told, size = len(self._told), count if count > 1 else self._batch
        if told < len(self._set):
            return [replace(p, point=p.point.copy()) for p in self._set[told : told + size]]
        view = self._view()
        if view is None:  # too few succeeded: there is nothing to model
            return [Proposal(point, note="start") for point in self._spread(told + size)[told:]]
        rng = np.random.default_rng([self._seed, STREAM, told])
        with repeatable(int(rng.integers(2**31))):
            return self._round(view, size, rng)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points, whoever asked for them: the model learns from all."""
        mine = all(same(e.point, p.point) for e, p in zip(evaluations, self._set, strict=False))
        if not self._told and not mine:
            self._own = max(self._own, len(evaluations))
        self._told.extend(evaluations)
        if self._moves is not None and len(self._told) > self._own:
            self._moves.follow(self._told, self._own)

    def _spread(self, points: int) -> np.ndarray:
        """Return the start and points of a Sobol set in the first windows that pass the screen, (points, n)."""
        return sobol_points(self._start, self._seed, self._margin, self._first_windows, points)

    def _view(self) -> _View | None:
        """Return the model of all that was told; None where it is too little."""
        told = len(self._told)
        if self._seen[0] != told:
            view = None
            if enough(self._told, self._aims):
                seed = int(np.random.default_rng([self._seed, STREAM, told, 1]).integers(2**31))
                with repeatable(seed):
                    model = GlassModel(self._told, self._aims, self._surrogate, seed)
                    evaluated = Evaluated.of(self._told)
                    view = _View(evaluated, model, model.expected(evaluated.points))
            self._seen = (told, view)
        return self._seen[1]

    def _round(self, view: _View, size: int, rng: np.random.Generator) -> list[Proposal]:
        """Return ``size`` proposals: evaluated points first, then new ones."""
        run = np.array([e.point for e in self._told])
        standing = view.evaluated.points[view.order]
        ground = Ground(self.windows, self._margin, run, self._feasibility(standing[0]))
        prospect = Prospect(view.model, self._aims, self._weights, ground, standing, rng)
        novelty = Novelty.of(self._told, self._own)
        again = self._again(view, prospect, novelty, size)
        new = prospect.choose(novelty.new, size - len(again))
        proposals = again + [Proposal(point, note=what) for point, what in new]
        if not proposals:  # the windows lie behind the screen
            return [Proposal(point, note="start") for point in self._spread(len(self._told) + size)[len(self._told) :]]
        levels = np.array([p.level for p in proposals])
        expected = view.model.expected(np.array([p.point for p in proposals]), levels).sum(1)
        return [replace(p, predicted=float(np.sqrt(loss))) for p, loss in zip(proposals, expected, strict=True)]

    def _again(self, view: _View, prospect: Prospect, novelty: Novelty, size: int) -> list[Proposal]:
        """Return the proposals of evaluated points: at their next level, or once more where they were run."""
        losses = prospect.standing.total
        numbers = view.order[: losses.shape[1]]
        total = len(self._told) - self._own + size
        following = [view.evaluated.next_level(n, len(self._costs)) for n in numbers]
        most = min(size, due(novelty.other_level, total, self._promote))
        up = worth_promoting(losses, following, self._costs, most)
        found = [Proposal(view.evaluated.points[numbers[i]], note="next level", level=level) for i, level in up]
        if self._repeats:
            most = min(size - len(up), max(1, int(REPEAT * size)), due(novelty.repeats, total, REPEAT))
            repeated = [i for i in worth_repeating(losses, prospect.gain, most) if i not in dict(up)]
            found += [
                Proposal(view.evaluated.points[n], note="repeat", level=view.evaluated.level(n))
                for n in numbers[repeated]
            ]
        return found

    def _feasibility(self, best: np.ndarray) -> Feasibility | None:
        """Return the model of failures near the best point; None where there are none."""
        points = np.array([e.point for e in self._told])
        succeeded = np.array([float(e.curves is not None) for e in self._told])
        near = nearest(points, best)
        return None if succeeded[near].all() else Feasibility(points[near], succeeded[near])

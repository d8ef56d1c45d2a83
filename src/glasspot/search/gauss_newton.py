"""Gauss-Newton on noisy curves with their Jacobian from fluctuations: ask for a point of the unit cube, tell a model.

Notation
    u        point of the unit cube, (n,)
    y, J     scaled curves (m,) and their Jacobian dy/du (m, n), both from one molecular dynamics run
    e        y_ref - y, so that |e| = R_chi;      S = E[(dJ)^T dJ], (n, n), the sampling noise of J by jackknife
    step     min_d |e - J d|^2 + d^T S d + lambda |d|^2      (1)  |J d| <= radius, |d_i| <= STEP_LIMIT, u + d in cube

The noise term of (1) keeps the step out of directions in which J is mostly noise: that is what makes so short runs
usable. Far away (R_chi > ``far``) peaks of model and reference do not overlap and e points nowhere useful, so e and J
are integrated over r there. The radius limits the predicted change of the curves and adapts by actual over predicted
gain; a step is accepted up to a margin for noise. Near the end, models of neighbouring runs are averaged.
A hard constraint ``margin(u) >= 0`` (the height of a barrier) is kept by linearising it about the point that breaks it.

When ``patience`` evaluations in a row gained nothing beyond noise, runs should be longer; when as many at that length
gained nothing either, the search is over. Counted since the runs got longer: longer runs have another noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from glasspot.search.gain import stalled
from glasspot.search.linear_model import LinearModel
from glasspot.search.points import same, slope_of
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin

PATIENCE = 4
STEP_LIMIT = 1.0 / 6.0  # longest step along one axis of the cube in one iteration
NEIGHBOUR_MEMORY = 12  # runs looked at when models are averaged
NEIGHBOURS = 6


@dataclass
class GaussNewton:
    """Ask and tell. ``start`` (n,) in the cube; ``reference`` (m,) scaled target; ``cumulative`` (m, m).

    ``margin`` maps a point to a number that must stay >= 0. One point at a time: each step needs the model before it.
    """

    name: ClassVar[str] = "gauss-newton"
    needs_response: ClassVar[bool] = True

    start: np.ndarray
    reference: np.ndarray
    cumulative: np.ndarray
    margin: Margin = no_margin
    patience: int = PATIENCE
    far: float = 0.25
    radius: float = 0.0
    predicted: float = float("nan")
    current: LinearModel | None = None
    refining: bool = False
    finished: bool = False
    models: list[LinearModel] = field(default_factory=list)
    _next: np.ndarray | None = None
    _far_gain: float = 0.0  # predicted relative gain of the integrated residual
    _lately: list[Evaluation] = field(default_factory=list)  # at the present length of run

    @property
    def place(self) -> np.ndarray | None:
        """The last point that was accepted, (n,); None before the first model."""
        return None if self.current is None else np.array(self.current.point)

    def ask(self, count: int = 1) -> list[Proposal]:
        """Return the one next point to run, whatever ``count`` is."""
        point = np.array(self.start if self._next is None else self._next, dtype=float)
        return [Proposal(point, self.predicted, "start" if self._next is None else "step")]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluation of the asked point; those of other points, or with a cost but no model, are ignored."""
        for evaluation in evaluations:
            strange = evaluation.cost is not None and evaluation.model is None
            if not strange and same(evaluation.point, self.ask()[0].point):
                self._take(evaluation)

    def _take(self, evaluation: Evaluation) -> None:
        model = None if evaluation.cost is None else evaluation.model
        if model is not None:
            self.models.append(model)
            self._judge(model)
        else:
            self.radius *= 0.4
        self._count(evaluation.point, model)
        if self.current is None:
            return
        self.radius = float(np.clip(self.radius, 0.01, max(0.03, self.current.cost)))
        best = self.averaged()
        step, predicted = self._step(best)
        self.predicted = predicted
        self._next = best.point + step

    def _count(self, point: np.ndarray, model: LinearModel | None) -> None:
        """See whether the search still gains, at the present length of run."""
        self._lately.append(Evaluation(point, None if model is None else model.cost))
        noise = self.models[-1].cost_noise if self.models else None  # the latest is told best: runs get longer
        if stalled([replace(e, error=noise) for e in self._lately], self.patience):
            self.finished = self.refining
            self.refining = True
            self._lately = []

    def averaged(self) -> LinearModel:
        """Return the current model averaged with those of runs whose curves it predicts to be close.

        Blocks of one run share its slow fluctuations, so they tell too little noise; where the runs scatter more about
        their common curves than their blocks say, ``cost_noise`` follows the runs.
        """
        current = self.current
        if current is None:
            raise ValueError("no model has been told yet")
        reach = max(0.02, 1.2 * current.cost_noise)
        near = []
        for model in self.models[-NEIGHBOUR_MEMORY:]:
            distance = float(np.linalg.norm(current.jacobian @ (model.point - current.point)))
            if distance <= reach:
                near.append((distance, model))
        chosen = [model for _, model in sorted(near, key=lambda pair: pair[0])[:NEIGHBOURS]]
        if len(chosen) < 2:
            return current
        count = len(chosen)
        curves = np.array([m.curves + m.jacobian @ (current.point - m.point) for m in chosen])
        between = float(curves.var(axis=0, ddof=1).sum())
        within = float(np.mean([m.cost_noise**2 for m in chosen]))
        return replace(
            current,
            curves=curves.mean(axis=0),
            jacobian=np.mean([m.jacobian for m in chosen], axis=0),
            jacobian_noise=np.sum([m.jacobian_noise for m in chosen], axis=0) / count**2,
            cost_noise=float(np.sqrt(max(between, within) / count)),
            scatter=np.concatenate([m.scatter for m in chosen]) / count,
        )

    def _judge(self, model: LinearModel) -> None:
        if self.current is None:
            self.current = model
            self.radius = max(0.08, 0.5 * model.cost)
            return
        old = self.current
        if max(model.cost, old.cost) > self.far:
            old_size, new_size = self._integrated(old), self._integrated(model)
            ratio = (old_size - new_size) / (old_size * max(self._far_gain, 1e-3))
            better = new_size < 1.05 * old_size or model.cost < old.cost
        else:
            # A gain below the noise cannot be judged: 0.003 keeps the ratio from being noise over nothing.
            ratio = (old.cost - model.cost) / max(old.cost - self.predicted, 0.003)
            better = model.cost < 1.05 * old.cost + 0.004
        if better:
            self.current = model
            if ratio > 0.6:
                self.radius *= 1.6
            elif ratio < 0.2:
                self.radius *= 0.6
        else:
            self.radius *= 0.4

    def _integrated(self, model: LinearModel) -> float:
        return float(np.linalg.norm(self.cumulative @ (self.reference - model.curves)))

    def _step(self, model: LinearModel) -> tuple[np.ndarray, float]:
        """Return the step of equation (1) and the R_chi predicted after it."""
        residual, jacobian = self.reference - model.curves, model.jacobian
        e, j = residual, jacobian
        if model.cost > self.far:
            # The same norm as the plain residual, so that the radius means the same.
            scale = np.linalg.norm(residual) / np.linalg.norm(self.cumulative @ residual)
            e, j = scale * self.cumulative @ residual, scale * self.cumulative @ jacobian
        matrix = j.T @ j + model.jacobian_noise
        gradient = j.T @ e
        step = self._constrained(model.point, matrix, gradient, j)
        self._far_gain = 1.0 - float(np.linalg.norm(e - j @ step) / np.linalg.norm(e))
        return step, float(np.linalg.norm(residual - jacobian @ step))

    def _constrained(self, point: np.ndarray, matrix: np.ndarray, gradient: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Solve (1) for the step, with the barrier as a linear constraint where the free step would break it."""
        low = np.minimum(np.maximum(-point, -STEP_LIMIT), -1e-9)
        high = np.maximum(np.minimum(1.0 - point, STEP_LIMIT), 1e-9)
        damping = float(np.trace(j.T @ j)) / len(point)
        here = self.margin(point)
        row, bound = None, 0.0
        step = np.zeros(len(point))
        for _ in range(6):
            step = self._within_radius(matrix, gradient, j, low, high, damping, row, bound)
            there = self.margin(point + step)
            if there >= 0:
                return step
            about = point + step if here > 3.0 else point + 0.5 * step
            row = slope_of(self.margin, about)
            bound = float(row @ step) - there + 0.03
            if here < 0:
                bound = min(bound, 0.0)
        # Linearising did not converge: shorten the last step until the constraint holds (or is no worse than here).
        while self.margin(point + step) < min(0.0, here):
            step = 0.7 * step if np.linalg.norm(step) > 1e-6 else np.zeros(len(point))
        return step

    def _within_radius(
        self,
        matrix: np.ndarray,
        gradient: np.ndarray,
        j: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        damping: float,
        row: np.ndarray | None,
        bound: float,
    ) -> np.ndarray:
        strength = 1e-5
        while True:
            shifted = matrix + strength * damping * np.eye(len(gradient))
            step = bounded_quadratic(shifted, gradient, low, high, row, bound)
            if np.linalg.norm(j @ step) <= self.radius or strength > 1e3:
                return step
            strength *= 1.6


def bounded_quadratic(
    matrix: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray, row: np.ndarray | None, bound: float
) -> np.ndarray:
    """Return the minimum of  d A d / 2 - b d  with low <= d <= high and, where a row is given, row . d >= bound.

    The box by a bounded least-squares solver on the Cholesky factor; the one row by its multiplier, found by bisection.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import lsq_linear

    size = len(gradient)
    factor = np.linalg.cholesky(matrix + 1e-13 * np.trace(matrix) * np.eye(size))

    def solve(multiplier: float) -> np.ndarray:
        pull = gradient if row is None else gradient + multiplier * row
        return np.asarray(lsq_linear(factor.T, solve_triangular(factor, pull, lower=True), bounds=(low, high)).x)

    best = solve(0.0)
    if row is None or row @ best >= bound:
        return best
    corner = np.where(row > 0, high, low)
    if row @ corner <= bound:  # nothing in the box does better
        return corner
    inside, outside = 0.0, 1e-8
    for _ in range(60):
        if row @ solve(outside) >= bound:
            break
        inside, outside = outside, outside * 3
    for _ in range(14):
        middle = 0.5 * (inside + outside)
        if row @ solve(middle) >= bound:
            outside = middle
        else:
            inside = middle
    return solve(outside)

"""Bayesian optimisation: a model of what was evaluated says where an improvement is to be expected.

The next point maximises  ln E[improvement of ln cost] + ln P(the run succeeds)  in a box about the best point, the
trust region, among points that pass the screen. Points of one batch are chosen one after another, each as if the
others were under way. The box doubles after ``GAINS`` gains in a row and halves after a number of evaluations without
one: it keeps the search where the model was tested (Eriksson et al., NeurIPS 2019, arXiv:1910.01739). Logarithm of the
expected improvement with noise: Ament et al., NeurIPS 2023, arXiv:2310.20708. BoTorch does both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from glasspot.extras import need
from glasspot.search.cost_model import SAMPLES, Feasibility, Surrogate, nearest, repeatable
from glasspot.search.gain import least_gain, stalled
from glasspot.search.points import pulled_back, same
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin
from glasspot.search.sobol import best_point, start_set

START_POINTS = 10
PATIENCE = 25  # evaluations without gain
FIRST_SIDE, LEAST_SIDE, MOST_SIDE = 0.5, 0.02, 1.0  # of the trust region, in sides of the cube
GAINS = 3
FEWEST_FAILURES = 8
CANDIDATES = 256
CLIMBS = 3  # candidates that are improved by gradients
CLIMB_STEPS = 40
STREAM = 2  # sets these random numbers apart from those of other methods with the same seed


def need_botorch() -> None:
    """Raise GlasspotError, with the line that installs it, where BoTorch is missing."""
    need("botorch", "BoTorch", "bayes", 'method "bayes"')


class Bayes:
    """Ask and tell. ``start`` (n,) in the cube; the first ``start_points`` are those of :class:`Sobol`.

    ``reference`` (m,): scaled curves of the target, for evaluations that tell their ``curves``; None: the cost alone is
    modelled. ``finished`` when ``patience`` evaluations after the start set gained nothing. GlasspotError where BoTorch
    is not installed, or the screen lets nearly nothing pass.
    """

    name: ClassVar[str] = "bayes"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(
        self,
        *,
        start: np.ndarray,
        seed: int,
        margin: Margin = no_margin,
        start_points: int = START_POINTS,
        patience: int = PATIENCE,
        reference: np.ndarray | None = None,
    ) -> None:
        need_botorch()
        self._start = np.array(start, dtype=float)
        self._seed = seed
        self._margin = margin
        self._patience = patience
        self._reference = reference
        self._set = start_set(self._start, seed, margin, start_points)
        self._told: list[Evaluation] = []
        self._own = len(self._set)  # the number of the first evaluation that the model proposed

    @property
    def place(self) -> np.ndarray | None:
        """The point of least cost, (n,); None before the first success."""
        return best_point(self._told)

    @property
    def finished(self) -> bool:
        """Whether the last evaluations after the start set gained nothing."""
        return len(self._told) >= self._own + self._patience and stalled(self._told, self._patience)

    def ask(self, count: int) -> list[Proposal]:
        """Return the next points: ``count``, or fewer where the start set ends."""
        told, count = len(self._told), max(1, count)
        if told < len(self._set):
            return [Proposal(point.copy(), note="start") for point in self._set[told : told + count]]
        if self.place is None:  # all failed: there is nothing to model but failures
            points = start_set(self._start, self._seed, self._margin, told + count)[told:]
            return [Proposal(point, note="start") for point in points]
        rng = np.random.default_rng([self._seed, STREAM, told])
        with repeatable(int(rng.integers(2**31))):
            return self._proposals(count, rng)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points, whoever asked for them: the model learns from all."""
        mine = all(same(e.point, point) for e, point in zip(evaluations, self._set, strict=False))
        if not self._told and not mine:
            self._own = max(self._own, len(evaluations))
        self._told.extend(evaluations)

    def side(self) -> float:
        """Return the side of the trust region, from what was told after the start set."""
        side, gains, failures = FIRST_SIDE, 0, 0
        patience = max(FEWEST_FAILURES, 2 * len(self._start))
        best = (np.inf, 0.0)
        for number, evaluation in enumerate(self._told):
            cost = np.inf if evaluation.cost is None else evaluation.cost
            gained = cost < np.inf and (best[0] == np.inf or cost < best[0] - least_gain(*best))
            if gained:
                best = (cost, evaluation.error or 0.0)
            if number < self._own:
                continue
            gains, failures = (gains + 1, 0) if gained else (0, failures + 1)
            if gains == GAINS:
                side, gains = min(2.0 * side, MOST_SIDE), 0
            if failures == patience:
                side, failures = max(0.5 * side, LEAST_SIDE), 0
        return side

    def _proposals(self, count: int, rng: np.random.Generator) -> list[Proposal]:
        """Return ``count`` points of the trust region, one after another."""
        best = self.place
        assert best is not None  # noqa: S101 - the caller checked; tells the type checker
        succeeded = [e for e in self._told if e.cost is not None]
        curves_known = self._reference is not None and all(e.curves is not None for e in succeeded)
        near = nearest(np.array([e.point for e in succeeded]), best)
        surrogate = Surrogate([succeeded[i] for i in near], self._reference if curves_known else None)
        # The centre is the best as the model sees it: less a child of luck than the least of noisy costs.
        centre = surrogate.points[int(np.argmin(surrogate.expected(surrogate.points)))]
        half = 0.5 * self.side()
        box = np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
        feasibility = self._feasibility(best)
        chosen: list[np.ndarray] = []
        for _ in range(count):
            gain = _Gain(surrogate, feasibility, chosen)
            chosen.append(self._best_candidate(gain, centre, box, chosen, rng))
        expected = surrogate.expected(np.array(chosen))
        note = "expected improvement"
        return [Proposal(point, float(cost), note) for point, cost in zip(chosen, expected, strict=True)]

    def _feasibility(self, best: np.ndarray) -> Feasibility | None:
        """Return the model of failures near the best point; None where there are none."""
        points = np.array([e.point for e in self._told])
        succeeded = np.array([float(e.cost is not None) for e in self._told])
        near = nearest(points, best)
        return None if succeeded[near].all() else Feasibility(points[near], succeeded[near])

    def _best_candidate(
        self,
        gain: _Gain,
        centre: np.ndarray,
        box: tuple[np.ndarray, np.ndarray],
        chosen: Sequence[np.ndarray],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return the point of the box with the greatest gain found that passes the screen and is not yet chosen."""
        from scipy.stats import qmc

        low, high = box
        n = len(centre)
        spread = low + (high - low) * qmc.Sobol(n, rng=rng).random(CANDIDATES)
        close = centre + 0.1 * (high - low) * rng.standard_normal((CANDIDATES // 2, n))
        candidates = np.vstack([spread, np.clip(close, low, high)])
        order = np.argsort(-gain(candidates), kind="stable")
        # The screen costs more than the model: only the most promising are screened.
        passed = (candidates[i] for i in order if self._margin(candidates[i]) >= 0)
        firsts = [point for point, _ in zip(passed, range(CLIMBS), strict=False)]
        if not firsts:  # the box lies behind the screen
            number = len(self._told) + len(chosen)
            return np.asarray(start_set(self._start, self._seed, self._margin, number + 1)[number])
        climbed = gain.climb(np.array(firsts), low, high)
        found = [pulled_back(last, first, self._margin) for first, last in zip(firsts, climbed, strict=True)]
        found = [point for point in (*found, *firsts) if not any(same(point, other) for other in chosen)]
        return found[int(np.argmax(gain(np.array(found))))]


class _Gain:
    """ln expected improvement + ln probability of success, with the points already chosen as if under way."""

    def __init__(self, surrogate: Surrogate, feasibility: Feasibility | None, chosen: Sequence[np.ndarray]) -> None:
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.sampling import SobolQMCNormalSampler

        self._improvement = qLogNoisyExpectedImprovement(
            surrogate.model,
            torch.as_tensor(surrogate.points),
            sampler=SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=0),
            objective=GenericMCObjective(lambda values, X=None: -surrogate.log_cost(values)),
            X_pending=torch.as_tensor(np.array(chosen)) if chosen else None,
        )
        self._feasibility = feasibility

    def _of(self, points: Any) -> Any:
        gain = self._improvement(points[:, None, :])
        return gain if self._feasibility is None else gain + self._feasibility.log_probability(points)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the gain (k,) at ``points`` (k, n)."""
        import torch

        with torch.no_grad():
            return np.asarray(self._of(torch.as_tensor(points)).numpy())

    def climb(self, firsts: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return where L-BFGS-B leads from ``firsts`` (k, n) inside the box, all at once, (k, n)."""
        import torch
        from scipy.optimize import minimize

        def downhill(flat: np.ndarray) -> tuple[float, np.ndarray]:
            points = torch.as_tensor(flat.reshape(firsts.shape)).requires_grad_()
            loss = -self._of(points).sum()
            (slope,) = torch.autograd.grad(loss, points)
            return float(loss), slope.numpy().ravel()

        bounds = list(zip(np.tile(low, len(firsts)), np.tile(high, len(firsts)), strict=True))
        steps = {"maxiter": CLIMB_STEPS}
        found = minimize(downhill, firsts.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=steps)
        return np.asarray(found.x.reshape(firsts.shape))

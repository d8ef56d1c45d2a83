"""Optimisers of a cheap function in a box: what runs on a surrogate, before any MD.

The two of the paper (:mod:`glasspot.search.learning`): Bayesian optimisation, with a Gaussian process of the cheap
function itself, and CMA-ES. Both see only values. Both return everything they looked at, so that the caller may pick
more than the best. The box is worked in as the unit cube, so that a step means the same in each direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasspot.search.grid_random import random_points

Loss = Callable[[np.ndarray], np.ndarray]  # points (m, n) -> (m,), positive
Allowed = Callable[[np.ndarray], bool]  # point (n,) -> whether it may be proposed

# Of Bayesian optimisation.
LOOKS = 60  # evaluations of a run
REFIT = 10  # evaluations between two fits of the lengths of the Gaussian process
SPREAD, CLOSE = 256, 128  # candidates all over the box, and about the best so far
CLOSE_STEPS = (0.15, 0.03)  # of the box, half of the close candidates each
UCB_BETA = 4.0  # two standard deviations
# Of CMA-ES.
SIGMA = 0.25  # of the box
GENERATIONS = 60
TRIES = 20  # draws for one point that is allowed
REFUSED = 1e3  # beyond any ln loss

ACQUISITIONS = ("expected-improvement", "upper-confidence-bound", "probability-of-improvement")


@dataclass(frozen=True)
class Looked:
    """The points (m, n) that a run looked at, all allowed, and their losses (m,)."""

    points: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Task:
    """A cheap function in a box (n, 2), and which of its points are allowed."""

    loss: Loss
    box: np.ndarray
    allowed: Allowed

    def place(self, unit: np.ndarray) -> np.ndarray:
        """Return points of the box, for points (..., n) of its unit cube."""
        low, high = self.box[:, 0], self.box[:, 1]
        return np.asarray(np.clip(low + (high - low) * unit, low, high))  # rounding must not lead out

    def unit(self, place: np.ndarray) -> np.ndarray:
        """Return points of its unit cube, for points (..., n) of the box."""
        return np.asarray((place - self.box[:, 0]) / (self.box[:, 1] - self.box[:, 0]))


def bayesian(task: Task, rng: np.random.Generator, acquisition: str, initial: int) -> Looked:
    """Return what a Bayesian optimisation looked at: ``initial`` random points, then where ``acquisition`` is greatest.

    The model is of ln loss; needs BoTorch. Call it inside :func:`glasspot.search.cost_model.repeatable`.
    """
    from glasspot.search.cost_model import LEAST_NOISE, gaussian_process

    places = random_points(rng, task.box, task.allowed, initial)
    if len(places) < 2:
        return Looked(places, task.loss(places) if len(places) else np.zeros(0))
    units, values = task.unit(places), _log(task.loss(places))
    while len(units) < LOOKS:
        scaled, centre, spread = _scaled(values)
        model = gaussian_process(units, scaled, LEAST_NOISE)
        for _ in range(min(REFIT, LOOKS - len(units))):
            point = _most_wanted(model, acquisition, task, units, values, rng)
            if point is None:
                return Looked(task.place(units), np.exp(values))
            units = np.vstack([units, point])
            values = np.append(values, _log(task.loss(task.place(point)[None])))
            _learn(model, units, (values - centre) / spread)
    return Looked(task.place(units), np.exp(values))


def _log(losses: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(losses, 1e-12)))


def _scaled(values: np.ndarray) -> tuple[Any, float, float]:
    """Return values of mean 0 and variance 1, a tensor (m, 1), with the mean and the spread that they had."""
    import torch

    centre, spread = float(values.mean()), max(float(values.std()), 1e-6)
    return torch.as_tensor((values - centre) / spread)[:, None], centre, spread


def _learn(model: Any, units: np.ndarray, scaled: np.ndarray) -> None:
    """Give the model all points, its lengths as they are."""
    import torch

    model.set_train_data(torch.as_tensor(units), torch.as_tensor(scaled), strict=False)


def _most_wanted(
    model: Any, acquisition: str, task: Task, units: np.ndarray, values: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """Return the allowed candidate that the acquisition prefers, in the unit cube; None where none is allowed."""
    import torch

    n = units.shape[1]
    best = units[np.argmin(values)]
    steps = np.repeat(CLOSE_STEPS, CLOSE // len(CLOSE_STEPS))[:, None] * rng.standard_normal((CLOSE, n))
    candidates = np.vstack([rng.random((SPREAD, n)), np.clip(best + steps, 0.0, 1.0)])
    with torch.no_grad():
        wanted = _acquisition(acquisition, model)(torch.as_tensor(candidates)[:, None, :]).numpy()
    for i in np.argsort(-wanted, kind="stable"):
        if task.allowed(task.place(candidates[i])):
            return np.asarray(candidates[i])
    return None


def _acquisition(name: str, model: Any) -> Any:
    """Return BoTorch's acquisition function, for a loss that is made small."""
    from botorch.acquisition.analytic import (
        LogExpectedImprovement,
        LogProbabilityOfImprovement,
        UpperConfidenceBound,
    )

    if name == "upper-confidence-bound":
        return UpperConfidenceBound(model, beta=UCB_BETA, maximize=False)
    least = model.train_targets.min()
    if name == "probability-of-improvement":
        return LogProbabilityOfImprovement(model, best_f=least, maximize=False)
    return LogExpectedImprovement(model, best_f=least, maximize=False)


def cma_es(task: Task, rng: np.random.Generator, start: np.ndarray) -> Looked:
    """Return the allowed points that CMA-ES looked at; ``start`` (n,) in the box is the first centre of its cloud."""
    from cmaes import CMA

    n = len(start)
    centre = np.clip(task.unit(start), 0.0, 1.0)
    seed = int(rng.integers(2**31))
    cloud = CMA(mean=centre, sigma=SIGMA, bounds=np.tile([0.0, 1.0], (n, 1)), seed=seed)
    points, losses = [np.zeros((0, n))], [np.zeros(0)]
    for _ in range(GENERATIONS):
        drawn = [_draw(cloud, task) for _ in range(cloud.population_size)]
        units = np.array([unit for unit, _ in drawn])
        allowed = np.array([ok for _, ok in drawn])
        # Refused points rank last, the farther from the start the worse: they draw the cloud back.
        ranked = REFUSED + np.linalg.norm(units - centre, axis=1)
        if allowed.any():
            points.append(task.place(units[allowed]))
            losses.append(task.loss(points[-1]))
            ranked[allowed] = _log(losses[-1])
        cloud.tell(list(zip(units, ranked.tolist(), strict=True)))
        if cloud.should_stop():
            break
    return Looked(np.vstack(points), np.concatenate(losses))


def _draw(cloud: Any, task: Task) -> tuple[np.ndarray, bool]:
    """Return a point of the cloud, in the unit cube, and whether it is allowed."""
    for _ in range(TRIES):
        unit = np.asarray(cloud.ask())
        if task.allowed(task.place(unit)):
            return unit, True
    return unit, False

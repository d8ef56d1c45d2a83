"""Which glass to simulate next: where the model is least sure, and not twice the same.

The uncertainty of a candidate is the width of its bands: sqrt(mean of (high - low)^2 over r) of each pair, in units of
sqrt(mean of g^2), averaged over the pairs with weights c_a c_b (2 - delta_ab). The weights are those of the total g(r):
without them the noise of rare pairs, which no further glass takes away, would decide. A batch is chosen one by one, by

    uncertainty (x) prod_k (1 - exp(-(|x - x_k| / l)^2))

over the glasses x_k that are simulated or already in the batch, with l the usual distance between neighbours among the
simulated ones, in mole fractions. A composition that is there already counts for nothing. Candidates that fill the
limits a user gives come from ``space.fill``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.model import Model
from glasspot.pcf.prediction import Prediction


@dataclass(frozen=True)
class Proposal:
    """A glass to simulate. ``uncertainty``: see the module; ``nearest``: how far the nearest simulated glass is, in
    mole fractions; ``worth``: what it was chosen by.
    """

    number: int
    composition: Composition
    uncertainty: float
    nearest: float
    worth: float


def uncertainty_of(prediction: Prediction) -> float:
    """Return the width of the bands of a prediction, as the module says; GlasspotError for a model without bands."""
    if prediction.low is None or prediction.high is None:
        raise GlasspotError("this model gives no bands, so it cannot tell where it is unsure; use the curve model.")
    width = np.sqrt(np.mean((prediction.high - prediction.low) ** 2, axis=1))
    size = np.sqrt(np.mean(prediction.g**2, axis=1))
    weights = np.array([_weight(prediction, pair) for pair in prediction.pairs])
    return float(np.sum(weights * width / np.maximum(size, 1e-6)) / weights.sum())


def _weight(prediction: Prediction, pair: str) -> float:
    a, b = pair.split("-")
    return prediction.fractions[a] * prediction.fractions[b] * (1.0 if a == b else 2.0)


def next_glass(
    model: Model, candidates: Sequence[Composition], already: Sequence[Composition], budget: int = 1
) -> tuple[Proposal, ...]:
    """Return ``budget`` of the candidates, the most useful first; fewer where there are no more worth anything.

    ``already``: the compositions that the model has learnt from. GlasspotError for no candidates or no bands.
    """
    if not candidates or budget < 1:
        raise GlasspotError(f"{budget} of {len(candidates)} candidates were asked for; give at least one of one.")
    unsure = np.array([uncertainty_of(model.predict(composition)) for composition in candidates])
    places = as_points([*candidates, *already])
    points, known = places[: len(candidates)], places[len(candidates) :]
    length = usual_distance(known)
    worth = unsure * novelty(points, known, length)
    nearest = apart(points, known).min(axis=1) if len(known) else np.full(len(points), np.inf)
    chosen: list[Proposal] = []
    while len(chosen) < min(budget, len(candidates)):
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            break
        one = Proposal(best, candidates[best], float(unsure[best]), float(nearest[best]), float(worth[best]))
        chosen.append(one)
        worth = worth * novelty(points, points[[best]], length)
    return tuple(chosen)


def as_points(compositions: Sequence[Composition]) -> np.ndarray:
    """Return the mole fractions (n, oxides) of compositions, over all oxides that any of them has."""
    oxides = tuple(dict.fromkeys(name for composition in compositions for name, _ in composition.oxides))
    return np.array([[composition.fractions.get(name, 0.0) for name in oxides] for composition in compositions])


def apart(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distances (n, m) in mole fractions."""
    return np.asarray(np.linalg.norm(points[:, None] - others[None], axis=2))


def usual_distance(points: np.ndarray) -> float:
    """Return the median distance of a glass from its nearest neighbour; 0.1 for fewer than two."""
    if len(points) < 2:
        return 0.1
    distances = apart(points, points)
    np.fill_diagonal(distances, np.inf)
    usual = float(np.median(distances.min(axis=1)))
    return usual if usual > 0 else 0.1


def novelty(points: np.ndarray, others: np.ndarray, length: float) -> np.ndarray:
    """Return prod_k (1 - exp(-(d_k / length)^2)) of each point, (n,): 0 at one of the others, 1 far from all."""
    return np.asarray(np.prod(1 - np.exp(-((apart(points, others) / length) ** 2)), axis=1))

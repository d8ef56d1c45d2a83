"""The comparison of the paper's Fig. 8a: a forest from the fingerprint straight to g(r) at 100 distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.paper.fingerprint import fingerprint
from glasspot.pcf.paper.forest import ForestSettings, grow
from glasspot.pcf.paper.training import r_squared, relative_errors

POINTS = 100  # of a curve, as in the paper
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DirectForest:
    """g of the curves held out: r (100,) in A, simulated and predicted (n, 100), R2 over all points, and the mean of
    the curves' mean squared errors, each as a share of the mean square of the simulated curve."""

    r: FloatArray
    simulated: FloatArray
    predicted: FloatArray
    r2: float
    error: float


def direct_forest(
    curve_set: CurveSet, held_out: NDArray[np.bool_], settings: ForestSettings | None = None, seed: int = 0
) -> DirectForest:
    """Return how well a forest predicts the curves themselves; ``held_out`` (n,): those that it is not trained on, in
    the order of ``CurveSet.each``, such as that of ``PaperTraining``.

    A point is the mean of the curve over a hundredth of the grid. GlasspotError for an oxide the paper does not have.
    """
    samples = np.array([fingerprint(glass.composition, pair) for glass, pair in curve_set.each()])
    edges = np.linspace(0, len(curve_set.r), POINTS + 1)
    totals = np.array([_sums(glass.mean(pair), edges) for glass, pair in curve_set.each()])
    curves = np.diff(totals, axis=1) / np.diff(edges)
    forest = grow(samples[~held_out], curves[~held_out], settings or ForestSettings(), seed)
    wanted, found = curves[held_out], forest.predict(samples[held_out])
    r = np.interp((edges[1:] + edges[:-1]) / 2 - 0.5, np.arange(len(curve_set.r)), curve_set.r)
    return DirectForest(
        r,
        wanted,
        found,
        r_squared(wanted.reshape(-1, 1), found.reshape(-1, 1)),
        float(relative_errors(wanted, found).mean()),
    )


def _sums(curve: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the sum of a curve up to each of ``edges``, in bins."""
    return np.asarray(np.interp(edges, np.arange(len(curve) + 1), np.concatenate([[0.0], np.cumsum(curve)])))

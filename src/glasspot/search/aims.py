"""Which glass and which quantity every value of an evaluation is: from scaled curves to the rows that a model learns.

Notation
    g, k    glasses and quantities (density, fraction_B4, ...)
    x       a value in its own unit, (g, k); nan where the glass has no such target
    s       its scale: s_t of :class:`glasspot.target.objective.Objective`, so that the cost is R_chi with

                R_chi^2 = sum_gk ( s_gk (x_gk - target_gk) )^2

A curve (g(r), S(Q)) is one quantity: its distance from the target, with s = 1 and the target 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from glasspot.search.proposer import Evaluation
from glasspot.surrogate.data import Layout, Rows

Describe = Callable[[np.ndarray], np.ndarray]  # point of the cube (n,) -> what a model is told of it, (p,)


def as_it_is(point: np.ndarray) -> np.ndarray:
    """Tell a model the place in the cube alone."""
    return np.asarray(point, dtype=float)


@dataclass(frozen=True)
class Aims:
    """What the evaluations of a fit say of each glass, and what is wanted of it.

    glasses: names. features (g, f): oxide fractions. quantities: names; bounded (k,): whether it is a fraction.
    start, length (g, k): where the quantity stands among the scaled values; length 0 where it is no target.
    target, scale (g, k). reference (m,): the scaled values wanted. levels (l, c): the condition of each level, zeros at
    the one for which the model is asked. describe: what a model is told of a point, p numbers.
    """

    glasses: tuple[str, ...]
    features: np.ndarray
    quantities: tuple[str, ...]
    bounded: tuple[bool, ...]
    start: np.ndarray
    length: np.ndarray
    target: np.ndarray
    scale: np.ndarray
    reference: np.ndarray
    levels: np.ndarray = field(default_factory=lambda: np.zeros((1, 0)))
    describe: Describe = as_it_is

    @property
    def measured(self) -> np.ndarray:
        """Return which quantities of which glass are targets, (g, k)."""
        return self.length > 0

    def values(self, curves: np.ndarray) -> np.ndarray:
        """Return the values x (g, k) of scaled curves (m,)."""
        found = np.full(self.target.shape, np.nan)
        for g, k in np.argwhere(self.measured):
            part = slice(self.start[g, k], self.start[g, k] + self.length[g, k])
            if self.length[g, k] == 1:
                found[g, k] = curves[part][0] / self.scale[g, k]
            else:
                found[g, k] = np.linalg.norm(self.reference[part] - curves[part])
        return found

    def losses(self, values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the part of each quantity in R_chi^2, (..., k), of values (..., g, k).

        weights (g, k): factors on the squares, for other objectives than R_chi; None: all 1.
        """
        squares = (self.scale * (values - self.target)) ** 2
        if weights is not None:
            squares = squares * weights
        return np.asarray(np.where(self.measured, squares, 0.0).sum(-2))

    def loss(self, values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return R_chi^2, (...), of values (..., g, k); weights as in :meth:`losses`."""
        return np.asarray(self.losses(values, weights).sum(-1))

    def inputs(self, points: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Return what a model is asked, (points * g, d): every glass of each point; levels (points,); None: the aim."""
        g = len(self.glasses)
        described = np.array([self.describe(point) for point in points])
        conditions = np.zeros((len(points), self.levels.shape[1])) if levels is None else self.levels[levels]
        return np.hstack([
            np.repeat(described, g, axis=0), np.tile(self.features, (len(points), 1)), np.repeat(conditions, g, axis=0)
        ])  # fmt: skip

    def rows(self, evaluations: Sequence[Evaluation]) -> Rows:
        """Return the rows that a model learns from the evaluations that succeeded: one for each glass of each."""
        told = [e for e in evaluations if e.curves is not None]
        points = np.array([e.point for e in told])
        x = self.inputs(points, np.array([e.level for e in told], dtype=int))
        y = np.concatenate([self.values(e.curves) for e in told if e.curves is not None])
        p = x.shape[1] - self.features.shape[1] - self.levels.shape[1]
        layout = Layout(p, self.features.shape[1], self.levels.shape[1])
        # Repeats of a point belong together: a model must not be tested on what it was taught.
        _, group = np.unique(np.round(points, 6), axis=0, return_inverse=True)
        return Rows(x, y, np.repeat(group.ravel(), len(self.glasses)), layout, self.bounded)

    def by_glass(self, predicted: np.ndarray) -> np.ndarray:
        """Return what a model says of :meth:`inputs`, (..., points * g, k), as (..., points, g, k)."""
        return predicted.reshape(*predicted.shape[:-2], -1, len(self.glasses), predicted.shape[-1])

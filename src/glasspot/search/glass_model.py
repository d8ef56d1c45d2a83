"""What a surrogate of all glasses, taught by all evaluations, says of points: values, and with them the losses.

The losses are computed from modelled values, not modelled themselves: values change smoothly with the parameters where
their squared deviations have a sharp valley (composite objective, Astudillo and Frazier, ICML 2019, arXiv:1906.01537).

Notation, beside that of :mod:`glasspot.search.aims`
    s      samples of the posterior, joint over all points, glasses and quantities
    loss   R_chi^2 of noise-free values at the condition aimed at
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.search.aims import Aims
from glasspot.search.proposer import Evaluation
from glasspot.surrogate.data import Surrogate
from glasspot.surrogate.models import make_surrogate
from glasspot.surrogate.scaling import FEWEST


class GlassModel:
    """A surrogate, named as in :mod:`glasspot.surrogate.models`, taught by ``evaluations``.

    There must be enough of them: see :func:`enough`. ``rows``: how many it learned from.
    """

    def __init__(self, evaluations: Sequence[Evaluation], aims: Aims, surrogate: str, seed: int) -> None:
        self._aims = aims
        self._surrogate: Surrogate = make_surrogate(surrogate, seed)
        rows = aims.rows(evaluations)
        self._surrogate.fit(rows)
        self.rows = len(rows)

    def expected(self, points: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """Return the expected loss of each quantity (n, k) at ``points``; ``levels`` (n,): there; None: at the aim."""
        found = self._surrogate.predict(self._aims.inputs(points, levels))
        mean, sd = self._aims.by_glass(found.mean), self._aims.by_glass(found.sd)
        spread = np.where(self._aims.measured, (self._aims.scale * sd) ** 2, 0.0).sum(-2)
        return np.asarray(self._aims.losses(mean) + spread)

    def hopeful(self, points: np.ndarray) -> np.ndarray:
        """Return the total loss (n,) at ``points``, at the aim, were each value one sd nearer to its target.

        A bound that looks at each value alone: cheap, where joint samples are not.
        """
        found = self._surrogate.predict(self._aims.inputs(points))
        mean, sd = self._aims.by_glass(found.mean), self._aims.by_glass(found.sd)
        off = np.maximum(np.abs(mean - self._aims.target) - sd, 0.0)
        return np.asarray(np.where(self._aims.measured, (self._aims.scale * off) ** 2, 0.0).sum((-2, -1)))

    def sampled(self, points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples of the values (s, n, g, k) at ``points`` (n, p), at the aim."""
        return self._aims.by_glass(self._surrogate.sample(self._aims.inputs(points), count, rng))


def enough(evaluations: Sequence[Evaluation], aims: Aims) -> bool:
    """Return whether the evaluations that succeeded teach a surrogate something of every quantity."""
    succeeded = sum(e.curves is not None for e in evaluations)
    return bool(np.all(succeeded * aims.measured.sum(0) >= FEWEST))

"""Fractions in 0..1 stretched onto the whole line, where a Gaussian process can carry them, and back.

A fraction y becomes t = Phi^-1(EDGE + (1 - 2 EDGE) y), Phi the normal distribution function: nearly straight in the
middle, steep at 0 and 1, and finite there, so that a fraction of exactly 0 (no boron atom has four neighbours) is one
value like others. What comes back beyond 0 or 1 is put there. Averages over a Gaussian t are taken by Gauss-Hermite
quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from glasspot.surrogate.scaling import Scale

EDGE = 0.03
NODES = 32


@dataclass(frozen=True)
class Warp:
    """The scaled, unbounded form of a quantity."""

    scale: Scale
    bounded: bool

    @classmethod
    def of(cls, y: np.ndarray, bounded: bool) -> Warp:
        """Return the warp after which ``y`` (n,) has mean 0 and variance 1."""
        return cls(Scale.of(_stretched(y) if bounded else y), bounded)

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Return the warped values."""
        return self.scale.scaled(_stretched(y) if self.bounded else y)

    def back(self, warped: np.ndarray) -> np.ndarray:
        """Return the values of the quantity."""
        values = self.scale.back(warped)
        if not self.bounded:
            return values
        return np.asarray(np.clip((ndtr(values) - EDGE) / (1.0 - 2.0 * EDGE), 0.0, 1.0))

    def moments(self, mean: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd (n,) of the quantity where its warped value is Gaussian with ``mean`` and ``sd`` (n,)."""
        if not self.bounded:
            return self.scale.back(mean), self.scale.spread * sd
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        weights = weights / weights.sum()
        values = self.back(mean[:, None] + sd[:, None] * nodes)
        average = values @ weights
        return average, np.sqrt(((values - average[:, None]) ** 2) @ weights)


def _stretched(y: np.ndarray) -> np.ndarray:
    return np.asarray(ndtri(EDGE + (1.0 - 2.0 * EDGE) * np.clip(y, 0.0, 1.0)))

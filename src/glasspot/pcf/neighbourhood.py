"""How far a composition is from the data, in steps that the data take themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition

FloatArray = NDArray[np.float64]
LEAST_STEP = 0.005  # mole fraction: nearer glasses are the same glass twice


@dataclass(frozen=True)
class Neighbourhood:
    """The glasses of the data: mole fractions ``shares`` (n, n_oxides) of ``oxides``, and the usual ``step``.

    A distance is sqrt(sum of squares of the differences of mole fractions / 2): x for a glass of which the part x is
    replaced by another oxide. The step is the median distance to the nearest other glass.
    """

    oxides: tuple[str, ...]
    shares: FloatArray
    step: float

    @classmethod
    def of(cls, compositions: Sequence[Composition]) -> Neighbourhood:
        """Return the neighbourhood of these glasses."""
        oxides = tuple(dict.fromkeys(name for composition in compositions for name, _ in composition.oxides))
        shares = np.array([[c.fractions.get(name, 0.0) for name in oxides] for c in compositions])
        apart = np.sqrt(((shares[:, None] - shares) ** 2).sum(-1) / 2)
        apart[apart < LEAST_STEP] = np.inf
        nearest = apart.min(axis=1)
        told = nearest[np.isfinite(nearest)]
        return cls(oxides, shares, float(np.median(told)) if len(told) else 0.05)

    def distance(self, composition: Composition) -> tuple[float, int]:
        """Return the distance to the nearest glass, in steps, and its number."""
        fractions = composition.fractions
        own = np.array([fractions.get(name, 0.0) for name in self.oxides])
        other = sum(share**2 for name, share in fractions.items() if name not in self.oxides)
        apart = np.sqrt((((self.shares - own) ** 2).sum(axis=1) + other) / 2)
        nearest = int(np.argmin(apart))
        return float(apart[nearest] / self.step), nearest

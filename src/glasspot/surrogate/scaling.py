"""Units in which surrogates work: quantities of mean 0 and variance 1, columns of comparable spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.surrogate.data import Rows

FEWEST = 4  # rows of a quantity, below which nothing can be learned


@dataclass(frozen=True)
class Scale:
    """A quantity is ``centre + spread * scaled``."""

    centre: float
    spread: float

    @classmethod
    def of(cls, y: np.ndarray) -> Scale:
        """Return the scale that gives ``y`` (n,) mean 0 and variance 1."""
        spread = float(np.std(y))
        return cls(float(np.mean(y)), spread if spread > 1e-9 else 1.0)

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Return ``y`` in scaled units."""
        return np.asarray((y - self.centre) / self.spread)

    def back(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled values in units of the quantity."""
        return self.centre + self.spread * scaled


def spread_of(x: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column (d,); 1 for a column that does not vary."""
    spread = x.std(0)
    return np.asarray(np.where(spread > 1e-9, spread, 1.0))


def enough(rows: Rows, quantity: int) -> np.ndarray:
    """Return which rows have the quantity (n,); GlasspotError when they are too few to learn from."""
    known = np.isfinite(rows.y[:, quantity])
    if known.sum() < FEWEST:
        raise GlasspotError(
            f"a surrogate was given {known.sum()} rows with quantity {quantity + 1} of {rows.quantities}; "
            f"expected at least {FEWEST}: more runs must succeed first"
        )
    return np.asarray(known)

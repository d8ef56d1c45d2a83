"""The atoms and the volume that pair histograms belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from glasspot.structure.pdf import ideal_pairs


@dataclass(frozen=True)
class System:
    """What the pair histograms belong to: labels such as "Si-O" in the order of the histogram, counts and volume."""

    labels: tuple[str, ...]
    counts: Mapping[str, int]
    volume: float  # A^3

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements in the order in which the labels name them."""
        return tuple(dict.fromkeys(element for label in self.labels for element in label.split("-")))

    def pair_counts(self) -> np.ndarray:
        """Return the number of unordered pairs of each label that gives g(r) = 1, shape (n_pairs,)."""
        return ideal_pairs({element: self.counts[element] for element in self.elements})

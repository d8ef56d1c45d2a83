"""What a model says of one glass: g_ab(r) of every pair with a band, and all that follows from these curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.pcf.pairs import pair_name
from glasspot.structure.pdf import PairDistribution, coordination_within

FloatArray = NDArray[np.float64]
BAND = 0.9  # the share of simulated values that the band is to hold


@dataclass(frozen=True)
class Prediction:
    """g_ab(r) of one composition. ``r`` (n_r,) in A, centres of equal bins from 0; ``pairs`` names of the rows.

    g, low, high: (n_pairs, n_r), the curve and the band that holds 90 % of simulated values (low and high are None for
    a model without uncertainty). number_density in atoms/A^3 with its standard deviation; fractions: atomic, of each
    element. cutoffs: the bond length in A that ends the first shell, of the pairs that have one. distance: how far the
    composition is from the data, in units of the distance that is usual between neighbours in the data (None where
    unknown); warnings: for people.
    """

    composition: Composition
    r: FloatArray
    pairs: tuple[str, ...]
    g: FloatArray
    low: FloatArray | None
    high: FloatArray | None
    number_density: float
    number_density_error: float
    fractions: Mapping[str, float]
    cutoffs: Mapping[str, float]
    distance: float | None = None
    warnings: tuple[str, ...] = ()

    def partial(self, a: str, b: str) -> FloatArray:
        """Return g_ab(r), (n_r,)."""
        return np.asarray(self.g[self.pairs.index(pair_name(a, b))])

    @property
    def distribution(self) -> PairDistribution:
        """The curves as those of a simulated glass, so that the total and S(Q) follow from them as they do there."""
        atoms = 1_000_000
        counts = {element: round(atoms * share) for element, share in self.fractions.items()}
        return PairDistribution(self.r, self.g, self.pairs, counts, sum(counts.values()) / self.number_density)

    def coordination(self, centre: str, neighbour: str) -> float | None:
        """Return the mean number of ``neighbour`` atoms around a ``centre``, from the curve; None without a cut-off."""
        cutoff = self.cutoffs.get(pair_name(centre, neighbour))
        if cutoff is None:
            return None
        return coordination_within(self.distribution, centre, neighbour, cutoff)

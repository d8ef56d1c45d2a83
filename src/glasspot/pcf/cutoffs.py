"""Where the first shell of a cation and oxygen ends: one cut-off a pair, the same for every model and every score."""

from __future__ import annotations

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.pairs import ends_of
from glasspot.structure.peaks import first_minimum


def cutoffs_of(curve_set: CurveSet) -> dict[str, float]:
    """Return pair -> cut-off in A for each cation and oxygen: the first minimum of the curve averaged over the glasses.

    A glass counts by its number of such pairs of atoms. A pair whose average curve has no first minimum has no cut-off.
    """
    found = {}
    for pair in dict.fromkeys(pair for _, pair in curve_set.each()):
        a, b = ends_of(pair)
        if (a == "O") == (b == "O"):
            continue
        glasses = [glass for glass in curve_set.glasses if pair in glass.curves]
        weights = [glass.counts[a] * glass.counts[b] * glass.n_runs for glass in glasses]
        mean = np.average([glass.mean(pair) for glass in glasses], axis=0, weights=weights)
        try:
            found[pair] = first_minimum(curve_set.r, mean)
        except GlasspotError:
            continue
    return found

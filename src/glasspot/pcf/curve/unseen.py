"""How wrong a prediction by stand-ins is: measured by leaving out one oxide at a time, with all its glasses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Model
from glasspot.pcf.pairs import ends_of
from glasspot.pcf.prediction import BAND

FloatArray = NDArray[np.float64]

LEAST_REST = 8  # glasses that must be left to learn from
MOST_TRIED = 6  # glasses of an oxide that are predicted
UNMEASURED = 2.0  # where the data cannot tell
LEAST, MOST = 0.5, 6.0


def unseen_factors(curve_set: CurveSet, learn: Callable[[CurveSet], Model], seed: int) -> dict[str, float]:
    """Return by how much bands are widened for what the data do not have.

    "stand-in": curves taken from another pair; "host": other curves of a glass with an unseen oxide. ``learn`` makes a
    model whose bands are not widened. The factors are those that would have held 90 % of the simulated bins.
    """
    rng = np.random.default_rng([seed, 8])
    ratios: dict[str, list[FloatArray]] = {"stand-in": [], "host": []}
    for formula in curve_set.oxides:
        having = [formula in glass.composition.fractions for glass in curve_set.glasses]
        rest, out = np.flatnonzero(~np.array(having)), np.flatnonzero(having)
        if len(rest) < LEAST_REST or not len(out):
            continue
        part = curve_set.only([int(k) for k in rest])
        model = learn(part)
        for k in rng.permutation(out)[:MOST_TRIED]:
            _add(ratios, model, curve_set, int(k), set(part.elements))
    return {
        name: float(np.clip(np.quantile(np.concatenate(found), BAND), LEAST, MOST)) if found else UNMEASURED
        for name, found in ratios.items()
    }


def _add(ratios: dict[str, list[FloatArray]], model: Model, curve_set: CurveSet, k: int, known: set[str]) -> None:
    """Add |error| over half the band of every bin of glass ``k``, outside the core."""
    glass = curve_set.glasses[k]
    found = model.predict(glass.composition, glass.pairs)
    if found.high is None:
        return
    for row, pair in enumerate(found.pairs):
        half = found.high[row] - found.g[row]
        off = np.abs(glass.mean(pair) - found.g[row])[half > 0] / half[half > 0]
        ratios["host" if set(ends_of(pair)) <= known else "stand-in"].append(off)

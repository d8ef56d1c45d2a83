"""How wide a band must be: from glasses left out inside the training, never from those that a score is made with.

The band holds 90 % of the bins of a simulated g_ab(r) of the kind that is in the data: the mean over as many runs of as
many atoms. So it has three parts: what the process does not know of this composition, what the components leave out,
and the simulation's own noise. Their sum is right on the average only, so it is multiplied by a factor, the one that
would have held 90 % of the left-out bins (split conformal prediction, Vovk, Gammerman and Shafer, 2005): one of each
class of pairs (``pairs.KINDS``) and each part of the range: the noise behind a first peak is not Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve.basis import PairCurves
from glasspot.pcf.curve.pair import FEW, PairModel, fit_pair
from glasspot.pcf.pairs import KINDS, kind_of
from glasspot.pcf.prediction import BAND

FloatArray = NDArray[np.float64]

FOLDS = 8
GAUSSIAN = 1.6448536  # sd that hold 90 % of a Gaussian
LEVELS = (0.05, 0.5)  # of g(r) predicted, that part what is nearly empty from flanks, and these from all else
LEAST_BINS = 200  # for a factor of its own
LEAST, MOST = 0.5, 4.0  # factors


def half_width(pair: str, g: FloatArray, sd: FloatArray, factors: Mapping[str, FloatArray]) -> FloatArray:
    """Return half the width of the band (n_r,) around ``g`` with the standard deviation ``sd``."""
    return np.asarray(GAUSSIAN * factors[kind_of(pair)][_parts(g)] * sd)


def calibrated(
    curves: Mapping[str, PairCurves], models: Mapping[str, PairModel], x: FloatArray, n_oxides: int, seed: int
) -> dict[str, FloatArray]:
    """Return the factors of each class of pairs, one for each part of the range.

    ``x``: the features of all glasses. A part with fewer than ``LEAST_BINS`` takes the factor of the whole range, a
    class with fewer that of all pairs, which is 1 where they are too few as well.
    """
    groups = np.random.default_rng([seed, 7]).permutation(len(x)) % FOLDS
    found = [
        (kind_of(pair), ratio[np.isfinite(ratio)], _parts(g)[np.isfinite(ratio)])
        for pair, model in models.items()
        for g, ratio in _left_out(curves[pair], x, n_oxides, model, groups)
    ]
    usual = _factors([each[1:] for each in found], np.ones(len(LEVELS) + 1))
    return {kind: _factors([each[1:] for each in found if each[0] == kind], usual) for kind in KINDS}


def _factors(found: Sequence[tuple[FloatArray, NDArray[np.int64]]], usual: FloatArray) -> FloatArray:
    """Return the factor of each part of the range from (ratios, parts); ``usual`` for too few."""
    if sum(len(ratios) for ratios, _ in found) < LEAST_BINS:
        return usual
    ratios = np.concatenate([ratios for ratios, _ in found])
    parts = np.concatenate([parts for _, parts in found])
    chosen = (ratios[parts == part] for part in range(len(LEVELS) + 1))
    factors = [np.quantile(own if len(own) >= LEAST_BINS else ratios, BAND) / GAUSSIAN for own in chosen]
    return np.asarray(np.clip(factors, LEAST, MOST))


def _parts(g: FloatArray) -> NDArray[np.int64]:
    return np.searchsorted(np.array(LEVELS), g, side="right")


def _left_out(
    curves: PairCurves, x: FloatArray, n_oxides: int, model: PairModel, groups: NDArray[np.int64]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield what is predicted, and the error over its sd (NaN inside the core), (n, n_r), of each group left out.

    ``groups``: the group of each glass of the data. The kernel is that of ``model``; all else is learnt anew.
    """
    of = groups[curves.rows]
    for group in np.unique(of):
        out = of == group
        if model.process is None or np.sum(~out) < FEW:
            continue
        fold = fit_pair(curves.only(~out), x, n_oxides, (model.process.kernel,))
        g, variance = fold.predict(x[curves.rows[out]])
        sd = np.sqrt(variance + np.array([fold.noise(v) for v in curves.v[out]]))
        off = np.abs(curves.g[out] - g)
        yield g, np.divide(off, sd, out=np.full_like(off, np.nan), where=sd > 0)

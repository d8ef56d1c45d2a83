"""The map of pair curves: two coordinates in which near curves are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve_set import CurveSet

FloatArray = NDArray[np.float64]


def curve_map(curve_set: CurveSet) -> tuple[FloatArray, list[str], list[str]]:
    """Return the places (n_curves, 2) of all curves, their pairs and the names of their glasses.

    The places are the first two principal components of ln(1 + g): without the logarithm the first peaks of the bonds
    would be all there is to see.
    """
    rows = [(glass.mean(pair), pair, glass.name) for glass, pair in curve_set.each()]
    shapes = np.log1p(np.array([g for g, _, _ in rows]))
    return components(shapes), [pair for _, pair, _ in rows], [name for _, _, name in rows]


def components(shapes: FloatArray) -> FloatArray:
    """Return the first two principal components (n, 2) of rows (n, m)."""
    centred = shapes - shapes.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(shapes), 2))
    kept = min(2, len(size))
    found[:, :kept] = (left * size)[:, :kept]
    return found

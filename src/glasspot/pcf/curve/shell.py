"""Bonds counted as neighbours: the first shell of a cation is so scaled that its area is a number of oxygens.

Around silicon there are four oxygens whatever the glass, so what stays the same is not the first peak of g(r) but
rho_O g(r), rho_O the number of oxygens in 1 A^3. So the curve of a cation and oxygen is learnt as

    y(r) = g(r) (1 + w(r) (rho_O / rho_0 - 1)),   w(r) = 1 / (1 + exp((r - r_cut) / WIDTH))

with rho_0 the mean over the data and r_cut the first minimum of the mean curve: the coordination follows from y without
the error of the predicted density, and y -> 1 at large r as g does. w = 0 for all other pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import GlassCurves
from glasspot.pcf.pairs import ends_of
from glasspot.structure.peaks import first_minimum

FloatArray = NDArray[np.float64]
WIDTH = 0.15  # A, over which the first shell ends


@dataclass(frozen=True)
class Shell:
    """weight (n_r,): w; density: rho_0, oxygens in 1 A^3."""

    weight: FloatArray
    density: float

    def scale(self, oxygens: float) -> FloatArray:
        """Return y / g, (n_r,), in a glass with so many ``oxygens`` in 1 A^3."""
        return np.asarray(1.0 + self.weight * (oxygens / self.density - 1.0))


def shell_of(r: FloatArray, glasses: Sequence[GlassCurves], pair: str) -> Shell:
    """Return the shell of a pair that all ``glasses`` have."""
    a, b = ends_of(pair)
    nothing = Shell(np.zeros(len(r)), 1.0)
    if (a == "O") == (b == "O"):
        return nothing
    weights = [glass.counts[a] * glass.n_runs for glass in glasses]
    try:
        cutoff = first_minimum(r, np.average([glass.mean(pair) for glass in glasses], axis=0, weights=weights))
    except GlasspotError:
        return nothing
    density = float(np.mean([glass.density * glass.fractions["O"] for glass in glasses]))
    return Shell(1.0 / (1.0 + np.exp(np.clip((r - cutoff) / WIDTH, -50, 50))), density)

"""How wrong the forces of a mesh are, and the smallest mesh that is good enough.

Notation as in influence.py. The mean square error of the force between two unit charges, over all their places, with the
best influence function is (Hockney, Eastwood 1988, chapter 8; Ballenegger, Cerda, Holm 2012, 10.1021/ct2001792)
    Q = 1/V^2 sum_k (4 pi)^2 exp(-k^2 / 2 alpha^2) / k^2 [1 - U^4 k^2 / (sum_j U^2 sum_j U^2 k_j^2)]
where the Gauss function leaves nothing of the aliases of the potential itself; a wave that the transform leaves out has 1
for the bracket. N charges whose places know nothing of each other then have the RMS force error
    dF = sum q^2 sqrt(Q / N).
It is given relative to <q^2> / d^2, d = (V / N)^(1/3): the RMS force in an oxide melt to within MEASURED.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.native.influence import alias_sums, squared_splines
from glasspot.engine.native.transform import LANES, factors
from glasspot.errors import GlasspotError

FloatArray = NDArray[np.float64]

SMALLEST, LARGEST = 8, 512  # points along an axis
LEAST_ERROR = 1e-7  # what float32 can do
ROOM_TO_GROW = 1.25  # of the cell, before waves that are left out begin to count


def relative_error(shape: tuple[int, int, int], modes: int, n: int, lengths: FloatArray, alpha: float) -> float:
    """Return dF / (<q^2> / d^2) of a mesh of ``shape`` that keeps ``modes`` of kz, for ``n`` charges."""
    k2, k2_seen, spread, weight = np.zeros(1), np.zeros(1), np.ones(1), np.ones(1)
    for points, length in zip(shape, lengths, strict=True):
        m = np.arange(points // 2 + 1)
        s0, s2 = alias_sums(points, m)
        unit = (2.0 * np.pi / length) ** 2
        k2 = np.add.outer(k2, unit * m.astype(float) ** 2)
        k2_seen = np.add.outer(k2_seen, unit * s2 / s0)
        spread = np.multiply.outer(spread, (s0 / squared_splines(points, m)) ** 2)
        weight = np.multiply.outer(weight, np.where((m == 0) | (2 * m == points), 1.0, 2.0))
    weight[0, 0, 0, 0], k2[0, 0, 0, 0], k2_seen[0, 0, 0, 0] = 0.0, 1.0, 1.0
    bracket = 1.0 - k2 / (k2_seen * spread)
    bracket[..., modes:] = 1.0
    total = float((weight * (4.0 * np.pi) ** 2 * np.exp(-k2 / (2.0 * alpha**2)) / k2 * bracket).sum())
    volume = float(np.prod(lengths))
    return float(np.sqrt(n * max(total, 0.0)) / volume * (volume / n) ** (2.0 / 3.0))


@cache
def sizes() -> tuple[int, ...]:
    """Return the numbers of points an axis may have: even, 2^a 3^b 5^c 7^d."""
    return tuple(n for n in range(SMALLEST, LARGEST + 1, 2) if factors(n))


def choose_shape(n: int, lengths: FloatArray, alpha: float, force_error: float) -> tuple[int, int, int]:
    """Return the coarsest mesh for ``n`` charges whose error is at most ``force_error``; GlasspotError if there is none."""
    if not force_error >= LEAST_ERROR:
        raise GlasspotError(
            f"the force error of the mesh is asked to be {force_error}; forces are added in single precision, so ask "
            f"for {LEAST_ERROR} or more."
        )
    spacings = sorted({length / size for length in lengths for size in sizes()}, reverse=True)
    low, high = 0, len(spacings) - 1
    while low < high:
        middle = (low + high) // 2
        shape = _shape(lengths, spacings[middle])
        if shape is None or relative_error(shape, shape[2] // 2, n, lengths, alpha) <= force_error:
            high = middle
        else:
            low = middle + 1
    best = _shape(lengths, spacings[low])
    if best is None:
        raise GlasspotError(
            f"a cell of {' x '.join(f'{length:.4g}' for length in lengths)} A needs more than {LARGEST} points of the mesh "
            f"along an axis for a force error of {force_error}; ask for less or choose a larger cut-off."
        )
    return best


def _shape(lengths: FloatArray, spacing: float) -> tuple[int, int, int] | None:
    """Return the least sizes with a spacing of at most ``spacing`` (A), None where they are too large."""
    found = [next((n for n in sizes() if length / n <= spacing * (1.0 + 1e-12)), 0) for length in lengths]
    return (found[0], found[1], found[2]) if all(found) else None


def kept_modes(shape: tuple[int, int, int], n: int, lengths: FloatArray, alpha: float) -> int:
    """Return how many kz to keep, in whole blocks: the error grows by less than 1 %, also in a cell grown by a quarter."""
    most = shape[2] // 2
    grown = ROOM_TO_GROW * lengths
    best = relative_error(shape, most, n, grown, alpha)
    for modes in range(LANES, most, LANES):
        if relative_error(shape, modes, n, grown, alpha) < 1.01 * best:
            return modes
    return most

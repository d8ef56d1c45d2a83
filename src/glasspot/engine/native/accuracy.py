"""How wrong the forces of a mesh are, and the smallest mesh that is good enough.

Notation as in influence.py. With the best influence function the mean square error of the force between two unit
charges, over all places they may have, is in units of the Coulomb constant (Hockney, Eastwood 1988, chapter 8;
Ballenegger, Cerda, Holm 2012, 10.1021/ct2001792)
    Q = (4 pi / V)^2 sum_k exp(-k^2 / 2 alpha^2) / k^2 [1 - U^4 k^2 / (sum_j U^2 sum_j U^2 k_j^2)],
where the Gauss function leaves nothing of the aliases of the potential itself, and the bracket is 1 for a wave that the
transform leaves out. N charges whose places know nothing of each other then have an RMS force error of
    dF = sum q^2 sqrt(Q / N).
It is given relative to F = <q^2> / d^2, d^3 = V / N, which is near the RMS force of an oxide melt (3.9 against 5.0 eV/A
in a borosilicate at 3000 K), whatever the charges.

Measured with charges put at random, as many as in a melt, it is right to 35 % (tests/engines/test_mesh.py). In a melt
neighbours have opposite charges, and the error is smaller: in that borosilicate 0.2 of dF at alpha = 0.25/A, 0.3 at
0.31/A and 0.55 at 0.4/A.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.native.influence import alias_sums, squared_splines
from glasspot.engine.native.transform import LANES, factors
from glasspot.errors import GlasspotError

FloatArray = NDArray[np.float64]

SMALLEST, LARGEST = 16, 512  # points along an axis
FORCE_ERROR = 2e-5  # where nothing else is asked: 5e-6 of the RMS force in a borosilicate melt at alpha = 0.31/A
ROUNDING = 4e-7  # part of F that float32 adds (measured)
LEAST_ERROR = 1e-6
ROOM_TO_GROW = 1.25  # of the cell, before waves that are left out begin to count


def relative_error(shape: tuple[int, int, int], modes: int, n: int, lengths: FloatArray, alpha: float) -> float:
    """Return dF / F for ``n`` charges in a cell of ``lengths`` (A); the mesh of ``shape`` keeps ``modes`` of kz."""
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
    waves = float((weight * np.exp(-k2 / (2.0 * alpha**2)) / k2 * bracket).sum())
    volume = float(np.prod(lengths))
    error = 4.0 * np.pi / volume * np.sqrt(n * max(waves, 0.0)) * (volume / n) ** (2.0 / 3.0)
    return float(np.hypot(error, ROUNDING))


@cache
def sizes() -> tuple[int, ...]:
    """Return the numbers of points an axis may have: even, 2^a 3^b 5^c 7^d."""
    return tuple(n for n in range(SMALLEST, LARGEST + 1, 2) if factors(n))


def choose_shape(n: int, lengths: FloatArray, alpha: float, force_error: float) -> tuple[int, int, int]:
    """Return the coarsest mesh with an error of at most ``force_error``; GlasspotError where there is none."""
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
            f"a cell of {' x '.join(f'{length:.4g}' for length in lengths)} A needs more than {LARGEST} points of the "
            f"mesh along an axis for a force error of {force_error}; ask for a larger error or take fewer atoms."
        )
    return best


def _shape(lengths: FloatArray, spacing: float) -> tuple[int, int, int] | None:
    """Return the least sizes with a spacing of at most ``spacing`` (A), None where they are too large."""
    found = [next((n for n in sizes() if length / n <= spacing * (1.0 + 1e-12)), 0) for length in lengths]
    return (found[0], found[1], found[2]) if all(found) else None


def kept_modes(shape: tuple[int, int, int], n: int, lengths: FloatArray, alpha: float) -> int:
    """Return how many kz to keep, in whole blocks: the error grows by less than 1 %, even in a cell of 1.25 L."""
    most = shape[2] // 2
    grown = ROOM_TO_GROW * lengths
    best = relative_error(shape, most, n, grown, alpha)
    for modes in range(LANES, most, LANES):
        if relative_error(shape, modes, n, grown, alpha) < 1.01 * best:
            return modes
    return most

"""Sums of absolute differences between rows (L1, or taxicab, distances): compiled, on every processor."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

CHUNK = 1024  # sums of so many keep single precision good to 1e-6


def taxicab(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    filled_left: NDArray[np.int64],
    filled_right: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return (n, m) distances of the rows of ``left`` (n, k) and ``right`` (m, k).

    A row holds zeros from its place in ``filled`` on, which are not read.
    """
    return np.asarray(_taxicab(left, right, filled_left, filled_right), dtype=np.float64)


@njit(parallel=True, cache=True, fastmath=True)
def _taxicab(left, right, filled_left, filled_right):  # type: ignore[no-untyped-def]
    apart = np.zeros((left.shape[0], right.shape[0]))
    for i in prange(left.shape[0]):
        for j in range(right.shape[0]):
            end = max(filled_left[i], filled_right[j])
            total = np.float64(0.0)
            for start in range(0, end, CHUNK):
                part = np.float32(0.0)
                for k in range(start, min(start + CHUNK, end)):
                    part += abs(left[i, k] - right[j, k])
                total += part
            apart[i, j] = total
    return apart

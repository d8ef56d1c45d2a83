"""Where the random numbers of a fit come from: each has a purpose and a number, so a resumed fit draws the same."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a seed is for; the second entry of ``default_rng([seed, purpose, number, part])``."""

    PACKING = 0
    FIT = 1
    SELECTION = 2
    VALIDATION = 3
    REFERENCE = 4
    SEARCH = 5
    ENSEMBLE = 6
    LANDSCAPE = 7
    LESSONS = 8
    GLASSES = 9


def draw_seed(seed: int, purpose: Purpose, number: int, part: int) -> int:
    """Return the seed, 1 to 2^31 - 2, of the ``part``-th thing of run ``number``, for a fit with ``seed``."""
    return int(np.random.default_rng([seed, purpose, number, part]).integers(1, 2**31 - 1))

"""Memory that begins where a vector may be loaded from it: at a multiple of 64 bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def aligned(count: int, dtype: Any = np.float32) -> NDArray[Any]:
    """Return ``count`` zeros that start at a multiple of 64 bytes."""
    size = np.dtype(dtype).itemsize
    memory = np.zeros(count + 64 // size, dtype)
    start = (-memory.ctypes.data // size) % (64 // size)
    return memory[start : start + count]

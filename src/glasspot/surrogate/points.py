"""Rows cut into parameters, glass and condition, each distinct one once.

Rows come as parameter sets times glasses times conditions, so that a covariance which is a product of one over the
parameters and one over the glasses is computed for the distinct ones and then dealt out: many times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glasspot.surrogate.data import Layout


@dataclass(frozen=True)
class Points:
    """``n`` rows, as tensors: ``x`` (n, d) whole, ``theta`` (p, m) and ``glass`` (q, g) distinct, ``z`` (n, c).

    Row i has ``theta[at[i]]`` and ``glass[of[i]]``.
    """

    x: Any
    theta: Any
    at: Any
    glass: Any
    of: Any
    z: Any

    @classmethod
    def cut(cls, x: np.ndarray, layout: Layout) -> Points:
        """Return the rows ``x`` (n, d), cut."""
        import torch

        theta, at = np.unique(x[:, layout.theta], axis=0, return_inverse=True)
        glass, of = np.unique(x[:, layout.composition], axis=0, return_inverse=True)
        tensors = (x, theta, at.ravel(), glass, of.ravel(), x[:, layout.z])
        return cls(*(torch.as_tensor(np.ascontiguousarray(tensor)) for tensor in tensors))

    def __len__(self) -> int:
        return len(self.x)

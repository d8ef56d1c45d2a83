"""What one evaluation says of the curves about its point, where its runs gave their response to the parameters.

Notation as in :mod:`glasspot.search.gauss_newton`: n parameters on the unit cube, m scaled values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearModel:
    """What one evaluation says of the curves around ``point``; shapes as in the notation there."""

    point: np.ndarray
    curves: np.ndarray
    jacobian: np.ndarray
    jacobian_noise: np.ndarray
    cost: float  # |y_ref - y|, R_chi as a fraction
    cost_noise: float  # R_chi that sampling noise alone gives at this length of run
    scatter: np.ndarray  # (k, m), from k blocks: scatter^T scatter is the covariance of the curves

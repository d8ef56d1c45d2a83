"""Gaussian processes of a few coefficients over compositions, in closed form: numpy only, its state a few arrays.

    cov(y_ik, y_jk) = s_k^2 [1 + a x_i.x_j / d + M(x_i, x_j) + l_k e_i delta_ij]

with x the features (their chemistry columns times ``weight``), M Matern 5/2 of one ``length``, a how ``linear`` the
function is, and e_i the known relative noise of glass i. The hyper-parameters are those under which the glasses left
out one at a time are most probable (Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eqs. 5.10
to 5.12; Sundararajan and Keerthi, Neural Computation 13 (2001) 1103), which on simulated glasses gave smaller errors
than the marginal likelihood. With E = diag(e) and E^-1/2 K E^-1/2 = U diag(m) U^T all of this is closed for any l, so
that a grid is searched: the ``Kernel`` is one for all coefficients of a pair, l_k and s_k are one of each. No
optimiser, no local optimum, no seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RATIOS = np.exp(np.linspace(np.log(1e-3), np.log(1e4), 33))  # l: noise over signal
LEAST_VARIANCE = 1e-12  # of the signal, over the mean square of the values: coefficients that are all alike


@dataclass(frozen=True)
class Kernel:
    """Shape of the covariance; ``length`` in the units of the features, ``linear`` and ``weight`` as above."""

    length: float
    linear: float
    weight: float

    def between(self, a: FloatArray, b: FloatArray, n_oxides: int) -> FloatArray:
        """Return the covariance (n_a, n_b) of the rows of features for s = 1."""
        weights = np.where(np.arange(a.shape[1]) < n_oxides, 1.0, self.weight)
        a, b = a * weights, b * weights
        square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        along = np.sqrt(5.0 * np.maximum(square, 0.0)) / self.length
        return np.asarray(1.0 + self.linear * (a @ b.T) / a.shape[1] + (1 + along + along**2 / 3) * np.exp(-along))

    def state(self) -> list[float]:
        """Return what makes the same kernel."""
        return [self.length, self.linear, self.weight]

    def at(self, a: FloatArray, n_oxides: int) -> FloatArray:
        """Return the variance (n,) at each row, the diagonal of :meth:`between`."""
        weights = np.where(np.arange(a.shape[1]) < n_oxides, 1.0, self.weight)
        return np.asarray(2.0 + self.linear * ((a * weights) ** 2).sum(1) / a.shape[1])


KERNELS = tuple(Kernel(*theta) for theta in product((1.5, 3.0, 6.0, 12.0), (0.0, 0.1, 1.0), (0.0, 0.5, 1.5)))


@dataclass(frozen=True)
class Process:
    """The processes of ``y`` (n, k) at ``x`` (n, d), relative noise ``noise`` (n,), with what was found for them.

    ratio (k,): l_k; variance (k,): s_k^2.
    """

    x: FloatArray
    y: FloatArray
    noise: FloatArray
    n_oxides: int
    kernel: Kernel
    ratio: FloatArray
    variance: FloatArray

    def arrays(self) -> dict[str, FloatArray]:
        """Return all but the features and the kernel, which several processes may share."""
        return {"y": self.y, "noise": self.noise, "ratio": self.ratio, "variance": self.variance}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], x: FloatArray, n_oxides: int, kernel: Kernel) -> Process:
        """Return the process of :meth:`arrays`."""
        y, noise, ratio, variance = (np.asarray(arrays[name]) for name in ("y", "noise", "ratio", "variance"))
        return cls(x, y, noise, n_oxides, kernel, ratio, variance)

    @cached_property
    def _solved(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        root, values = _spectrum(self.kernel, self.x, self.noise, self.n_oxides)
        inverse = 1.0 / (values[:, None] + self.ratio)
        return root, (root.T @ self.y) * inverse, inverse

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the noise-free coefficients at rows ``x`` (m, d), (m, k) each."""
        root, kept, inverse = self._solved
        known = self.kernel.between(x, self.x, self.n_oxides) @ root
        variance = self.kernel.at(x, self.n_oxides)[:, None] - known**2 @ inverse
        return np.asarray(known @ kept), np.asarray(self.variance * np.maximum(variance, 1e-9))

    def left_out(self) -> tuple[FloatArray, FloatArray]:
        """Return the errors of the coefficients of each glass as the others predict it, and the variance of what they
        do not know of it without its noise, (n, k) each."""
        root, kept, inverse = self._solved
        diagonal = root**2 @ inverse
        unknown = self.variance * np.maximum(1.0 / diagonal - self.ratio * self.noise[:, None], 1e-9)
        return np.asarray(root @ kept / diagonal), np.asarray(unknown)


def fitted(
    x: FloatArray, y: FloatArray, noise: FloatArray, n_oxides: int, kernels: Sequence[Kernel] | None = None
) -> Process:
    """Return the process under which left-out glasses are most probable; ``kernels``: to choose from (None: all)."""
    best: tuple[float, Process] | None = None
    for kernel in kernels or [kernel for kernel in KERNELS if kernel.weight == 0 or x.shape[1] > n_oxides]:
        score, ratio, variance = _of_left_out(*_spectrum(kernel, x, noise, n_oxides), y)
        if best is None or score > best[0]:
            best = score, Process(x, y, noise, n_oxides, kernel, ratio, variance)
    if best is None:
        raise ValueError("no kernel to choose from")
    return best[1]


def _spectrum(kernel: Kernel, x: FloatArray, noise: FloatArray, n_oxides: int) -> tuple[FloatArray, FloatArray]:
    """Return E^-1/2 U (n, n) and the eigenvalues m (n,)."""
    root = 1.0 / np.sqrt(noise)
    values, vectors = np.linalg.eigh(kernel.between(x, x, n_oxides) * root[:, None] * root)
    return root[:, None] * vectors, np.maximum(values, 0.0)


def _of_left_out(root: FloatArray, values: FloatArray, y: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Return the log probability of all left-out coefficients together, and the best l_k and s_k^2 of each.

    ``root``, ``values``: of :func:`_spectrum`. With Q the inverse of the covariance for s = 1, the error of glass i
    left out is (Q y)_i / Q_ii, its variance s^2 / Q_ii.
    """
    inverse = 1.0 / (values[:, None] + RATIOS)  # (n, ratios)
    diagonal = root**2 @ inverse  # Q_ii: (n, ratios)
    inner = inverse[:, :, None] * (root.T @ y)[:, None, :]
    solved = (root @ inner.reshape(len(y), -1)).reshape(inner.shape)  # Q y: (n, ratios, k)
    variance = np.mean(solved**2 / diagonal[:, :, None], axis=0)  # the s^2 that errors ask for
    variance = np.maximum(variance, LEAST_VARIANCE * np.maximum(np.mean(y**2, axis=0), LEAST_VARIANCE))
    score = -0.5 * (len(y) * np.log(variance) - np.log(diagonal).sum(axis=0)[:, None])
    best, k = score.argmax(axis=0), np.arange(y.shape[1])
    return float(score[best, k].sum()), RATIOS[best], variance[best, k]

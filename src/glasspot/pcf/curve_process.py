"""Gaussian processes of a few coefficients over compositions, in closed form: numpy only, its state a few arrays.

    cov(y_ik, y_jk) = s_k^2 (1 + a x_i.x_j / d + M(x_i, x_j)) + n_k e_i delta_ij

with x the features (their chemistry columns times ``weight``), M Matern 5/2 of one ``length``, a how ``linear`` the
function is, and e_i the known relative noise of glass i. With E = diag(e), U diag(l) U^T = E^-1/2 K E^-1/2 and
z = U^T E^-1/2 y the marginal likelihood of any s and n costs n operations (Rasmussen and Williams, Gaussian Processes
for Machine Learning (2006), eq. 2.30), so all hyper-parameters are searched on a grid: the ``Kernel`` is one for all
coefficients of a pair, s_k and n_k are one of each. No optimiser, no local optimum, no seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RATIOS = np.exp(np.linspace(np.log(1e-3), np.log(1e4), 33))  # noise over signal: n_k / s_k^2
NOISES = np.exp(np.linspace(-3.0, 3.0, 13))  # n_k over what is expected of it
SURE, UNSURE = 0.4, 2.0  # sd of ln n_k about what the scatter of runs says, and without such a scatter


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

    ratio (k,): n_k / s_k^2; variance (k,): s_k^2.
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


def fitted(
    x: FloatArray,
    y: FloatArray,
    noise: FloatArray,
    n_oxides: int,
    expected: FloatArray,
    sure: bool,
    kernels: Sequence[Kernel] | None = None,
) -> Process:
    """Return the likeliest process.

    ``expected`` (k,): the noise n_k that the scatter of runs lets expect; ``sure``: whether it comes from runs.
    """
    found = []
    for kernel in kernels or [kernel for kernel in KERNELS if kernel.weight == 0 or x.shape[1] > n_oxides]:
        root, values = _spectrum(kernel, x, noise, n_oxides)
        score, ratio, variance = _likeliest((root.T @ y) ** 2, values, expected, SURE if sure else UNSURE)
        found.append((score, kernel, ratio, variance))
    _, kernel, ratio, variance = max(found, key=lambda item: item[0])
    return Process(x, y, noise, n_oxides, kernel, ratio, variance)


def _spectrum(kernel: Kernel, x: FloatArray, noise: FloatArray, n_oxides: int) -> tuple[FloatArray, FloatArray]:
    """Return E^-1/2 U (n, n) and the eigenvalues l (n,)."""
    root = 1.0 / np.sqrt(noise)
    values, vectors = np.linalg.eigh(kernel.between(x, x, n_oxides) * root[:, None] * root)
    return root[:, None] * vectors, np.maximum(values, 0.0)


def _likeliest(
    squares: FloatArray, values: FloatArray, expected: FloatArray, width: float
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log evidence of all coefficients together, and for each the best n_k / s_k^2 and s_k^2.

    ``squares`` (n, k): z^2; ``values`` (n,).
    """
    shifted = values[:, None] + RATIOS  # (n, ratios)
    quadratic = np.einsum("nk,nl->lk", squares, 1.0 / shifted)
    logarithm = np.log(shifted).sum(0)
    noise = NOISES[:, None, None] * expected  # (noises, 1, k)
    variance = noise / RATIOS[:, None]  # (noises, ratios, k)
    score = -0.5 * (len(values) * np.log(variance) + logarithm[:, None] + quadratic / variance)
    score = score - 0.5 * (np.log(NOISES)[:, None, None] / width) ** 2
    k = np.arange(squares.shape[1])
    flat = score.reshape(-1, len(k))
    noisy, ratio = np.unravel_index(flat.argmax(0), score.shape[:2])
    return float(flat.max(0).sum()), RATIOS[ratio], variance[noisy, ratio, k]

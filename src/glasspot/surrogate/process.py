"""One quantity as a Gaussian process: hyper-parameters from some of the rows, the posterior from all of them.

The noise is a variance of its own at each row: its logarithm is linear in the columns that are named for it, since a
glass with few boron atoms, or few atoms at all, has a noisier fraction than one with many.

The hyper-parameters have the greatest posterior density; L-BFGS-B through BoTorch. Posterior: Rasmussen and Williams,
Gaussian Processes for Machine Learning (2006), algorithm 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glasspot.surrogate.threads import one_thread

MOST_ROWS = 500  # of the fit of the hyper-parameters
ITERATIONS = 100
JITTER = 1e-6  # of variance 1, so that rounding never makes a covariance indefinite
LEAST_NOISE, FIRST_NOISE = 1e-4, 0.05  # variance over that of the quantity
SLOPE = 1.0  # prior sd of the slope of ln noise variance along a column of spread 1


class Process:
    """The process of one quantity ``y`` (n,) of mean 0 and variance about 1 at ``x`` (n, d).

    ``kernel`` is GPyTorch's; ``uneven``: the columns with which the noise may change; ``group`` (n,): rows that stay
    together when hyper-parameters are learned from a part.
    """

    def __init__(
        self, kernel: Any, x: np.ndarray, y: np.ndarray, group: np.ndarray, uneven: Sequence[int], seed: int
    ) -> None:
        import torch

        self.kernel = kernel.double()
        self._uneven = list(uneven)
        self._centre = x[:, self._uneven].mean(0)
        self._spread = np.maximum(x[:, self._uneven].std(0), 1e-9)
        self._level = torch.nn.Parameter(torch.tensor(np.log(FIRST_NOISE), dtype=torch.double))
        self._slopes = torch.nn.Parameter(torch.zeros(len(self._uneven), dtype=torch.double))
        with one_thread(seed):
            part = some_groups(group, MOST_ROWS, seed)
            self._learn(torch.as_tensor(x[part]), torch.as_tensor(y[part]))
            with torch.no_grad():
                self._x = torch.as_tensor(x)
                covariance = self._covariance(self._x) + torch.diag(self._noise(self._x))
                self._root = torch.linalg.cholesky(covariance)
                self._weights = torch.cholesky_solve(torch.as_tensor(y)[:, None], self._root)

    def noise(self, x: np.ndarray) -> np.ndarray:
        """Return the sd (n,) of one run at ``x`` (n, d)."""
        import torch

        with torch.no_grad():
            return np.asarray(self._noise(torch.as_tensor(x)).sqrt().numpy())

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd (n,) of the noise-free value at ``x`` (n, d)."""
        import torch

        with torch.no_grad(), one_thread(0):
            points = torch.as_tensor(x)
            cross = self.kernel(points, self._x).to_dense()
            known = torch.linalg.solve_triangular(self._root, cross.T, upper=False)
            prior = self.kernel(points, diag=True)
            variance = (prior - (known**2).sum(0)).clamp_min(JITTER)
            return np.asarray((cross @ self._weights)[:, 0].numpy()), np.asarray(variance.sqrt().numpy())

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples (count, n) of the noise-free values at ``x`` (n, d)."""
        import torch

        with torch.no_grad(), one_thread(0):
            points = torch.as_tensor(x)
            cross = self.kernel(points, self._x).to_dense()
            known = torch.linalg.solve_triangular(self._root, cross.T, upper=False)
            covariance = self._covariance(points) - known.T @ known
            root = _root_of(covariance)
            draws = torch.as_tensor(rng.standard_normal((count, len(x))))
            return np.asarray(((cross @ self._weights)[:, 0] + draws @ root.T).numpy())

    def _covariance(self, points: Any) -> Any:
        import torch

        return self.kernel(points).to_dense() + JITTER * torch.eye(len(points), dtype=torch.double)

    def _noise(self, points: Any) -> Any:
        """Return the variance of the noise (n,)."""
        import torch

        columns = (points[:, self._uneven] - torch.as_tensor(self._centre)) / torch.as_tensor(self._spread)
        return (self._level + columns @ self._slopes).exp() + LEAST_NOISE

    def _learn(self, x: Any, y: Any) -> None:
        """Put the hyper-parameters at their greatest posterior density."""
        import torch
        from botorch.optim.closures.core import ForwardBackwardClosure
        from botorch.optim.core import scipy_minimize

        parameters = {name: p for name, p in self.kernel.named_parameters() if p.requires_grad}
        parameters |= {"noise.level": self._level, "noise.slopes": self._slopes}
        zero = torch.zeros(len(y), dtype=torch.double)

        def loss() -> Any:
            covariance = self._covariance(x) + torch.diag(self._noise(x))
            likelihood = torch.distributions.MultivariateNormal(zero, scale_tril=torch.linalg.cholesky(covariance))
            prior = sum(p.log_prob(value(m)).sum() for _, m, p, value, _ in self.kernel.named_priors())
            slopes = 0.5 * (self._slopes**2).sum() / SLOPE**2
            return slopes - prior - likelihood.log_prob(y)

        scipy_minimize(ForwardBackwardClosure(loss, parameters), parameters, options={"maxiter": ITERATIONS})


def some_groups(group: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return indices of at most about ``most`` rows, rising: whole groups, drawn at random."""
    groups, counts = np.unique(group, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(groups))
    taken = groups[order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), most, side="right")))]]
    return np.flatnonzero(np.isin(group, taken))


def _root_of(covariance: Any) -> Any:
    """Return the lower root of a covariance, after as little as it needs on its diagonal."""
    import torch

    jitter = JITTER
    while True:
        root, failed = torch.linalg.cholesky_ex(covariance)
        if not failed:
            return root
        covariance = covariance + jitter * torch.eye(len(covariance), dtype=torch.double)
        jitter *= 10.0

"""One quantity as a Gaussian process: hyper-parameters from some of the rows, the posterior from all of them.

The noise has a variance of its own at each row: its logarithm is linear in the columns that are named for it, since a
glass with few boron atoms, or few atoms at all, has a noisier fraction than one with many.

The hyper-parameters have the greatest posterior density. Likelihood, gradient and posterior: Rasmussen and Williams,
Gaussian Processes for Machine Learning (2006), sections 2.2 and 5.4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glasspot.surrogate.covariance import Covariance
from glasspot.surrogate.data import Layout
from glasspot.surrogate.points import Points
from glasspot.surrogate.scaling import spread_of
from glasspot.surrogate.strange import LEAST_RATIO, MOST_STRANGE, Judge

MOST_ROWS = 500  # of the fit of the hyper-parameters
ITERATIONS, MORE_ITERATIONS = 60, 25  # of L-BFGS-B, at first and after a set was left out
REACH = 3.0  # prior sds that a hyper-parameter may be off its prior mean
ONE_SIGMA, MOST_STRETCH = 0.6827, 2.0  # share of a Gaussian within one sd; most that errors are stretched
JITTER = 1e-6  # of variance 1, so that rounding never makes a covariance indefinite
LEAST_NOISE, FIRST_NOISE = 1e-4, 0.05  # variance over that of the quantity


class Process:
    """The process of one quantity ``y`` (n,) of mean 0 and variance about 1 at ``x`` (n, d).

    ``group`` (n,): the parameter set of each row; ``uneven``: columns with which the noise may change; ``wary``:
    whether sets that contradict the others are set aside, ``aside`` (n,) being True for their rows. The covariance is
    this process's own: the hyper-parameters of the noise are added to its prior.
    """

    def __init__(
        self,
        covariance: Covariance,
        layout: Layout,
        x: np.ndarray,
        y: np.ndarray,
        group: np.ndarray,
        uneven: Sequence[int],
        wary: bool,
        seed: int,
    ) -> None:
        self._covariance, self._layout = covariance, layout
        self._uneven = list(uneven)
        self._most_strange = MOST_STRANGE if wary else 0.0
        self._centre, self._spread = x[:, self._uneven].mean(0), spread_of(x[:, self._uneven])
        covariance.prior.add("noise", 1, np.log(FIRST_NOISE), 2.0)
        covariance.prior.add("noise slopes", len(self._uneven), 0.0, 1.0)
        part = some_groups(group, MOST_ROWS, seed)
        self._learn(x[part], y[part], group[part])
        self._settle(x, y, group)

    def runs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean, sd (taken as 0) and noise (n,) at the rows that it was made of."""
        import torch

        with torch.no_grad():
            mean = self._covariance.matrix(self._logs, self._rows, self._rows) @ self._weights
        return mean.numpy(), np.zeros(len(mean)), self.noise(self._rows.x.numpy())

    def noise(self, x: np.ndarray) -> np.ndarray:
        """Return the sd (n,) of one run at ``x`` (n, d)."""
        import torch

        with torch.no_grad():
            return self._stretch * np.asarray(self._noise(self._logs, torch.as_tensor(x)).sqrt().numpy())

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd (n,) of the noise-free value at ``x`` (n, d)."""
        import torch

        with torch.no_grad():
            points = Points.cut(x, self._layout)
            mean, known = self._known(points)
            variance = self._covariance.variance(self._logs, points) - (known**2).sum(0)
            return mean.numpy(), self._stretch * np.asarray(variance.clamp_min(JITTER).sqrt().numpy())

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples (count, n) of the noise-free values at ``x`` (n, d)."""
        import torch

        with torch.no_grad():
            points = Points.cut(x, self._layout)
            mean, known = self._known(points)
            root = _root_of(self._covariance.matrix(self._logs, points, points) - known.T @ known)
            draws = torch.as_tensor(rng.standard_normal((count, len(x))))
            return np.asarray((mean + self._stretch * (draws @ root.T)).numpy())

    def _known(self, points: Points) -> tuple[Any, Any]:
        """Return the mean (n,) at ``points``, and a root (rows, n) of the variance that the rows take away there."""
        import torch

        cross = self._covariance.matrix(self._logs, self._rows, points)
        return self._weights @ cross, torch.linalg.solve_triangular(self._root, cross, upper=False)

    def _noise(self, logs: Any, x: Any) -> Any:
        """Return the variance of the noise (n,)."""
        import torch

        names = self._covariance.prior.names
        columns = (x[:, self._uneven] - torch.as_tensor(self._centre)) / torch.as_tensor(self._spread)
        return (logs[names["noise"]] + columns @ logs[names["noise slopes"]]).exp() + LEAST_NOISE

    def _of_runs(self, logs: Any, points: Points) -> Any:
        """Return the covariance of the values of runs, noise included (n, n)."""
        import torch

        return self._covariance.matrix(logs, points, points) + torch.diag(self._noise(logs, points.x) + JITTER)

    def _learn(self, x: np.ndarray, y: np.ndarray, group: np.ndarray) -> None:
        """Find the hyper-parameters, ``_logs``.

        The strangest set is left out where that raises the posterior density, with the values of that set drawn at
        random, by e^``LEAST_RATIO``; and so on.
        """
        kept = np.ones(len(y), dtype=bool)
        self._logs, loss = self._likeliest(self._covariance.prior.mean, x, y, ITERATIONS)
        for _ in range(int(self._most_strange * len(np.unique(group)))):
            worst, ratio, at_random = self._judge(x[kept], y[kept], group[kept]).strangest()
            if ratio < 0.0:
                break
            fewer = kept & (group != worst)
            logs, less = self._likeliest(self._logs.numpy(), x[fewer], y[fewer], MORE_ITERATIONS)
            if loss - less + at_random < LEAST_RATIO:
                break
            kept, loss, self._logs = fewer, less, logs

    def _likeliest(self, start: np.ndarray, x: np.ndarray, y: np.ndarray, iterations: int) -> tuple[Any, float]:
        """Return the hyper-parameters of the greatest posterior density reached from ``start``, and minus its log."""
        import torch
        from scipy.optimize import minimize

        centre, sd = self._covariance.prior.mean, self._covariance.prior.sd
        points, values = Points.cut(x, self._layout), torch.as_tensor(y)

        def loss(vector: np.ndarray) -> tuple[float, np.ndarray]:
            logs = torch.tensor(vector, requires_grad=True)
            covariance = self._of_runs(logs, points)
            with torch.no_grad():
                root = _root_of(covariance)
                inverse = torch.cholesky_inverse(root)
                weights = inverse @ values
                likelihood = 0.5 * weights @ values + root.diagonal().log().sum()
                slope = 0.5 * (inverse - weights[:, None] * weights)
            (gradient,) = torch.autograd.grad(covariance, logs, slope)
            off = (vector - centre) / sd
            return float(likelihood) + 0.5 * float(off @ off), gradient.numpy() + off / sd

        bounds = np.stack([centre - REACH * sd, centre + REACH * sd], axis=1)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations})
        return torch.as_tensor(found.x), float(found.fun)

    def _judge(self, x: np.ndarray, y: np.ndarray, group: np.ndarray) -> Judge:
        """Return the judge of the parameter sets under the present hyper-parameters; keep the posterior of the rows."""
        import torch

        with torch.no_grad():
            self._rows = Points.cut(x, self._layout)
            covariance = self._of_runs(self._logs, self._rows)
            self._root = _root_of(covariance)
            inverse = torch.cholesky_inverse(self._root)
            self._weights = inverse @ torch.as_tensor(y)
        return Judge(covariance.numpy(), inverse.numpy(), y, group)

    def _settle(self, x: np.ndarray, y: np.ndarray, group: np.ndarray) -> None:
        """Make the posterior of all rows but those of strange sets, and its errors as wide as left-out sets ask for."""
        self.aside = np.zeros(len(y), dtype=bool)
        judge = self._judge(x, y, group)
        for _ in range(int(self._most_strange * len(np.unique(group)))):
            worst, ratio, _ = judge.strangest()
            if ratio < LEAST_RATIO:
                break
            judge.without(worst)
            self.aside |= group == worst
        off, sd = judge.left_out()
        self._stretch = float(np.clip(np.quantile(np.abs(off / sd), ONE_SIGMA), 1.0, MOST_STRETCH))
        if self.aside.any():
            self._judge(x[~self.aside], y[~self.aside], group[~self.aside])


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
    while jitter < 1.0:
        root, failed = torch.linalg.cholesky_ex(covariance)
        if not failed:
            return root
        covariance = covariance + jitter * torch.eye(len(covariance), dtype=covariance.dtype)
        jitter *= 10.0
    return torch.linalg.cholesky(covariance)  # which says what is wrong with it

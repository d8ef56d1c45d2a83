"""What the Gaussian processes take for alike: their covariances, made of GPyTorch's Matern 5/2.

Notation
    u, g, z    columns of the free parameters, the glass and the condition; ' is the other row
    M          Matern 5/2 of variance 1, with a length for each of its columns

The covariance of the full model:

    k   = 1 k_c + k_f + sum_c z_c z_c' (1 + s_c k_f) + sum_c b_c z_c^2 z_c'^2
    k_f = s_g M(g) + s_u M(u) M(g)

A quantity is thus a function of parameters and glass at the condition aimed at, plus a term linear in each column of
the condition (log10 of the cooling rate, 1/N) whose slope is itself such a function, slightly bent. Its extrapolation
is a line, and its error grows with the distance.

Hyper-parameters are one vector of logarithms with a Gaussian prior each. That of the lengths is from Hvarfner et al.
(ICML 2024, arXiv:2402.02229); columns are expected to spread over about 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from glasspot.surrogate.data import Layout
from glasspot.surrogate.points import Points

LENGTH, LENGTH_SPREAD = math.sqrt(2.0), math.sqrt(3.0)  # of ln length in the cube, for one column
CENTRE = 4.0  # variance of the constant: the mean of few parameter sets says little of that of all
SLOPE, BENT = 0.3, 0.03  # of s_c and of the root of b_c: a priori, in units of the quantity for a decade or so


@dataclass
class Prior:
    """Names of hyper-parameters, and the Gaussian prior of the logarithm of each."""

    names: dict[str, slice] = field(default_factory=dict)
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sd: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def add(self, name: str, count: int, mean: float, sd: float) -> None:
        """Add ``count`` hyper-parameters under one name."""
        self.names[name] = slice(len(self.mean), len(self.mean) + count)
        self.mean = np.append(self.mean, np.full(count, mean))
        self.sd = np.append(self.sd, np.full(count, sd))


class Covariance(Protocol):
    """A covariance with its ``prior``; ``logs`` is the vector of logarithms, a tensor."""

    prior: Prior

    def matrix(self, logs: Any, a: Points, b: Points) -> Any:
        """Return the covariance of the rows of ``a`` with those of ``b`` (n_a, n_b)."""

    def variance(self, logs: Any, a: Points) -> Any:
        """Return the variance of each row of ``a`` (n_a,)."""


class Plain:
    """One Matern 5/2 over all columns."""

    def __init__(self, layout: Layout) -> None:
        self.prior = Prior()
        self.prior.add("variance", 1, 0.0, 1.5)
        self.prior.add("lengths", layout.columns, LENGTH + 0.5 * math.log(layout.columns), LENGTH_SPREAD)

    def matrix(self, logs: Any, a: Points, b: Points) -> Any:
        """Return the covariance (n_a, n_b)."""
        hyper = _Values(self.prior, logs)
        return hyper["variance"] * _matern(a.x, b.x, hyper["lengths"])

    def variance(self, logs: Any, a: Points) -> Any:
        """Return the variance (n_a,)."""
        return _Values(self.prior, logs)["variance"].expand(len(a))


class Full:
    """Parameters, glass and condition each in their place: the covariance at the top of this file."""

    def __init__(self, layout: Layout) -> None:
        self.prior = Prior()
        m, g, c = layout.parameters, layout.glass, layout.condition
        self.prior.add("glass", 1, 0.0, 1.5)
        self.prior.add("glass lengths", g, LENGTH, 1.0)
        self.prior.add("theta", 1, 0.0, 1.5)
        self.prior.add("theta lengths", m, LENGTH + 0.5 * math.log(max(m, 1)), LENGTH_SPREAD)
        self.prior.add("theta's glass lengths", g, LENGTH, 1.0)
        self.prior.add("slope", c, math.log(SLOPE), 1.5)
        self.prior.add("bent", c, 2.0 * math.log(BENT), 1.5)

    def matrix(self, logs: Any, a: Points, b: Points) -> Any:
        """Return the covariance (n_a, n_b)."""
        hyper = _Values(self.prior, logs)
        theta = hyper["theta"] * _matern(a.theta, b.theta, hyper["theta lengths"])
        with_theta = _matern(a.glass, b.glass, hyper["theta's glass lengths"])
        glass = hyper["glass"] * _matern(a.glass, b.glass, hyper["glass lengths"])
        function = _dealt(glass, a.of, b.of) + _dealt(theta, a.at, b.at) * _dealt(with_theta, a.of, b.of)
        result = CENTRE + function
        for c in range(a.z.shape[1]):
            if not (a.z[:, c].any() and b.z[:, c].any()):
                continue  # at the condition aimed at, as candidates are
            along = a.z[:, c, None] * b.z[:, c]
            result = result + along * (1.0 + hyper["slope"][c] * function) + hyper["bent"][c] * along**2
        return result

    def variance(self, logs: Any, a: Points) -> Any:
        """Return the variance (n_a,)."""
        hyper = _Values(self.prior, logs)
        function = hyper["glass"] + hyper["theta"]
        squares = a.z**2
        result = CENTRE + function + squares @ (1.0 + hyper["slope"] * function) + squares**2 @ hyper["bent"]
        return result.expand(len(a))


class _Values:
    """Hyper-parameters by name, themselves and not their logarithms."""

    def __init__(self, prior: Prior, logs: Any) -> None:
        self._names, self._logs = prior.names, logs

    def __getitem__(self, name: str) -> Any:
        return self._logs[self._names[name]].exp()


def _dealt(matrix: Any, rows: Any, columns: Any) -> Any:
    """Return ``matrix`` (p, q) with its rows and columns repeated as the indices say."""
    return matrix.index_select(0, rows).index_select(1, columns)


def _matern(a: Any, b: Any, lengths: Any = 1.0) -> Any:
    """Return Matern 5/2 (..., n, m) of ``a`` (..., n, d) and ``b`` (..., m, d)."""
    import torch
    from gpytorch.kernels import MaternKernel

    kernel = MaternKernel(nu=2.5).double().requires_grad_(False).initialize(lengthscale=1.0)
    with torch.autograd.set_grad_enabled(torch.is_grad_enabled()):
        return kernel.forward(a / lengths, b / lengths)

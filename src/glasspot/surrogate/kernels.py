"""What the Gaussian processes take for alike: their covariance functions, made of GPyTorch's.

Notation
    u, g, z    columns of the free parameters, the glass and the condition
    k_u, k_g   Matern 5/2 with a length for each column

The covariance of the full model:

    k = k_0 + sum_c z_c z_c' k_c + sum_c z_c^2 z_c'^2 v_c
    k_0, k_c = constant + k_g + sum_i k_i(u_i) k_g + k_u k_g

A quantity is thus a function of parameters and glass at the condition aimed at, plus a term linear in each column of
the condition (log10 of the cooling rate, 1/N) whose slope is itself such a function, slightly bent. Its extrapolation
is a line, and its error grows with the distance. One-at-a-time terms in the parameters, k_i, learn faster than k_u
alone where most parameters act by themselves (Duvenaud et al., NeurIPS 2011, arXiv:1112.4394).

Lengths have the prior of Hvarfner et al. (ICML 2024, arXiv:2402.02229).
"""

from __future__ import annotations

import math
from typing import Any

from glasspot.surrogate.data import Layout

LEAST_LENGTH = 0.05
BENT = 0.01  # variance of the bend along a column of the condition
# Variances of the mean at the condition aimed at, and of the mean slope along a column of the condition (a decade of
# the rate, 1000/N): wide on purpose, in units of the variance of all values.
MEAN, MEAN_SLOPE = 4.0, 1.0
WEAK = 0.2  # what a term of secondary rank has of the variance, a priori


def plain(layout: Layout) -> Any:
    """Return one Matern 5/2 over all columns, a length for each."""
    from gpytorch.kernels import ScaleKernel

    return _weighed(ScaleKernel(_matern(range(layout.columns))), 1.0)


def full(layout: Layout) -> Any:
    """Return the covariance of the full model. Its input has the squares of the condition's columns appended."""
    from gpytorch.kernels import LinearKernel

    kernel = _of_glass(layout, 1.0)
    for number in range(layout.condition):
        along = LinearKernel(active_dims=(layout.z.start + number,)).initialize(variance=1.0).requires_grad_(False)
        bent = LinearKernel(active_dims=(layout.columns + number,)).initialize(variance=BENT)
        kernel = kernel + along * _of_glass(layout, WEAK, simple=True) + bent
    return kernel


def _of_glass(layout: Layout, variance: float, simple: bool = False) -> Any:
    """Return a covariance over parameters and glass with about this variance."""
    import torch
    from gpytorch.kernels import ConstantKernel, ScaleKernel

    theta = range(layout.theta.start, layout.theta.stop)
    glass = range(layout.composition.start, layout.composition.stop)
    constant = ConstantKernel()
    constant.initialize(constant=torch.tensor(MEAN_SLOPE if simple else MEAN))
    # Few rows tell means and mean slopes: the likelihood would draw them, and what they extrapolate, towards zero.
    constant.raw_constant.requires_grad_(False)
    kernel = constant + _weighed(ScaleKernel(_matern(glass)), variance)
    if not simple:
        for column in theta:
            kernel = kernel + _weighed(ScaleKernel(_matern([column]) * _matern(glass)), variance)
    return kernel + _weighed(ScaleKernel(_matern(theta) * _matern(glass)), WEAK * variance)


def _weighed(kernel: Any, variance: float) -> Any:
    """Return a ScaleKernel whose variance begins at ``variance`` and has a broad prior there."""
    from gpytorch.priors import LogNormalPrior

    kernel.register_prior(
        "outputscale_prior", LogNormalPrior(math.log(variance), 1.5), lambda m: m.outputscale, lambda m, v: None
    )
    kernel.initialize(outputscale=variance)
    return kernel


def _matern(columns: Any) -> Any:
    """Return a Matern 5/2 over these columns, a length for each."""
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import MaternKernel
    from gpytorch.priors import LogNormalPrior

    columns = tuple(columns)
    prior = LogNormalPrior(math.sqrt(2.0) + 0.5 * math.log(len(columns)), math.sqrt(3.0))
    return MaternKernel(
        nu=2.5,
        ard_num_dims=len(columns),
        active_dims=columns,
        lengthscale_prior=prior,
        lengthscale_constraint=GreaterThan(LEAST_LENGTH, initial_value=1.0),
    )

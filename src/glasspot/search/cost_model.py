"""The cost as a Gaussian process over the cube, from noisy evaluations.

Two ways to model the cost R, of which the first is taken where the evaluations tell their curves:

    curves   R^2 = |y_ref - y(u)|^2 = sum_k z_k(u)^2 + rest, with z_k the components of the residual along its K leading
             directions. Curves change smoothly with u where R has a sharp valley, so far fewer evaluations teach them.
             Composite objective: Astudillo and Frazier, ICML 2019, arXiv:1906.01537.
    cost     ln R itself.

Each z_k, or ln R, is a Gaussian process: Matern 5/2, one length for each axis with the prior of Hvarfner et al. (ICML
2024, arXiv:2402.02229), which grows with the number of axes. Its noise is learned; what was measured, pooled over all
evaluations as one estimate is itself noisy, is its least value for the z_k that varies most (and in proportion for the
others, whose own noise may well be smaller). It may be more: the error of a single run does not see motion slower than
the run.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from glasspot.search.proposer import Evaluation
from glasspot.surrogate.threads import one_thread

MOST_POINTS = 120  # of a model; more teach little of the place where the search stands, and cost n^3
COMPONENTS = 4  # leading directions of the residual
LEAST_NOISE = 1e-5  # variance over that of the modelled values
LEAST_DOUBT = 0.01  # the same for success and failure, which chance decides in part
UNSEEN = 3.0  # noise between runs of liquid silica over that which a run of 5 ps tells: measured, 3 to 4
ITERATIONS = 75  # of the likelihood's maximisation
SAMPLES = 128  # of the posterior


class Surrogate:
    """A model of ln cost, made of evaluations that succeeded, at least one.

    ``reference`` (m,) scaled curves of the target, or None to model the cost itself.
    """

    def __init__(self, evaluations: Sequence[Evaluation], reference: np.ndarray | None) -> None:
        import torch

        self.points = np.array([e.point for e in evaluations])
        costs = np.array([max(e.cost or 0.0, 1e-9) for e in evaluations])
        errors = np.array([e.error or 0.0 for e in evaluations])
        if reference is None:
            values = np.log(costs)[:, None]
            self._rest = 0.0
            noise = np.sqrt(np.mean((errors / costs) ** 2))
        else:
            residuals = reference - np.array([e.curves for e in evaluations])
            # Of unit length: the best points decide the directions as much as the many bad ones.
            directions = np.linalg.svd(residuals / costs[:, None], full_matrices=False)[2][:COMPONENTS]
            values = residuals @ directions.T
            beyond = np.maximum(costs**2 - (values**2).sum(1), 0.0)
            self._rest = float(np.median(beyond[np.argsort(costs)[: COMPONENTS + 1]])) + 1e-12
            noise = np.sqrt(np.mean(errors**2))
        self._composite = reference is not None
        self._mean = torch.as_tensor(values.mean(0))
        self._spread = torch.as_tensor(np.maximum(values.std(0), 1e-6))
        least = float(np.clip((noise / float(self._spread.max())) ** 2, LEAST_NOISE, 1.0))
        self.model = gaussian_process(self.points, (torch.as_tensor(values) - self._mean) / self._spread, least)

    def log_cost(self, values: Any) -> Any:
        """Return ln cost (...) of modelled values (..., K), tensors."""
        values = values * self._spread + self._mean
        return 0.5 * ((values**2).sum(-1) + self._rest).log() if self._composite else values[..., 0]

    def expected(self, points: np.ndarray) -> np.ndarray:
        """Return the posterior median of the cost, (k,), at ``points`` (k, n)."""
        import torch
        from botorch.sampling import SobolQMCNormalSampler

        sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=0)
        with torch.no_grad():
            # Each point alone: what they have in common does not matter here.
            posterior = self.model.posterior(torch.as_tensor(points)[:, None, :])
            samples = self.log_cost(sampler(posterior))
        return np.asarray(np.exp(np.median(samples.numpy(), axis=0))).ravel()


class Feasibility:
    """The probability that a run succeeds, from which ones did: a Gaussian process on 1 and 0, squashed.

    Least-squares classification, Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 6.5.
    """

    def __init__(self, points: np.ndarray, succeeded: np.ndarray) -> None:
        import torch

        share = succeeded.mean()
        spread = max(float(succeeded.std()), 1e-6)
        self._half = (0.5 - share) / spread
        values = torch.as_tensor((succeeded - share) / spread)[:, None]
        self.model = gaussian_process(points, values, LEAST_DOUBT)

    def log_probability(self, points: Any) -> Any:
        """Return ln P (k,) at ``points`` (k, n), tensors."""
        import torch

        posterior = self.model.posterior(points, observation_noise=True)
        return torch.special.log_ndtr((posterior.mean[..., 0] - self._half) / posterior.variance[..., 0].sqrt())


def gaussian_process(points: np.ndarray, values: Any, least_noise: float) -> Any:
    """Return BoTorch's model of ``values`` (k, K; mean 0 and variance 1) at ``points`` (k, n), at its most likely.

    ``least_noise``: what the variance of the noise of each value is at least.
    """
    import torch
    from botorch.models import SingleTaskGP
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import MaternKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from gpytorch.priors import LogNormalPrior

    n, outputs = points.shape[1], values.shape[1]
    batch = torch.Size([outputs] if outputs > 1 else [])
    likelihood = GaussianLikelihood(
        noise_prior=LogNormalPrior(math.log(UNSEEN**2 * least_noise), 1.0),
        noise_constraint=GreaterThan(least_noise, initial_value=UNSEEN**2 * least_noise),
        batch_shape=batch,
    )
    lengths = LogNormalPrior(math.sqrt(2.0) + 0.5 * math.log(n), math.sqrt(3.0))
    kernel = MaternKernel(
        nu=2.5,
        ard_num_dims=n,
        batch_shape=batch,
        lengthscale_prior=lengths,
        lengthscale_constraint=GreaterThan(0.025, transform=None, initial_value=lengths.mode),
    )
    model = SingleTaskGP(
        torch.as_tensor(points), values, likelihood=likelihood, covar_module=kernel, outcome_transform=None
    )
    # One run of L-BFGS-B, kept wherever it ends: a likelihood not quite at its top will do.
    fit_gpytorch_mll_scipy(ExactMarginalLogLikelihood(likelihood, model), options={"maxiter": ITERATIONS})
    return model.eval()


def nearest(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the indices, rising, of the ``MOST_POINTS`` of ``points`` (k, n) that are nearest to ``place``."""
    distances = np.linalg.norm(points - place, axis=1)
    return np.sort(np.argsort(distances, kind="stable")[:MOST_POINTS])


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Run torch with its own random numbers, on one thread and in silence; leave it as it was."""
    with one_thread(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""From outcomes to what a proposer and a judge need: scaled curves, their errors, their Jacobian and its noise.

Runs of the same potential are put together block by block. With the blocks' means of the scaled curves y, of the
slopes s = dU/du and of their product, over all frames of all runs,

    J = -beta ( <y s> - <y> <s> ),        S = (B-1)/B sum_b (J_b - <J_b>)^T (J_b - <J_b>),   J_b without block b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.evaluate.job import Outcome
from glasspot.search.gauss_newton import LinearModel
from glasspot.target import Objective
from glasspot.units import BOLTZMANN


@dataclass(frozen=True)
class Blocks:
    """Block means in the space of the scaled curves (m) and the cube (n), with the number of frames of each block."""

    frames: np.ndarray  # (b,)
    curves: np.ndarray  # (b, m)
    slopes: np.ndarray | None = None  # (b, n) eV
    products: np.ndarray | None = None  # (b, m, n) eV

    def mean_curves(self) -> np.ndarray:
        """Return the curves averaged over all frames, (m,)."""
        return np.average(self.curves, axis=0, weights=self.frames)

    def curve_scatter(self) -> np.ndarray:
        """Return deviations d (b, m) of the blocks, scaled so that d^T d is the covariance of the mean curves."""
        count = len(self.frames)
        return np.asarray((self.curves - self.curves.mean(0)) / np.sqrt(count * (count - 1)))


def gather(outcomes: Sequence[Outcome], objective: Objective) -> Blocks:
    """Return the blocks of all ``outcomes`` (of one potential), mapped on the curves of ``objective``."""
    mapping = objective.scaled_map()
    frames, curves, slopes, products = [], [], [], []
    for outcome in outcomes:
        arrays = outcome.arrays
        count = len(arrays["frames"])
        frames.append(arrays["frames"].astype(float))
        block_curves = arrays["histogram"].reshape(count, -1) @ mapping.T
        curves.append(block_curves)
        if "cross" in arrays:
            n = arrays["slope"].shape[1]
            offset = arrays["slope_offset"]
            cross = arrays["cross"].reshape(count, -1, n).astype(float)
            product = np.einsum("mk,bkn->bmn", mapping, cross, optimize=True)
            # Slopes are stored relative to each run's first frame; runs are only comparable on one footing.
            slopes.append(arrays["slope"] + offset)
            products.append(product + block_curves[:, :, None] * offset)
    return Blocks(
        np.concatenate(frames),
        np.concatenate(curves),
        np.concatenate(slopes) if slopes else None,
        np.concatenate(products) if products else None,
    )


def linear_model(blocks: Blocks, point: np.ndarray, objective: Objective, temperature: float) -> LinearModel:
    """Return the curves and their response at ``point`` of the cube, from equilibrium runs at ``temperature`` (K)."""
    curves = blocks.mean_curves()
    scatter = blocks.curve_scatter()
    jacobian = _jacobian(blocks, np.ones(len(blocks.frames), dtype=bool), temperature)
    left_out = []
    for b in range(len(blocks.frames)):
        keep = np.ones(len(blocks.frames), dtype=bool)
        keep[b] = False
        left_out.append(_jacobian(blocks, keep, temperature))
    deviations = np.array(left_out) - np.mean(left_out, axis=0)
    count = len(left_out)
    noise = (count - 1) / count * np.einsum("bmi,bmj->ij", deviations, deviations)
    return LinearModel(
        point=np.array(point, dtype=float),
        curves=curves,
        jacobian=jacobian,
        jacobian_noise=noise,
        cost=objective.r_chi(curves),
        cost_noise=float(np.linalg.norm(scatter)),
        scatter=scatter,
    )


def cost_error(blocks: Blocks, objective: Objective) -> float:
    """Return the standard error of R_chi of the mean curves, by the jackknife over blocks."""
    count = len(blocks.frames)
    costs = []
    for b in range(count):
        weights = np.delete(blocks.frames, b)
        costs.append(objective.r_chi(np.average(np.delete(blocks.curves, b, axis=0), axis=0, weights=weights)))
    return float(np.sqrt((count - 1) / count * np.sum((np.array(costs) - np.mean(costs)) ** 2)))


def _jacobian(blocks: Blocks, keep: np.ndarray, temperature: float) -> np.ndarray:
    if blocks.slopes is None or blocks.products is None:
        raise ValueError("these outcomes hold no response")
    weights = blocks.frames[keep] / blocks.frames[keep].sum()
    slopes = blocks.slopes[keep]
    centre = weights @ slopes
    # Covariance about the common mean slope, block by block, so that nothing large is subtracted.
    curves = blocks.curves[keep]
    products = blocks.products[keep] - curves[:, :, None] * centre
    return np.asarray(-np.einsum("b,bmn->mn", weights, products) / (BOLTZMANN * temperature))

"""From outcomes to what a proposer and a judge need: scaled values, their errors, their Jacobian and its noise.

Runs of the same potential in the same state are put together block by block. With the blocks' means of the scaled
values y, of the slopes s = dU/du and of their product, over all frames of all runs,

    J = -beta ( <y s> - <y> <s> ),        S = (B-1)/B sum_b (J_b - <J_b>)^T (J_b - <J_b>),   J_b without block b.

The pressure depends on the parameters at fixed positions too: <dP/du> is added to its row of J.
States are simulated apart: their values stand one after the other, and the S of each adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasspot.evaluate.job import Outcome
from glasspot.search.linear_model import LinearModel
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective
from glasspot.units import BOLTZMANN

GPA_PER_BAR = 1e-4


@dataclass(frozen=True)
class Blocks:
    """Block means of one state: its scaled values (m) and the cube (n), with the number of frames of each block."""

    frames: np.ndarray  # (b,)
    curves: np.ndarray  # (b, m)
    runs: np.ndarray  # (b,) which run each block is from
    slopes: np.ndarray | None = None  # (b, n) eV
    products: np.ndarray | None = None  # (b, m, n) eV
    explicit: np.ndarray | None = None  # (b, m, n), how values depend on the cube at fixed positions

    def mean_curves(self) -> np.ndarray:
        """Return the values averaged over all frames, (m,)."""
        return np.average(self.curves, axis=0, weights=self.frames)

    def curve_scatter(self) -> np.ndarray:
        """Return deviations d (b, m) of the blocks, scaled so that d^T d is the covariance of the mean values."""
        count = len(self.frames)
        return np.asarray((self.curves - self.curves.mean(0)) / np.sqrt(count * (count - 1)))


@dataclass(frozen=True)
class Measurement:
    """What one evaluation says, over all states: scaled values (m,), their cost, its error and its noise."""

    curves: np.ndarray
    scatter: np.ndarray  # (k, m), scatter^T scatter is the covariance of the curves
    cost: float
    error: float
    noise: float  # R_chi that sampling noise alone gives at this length of run
    model: LinearModel | None  # where the runs observed the response


def measure(
    outcomes: Sequence[Sequence[Outcome]], point: np.ndarray, objective: Objective, temperatures: Sequence[float]
) -> Measurement:
    """Return what the runs of one potential say; ``outcomes`` and ``temperatures`` (K) state by state."""
    blocks = [gather(found, objective, i) for i, found in enumerate(outcomes)]
    curves = np.concatenate([b.mean_curves() for b in blocks])
    scatter = _stacked([b.curve_scatter() for b in blocks])
    cost, noise = objective.r_chi(curves), float(np.linalg.norm(scatter))
    error = max(_error(blocks, objective, by_run=False), _error(blocks, objective, by_run=True))
    model = None
    if all(b.products is not None for b in blocks):
        parts = [_response(b, t) for b, t in zip(blocks, temperatures, strict=True)]
        model = LinearModel(
            point=np.array(point, dtype=float),
            curves=curves,
            jacobian=np.concatenate([jacobian for jacobian, _ in parts]),
            jacobian_noise=np.sum([spread for _, spread in parts], axis=0),
            cost=cost,
            cost_noise=noise,
            scatter=scatter,
        )
    return Measurement(curves, scatter, cost, error, noise, model)


def gather(outcomes: Sequence[Outcome], objective: Objective, state: int = 0) -> Blocks:
    """Return the blocks of all ``outcomes`` (of one potential in one state), mapped on the values of ``objective``.

    The response is left out where a run did not observe it or a number has none.
    """
    numbers = objective.states[state].numbers
    scales = [objective.scale_of(number) for number in numbers]
    respond = all(number.has_response for number in numbers)
    frames, curves, runs, slopes, products, explicit = [], [], [], [], [], []
    for run, outcome in enumerate(outcomes):
        arrays = outcome.arrays
        count = len(arrays["frames"])
        mapping, offset = objective.state_map(state, outcome.numbers.get("volume"))
        frames.append(arrays["frames"].astype(float))
        runs.append(np.full(count, run))
        block_curves = arrays["histogram"].reshape(count, -1) @ mapping.T + offset
        block_numbers = [s * _blocks_of(number, outcome) for s, number in zip(scales, numbers, strict=True)]
        values = np.column_stack([block_curves, *block_numbers])
        curves.append(values)
        if "cross" in arrays and respond:
            n = arrays["slope"].shape[1]
            cross = arrays["cross"].reshape(count, -1, n).astype(float)
            product = np.einsum("mk,bkn->bmn", mapping, cross, optimize=True)
            product += offset[None, :, None] * arrays["slope"][:, None, :]
            # All numbers that respond are the pressure.
            of_numbers = [s * GPA_PER_BAR * arrays["pressure_cross"][:, None, :] for s in scales]
            product = np.concatenate([product, *of_numbers], axis=1)
            # Slopes are stored relative to each run's first frame; runs are only comparable on one footing.
            slopes.append(arrays["slope"] + arrays["slope_offset"])
            products.append(product + values[:, :, None] * arrays["slope_offset"])
            of_numbers = [s * GPA_PER_BAR * arrays["pressure_slope"][:, None, :] for s in scales]
            explicit.append(np.concatenate([np.zeros((count, len(mapping), n)), *of_numbers], axis=1))
    return Blocks(
        np.concatenate(frames),
        np.concatenate(curves),
        np.concatenate(runs),
        np.concatenate(slopes) if slopes else None,
        np.concatenate(products) if products else None,
        np.concatenate(explicit) if explicit else None,
    )


def _blocks_of(number: NumberTarget, outcome: Outcome) -> np.ndarray:
    """Return a number of a run for each of its blocks, (b,); one that is known of the whole run only is repeated."""
    count = len(outcome.arrays["frames"])
    if number.quantity == "pressure":
        pieces = np.array_split(outcome.arrays["thermo"][:, 3], count)
        return np.array([GPA_PER_BAR * piece.mean() for piece in pieces])
    # A pair whose g(r) has no first minimum has no shell, so none of its atoms has a neighbour.
    return np.full(count, float(outcome.numbers.get(number.quantity, 0.0)))


def _stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return deviations of states that know nothing of each other as one, (sum k, sum m): the blocks of a diagonal."""
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*parts))


def _response(blocks: Blocks, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Jacobian (m, n) of one state's values and its noise S (n, n), from equilibrium at one temperature."""
    jacobian = _jacobian(blocks, np.ones(len(blocks.frames), dtype=bool), temperature)
    left_out = []
    for b in range(len(blocks.frames)):
        keep = np.ones(len(blocks.frames), dtype=bool)
        keep[b] = False
        left_out.append(_jacobian(blocks, keep, temperature))
    deviations = np.array(left_out) - np.mean(left_out, axis=0)
    count = len(left_out)
    return jacobian, (count - 1) / count * np.einsum("bmi,bmj->ij", deviations, deviations)


def _error(blocks: Sequence[Blocks], objective: Objective, by_run: bool) -> float:
    """Return the standard error of R_chi of the mean values, by the jackknife over the blocks, or over whole runs.

    Blocks of one run share its slow fluctuations, so they tell too little; runs tell all, where there are several.
    """
    means = [b.mean_curves() for b in blocks]
    variance = 0.0
    for s, state in enumerate(blocks):
        units = state.runs if by_run else np.arange(len(state.frames))
        names = np.unique(units)
        if len(names) < 2:
            continue
        costs = []
        for name in names:
            keep = units != name
            mean = np.average(state.curves[keep], axis=0, weights=state.frames[keep])
            costs.append(objective.r_chi(np.concatenate([*means[:s], mean, *means[s + 1 :]])))
        variance += (len(names) - 1) / len(names) * float(np.sum((np.array(costs) - np.mean(costs)) ** 2))
    return float(np.sqrt(variance))


def _jacobian(blocks: Blocks, keep: np.ndarray, temperature: float) -> np.ndarray:
    if blocks.slopes is None or blocks.products is None or blocks.explicit is None:
        raise ValueError("these outcomes hold no response")
    weights = blocks.frames[keep] / blocks.frames[keep].sum()
    slopes = blocks.slopes[keep]
    centre = weights @ slopes
    # Covariance about the common mean slope, block by block, so that nothing large is subtracted.
    curves = blocks.curves[keep]
    products = blocks.products[keep] - curves[:, :, None] * centre
    fluctuation = -np.einsum("b,bmn->mn", weights, products) / (BOLTZMANN * temperature)
    return np.asarray(fluctuation + np.einsum("b,bmn->mn", weights, blocks.explicit[keep]))

"""What runs of one or several states say together, on made-up frames whose covariances are known."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.campaign.response import Measurement, measure
from glasspot.evaluate.job import Outcome
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System
from glasspot.units import BOLTZMANN

NODES, R_MAX, BLOCKS, FRAMES = 32, 8.0, 10, 20  # frames of a block
SYSTEM = System(("Si-Si", "Si-O", "O-O"), {"Si": 10, "O": 20}, 500.0)
COOL, HOT = 3000.0, 4000.0
# Three motions of the liquid: how each moves the histogram, and the two slopes dU/du.
SHAPES = np.random.default_rng(0).standard_normal((3, 3, NODES + 1))
SLOPES = np.array([[1.0, 0.2], [-0.5, 0.8], [0.0, 0.3]])


def objective(states: int) -> Objective:
    edges = np.arange(4, 31) * 0.25
    found = []
    for n in range(states):
        target = CurveTarget(f"g(r) {n}", None, edges, np.ones(26), weight=1.0 + n)
        found.append(StateTargets(str(n), (target,), SYSTEM, R_MAX, NODES))
    return Objective(tuple(found))


def run(rng: np.random.Generator, shift: float = 0.0) -> Outcome:
    """Frames without memory: histogram 20 + shift + motions, slopes of the same motions."""
    motions = rng.standard_normal((BLOCKS, FRAMES, 3))
    histograms = 20.0 + shift + np.einsum("bfk,kpn->bfpn", motions, SHAPES)
    slopes = motions @ SLOPES + 7.0
    offset = slopes[0, 0]
    slopes = slopes - offset
    arrays = {
        "frames": np.full(BLOCKS, FRAMES),
        "histogram": histograms.mean(1),
        "slope": slopes.mean(1),
        "slope_offset": offset,
        "cross": np.einsum("bfpn,bfk->bpnk", histograms, slopes) / FRAMES,
    }
    return Outcome("k", True, arrays=arrays)


def measured(outcomes: list[list[Outcome]], temperatures: list[float]) -> Measurement:
    return measure(outcomes, np.zeros(2), objective(len(outcomes)), temperatures)


def test_states_stand_one_after_the_other_and_their_noise_adds_up() -> None:
    rng = np.random.default_rng(1)
    one, other = [run(rng), run(rng)], [run(rng)]
    cool, hot = measured([one], [COOL]), measured([other], [HOT])
    both = measured([one, other], [COOL, HOT])
    first, second = np.sqrt(1 / 3), np.sqrt(2 / 3)  # the weights are 1 and 2
    assert both.model is not None and cool.model is not None and hot.model is not None
    np.testing.assert_allclose(both.curves, np.concatenate([first * cool.curves, second * hot.curves]))
    expected = np.concatenate([first * cool.model.jacobian, second * hot.model.jacobian])
    np.testing.assert_allclose(both.model.jacobian, expected)
    np.testing.assert_allclose(
        both.model.jacobian_noise, cool.model.jacobian_noise / 3 + 2 * hot.model.jacobian_noise / 3
    )
    covariance = both.scatter.T @ both.scatter
    np.testing.assert_allclose(covariance[:26, :26], cool.scatter.T @ cool.scatter / 3, atol=1e-12)
    np.testing.assert_allclose(covariance[26:, 26:], 2 * hot.scatter.T @ hot.scatter / 3, atol=1e-12)
    assert not covariance[:26, 26:].any()
    assert both.cost == pytest.approx(np.hypot(first * cool.cost, second * hot.cost))


def test_the_response_is_the_covariance_and_its_noise_the_scatter_of_repeats() -> None:
    rng = np.random.default_rng(2)
    models = [measured([[run(rng)]], [COOL]).model for _ in range(150)]
    found = np.array([model.jacobian for model in models if model is not None])
    mapping, _ = objective(1).state_map(0)
    expected = -(mapping @ SHAPES.reshape(3, -1).T @ SLOPES) / (BOLTZMANN * COOL)
    assert np.abs(found.mean(0) - expected).max() < 0.03 * np.abs(expected).max()
    deviations = found - found.mean(0)
    scatter = np.einsum("kmi,kmj->ij", deviations, deviations) / (len(found) - 1)
    claimed = np.mean([model.jacobian_noise for model in models if model is not None], axis=0)
    # 150 repeats of what few motions do know it to a tenth.
    np.testing.assert_allclose(claimed, scatter, rtol=0.25, atol=0.05 * scatter.max())


@pytest.mark.parametrize("states", [1, 2])
def test_runs_that_differ_more_than_their_blocks_set_the_error(states: int) -> None:
    rng = np.random.default_rng(3)
    repeats = [
        measured([[run(rng, shift) for shift in rng.normal(0.0, 0.5, 4)] for _ in range(states)], [COOL] * states)
        for _ in range(80)
    ]
    errors = np.sqrt(np.mean([m.error**2 for m in repeats]))
    assert errors == pytest.approx(np.std([m.cost for m in repeats], ddof=1), rel=0.25)

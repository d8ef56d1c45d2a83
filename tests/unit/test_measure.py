"""What runs of one or several states say together, on made-up frames whose covariances are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glasspot.campaign.evidence import score
from glasspot.campaign.response import Measurement, measure
from glasspot.evaluate.job import Outcome
from glasspot.units import BOLTZMANN
from made_up_runs import COOL, HOT, SHAPES, SLOPES, objective, run


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


def test_a_score_is_the_mean_over_whole_samples_with_its_standard_error() -> None:
    rng = np.random.default_rng(4)
    goal = objective(2)
    states = [[run(rng, shift) for shift in rng.normal(0.0, 0.5, 5)] for _ in range(2)]
    failed = replace(states[1][3], ok=False, reason="too-hot")
    states[1][3] = failed
    found = score(states, goal)
    costs = [
        measure([[a], [b]], np.zeros(2), goal, [COOL, HOT]).cost
        for n, (a, b) in enumerate(zip(*states, strict=True))
        if n != 3
    ]
    assert (found["runs"], found["failures"]) == (4, ["too-hot"])
    assert found["cost"] == pytest.approx(np.mean(costs))
    assert found["error"] == pytest.approx(np.std(costs, ddof=1) / 2)
    # Each state has one target, so its R_chi is that of the target; their weights are 1 and 2.
    assert found["per_state"]["0"] == pytest.approx(found["per_curve"]["g(r) 0"])
    assert found["cost"] ** 2 == pytest.approx(
        (found["per_state"]["0"] ** 2 + 2 * found["per_state"]["1"] ** 2) / 3, rel=0.01
    )


def test_one_whole_sample_is_no_score() -> None:
    rng = np.random.default_rng(5)
    found = score([[run(rng), replace(run(rng), ok=False, reason="crash")]], objective(1))
    assert found["cost"] is None and found["error"] is None and found["failures"] == ["crash"]

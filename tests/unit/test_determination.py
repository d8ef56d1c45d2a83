"""Errors of fitted parameters against their scatter in repeated made-up fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glasspot.campaign.determination import determination, fresh_measurement, information_of, pooled
from glasspot.evaluate.job import Outcome
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.search.gauss_newton import GaussNewton
from glasspot.search.linear_model import LinearModel
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System

GRID = np.arange(160) * 0.05
SPACE = ParameterSpace.build(load_potential("BKS"), ["Si-O.A", "Si-O.rho"])
BLOCKS = 10


def peak(place: float, width: float) -> np.ndarray:
    return np.exp(-(((GRID - place) / width) ** 2))


JACOBIAN = np.array([peak(1.6, 0.15) - 0.5 * peak(2.6, 0.3), peak(1.7, 0.15) + 0.3 * peak(4.0, 0.6)]).T
# As in a g(r): the noise lies in the peaks, and a whole peak grows or shrinks at once.
NOISE = 0.004 * np.array([peak(1.6, 0.15), peak(1.7, 0.2), peak(2.6, 0.3), peak(4.0, 0.6)])


def objective(error: np.ndarray | None = None) -> Objective:
    target = CurveTarget("g(r)", "Si-O", np.arange(161) * 0.05, np.ones(160), error)
    system = System(("Si-Si", "Si-O", "O-O"), {"Si": 10, "O": 20}, 500.0)
    return Objective((StateTargets("", (target,), system, 8.0, 640),))


def run(rng: np.random.Generator) -> LinearModel:
    """One run's curves about zero, from blocks that are independent of each other."""
    blocks = np.sqrt(BLOCKS) * rng.standard_normal((BLOCKS, len(NOISE))) @ NOISE
    scatter = (blocks - blocks.mean(0)) / np.sqrt(BLOCKS * (BLOCKS - 1))
    return LinearModel(
        np.full(2, 0.5), blocks.mean(0), JACOBIAN, np.zeros((2, 2)), 0.01, float(np.linalg.norm(scatter)), scatter
    )


def test_errors_are_the_scatter_of_repeated_fits() -> None:
    rng = np.random.default_rng(1)
    models = [run(rng) for _ in range(400)]
    points = np.array([np.linalg.lstsq(JACOBIAN, -m.curves, rcond=None)[0] for m in models])
    found = [determination(SPACE, m, objective()) for m in models]
    for axis, name in enumerate(SPACE.names):
        claimed = np.sqrt(np.mean([f["errors"][name] ** 2 for f in found]))
        # 400 repeats know their scatter to 4 %; noise spread evenly over the bins would claim a third of it.
        assert claimed == pytest.approx(points[:, axis].std(), rel=0.12), name
    covariance = np.mean([f["covariance"] for f in found], axis=0)
    assert covariance[0, 1] == pytest.approx(np.cov(points.T)[0, 1], rel=0.2)


def test_the_error_of_the_target_widens_the_errors() -> None:
    model = run(np.random.default_rng(2))
    plain = determination(SPACE, model, objective())
    # As much noise in the target as in the curves: its scaled errors have the norm of the run's noise.
    even = np.full(160, model.cost_noise)
    both = determination(SPACE, model, objective(even))
    assert both["noise"] == pytest.approx(np.sqrt(2) * plain["noise"])
    for name in SPACE.names:
        assert both["errors"][name] == pytest.approx(np.sqrt(2) * plain["errors"][name])


def test_a_direction_without_information_has_no_error() -> None:
    model = run(np.random.default_rng(3))
    lame = LinearModel(
        model.point, model.curves, JACOBIAN * [1.0, 0.0], np.zeros((2, 2)), 0.01, model.cost_noise, model.scatter
    )
    found = determination(SPACE, lame, objective())
    assert found["errors"]["Si-O.A"] is not None
    assert found["errors"]["Si-O.rho"] is None
    assert [d["determined"] for d in found["directions"]] == [True, False]
    sharp, blunt = found["directions"]
    # Half a window along a unit column of norm |J_0|, over the noise, squared.
    assert sharp["information"] == pytest.approx((0.5 * np.linalg.norm(JACOBIAN[:, 0]) / found["noise"]) ** 2)
    assert blunt["information"] == 0.0 and blunt["error"] == pytest.approx(np.sqrt(1 / 12))


def test_the_window_bounds_what_the_data_leave_open() -> None:
    """A = 3 B cannot be told apart: the error along that line is the window's, 1/sqrt(12), across it the data's."""
    model = run(np.random.default_rng(3))
    tied = np.outer(JACOBIAN[:, 0], [3.0, -1.0])
    lame = LinearModel(model.point, model.curves, tied, np.zeros((2, 2)), 0.01, model.cost_noise, model.scatter)
    found = determination(SPACE, lame, objective())
    covariance = np.array(found["covariance"])
    along, across = np.array([1.0, 3.0]) / np.sqrt(10), np.array([3.0, -1.0]) / np.sqrt(10)
    assert along @ covariance @ along == pytest.approx(1 / 12)
    assert across @ covariance @ across < 1e-3
    # The line is mostly along the second axis: 0.29 * 3 / sqrt(10) of its window, and a third of that of the first.
    assert found["errors"]["Si-O.rho"] is None
    assert found["errors"]["Si-O.A"] == pytest.approx(np.sqrt(1 / 120), rel=0.05)


def test_runs_that_scatter_more_than_their_blocks_set_the_noise() -> None:
    """Six runs whose blocks see half of the noise: the average of them has that of the runs."""
    rng = np.random.default_rng(4)
    ratios = []
    for _ in range(60):
        models = []
        for _ in range(6):
            model = run(rng)
            slow = np.sqrt(3.0) * rng.standard_normal(len(NOISE)) @ NOISE  # shared by all blocks of the run
            models.append(
                LinearModel(
                    model.point,
                    model.curves + slow,
                    JACOBIAN,
                    model.jacobian_noise,
                    0.01,
                    model.cost_noise,
                    model.scatter,
                )
            )
        proposer = GaussNewton(np.full(2, 0.5), np.zeros(160), np.eye(160))
        proposer.models, proposer.current = models, models[-1]
        averaged = proposer.averaged()
        ratios.append(averaged.cost_noise**2 / (4.0 * np.linalg.norm(NOISE) ** 2 / 6.0))
        assert averaged.scatter.shape == (60, 160)
    # Each ratio has five degrees of freedom in four peaks; 60 of them know their mean to 5 %.
    assert np.mean(ratios) == pytest.approx(1.0, rel=0.2)


def test_the_noise_of_fresh_runs_is_that_between_them_and_failed_runs_are_left_out() -> None:
    rng = np.random.default_rng(7)
    aims = objective()

    def outcome(shift: float) -> Outcome:
        arrays = {
            "frames": np.full(5, 10),
            "histogram": np.full((5, 3, 641), 1.0 + shift),  # all blocks of a run alike
            "slope": np.zeros((5, 2)), "slope_offset": np.zeros(2), "cross": np.zeros((5, 3, 641, 2)),
        }  # fmt: skip
        return Outcome("key", True, arrays=arrays)

    runs = [outcome(shift) for shift in rng.normal(0, 0.1, 4)]
    means = [aims.state_map(0)[0] @ run.mean_histogram() for run in runs]
    found = fresh_measurement([[*runs, Outcome("key", False, "boiled")]], np.full(2, 0.5), aims, [3600.0])
    assert found is not None and found.model is not None
    assert found.noise == found.model.cost_noise == pytest.approx(np.sqrt(np.var(means, axis=0, ddof=1).sum() / 4))
    assert fresh_measurement([[Outcome("key", False, "boiled")]], np.full(2, 0.5), aims, [3600.0]) is None


def test_a_model_of_the_search_joins_when_it_is_near() -> None:
    rng = np.random.default_rng(6)
    fresh, search = run(rng), replace(run(rng), jacobian=1.2 * JACOBIAN, jacobian_noise=0.01 * np.eye(2))
    search = replace(search, cost_noise=0.5 * fresh.cost_noise)
    both = pooled(fresh, search)
    # Half the noise counts four times.
    assert both.jacobian == pytest.approx((0.2 + 0.8 * 1.2) * JACOBIAN)
    assert both.jacobian_noise == pytest.approx(0.64 * 0.01 * np.eye(2))
    assert both.cost_noise == pytest.approx(fresh.cost_noise / np.sqrt(5))
    assert both.scatter.shape == (2 * BLOCKS, 160)
    # What the search found good is no evidence that it is.
    assert np.array_equal(both.curves, fresh.curves) and np.array_equal(both.point, fresh.point)
    assert pooled(fresh, None) is fresh
    assert pooled(fresh, replace(search, point=fresh.point + 0.3)) is fresh


def test_the_error_of_a_prefactor_includes_that_of_its_rho() -> None:
    """A = exp(x + r0/rho): with rho free its value moves with both coordinates."""
    point = SPACE.to_cube(SPACE.base)
    covariance = np.array([[0.02**2, -0.5 * 0.02 * 0.01], [-0.5 * 0.02 * 0.01, 0.01**2]])
    errors = SPACE.value_errors(point, covariance)
    a, rho = SPACE.parameters
    values = SPACE.values(SPACE.base)
    slope = np.array([a.high - a.low, -a.anchor / values["Si-O.rho"] * (rho.high - rho.low)])
    assert errors["Si-O.A"] == pytest.approx(values["Si-O.A"] * np.sqrt(slope @ covariance @ slope), rel=1e-4)
    assert errors["Si-O.rho"] == pytest.approx(values["Si-O.rho"] * 0.01 * (rho.high - rho.low), rel=1e-4)
    drawn = np.random.default_rng(5).multivariate_normal(point, covariance, 4000)
    sampled = [SPACE.values(SPACE.from_cube(p))["Si-O.A"] for p in drawn]
    # To first order: a log-normal of 15 % is 1 % wider; 4000 draws know their spread to 1.1 %.
    assert errors["Si-O.A"] == pytest.approx(np.std(sampled), rel=0.05)


def test_the_noise_of_the_jacobian_is_no_information() -> None:
    rng = np.random.default_rng(8)
    model = run(rng)
    spread = 0.05 * np.array([1.0, 3.0])
    noise = np.diag(160 * spread**2)
    noisy = [
        replace(model, jacobian=JACOBIAN + spread * rng.standard_normal(JACOBIAN.shape), jacobian_noise=noise)
        for _ in range(400)
    ]
    found = np.mean([information_of(m) for m in noisy], axis=0)
    np.testing.assert_allclose(found, JACOBIAN.T @ JACOBIAN, atol=0.03 * noise.max())

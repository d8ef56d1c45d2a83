"""The proposer on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.search.gauss_newton import PATIENCE, GaussNewton, bounded_quadratic
from glasspot.search.linear_model import LinearModel
from glasspot.search.proposer import Evaluation

GRID = np.linspace(0.0, 8.0, 160)
ANSWER = np.array([0.62, 0.35, 0.55])


def curves(point: np.ndarray) -> np.ndarray:
    """Two peaks whose place, width and height the cube sets: nonlinear in the point, as a g(r) is."""
    place, width, height = point
    first = (0.5 + height) * np.exp(-(((GRID - 1.0 - 2.0 * place) / (0.15 + 0.2 * width)) ** 2))
    second = np.exp(-(((GRID - 4.0 - 1.5 * place) / (0.5 + 0.3 * width)) ** 2))
    y = first + second
    return y / NORM


NORM = 1.0
NORM = float(np.linalg.norm(curves(ANSWER)))


def model(point: np.ndarray, noise: float = 0.0, rng: np.random.Generator | None = None) -> LinearModel:
    h = 1e-5
    jacobian = np.array([(curves(point + h * e) - curves(point - h * e)) / (2 * h) for e in np.eye(3)]).T
    y = curves(point)
    covariance = np.zeros((3, 3))
    if rng is not None:
        y = y + noise / np.sqrt(len(GRID)) * rng.standard_normal(len(GRID))
        scatter = 2.0 * noise
        jacobian = jacobian + scatter / np.sqrt(len(GRID)) * rng.standard_normal(jacobian.shape)
        covariance = scatter**2 * np.eye(3)
    cost = float(np.linalg.norm(curves(ANSWER) - y))
    return LinearModel(point, y, jacobian, covariance, cost, noise, np.full((1, len(y)), noise / np.sqrt(len(y))))


def asked(proposer: GaussNewton) -> np.ndarray:
    (proposal,) = proposer.ask(1)
    return proposal.point


def succeeded(model: LinearModel) -> Evaluation:
    return Evaluation(model.point, model.cost, model.cost_noise, model)


def descend(start: np.ndarray, steps: int, **extra: object) -> list[LinearModel]:
    cumulative = np.tril(np.ones((160, 160))) * 0.05
    proposer = GaussNewton(start, curves(ANSWER), cumulative, **extra)  # type: ignore[arg-type]
    told = []
    for _ in range(steps):
        told.append(model(asked(proposer)))
        proposer.tell([succeeded(told[-1])])
    return told


def test_it_finds_the_answer_without_noise() -> None:
    told = descend(np.array([0.5, 0.5, 0.5]), 12)
    assert told[0].cost > 0.3
    assert told[-1].cost < 1e-3
    assert np.allclose(told[-1].point, ANSWER, atol=5e-3)


def test_it_finds_the_answer_from_afar_where_peaks_do_not_overlap() -> None:
    told = descend(np.array([0.05, 0.8, 0.2]), 25)
    assert told[0].cost > 0.8
    assert min(m.cost for m in told) < 0.01


def test_it_reaches_the_noise_and_stays_there() -> None:
    rng = np.random.default_rng(5)
    proposer = GaussNewton(np.array([0.45, 0.5, 0.5]), curves(ANSWER), np.tril(np.ones((160, 160))) * 0.05)
    truth = []
    for _ in range(20):
        point = asked(proposer)
        truth.append(float(np.linalg.norm(curves(point) - curves(ANSWER))))
        proposer.tell([succeeded(model(point, 0.02, rng))])
    # The noise of one evaluation is 2 %; models are averaged near the end, so the true misfit goes below it.
    assert max(truth[-5:]) < 0.02


def test_a_failed_point_shortens_the_step() -> None:
    proposer = GaussNewton(np.array([0.3, 0.5, 0.5]), curves(ANSWER), np.tril(np.ones((160, 160))) * 0.05)
    start = asked(proposer)
    proposer.tell([succeeded(model(start))])
    far = asked(proposer)
    for _ in range(3):
        proposer.tell([Evaluation(asked(proposer), None)])
    near = asked(proposer)
    assert 0 < np.linalg.norm(near - start) < np.linalg.norm(far - start)


def test_points_stay_in_the_cube_and_behind_the_constraint() -> None:
    def margin(point: np.ndarray) -> float:
        return 0.55 - float(point[0])  # the answer, 0.62, lies beyond

    told = descend(np.array([0.4, 0.5, 0.5]), 12, margin=margin)
    points = np.array([m.point for m in told])
    assert points.min() >= 0 and points.max() <= 1
    assert points[:, 0].max() <= 0.55 + 1e-9
    assert points[-1, 0] == pytest.approx(0.55, abs=0.02)  # it goes to the constraint, not short of it


def test_runs_get_longer_when_nothing_is_gained_and_then_it_ends() -> None:
    """Against the rule spelt out: the best of the last four against the best before, from when runs got longer."""
    rng = np.random.default_rng(5)
    proposer = GaussNewton(np.array([0.45, 0.5, 0.5]), curves(ANSWER), np.tril(np.ones((160, 160))) * 0.05)
    costs: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(60):
        if proposer.finished:
            break
        refining = proposer.refining
        noise = 0.01 if refining else 0.02
        told = model(asked(proposer), noise, rng)
        proposer.tell([succeeded(told)])
        costs[refining].append(told.cost)
        lately = costs[refining][-PATIENCE:]
        before = min(costs[refining][:-PATIENCE], default=np.inf)
        stalled = len(costs[refining]) > PATIENCE and min(lately) > before - max(0.03 * before, 0.3 * noise)
        assert (proposer.refining, proposer.finished) == (refining or stalled, refining and stalled)
    assert len(costs[False]) > PATIENCE + 1  # it did gain at first
    assert proposer.finished


def test_what_others_found_is_no_step_of_it() -> None:
    told = GaussNewton(np.array([0.3, 0.5, 0.5]), curves(ANSWER), np.tril(np.ones((160, 160))) * 0.05)
    alone = GaussNewton(np.array([0.3, 0.5, 0.5]), curves(ANSWER), np.tril(np.ones((160, 160))) * 0.05)
    elsewhere = np.array([0.9, 0.1, 0.2])
    others = [Evaluation(elsewhere, 0.1, 0.01), Evaluation(elsewhere, None), succeeded(model(elsewhere))]
    for _ in range(3):
        told.tell([*others, succeeded(model(asked(told)))])
        alone.tell([succeeded(model(asked(alone)))])
    assert np.array_equal(asked(told), asked(alone))
    assert len(told.models) == 3


def test_same_history_same_proposal() -> None:
    one, two = descend(np.array([0.5, 0.5, 0.5]), 6), descend(np.array([0.5, 0.5, 0.5]), 6)
    assert all(np.array_equal(a.point, b.point) for a, b in zip(one, two, strict=True))


def test_bounded_quadratic_against_a_general_solver() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(2)
    for _ in range(10):
        root = rng.standard_normal((4, 4))
        matrix, gradient, row = root @ root.T + 0.1 * np.eye(4), rng.standard_normal(4), rng.standard_normal(4)
        low, high, bound = np.full(4, -0.5), np.full(4, 0.5), 0.2
        found = bounded_quadratic(matrix, gradient, low, high, row, bound)
        other = minimize(
            lambda d, m=matrix, g=gradient: 0.5 * d @ m @ d - g @ d,
            np.zeros(4),
            bounds=list(zip(low, high, strict=True)),
            constraints={"type": "ineq", "fun": lambda d, r=row, b=bound: r @ d - b},
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert row @ found >= bound - 1e-9
        # The multiplier is bisected to 1 part in 1e4, which bounds how close the two can be.
        assert np.allclose(found, other.x, atol=2e-3)


def test_a_constraint_that_nothing_in_the_box_meets_is_met_as_far_as_can_be() -> None:
    low, high, row = np.full(3, -0.1), np.full(3, 0.2), np.array([1.0, -2.0, 0.5])
    found = bounded_quadratic(np.eye(3), np.zeros(3), low, high, row, 5.0)
    assert found == pytest.approx([0.2, -0.1, 0.2])


def test_it_stays_before_a_margin_that_falls_from_infinity() -> None:
    """Where like charges only repel there is no barrier, and its height is infinite; right beside it may be low."""

    def cliff(point: np.ndarray) -> float:
        return np.inf if point[0] < 0.55 else -0.8  # the answer, 0.62, lies beyond

    told = descend(np.array([0.4, 0.5, 0.5]), 8, margin=cliff)
    assert max(m.point[0] for m in told) < 0.55
    assert told[-1].cost < 0.7 * told[0].cost


def test_the_noise_of_an_average_is_that_of_the_mean_of_its_runs() -> None:
    """Models of one place, four of which are averaged: covariances are a quarter, Jacobians and curves the means."""
    rng = np.random.default_rng(9)
    point = np.full(2, 0.5)
    models = [
        LinearModel(
            point, 0.01 * rng.standard_normal(6), rng.standard_normal((6, 2)), np.diag(rng.random(2)), 0.03, 0.02,
            0.005 * rng.standard_normal((3, 6)),
        )
        for _ in range(4)
    ]  # fmt: skip
    proposer = GaussNewton(point, np.zeros(6), np.eye(6))
    proposer.models, proposer.current = models, models[-1]
    found = proposer.averaged()
    assert found.curves == pytest.approx(np.mean([m.curves for m in models], axis=0))
    assert found.jacobian == pytest.approx(np.mean([m.jacobian for m in models], axis=0))
    assert found.jacobian_noise == pytest.approx(np.mean([m.jacobian_noise for m in models], axis=0) / 4)
    covariances = [m.scatter.T @ m.scatter for m in models]
    assert found.scatter.T @ found.scatter == pytest.approx(np.mean(covariances, axis=0) / 4)

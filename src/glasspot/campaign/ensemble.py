"""Potentials that fit as well as the chosen one: what they do not agree on, the fit does not determine.

Points are drawn about the fitted one from the Gaussian of its covariance (:mod:`glasspot.campaign.determination`), in
which directions that the data leave open have the width of the window. They come from a scrambled Sobol sequence whose
evenest dimensions lie along the widest directions, so that few points cover these well and more points only add to
the ones before. With d the step from the fitted point, e the residual there, J its Jacobian and F the information, the
linear model expects

    y(d) = y(0) + J d,          R_chi(d)^2 = R_chi(0)^2 - 2 e^T J d + d^T F d                                       (1)

A point must lie inside the windows, behind the barrier, and below the limit by (1); then it is run as in the
validation and must be below the limit as measured. With s the scatter of R_chi of one run of the fitted potential,

    limit = R_chi + 2 s sqrt(1 / runs of the fitted + 1 / runs of the point)                                        (2)

The valley of good fits is curved: far along a sloppy direction, a small step in the stiff ones is needed to stay in it.
So a point above the limit is moved once along the stiff directions, by its own Jacobian J_k and the noise S_k of that,
to where its values are those of (1), and is run anew and judged by these runs alone:

    min_s |y(d) - y_k - J_k s|^2 + s^T S_k s,    s within the stiff directions                                      (3)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.campaign.determination import information_of
from glasspot.campaign.evaluation import Jobs, Outcomes, side_by_side
from glasspot.campaign.evidence import Evidence, curves_of_samples, described
from glasspot.campaign.methods import margin_of
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import measure
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.potential.model import Potential
from glasspot.potential.schema import MOST_NAME
from glasspot.search.linear_model import LinearModel
from glasspot.search.proposer import Margin

LOOKED_AT = 2**13  # points of the sequence at most
STANDARD_ERRORS = 2.0  # that R_chi of a member may be above the fitted one's
MOST_RUNS = 1000  # of one point: keeps the seeds of points apart, and 200 members within STATE_STRIDE
# A direction is stiff when half a window along it changes the values by more than three times their noise.
STIFF = 10.0
GOOD, BAD = "fits as well", "fits worse"


@dataclass(frozen=True)
class Chosen:
    """The fitted point (n,) with the covariance (n, n) of determination and what its validation runs say."""

    model: LinearModel
    covariance: np.ndarray
    cost: float  # R_chi, a fraction
    scatter: float  # of R_chi of one run
    runs: int
    stiff: np.ndarray  # (n, k), the stiff directions

    def limit(self, runs: int) -> float:
        """Return equation (2) for a point of which so many runs are made."""
        return self.cost + STANDARD_ERRORS * self.scatter * float(np.sqrt(1 / self.runs + 1 / runs))

    def predicted(self, steps: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Return equation (1) for ``steps`` (k, n) from the fitted point, (k,)."""
        values, vectors = np.linalg.eigh(information_of(self.model))
        # What the noise of J leaves below zero is no gain.
        quadratic = ((steps @ vectors) ** 2) @ np.maximum(values, 0.0)
        linear = steps @ (self.model.jacobian.T @ (reference - self.model.curves))
        return np.asarray(np.sqrt(np.maximum(self.cost**2 - 2 * linear + quadratic, 0.0)))


def draw(
    chosen: Chosen, reference: np.ndarray, margin: Margin, count: int, runs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first ``count`` points that pass, (k, n), and the R_chi expected of them, (k,).

    ``reference`` (m,) are the scaled values of the targets. Fewer points where too few of the sequence pass.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    variances, vectors = np.linalg.eigh(chosen.covariance)
    widths, vectors = np.sqrt(np.maximum(variances[::-1], 0.0)), vectors[:, ::-1]
    even = qmc.Sobol(len(widths), scramble=True, rng=np.random.default_rng(seed)).random(LOOKED_AT)
    steps = (ndtri(np.clip(even, 1e-12, 1 - 1e-12)) * widths) @ vectors.T
    points = chosen.model.point + steps
    expected = chosen.predicted(steps, reference)
    possible = (points >= 0).all(1) & (points <= 1).all(1) & (expected <= chosen.limit(runs))
    passed: list[int] = []
    for i in np.flatnonzero(possible):
        if len(passed) == count:
            break
        if margin(points[i]) >= 0:
            passed.append(int(i))
    return points[passed], expected[passed]


def followed(chosen: Chosen, point: np.ndarray, found: LinearModel) -> np.ndarray:
    """Return ``point`` (n,) moved by equation (3); ``found`` is what its runs say."""
    expected = chosen.model.curves + chosen.model.jacobian @ (point - chosen.model.point)
    jacobian = found.jacobian @ chosen.stiff
    matrix = jacobian.T @ jacobian + chosen.stiff.T @ found.jacobian_noise @ chosen.stiff
    return np.asarray(point + chosen.stiff @ np.linalg.solve(matrix, jacobian.T @ (expected - found.curves)))


@dataclass(frozen=True)
class Trial:
    """A point to run: the ``number``-th member, and how often it was moved by equation (3)."""

    number: int
    point: np.ndarray
    predicted: float
    moved: int = 0

    @property
    def name(self) -> str:
        """What it is called."""
        return f"member {self.number}"


def run_ensemble(evidence: Evidence, chosen: Chosen, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Draw, run and judge potentials; store a record "ensemble" for each, ``tell`` it, and return the summary.

    A record has number, name, point, predicted, moved, cost, error, runs, role (GOOD or BAD), failures, keys and
    potential; cost and error are None where a run failed. The summary has how many were asked, run and passed, and the
    limit.
    """
    plan = evidence.plan
    seed = draw_seed(plan.seed, Purpose.ENSEMBLE, 0, 0)
    reference = evidence.objective.scaled_reference()
    margin = margin_of(plan)
    points, expected = draw(chosen, reference, margin, plan.members, plan.member_runs, seed)
    waiting = [Trial(k, p, float(e)) for k, (p, e) in enumerate(zip(points, expected, strict=True), start=1)]
    passed = 0
    while waiting:
        jobs = [_jobs(evidence, trial) for trial in waiting]
        again = []
        for trial, of_trial, outcomes in zip(waiting, jobs, side_by_side(evidence.runner, jobs), strict=True):
            record = _judged(evidence, chosen, trial, of_trial, outcomes)
            if record["role"] == BAD and (moved := _moved(evidence, chosen, trial, outcomes, margin)) is not None:
                again.append(moved)
                continue
            passed += record["role"] == GOOD
            evidence.runner.store.put_record("ensemble", trial.number - 1, record)
            tell(record)
        waiting = again
    return {"asked": plan.members, "run": len(points), "passed": passed, "limit": chosen.limit(plan.member_runs)}


def _jobs(evidence: Evidence, trial: Trial) -> Jobs:
    plan = evidence.plan
    potential = replace(plan.space.from_cube(trial.point), name=trial.name)
    first = MOST_RUNS * (2 * trial.number + trial.moved)
    return evidence.independent(
        potential, evidence.states, Purpose.ENSEMBLE, plan.member_runs, trial.name, response=True, first=first
    )


def _judged(evidence: Evidence, chosen: Chosen, trial: Trial, jobs: Jobs, outcomes: Outcomes) -> dict[str, Any]:
    """Return the record of a point and its runs."""
    plan = evidence.plan
    whole = all(outcome.ok for state in outcomes for outcome in state)
    cost = None
    if whole:
        samples = curves_of_samples(outcomes[: len(plan.fitted_states)], evidence.objective)
        cost = float(np.mean([evidence.objective.r_chi(curves) for curves in samples]))
    good = cost is not None and cost <= chosen.limit(plan.member_runs)
    return {
        "number": trial.number,
        "name": trial.name,
        "role": GOOD if good else BAD,
        "point": trial.point.tolist(),
        "predicted": trial.predicted,
        "moved": trial.moved,
        "cost": cost,
        "error": None if cost is None else chosen.scatter / float(np.sqrt(plan.member_runs)),
        "runs": plan.member_runs,
        "failures": sorted({o.reason for state in outcomes for o in state if not o.ok}),
        "keys": {s.name: [job.key for job in of] for s, of in zip(evidence.states, jobs, strict=True)},
        "potential": _described(plan.space.from_cube(trial.point), plan, trial.number, cost, chosen).to_dict(),
    }


def _moved(evidence: Evidence, chosen: Chosen, trial: Trial, outcomes: Outcomes, margin: Margin) -> Trial | None:
    """Return the point moved into the valley; None where that was tried, cannot be told, or leads out of the cube."""
    states = evidence.plan.fitted_states
    if trial.moved or not chosen.stiff.size or not all(o.ok for state in outcomes for o in state):
        return None
    temperatures = [state.temperature for state in states]
    model = measure(outcomes[: len(states)], trial.point, evidence.objective, temperatures).model
    if model is None:
        return None
    point = followed(chosen, trial.point, model)
    if not ((point >= 0) & (point <= 1)).all() or margin(point) < 0:
        return None
    return Trial(trial.number, point, trial.predicted, moved=1)


def _described(potential: Potential, plan: FitPlan, number: int, cost: float | None, chosen: Chosen) -> Potential:
    """Return a member with what a later user must know of it."""
    suffix = f"-member-{number:02d}"
    told = described(potential, plan)
    score = "a run of it failed" if cost is None else f"R_chi {100 * cost:.2f} %"
    caution = (
        f"Member {number} of an ensemble about {plan.name}: {score}, where {plan.name} has {100 * chosen.cost:.2f} %. "
        "Use the members together: what they do not agree on, the fit does not determine."
    )
    return replace(
        told,
        name=plan.name[: MOST_NAME - len(suffix)] + suffix,
        title=f"member {number} of an ensemble, {told.title}",
        cautions=(caution, *told.cautions),
    )


def chosen_of(model: LinearModel, found: Mapping[str, Any], record: Mapping[str, Any], error: float) -> Chosen | None:
    """Return the fitted point for an ensemble; None where its R_chi is not known.

    ``found`` is what determination said, ``record`` the score of the fitted potential, ``error`` another estimate of
    the standard error of its R_chi: few runs may agree by chance, and the larger one counts.
    """
    if record["cost"] is None:
        return None
    scatter = max(record["error"], error) * float(np.sqrt(record["runs"]))
    stiff = [
        list(d["components"].values())
        for d in found["directions"]
        if d["information"] is None or d["information"] > STIFF
    ]
    directions = np.array(stiff).reshape(-1, len(model.point)).T
    return Chosen(model, np.array(found["covariance"]), record["cost"], scatter, record["runs"], directions)

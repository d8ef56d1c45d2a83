"""Potentials that fit as well as the chosen one: what they do not agree on, the fit does not determine.

Points are drawn about the fitted one from the Gaussian of its covariance (:mod:`glasspot.campaign.determination`), in
which directions that the data leave open have the width of the window. They come from a scrambled Sobol sequence whose
evenest dimensions lie along the widest directions, so that few points cover these well and more points only add to
the ones before. With d the step from the fitted point, e the residual there and F the information, the linear model
expects

    R_chi(d)^2 = R_chi(0)^2 - 2 e^T J d + d^T F d                                                                   (1)

A point must lie inside the windows, behind the barrier, and below the limit by (1); then it is run as in the
validation and must be below the limit as measured. With s the scatter of R_chi of one run of the fitted potential,

    limit = R_chi + 2 s sqrt(1 / runs of the fitted + 1 / runs of the point)                                        (2)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.campaign.determination import information_of
from glasspot.campaign.evidence import Evidence, curves_of_samples, described
from glasspot.campaign.methods import margin_of
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.evaluate.job import Outcome
from glasspot.potential.model import Potential
from glasspot.potential.schema import MOST_NAME
from glasspot.search.gauss_newton import LinearModel
from glasspot.search.proposer import Margin
from glasspot.target.objective import Objective

LOOKED_AT = 2**13  # points of the sequence at most
STANDARD_ERRORS = 2.0  # that R_chi of a member may be above the fitted one's
MOST_RUNS = 1000  # of one member: keeps the seeds of members apart
GOOD, BAD = "fits as well", "fits worse"


@dataclass(frozen=True)
class Chosen:
    """The fitted point (n,) with the covariance (n, n) of determination and what its validation runs say."""

    model: LinearModel
    covariance: np.ndarray
    cost: float  # R_chi, a fraction
    scatter: float  # of R_chi of one run
    runs: int

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


def run_ensemble(evidence: Evidence, chosen: Chosen, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Draw, run and judge potentials; store a record "ensemble" for each, ``tell`` it, and return the summary.

    A record has number, name, point, predicted, cost, error, runs, role (GOOD or BAD), failures, keys and potential;
    cost and error are None where a run failed. The summary has how many were asked, run and passed, and the limit.
    """
    plan = evidence.plan
    seed = draw_seed(plan.seed, Purpose.ENSEMBLE, 0, 0)
    reference = evidence.objective.scaled_reference()
    points, expected = draw(chosen, reference, margin_of(plan), plan.members, plan.member_runs, seed)
    names = [f"member {k}" for k in range(1, len(points) + 1)]
    potentials = [replace(plan.space.from_cube(p), name=name) for p, name in zip(points, names, strict=True)]
    jobs = [
        evidence.independent(
            potential, evidence.states, Purpose.ENSEMBLE, plan.member_runs, name, first=MOST_RUNS * k
        )
        for k, (name, potential) in enumerate(zip(names, potentials, strict=True))
    ]  # fmt: skip
    passed = 0
    for k, outcomes in enumerate(evidence.side_by_side(jobs)):
        states = len(plan.fitted_states)
        costs = _costs(outcomes[:states], evidence.objective)
        good = costs is not None and costs <= chosen.limit(plan.member_runs)
        passed += good
        record: dict[str, Any] = {
            "number": k + 1,
            "name": names[k],
            "role": GOOD if good else BAD,
            "point": points[k].tolist(),
            "predicted": float(expected[k]),
            "cost": costs,
            "error": None if costs is None else chosen.scatter / float(np.sqrt(plan.member_runs)),
            "runs": plan.member_runs,
            "failures": sorted({o.reason for state in outcomes for o in state if not o.ok}),
            "keys": {s.name: [job.key for job in of] for s, of in zip(evidence.states, jobs[k], strict=True)},
            "potential": _described(potentials[k], plan, k + 1, costs, chosen).to_dict(),
        }
        evidence.runner.store.put_record("ensemble", k, record)
        tell(record)
    return {"asked": plan.members, "run": len(points), "passed": passed, "limit": chosen.limit(plan.member_runs)}


def _costs(outcomes: Sequence[Sequence[Outcome]], objective: Objective) -> float | None:
    """Return the mean R_chi of the samples of one potential; None where a run failed."""
    if any(not outcome.ok for state in outcomes for outcome in state):
        return None
    return float(np.mean([objective.r_chi(curves) for curves in curves_of_samples(outcomes, objective)]))


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
    return Chosen(model, np.array(found["covariance"]), record["cost"], scatter, record["runs"])

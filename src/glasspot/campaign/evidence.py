"""The evidence for a fit: its candidates, its start and published sets, scored on runs that the descent never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import gather
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import Job, Observe, Outcome
from glasspot.potential.model import Potential
from glasspot.target import Objective


def select(
    plan: FitPlan, evaluated: Sequence[Mapping[str, Any]], objective: Objective, observe: Observe, runner: Runner
) -> Potential:
    """Return the potential with the lowest R_chi on independent runs, among the best few of the descent.

    ``evaluated`` are the records of the descent that have a cost. RunFailedError when every candidate fails.
    """
    best = sorted(evaluated, key=lambda r: max(r["cost"] ** 2 - r["noise"] ** 2, 0.0))[: plan.candidates]
    candidates = [plan.space.from_cube(np.array(r["point"])) for r in best]
    if len(candidates) == 1:
        return replace(candidates[0], name=plan.name)
    jobs = [
        _independent(plan, potential, Purpose.SELECTION, plan.selection_runs, observe, f"select {c}")
        for c, potential in enumerate(candidates, start=1)
    ]
    costs = []
    for c, (record, outcomes) in enumerate(zip(best, _side_by_side(runner, jobs), strict=True)):
        found = score(outcomes, objective)
        costs.append(found["cost"] if found["cost"] is not None else np.inf)
        runner.store.put_record("selection", c, {**found, "from_step": record["number"]})
    if not np.isfinite(min(costs)):
        raise RunFailedError("every candidate failed on independent runs; see `glasspot status`")
    return replace(candidates[int(np.argmin(costs))], name=plan.name)


def validate(
    plan: FitPlan, chosen: Potential, objective: Objective, observe: Observe, runner: Runner
) -> list[dict[str, Any]]:
    """Score the fit, the start and the published sets on the same fresh runs; store and return the records."""
    named = [("fitted", described(chosen, plan)), ("start", plan.space.base)]
    named += [("published", p) for p in plan.compare if p.name != plan.space.base.name]
    observe = replace(observe, structure=True)
    runner.store.set_meta("fitted", named[0][1].to_dict())
    jobs = [
        _independent(plan, potential, Purpose.VALIDATION, plan.validation_runs, observe, potential.name)
        for _, potential in named
    ]
    records = []
    for i, outcomes in enumerate(_side_by_side(runner, jobs)):
        role, potential = named[i]
        record = {
            **score(outcomes, objective),
            "name": potential.name,
            "role": role,
            "keys": [job.key for job in jobs[i]],
            "potential": potential.to_dict(),
        }
        runner.store.put_record("validation", i, record)
        records.append(record)
    return records


def score(outcomes: Sequence[Outcome], objective: Objective) -> dict[str, Any]:
    """Return R_chi (a fraction) over independent runs of one potential, as plain values.

    cost and error: mean and standard error; per_curve: of each target alone; wright: R_X of the mean curves; noise:
    the scatter of the curves of one run; failures: reasons of runs that failed. Cost and error are None when fewer
    than two runs ended well.
    """
    good = [gather([o], objective) for o in outcomes if o.ok]
    reasons = sorted({o.reason for o in outcomes if not o.ok})
    if len(good) < 2:
        return {"cost": None, "error": None, "runs": len(good), "per_curve": {}, "failures": reasons}
    curves = np.array([b.mean_curves() for b in good])
    costs = np.array([objective.r_chi(c) for c in curves])
    parts = [objective.per_curve(c) for c in curves]
    return {
        "cost": float(costs.mean()),
        "error": float(costs.std(ddof=1) / np.sqrt(len(costs))),
        "runs": len(good),
        "per_curve": {name: float(np.mean([p[name] for p in parts])) for name in parts[0]},
        "noise": float(np.sqrt(curves.var(0, ddof=1).sum())),
        "reference_noise": objective.reference_noise(),
        "wright": objective.wright_r_x(curves.mean(0)),
        "failures": reasons,
    }


def described(chosen: Potential, plan: FitPlan) -> Potential:
    """Return the fitted potential with what a later user must know of it."""
    return replace(
        chosen,
        name=plan.name,
        title=f"fitted by glasspot: {plan.title}",
        source=f"glasspot fit from {plan.space.base.name}; seed {plan.seed}",
        doi="",
        verified="partly",
        verification=(
            f"R_chi against its own target at {plan.temperature:g} K on independent runs; see the report. "
            "Nothing outside that state was tried."
        ),
        cautions=(f"Fitted to one liquid at {plan.temperature:g} K: test it before use elsewhere.", *plan.cautions),
    )


def _independent(
    plan: FitPlan, potential: Potential, purpose: Purpose, runs: int, observe: Observe, label: str
) -> list[Job]:
    """Return runs from their own packings; the same packings for every potential, so that scores are paired."""
    return [
        Job(
            potential, plan.packing(purpose, n), plan.protocols.validation, plan.run_seed(purpose, n), plan.engine,
            observe, f"{label} {n + 1}",
        )
        for n in range(runs)
    ]  # fmt: skip


def _side_by_side(runner: Runner, groups: Sequence[Sequence[Job]]) -> list[list[Outcome]]:
    """Run the jobs of all groups together; return their outcomes group by group."""
    outcomes = iter(runner.run([job for group in groups for job in group]))
    return [[next(outcomes) for _ in group] for group in groups]

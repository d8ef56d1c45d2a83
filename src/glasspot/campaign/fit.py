"""The fit: replay what the store knows, propose, run, record, judge; then choose and validate on fresh runs.

Every random number has its place (:mod:`glasspot.campaign.seeds`), and the proposer is fed the same outcomes in
the same order when a fit is resumed, so it proposes what it did before; the store answers for the runs already made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any, Protocol

import numpy as np

from glasspot.campaign.determination import determination
from glasspot.campaign.evidence import select, validate
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import Blocks, cost_error, gather, linear_model
from glasspot.campaign.runner import Runner, RunningJob
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import build_objective, observation
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import Continue, Job, Observe, Outcome, Packing
from glasspot.potential.wall import barrier
from glasspot.search.gauss_newton import GaussNewton, LinearModel
from glasspot.target import Objective

# The fit ends when this many evaluations in a row gained less than noise, at the longer length of run.
PATIENCE = 4


class Listener(Protocol):
    """Told what happens, for a display."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""

    def step(self, record: dict[str, Any]) -> None:
        """An iteration of the fit was recorded."""

    def score(self, record: dict[str, Any]) -> None:
        """A potential was scored on independent runs."""

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """These jobs are not done yet: under way, or waiting for a worker."""


class Fit:
    """One fit in one folder."""

    def __init__(self, plan: FitPlan, runner: Runner, listener: Listener) -> None:
        self.plan = plan
        self.runner = runner
        self.store = runner.store
        self.listener = listener
        self.before = float(self.store.get_meta("seconds", 0.0))  # wall time of earlier sessions
        self.recorded = {r["number"]: r["seconds"] for r in self.store.records("step")}  # by earlier sessions

    def run(self) -> None:
        """Do the whole fit; raise GlasspotError when it cannot go on."""
        self.store.set_meta("state", "running")
        self.listener.stage("targets")
        objective = build_objective(self.plan, self.runner)
        self.store.set_meta("objective", objective.to_dict())
        observe = observation(objective)
        self.listener.stage("fit")
        evaluated = self._descend(objective, observe)
        self.listener.stage("select")
        chosen = select(self.plan, evaluated, objective, observe, self.runner)
        self.listener.stage("validate")
        for record in validate(self.plan, chosen, objective, observe, self.runner):
            self.listener.score(record)
        self._note_times()
        self.store.set_meta("state", "finished")

    def _descend(self, objective: Objective, observe: Observe) -> list[dict[str, Any]]:
        """Run the proposer until it stops gaining; return the records of the evaluations that have a cost."""
        plan = self.plan
        observe = replace(observe, response=plan.space)
        proposer = GaussNewton(
            plan.space.to_cube(plan.space.base), objective.scaled_reference(), objective.cumulative(), self._margin
        )
        previous: list[Job] | None = None
        records: list[dict[str, Any]] = []
        refine = False
        runs = 0
        while runs + plan.replicas <= plan.max_runs:
            point, predicted = proposer.ask(), proposer.predicted
            jobs = self._evaluation(point, previous, observe, len(records), refine)
            outcomes = self.runner.run(jobs)
            runs += len(jobs)
            failed = next((o for o in outcomes if not o.ok), None)
            if failed is not None and previous is None:
                raise RunFailedError(f"the first run of the fit failed ({failed.reason}): {failed.message}")
            if failed is not None:
                proposer.tell(None)
                found = _failure(failed)
            else:
                blocks = gather(outcomes, objective)
                model = linear_model(blocks, point, objective, plan.temperature)
                proposer.tell(model)
                found = _measured(model, blocks, objective)
            if proposer.accepted:
                previous = jobs
            records.append({
                "number": len(records),
                "run": runs,
                "point": point.tolist(),
                "values": plan.space.values(plan.space.from_cube(point)),
                "predicted": None if np.isnan(predicted) else float(predicted),
                "accepted": proposer.accepted,
                "keys": [job.key for job in jobs],
                "refined": refine,
                **found,
            })  # fmt: skip
            self._keep(records[-1])
            if stalled(records, refine):
                if refine:
                    break
                refine = True
        self.store.set_meta("determination", determination(plan.space, proposer.averaged(), objective))
        return [r for r in records if r["cost"] is not None]

    def _evaluation(
        self, point: np.ndarray, previous: list[Job] | None, observe: Observe, number: int, refine: bool
    ) -> list[Job]:
        """Return the jobs of one evaluation: replicas that continue from those of the last accepted one."""
        plan = self.plan
        potential = plan.space.from_cube(point)
        jobs = []
        for replica in range(plan.replicas):
            if previous is None:
                start: Packing | Continue = plan.packing(Purpose.FIT, replica)
                protocol = plan.protocols.first
            else:
                start = Continue(previous[replica].key)
                protocol = plan.protocols.refine if refine else plan.protocols.warm
            label = f"fit {number + 1}" + (f".{replica + 1}" if plan.replicas > 1 else "")
            seed = plan.run_seed(Purpose.FIT, number, replica)
            jobs.append(Job(potential, start, protocol, seed, plan.engine, observe, label))
        return jobs

    def _margin(self, point: np.ndarray) -> float:
        """Return the least barrier of like-charged pairs over the one asked, less 1: negative where atoms may fuse."""
        potential = self.plan.space.from_cube(point)
        heights = [
            barrier(potential, a, b)
            for a, b in combinations_with_replacement(self.plan.counts, 2)
            if potential.charges[a] * potential.charges[b] > 0
        ]
        return min(heights, default=np.inf) / self.plan.barrier - 1.0

    def _keep(self, record: dict[str, Any]) -> None:
        """Store an iteration; one that was recorded before keeps its time."""
        number = record["number"]
        record["seconds"] = self.recorded.get(number, self.before + self.runner.times.wall)
        self.store.put_record("step", number, record)
        self._note_times()
        self.listener.step(record)

    def _note_times(self) -> None:
        times = self.runner.times
        self.store.set_meta("seconds", self.before + times.wall)
        sessions = self.store.get_meta("sessions", {})
        sessions[str(times.began)] = {
            "wall": times.wall, "waiting": times.waiting, "jobs": times.jobs, "engines": times.engines,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        self.store.set_meta("sessions", sessions)


def _measured(model: LinearModel, blocks: Blocks, objective: Objective) -> dict[str, Any]:
    """Return what an evaluation found, for its record."""
    return {
        "cost": model.cost,
        "error": cost_error(blocks, objective),
        "noise": model.cost_noise,
        "per_curve": objective.per_curve(model.curves),
        "reason": "",
        "message": "",
    }


def _failure(outcome: Outcome) -> dict[str, Any]:
    """Return why an evaluation found nothing, for its record."""
    return {
        "cost": None, "error": None, "noise": None, "per_curve": {}, "reason": outcome.reason,
        "message": outcome.message,
    }  # fmt: skip


def stalled(records: Sequence[dict[str, Any]], refine: bool) -> bool:
    """Return whether the last evaluations gained nothing that stands out of the noise.

    Counted since the runs got longer, where they did: longer runs have another noise.
    """
    costs = [r["cost"] if r["cost"] is not None else np.inf for r in records if r["refined"] == refine]
    noises = [r["noise"] for r in records if r["noise"] is not None]
    if len(costs) <= PATIENCE:
        return False
    before, lately = min(costs[:-PATIENCE]), min(costs[-PATIENCE:])
    return bool(lately > before - max(0.03 * before, 0.3 * noises[-1]))


def run_fit(plan: FitPlan, runner: Runner, listener: Listener) -> None:
    """Run a fit and leave a clear state in the store however it ends."""
    store = runner.store
    try:
        Fit(plan, runner, listener).run()
    except KeyboardInterrupt:
        store.set_meta("state", "interrupted")
        raise
    except GlasspotError as error:
        store.set_meta("state", "failed")
        store.set_meta("failure", str(error))
        raise

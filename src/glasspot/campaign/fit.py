"""The fit: replay what the store knows, propose, run, record, judge; then choose and validate on fresh runs.

Every random number comes from ``default_rng([seed, purpose, number])``, and the proposer is fed the same outcomes in
the same order when a fit is resumed, so it proposes what it did before; the store answers for the runs already made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from glasspot.campaign.determination import determination
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import Blocks, cost_error, gather, linear_model
from glasspot.campaign.runner import Runner, RunningJob
from glasspot.campaign.targets import build_objective, observation, order_species
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import Continue, Job, Observe, Outcome, Packing
from glasspot.potential.model import Potential
from glasspot.potential.wall import barrier
from glasspot.search.gauss_newton import GaussNewton
from glasspot.target import Objective

# Purposes of random numbers, the second entry of each seed.
PACKING, FIT, SELECTION, VALIDATION = range(4)
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
        """These jobs are under way now."""


class Fit:
    """One fit in one folder."""

    def __init__(self, plan: FitPlan, runner: Runner, listener: Listener) -> None:
        self.plan = plan
        self.runner = runner
        self.store = runner.store
        self.listener = listener
        self.species = order_species(plan.counts)
        self.before = float(self.store.get_meta("seconds", 0.0))  # wall time of earlier sessions

    def run(self) -> None:
        """Do the whole fit; raise GlasspotError when it cannot go on."""
        self.store.set_meta("state", "running")
        objective, observe = self._objective()
        self.listener.stage("fit")
        evaluated = self._descend(objective, observe)
        self.listener.stage("select")
        chosen = self._select(evaluated, objective, observe)
        self.listener.stage("validate")
        self._validate(chosen, objective, observe)
        self._note_times()
        self.store.set_meta("state", "finished")

    def _objective(self) -> tuple[Objective, Observe]:
        """Return the objective, with simulated targets filled in, and what every run observes."""
        self.listener.stage("targets")
        objective, jobs = build_objective(self.plan, self.species, self.runner)
        self.store.set_meta("reference_runs", jobs)
        content = [
            {
                "label": t.label,
                "pair": t.pair,
                "edges": t.edges.tolist(),
                "values": t.values.tolist(),
                "error": None if t.error is None else t.error.tolist(),
                "weight": t.weight,
            }
            for t in objective.targets
        ]
        self.store.set_meta("targets", content)
        self.store.set_meta(
            "system",
            {
                "labels": list(objective.system.labels),
                "counts": dict(objective.system.counts),
                "volume": objective.system.volume,
                "r_max": objective.r_max,
                "n_nodes": objective.n_nodes,
            },
        )
        self.store.set_meta("cut_off", max(self.plan.space.base.r_max, 0.0))
        return objective, observation(objective)

    # -- the descent -------------------------------------------------------------------------------------------------

    def _descend(self, objective: Objective, observe: Observe) -> list[dict[str, Any]]:
        """Run the proposer until it stops gaining; return the records of all finished evaluations."""
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
            number = len(records)
            point = proposer.ask()
            predicted = proposer.predicted
            jobs = self._evaluation(point, previous, observe, number, refine)
            outcomes = self.runner.run(jobs)
            runs += len(jobs)
            finished = [o for o in outcomes if o.ok]
            if len(finished) == len(outcomes):
                blocks = gather(outcomes, objective)
                model = linear_model(blocks, point, objective, plan.temperature)
                proposer.tell(model)
                record = self._record(number, runs, jobs, point, predicted, proposer.accepted)
                record |= {
                    "cost": model.cost,
                    "error": cost_error(blocks, objective),
                    "noise": model.cost_noise,
                    "per_curve": objective.per_curve(model.curves),
                }
                if proposer.accepted:
                    previous = jobs
            else:
                failed = next(o for o in outcomes if not o.ok)
                if previous is None:
                    raise RunFailedError(f"the first run of the fit failed ({failed.reason}): {failed.message}")
                proposer.tell(None)
                record = self._record(number, runs, jobs, point, predicted, False)
                record |= {
                    "cost": None,
                    "error": None,
                    "noise": None,
                    "per_curve": {},
                    "reason": failed.reason,
                    "message": failed.message,
                }
            record["refined"] = refine
            records.append(record)
            self._keep(record)
            if stalled(records, refine):
                if refine:
                    break
                refine = True
        if proposer.current is None:
            raise GlasspotError(
                f"max_runs is {plan.max_runs}, less than the {plan.replicas} replicas of one evaluation"
            )
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
                start: Packing | Continue = self._packing(FIT, replica)
                protocol = plan.protocols.first
            else:
                start = Continue(previous[replica].key)
                protocol = plan.protocols.refine if refine else plan.protocols.warm
            label = f"fit {number + 1}" + (f".{replica + 1}" if plan.replicas > 1 else "")
            jobs.append(Job(potential, start, protocol, self._seed(FIT, number, replica), plan.engine, observe, label))
        return jobs

    def _margin(self, point: np.ndarray) -> float:
        """Return the least barrier of like-charged pairs over the one asked, less 1: negative where atoms may fuse."""
        potential = self.plan.space.from_cube(point)
        heights = [
            barrier(potential, a, b)
            for i, a in enumerate(self.species)
            for b in self.species[i:]
            if potential.charges[a] * potential.charges[b] > 0
        ]
        return min((h for h in heights if h is not None), default=np.inf) / self.plan.barrier - 1.0

    # -- choice and evidence -----------------------------------------------------------------------------------------

    def _select(self, evaluated: list[dict[str, Any]], objective: Objective, observe: Observe) -> Potential:
        """Return the potential with the lowest R_chi on independent runs, among the best few of the descent."""
        plan = self.plan
        best = sorted(evaluated, key=lambda r: max(r["cost"] ** 2 - r["noise"] ** 2, 0.0))[: plan.candidates]
        candidates = [plan.space.from_cube(np.array(r["point"])) for r in best]
        if len(candidates) == 1:
            return replace(candidates[0], name=plan.name)
        jobs = [
            job
            for c, potential in enumerate(candidates)
            for job in self._independent(potential, SELECTION, plan.selection_runs, observe, f"select {c + 1}")
        ]
        outcomes = self.runner.run(jobs)
        costs = []
        for c, record in enumerate(best):
            own = outcomes[c * plan.selection_runs : (c + 1) * plan.selection_runs]
            score = self._score(own, objective)
            costs.append(score["cost"] if score["cost"] is not None else np.inf)
            self.store.put_record("selection", c, {**score, "from_step": record["number"]})
        if not np.isfinite(min(costs)):
            raise RunFailedError("every candidate failed on independent runs; see `glasspot status`")
        return replace(candidates[int(np.argmin(costs))], name=plan.name)

    def _validate(self, chosen: Potential, objective: Objective, observe: Observe) -> None:
        """Score the fit, the start and the published sets on the same fresh runs: other packings, other seeds."""
        plan = self.plan
        named = [("fitted", self._described(chosen)), ("start", plan.space.base)]
        named += [("published", p) for p in plan.compare if p.name != plan.space.base.name]
        observe = replace(observe, structure=True)
        self.store.set_meta("fitted", named[0][1].to_dict())
        jobs = [
            job
            for _, potential in named
            for job in self._independent(potential, VALIDATION, plan.validation_runs, observe, potential.name)
        ]
        outcomes = self.runner.run(jobs)
        for i, (role, potential) in enumerate(named):
            own = slice(i * plan.validation_runs, (i + 1) * plan.validation_runs)
            score = self._score(outcomes[own], objective)
            record = {
                **score,
                "name": potential.name,
                "role": role,
                "keys": [job.key for job in jobs[own]],
                "potential": potential.to_dict(),
            }
            self.store.put_record("validation", i, record)
            self.listener.score(record)

    def _independent(self, potential: Potential, purpose: int, runs: int, observe: Observe, label: str) -> list[Job]:
        """Return runs from their own packings; the same packings for every potential, so that scores are paired."""
        plan = self.plan
        potential = replace(potential, name=potential.name)
        return [
            Job(
                potential, self._packing(purpose, n), plan.protocols.validation, self._seed(purpose, n, 0), plan.engine,
                observe, f"{label} {n + 1}",
            )
            for n in range(runs)
        ]  # fmt: skip

    def _score(self, outcomes: Sequence[Outcome], objective: Objective) -> dict[str, Any]:
        """Return R_chi over independent runs: mean, standard error, of each curve, and the scatter of the curves."""
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
            "pooled_cost": objective.r_chi(curves.mean(0)),
            "wright": objective.wright_r_x(curves.mean(0)),
            "failures": reasons,
        }

    def _described(self, chosen: Potential) -> Potential:
        """Return the fitted potential with what a later user must know of it."""
        plan = self.plan
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

    # -- small things ------------------------------------------------------------------------------------------------

    def _packing(self, purpose: int, number: int) -> Packing:
        return Packing(self.plan.counts, self.plan.cell_length, self._seed(PACKING, purpose, number))

    def _seed(self, purpose: int, number: int, replica: int) -> int:
        return int(np.random.default_rng([self.plan.seed, purpose, number, replica]).integers(1, 2**31 - 1))

    def _record(
        self, number: int, runs: int, jobs: Sequence[Job], point: np.ndarray, predicted: float, accepted: bool
    ) -> dict[str, Any]:
        return {
            "number": number,
            "run": runs,
            "point": point.tolist(),
            "values": self.plan.space.values(self.plan.space.from_cube(point)),
            "predicted": None if np.isnan(predicted) else float(predicted),
            "accepted": bool(accepted),
            "keys": [job.key for job in jobs],
            "reason": "",
            "message": "",
        }

    def _keep(self, record: dict[str, Any]) -> None:
        """Store an iteration; one that was recorded before keeps its time."""
        old = {r["number"]: r for r in self.store.records("step")}
        number = record["number"]
        record["seconds"] = old[number]["seconds"] if number in old else self.before + self.runner.times.wall
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


def run_fit(plan: FitPlan, folder: Path, runner: Runner, listener: Listener) -> None:
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


__all__ = ["Blocks", "Fit", "Listener", "run_fit", "stalled"]

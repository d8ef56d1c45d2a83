"""The evidence for a fit: its candidates, its start and published sets, scored on runs that the search never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from glasspot.campaign.evaluation import Jobs, side_by_side
from glasspot.campaign.methods import no_response
from glasspot.campaign.plan import FitPlan, State
from glasspot.campaign.response import gather
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import observation
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import EngineChoice, Job, Outcome
from glasspot.potential.model import Potential
from glasspot.search.points import same
from glasspot.target.objective import Objective

# Points of the cube, and the scaled values (samples, m) of the runs of each, -> a cost of each.
Judge = Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], Sequence[float]]


@dataclass(frozen=True)
class Evidence:
    """Scores potentials against the objective of a plan, and against the states held out of it."""

    plan: FitPlan
    runner: Runner
    objective: Objective
    held_out: Objective | None = None
    engines: Mapping[str, EngineChoice] = field(default_factory=dict)  # by potential, where not that of the plan

    def select(
        self, evaluated: Sequence[Mapping[str, Any]], recommended: Sequence[np.ndarray] = (), judge: Judge | None = None
    ) -> Potential:
        """Return the potential with the lowest R_chi on independent runs, among the best few of the search.

        ``evaluated`` are the records that have a cost; ``recommended`` the points that the search itself thinks best,
        where it has an opinion. judge: points and their outcomes -> a cost of each, where that of the runs as they are
        is not what counts. RunFailedError when every candidate fails.
        """
        plan = self.plan
        best = _records_of(evaluated, recommended) or _distinct_best(evaluated, plan.candidates)
        candidates = [plan.space.from_cube(np.array(r["point"])) for r in best]
        if len(candidates) == 1:
            return replace(candidates[0], name=plan.name)
        jobs = [
            self.independent(potential, plan.fitted_states, Purpose.SELECTION, plan.selection_runs, f"select {c}")
            for c, potential in enumerate(candidates, start=1)
        ]
        found_outcomes = side_by_side(self.runner, jobs)
        scores = [score(outcomes, self.objective) for outcomes in found_outcomes]
        costs = [np.inf if found["cost"] is None else found["cost"] for found in scores]
        if judge is not None:
            samples = [curves_of_samples(outcomes, self.objective) for outcomes in found_outcomes]
            judged = judge([np.array(r["point"]) for r in best], samples)
            costs = [cost if np.isfinite(raw) else np.inf for cost, raw in zip(judged, costs, strict=True)]
        for c, (record, found) in enumerate(zip(best, scores, strict=True)):
            judged_cost = {} if judge is None or not np.isfinite(costs[c]) else {"judged": costs[c]}
            keys = _keys(plan.fitted_states, jobs[c])
            more = {**judged_cost, "from_step": record["number"], "keys": keys}
            self.runner.store.put_record("selection", c, {**found, **more})
        if not np.isfinite(min(costs)):
            raise RunFailedError("every candidate failed on independent runs; see `glasspot status`")
        return replace(candidates[int(np.argmin(costs))], name=plan.name)

    def validate(self, chosen: Potential) -> list[dict[str, Any]]:
        """Score the fit, the start and the published sets on the same fresh runs; store and return the records."""
        plan = self.plan
        named = [("fitted", described(chosen, plan)), ("start", plan.space.base)]
        named += [("published", p) for p in plan.compare if p.name != plan.space.base.name]
        self.runner.store.set_meta("fitted", named[0][1].to_dict())
        return self.score_all(named)

    def score_all(self, named: Sequence[tuple[str, Potential]]) -> list[dict[str, Any]]:
        """Score potentials, each with its role, on the same fresh runs; store and return the records."""
        plan = self.plan
        states = self.states
        jobs = [
            self.independent(
                potential, states, Purpose.VALIDATION, plan.validation_runs, potential.name,
                response=role == "fitted" and no_response(plan) is None,
            )
            for role, potential in named
        ]  # fmt: skip
        records = []
        for i, outcomes in enumerate(side_by_side(self.runner, jobs)):
            role, potential = named[i]
            fitted = len(plan.fitted_states)
            record = {
                **score(outcomes[:fitted], self.objective),
                "name": potential.name,
                "role": role,
                "keys": _keys(states, jobs[i]),
                "potential": potential.to_dict(),
            }
            if self.held_out is not None:
                record["held_out"] = score(outcomes[fitted:], self.held_out)
            self.runner.store.put_record("validation", i, record)
            records.append(record)
        return records

    def samples_of(self, record: Mapping[str, Any]) -> np.ndarray:
        """Return the scaled values of the whole samples behind a record of :meth:`score_all`, (samples, m)."""
        found = [[self.runner.outcome(key) for key in record["keys"][s.name]] for s in self.plan.fitted_states]
        outcomes = [[outcome for outcome in state if outcome is not None] for state in found]
        return curves_of_samples(outcomes, self.objective)

    @property
    def states(self) -> tuple[State, ...]:
        """The states that scores are of: the fitted ones, then those held out."""
        return (*self.plan.fitted_states, *self.plan.held_out_states)

    def independent(
        self,
        potential: Potential,
        states: Sequence[State],
        purpose: Purpose,
        runs: int,
        label: str,
        response: bool = False,
        first: int = 0,
    ) -> Jobs:
        """Return runs from their own packings; the same packings for every potential, so that scores are paired.

        ``response``: those of fitted states also tell how the targets answer to the parameters. ``first`` is the number
        of the first run, for its seeds.
        """
        plan = self.plan
        targets = [*self.objective.states, *(self.held_out.states if self.held_out else ())]
        structure = purpose != Purpose.SELECTION
        engine = self.engines.get(potential.name, plan.engine)
        result = []
        for state, aims in zip(states, targets, strict=False):
            observe = observation(aims)
            observe = replace(observe, structure=observe.structure or structure)
            if response and not state.held_out:
                observe = replace(observe, response=plan.space)
            where = f" {state.name}" if state.name else ""
            result.append([
                Job(
                    potential, plan.packing(state, purpose, n), state.protocols.validation,
                    plan.run_seed(state, purpose, n), engine, observe,
                    f"{label} {n + 1 - first}{where}",
                )
                for n in range(first, first + runs)
            ])  # fmt: skip
        return result


def _keys(states: Sequence[State], jobs: Jobs) -> dict[str, list[str]]:
    """Return the keys of the jobs of each state, by its name."""
    return {state.name: [job.key for job in of] for state, of in zip(states, jobs, strict=True)}


def _distinct_best(evaluated: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Return the records with the lowest costs less their noise, each point once."""
    ranked = sorted(evaluated, key=lambda r: max(r["cost"] ** 2 - r["noise"] ** 2, 0.0))
    seen: dict[tuple[float, ...], Mapping[str, Any]] = {}
    for record in ranked:
        seen.setdefault(tuple(record["point"]), record)
    return list(seen.values())[:count]


def _records_of(evaluated: Sequence[Mapping[str, Any]], points: Sequence[np.ndarray]) -> list[Mapping[str, Any]]:
    """Return the last record of each of the points, in their order."""
    found = [[r for r in evaluated if same(np.array(r["point"]), point)] for point in points]
    return [records[-1] for records in found if records]


def score(outcomes: Sequence[Sequence[Outcome]], objective: Objective) -> dict[str, Any]:
    """Return R_chi (a fraction) over independent runs of one potential, as plain values; ``outcomes`` state by state.

    The n-th runs of all states make one sample. cost and error: mean and standard error; per_curve: of each target
    alone (per_curve_error: its standard error); per_state: of each state alone; wright: R_X of the mean curves; noise:
    the scatter of the curves of one sample; numbers: of each target that is a number "mean", "sd" (of one sample) and
    "samples"; failures: reasons of runs that failed. Cost and error are None when fewer than two samples are whole.
    """
    curves = curves_of_samples(outcomes, objective)
    reasons = sorted({o.reason for state in outcomes for o in state if not o.ok})
    if len(curves) < 2:
        return {"cost": None, "error": None, "runs": len(curves), "per_curve": {}, "per_state": {},
                "failures": reasons}  # fmt: skip
    costs = np.array([objective.r_chi(c) for c in curves])
    single = [objective.per_curve(c) for c in curves]
    return {
        "cost": float(costs.mean()),
        "error": float(costs.std(ddof=1) / np.sqrt(len(costs))),
        "runs": len(curves),
        "per_curve": _means(single),
        "per_curve_error": {n: float(np.std([p[n] for p in single], ddof=1) / np.sqrt(len(single))) for n in single[0]},
        "per_state": _means([objective.per_state(c) for c in curves]),
        "noise": float(np.sqrt(curves.var(0, ddof=1).sum())),
        "reference_noise": objective.reference_noise(),
        "wright": objective.wright_r_x(curves.mean(0)),
        "numbers": _numbers(curves, objective),
        "failures": reasons,
    }


def _numbers(curves: np.ndarray, objective: Objective) -> dict[str, dict[str, Any]]:
    """Return of each target that is a number its mean, scatter and value in each sample."""
    each = [objective.numbers(one) for one in curves]
    values = {label: [found[label] for found in each] for label in each[0]}
    return {
        label: {"mean": float(np.mean(found)), "sd": float(np.std(found, ddof=1)), "samples": found}
        for label, found in values.items()
    }


def curves_of_samples(outcomes: Sequence[Sequence[Outcome]], objective: Objective) -> np.ndarray:
    """Return the scaled values of each whole sample, (k, m): the n-th runs of all states, where none of them failed."""
    samples = [runs for runs in zip(*outcomes, strict=True) if all(o.ok for o in runs)]
    found = [np.concatenate([gather([o], objective, s).mean_curves() for s, o in enumerate(runs)]) for runs in samples]
    return np.array(found).reshape(len(samples), len(objective.scaled_reference()))


def _means(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([p[name] for p in parts])) for name in parts[0]}


def described(chosen: Potential, plan: FitPlan) -> Potential:
    """Return the fitted potential with what a later user must know of it."""
    temperatures = " and ".join(f"{t:g}" for t in sorted({state.temperature for state in plan.fitted_states})) + " K"
    one = len(plan.fitted_states) == 1
    state = f"one {plan.fitted_states[0].kind}" if one else f"{len(plan.fitted_states)} states"
    return replace(
        chosen,
        name=plan.name,
        title=f"fitted by glasspot: {plan.title}",
        source=f"glasspot fit from {plan.space.base.name}; seed {plan.seed}",
        doi="",
        verified="partly",
        verification=(
            f"R_chi against its own target at {temperatures} on independent runs; see the report. "
            f"Nothing outside {'that state' if one else 'those states'} was tried."
        ),
        cautions=(f"Fitted to {state} at {temperatures}: test it before use elsewhere.", *plan.cautions),
    )

"""The search itself: propose, run, measure, tell, record; one method after another, each from the best point so far.

The start is evaluated first, from random packings; every other evaluation of a liquid continues the last
configurations of the evaluation on which the search stands, whatever the method. On resume, rounds that were recorded
are told again without asking: the proposers hold no hidden state (:mod:`glasspot.search.proposer`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.campaign.evaluation import Jobs, Outcomes, evaluation_jobs, first_failure, side_by_side
from glasspot.campaign.methods import make_proposer
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import Measurement, measure
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import observation
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import Outcome
from glasspot.search.gauss_newton import GaussNewton
from glasspot.search.linear_model import LinearModel
from glasspot.search.points import same
from glasspot.search.proposer import Evaluation, Learner, Proposal, Proposer
from glasspot.target.objective import Objective


@dataclass(frozen=True)
class Evaluated:
    """An evaluation with what was run for it; ``found`` is None where a run failed, and ``failure`` says why."""

    proposal: Proposal
    jobs: Jobs
    found: Measurement | None
    failure: Outcome | None

    @property
    def told(self) -> Evaluation:
        """What a proposer is told."""
        point, level, found = self.proposal.point, self.proposal.level, self.found
        if found is None:
            return Evaluation(point, None, level=level)
        return Evaluation(point, found.cost, found.error, curves=found.curves, model=found.model, level=level)


@dataclass(frozen=True)
class Progress:
    """Where an evaluation stands in the search, for its record."""

    stage: int
    round: int
    of_round: int
    refined: bool


class Descent:
    """The search of one fit. ``begin`` is told of each method; ``keep`` stores the record of an evaluation.

    objectives: of each level of the plan, the last being that of the fit. ``decided`` is told of each decision.
    """

    def __init__(
        self,
        plan: FitPlan,
        objectives: Sequence[Objective],
        runner: Runner,
        begin: Callable[[str], None],
        keep: Callable[[dict[str, Any]], None],
        decided: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.objectives = objectives
        self.recommended: list[np.ndarray] = []  # evaluated points, best first, as the last method's model sees them
        self.runner = runner
        self.records: list[dict[str, Any]] = []
        self.model: LinearModel | None = None  # of the last Gauss-Newton, averaged over neighbours
        self._begin = begin
        self._keep = keep
        self._decided = decided
        self._decisions: list[dict[str, Any]] = []  # of all methods
        self._history: list[Evaluated] = []
        self._rounds = _recorded_rounds(runner.store.records("step"))
        self._round = 0
        self._runs = 0
        self.windows: np.ndarray | None = None  # (n, 2) where the last method that moves its windows looked in the end

    def run(self) -> list[dict[str, Any]]:
        """Run the methods, as far as the budget goes; return the records of the evaluations that have a cost."""
        start = self.plan.space.to_cube(self.plan.space.base)
        for stage, name in enumerate(self.plan.methods):
            if self._affordable() <= 0:
                break
            self._begin(name)
            proposer = make_proposer(self.plan, stage, start, self.objectives[-1])
            if self._history:
                proposer.tell([e.told for e in self._history])
            else:
                self._take_round(stage, proposer, [Proposal(start, note="start")])
            while not proposer.finished and self._affordable() > 0:
                proposals = self._rounds.get(self._round) or proposer.ask(self.plan.batch or 1)
                self._take_round(stage, proposer, proposals[: self._affordable()])
            if isinstance(proposer, GaussNewton) and proposer.current is not None:
                self.model = proposer.averaged()
            learner = proposer if isinstance(proposer, Learner) else None
            self.recommended = learner.recommended(self.plan.candidates) if learner else []
            self.windows = learner.windows if learner else self.windows
            start = self.recommended[0] if self.recommended else self._best().proposal.point
        return [r for r in self.records if r["cost"] is not None]

    @property
    def told(self) -> list[Evaluation]:
        """Everything that was evaluated, in its order."""
        return [e.told for e in self._history]

    def _affordable(self) -> int:
        """Return how many evaluations the budget still allows."""
        return (self.plan.max_runs - self._runs) // self.plan.runs_per_evaluation

    def _best(self) -> Evaluated:
        """Return the evaluation with the lowest cost."""
        return _least([e for e in self._history if e.found])

    def _take_round(self, stage: int, proposer: Proposer, proposals: Sequence[Proposal]) -> None:
        """Run the proposals side by side, tell the proposer, and record them."""
        first = not self._history
        refined = proposer.refining
        jobs = [
            self._jobs(p, self._stand(proposer, p.level), number, refined, proposer.needs_response)
            for number, p in enumerate(proposals, start=len(self._history))
        ]
        outcomes = side_by_side(self.runner, jobs)
        found = [self._evaluated(*one) for one in zip(proposals, jobs, outcomes, strict=True)]
        if first and found[0].failure is not None:
            failure = found[0].failure
            raise RunFailedError(f"the first run of the fit failed ({failure.reason}): {failure.message}")
        proposer.tell([e.told for e in found])
        progress = Progress(stage, self._round, len(found), refined)
        for evaluated in found:
            self._history.append(evaluated)
            self._record(evaluated, proposer, progress)
        if isinstance(proposer, Learner):
            self._decide(stage, proposer)
        self._round += 1

    def _decide(self, stage: int, proposer: Learner) -> None:
        """Store and tell what the method has decided since it was last looked at."""
        known = sum(decision["stage"] == stage for decision in self._decisions)
        for decision in proposer.decisions[known:]:
            record = {"stage": stage, **decision}
            self.runner.store.put_record("decision", len(self._decisions), record)
            self._decisions.append(record)
            self._decided(record)

    def _stand(self, proposer: Proposer, level: int) -> Jobs | None:
        """Return the jobs whose last configurations the next evaluations continue; None before the first of a level.

        Levels may differ in their atoms, so that none can go on from another.
        """
        known = [e for e in self._history if e.found and e.proposal.level == level]
        if not known:
            return None
        place = proposer.place
        here = [e for e in known if place is not None and same(e.proposal.point, place)]
        return (here[-1] if here else _least(known)).jobs

    def _jobs(self, proposal: Proposal, previous: Jobs | None, number: int, refined: bool, response: bool) -> Jobs:
        plan = self.plan.at(proposal.level)
        observe = [observation(targets) for targets in self.objectives[proposal.level].states]
        if response:
            observe = [replace(one, response=plan.space) for one in observe]

        def label(replica: int) -> str:
            return f"fit {number + 1}" + (f".{replica + 1}" if plan.replicas > 1 else "")

        return evaluation_jobs(plan, proposal.point, Purpose.FIT, number, observe, label, previous, refined)

    def _evaluated(self, proposal: Proposal, jobs: Jobs, outcomes: Outcomes) -> Evaluated:
        failed = first_failure(outcomes)
        if failed is not None:
            return Evaluated(proposal, jobs, None, failed)
        temperatures = [state.temperature for state in self.plan.fitted_states]
        found = measure(outcomes, proposal.point, self.objectives[proposal.level], temperatures)
        return Evaluated(proposal, jobs, found, None)

    def _record(self, evaluated: Evaluated, proposer: Proposer, progress: Progress) -> None:
        plan, point = self.plan, evaluated.proposal.point
        self._runs += plan.runs_per_evaluation
        predicted = evaluated.proposal.predicted
        place = proposer.place
        record = {
            "number": len(self.records),
            "run": self._runs,
            "method": plan.methods[progress.stage],
            "round": progress.round,
            "of_round": progress.of_round,
            "note": evaluated.proposal.note,
            "point": point.tolist(),
            "values": plan.space.values(plan.space.from_cube(point)),
            "predicted": None if np.isnan(predicted) else float(predicted),
            "accepted": evaluated.found is not None and place is not None and same(point, place),
            "keys": [job.key for state in evaluated.jobs for job in state],
            "refined": progress.refined,
            "level": evaluated.proposal.level,
            **self._findings(evaluated),
        }
        self.records.append(record)
        self._keep(record)

    def _findings(self, evaluated: Evaluated) -> dict[str, Any]:
        found, failure = evaluated.found, evaluated.failure
        if found is None:
            return {
                "cost": None, "error": None, "noise": None, "per_curve": {}, "per_state": {}, "numbers": {},
                "reason": failure.reason if failure else "", "message": failure.message if failure else "",
            }  # fmt: skip
        objective = self.objectives[evaluated.proposal.level]
        return {
            "cost": found.cost,
            "error": found.error,
            "noise": found.noise,
            "per_curve": objective.per_curve(found.curves),
            "per_state": objective.per_state(found.curves),
            "numbers": objective.numbers(found.curves),
            "reason": "",
            "message": "",
        }


def _least(evaluated: Sequence[Evaluated]) -> Evaluated:
    """Return the one with the lowest cost."""
    return min(evaluated, key=lambda e: e.found.cost if e.found else np.inf)


def _recorded_rounds(records: Sequence[dict[str, Any]]) -> dict[int, list[Proposal]]:
    """Return the proposals of the rounds that were recorded whole, by an earlier session."""
    rounds: dict[int, list[Proposal]] = {}
    size: dict[int, int] = {}
    for record in records:
        predicted = float("nan") if record["predicted"] is None else record["predicted"]
        proposal = Proposal(np.array(record["point"]), predicted, record["note"], record.get("level", 0))
        rounds.setdefault(record["round"], []).append(proposal)
        size[record["round"]] = record["of_round"]
    return {number: found for number, found in rounds.items() if len(found) == size[number]}

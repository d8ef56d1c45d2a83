"""The fit: replay what the store knows, propose, run, record, judge; then choose and validate on fresh runs.

Every random number has its place (:mod:`glasspot.campaign.seeds`), and the proposer is fed the same outcomes in
the same order when a fit is resumed, so it proposes what it did before; the store answers for the runs already made.
"""

from __future__ import annotations

import time
from typing import Any

from glasspot.campaign.descend import Descent
from glasspot.campaign.determination import determination, fresh_measurement, pooled
from glasspot.campaign.ensemble import chosen_of, run_ensemble
from glasspot.campaign.evidence import Evidence
from glasspot.campaign.folder import state_noted
from glasspot.campaign.lesson_tables import lessons_of
from glasspot.campaign.lessons import Lessons
from glasspot.campaign.listening import Listener, Logged
from glasspot.campaign.methods import no_response
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.runner import Runner
from glasspot.campaign.tally import Standing
from glasspot.campaign.targets import fitted_objective, held_out_objective, level_objectives
from glasspot.potential.model import Potential
from glasspot.search.linear_model import LinearModel
from glasspot.target.objective import Objective


class Fit:
    """One fit in one folder."""

    def __init__(self, plan: FitPlan, runner: Runner, listener: Listener) -> None:
        self.plan = plan
        self.runner = runner
        self.store = runner.store
        self.before = float(self.store.get_meta("seconds", 0.0))  # wall time of earlier sessions
        self.recorded = {r["number"]: r for r in self.store.records("step")}  # by earlier sessions
        self.runner.standing = Standing(plan.max_runs)
        self.listener = Logged(listener, runner.log, self.recorded)

    def run(self) -> None:
        """Do the whole fit; raise GlasspotError when it cannot go on."""
        objective, descent = self.search()
        evaluated = [r for r in descent.records if r["cost"] is not None]
        evidence = Evidence(self.plan, self.runner, objective, held_out_objective(self.plan, self.runner))
        lessons = Lessons(self.plan, objective, descent.told) if self.plan.learns else None
        self.listener.stage("select")
        judge = lessons.judge if lessons is not None and lessons.enough and self.plan.extrapolates else None
        chosen = evidence.select(evaluated, descent.recommended, judge)
        self.listener.stage("validate")
        scores = evidence.validate(chosen)
        for record in scores:
            self.listener.score(record)
        self._note_times()
        if lessons is not None:
            self.listener.stage("lessons")
            self.store.set_meta("lessons", lessons_of(lessons, evidence, scores, descent.windows))
            self._note_times()
        self._uncertainty(evidence, chosen, scores[0], descent.model)
        self._note_times()

    def search(self) -> tuple[Objective, Descent]:
        """Do the first part alone: the targets and the search, without the evidence."""
        self.listener.stage("targets")
        objective = fitted_objective(self.plan, self.runner)
        levels = level_objectives(self.plan, objective, self.runner)
        descent = Descent(self.plan, levels, self.runner, self.listener.stage, self._keep, self.listener.decision)
        descent.run()
        return objective, descent

    def _uncertainty(
        self, evidence: Evidence, chosen: Potential, record: dict[str, Any], search: LinearModel | None
    ) -> None:
        """Find what the data determine, from the validation runs of the fitted potential, and run the ensemble."""
        plan = self.plan
        states = plan.fitted_states
        reason = no_response(plan)
        runs = [[self.runner.outcome(key) for key in record["keys"][state.name]] for state in states]
        outcomes = [[outcome for outcome in state if outcome is not None] for state in runs]
        temperatures = [state.temperature for state in states]
        point = plan.space.to_cube(chosen)
        measured = None if reason else fresh_measurement(outcomes, point, evidence.objective, temperatures)
        if measured is None or measured.model is None:
            reason = reason or "its validation runs failed"
            self.store.set_meta("determination", {"reason": reason, "directions": []})
            self.store.set_meta("ensemble", None)
            return
        model = pooled(measured.model, search)
        found = determination(plan.space, model, evidence.objective)
        self.store.set_meta("determination", found)
        fitted = chosen_of(model, found, record, measured.error)
        summary = None
        if plan.members and fitted is not None:
            self.listener.stage("ensemble")
            summary = run_ensemble(evidence, fitted, self.listener.score)
        self.store.set_meta("ensemble", summary)

    def _keep(self, record: dict[str, Any]) -> None:
        """Store an iteration; one that was recorded before keeps its time."""
        number = record["number"]
        before = self.recorded.get(number)
        record["seconds"] = self.before + self.runner.times.wall if before is None else before["seconds"]
        self.runner.standing.add(record)
        if record != before:  # each write waits for the disk: thousands of known ones need not
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


def run_fit(plan: FitPlan, runner: Runner, listener: Listener) -> None:
    """Run a fit and leave a clear state in the store however it ends."""
    with state_noted(runner.store):
        Fit(plan, runner, listener).run()

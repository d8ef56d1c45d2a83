"""A landscape: the survey of a plane by MD, or of its anchors alone and reweighting from these; all into the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glasspot.campaign.folder import state_noted
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.reweight import anchor_of, reweighted
from glasspot.campaign.runner import Runner
from glasspot.campaign.survey import Keep, Plane, Survey
from glasspot.campaign.targets import fitted_objective
from glasspot.errors import RunFailedError
from glasspot.target.objective import Objective

POINT, ANCHOR = "landscape", "anchor"  # kinds of records


def run_landscape(
    plan: FitPlan,
    plane: Plane,
    anchors: Plane | None,
    runner: Runner,
    stage: Callable[[str], None],
    step: Callable[[dict[str, Any]], None],
) -> None:
    """Run what is missing and record every point; ``stage`` and ``step`` tell a display.

    RunFailedError when no point can be run, or no anchor.
    """

    def begin(name: str) -> None:
        runner.log.write("stage", name=name)
        stage(name)

    with state_noted(runner.store):
        begin("targets")
        objective = fitted_objective(plan, runner)
        if anchors is None:
            begin("survey")
            _survey(Survey(plan, plane, objective, runner, _keeping(runner, POINT, step)))
        else:
            _reweight(plan, plane, anchors, objective, runner, begin, step)


def _reweight(
    plan: FitPlan,
    plane: Plane,
    anchors: Plane,
    objective: Objective,
    runner: Runner,
    stage: Callable[[str], None],
    step: Callable[[dict[str, Any]], None],
) -> None:
    stage("anchors")
    keep = _keeping(runner, ANCHOR, step)
    survey = Survey(plan, anchors, objective, runner, keep, each_frame=True, fresh=True)
    _survey(survey)
    stage("reweight")
    temperatures = [state.temperature for state in plan.fitted_states]
    good = [found for found in survey.visited.values() if found.failure is None]
    frames = [anchor_of(anchors.number(found.place), found, objective, temperatures) for found in good]
    for record in reweighted(plan, plane, frames, objective):
        runner.store.put_record(POINT, record["number"], record)


def _survey(survey: Survey) -> None:
    """Run a survey that must find something."""
    if survey.run():
        return
    failures = [found.failure for found in survey.visited.values() if found.failure is not None]
    if not failures:
        raise RunFailedError("every point lies behind the barrier (fit.barrier_eV): nothing can be run there")
    raise RunFailedError(f"every point failed; the first one says ({failures[0].reason}): {failures[0].message}")


def _keeping(runner: Runner, kind: str, step: Callable[[dict[str, Any]], None]) -> Keep:
    known = {record["number"] for record in runner.store.records(kind)}  # logged by an earlier driver

    def keep(record: dict[str, Any]) -> None:
        if record["number"] not in known:
            runner.log.write(
                "step", number=record["number"], point=record["kind"], cost=record["cost"], error=record["error"],
                reason=record["reason"] or None,
            )  # fmt: skip
        runner.store.put_record(kind, record["number"], record)
        step(record)

    return keep

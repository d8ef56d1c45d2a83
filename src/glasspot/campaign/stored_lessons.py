"""Everything that a fit has run, from its store, for a model to learn from; nothing is run."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.evidence import curves_of_samples
from glasspot.campaign.lessons import Lessons
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import gather
from glasspot.campaign.runner import Runner
from glasspot.campaign.targets import level_objectives
from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.search.proposer import Evaluation
from glasspot.store import Store
from glasspot.target.objective import Objective


def stored_lessons(plan: FitPlan, store: Store, folder: Path) -> Lessons:
    """Return what the fit in ``folder`` has run so far, as its end tells it; ``plan``: that of the fit.

    The evaluations of the search, the runs of the selection where those were judged by a model, and those of the
    validation. GlasspotError where the fit has not got beyond its targets, or the store lacks an outcome.
    """
    stored = store.get_meta("objective")
    if stored is None:
        raise GlasspotError(f"the fit in {folder} has only just begun: it has evaluated nothing yet")
    runner = Runner(store, folder, _no_runs)
    levels = level_objectives(plan, Objective.from_dict(stored), runner)
    lessons = Lessons(plan, levels[-1])
    lessons.told += [_evaluation(record, levels[record.get("level", 0)], runner) for record in store.records("step")]
    steps = {record["number"]: record for record in store.records("step")}
    for record in store.records("selection"):
        if plan.extrapolates and "keys" in record:
            lessons.add(np.array(steps[record["from_step"]]["point"]), _samples(record, lessons, runner))
    for record in store.records("validation"):
        point = plan.space.place_of(Potential.from_dict(record["potential"]))
        if point is not None:
            lessons.add(point, _samples(record, lessons, runner))
    return lessons


def last_windows(plan: FitPlan, store: Store) -> np.ndarray:
    """Return where the search looked last, (n, 2) in the cube."""
    names = plan.space.names
    windows = np.tile([0.0, 1.0], (len(names), 1)) if plan.windows is None else np.array(plan.windows)
    for decision in store.records("decision"):
        if decision["kind"] == "window":
            windows[decision["axis"]] = decision["after"]
    return windows


def _evaluation(record: dict[str, Any], objective: Objective, runner: Runner) -> Evaluation:
    """Return an evaluation of the search with the values of its runs, whose keys stand state by state."""
    point, level = np.array(record["point"]), record.get("level", 0)
    if record["cost"] is None:
        return Evaluation(point, None, level=level)
    each = len(record["keys"]) // len(objective.states)
    curves = []
    for number in range(len(objective.states)):
        keys = record["keys"][number * each : (number + 1) * each]
        found = [outcome for key in keys if (outcome := runner.outcome(key)) is not None]
        if len(found) < len(keys):
            raise GlasspotError(f"the store {runner.store.path} lacks runs of evaluation {record['number'] + 1}")
        curves.append(gather(found, objective, number).mean_curves())
    return Evaluation(point, record["cost"], record["error"], curves=np.concatenate(curves), level=level)


def _samples(record: dict[str, Any], lessons: Lessons, runner: Runner) -> np.ndarray:
    """Return the scaled values of the whole samples of independent runs, (samples, m)."""
    states = lessons.plan.fitted_states
    found = [[runner.outcome(key) for key in record["keys"][state.name]] for state in states]
    outcomes = [[outcome for outcome in of if outcome is not None] for of in found]
    return curves_of_samples(outcomes, lessons.objective)


def _no_runs() -> Executor:
    raise GlasspotError("a reference liquid of this fit is not in its store; go on with the fit by --resume first")

"""From the store of a fit that learns what every glass does to what its report shows of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glasspot.campaign.plan import LEARNERS
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.glass_structure import structures_of
from glasspot.report.glass_terms import Terms
from glasspot.report.learning_data import GlassSet, Learned, Level
from glasspot.report.learning_lessons import front_of, map_of, model_of, sets_at_aim
from glasspot.report.learning_steps import moves_of, rounds_of, spans_of
from glasspot.report.status import Record, best_step, top_level
from glasspot.report.store_panels import Outcomes
from glasspot.search.points import same
from glasspot.store import Store
from glasspot.target.objective import Objective

ALIKE = 0.9  # of the range of the oxide that differs most


def learned(
    store: Store, space: ParameterSpace, objectives: Sequence[Objective], outcomes: Mapping[str, Outcomes],
    steps: Sequence[Record],
) -> Learned | None:  # fmt: skip
    """Return what a fit that learns has to show so far; None for a fit by other methods.

    ``objectives``: that of the fit and, if any, that of what was held out; ``outcomes`` of the scored potentials;
    ``steps``: records of the evaluations.
    """
    plan = store.get_meta("plan")
    if not objectives or not ("learning" in plan or {step["method"] for step in steps} & set(LEARNERS)):
        return None
    scores, decisions = store.records("validation"), store.records("decision")
    told: Record = plan.get("learning", {})
    terms, levels = Terms.of(objectives), _levels(told, steps)
    found = Learned(
        glasses=terms.glasses,
        held_out=tuple(g >= len(objectives[0].states) for g in range(len(terms.glasses))),
        shares=(),
        oxide="",
        quantities=terms.quantities,
        target=terms.target,
        target_error=terms.target_error,
        levels=levels,
        sets=tuple(_scored(scores, terms) or _so_far(steps, terms, space)),
        made=levels[-1 if scores else top_level(steps)],
        at_aim=(),
        aim=Level(),
        extrapolated=False,
        rounds=tuple(rounds_of(steps, space, terms.rmse)),
        spans=tuple(spans_of(space, steps, told.get("windows"), decisions)),
        moves=tuple(moves_of(space, steps, decisions)),
        structures=structures_of(terms.glasses, scores, outcomes),
    )
    found = _taught(found, store.get_meta("lessons"), terms, space, steps, scores)
    return _in_order(found, told.get("oxides", {}))


def _levels(told: Record, steps: Sequence[Record]) -> tuple[Level, ...]:
    """Return how the glasses are made at each level."""
    if "levels" not in told:
        return tuple(Level() for _ in range(1 + max((s.get("level", 0) for s in steps), default=0)))
    found = []
    for level in told["levels"]:
        rates = [state["rate"] for state in level.values() if state["rate"]]
        atoms = [state["atoms"] for state in level.values()]
        found.append(Level(float(np.mean(atoms)), float(np.mean(rates)) if rates else np.nan))
    return tuple(found)


def _scored(scores: Sequence[Record], terms: Terms) -> list[GlassSet]:
    """Return what independent runs gave of each scored potential, held-out glasses included."""
    found = []
    for score in scores:
        numbers = {**score.get("numbers", {}), **score.get("held_out", {}).get("numbers", {})}
        mean, sd = (terms.table({label: one[key] for label, one in numbers.items()}) for key in ("mean", "sd"))
        rmse = terms.rmse(score["per_curve"])
        found.append(GlassSet(score["name"], score["role"], score["runs"], mean, sd, rmse=rmse))
    return found


def _so_far(steps: Sequence[Record], terms: Terms, space: ParameterSpace) -> list[GlassSet]:
    """Return the start and the best evaluation so far, at the highest level that was reached: one run each."""
    top = [s for s in steps if s.get("level", 0) == top_level(steps) and s["cost"] is not None]
    start = space.to_cube(space.base)
    best = best_step(steps)
    first = next((s for s in top if same(np.array(s["point"]), start)), None)
    chosen = [(space.base.name, "start", first), ("best so far", "fitted", best if best is not first else None)]
    return [_one_run(name, role, step, terms) for name, role, step in chosen if step is not None]


def _one_run(name: str, role: str, step: Record, terms: Terms) -> GlassSet:
    mean = terms.table(step.get("numbers", {}))
    return GlassSet(name, role, 1, mean, np.full_like(mean, np.nan), rmse=terms.rmse(step["per_curve"]))


def _taught(
    found: Learned, lessons: Record | None, terms: Terms, space: ParameterSpace, steps: Sequence[Record],
    scores: Sequence[Record],
) -> Learned:  # fmt: skip
    """Return the same with what the model of all runs says, once the fit has made it."""
    if lessons is None or "reason" in lessons:
        return replace(found, reason="" if lessons is None else lessons["reason"])
    named = {s["name"]: Potential.from_dict(s["potential"]) for s in scores if s["name"] in lessons["at_aim"]}
    fitted = next((named[s["name"]] for s in scores if s["role"] == "fitted" and s["name"] in named), space.base)
    aim = lessons["aim"]
    places = {name: potential for name, potential in named.items() if space.place_of(potential) is not None}
    return replace(
        found,
        at_aim=tuple(sets_at_aim(lessons, terms, scores)),
        aim=Level(aim["atoms"], np.nan if aim["rate"] is None else aim["rate"]),
        extrapolated=aim["extrapolated"],
        front=front_of(lessons, terms, space, steps, places, fitted.name),
        map=map_of(lessons["map"], lessons["aims"], terms, space, fitted, places),
        model=model_of(lessons, terms),
    )


def _in_order(found: Learned, oxides: Mapping[str, Mapping[str, float]]) -> Learned:
    """Return the same with the glasses by the oxide that differs most among them; as they stand where none is known."""
    if not all(name in oxides for name in found.glasses) or len(found.glasses) < 2:
        return found
    every = sorted({name for glass in found.glasses for name in oxides[glass]})
    table = np.array([[oxides[glass].get(name, 0.0) for name in every] for glass in found.glasses])
    if not len(every) or np.ptp(table, axis=0).max() < 1e-6:
        return found
    column = int(np.argmax(np.ptp(table, axis=0)))
    # Two oxides that replace each other differ nearly alike: the one that rises as the glasses were given leads.
    most = np.ptp(table, axis=0) > ALIKE * np.ptp(table[:, column])
    column = next((int(c) for c in np.flatnonzero(most) if table[-1, c] > table[0, c]), column)
    order = np.argsort(table[:, column], kind="stable")

    def sets(given: tuple[GlassSet, ...]) -> tuple[GlassSet, ...]:
        return tuple(replace(one, mean=one.mean[order], sd=one.sd[order]) for one in given)

    return replace(
        found,
        glasses=_picked(found.glasses, order),
        held_out=_picked(found.held_out, order),
        shares=tuple(100.0 * table[order, column]),
        oxide=every[column],
        target=found.target[order],
        target_error=found.target_error[order],
        sets=sets(found.sets),
        at_aim=sets(found.at_aim),
    )


def _picked(given: Sequence[Any], order: np.ndarray) -> tuple[Any, ...]:
    return tuple(given[i] for i in order)

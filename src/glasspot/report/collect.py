"""From the store of a fit to what its report shows. Reads only; a fit that still runs gives what is there so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Outcome
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.data import Direction, FitReport, Parameter, Score, Step
from glasspot.report.learning_collect import learned
from glasspot.report.status import Record, best_step, noise_floor, state_of
from glasspot.report.store_ensemble import ensemble, observed
from glasspot.report.store_panels import curve_panels, fitted_numbers, good_outcomes, structure_panels
from glasspot.store import Store
from glasspot.target.objective import Objective


def collect(folder: Path) -> FitReport:
    """Return the report of the fit in ``folder``; GlasspotError when there is none or it is damaged."""
    with Store.open(folder) as store:
        return report_of(store, folder, store.records("step"), [row["key"] for row in store.outcomes()])


def report_of(store: Store, folder: Path, steps: Sequence[Record], runs: Sequence[str]) -> FitReport:
    """Return the report of the fit whose store is open; GlasspotError when it is damaged, or has only just begun.

    steps: the records of its evaluations, all of them or those to be drawn. runs: the keys of the runs in the store.
    """
    plan = store.get_meta("plan")
    if plan is None:
        raise GlasspotError(f"the run in {folder} has only just begun: nothing can be reported yet")
    space = ParameterSpace.from_dict(plan["space"])
    held = store.get_meta("held_out")
    held_out = Objective.from_dict(held) if held else None
    fitted = store.get_meta("fitted")
    stored = store.get_meta("objective")
    found = store.get_meta("determination")
    objective = Objective.from_dict(stored) if stored else None
    objectives = [o for o in (objective, held_out) if o]
    scores = [_in_order(score, objectives) for score in store.records("validation")]
    outcomes = {s["name"]: {state: good_outcomes(store, keys) for state, keys in s["keys"].items()} for s in scores}
    teaching = learned(store, space, objectives, outcomes, steps)
    return FitReport(
        title=plan["title"],
        description=plan["description"],
        state=state_of(store, folder),
        steps=tuple(_step(s) for s in steps),
        parameters=_parameters(space, plan, steps, fitted, found),
        directions=_directions(found),
        scores=tuple(_score(s, outcomes[s["name"]]) for s in scores),
        noise_floor=_or_nan(noise_floor(scores)),
        panels=curve_panels(objectives, scores, outcomes, store, steps),
        structure_panels=structure_panels(scores, outcomes) if teaching is None else (),
        potentials=_potentials(space, steps, scores),
        elements=_elements(objective, space),
        fitted=Potential.from_dict(fitted) if fitted else None,
        timings=_timings(store),
        provenance=_provenance(store, plan, runs),
        numbers=fitted_numbers(objectives, scores, outcomes) if teaching is None else (),
        ensemble=ensemble(store, space, objectives, scores, outcomes),
        unknown_errors=found.get("reason", "") if found else "",
        learned=teaching,
        cautions=tuple(plan["cautions"]),
    )


def _step(record: Record) -> Step:
    note = f"{record['reason']}: {record['message']}" if record["cost"] is None else ""
    if record["refined"] and not note:
        note = "longer run"
    return Step(
        md_runs=record["run"],
        cost=_or_nan(record["cost"]),
        cost_error=_or_nan(record["error"]),
        predicted=_or_nan(record["predicted"]),
        accepted=record["accepted"],
        seconds=record["seconds"],
        values=record["values"],
        note=note,
        places=dict(zip(record["values"], record["point"], strict=True)),
        method=record["method"],
        level=record.get("level", 0),
    )


def _potentials(space: ParameterSpace, steps: Sequence[Record], scores: Sequence[Record]) -> dict[str, Potential]:
    """Return the potentials whose U(r) is drawn: those that were scored, or before that the start and the best."""
    if scores:
        return {s["name"]: Potential.from_dict(s["potential"]) for s in scores}
    best = best_step(steps)
    found = {space.base.name: space.base}
    return found if best is None else found | {"best so far": space.from_cube(np.array(best["point"]))}


def _elements(objective: Objective | None, space: ParameterSpace) -> tuple[str, ...]:
    """Return the elements of the system, as the pairs of its histograms name them."""
    if objective is None:
        return space.base.elements
    return tuple(dict.fromkeys(element for state in objective.states for element in state.system.elements))


def _parameters(
    space: ParameterSpace, plan: Record, steps: Sequence[Record], fitted: Record | None, found: Record | None
) -> tuple[Parameter, ...]:
    start = space.values(space.base)
    if fitted is not None:
        final = Potential.from_dict(fitted)
        values, point = space.values(final), space.to_cube(final)
    else:
        best = best_step(steps)
        values = best["values"] if best else {}
        point = np.array(best["point"]) if best else space.to_cube(space.base)
    known = found is not None and "covariance" in found
    errors = space.value_errors(point, np.array(found["covariance"])) if found is not None and known else {}
    result = []
    for i, p in enumerate(space.parameters):
        low, high = plan["windows"][p.name]
        determined = found is not None and known and found["errors"][p.name] is not None
        result.append(
            Parameter(
                name=p.name,
                unit=p.unit,
                start=start[p.name],
                fitted=values.get(p.name, math.nan),
                error=errors[p.name] if determined else math.inf,
                window=(low, high),
                place=float(point[i]),
            )
        )
    return tuple(result)


def _directions(found: Record | None) -> tuple[Direction, ...]:
    if not found:
        return ()
    return tuple(
        Direction(
            d["cost_change"],
            d["determined"],
            d["components"],
            d["words"],
            _or_nan(d.get("information")),
            _or_nan(d.get("error")),
        )
        for d in found["directions"]
    )


def _in_order(score: Record, objectives: Sequence[Objective]) -> Record:
    """Return a score whose states and targets stand as in RUN.toml: the store has them by the alphabet."""
    states = [state for objective in objectives for state in objective.states]
    order = [s.name for s in states]
    for state in states:
        order += [target.label for target in state.curves] + [target.label for target in state.numbers]
    return {
        **score,
        **{
            key: {name: score[key][name] for name in order if name in score[key]} | score[key]
            for key in ("keys", "per_curve", "per_state")
        },
    }


def _score(record: Record, outcomes: Mapping[str, Sequence[Outcome]]) -> Score:
    observables = {name: float(np.mean(values)) for name, values in observed(outcomes).items()}
    for name, value in record.get("wright", {}).items():
        observables[f"Wright's R_X of {name} (%)"] = 100 * value
    held_out = record.get("held_out", {})
    return Score(
        name=record["name"],
        role=record["role"],
        cost=_or_nan(record["cost"]),
        error=_or_nan(record["error"]),
        runs=record["runs"],
        per_curve={**record["per_curve"], **held_out.get("per_curve", {})},
        observables=observables,
        note=", ".join(record["failures"]),
        per_state=record["per_state"],
        held_out=_or_nan(held_out.get("cost")),
        held_out_error=_or_nan(held_out.get("error")),
        held_out_runs=held_out.get("runs", 0),
    )


def _timings(store: Store) -> dict[str, float]:
    """Return seconds: of the whole, of the engines, and of what the driver and the workers spend around them."""
    sessions = list(store.get_meta("sessions", {}).values())
    if not sessions:
        return {}
    wall = sum(s["wall"] for s in sessions)
    waiting = sum(s["waiting"] for s in sessions)
    jobs = sum(s["jobs"] for s in sessions)
    engines = sum(s["engines"] for s in sessions)
    # While the driver waits, each worker is in its engine for this part of its time; the rest is folding of frames.
    in_engine = engines / jobs if jobs else 1.0
    return {
        "wall": wall,
        "MD (all workers together)": engines,
        "folding of frames (all workers together)": jobs - engines,
        "outside MD": (wall - waiting) + waiting * (1.0 - in_engine),
    }


def _provenance(store: Store, plan: Record, runs: Sequence[str]) -> dict[str, str]:
    result = {"seed": str(plan["seed"]), "began": plan["began"]}
    result["MD runs in the store"] = str(len(runs))
    for key in runs[:1]:
        data = store.get_outcome(key)
        if data:
            result |= {k: v for k, v in Outcome.from_bytes(data).texts["provenance"].items() if k != "finished"}
    settings = store.get_meta("settings", {})
    result |= {f"file {name}": f"sha256 {digest}" for name, digest in settings.get("files", {}).items()}
    return result


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)

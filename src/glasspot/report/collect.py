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
from glasspot.report.data import CurvePanel, Direction, FitReport, Parameter, Score, Series, Step
from glasspot.report.status import Record, best_step, noise_floor, state_of
from glasspot.store import Store
from glasspot.target import Objective


def collect(folder: Path) -> FitReport:
    """Return the report of the fit in ``folder``; GlasspotError when there is none or it is damaged."""
    with Store.open(folder) as store:
        plan = store.get_meta("plan")
        if plan is None:
            raise GlasspotError(f"the run in {folder} has only just begun: nothing can be reported yet")
        space = ParameterSpace.from_dict(plan["space"])
        steps = store.records("step")
        scores = store.records("validation")
        outcomes = {s["name"]: _outcomes(store, s["keys"]) for s in scores}
        fitted = store.get_meta("fitted")
        stored = store.get_meta("objective")
        found = store.get_meta("determination")
        objective = Objective.from_dict(stored) if stored else None
        return FitReport(
            title=plan["title"],
            description=plan["description"],
            state=state_of(store, folder),
            steps=tuple(_step(s) for s in steps),
            parameters=_parameters(space, plan, steps, fitted, found),
            directions=_directions(found),
            scores=tuple(_score(s, outcomes[s["name"]]) for s in scores),
            noise_floor=_or_nan(noise_floor(scores)),
            panels=_curve_panels(objective, scores, outcomes, store, steps),
            structure_panels=_structure_panels(scores, outcomes),
            potentials=_potentials(space, steps, scores),
            elements=_elements(objective, space),
            fitted=Potential.from_dict(fitted) if fitted else None,
            timings=_timings(store),
            provenance=_provenance(store, plan),
            cautions=tuple(plan["cautions"]),
        )


def _outcomes(store: Store, keys: Sequence[str]) -> list[Outcome]:
    found = [store.get_outcome(key) for key in keys]
    return [outcome for outcome in (Outcome.from_bytes(data) for data in found if data) if outcome.ok]


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
    return objective.system.elements


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
    errors = space.value_errors(point, np.array(found["covariance"])) if found is not None else {}
    result = []
    for i, p in enumerate(space.parameters):
        low, high = plan["windows"][p.name]
        determined = found is not None and found["errors"][p.name] is not None
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
    return tuple(Direction(d["cost_change"], d["determined"], d["components"], d["words"]) for d in found["directions"])


def _score(record: Record, outcomes: Sequence[Outcome]) -> Score:
    observables: dict[str, float] = {}
    for name in sorted({name for o in outcomes for name in o.numbers if name.startswith(("coordination", "angle"))}):
        observables[name] = float(np.mean([o.numbers[name] for o in outcomes if name in o.numbers]))
    for name, value in record.get("wright", {}).items():
        observables[f"Wright's R_X of {name} (%)"] = 100 * value
    if outcomes:
        observables["pressure (GPa)"] = float(np.mean([o.numbers["pressure_bar"] for o in outcomes])) * 1e-4
    return Score(
        name=record["name"],
        role=record["role"],
        cost=_or_nan(record["cost"]),
        error=_or_nan(record["error"]),
        runs=record["runs"],
        per_curve=record["per_curve"],
        observables=observables,
        note=", ".join(record["failures"]),
    )


def _curve_panels(
    objective: Objective | None,
    scores: Sequence[Record],
    outcomes: Mapping[str, Sequence[Outcome]],
    store: Store,
    steps: Sequence[Record],
) -> tuple[CurvePanel, ...]:
    if objective is None:
        return ()
    groups = [(s["name"], s["role"], outcomes[s["name"]]) for s in scores if outcomes[s["name"]]]
    if not groups:
        # Not validated yet: the first and the best evaluation of the fit itself.
        best = best_step(steps)
        if best is not None:
            first = next(s for s in steps if s["cost"] is not None)
            groups = [("start", "start", _outcomes(store, first["keys"]))]
            groups += [("best so far", "fitted", _outcomes(store, best["keys"]))] if best is not first else []
    panels = []
    for target in objective.targets:
        mapping = objective.curve_map(target)
        series = [Series("target", target.r, target.values, target.error, "target")]
        for name, role, found in groups:
            curves = np.array([mapping @ o.mean_histogram() for o in found])
            error = curves.std(0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
            series.append(Series(name, target.r, curves.mean(0), error, role))
        panels.append(CurvePanel(target.label, "r (A)", "g(r)", tuple(series)))
    return tuple(panels)


def _structure_panels(scores: Sequence[Record], outcomes: Mapping[str, Sequence[Outcome]]) -> tuple[CurvePanel, ...]:
    """Return a panel for each angle and coordination distribution that the validation runs hold."""
    names: dict[str, None] = {}
    for found in outcomes.values():
        for outcome in found:
            names |= dict.fromkeys(n.removesuffix("|y") for n in outcome.arrays if n.endswith("|y"))
    panels = []
    for name in names:
        series = []
        for score in scores:
            found = [o for o in outcomes[score["name"]] if f"{name}|y" in o.arrays]
            if found:
                x = found[0].arrays[f"{name}|x"]  # the same bins in every run
                curves = np.array([o.arrays[f"{name}|y"] for o in found])
                series.append(Series(score["name"], x, curves.mean(0), None, score["role"]))
        angle = name.startswith("angle")
        x_label, y_label = ("angle (degrees)", "density (1/degree)") if angle else ("neighbours", "fraction of atoms")
        panels.append(CurvePanel(name, x_label, y_label, tuple(series)))
    return tuple(panels)


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


def _provenance(store: Store, plan: Record) -> dict[str, str]:
    result = {"seed": str(plan["seed"]), "began": plan["began"]}
    rows = store.outcomes()
    result["MD runs in the store"] = str(len(rows))
    for row in rows[:1]:
        data = store.get_outcome(row["key"])
        if data:
            result |= {k: v for k, v in Outcome.from_bytes(data).texts["provenance"].items() if k != "finished"}
    settings = store.get_meta("settings", {})
    result |= {f"file {name}": f"sha256 {digest}" for name, digest in settings.get("files", {}).items()}
    return result


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)

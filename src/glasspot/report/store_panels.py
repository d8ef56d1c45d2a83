"""From the store of a fit to the curves that its report draws: targets, what was scored, and what was not fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glasspot.campaign.response import gather
from glasspot.evaluate.job import Outcome
from glasspot.report.data import CurvePanel, FittedNumber, Series
from glasspot.report.status import Record, best_step
from glasspot.store import Store
from glasspot.target.objective import Objective

Outcomes = Mapping[str, Sequence[Outcome]]  # state by state
# What a curve of the structure is called along x and y, by the start of its name.
STRUCTURE_LABELS = {
    "angle": ("angle (degrees)", "density (1/degree)"),
    "coordination": ("neighbours", "fraction of atoms"),
    "S(Q)": ("Q (1/A)", "S(Q)"),
    "rings": ("network formers in the ring", "rings per network former"),
}


def good_outcomes(store: Store, keys: Sequence[str]) -> list[Outcome]:
    """Return the stored outcomes of runs that ended well."""
    found = [store.get_outcome(key) for key in keys]
    return [outcome for outcome in (Outcome.from_bytes(data) for data in found if data) if outcome.ok]


def curve_panels(
    objectives: Sequence[Objective],
    scores: Sequence[Record],
    outcomes: Mapping[str, Outcomes],
    store: Store,
    steps: Sequence[Record],
) -> tuple[CurvePanel, ...]:
    """Return a panel for each target curve, of fitted and held-out states: the target and what was scored.

    Before anything was scored: the first and the best evaluation of the search.
    """
    groups = [(s["name"], s["role"], outcomes[s["name"]]) for s in scores]
    best = best_step(steps)
    if not groups and best is not None and objectives:
        names = [state.name for state in objectives[0].states]
        first = next(s for s in steps if s["cost"] is not None)
        groups = [("start", "start", _by_state(store, first, names))]
        groups += [("best so far", "fitted", _by_state(store, best, names))] if best is not first else []
    panels = []
    fitted = len(objectives[0].states) if objectives else 0
    for n, state in enumerate(state for objective in objectives for state in objective.states):
        for target in state.curves:
            series = [Series("target", target.x, target.values, target.error, "target")]
            for name, role, of_state in groups:
                found = of_state.get(state.name, ())
                if found:
                    curves = np.array([state.curve_of(target, o.mean_histogram()) for o in found])
                    error = curves.std(0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
                    series.append(Series(name, target.x, curves.mean(0), error, role))
            panels.append(CurvePanel(target.label, target.x_label, target.y_label, tuple(series), n >= fitted))
    return tuple(panels)


def fitted_numbers(
    objectives: Sequence[Objective], scores: Sequence[Record], outcomes: Mapping[str, Outcomes]
) -> tuple[FittedNumber, ...]:
    """Return each target that is a number, of fitted and held-out states, with its value in all that was scored."""
    rows = []
    for held_out, objective in enumerate(objectives):
        for s, state in enumerate(objective.states):
            for k, target in enumerate(state.numbers, start=-len(state.numbers)):
                values = {}
                for score in scores:
                    runs = [gather([o], objective, s).mean_curves()[k] for o in outcomes[score["name"]][state.name]]
                    found = np.array(runs) / objective.scale_of(target)
                    if len(found):
                        error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
                        values[score["name"]] = (float(found.mean()), float(error))
                error = np.nan if target.error is None else float(target.error[0])
                unit = "GPa" if target.quantity == "pressure" else ""
                rows.append(FittedNumber(target.label, unit, float(target.values[0]), error, values, bool(held_out)))
    return tuple(rows)


def _by_state(store: Store, step: Record, names: Sequence[str]) -> Outcomes:
    """Return the outcomes of an evaluation, whose keys stand state by state with as many replicas each."""
    each = len(step["keys"]) // len(names)
    return {name: good_outcomes(store, step["keys"][i * each : (i + 1) * each]) for i, name in enumerate(names)}


def structure_panels(scores: Sequence[Record], outcomes: Mapping[str, Outcomes]) -> tuple[CurvePanel, ...]:
    """Return a panel for each curve of the structure that the validation runs hold."""
    names: dict[tuple[str, str], None] = {}
    for states in outcomes.values():
        for state, found in states.items():
            for outcome in found:
                names |= dict.fromkeys((state, n.removesuffix("|y")) for n in outcome.arrays if n.endswith("|y"))
    panels = []
    for state, name in names:
        series = []
        for score in scores:
            found = [o for o in outcomes[score["name"]].get(state, ()) if f"{name}|y" in o.arrays]
            if found:
                x = found[0].arrays[f"{name}|x"]  # the same bins in every run
                curves = np.array([o.arrays[f"{name}|y"] for o in found])
                series.append(Series(score["name"], x, curves.mean(0), None, score["role"]))
        x_label, y_label = next(labels for start, labels in STRUCTURE_LABELS.items() if name.startswith(start))
        panels.append(CurvePanel(name + (f", {state}" if state else ""), x_label, y_label, tuple(series)))
    return tuple(panels)

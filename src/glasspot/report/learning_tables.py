"""Tables of a fit that learns: every glass against experiment, the moves of windows, the front, the model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glasspot.report.glass_panels import SIGNS, at_aim, simulated
from glasspot.report.learning_data import Front, GlassSet, Learned, LeftOut, Model, Quantity, Span
from glasspot.report.learning_model_panels import MODELS
from glasspot.report.learning_panels import level_name
from glasspot.report.table import Table
from glasspot.report.words import measured, number, percent, unit

NINETY = 0.90  # the intervals whose coverage is told of every model


def learning_tables(found: Learned) -> list[Table]:
    """Return every table that there is something in, in the order of reading."""
    made = [*against_experiment(found), windows(found), moves(found)]
    if found.front is not None:
        made.append(front(found, found.front))
    if found.model is not None:
        made += [surrogates(found, found.model), left_out(found, found.model.left_out)]
    return [table for table in made if table.rows]


def against_experiment(found: Learned) -> list[Table]:
    """Return every glass against experiment: as simulated, and where the fit is judged elsewhere there as well."""
    if not (found.extrapolated and found.at_aim):
        return [experiment(found, found.sets, "Against experiment", simulated(found, SIGNS))]
    return [
        experiment(found, found.sets, "As simulated", simulated(found, SIGNS)),
        experiment(found, found.at_aim, f"Extrapolated to {found.aim.words}", at_aim(found, SIGNS)),
    ]


def experiment(found: Learned, sets: Sequence[GlassSet], title: str, caption: str) -> Table:
    """Return each glass and quantity: the target, and its value in every set; below, the RMSE of each quantity."""
    rows = []
    for k in found.numbers:
        quantity = found.quantities[k]
        for g, glass in enumerate(found.glasses):
            if np.isfinite(found.target[g, k]):
                told = measured(found.target[g, k], found.target_error[g, k])
                values = (_value(one.mean[g, k], one.sd[g, k]) for one in sets)
                rows.append((_name(quantity, glass, found.held_out[g]), told, *values))
    for k, quantity in enumerate(found.quantities):
        if any(one.rmse is not None for one in sets):
            rows.append((f"RMSE of {_with_unit(quantity.name, quantity.shown)}", "–",
                         *(_rmse(one, k, quantity) for one in sets)))  # fmt: skip
    if any(math.isfinite(one.cost) for one in sets):
        rows.append(("R_chi", "–", *(percent(one.cost, one.cost_sd) for one in sets)))
    names = tuple(
        one.name if one.runs == 1 or one.role in (one.name, "published") else f"{one.name} ({one.role})" for one in sets
    )
    more = " RMSE: over the fitted glasses." if rows else ""
    return Table("experiment", title, caption + more, ("quantity, glass", "experiment", *names), tuple(rows))


def _name(quantity: Quantity, glass: str, held_out: bool) -> str:
    name = _with_unit(quantity.name, quantity.unit)
    return (f"{name}, {glass}" if glass else name) + (" (held out)" if held_out else "")


def _with_unit(name: str, of: str) -> str:
    return f"{name} ({unit(of)})" if of else name


def _value(mean: float, sd: float) -> str:
    """Return a value with its scatter, or with four digits where none is known."""
    if not math.isfinite(mean):
        return "–"
    return measured(mean, sd) if math.isfinite(sd) and sd > 0 else f"{mean:.4g}"


def _rmse(one: GlassSet, k: int, quantity: Quantity) -> str:
    if one.rmse is None:
        return "–"
    sd = math.nan if one.rmse_sd is None else one.rmse_sd[k] * quantity.factor
    return _value(one.rmse[k] * quantity.factor, sd)


def windows(found: Learned) -> Table:
    """Return where each parameter was looked for at first and in the end, and how far its window may go."""
    rows = tuple(
        (
            _with_unit(span.name, "" if span.unit == "%" else span.unit),
            _ends(span.windows[0], span),
            _ends(span.windows[-1], span),
            _ends(span.limits, span),
        )
        for span in found.spans
        if found.rounds
    )
    caption = "In percent of the start where nothing else is said. The limits hold what a fit may never leave."
    columns = ("parameter", "first window", "last window", "limits")
    return Table("windows", "Windows", caption, columns, rows)


def _ends(ends: Sequence[float] | np.ndarray, span: Span) -> str:
    low, high = (_place(end, span) for end in ends)
    return f"{low} to {high}"


def _place(value: float, span: Span) -> str:
    text = f"{value:+.1f} %" if span.unit == "%" else number(value)
    return text.replace("-", "−")


def moves(found: Learned) -> Table:
    """Return every move of a window, and every one that was refused, with its reason."""
    spans = {span.name: span for span in found.spans}
    rows = tuple(
        (
            str(move.round),
            f"{move.name}, {move.side} side",
            f"from {_place(move.before, spans[move.name])} to {_place(move.after, spans[move.name])}"
            if move.moved
            else f"stays at {_place(move.before, spans[move.name])}",
            move.reason,
        )
        for move in found.moves
    )
    caption = "A window is widened only where more of the selected sets crowd at a bound than chance explains."
    columns = ("after round", "window", "move", "reason")
    return Table("windows", "Moves of the windows", caption, columns, rows, words=("reason",))


def front(found: Learned, of: Front) -> Table:
    """Return the sets of the front: their errors, their R_chi, how far they were run, and their parameters."""
    names = {i: name for name, i in of.named.items()}
    shown = [k for k, _ in enumerate(found.quantities) if np.isfinite(of.rmse[:, k]).any()]
    several = len(found.levels) > 1
    rows = []
    for n, (i, values) in enumerate(zip(of.best, of.values, strict=True), start=1):
        ran = "validated" if i in names else level_name(found, int(of.level[i]))
        rows.append((
            f"pareto-{n}" + (f" ({names[i]})" if i in names else ""),
            *(_value(*(found.quantities[k].factor * t[i, k] for t in (of.rmse, of.sd))) for k in shown),
            f"{100 * of.cost[i]:.3g} %",
            *([ran] if several else []),
            *(number(value) for value in values.values()),
        ))  # fmt: skip
    columns = (
        "set", *(f"RMSE of {_with_unit(found.quantities[k].name, found.quantities[k].shown)}" for k in shown), "R_chi",
        *(["run at"] if several else []), *(of.values[0] if of.values else ()),
    )  # fmt: skip
    where = f"at {found.aim.words}, " if found.aim.words else ""
    caption = (
        f"Errors {where}by the model of all runs; ± is one standard deviation. Beside this page, the folder potentials "
        "holds each of these sets as a potential file of glasspot: validate it before use."
    )
    best = int(np.argmin(of.cost[list(of.best)])) if of.best else None
    return Table("pareto", "Sets on the front", caption, columns, tuple(rows), fitted=best)


def surrogates(found: Learned, model: Model) -> Table:
    """Return how well each surrogate foretells parameter sets that it was not taught; the best is marked."""
    shown = range(len(model.scores[0].rmse)) if model.scores else range(0)
    quantities = [found.quantities[k] for k in shown]
    best = [min(float(one.rmse[k]) for one in model.scores) for k in shown]
    ninety = next((n for n, level in enumerate(model.levels) if abs(level - NINETY) < 1e-9), None)
    rows = []
    for one in model.scores:
        told = [f"{one.rmse[k]:.3g}" + (" (best)" if one.rmse[k] == best[k] else "") for k in shown]
        inside = [] if ninety is None else [f"{100 * one.coverage[ninety, k]:.0f} %" for k in shown]
        rows.append((MODELS.get(one.name, one.name), *told, *(f"{one.z_sd[k]:.2f}" for k in shown), *inside))
    columns = (
        "model", *(f"RMSE of {_with_unit(q.name, q.unit)}" for q in quantities),
        *(f"errors over said, {q.name}" for q in quantities),
        *(f"inside 90 %, {q.name}" for q in quantities if ninety is not None),
    )  # fmt: skip
    caption = (
        "Each model taught by the runs of this fit without a fifth of the parameter sets, and asked for those: RMSE "
        "over all glasses. Errors over said: standard deviation of the errors in units of those that the model said; 1 "
        "is right, more is too sure. Inside 90 %: values within the intervals that should hold 90 % of them. The row "
        "that stands out is the model behind all figures here."
    )
    asked = next((n for n, one in enumerate(model.scores) if one.name == model.asked), None)
    return Table("model", "Models compared", caption, columns, tuple(rows), fitted=asked)


def _known(values: np.ndarray | None, k: int) -> str:
    """Return a value in words, where there is one: a glass need not have every quantity."""
    return "–" if values is None or np.isnan(values[k]) else f"{values[k]:.3g}"


def left_out(found: Learned, rows: Sequence[LeftOut]) -> Table:
    """Return for each glass what a fit without it would have done to it."""
    unseen = any(row.unseen is not None for row in rows)
    quantities = [
        q for k, q in enumerate(found.quantities) if any(r.unseen is not None and k < len(r.unseen) for r in rows)
    ]
    order = {name: n for n, name in enumerate(found.glasses)}
    told = tuple(
        (
            row.glass, percent(row.fitted), percent(row.without), percent(row.own), "yes" if row.same else "no",
            *((_known(row.unseen, k) for k, _ in enumerate(quantities)) if unseen else ()),
        )
        for row in sorted(rows, key=lambda row: order.get(row.glass, 0))
    )  # fmt: skip
    caption = (
        "R_chi of each glass, by the model, for the set chosen with all glasses, for the one chosen without it, and "
        "for the best for it alone: where the first two are near, the fit carries over to glasses it has not seen."
    )
    if unseen:
        caption += " Last columns: RMSE of a model that was taught nothing of this glass."
    columns = (
        "glass", "with it", "without it", "for it alone", "same choice without it",
        *(f"unseen: RMSE of {_with_unit(q.name, q.unit)}" for q in quantities),
    )  # fmt: skip
    return Table("model", "Without one glass", caption, columns, told if len(told) > 1 else ())

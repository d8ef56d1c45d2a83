"""From the values of a report to its figures: what is drawn, in what order and with what words; nothing here draws.

The figures are those a modeller asks for: the course of R_chi, g(r) of every target, U(r) of every pair, the path of
the parameters, and the structure that was not fitted (angles, coordination).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from glasspot.report.data import CurvePanel, FitReport, Score, Series, Step
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace, curve_styles, percent_ticks, whole_ticks
from glasspot.report.glass_panels import experiment_figures
from glasspot.report.glass_structure import structure_figures
from glasspot.report.learning_map import MapFigure, map_figures
from glasspot.report.learning_model_panels import model_figures
from glasspot.report.learning_panels import LEVELS, learning_figures, level_name
from glasspot.report.potential_panels import energy_figures
from glasspot.report.uncertainty_panels import uncertainty_figures
from glasspot.report.words import METHODS, duration, listed, number, percent, unit

DRAWN = ("target", "start", "published", "fitted")  # roles, the last on top
FAILED = Style("muted", marker="cross")
FLOOR = Style("muted", width=1.5, dash="dot")
# Each method has a marker and a colour of its own; one alone is drawn as the first.
TRIALS = {
    "gauss-newton": Style("muted", marker="circle"),
    "bayes": Style("#56B4E9", marker="square"),
    "cma-es": Style("#009E73", marker="triangle"),
    "conjugate-gradient": Style("#E69F00", marker="triangle-down"),
    "sobol": Style("#CC79A7", marker="plus"),
    "active-learning": Style("#0072B2", marker="square"),
    "multi-objective": Style("#0072B2", marker="triangle"),
}
MANY = 60  # points of a figure from which on they are drawn small and without bars
SMALL = 4.5  # pixels
BEST = Style("#D55E00", width=2.0)


def figures(report: FitReport) -> tuple[Figure, ...]:
    """Return every figure that the report has data for, in the order of reading."""
    styles = report_styles(report)
    found: list[Figure] = []
    if report.steps:
        found.append(convergence(report, styles))
    if report.learned is not None:
        found += experiment_figures(report.learned, styles)
        found += learning_figures(report.learned, styles)
        found += [] if report.learned.model is None else model_figures(report.learned, report.learned.model)
    found += [curve_figure(panel, "curves", f"curve-{n}", report, styles) for n, panel in enumerate(report.panels, 1)]
    found += energy_figures(report, styles)
    if report.steps and report.parameters and report.learned is None:
        found.append(parameter_path(report))
    found += uncertainty_figures(report)
    found += [
        structure_figure(panel, f"structure-{n}", report, styles) for n, panel in enumerate(report.structure_panels, 1)
    ]
    found += [] if report.learned is None else structure_figures(report.learned, styles)
    return _unique_names(found)


def report_maps(report: FitReport) -> tuple[MapFigure, ...]:
    """Return the error maps of a fit that learns; () for others, and before there is one."""
    return () if report.learned is None else tuple(map_figures(report.learned, report_styles(report)))


def report_styles(report: FitReport) -> Mapping[str, Style]:
    """Return the style of each curve's name, the same in every figure, in the order of drawing: fitted on top."""
    roles = [(score.name, score.role) for score in report.scores]
    roles += [(one.name, one.role) for one in (report.learned.sets if report.learned is not None else ())]
    roles += [(s.name, s.role) for panel in (*report.panels, *report.structure_panels) for s in panel.series]
    known = {name for name, _ in roles}
    unknown = [name for name in report.potentials if name not in known]
    roles += [(name, name if name in ("start", "fitted") else "published") for name in unknown]
    return curve_styles(sorted(roles, key=lambda item: DRAWN.index(item[1]) if item[1] in DRAWN else 0))


def convergence(report: FitReport, styles: Mapping[str, Style]) -> Figure:
    """Return R_chi against MD runs: trials, best so far, failed runs, noise floor and validated levels."""
    steps = report.steps
    good = [step for step in steps if math.isfinite(step.cost) and step.cost > 0]
    last = max(step.md_runs for step in steps)
    levels = _levels(report, styles)
    known = [100 * step.cost for step in good] + [level for _, level, _ in levels]
    low, high = (min(known) / 1.25, min(max(known), _worst(known[0], levels)) * 1.35) if known else (1.0, 100.0)
    ends = np.array(_run_limits(last))
    traces = [
        Trace(label, ends, np.full(2, level), style, notes=(f"{label}: {level:.3g} %",) * 2)
        for label, level, style in levels
    ]
    traces += _trials(good, last, high, report)
    failed = [step for step in steps if step not in good]
    if failed:
        runs = np.array([step.md_runs for step in failed], dtype=float)
        notes = tuple(f"MD run {step.md_runs} failed: {step.note or 'no reason was stored'}" for step in failed)
        top = np.full(len(runs), high / 1.08)
        traces.append(Trace("failed run", runs, top, FAILED, "points", notes=notes))
    traces += _validated_point(report, last)
    y = Axis("R_chi (%)", log=True, limits=(low, high), ticks=percent_ticks(low, high))
    x = Axis("MD runs", limits=_run_limits(last), ticks=whole_ticks(1, last))
    bars = " (bars: standard error)" if len(good) <= MANY else ""
    caption = f"R_chi of each evaluation of the fit by {_methods(steps)}{bars} and the best so far."
    caption += " Failed runs stand at the top edge." if failed else ""
    caption += f" So do evaluations above {high:.3g} %." if known and max(known) > high else ""
    if any(style is not FLOOR for _, _, style in levels):
        caption += " The levels of other potentials are those of independent validation runs."
    if any(style is FLOOR for _, _, style in levels):
        caption += " The noise floor is the score of a perfect model with runs of this length."
    return Figure("convergence", "convergence", "R_chi against MD runs", caption, x, (Pane(y, tuple(traces)),))


def _run_limits(last: int) -> tuple[float, float]:
    """Return the limits of an axis of MD runs, with room for the points at both ends."""
    room = max(0.5, 0.02 * last)
    return 1.0 - room, last + room


def _levels(report: FitReport, styles: Mapping[str, Style]) -> list[tuple[str, float, Style]]:
    """Return (label, percent, style) of the horizontal lines: noise floor, start and published sets."""
    levels = [
        (score.name, 100 * score.cost, styles[score.name])
        for score in report.scores
        if score.role != "fitted" and math.isfinite(score.cost) and score.cost > 0
    ]
    if math.isfinite(report.noise_floor) and report.noise_floor > 0:
        levels.append(("noise floor", 100 * report.noise_floor, FLOOR))
    return levels


def _worst(start: float, levels: Sequence[tuple[str, float, Style]]) -> float:
    """Return R_chi (%) up to which evaluations are drawn in their place: what is far worse would squeeze the rest."""
    return 10 * max([start, *(level for _, level, _ in levels)])


def _trials(good: list[Step], last: int, high: float, report: FitReport) -> list[Trace]:
    """Return the trial points, none above ``high`` (%), and the best-so-far step line, on to the last MD run."""
    if not good:
        return []
    top = [step for step in good if step.level == max(other.level for other in good)]
    runs = np.array([step.md_runs for step in top], dtype=float)
    best = np.minimum.accumulate([100 * step.cost for step in top])
    name = "best so far" if len(top) == len(good) else "best so far, last level"
    line = Trace(name, np.append(runs, last), np.append(best, best[-1]), BEST, "step")
    many = len(good) > MANY
    traces = []
    for label, style, steps in _kinds(good, report):
        traces.append(
            Trace(
                label,
                np.array([step.md_runs for step in steps], dtype=float),
                np.minimum(100 * np.array([step.cost for step in steps]), high / 1.08),
                replace(style, size=SMALL) if many else style,
                "points",
                error=None if many else 100 * np.array([step.cost_error for step in steps]),
                notes=tuple(_step_note(step) for step in steps),
            )
        )
    return [line, *traces]


def _kinds(good: Sequence[Step], report: FitReport) -> list[tuple[str, Style, list[Step]]]:
    """Return the evaluations that are drawn alike, with their label and style: by level where there are several."""
    levels = sorted({step.level for step in good})
    if report.learned is not None and len(levels) > 1:
        return [
            (level_name(report.learned, n), LEVELS[n % len(LEVELS)], [step for step in good if step.level == n])
            for n in levels
        ]
    methods = list(dict.fromkeys(step.method for step in good))
    if len(methods) == 1:
        return [("MD run", TRIALS["gauss-newton"], list(good))]
    return [(METHODS[name], TRIALS[name], [step for step in good if step.method == name]) for name in methods]


def _methods(steps: Sequence[Step]) -> str:
    """Return the methods that were used, one after the other, in words."""
    return listed([METHODS[name] for name in dict.fromkeys(step.method for step in steps)])


def _step_note(step: Step) -> str:
    """Return what a step did, for the reader who points at it."""
    parts = [f"MD run {step.md_runs}: R_chi {percent(step.cost, step.cost_error)}"]
    if math.isfinite(step.predicted):
        parts.append(f"predicted {percent(step.predicted)}")
    if step.method == "gauss-newton":
        parts.append("accepted" if step.accepted else "rejected")
    parts.append(f"after {duration(step.seconds)}")
    return "; ".join([*parts, step.note] if step.note else parts)


def _validated_point(report: FitReport, last: int) -> list[Trace]:
    """Return the validated R_chi of each fitted potential, at the last MD run."""
    return [
        Trace(
            f"{score.name}, validated",
            np.array([float(last)]),
            np.array([100 * score.cost]),
            Style("#D55E00", marker="diamond"),
            "points",
            error=np.array([100 * score.error]),
            notes=(f"{score.name} on {score.runs} validation runs: {percent(score.cost, score.error)}",),
        )
        for score in report.scores
        if score.role == "fitted" and math.isfinite(score.cost)
    ]


def curve_figure(panel: CurvePanel, section: str, name: str, report: FitReport, styles: Mapping[str, Style]) -> Figure:
    """Return the curves of one target over their shared x, with the difference from the target in a strip below."""
    series = sorted(panel.series, key=lambda s: list(styles).index(s.name))
    traces = tuple(_curve(s, styles[s.name]) for s in series)
    panes = [Pane(Axis(panel.y_label), traces, share=3.0)]
    difference = _difference(panel, styles)
    if difference:
        panes.append(Pane(Axis(f"Δ {panel.y_label}"), difference))
    scored = [score for score in report.scores if panel.title in score.per_curve]
    costs = "; ".join(f"{score.name} {percent(score.per_curve[panel.title])}" for score in scored)
    caption = "Held out: no part of the cost. " if panel.held_out else ""
    caption += f"R_chi of this curve alone: {costs}." if costs else ""
    if difference:
        band = " (bands: one standard error)" if any(series.error is not None for series in panel.series) else ""
        caption += f" Below: the difference from the target{band}."
    x = Axis(panel.x_label, limits=_x_limits(panel))
    title = panel.title if panel.y_label in panel.title else f"{panel.y_label} {panel.title}"
    return Figure(name, section, title, caption.strip(), x, tuple(panes), compare=True)


def _curve(series: Series, style: Style) -> Trace:
    """Return a series as a trace in the style of its name."""
    return Trace(series.name, series.x, series.y, style, error=series.error)


def _target(panel: CurvePanel) -> Series | None:
    """Return the target of a panel, or None."""
    return next((series for series in panel.series if series.role == "target"), None)


def _difference(panel: CurvePanel, styles: Mapping[str, Style]) -> tuple[Trace, ...]:
    """Return fitted and start minus target, on the target's x where both are known; () without a target."""
    target = _target(panel)
    others = [series for series in panel.series if series.role in ("start", "fitted")]
    if target is None or not others:
        return ()
    zero = np.zeros_like(target.y)
    traces = [Trace(target.name, target.x, zero, Style("ink", width=1.0), error=target.error, in_legend=False)]
    for series in others:
        inside = (target.x >= series.x[0]) & (target.x <= series.x[-1])
        x = target.x[inside]
        gap = np.interp(x, series.x, series.y) - target.y[inside]
        error = None if series.error is None else np.interp(x, series.x, series.error)
        traces.append(Trace(series.name, x, gap, styles[series.name], error=error, in_legend=False))
    return tuple(traces)


def _x_limits(panel: CurvePanel) -> tuple[float, float]:
    """Return the x range of the target, or of all curves where there is none."""
    target = _target(panel)
    shown = [target] if target is not None else list(panel.series)
    return float(min(s.x[0] for s in shown)), float(max(s.x[-1] for s in shown))


def structure_figure(panel: CurvePanel, name: str, report: FitReport, styles: Mapping[str, Style]) -> Figure:
    """Return a structure panel: lines, or bars side by side where x counts neighbours. At most a mean was fitted."""
    bars = all(len(s.x) <= 16 and np.array_equal(s.x, np.round(s.x)) for s in panel.series)
    kind = "bars" if bars else "line"
    series = sorted(panel.series, key=lambda s: list(styles).index(s.name))
    traces = tuple(Trace(s.name, s.x, s.y, styles[s.name], kind, error=s.error) for s in series)
    low = float(min(s.x[0] for s in panel.series))
    high = float(max(s.x[-1] for s in panel.series))
    x = Axis(panel.x_label, limits=(low, high))
    if bars:
        shown = [value for s in panel.series for value in s.x[s.y > 0.002 * np.nanmax(s.y)]] or [low, high]
        low, high = float(min(shown)), float(max(shown))
        x = Axis(panel.x_label, limits=(low - 0.6, high + 0.6), ticks=whole_ticks(low, high, most=12))
    caption = ", ".join(_observed(score, panel.title) for score in report.scores if panel.title in score.observables)
    caption = f"Mean: {caption}." if caption else ""
    if _counted(panel.title) in {_counted(n.label) for n in report.numbers if not n.held_out}:
        caption += " This mean was fitted."
    pane = Pane(Axis(panel.y_label), traces)
    return Figure(name, "structure", panel.title, caption, x, (pane,), compare=not bars)


def _counted(label: str) -> tuple[str, ...]:
    """Return what tells numbers of neighbours apart: those of Si-O and O-Si bonds are one."""
    name, *state = label.split(", ", 1)
    return (*sorted(name.removeprefix("coordination ").split("-")), *state)


def _observed(score: Score, title: str) -> str:
    """Return a score's own number for the quantity that a panel shows."""
    return f"{score.name} {score.observables[title]:#.4g}"


def parameter_path(report: FitReport) -> Figure:
    """Return each parameter's accepted values, scaled within its window (0 and 1 are its edges), against MD runs."""
    steps = [step for step in report.steps if step.accepted] or list(report.steps)
    runs = np.array([step.md_runs for step in steps], dtype=float)
    few = len(steps) <= MANY
    colours = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "ink")
    traces = []
    for n, parameter in enumerate(report.parameters):
        values = np.array([step.values.get(parameter.name, math.nan) for step in steps])
        style = Style(colours[n % len(colours)], 1.6, ("solid", "dash", "dot")[n % 3], "circle" if few else "")
        notes = tuple(
            f"{parameter.name} = {number(value)} {unit(parameter.unit)}, MD run {run:.0f}"
            for run, value in zip(runs, values, strict=True)
        )
        given = np.array([step.places.get(parameter.name, math.nan) for step in steps])
        places = np.where(np.isfinite(given), given, _within(values, *parameter.window))
        traces.append(Trace(parameter.name, runs, places, style, notes=notes))
    last = max(step.md_runs for step in report.steps)
    x = Axis("MD runs", limits=_run_limits(last), ticks=whole_ticks(1, last))
    reached = np.concatenate([trace.y[np.isfinite(trace.y)] for trace in traces])
    limits = (min(-0.04, float(reached.min(initial=0.0)) - 0.04), max(1.04, float(reached.max(initial=1.0)) + 0.04))
    y = Axis("place within the window", limits=limits, ticks=(0.0, 0.25, 0.5, 0.75, 1.0))
    caption = (
        f"The points at which the search ({_methods(report.steps)}) stood; 0 and 1 are the lower and upper edge of the "
        "window that each parameter may move in, on the scale of the fit (logarithmic for A, rho and other lengths and "
        "strengths)."
    )
    return Figure("parameters", "parameters", "Path of the parameters", caption, x, (Pane(y, tuple(traces)),))


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the place of ``values`` in their window: 0 at ``low``, 1 at ``high``."""
    if not high > low:
        return np.full(len(values), 0.5)
    if low > 0 and high > 3 * low:
        return np.asarray(np.log(np.maximum(values, 1e-300) / low) / math.log(high / low))
    return np.asarray((values - low) / (high - low))


def _unique_names(found: list[Figure]) -> tuple[Figure, ...]:
    """Return the figures with file names made from their titles, a number added where two would be the same."""
    named: dict[str, Figure] = {}
    for figure in found:
        stem = re.sub(r"[^a-z0-9]+", "-", f"{figure.section} {figure.title}".lower()).strip("-")[:60] or figure.name
        name = stem if stem not in named else f"{stem}-{len(named)}"
        named[name] = replace(figure, name=name)
    return tuple(named.values())

"""Figures of a search that learns: its course by quantity, its windows, and the front of the best compromises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace, percent_ticks, whole_ticks
from glasspot.report.glass_panels import point_styles
from glasspot.report.learning_data import Front, Learned, Quantity, Round, Span, WindowMove
from glasspot.report.words import listed, number, unit
from glasspot.search.pareto import front

SUM = Style("ink", 2.4)
QUANTITIES = (BLUE, VERMILION, OTHERS[0], OTHERS[2], OTHERS[1], OTHERS[3])
DASHES = ("dash", "dashdot", "dot")
EVERY = Style("muted", marker="circle", size=4)
LEVELS = (
    Style("muted", marker="circle", size=6), Style(OTHERS[3], marker="square", size=7),
    Style(OTHERS[0], marker="triangle", size=8), Style(OTHERS[2], marker="triangle-down", size=8),
)  # fmt: skip
MANY = 60  # points from which on only those that matter have error bars
COMPARED = 3  # quantities of which pairs are drawn as fronts
ABOVE = 4.0  # times the worst best: what is far above would squeeze the rest


def learning_figures(found: Learned, styles: Mapping[str, Style]) -> list[Figure]:
    """Return the figures of the search, of its windows and of the front, where there is anything to draw."""
    figures = []
    if any(math.isfinite(trial.cost) for one in found.rounds for trial in one.trials):
        figures.append(search(found))
        figures += [windows(span, found, axis) for axis, span in enumerate(found.spans)]
    if found.front is not None:
        chosen = [k for k, _ in enumerate(found.quantities) if np.isfinite(found.front.rmse[:, k]).any()][:COMPARED]
        figures += [compromises(found, found.front, pair, styles) for pair in combinations(chosen, 2)]
    return figures


def level_name(found: Learned, level: int) -> str:
    """Return what a level is called in a legend."""
    words = found.levels[level].words if 0 <= level < len(found.levels) else ""
    return words or f"level {level + 1}"


def search(found: Learned) -> Figure:
    """Return the RMSE of each quantity, and their sum, of the best set so far, level by level, over the rounds."""
    levels = sorted({t.level for one in found.rounds for t in one.trials if math.isfinite(t.cost)})
    panes = [_course(found, level, first=n == 0, several=len(levels) > 1) for n, level in enumerate(levels)]
    last = found.rounds[-1].number
    ways = [f"level {level + 1}: {words}" for level in levels if (words := found.levels[level].words)]
    caption = (
        "Root mean square deviation over the glasses, in parts of the scale of each quantity, of the set with the "
        "lowest R_chi so far. Dots: the sum for every set that was run. Round 0 is the start set."
    )
    caption += f" Levels do not compare ({listed(ways)})." if len(ways) > 1 else ""
    x = Axis("round", limits=(-0.5, last + 0.5), ticks=whole_ticks(0, last))
    return Figure("search", "search", "Best set so far, by quantity", caption, x, tuple(panes), even=True)


def _course(found: Learned, level: int, first: bool, several: bool) -> Pane:
    dots, best = _courses(found.rounds, level, len(found.quantities))
    sums = np.nansum(best[:, 1:], axis=1)  # nan: of a quantity that only held-out glasses have
    traces = [Trace("every set", dots[:, 0], dots[:, 1], EVERY, "points", in_legend=first)]
    x = np.append(best[:, 0], found.rounds[-1].number + 0.5)
    shown = [k for k in range(len(found.quantities)) if np.isfinite(best[:, 1 + k]).any()]
    for k in shown:
        style = Style(QUANTITIES[k % len(QUANTITIES)], 1.8, DASHES[k % len(DASHES)])
        y = np.append(best[:, 1 + k], best[-1, 1 + k])
        traces.append(Trace(found.quantities[k].name, x, y, style, "step", in_legend=first))
    if len(shown) > 1:
        traces.append(Trace("sum", x, np.append(sums, sums[-1]), SUM, "step", in_legend=first))
    known = best[:, 1:][best[:, 1:] > 0]
    low, high = float(known.min(initial=1.0)) / 1.3, min(float(dots[:, 1].max()), ABOVE * float(sums[0])) * 1.2
    label = f"RMSE, level {level + 1}" if several else "RMSE / scale"
    return Pane(Axis(label, log=True, limits=(low, high), ticks=percent_ticks(low, high)), tuple(traces))


def _courses(rounds: Sequence[Round], level: int, quantities: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (round, sum) of every set of a level, and (round, RMSE of each quantity) of the best set after each."""
    dots, best, lowest = [], [], math.inf
    shown = np.full(quantities, np.nan)
    for one in rounds:
        good = [t for t in one.trials if t.level == level and math.isfinite(t.cost)]
        dots += [(one.number, float(np.nansum(t.rmse))) for t in good]
        for t in good:
            if t.cost < lowest:
                lowest, shown = t.cost, t.rmse
        if math.isfinite(lowest):
            best.append((one.number, *shown))
    return np.array(dots, dtype=float), np.array(best, dtype=float)


def windows(span: Span, found: Learned, axis: int) -> Figure:
    """Return where the sets of each round lay along one parameter, its window, and the moves of the window."""
    rounds = np.array([one.number for one in found.rounds], dtype=float)
    edges = np.column_stack([rounds - 0.5, rounds + 0.5]).ravel()
    low, high = (np.repeat(span.windows[: len(rounds), end], 2) for end in (0, 1))
    line = Style(OTHERS[3], 1.6)
    traces = [
        Trace("window", edges, low, line),
        Trace("window", edges, high, line, in_legend=False),
        Trace("window", edges, (low + high) / 2, Style(OTHERS[3], 0), error=(high - low) / 2, in_legend=False),
        *_selected(found, axis, span),
        *_moves([move for move in found.moves if move.name == span.name]),
    ]
    reached = np.concatenate([trace.y for trace in traces])
    room = 0.06 * (np.nanmax(reached) - np.nanmin(reached))
    x = Axis("round", limits=(-0.6, rounds[-1] + 0.6), ticks=whole_ticks(0, rounds[-1]))
    label = "change from the start (%)" if span.unit == "%" else f"value ({unit(span.unit)})"
    y = Axis(label, limits=(float(np.nanmin(reached) - room), float(np.nanmax(reached) + room)))
    caption = "The sets of each round; the band is the window in which the search looked. Round 0 is the start set."
    if span.at_start:
        caption += " The value is that at the rho of the start: on the scale of the fit A moves with its rho."
    return Figure(f"window-{span.name}", "windows", span.name, caption, x, (Pane(y, tuple(traces)),))


def _selected(found: Learned, axis: int, span: Span) -> list[Trace]:
    """Return the sets of every round as points; those whose MD failed are crosses."""
    looks = {True: ("set", Style(BLUE, marker="circle", size=5)), False: ("MD failed", Style("muted", marker="cross"))}
    traces = []
    for good, (label, style) in looks.items():
        chosen = [(one.number, t) for one in found.rounds for t in one.trials if math.isfinite(t.cost) == good]
        if chosen:
            notes = tuple(f"round {n}: {span.name} = {number(t.values[span.name])}; {t.note}" for n, t in chosen)
            at = np.array([n for n, _ in chosen], dtype=float)
            traces.append(Trace(label, at, np.array([t.shifts[axis] for _, t in chosen]), style, "points", notes=notes))
    return traces


def _moves(moves: Sequence[WindowMove]) -> list[Trace]:
    """Return the moves of one window, up and down, and those that were refused."""
    looks = (
        ("widened", Style(VERMILION, marker="diamond", size=10), [m for m in moves if m.moved]),
        ("not widened", Style(VERMILION, marker="cross", size=9), [m for m in moves if not m.moved]),
    )
    return [
        Trace(label, np.array([m.round + 0.5 for m in chosen]), np.array([m.after for m in chosen]), style, "points",
              notes=tuple(f"after round {m.round}: {m.reason}" for m in chosen))
        for label, style, chosen in looks if chosen
    ]  # fmt: skip


def compromises(found: Learned, of: Front, pair: tuple[int, int], styles: Mapping[str, Style]) -> Figure:
    """Return the sets by their errors in two quantities, with the front, the start, the fit and published sets."""
    quantities = [found.quantities[k] for k in pair]
    factor = np.array([q.factor for q in quantities])
    x, y = (of.rmse[:, pair] * factor).T
    dx, dy = (of.sd[:, pair] * factor).T
    notes = _notes(found, of, pair, quantities)
    bars = len(x) <= MANY
    traces = []
    for level in sorted(set(of.level.tolist())):
        at = np.flatnonzero((of.level == level) & ~np.isin(np.arange(len(x)), list(of.named.values())))
        if not len(at):
            continue
        style = LEVELS[max(level, 0) % len(LEVELS)]
        errors = {"error": dy[at], "error_x": dx[at]} if bars else {}
        label = level_name(found, level) if len(found.levels) > 1 else "set"
        traces.append(Trace(label, x[at], y[at], style, "points", notes=tuple(notes[i] for i in at), **errors))
    traces.insert(0, _front_line(x, y))
    for name, style in point_styles(found, styles).items():
        if name not in of.named:
            continue
        at = np.array([of.named[name]])
        traces.append(Trace(name, x[at], y[at], style, "points", error=dy[at], error_x=dx[at], notes=(notes[at[0]],)))
    axes = [_log_axis(q.label, v) for q, v in zip(quantities, (x, y), strict=True)]
    title = f"{quantities[0].name} against {quantities[1].name}"
    return Figure(f"front-{pair[0]}-{pair[1]}", "pareto", title, _told(found), axes[0], (Pane(axes[1], tuple(traces)),))


def _front_line(x: np.ndarray, y: np.ndarray) -> Trace:
    """Return the front of these two as steps: no set lies to the left of and below it."""
    best = front(np.column_stack([x, y]))
    best = best[np.argsort(x[best])]
    return Trace("front", x[best], y[best], Style("ink", 2.2), "step")


def _told(found: Learned) -> str:
    where = f"at {found.aim.words}" if found.aim.words else "where the fit is judged"
    how = " (extrapolated)" if found.extrapolated else ""
    by = " Colours: how far up the levels a set was run." if len(found.levels) > 1 else ""
    return (
        f"Errors of every evaluated set over the glasses, {where}{how}, as the model of all runs sees them; bars are "
        f"one standard deviation. No set is better in both than those on the front.{by}"
    )


def _notes(found: Learned, of: Front, pair: Sequence[int], quantities: Sequence[Quantity]) -> list[str]:
    """Return what the mouse tells of each set."""
    places = {i: n for n, i in enumerate(of.best, start=1)}
    names = {i: name for name, i in of.named.items()}
    made = []
    for i in range(len(of.rmse)):
        what = [names[i]] if i in names else []
        what += [f"set {places[i]} of the front"] if i in places else []
        what += [level_name(found, int(of.level[i]))] if of.level[i] >= 0 and len(found.levels) > 1 else []
        errors = [
            f"{q.name} {of.rmse[i, k] * q.factor:.3g} {unit(q.shown)}".strip()
            for k, q in zip(pair, quantities, strict=True)
        ]
        made.append("; ".join([*what, *errors, f"R_chi {100 * of.cost[i]:.3g} %"]))
    return made


def _log_axis(label: str, values: np.ndarray) -> Axis:
    known = values[np.isfinite(values) & (values > 0)]
    low, high = float(known.min()) / 1.25, float(known.max()) * 1.25
    name, _, rest = label.partition("(")
    return Axis(f"{name}({unit(rest)}" if rest else label, log=True, limits=(low, high), ticks=percent_ticks(low, high))

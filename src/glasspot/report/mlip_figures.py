"""Pictures of how well a machine-learned potential does: by group, by number of frames, by trial, by closest pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.mlip.model import Errors
from glasspot.mlip.testing import Tested
from glasspot.report.figure import BLUE, VERMILION, Axis, Figure, Pane, Style, Trace, value_ticks, whole_ticks
from glasspot.report.mlip_parity import COLOURS, MARKERS, NO_TYPE
from glasspot.report.mlip_record import FitRecord, GroupRow, TrialRow

FloatArray = NDArray[np.float64]
WIDE = 5.0  # largest over smallest from which an axis is logarithmic
NAMES = 24  # ticks with names; more are not read
USES = {"test": "held out", "unseen": "never chosen"}
QUANTITIES = (
    ("energy (meV/atom)", "energy_rmse_meV_per_atom"),
    ("force (eV/A)", "force_rmse_eV_per_A"),
    ("stress (GPa)", "stress_rmse_GPa"),
)
KIND_TITLES = {
    "cluster": "Errors by cluster", "config_type": "Errors by config_type", "temperature": "Errors by temperature",
    "composition": "Errors by composition",
}  # fmt: skip


def groups_figure(kind: str, groups: Sequence[GroupRow]) -> Figure | None:
    """Return bars of the errors of the groups of one kind; None where there are not two to compare."""
    names = list(dict.fromkeys(group.name for group in in_order(groups)))
    if len(names) < 2:
        return None
    places = np.arange(len(names), dtype=float)
    panes: list[Pane] = []
    for axis, quantity in QUANTITIES[:2]:
        traces = []
        for n, use in enumerate(USES):
            of = {g.name: getattr(g.errors, quantity) for g in groups if g.use == use}
            values = np.array([of.get(name, math.nan) for name in names])
            if np.isfinite(values).any():
                style = Style((VERMILION, BLUE)[n])
                traces.append(Trace(USES[use], places, values, style, "bars", in_legend=not panes))
        if traces:
            panes.append(Pane(Axis(axis), tuple(traces)))
    if not panes:
        return None
    step = -(-len(names) // NAMES)
    labels = tuple(name or NO_TYPE for name in names[::step])
    x = Axis(kind if kind == "cluster" else "", ticks=tuple(places[::step].tolist()), names=labels)
    return Figure(f"errors-{kind}", "groups", KIND_TITLES.get(kind, kind), "", x, tuple(panes), even=True)


def in_order(groups: Sequence[GroupRow]) -> list[GroupRow]:
    """Return the uses of each group side by side, and groups with numbers for names by these."""

    def number_of(group: GroupRow) -> float:
        try:
            return float(group.name.removesuffix(" K"))
        except ValueError:
            return math.inf

    names = list(dict.fromkeys(group.name for group in groups))
    return sorted(groups, key=lambda group: (number_of(group), names.index(group.name)))


def learning_figure(record: FitRecord) -> Figure | None:
    """Return the errors against the number of frames: distilled, at random with its spread, and all frames."""
    numbers = sorted({row.frames for row in record.learning})
    if len(numbers) < 2:
        return None
    panes: list[Pane] = []
    for axis, quantity in QUANTITIES:
        traces = _learning_traces(record, quantity, numbers, first=not panes)
        if traces:
            panes.append(Pane(_axis(axis, _heights(traces)), tuple(traces)))
    repeats = max((len(found) for found in record.learned("random").values()), default=0)
    band = f" The band of random choice is the standard deviation of {repeats} choices." if repeats > 1 else ""
    caption = f"All fits are judged on the same held-out frames, which none of them was fitted to.{band}"
    x = _axis("frames fitted to", np.array(numbers, dtype=float), whole=True)
    title = "Error against the number of frames"
    return Figure("learning-curve", "learning", title, caption, x, tuple(panes), even=True)


def _learning_traces(record: FitRecord, quantity: str, numbers: Sequence[int], first: bool) -> list[Trace]:
    traces = []
    styles = {
        "random": Style("muted", 1.8, "dash", "square"),
        "distilled": Style(VERMILION, 2.2, marker="circle"),
    }
    for how, style in styles.items():
        mean, spread = mean_and_spread(record.learned(how), quantity)
        if not np.isfinite(mean).any():
            continue
        x = np.array(list(record.learned(how)), dtype=float)
        label = "chosen at random" if how == "random" else "distilled"
        error = spread if np.isfinite(spread).any() else None
        traces.append(Trace(label, x, mean, style, error=error, in_legend=first))
    ends = np.array([numbers[0], numbers[-1]], dtype=float)
    whole = mean_and_spread(record.learned("all"), quantity)[0]
    if len(whole) and np.isfinite(whole[-1]):
        traces.append(Trace("all frames", ends, np.full(2, whole[-1]), Style(BLUE, 1.6, "dot"), in_legend=first))
    if quantity.startswith("energy") and math.isfinite(record.tolerance):
        line = Trace("tolerance", ends, np.full(2, record.tolerance), Style("ink", 1.2, "dashdot"), in_legend=first)
        traces.append(line)
    return traces


def mean_and_spread(found: Mapping[int, Sequence[Errors]], quantity: str) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation over the repeats, one for each number of frames; nan for the spread of one."""
    rows = [[getattr(errors, quantity) for errors in repeats] for repeats in found.values()]
    mean = np.array([float(np.mean(row)) for row in rows])
    spread = np.array([float(np.std(row, ddof=1)) if len(row) > 1 else math.nan for row in rows])
    return mean, spread


def rounds_figure(record: FitRecord) -> Figure | None:
    """Return the errors of each round: held out, and of cross-validation within the training frames."""
    if len(record.rounds) < 2:
        return None
    x = np.array([row.train for row in record.rounds], dtype=float)
    panes: list[Pane] = []
    for axis, quantity in QUANTITIES[:2]:
        within = np.array([getattr(row.cv, quantity) for row in record.rounds])
        held = np.array([getattr(row.errors, quantity) for row in record.rounds])
        first = not panes
        traces = [
            Trace("left out of training frames", x, within, Style("muted", 1.8, "dash", "square"), in_legend=first),
            Trace("held out", x, held, Style(VERMILION, 2.2, marker="circle"), in_legend=first),
        ]
        if first and math.isfinite(record.tolerance):
            ends, line = np.array([x.min(), x.max()]), np.full(2, record.tolerance)
            traces.append(Trace("tolerance", ends, line, Style("ink", 1.2, "dashdot")))
        panes.append(Pane(_axis(axis, _heights(traces)), tuple(traces)))
    caption = "The held-out frames grow with the training frames, so their points are not of the same frames."
    return Figure("rounds-errors", "rounds", "Rounds of the loop", caption, _axis("frames fitted to", x, whole=True),
                  tuple(panes), even=True)  # fmt: skip


def trials_figure(record: FitRecord) -> Figure | None:
    """Return the trials of the hyper-parameters: energy error against force error, those that were chosen marked."""
    known = [t for t in record.trials if math.isfinite(t.energy) and math.isfinite(t.force)]
    if len(known) < 2:
        return None
    last = max(trial.round for trial in known)
    parts = (
        ("earlier rounds", [t for t in known if t.round != last], Style("muted", marker="circle", size=5.0)),
        ("last round", [t for t in known if t.round == last], Style(VERMILION, marker="circle", size=6.0)),
        ("chosen", [t for t in known if t.chosen], Style("ink", marker="cross", size=9.0)),
    )
    traces = []
    for label, trials, style in parts:
        if not trials:
            continue
        notes = tuple(_note(trial) for trial in trials)
        energies, forces = (np.array([getattr(t, name) for t in trials]) for name in ("energy", "force"))
        traces.append(Trace(label, energies, forces, style, "points", notes=notes))
    energies, forces = (np.array([getattr(t, name) for t in known]) for name in ("energy", "force"))
    caption = (
        "Errors on frames left out of the training frames. Low and left is good in both; the chosen one does not buy "
        "energies with forces. Earlier rounds had fewer frames."
    )
    x, pane = _axis("energy (meV/atom)", energies), Pane(_axis("force (eV/A)", forces), tuple(traces))
    return Figure("hyper-parameters", "trials", "Trials of the hyper-parameters", caption, x, (pane,))


def _note(trial: TrialRow) -> str:
    settings = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.settings.items())
    return f"round {trial.round}: {', '.join(settings)}"


def margin_figure(test: Tested) -> Figure | None:
    """Return force errors of frames against how close their atoms come, beside the model's own data."""
    rows = [row for row in test.rows if math.isfinite(row.margin) and math.isfinite(row.force_rmse_eV_per_A)]
    if len(rows) < 2:
        return None
    traces = []
    kinds = list(dict.fromkeys(row.frame.config_type for row in rows))
    for n, kind in enumerate(kinds):
        own = [row for row in rows if row.frame.config_type == kind]
        style = Style(COLOURS[n % len(COLOURS)], marker=MARKERS[n // len(COLOURS) % len(MARKERS)], size=5.0)
        x, y = np.array([row.margin for row in own]), np.array([row.force_rmse_eV_per_A for row in own])
        traces.append(Trace(kind or NO_TYPE, x, y, style, "points", notes=tuple(row.frame.origin for row in own)))
    caption = (
        "Below zero, two atoms of a frame are closer than any such pair in the data that the model was fitted to, and "
        "what it says there is a guess."
    )
    across, pane = Axis("closest pair, beyond that of the model's data (A)"), Pane(Axis("force (eV/A)"), tuple(traces))
    return Figure("closest-pairs", "closest", "Errors and closest pairs", caption, across, (pane,))


def group_rows(test: Tested, kind: str) -> list[GroupRow]:
    """Return the groups of a test as those of a fit."""
    return [GroupRow(kind, group.name, "test", group.errors) for group in test.of_kind(kind)]


def _heights(traces: Sequence[Trace]) -> FloatArray:
    """Return all heights that traces reach, their errors included."""
    reached = [trace.y if trace.error is None else trace.y - np.nan_to_num(trace.error) for trace in traces]
    values: FloatArray = np.concatenate([trace.y for trace in traces] + reached)
    return values[np.isfinite(values)]


def _axis(label: str, values: FloatArray, whole: bool = False) -> Axis:
    """Return an axis for positive values, logarithmic where they span much."""
    if not len(values):
        return Axis(label)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > WIDE * low:
        limits = (low / 1.15, high * 1.15)
        return Axis(label, log=True, limits=limits, ticks=tuple(value_ticks(*limits)))
    return Axis(label, ticks=whole_ticks(low, high)) if whole else Axis(label)

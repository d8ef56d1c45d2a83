"""Figures of the model of all runs: does it foretell, do its errors hold, and which parameters matter."""

from __future__ import annotations

import numpy as np

from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace
from glasspot.report.learning_data import Learned, Model
from glasspot.report.words import measured, unit

COLOURS = (BLUE, VERMILION, *OTHERS, "ink")  # of glasses and of quantities
MARKERS = ("circle", "square", "triangle", "diamond", "triangle-down", "plus", "cross")
MANY = 300  # points from which on their errors are told, not drawn
Parity = tuple[np.ndarray, np.ndarray, np.ndarray]  # foretold, its sd, found
DIAGONAL = Style("muted", 1.5, "dot")
MODELS = {
    "quadratic": "quadratic",
    "mlp": "neural net of the paper",
    "mlp-ensemble": "several neural nets",
    "plain-gp": "plain Gaussian process",
    "gaussian-process": "Gaussian process of glass and condition",
}


def model_figures(found: Learned, model: Model) -> list[Figure]:
    """Return the figures of the model that all foretold values come from."""
    figures = [] if model.parity is None else _parities(found, model, model.parity)
    scores = next((one for one in model.scores if one.name == model.asked), None)
    if scores is not None and model.levels:
        figures.append(coverage(found, model.levels, scores.coverage))
    return [*figures, relevance(model)]


def _parities(found: Learned, model: Model, told: Parity) -> list[Figure]:
    columns = range(told[0].shape[1])
    return [parity(found, model, told, k) for k in columns if np.isfinite(told[2][:, k]).any()]


def parity(found: Learned, model: Model, told: Parity, k: int) -> Figure:
    """Return what the model foretold of sets that it was not taught, against what was found."""
    mean, sd, value = (table[:, k] for table in told)
    quantity = found.quantities[k]
    of_row = np.resize(np.array(model.glasses), len(mean))
    traces = []
    for n, name in enumerate(name for name in found.glasses if name in model.glasses):
        at = np.flatnonzero((of_row == name) & np.isfinite(value))
        style = Style(COLOURS[n % len(COLOURS)], marker=MARKERS[n % len(MARKERS)], size=5)
        error = sd[at] if len(mean) <= MANY else None
        notes = tuple(f"{name}: found {value[i]:.4g}, foretold {measured(mean[i], sd[i])}" for i in at)
        if len(at):
            traces.append(Trace(name or quantity.name, value[at], mean[at], style, "points", error=error, notes=notes))
    known = np.isfinite(value)
    low, high = float(min(value[known].min(), mean[known].min())), float(max(value[known].max(), mean[known].max()))
    room = 0.04 * (high - low or 1.0)
    ends = np.array([low - room, high + room])
    traces.insert(0, Trace("as it should be", ends, ends, DIAGONAL))
    limits = (low - room, high + room)
    name = f"{quantity.name} ({unit(quantity.unit)})" if quantity.unit else quantity.name
    what = name if quantity.is_number else f"{quantity.name}, distance from its target"
    caption = "Parameter sets in turn left out of what the model was taught, with all their glasses and levels."
    if len(mean) <= MANY:
        caption += " Bars: one standard deviation of a single run about what was foretold."
    axis = Axis(f"found: {what}", limits=limits)
    pane = Pane(Axis("foretold", limits=limits), tuple(traces))
    return Figure(f"parity-{k}", "model", f"{quantity.name}: foretold and found", caption, axis, (pane,))


def coverage(found: Learned, levels: tuple[float, ...], shares: np.ndarray) -> Figure:
    """Return how many of the values lie in intervals that should hold a given part of them."""
    x = 100.0 * np.array(levels)
    ends = np.array([45.0, 100.0])
    traces = [Trace("as it should be", ends, ends, DIAGONAL)]
    for k, quantity in enumerate(found.quantities[: shares.shape[1]]):
        if np.isfinite(shares[:, k]).any():
            style = Style(COLOURS[k % len(COLOURS)], 1.6, ("solid", "dash")[k % 2], MARKERS[k % len(MARKERS)])
            traces.append(Trace(quantity.name, x, 100.0 * shares[:, k], style))
    low = float(min(45.0, *(trace.y.min() - 5 for trace in traces)))
    caption = (
        "Of values that the model was not taught, how many lie within its intervals. Below the line its errors are too "
        "small, above it too large."
    )
    axis = Axis("interval (%)", limits=(45.0, 100.0), ticks=tuple(x.tolist()))
    pane = Pane(Axis("values inside (%)", limits=(low, 103.0)), tuple(traces))
    return Figure("coverage", "model", "Do its errors hold?", caption, axis, (pane,))


def relevance(model: Model) -> Figure:
    """Return how much each parameter changes the glasses, as bars."""
    names = sorted(model.relevance, key=lambda name: -model.relevance[name])
    x = np.arange(1.0, len(names) + 1)
    y = 100.0 * np.array([model.relevance[name] for name in names])
    caption = (
        "The farthest change of all glasses, as R_chi, when one parameter goes through its window and the others stay "
        "as fitted. The error map is drawn over the two that matter most."
    )
    axis = Axis("", limits=(0.4, len(x) + 0.6), ticks=tuple(x.tolist()), names=tuple(names))
    bars = Trace("change over the window", x, y, Style(BLUE), "bars", in_legend=False)
    return Figure("relevance", "model", "Which parameters matter", caption, axis, (Pane(Axis("R_chi (%)"), (bars,)),))

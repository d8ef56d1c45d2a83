"""The error map of a fit that learns: R_chi and the RMSE of each quantity over two parameters, as colours."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasspot.report.figure import Style, value_ticks
from glasspot.report.glass_panels import point_styles
from glasspot.report.learning_data import ErrorMap, Learned
from glasspot.report.plotly_figure import MARKERS, symbols
from glasspot.report.words import listed, unit

DIGITS = 4


@dataclass(frozen=True)
class MapFigure:
    """One map as it is drawn: ``values`` (y, x) on a logarithmic scale; ``marks`` name -> place and style."""

    name: str
    section: str
    title: str
    caption: str
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, str]
    values: np.ndarray
    bar: str  # what the colours are
    marks: Mapping[str, tuple[tuple[float, float], Style]]


def map_figures(found: Learned, styles: Mapping[str, Style], section: str = "map") -> list[MapFigure]:
    """Return the map of R_chi, and that of each quantity; [] before there is one."""
    return [] if found.map is None else maps(found, found.map, styles, section)


def maps(found: Learned, of: ErrorMap, styles: Mapping[str, Style], section: str) -> list[MapFigure]:
    """Return the maps over two parameters, total first."""
    points = point_styles(found, styles)
    marks = {name: (at, points[name]) for name, at in of.marks.items() if name in points}
    labels = [f"{name} ({unit(u)})" if u else name for name, u in zip(of.axes, of.units, strict=True)]
    over = f"over {of.axes[0]} and {of.axes[1]}"
    drawn = [("R_chi (%)", 100.0 * of.cost, f"R_chi {over}", _caption(found, of))]
    for k, quantity in enumerate(found.quantities):
        if np.isfinite(of.rmse[k]).any():
            name, _, rest = quantity.label.partition(" (")
            bar = f"{name} ({unit(rest)}" if rest else name
            drawn.append((bar, quantity.factor * of.rmse[k], f"{name} {over}", ""))
    return [
        MapFigure(f"map-{n}", section, title, caption, of.x, of.y, (labels[0], labels[1]), values, bar, marks)
        for n, (bar, values, title, caption) in enumerate(drawn)
    ]


def _caption(found: Learned, of: ErrorMap) -> str:
    where = found.aim.words or "the last level"
    others = [name for name in of.marks if name != of.centre]
    said = (
        f"What the model of all runs expects at {where}, on {len(of.x)} x {len(of.y)} points, no MD; the other "
        f"parameters are those of {of.centre}."
    )
    if of.at_centre:
        said += (
            f" {listed(of.at_centre)} is told for the rho of {of.centre}, with which it moves on the scale of the fit."
        )
    return said + (" Other sets are marked where their two parameters lie; their others differ." if others else "")


def plotly_map(figure: MapFigure) -> dict[str, Any]:
    """Return the map as plotly draws it: its colours with contours, whose values the mouse tells, and the marks."""
    logs, ticks = _colours(figure.values)
    tall = {"title": {"text": symbols(figure.bar), "side": "right"}, "thickness": 14}
    tall |= {"tickvals": [math.log10(t) for t in ticks], "ticktext": [f"{t:g}" for t in ticks]}
    shown = [[float(f"{v:.{DIGITS - 1}g}") for v in row] for row in figure.values]
    where = [html.escape(label).replace("%", "") for label in figure.labels]
    data: list[dict[str, Any]] = [{
        "type": "contour", "x": _numbers(figure.x), "y": _numbers(figure.y), "z": logs.round(DIGITS).tolist(),
        "customdata": shown, "colorscale": "Cividis", "colorbar": tall, "showlegend": False, "ncontours": 12,
        "contours": {"coloring": "heatmap"}, "line": {"width": 0.6, "color": "rgba(255,255,255,0.5)"},
        "hovertemplate": f"{where[0]} %{{x:.5g}}<br>{where[1]} %{{y:.5g}}<br>%{{customdata}}<extra></extra>",
        "legendgroup": html.escape(figure.bar), "name": html.escape(f"{figure.bar}, logarithm to base 10"),
        "xaxis": "x", "yaxis": "y",
    }]  # fmt: skip
    for name, ((x, y), style) in figure.marks.items():
        label = html.escape(name)
        marker = {"color": style.colour, "symbol": MARKERS[style.marker], "size": 12}
        data.append({
            "type": "scatter", "mode": "markers", "x": _numbers([x]), "y": _numbers([y]), "name": label,
            "legendgroup": label, "marker": marker | {"line": {"color": "#ffffff", "width": 1.5}}, "text": [label],
            "hovertemplate": "%{text}<extra></extra>", "xaxis": "x", "yaxis": "y",
        })  # fmt: skip
    layout = {
        "height": 420, "margin": {"l": 8, "r": 8, "t": 10, "b": 8}, "showlegend": False, "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": "ink", "size": 13},
        "xaxis": _axis(figure.labels[0], *shown_range(figure, 0)),
        "yaxis": _axis(figure.labels[1], *shown_range(figure, 1)),
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _axis(label: str, low: float, high: float) -> dict[str, Any]:
    return {
        "title": {"text": symbols(label), "standoff": 6}, "automargin": True, "showline": True, "mirror": "all",
        "linecolor": "muted", "gridcolor": "faint", "ticks": "inside", "zeroline": False, "range": [low, high],
        "nticks": 6,
    }  # fmt: skip


def shown_range(figure: MapFigure, axis: int) -> tuple[float, float]:
    """Return the range of an axis: the map, and marks that lie not far beyond it."""
    ticks = (figure.x, figure.y)[axis]
    low, high = float(ticks.min()), float(ticks.max())
    near = [at[axis] for at, _ in figure.marks.values()]
    near = [v for v in near if low - 0.5 * (high - low) <= v <= high + 0.5 * (high - low)]
    room = 0.02 * (high - low) if any(v <= low or v >= high for v in near) else 0.0
    return min([low, *near]) - room, max([high, *near]) + room


def _colours(values: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the logarithms of ``values`` and round values for the bar of colours."""
    positive = np.maximum(values, 1e-12)
    low, high = float(positive.min()), float(positive.max())
    return np.log10(positive), value_ticks(low, max(high, 1.05 * low))


def _numbers(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]

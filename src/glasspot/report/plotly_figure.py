"""A figure as the plain dict that plotly.js draws: the page carries plotly.js, and JSON is all it reads.

Ink names stand where a colour may change with the page's light or dark mode; ``figures.js`` puts the colours in.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glasspot.report.figure import Axis, Figure, Pane, Trace

PANE_HEIGHT, STRIP_HEIGHT, X_HEIGHT = 260, 90, 54  # pixels: a pane, a strip under it, the x axis
EVEN_HEIGHT = 150  # of each of several panes that are alike
GAP = 0.04  # between panes, as a part of the height
MARKERS = {
    "circle": "circle", "cross": "x", "diamond": "diamond", "square": "square", "triangle": "triangle-up",
    "triangle-down": "triangle-down", "plus": "cross",
}  # fmt: skip


def symbols(text: str) -> str:
    """Escape text for HTML and plotly, set R_chi and the unit (A) as they are printed, and keep ± on its line."""
    return (
        html.escape(text)
        .replace("R_chi", "R<sub>χ</sub>")
        .replace("R_X", "R<sub>X</sub>")
        .replace("(A)", "(Å)")
        .replace("(1/A)", "(1/Å)")
        .replace(" ± ", "\u00a0±\u00a0")
        .replace("(± ", "(±\u00a0")
    )


def plotly_dict(figure: Figure) -> dict[str, Any]:
    """Return ``{"data": [...], "layout": {...}}`` of a figure; every number finite or null, every text escaped."""
    panes = len(figure.panes)
    domains = _domains(figure.panes)
    strip = EVEN_HEIGHT if figure.even else STRIP_HEIGHT
    height = X_HEIGHT + PANE_HEIGHT + strip * (panes - 1)
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 14, "t": 10, "b": 8},
        "showlegend": False,
        "hovermode": "x unified" if figure.compare else "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "ink", "size": 13},
        "barmode": "group",
        "bargap": 0.25,
        "xaxis": _axis(figure.x) | {"anchor": "y" if panes == 1 else f"y{panes}"},
    }
    data: list[dict[str, Any]] = []
    for n, (pane, domain) in enumerate(zip(figure.panes, domains, strict=True), 1):
        key = "" if n == 1 else str(n)
        layout[f"yaxis{key}"] = _axis(pane.y) | {"domain": domain, "anchor": "x"}
        if n > 1:
            layout[f"yaxis{key}"]["nticks"] = 4
        for trace in pane.traces:
            data += [entry | {"xaxis": "x", "yaxis": f"y{key}"} for entry in _entries(trace, figure.compare)]
    return {"data": data, "layout": layout}


def _domains(panes: Sequence[Pane]) -> list[list[float]]:
    """Return the part of the height of each pane, the first on top."""
    free = 1 - GAP * (len(panes) - 1)
    total = sum(pane.share for pane in panes)
    domains, top = [], 1.0
    for pane in panes:
        size = free * pane.share / total
        domains.append([round(max(0.0, top - size), 4), round(top, 4)])
        top -= size + GAP
    return domains


def _axis(axis: Axis) -> dict[str, Any]:
    """Return an axis with a frame and ticks on all sides."""
    made: dict[str, Any] = {
        "title": {"text": symbols(axis.label), "standoff": 6},
        "automargin": True,
        "showline": True,
        "mirror": "all",
        "linecolor": "muted",
        "gridcolor": "faint",
        "zeroline": False,
        "ticks": "inside",
        "ticklen": 4,
        "tickcolor": "muted",
    }
    if axis.log:
        made["type"] = "log"
    if axis.limits is not None:
        made["range"] = [math.log10(v) for v in axis.limits] if axis.log else list(axis.limits)
    if axis.ticks:
        names = [symbols(name) for name in axis.tick_names]
        made |= {"tickmode": "array", "tickvals": list(axis.ticks), "ticktext": names}
        if axis.aslant:
            made |= {"tickangle": -35, "ticklabeloverflow": "allow"}
    return made


def _entries(trace: Trace, compare: bool) -> list[dict[str, Any]]:
    """Return the plotly traces of one of ours: the band of its error, where it is a line, and itself."""
    shared = {"legendgroup": html.escape(trace.label), "name": html.escape(trace.label)}
    error = {} if trace.error is None else {"error_y": _bars(trace, trace.error)}
    if trace.kind == "bars":
        bar = {"type": "bar", "marker": {"color": trace.style.colour}, "x": _numbers(trace.x), "y": _numbers(trace.y)}
        return [bar | shared | error | {"hovertemplate": "%{x}: %{y:.3g}", "showlegend": trace.in_legend}]
    entry: dict[str, Any] = {"type": "scatter", "x": _numbers(trace.x), "y": _numbers(trace.y), "mode": _mode(trace)}
    if trace.kind != "points":
        entry["line"] = {"color": trace.style.colour, "width": trace.style.width, "dash": trace.style.dash}
        entry["line"] |= {"shape": "hv"} if trace.kind == "step" else {}
    if trace.style.marker:
        size = trace.style.size or (10 if trace.style.marker == "diamond" else 7)
        entry["marker"] = {"color": trace.style.colour, "symbol": MARKERS[trace.style.marker], "size": size}
    if trace.notes:
        entry |= {"text": [html.escape(note) for note in trace.notes], "hovertemplate": "%{text}<extra></extra>"}
    elif compare:
        entry["hovertemplate"] = "%{y:.4g}"
    else:
        entry["hovertemplate"] = f"{shared['name']}: %{{x:.4g}}, %{{y:.4g}}<extra></extra>"
    entry |= shared | {"showlegend": trace.in_legend}
    if trace.kind == "points":
        across = {} if trace.error_x is None else {"error_x": _bars(trace, trace.error_x)}
        return [entry | error | across]
    return [entry] if trace.error is None else [_band(trace, trace.error) | shared, entry]


def _mode(trace: Trace) -> str:
    """Return plotly's mode of a trace."""
    if trace.kind == "points":
        return "markers"
    return "lines+markers" if trace.style.marker else "lines"


def _bars(trace: Trace, error: np.ndarray) -> dict[str, Any]:
    """Return the error bars of points or bars."""
    return {"type": "data", "array": _numbers(error), "color": trace.style.colour, "thickness": 1.2, "width": 3}


def _band(trace: Trace, error: np.ndarray) -> dict[str, Any]:
    """Return the band of one standard error on both sides of a line, as a filled outline that the mouse passes by."""
    known = np.isfinite(trace.y) & np.isfinite(error)
    x, y, error = trace.x[known], trace.y[known], error[known]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _numbers(np.concatenate([x, x[::-1]])),
        "y": _numbers(np.concatenate([y + error, (y - error)[::-1]])),
        "fill": "toself",
        "fillcolor": trace.style.colour,
        "opacity": 0.22,
        "line": {"width": 0, "color": trace.style.colour},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers that JSON can carry, to six digits: a gap (null) where a value is not finite."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in np.asarray(values, dtype=float)]

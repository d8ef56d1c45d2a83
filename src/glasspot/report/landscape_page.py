"""Write a landscape into its folder: the figure, the numbers as CSV and JSON, and a page to read values off."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.survey import SCREENED
from glasspot.files import write_text
from glasspot.report.figure import percent_ticks, value_ticks
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.landscape import Landscape, Side, csv_text, json_text, read_landscape
from glasspot.report.landscape_figure import PATHS, edges, save_landscape
from glasspot.report.landscape_paths import Path2D
from glasspot.report.plotly_figure import symbols
from glasspot.report.words import listed, unit

HEADINGS = {"map": "Map"}


def write_landscape(folder: Path, paths: Sequence[Path2D]) -> tuple[Landscape, Path]:
    """Write the files of the landscape in ``folder`` and return what they say and the page."""
    found = read_landscape(folder)
    write_text(folder / "landscape.csv", csv_text(found))
    write_text(folder / "landscape.json", json_text(found))
    save_landscape(found, paths, folder)
    return found, write_text(folder / "index.html", page(found, paths))


def page(found: Landscape, paths: Sequence[Path2D]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    title = f"R_chi over {found.x.name} and {found.y.name}"
    place = figure_place("landscape", title, caption(found, paths))
    body = section("map", HEADINGS["map"], section_body([place], [], ""))
    top = Words("landscape", found.title, "", "finished", title, tuple(found.said), ())
    return assemble(top, {"map": body}, HEADINGS, {"landscape": _plot(found, paths)})


def caption(found: Landscape, paths: Sequence[Path2D]) -> str:
    """Return what the figure shows, and what it does not."""
    said = [f"R_chi in percent, on a logarithmic scale; the other parameters are those of {found.fixed}."]
    if found.reweighted:
        said.append(f"From {len(found.anchors)} runs (dots), whose frames are reweighted to the other points.")
    if (found.kind == SCREENED).any():
        said.append("Hatched: the barrier of like charges is lower than fit.barrier_eV, so atoms may fuse; not run.")
    if found.reasons:
        told = [f"{number} {reason}" for reason, number in sorted(found.reasons.items())]
        said.append(f"Crosses: MD failed ({listed(told)}).")
    if paths:
        said.append(
            "Paths: dots are evaluations, the line joins the best so far; in the image files a square marks the start, "
            "a star the lowest R_chi."
        )
    wider = sorted({path.free for path in paths if path.free > 2})
    if wider:
        said.append(
            f"Paths of fits with {listed([str(n) for n in wider])} free parameters are projections: their other "
            "parameters are not those of the map, nor is their R_chi."
        )
    outside = sum(int((~_inside(found, path.values)).sum()) for path in paths)
    if outside:
        said.append(f"{outside} evaluations of the paths lie outside the window.")
    return " ".join(said)


def _inside(found: Landscape, values: np.ndarray) -> np.ndarray:
    within = [
        (values[:, axis] >= edges(side)[0]) & (values[:, axis] <= edges(side)[-1])
        for axis, side in enumerate((found.x, found.y))
    ]
    return np.asarray(within[0] & within[1])


def _plot(found: Landscape, paths: Sequence[Path2D]) -> dict[str, Any]:
    """Return the figure as plotly reads it: a map whose values the mouse tells, and the paths."""
    percent = 100 * found.cost.T
    known = percent[np.isfinite(percent)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 10.0)
    ticks = percent_ticks(low, high) or (low, high)
    notes = [[_note(found, i, j) for i in range(len(found.x.values))] for j in range(len(found.y.values))]
    data: list[dict[str, Any]] = [{
        "type": "heatmap", "x": _numbers(found.x.values), "y": _numbers(found.y.values), "z": _logs(percent),
        "text": notes, "hovertemplate": "%{text}<extra></extra>", "colorscale": "Cividis", "showlegend": False,
        "legendgroup": "R_chi", "name": "R_chi (percent), logarithm to base 10", "xaxis": "x", "yaxis": "y",
        "colorbar": {
            "title": {"text": symbols("R_chi (%)")}, "tickvals": [math.log10(t) for t in ticks],
            "ticktext": [f"{t:g}" for t in ticks],
        },
    }]  # fmt: skip
    if found.reweighted:
        data.append(_points("run", found.anchors, "ink", tuple("run" for _ in found.anchors)))
    for n, path in enumerate(paths):
        data += _path(path, _ink(PATHS[n % len(PATHS)]))
    layout = {
        "height": 560, "margin": {"l": 8, "r": 14, "t": 10, "b": 8}, "showlegend": False, "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(128,128,128,0.25)",
        "font": {"color": "ink", "size": 13}, "xaxis": _axis(found.x), "yaxis": _axis(found.y),
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _axis(side: Side) -> dict[str, Any]:
    ends = edges(side)
    made: dict[str, Any] = {
        "title": {"text": symbols(side.label), "standoff": 6}, "automargin": True, "showline": True,
        "linecolor": "muted", "gridcolor": "faint", "ticks": "inside", "zeroline": False,
        "range": [float(ends[0]), float(ends[-1])],
    }  # fmt: skip
    if side.logarithmic:
        ticks = value_ticks(float(ends[0]), float(ends[-1]))
        made |= {"type": "log", "range": [math.log10(ends[0]), math.log10(ends[-1])], "tickvals": ticks}
        made["ticktext"] = [f"{tick:g}" for tick in ticks]
    return made


def _note(found: Landscape, i: int, j: int) -> str:
    """Return what the mouse tells of a point."""
    where = f"{found.x.name} {found.x.values[i]:.5g} {unit(found.x.unit)}<br>"
    where += f"{found.y.name} {found.y.values[j]:.5g} {unit(found.y.unit)}<br>"
    if not math.isfinite(found.cost[i, j]):
        return f"{where}{found.kind[i, j]}"
    note = f"{where}{100 * found.cost[i, j]:.3g} ± {100 * found.error[i, j]:.2g} %"
    return note + (f"<br>{found.n_eff[i, j]:.0f} effective frames" if math.isfinite(found.n_eff[i, j]) else "")


def _ink(colour: str) -> str:
    """Return a colour that shows beside the map as well: white is for the map on paper, where it has an outline."""
    return "#E69F00" if colour == "#FFFFFF" else colour


def _path(path: Path2D, colour: str) -> list[dict[str, Any]]:
    """Return the evaluations of a path as points, and the line through the best so far."""
    notes = [f"{path.label}: evaluation {n + 1}, {_said(cost)}" for n, cost in enumerate(path.cost)]
    dots = _points(path.label, path.values, colour, notes) | {"showlegend": False}
    best = path.records
    line = _points(path.label, path.values[best], colour, [notes[n] for n in best])
    return [dots, line | {"mode": "lines+markers", "line": {"color": colour, "width": 2}}]


def _said(cost: float) -> str:
    return f"{100 * cost:.3g} %" if math.isfinite(cost) else "MD failed"


def _points(label: str, values: np.ndarray, colour: str, notes: Sequence[str]) -> dict[str, Any]:
    """Return points (k, 2) with what the mouse tells of each."""
    name = html.escape(label)
    return {
        "type": "scatter", "mode": "markers", "x": _numbers(values[:, 0]), "y": _numbers(values[:, 1]),
        "name": name, "legendgroup": name, "marker": {"color": colour, "symbol": "circle", "size": 5},
        "text": [html.escape(note) for note in notes], "hovertemplate": "%{text}<extra></extra>",
        "xaxis": "x", "yaxis": "y",
    }  # fmt: skip


def _numbers(values: np.ndarray) -> list[float]:
    return [float(f"{value:.8g}") for value in values]


def _logs(percent: np.ndarray) -> list[list[float | None]]:
    return [[round(math.log10(v), 5) if math.isfinite(v) and v > 0 else None for v in row] for row in percent]

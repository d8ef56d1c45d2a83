"""Write a comparison into its folder: the page, the figure, the numbers as CSV and JSON."""

from __future__ import annotations

import html
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from glasspot.files import write_text
from glasspot.report.compare import Compared, ComparisonReport, csv_text, json_text, not_told_apart, read_comparison
from glasspot.report.compare_figure import BAR, COLOURS, save_comparison
from glasspot.report.figure import Figure
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.panels import figures
from glasspot.report.plotly_figure import plotly_dict, symbols
from glasspot.report.table import Table
from glasspot.report.tables import provenance, validation
from glasspot.report.words import count, listed, percent

HEADINGS = {
    "scores": "Scores",
    "curves": "Target curves",
    "potential": "Pair energies",
    "structure": "Structure that was not compared with a target",
    "skipped": "Potentials left out",
    "provenance": "Provenance",
}
DRAWN = 8  # curves of so many potentials can be told apart in one figure


def write_comparison(folder: Path) -> tuple[ComparisonReport, Path]:
    """Write compare.csv, compare.json, the figure and index.html into ``folder``; return what they say and the page."""
    found = read_comparison(folder)
    write_text(folder / "compare.csv", csv_text(found))
    write_text(folder / "compare.json", json_text(found))
    save_comparison(found, folder)
    return found, write_text(folder / "index.html", page(found))


def page(found: ComparisonReport) -> str:
    """Return the page as text, in the manner of the page of a fit; whatever a user wrote is escaped."""
    shown = _best(found)
    drawn = [f for f in figures(shown) if f.section in HEADINGS]
    sections = {name: _section(name, found, [f for f in drawn if f.section == name]) for name in HEADINGS}
    top = Words(
        "comparison of potentials", found.report.title, found.report.description, found.report.state, _answer(found),
        tuple(_evidence(found)), found.report.cautions,
    )  # fmt: skip
    plots = {"compare": _bars(found)} | {figure.name: plotly_dict(figure) for figure in drawn}
    return assemble(top, sections, HEADINGS, plots)


def _best(found: ComparisonReport) -> Any:
    """Return the report with the curves of the best few alone, in the order of their scores."""
    names = [row.score.name for row in found.rows if not row.failed][:DRAWN]

    def kept(panel: Any) -> Any:
        return replace(panel, series=tuple(s for s in panel.series if s.role == "target" or s.name in names))

    report = found.report
    return replace(
        report,
        scores=tuple(row.score for row in found.rows if row.score.name in names),
        panels=tuple(kept(panel) for panel in report.panels),
        structure_panels=tuple(kept(panel) for panel in report.structure_panels),
        potentials={name: report.potentials[name] for name in names},
    )


def _answer(found: ComparisonReport) -> str:
    """Return the answer in one line."""
    if not found.rows or found.rows[0].failed:
        return "No potential has a score"
    best = found.rows[0].score
    others = not_told_apart(found.rows)
    also = f", not told apart from {listed(others)}" if others else ""
    return f"Lowest: {best.name}, R_chi {percent(best.cost, best.error)}{also}"


def _evidence(found: ComparisonReport) -> list[str]:
    """Return how it was measured."""
    good = [row for row in found.rows if not row.failed]
    failed = [f"{row.score.name} ({row.score.note})" for row in found.rows if row.failed]
    said = []
    if good:
        runs = count(max(row.score.runs for row in good), "independent run")
        said.append(f"{runs} of each potential, from the same packings and for the same time; 95 % confidence.")
        said.append(
            f"A perfect model would score {percent(found.noise_floor)} with runs of this length: the noise floor."
        )
    if failed:
        said.append(f"Runs failed: {listed(failed)}.")
    if found.skipped:
        said.append(f"Left out, as they cannot run these systems: {listed(list(found.skipped))}.")
    return said


def _section(name: str, found: ComparisonReport, drawn: list[Figure]) -> str:
    heading = HEADINGS[name]
    places = [figure_place(figure.name, figure.title, figure.caption) for figure in drawn]
    report = replace(found.report, scores=tuple(row.score for row in found.rows))
    made: list[Table] = []
    if name == "scores":
        places = [figure_place("compare", "R_chi of each potential", _caption(found))]
        made = [_with_engines(validation(report), found.rows)]
    elif name == "skipped":
        made = [Table(name, heading, "", ("potential", "reason"), tuple(found.skipped.items()), ("reason",))]
    elif name == "provenance":
        made = [provenance(report)]
    return section(name, heading, section_body(places, [table for table in made if table.rows], heading))


def _caption(found: ComparisonReport) -> str:
    several = " The marks are R_chi of each target alone." if len(found.curves) > 1 else ""
    return f"Bars: standard error over independent runs.{several} Lowest first."


def _with_engines(table: Table, rows: tuple[Compared, ...]) -> Table:
    """Return the table with what ran each potential, and its electrostatics."""
    about = {row.score.name: (row.engine, row.potential.coulomb.style) for row in rows}
    return replace(
        table,
        title=HEADINGS["scores"],
        columns=(*table.columns, "engine", "electrostatics"),
        rows=tuple((*cells, *about[cells[0]]) for cells in table.rows),
    )


def _bars(found: ComparisonReport) -> dict[str, Any]:
    """Return the figure as plotly reads it: bars with their errors, the best on top, and a mark for each target."""
    rows = [row for row in found.rows if not row.failed]
    names = [html.escape(row.score.name) for row in rows]

    def errors(values: list[float | None], colour: str) -> dict[str, Any]:
        return {"type": "data", "array": values, "color": colour, "thickness": 1.2, "width": 3}

    bars = {
        "type": "bar", "orientation": "h", "name": "all targets", "legendgroup": "all targets", "y": names,
        "x": [_percent(row.score.cost) for row in rows], "marker": {"color": BAR},
        "error_x": errors([_percent(row.score.error) for row in rows], "ink"),
        "hovertemplate": "%{y}: %{x:.3g} %<extra></extra>", "yaxis": "y", "xaxis": "x",
    }  # fmt: skip
    data = [bars]
    for n, name in enumerate(found.curves if len(found.curves) > 1 else ()):
        colour = COLOURS[n % len(COLOURS)]
        label = html.escape(name)
        data.append({
            "type": "scatter", "mode": "markers", "name": label, "legendgroup": label, "y": names,
            "x": [_percent(row.score.per_curve.get(name, math.nan)) for row in rows],
            "marker": {"color": colour, "symbol": "circle"},
            "error_x": errors([_percent(row.per_curve_error.get(name, math.nan)) for row in rows], colour),
            "hovertemplate": f"%{{y}}, {label}: %{{x:.3g}} %<extra></extra>", "yaxis": "y", "xaxis": "x",
        })  # fmt: skip
    frame = {"automargin": True, "showline": True, "linecolor": "muted", "gridcolor": "faint", "ticks": "inside"}
    layout = {
        "height": 90 + 26 * max(len(rows), 3), "margin": {"l": 8, "r": 14, "t": 10, "b": 8}, "showlegend": False,
        "hovermode": "closest", "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "ink", "size": 13}, "bargap": 0.3,
        "xaxis": {**frame, "title": {"text": symbols("R_chi (%)"), "standoff": 6}, "rangemode": "tozero"},
        "yaxis": {**frame, "autorange": "reversed", "type": "category"},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _percent(cost: float) -> float | None:
    return float(f"{100 * cost:.4g}") if math.isfinite(cost) else None

"""The page of scores: a model beside the baselines and the noise of the data, on glasses that it has not seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glasspot.files import write_text
from glasspot.pcf.pairs import KINDS
from glasspot.provenance import provenance
from glasspot.report.figure import VERMILION, Axis, Figure, Pane, Style, Trace, whole_ticks
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.pcf_figures import COLOURS, FIRST, SIMULATED, curve_figure
from glasspot.report.pcf_score_data import (
    MEASURES,
    ScoreReport,
    calibration,
    cases,
    cautions,
    document,
    evidence,
    headline,
    score_rows,
    shown,
)
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures, save_grid
from glasspot.report.table import Table

HEADINGS = {
    "errors": "Errors",
    "cases": "Glasses it has not seen",
    "bands": "Do the bands hold",
    "kinds": "Errors by kind of pair",
    "learning": "More glasses",
    "folds": "Folds",
    "provenance": "Provenance",
}
DOCUMENT = "score.json"
CAPTION = (
    "Mean size of the error over the held-out curves; ± is the standard deviation between folds. curve: "
    "sqrt(sum (g - g_sim)^2 / sum g_sim^2). noise: what a model without any error would still be given, since the mean "
    "of a few runs is itself uncertain."
)


def write_scores(report: ScoreReport, folder: Path) -> Path:
    """Write the page, its figures, curves.csv and score.json into ``folder`` and return the page.

    GlasspotError where it cannot.
    """
    write_text(folder / "curves.csv", curves_csv(report))
    nine = case_figures(report)
    others = [f for f in (_calibration(report), _kinds(report), _learning(report)) if f is not None]
    if nine:
        save_grid("cases", nine, folder)
    save_figures(others, folder)
    place = write_text(folder / "index.html", page(report, [*nine, *others]))
    # Last, since it says that all is there.
    write_text(folder / DOCUMENT, json.dumps(document(report), indent=1, allow_nan=False) + "\n")
    return place


def page(report: ScoreReport, drawn: Sequence[Figure]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    made = {**{str(k): str(v) for k, v in report.about.items()}, **provenance()}
    tables = {
        "errors": [errors_table(report)],
        "kinds": [_kinds_table(report)],
        "folds": [_folds_table(report)],
        "provenance": [
            Table("provenance", HEADINGS["provenance"], "", ("name", "value"), tuple(made.items()), ("name", "value"))
        ],
    }
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, heading, section_body(places, tables.get(name, []), heading))
    title = f"{report.model.model} model, split {report.model.split}"
    top = Words("scores of pair curves", title, "", "finished", headline(report), evidence(report), cautions(report))
    return assemble(top, sections, HEADINGS, {f.name: plotly_dict(f) for f in drawn})


def errors_table(report: ScoreReport) -> Table:
    """Return a row a model, on the curves that all of them predicted, and the noise floor."""
    names = tuple(name for name, _, _ in MEASURES.values())
    return Table("errors", HEADINGS["errors"], CAPTION, ("model", *names), tuple(score_rows(report.common)), fitted=0)


def case_figures(report: ScoreReport) -> list[Figure]:
    """Return predicted and simulated g(r) of the nine most different held-out glasses."""
    made = []
    for number, case in enumerate(cases(report), 1):
        p, r = case.prediction, report.curve_set.r
        k = p.pairs.index(case.pair)
        low, high = (None, None) if p.low is None or p.high is None else (p.low[k], p.high[k])
        simulated = Trace("simulated", r[r >= FIRST], case.glass.mean(case.pair)[r >= FIRST], SIMULATED)
        parts = " ".join(f"{100 * share:.3g} {oxide}" for oxide, share in case.glass.composition.oxides)
        caption = f"{parts}. Error {100 * case.error:.1f} %: the median of the curves of this glass."
        rounded = " ".join(f"{100 * share:.0f} {oxide}" for oxide, share in case.glass.composition.oxides)
        title = f"{case.pair} in {rounded}"
        figure = curve_figure(f"case-{number}", "cases", title, r, p.g[k], low, high, [simulated], caption)
        made.append(figure)
    return made


def _calibration(report: ScoreReport) -> Figure | None:
    levels = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
    found = calibration(report, levels)
    if found is None:
        return None
    ideal = Trace("ideal", np.array([0.0, 100.0]), np.array([0.0, 100.0]), Style("muted", 1.2, "dash"))
    measured = Trace(report.model.model, 100 * levels, 100 * found, Style(VERMILION, 1.8, marker="circle"))
    caption = (
        "The share of simulated points within the band when it is made for another share than 90 %, as for normal "
        "errors. Below the line the bands are too narrow, above it too wide."
    )
    x = Axis("band made for (%)", limits=(0.0, 102.0))
    pane = Pane(Axis("points within (%)", limits=(0.0, 102.0)), (ideal, measured))
    return Figure("calibration", "bands", "Calibration of the bands", caption, x, (pane,))


def _kinds(report: ScoreReport) -> Figure | None:
    there = [kind for kind in KINDS if any(row.kind == kind for row in report.model.curves)]
    places = np.arange(len(there), dtype=float)
    bars = []
    for n, one in enumerate(report.common):
        found = [one.averages(kind).get("relative") for kind in there]
        values = np.array([np.nan if average is None else 100 * average.mean for average in found])
        bars.append(Trace(one.model, places, values, Style(COLOURS[n % len(COLOURS)]), "bars"))
    x = Axis("", limits=(-0.6, len(there) - 0.4), ticks=tuple(places), names=tuple(there))
    pane = Pane(Axis("curve error (%)"), tuple(bars))
    return Figure("errors-of-kinds", "kinds", "Error of the curves", "", x, (pane,))


def _kinds_table(report: ScoreReport) -> Table:
    rows = []
    names = [name for name in MEASURES if name not in ("neutron", "xray")]
    for kind in KINDS:
        for one in report.common:
            found = one.averages(kind)
            if found:
                cells = (shown(found.get(name), name) for name in names)
                rows.append((kind, one.model, str(found["mse"].n), *cells))
    columns = ("pairs", "model", "curves", *(MEASURES[name][0] for name in names))
    return Table("kinds", HEADINGS["kinds"], "", columns, tuple(rows), ("model",))


def _folds_table(report: ScoreReport) -> Table:
    """Return a row a fold: what was held out, its curves, the error, the time."""
    rows = []
    for k, name in enumerate(report.model.folds):
        errors = [row.relative for row in report.model.curves if row.fold == k and row.relative is not None]
        mean = f"{100 * float(np.mean(errors)):.2f}" if errors else "-"
        rows.append((name, str(len(errors)), mean, f"{report.model.seconds[k]:.1f}"))
    return Table("folds", HEADINGS["folds"], "", ("held out", "curves", "curve error (%)", "training (s)"), tuple(rows))


def _learning(report: ScoreReport) -> Figure | None:
    found = report.learning
    if found is None:
        return None
    traces = []
    for n, model in enumerate(dict.fromkeys(point.model for point in found.points)):
        rows = found.of(model, "relative")
        sizes, means = (np.array([float(row[k]) for row in rows]) for k in (0, 1))  # type: ignore[arg-type]
        spread = np.array([np.nan if row[2] is None else 100 * row[2] for row in rows])
        style = Style(COLOURS[n % len(COLOURS)], 1.8, marker="circle")
        traces.append(Trace(model, sizes, 100 * means, style, error=spread))
    most = max(point.size for point in found.points)
    x = Axis("glasses learnt from", limits=(0.0, most * 1.05), ticks=whole_ticks(0, most))
    caption = f"On {len(found.held)} glasses that are never learnt from; the band is the deviation between orders."
    pane = Pane(Axis("curve error (%)"), tuple(traces))
    return Figure("learning-curve", "learning", "Learning curve", caption, x, (pane,))


def curves_csv(report: ScoreReport) -> str:
    """Return curves.csv: a row a held-out curve and model, errors predicted less simulated."""
    columns = ("model", "fold", "glass", "pair", "kind", "relative", "position_A", "height", "coordination", "peak")
    rows = [",".join((*columns, "points", "inside"))]
    for one in report.scores:
        for row in one.curves:
            numbers = (row.relative, row.position, row.height, row.coordination)
            cells = ["" if value is None else f"{value:.6g}" for value in numbers]
            inside = "" if row.inside is None else str(row.inside)
            glass = '"' + row.glass.replace('"', '""') + '"'
            head = [one.model, str(row.fold + 1), glass, row.pair, row.kind]
            rows.append(",".join([*head, *cells, row.peak, str(row.points), inside]))
    return "\n".join(rows) + "\n"

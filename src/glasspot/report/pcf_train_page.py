"""The page of a trained model of pair curves: what it learnt from, how, the map of its curves, what each oxide does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glasspot.files import write_text
from glasspot.report.figure import BLUE, Axis, Figure, Pane, Style, Trace
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.pcf_figures import COLOURS
from glasspot.report.pcf_train_data import (
    TrainReport,
    answer,
    document,
    evidence,
    oxide_ranges,
    pair_counts,
)
from glasspot.report.pcf_train_kinds import kind_figures, kind_sentences, kind_tables, latent_map
from glasspot.report.pcf_train_map import curve_map
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures
from glasspot.report.table import Table

HEADINGS = {
    "data": "What it learnt from",
    "training": "Training",
    "map": "Map of the curves",
    "importance": "What each oxide does",
    "settings": "Settings",
    "provenance": "Provenance",
}
DOCUMENT = "train.json"
MARKERS = ("circle", "square", "diamond", "triangle", "triangle-down", "plus")


def write_training(report: TrainReport, folder: Path) -> Path:
    """Write the page, its figures and train.json into ``folder`` and return the page. GlasspotError where it cannot."""
    drawn = figures(report)
    save_figures(drawn, folder)
    place = write_text(folder / "index.html", page(report, drawn))
    # Last, since it says that all is there.
    write_text(folder / DOCUMENT, json.dumps(document(report), indent=2, allow_nan=False) + "\n")
    return place


def page(report: TrainReport, drawn: Sequence[Figure]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    tables = {
        "data": [_oxides(report)],
        "training": kind_tables(report.model) or [_pairs(report)],
        "settings": [_values("settings", {"kind": report.model.kind, **report.about["settings"]})],
        "provenance": [_values("provenance", {**report.about["provenance"], **_made(report)})],
    }
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, heading, section_body(places, tables.get(name, []), heading))
    said = (*evidence(report), *kind_sentences(report.model))
    top = Words("model of pair curves", report.title, "", "finished", answer(report), said, ())
    return assemble(top, sections, HEADINGS, {f.name: plotly_dict(f) for f in drawn})


def figures(report: TrainReport) -> list[Figure]:
    """Return every figure that the report has data for."""
    return [coverage(report), *kind_figures(report.model), curves_map(report), *_importance(report)]


def coverage(report: TrainReport) -> Figure:
    """Return how much of each oxide the glasses hold: a row an oxide, a dot a glass."""
    oxides = report.curve_set.oxides
    traces = []
    for row, oxide in enumerate(oxides):
        glasses = [glass for glass in report.curve_set.glasses if glass.composition.fractions.get(oxide, 0.0) > 0]
        amounts = np.array([100 * glass.composition.fractions[oxide] for glass in glasses])
        traces.append(
            Trace(
                oxide, amounts, np.full(len(amounts), float(row)),
                Style(COLOURS[row % len(COLOURS)], marker="circle", size=8.0), "points",
                notes=tuple(str(glass.composition) for glass in glasses), in_legend=False,
            )
        )  # fmt: skip
    y = Axis("", limits=(-0.6, len(oxides) - 0.4), ticks=tuple(map(float, range(len(oxides)))), names=tuple(oxides))
    caption = "A dot is a glass that holds the oxide. Where there is none, the model has nothing near to go by."
    x = Axis("mol%", limits=(0.0, 105.0))
    return Figure("coverage", "data", "Compositions of the data", caption, x, (Pane(y, tuple(traces)),))


def curves_map(report: TrainReport) -> Figure:
    """Return the map of all curves by pair: of the model's latents where it has them, else of the curves themselves."""
    found = latent_map(report.model)
    if found is None:
        places, pairs, names = curve_map(report.curve_set)
        caption = "Principal components of ln(1 + g): a dot is a curve, and near curves are alike."
    else:
        places, pairs, names = found
        caption = "Principal components of the latents of the autoencoder: a dot is a curve."
    traces = []
    for k, pair in enumerate(pair_counts(report.curve_set)):
        which = [n for n, name in enumerate(pairs) if name == pair]
        style = Style(COLOURS[k % len(COLOURS)], marker=MARKERS[k // len(COLOURS) % len(MARKERS)], size=6.0)
        notes = tuple(f"{pair}, {names[n]}" for n in which)
        traces.append(Trace(pair, places[which, 0], places[which, 1], style, "points", notes=notes))
    x = Axis("first component")
    return Figure(
        "curve-map", "map", "All curves by pair", caption, x, (Pane(Axis("second component"), tuple(traces)),)
    )


def _importance(report: TrainReport) -> list[Figure]:
    if not report.importance:
        return []
    ordered = sorted(report.importance.items(), key=lambda item: -item[1])
    places = np.arange(len(ordered), dtype=float)
    bars = Trace("change", places, np.array([value for _, value in ordered]), Style(BLUE), "bars", in_legend=False)
    x = Axis("", limits=(-0.6, len(ordered) - 0.4), ticks=tuple(places), names=tuple(oxide for oxide, _ in ordered))
    caption = (
        "By how much the predicted curves change when 1 mol% of the glass is replaced by the oxide: "
        "||g' - g|| / ||g||, mean over pairs and glasses."
    )
    pane = Pane(Axis("% per mol%"), (bars,))
    return [Figure("oxides", "importance", "Change of the curves", caption, x, (pane,))]


def _oxides(report: TrainReport) -> Table:
    rows = tuple(
        (oxide, str(r.glasses), f"{r.least:.3g}", f"{r.most:.3g}")
        for oxide, r in oxide_ranges(report.curve_set).items()
    )
    return Table("data", "Oxides", "Amounts in mol%.", ("oxide", "glasses", "least", "most"), rows)


def _pairs(report: TrainReport) -> Table:
    rows = tuple((pair, str(number)) for pair, number in pair_counts(report.curve_set).items())
    return Table("training", "Curves of each pair", "", ("pair", "glasses"), rows)


def _made(report: TrainReport) -> dict[str, str]:
    """Return how the data were made, as far as plain values say it."""
    plain = (str, int, float)
    return {f"data: {key}": str(v) for key, v in report.curve_set.provenance.items() if isinstance(v, plain)}


def _values(name: str, values: dict[str, object]) -> Table:
    rows = tuple((str(key), str(value)) for key, value in values.items())
    return Table(name, HEADINGS[name], "", ("name", "value"), rows, ("name", "value"))

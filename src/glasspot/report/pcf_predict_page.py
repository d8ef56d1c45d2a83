"""The prediction of one glass as text, JSON, CSV, pictures and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.files import write_text
from glasspot.provenance import provenance
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.pcf_answer import Answer, PairAnswer
from glasspot.report.pcf_figures import COLOURS, band, curve_figure
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures, save_grid
from glasspot.report.table import Table

HEADINGS = {
    "numbers": "Peaks and coordination",
    "curves": "Pair correlation functions",
    "scattering": "Structure factors",
    "provenance": "Provenance",
}
DOCUMENT = "prediction.json"
COLUMNS = ("pair", "peak (A)", "height", "within (A)", "neighbours")
CAPTION = (
    "First peak of g(r), and the mean number of the second element around one of the first within the given distance. "
    "± is one standard deviation, from curves drawn within the band."
)


def write_prediction(answer: Answer, folder: Path, trained: Mapping[str, Any]) -> Path:
    """Write page, pictures, CSV files and JSON into ``folder`` and return the page. GlasspotError where it cannot.

    ``trained``: what the model was trained on, plain values for the page and the JSON.
    """
    write_text(folder / "g_of_r.csv", curves_csv(answer))
    write_text(folder / "s_of_q.csv", scattering_csv(answer))
    curves = curve_figures(answer)
    seen = scattering_figures(answer)
    save_grid("g-of-r", curves, folder)
    save_figures(seen, folder)
    place = write_text(folder / "index.html", page(answer, [*curves, *seen], trained))
    # Last, since it says that all is there.
    write_text(folder / DOCUMENT, json.dumps(document(answer, trained), indent=2, allow_nan=False) + "\n")
    return place


def page(answer: Answer, drawn: list[Figure], trained: Mapping[str, Any]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    rows = {**{str(k): str(v) for k, v in trained.items()}, **provenance()}
    tables = {
        "numbers": [numbers_table(answer)],
        "provenance": [
            Table("provenance", HEADINGS["provenance"], "", ("name", "value"), tuple(rows.items()), ("name", "value"))
        ],
    }
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, heading, section_body(places, tables.get(name, []), heading))
    title = str(answer.prediction.composition)
    top = Words("predicted glass", title, "", "finished", headline(answer), evidence(answer), answer.warnings)
    return assemble(top, sections, HEADINGS, {f.name: plotly_dict(f) for f in drawn})


def headline(answer: Answer) -> str:
    """Return the density and the coordination of the bonds in one line."""
    numbers = [f"{p.pair} {with_error(p.coordination, p.coordination_error, 2)}" for p in answer.pairs if p.cutoff]
    return "; ".join([f"density {with_error(answer.density, answer.density_error, 3)} g/cm3", *numbers[:3]])


def evidence(answer: Answer) -> tuple[str, ...]:
    """Return the sentences that support it."""
    p = answer.prediction
    said = [f"Predicted by the {answer.model} model from the composition alone; nothing was simulated."]
    if p.low is not None:
        said.append("Bands are made to hold 90 % of the values that a simulation would give.")
    else:
        said.append("This kind of model gives no uncertainty.")
    if p.distance is not None:
        said.append(
            f"The composition is {p.distance:.2g} times as far from the nearest glass of the data as those are from "
            "each other."
        )
    return tuple(said)


def numbers_table(answer: Answer) -> Table:
    """Return a row a pair: first peak, height, neighbours."""
    return Table("numbers", HEADINGS["numbers"], CAPTION, COLUMNS, tuple(pair_row(p) for p in answer.pairs))


def pair_row(p: PairAnswer) -> tuple[str, ...]:
    """Return the cells of one pair."""
    return (
        p.pair,
        with_error(p.place, p.place_error, 3),
        with_error(p.height, p.height_error, 2),
        "-" if p.cutoff is None else f"{p.cutoff:.2f}",
        with_error(p.coordination, p.coordination_error, 2),
    )


def with_error(value: float | None, error: float | None, digits: int) -> str:
    """Return ``1.612 ± 0.004``, the value alone, or a dash."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if error is None else f"{value:.{digits}f} ± {error:.{digits}f}"


def curve_figures(answer: Answer) -> list[Figure]:
    """Return g(r) of each pair asked for."""
    p = answer.prediction
    made = []
    for pair in answer.shown:
        row = p.pairs.index(pair)
        low, high = (None, None) if p.low is None or p.high is None else (p.low[row], p.high[row])
        made.append(curve_figure(f"g-{pair}", "curves", pair, p.r, p.g[row], low, high))
    return made


def scattering_figures(answer: Answer) -> list[Figure]:
    """Return the two totals, and the partials of the pairs asked for."""
    s = answer.scattering
    x = Axis("Q (1/A)", limits=(0.0, float(s.q[-1])))
    totals = []
    for n, (label, values, error) in enumerate(
        (("neutrons", s.neutron, s.neutron_error), ("X-rays", s.xray, s.xray_error))
    ):
        if error is not None:
            totals.append(band(label, s.q, values - 1.645 * error, values + 1.645 * error, COLOURS[n]))
        totals.append(Trace(label, s.q, values, Style(COLOURS[n], 1.8)))
    reach = float(answer.prediction.r[-1])
    caption = f"From g(r) up to {reach:.3g} A, so nothing is resolved below {2 * np.pi / reach:.1f} 1/A."
    drawn = [Figure("s-of-q", "scattering", "Total S(Q)", caption, x, (Pane(Axis("S(Q)"), tuple(totals)),))]
    lines = tuple(
        Trace(pair, s.q, s.partials[s.pairs.index(pair)], Style(COLOURS[n % 6], 1.6, DASHES[n // 6 % 4]))
        for n, pair in enumerate(answer.shown)
    )
    partial = Figure(
        "s-of-q-partials", "scattering", "Partial S(Q)", "Faber and Ziman's.", x, (Pane(Axis("S(Q)"), lines),)
    )
    return [*drawn, partial]


DASHES = ("solid", "dash", "dot", "dashdot")


def curves_csv(answer: Answer) -> str:
    """Return g_of_r.csv: r, then g of each pair asked for, with the ends of its band."""
    p = answer.prediction
    columns = {"r_A": p.r}
    for pair in answer.shown:
        row = p.pairs.index(pair)
        columns[f"g_{pair}"] = p.g[row]
        if p.low is not None and p.high is not None:
            columns |= {f"low_{pair}": p.low[row], f"high_{pair}": p.high[row]}
    return _csv(columns)


def scattering_csv(answer: Answer) -> str:
    """Return s_of_q.csv: Q, the totals with their errors, the partials."""
    s = answer.scattering
    columns = {"q_1_A": s.q, "S_neutron": s.neutron, "S_xray": s.xray}
    if s.neutron_error is not None and s.xray_error is not None:
        columns |= {"error_neutron": s.neutron_error, "error_xray": s.xray_error}
    columns |= {f"S_{pair}": s.partials[s.pairs.index(pair)] for pair in answer.shown}
    return _csv(columns)


def _csv(columns: Mapping[str, np.ndarray]) -> str:
    rows = [",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows]) + "\n"


def document(answer: Answer, trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of prediction.json and of ``--json``, with stable keys (docs/pcf.md lists them)."""
    p, s = answer.prediction, answer.scattering
    found: dict[str, Any] = {
        "format": 1,
        "glasspot": __version__,
        "state": "finished",
        "composition": {name: _short(share) for name, share in p.composition.oxides},
        "model": {"kind": answer.model, **trained},
        "warnings": list(answer.warnings),
        "distance": _short(p.distance),
        "density_g_cm3": _short(answer.density),
        "density_error_g_cm3": _short(answer.density_error),
        "number_density_1_A3": _short(p.number_density),
        "r_A": [_short(value) for value in p.r],
        "pairs": {},
        "q_1_A": [_short(value) for value in s.q],
        "S_neutron": _list(s.neutron),
        "S_neutron_error": _list(s.neutron_error),
        "S_xray": _list(s.xray),
        "S_xray_error": _list(s.xray_error),
    }
    for item in answer.pairs:
        row = p.pairs.index(item.pair)
        found["pairs"][item.pair] = {
            "peak_A": _short(item.place),
            "peak_error_A": _short(item.place_error),
            "height": _short(item.height),
            "height_error": _short(item.height_error),
            "cutoff_A": _short(item.cutoff),
            "coordination": _short(item.coordination),
            "coordination_error": _short(item.coordination_error),
            "g": _list(p.g[row]),
            "low": _list(None if p.low is None else p.low[row]),
            "high": _list(None if p.high is None else p.high[row]),
            "S": _list(s.partials[s.pairs.index(item.pair)]),
        }
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _list(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(f"{value:.5g}") for value in values]

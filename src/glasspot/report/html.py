"""A report as one self-contained HTML page: it carries plotly.js, so it opens without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from glasspot import __version__
from glasspot.files import write_text
from glasspot.potential.model import Potential
from glasspot.report.data import FitReport
from glasspot.report.figure import Figure
from glasspot.report.learning_map import MapFigure, plotly_map
from glasspot.report.learning_words import learned_headline
from glasspot.report.panels import figures, report_maps
from glasspot.report.plotly_figure import plotly_dict, symbols
from glasspot.report.table import Table
from glasspot.report.tables import tables
from glasspot.report.words import headline

SECTIONS = {
    "convergence": "The fit",
    "validation": "Validation",
    "experiment": "Against experiment",
    "search": "The search",
    "windows": "Windows of the search",
    "pareto": "Best compromises",
    "map": "Error map",
    "model": "The model of all runs",
    "curves": "Targets",
    "potential": "Pair energies",
    "parameters": "Parameters",
    "uncertainty": "What the data determine",
    "ensemble": "Potentials that fit as well",
    "structure": "Structure that was not fitted",
    "files": "The fitted potential",
    "timings": "Timings",
    "provenance": "Provenance",
}


def write_page(report: FitReport, path: Path) -> Path:
    """Write the page of a report and return its path; an older page stays whole until the new one is complete.

    GlasspotError where the place cannot be written.
    """
    return write_text(path, page(report))


def page(report: FitReport) -> str:
    """Return the page as text. Whatever a user wrote (titles, names, notes) is escaped."""
    drawn: list[Figure | MapFigure] = [*figures(report), *report_maps(report)]
    made = tables(report)
    top = headline(report) if report.learned is None else learned_headline(report, report.learned)
    sections = {name: _section(name, report, drawn, made) for name in SECTIONS}
    words = Words(
        "fit report", report.title, report.description, report.state, top.answer, top.evidence, report.cautions
    )
    plots = {f.name: plotly_map(f) if isinstance(f, MapFigure) else plotly_dict(f) for f in drawn}
    return assemble(words, sections, SECTIONS, plots)


@dataclass(frozen=True)
class Words:
    """What stands at the top of a page: what it is, its title, its answer and what supports it."""

    kind: str
    title: str
    description: str
    state: str
    answer: str
    evidence: tuple[str, ...]
    cautions: tuple[str, ...]


def assemble(
    top: Words, sections: Mapping[str, str], headings: Mapping[str, str], plots: Mapping[str, dict[str, Any]]
) -> str:
    """Return a page of ``sections``, name -> HTML ("" is left out), and the figures in them, name -> what plotly reads.

    The words are escaped here.
    """
    from plotly.offline import get_plotlyjs

    sections = {name: body for name, body in sections.items() if body}
    if shared := sections.keys() & plots.keys():
        raise ValueError(f"sections and figures share the id {shared}: the figure would be drawn into the section")
    return Template(asset("page.html")).substitute(
        version=html.escape(__version__),
        kind=html.escape(top.kind),
        title=html.escape(top.title),
        description=f"<p>{html.escape(top.description)}</p>" if top.description else "",
        state=html.escape(top.state),
        answer=symbols(top.answer),
        evidence="".join(f"<p>{symbols(sentence)}</p>" for sentence in top.evidence),
        cautions="".join(f'<p class="caution"><strong>Caution.</strong> {symbols(c)}</p>' for c in top.cautions),
        nav=" ".join(f'<a href="#{name}">{headings[name]}</a>' for name in sections),
        sections="\n".join(sections.values()),
        figures=safe_json(dict(plots)),
        css=asset("page.css"),
        plotly=get_plotlyjs(),
        script=asset("figures.js") + asset("page.js"),
    )


def safe_json(data: object) -> str:
    """Return JSON that may stand inside a script element: no ``<`` that could end it, no NaN."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def asset(name: str) -> str:
    """Return a file of the page folder."""
    return resources.files("glasspot.report").joinpath("page", name).read_text(encoding="utf-8")


def _section(name: str, report: FitReport, drawn: Iterable[Figure | MapFigure], made: Iterable[Table]) -> str:
    """Return a section with its figures, then its tables; "" where there is nothing to show."""
    plots = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
    body = section_body(plots, [table for table in made if table.section == name], SECTIONS[name])
    if name == "files" and report.fitted is not None:
        body += potential_text(report.fitted)
        body += (
            '<p class="note">Beside this page: this file, a LAMMPS include with its tables, a Python file for ASE.</p>'
        )
    return section(name, SECTIONS[name], body)


def section(name: str, heading: str, body: str) -> str:
    """Return a section under its heading; "" where there is nothing to show."""
    return f'<section id="{name}"><h2>{heading}</h2>{body}</section>' if body else ""


def section_body(plots: Sequence[str], made: Iterable[Table], heading: str) -> str:
    """Return the places of figures side by side, then tables; a table titled as the ``heading`` repeats no title."""
    body = f'<div class="figures">{"".join(plots)}</div>' if plots else ""
    return body + "".join(_table(table, heading) for table in made)


def figure_place(name: str, heading: str, words: str) -> str:
    """Return the place of a figure: title, legend, plot, caption and buttons; figures.js fills the legend and plot."""
    label = html.escape(heading)
    caption = f"<figcaption>{symbols(words)}</figcaption>" if words else ""
    tools = "".join(
        f'<button type="button" data-do="{do}" data-figure="{name}" aria-label="{text}: {label}">{text}</button>'
        for do, text in (("reset", "Reset zoom"), ("csv", "CSV"), ("svg", "SVG"), ("png", "PNG"))
    )
    return (
        f'<figure><h3>{symbols(heading)}</h3><div class="keys" id="{name}-keys" role="group" '
        f'aria-label="Curves of {label}"></div>'
        f'<div class="plot" id="{name}" role="img" aria-label="{label}"></div>'
        f'{caption}<div class="tools">{tools}</div></figure>'
    )


def _table(table: Table, heading: str) -> str:
    """Return a table in its own scroll box, which the keyboard reaches too."""
    head = "".join(f'<th scope="col"{_kind(table, name)}>{symbols(name)}</th>' for name in table.columns)
    rows = "".join(_row(row, table, fitted=n == table.fitted) for n, row in enumerate(table.rows))
    title = f"<h3>{symbols(table.title)}</h3>" if table.title != heading else ""
    note = f'<p class="note">{symbols(table.caption)}</p>' if table.caption else ""
    return (
        f'{title}<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _kind(table: Table, column: str) -> str:
    """Return the class of the cells of a column: words are set left and may wrap."""
    return ' class="text"' if column in table.words else ""


def _row(row: tuple[str, ...], table: Table, fitted: bool) -> str:
    """Return a table row: its name, then its cells; the row of the fitted potential stands out."""
    cells = f'<th scope="row"{_kind(table, table.columns[0])}>{symbols(row[0])}</th>'
    for column, text in zip(table.columns[1:], row[1:], strict=True):
        cells += f"<td{_kind(table, column)}>{symbols(text)}</td>"
    return f'<tr class="fitted">{cells}</tr>' if fitted else f"<tr>{cells}</tr>"


def potential_text(potential: Potential) -> str:
    """Return a potential as the TOML file that ``glasspot`` reads back, with a button that saves it."""
    from glasspot.potential.io import potential_to_toml

    name = html.escape(f"{potential.name}.toml".replace("/", "-"))
    return (
        f'<p><button type="button" class="save" data-save="{name}" data-from="potential-toml">Save {name}</button></p>'
        '<div class="scroll text-box" tabindex="0" role="region" aria-label="Fitted potential">'
        f'<pre id="potential-toml">{html.escape(potential_to_toml(potential))}</pre></div>'
    )

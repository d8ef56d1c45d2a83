"""A report as one self-contained HTML page: it carries plotly.js, so it opens without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from string import Template

from glasspot import __version__
from glasspot.files import write_text
from glasspot.report.data import FitReport
from glasspot.report.figure import Figure
from glasspot.report.panels import figures
from glasspot.report.plotly_figure import plotly_dict, symbols
from glasspot.report.tables import Table, tables
from glasspot.report.words import headline

SECTIONS = {
    "convergence": "The fit",
    "validation": "Validation",
    "curves": "Target curves",
    "potential": "Pair energies",
    "parameters": "Parameters",
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
    from plotly.offline import get_plotlyjs

    drawn, made = figures(report), tables(report)
    top = headline(report)
    sections = {name: _section(name, report, drawn, made) for name in SECTIONS}
    sections = {name: body for name, body in sections.items() if body}
    return Template(_asset("page.html")).substitute(
        version=html.escape(__version__),
        title=html.escape(report.title),
        description=f"<p>{html.escape(report.description)}</p>" if report.description else "",
        state=html.escape(report.state),
        answer=symbols(top.answer),
        evidence="".join(f"<p>{symbols(sentence)}</p>" for sentence in top.evidence),
        cautions="".join(f'<p class="caution"><strong>Caution.</strong> {symbols(c)}</p>' for c in report.cautions),
        nav=" ".join(f'<a href="#{name}">{SECTIONS[name]}</a>' for name in sections),
        sections="\n".join(sections.values()),
        figures=safe_json({figure.name: plotly_dict(figure) for figure in drawn}),
        css=_asset("page.css"),
        plotly=get_plotlyjs(),
        script=_asset("page.js"),
    )


def safe_json(data: object) -> str:
    """Return JSON that may stand inside a script element: no ``<`` that could end it, no NaN."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    """Return a file of the page folder."""
    return resources.files("glasspot.report").joinpath("page", name).read_text(encoding="utf-8")


def _section(name: str, report: FitReport, drawn: Iterable[Figure], made: Iterable[Table]) -> str:
    """Return a section with its figures, then its tables; "" where there is nothing to show."""
    plots = "".join(_figure(figure) for figure in drawn if figure.section == name)
    body = f'<div class="figures">{plots}</div>' if plots else ""
    body += "".join(_table(table, heading=SECTIONS[name]) for table in made if table.section == name)
    if name == "files":
        body += _potential_text(report)
    return f'<section id="{name}"><h2>{SECTIONS[name]}</h2>{body}</section>' if body else ""


def _figure(figure: Figure) -> str:
    """Return the place of a figure: title, legend, plot, caption and its buttons; page.js fills the legend and plot."""
    label = html.escape(figure.title)
    caption = f"<figcaption>{symbols(figure.caption)}</figcaption>" if figure.caption else ""
    tools = "".join(
        f'<button type="button" data-do="{do}" data-figure="{figure.name}" aria-label="{text}: {label}">{text}</button>'
        for do, text in (("reset", "Reset zoom"), ("csv", "CSV"), ("svg", "SVG"), ("png", "PNG"))
    )
    return (
        f'<figure><h3>{symbols(figure.title)}</h3><div class="keys" id="{figure.name}-keys" role="group" '
        f'aria-label="Curves of {label}"></div>'
        f'<div class="plot" id="{figure.name}" role="img" aria-label="{label}"></div>'
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


def _potential_text(report: FitReport) -> str:
    """Return the fitted potential as the TOML file that ``glasspot`` reads back, with a button that saves it."""
    if report.fitted is None:
        return ""
    from glasspot.potential.io import potential_to_toml

    name = html.escape(f"{report.fitted.name}.toml".replace("/", "-"))
    return (
        f'<p><button type="button" class="save" data-save="{name}" data-from="potential-toml">Save {name}</button></p>'
        '<div class="scroll text-box" tabindex="0" role="region" aria-label="Fitted potential">'
        f'<pre id="potential-toml">{html.escape(potential_to_toml(report.fitted))}</pre></div>'
        '<p class="note">Beside this page: this file, a LAMMPS include with its tables, a Python file for ASE.</p>'
    )

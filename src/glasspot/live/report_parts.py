"""The parts of the live page that a fit or a comparison has: the figures and tables of its report."""

from __future__ import annotations

from glasspot.live.part import Drawn, Part
from glasspot.report.data import FitReport
from glasspot.report.figure import Figure
from glasspot.report.html import SECTIONS, potential_text, section_body
from glasspot.report.learning_map import MapFigure, plotly_map
from glasspot.report.panels import figures, report_maps
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.tables import tables

COURSES = ("convergence", "search", "windows", "parameters")  # sections that show each evaluation
LEFT_OUT = ("provenance",)  # of the finished report, and no news


def report_parts(report: FitReport, thinned: str) -> list[Part]:
    """Return a part for each section that has something to show; ``thinned``: a sentence for figures of evaluations."""
    drawn: list[Figure | MapFigure] = [*figures(report), *report_maps(report)]
    made = tables(report)
    parts = []
    for name, heading in SECTIONS.items():
        if name in LEFT_OUT:
            continue
        here = tuple(_drawn(figure, thinned) for figure in drawn if figure.section == name)
        below = section_body([], [table for table in made if table.section == name], heading)
        if name == "files" and report.fitted is not None:
            below += potential_text(report.fitted)
        if here or below:
            parts.append(Part(name, heading, figures=here, tables=below))
    return parts


def _drawn(figure: Figure | MapFigure, thinned: str) -> Drawn:
    caption = f"{figure.caption} {thinned}".strip() if figure.section in COURSES else figure.caption
    plot = plotly_map(figure) if isinstance(figure, MapFigure) else plotly_dict(figure)
    return Drawn(figure.name, figure.title, caption, plot)

"""An error map of a fit that learns over any two of its parameters, as image files and as a page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspot.campaign.lesson_tables import aim_of, drawn_map
from glasspot.campaign.lessons import Lessons
from glasspot.files import write_text
from glasspot.potential.model import Potential
from glasspot.report.data import FitReport
from glasspot.report.glass_terms import Terms
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.learning_data import Learned, Level
from glasspot.report.learning_lessons import map_of
from glasspot.report.learning_map import MapFigure, maps, plotly_map
from glasspot.report.learning_map_static import save_maps
from glasspot.report.panels import report_styles
from glasspot.report.words import STATES
from glasspot.search.cost_model import repeatable

SECTION = "map"


def figures_over(
    report: FitReport, found: Learned, lessons: Lessons, axes: tuple[int, int], box: np.ndarray
) -> list[MapFigure]:
    """Return the maps over two ``axes``; ``box`` (n, 2) of the cube is drawn, the others are those of the best set."""
    space = lessons.plan.space
    named = {name: p for name, p in _named(report).items() if space.place_of(p) is not None}
    centre = next((p for name, p in named.items() if _role(found, name) == "fitted"), space.base)
    with repeatable(lessons.seed):
        drawn = drawn_map(lessons, lessons.model(), space.to_cube(centre), axes, box)
    terms, aims = Terms.of([lessons.objective]), {"quantities": list(lessons.aims.quantities)}
    where = aim_of(lessons)
    level = Level(where["atoms"], np.nan if where["rate"] is None else where["rate"])
    found = replace(found, aim=level, extrapolated=where["extrapolated"])
    return maps(found, map_of(drawn, aims, terms, space, centre, named), report_styles(report), SECTION)


def _named(report: FitReport) -> Mapping[str, Potential]:
    """Return the potentials of a report, each under the name that it is drawn by."""
    return {name: replace(potential, name=name) for name, potential in report.potentials.items()}


def _role(found: Learned, name: str) -> str:
    return next((one.role for one in found.sets if one.name == name), "")


def write_over(report: FitReport, figures: Sequence[MapFigure], stem: Path) -> list[Path]:
    """Write the maps as STEM.png (R_chi), STEM-QUANTITY.png and the page STEM.html with all of them; return the paths.

    GlasspotError where the place cannot be written.
    """
    named = [replace(f, name=stem.name + ("" if n == 0 else f"-{_file_part(f)}")) for n, f in enumerate(figures)]
    written = save_maps(named, stem.parent, ("png",))
    return [*written, write_text(stem.with_name(f"{stem.name}.html"), page(report, named))]


def _file_part(figure: MapFigure) -> str:
    """Return the quantity of a map as a part of a file's name."""
    name = figure.bar.removeprefix("RMSE of ").partition(" (")[0]
    return "".join(c if c.isalnum() or c in "_-" else "-" for c in name)


def page(report: FitReport, figures: Sequence[MapFigure]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    shown = {f"map-{n}": figure for n, figure in enumerate(figures)}
    places = [figure_place(name, figure.title, figure.caption) for name, figure in shown.items()]
    heading = {SECTION: "Error map"}
    body = section(SECTION, html.escape(heading[SECTION]), section_body(places, [], ""))
    told = (STATES[report.state],) if report.state in STATES else ()
    top = Words("error map", report.title, "", report.state, figures[0].title, told, ())
    return assemble(top, {SECTION: body}, heading, {name: plotly_map(figure) for name, figure in shown.items()})

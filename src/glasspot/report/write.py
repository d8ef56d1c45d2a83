"""Write the report of a fit into its folder: the page, the figures, the potential's files."""

from __future__ import annotations

from pathlib import Path

from glasspot.report.collect import collect
from glasspot.report.export import write_potential_files
from glasspot.report.html import write_page
from glasspot.report.static import write_figures


def write_report(folder: Path) -> Path:
    """Write ``folder``/report and return the path of its page."""
    report = collect(folder)
    target = folder / "report"
    page = write_page(report, target / "index.html")
    drawn = write_figures(report, target / "figures")
    for old in {*(target / "figures").glob("*.png"), *(target / "figures").glob("*.svg")} - set(drawn):
        old.unlink()  # a figure of an earlier state of the run
    if report.fitted is not None:
        write_potential_files(report.fitted, report.fitted.elements, target / "potential")
    return page

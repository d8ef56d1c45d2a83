"""Write the report of a fit into its folder: the page, the figures, the potential's files."""

from __future__ import annotations

from pathlib import Path

from glasspot.files import write_text
from glasspot.potential.io import potential_to_toml
from glasspot.report.collect import collect
from glasspot.report.data import FitReport
from glasspot.report.export import write_potential_files
from glasspot.report.html import write_page
from glasspot.report.learning_map_static import save_maps
from glasspot.report.panels import report_maps
from glasspot.report.static import write_figures


def write_report(folder: Path) -> Path:
    """Write ``folder``/report and return the path of its page."""
    report = collect(folder)
    target = folder / "report"
    page = write_page(report, target / "index.html")
    drawn = write_figures(report, target / "figures") + save_maps(report_maps(report), target / "figures")
    for old in {*(target / "figures").glob("*.png"), *(target / "figures").glob("*.svg")} - set(drawn):
        old.unlink()  # a figure of an earlier state of the run
    if report.fitted is not None:
        # Of the systems of the fit: a potential may know more elements, but nothing was said of those here.
        write_potential_files(report.fitted, report.elements, target / "potential")
    _write_members(report, target / "ensemble")
    _write_front(report, target / "potentials")
    return page


def _write_members(report: FitReport, folder: Path) -> None:
    """Write each member that fits as well as member-NN.toml; files of members that are no more go."""
    written = set()
    for number, member in enumerate(report.ensemble.members if report.ensemble else (), start=1):
        if member.fits:
            path = folder / f"member-{number:02d}.toml"
            written.add(write_text(path, potential_to_toml(member.potential)))
    for old in set(folder.glob("member-*.toml")) - written:
        old.unlink()


def _write_front(report: FitReport, folder: Path) -> None:
    """Write each set on the front of a fit that learns as pareto-N.toml; files of sets that are no more go."""
    front = report.learned.front if report.learned is not None else None
    written = {
        write_text(folder / f"pareto-{number}.toml", potential_to_toml(potential))
        for number, potential in enumerate(front.potentials if front is not None else (), start=1)
    }
    for old in set(folder.glob("pareto-*.toml")) - written:
        old.unlink()

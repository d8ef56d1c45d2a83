"""Write the evidence of a glass into a folder: the page, the figures, the numbers as CSV and JSON."""

from __future__ import annotations

from pathlib import Path

from glasspot.files import write_text
from glasspot.report.evidence import answers, tables
from glasspot.report.evidence_figures import figures
from glasspot.report.evidence_files import csv_files, document
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures
from glasspot.structure.against import Evidence

HEADINGS = {
    "soundness": "What is wrong",
    "summary": "Summary",
    "totals": "Total curves",
    "misfits": "Difference from the reference",
    "coordination": "Coordination",
    "peaks": "Peaks",
    "partials": "Partial curves",
}


def write_evidence(found: Evidence, folder: Path) -> Path:
    """Write evidence.json, evidence.csv, g_of_r.csv, s_of_q.csv, figures/ and index.html; return the page.

    GlasspotError where the folder cannot be written.
    """
    write_text(folder / "evidence.json", document(found))
    for name, text in csv_files(found).items():
        write_text(folder / name, text)
    save_figures(figures(found), folder / "figures")
    return write_text(folder / "index.html", page(found))


def page(found: Evidence) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    drawn = figures(found)
    made = [table for table in tables(found) if table.rows]
    headings = dict(HEADINGS)
    sections = {}
    for name in HEADINGS:
        here = [table for table in made if table.section == name]
        if name == "summary" and here:
            headings[name] = here[0].title
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, headings[name], section_body(places, here, headings[name]))
    wrong = [f"{glass.side.name}: {f.message}" for glass in found.glasses for f in glass.soundness.findings]
    said = answers(found)
    said.sort(key=lambda sentence: not any(sentence.startswith(f"{name}: ") for name in _failed(found)))
    top = Words(
        "evidence against reference frames",
        ", ".join(glass.side.name for glass in found.glasses),
        "",
        "finished",
        said[0],
        (*said[1:], *_about(found)),
        (*wrong, *found.cautions),
    )
    return assemble(top, sections, headings, {figure.name: plotly_dict(figure) for figure in drawn})


def _failed(found: Evidence) -> list[str]:
    """Return the names of what is no glass; these come first."""
    return [glass.side.name for glass in found.glasses if glass.soundness.failed]


def _about(found: Evidence) -> list[str]:
    """Return what stands against what."""
    reference = found.reference
    cutoffs = ", ".join(f"{pair} {value:.2f} A" for pair, value in found.cutoffs.items())
    return [
        f"Reference: {reference.name}, {reference.n_frames} frames of {reference.n_atoms} atoms, "
        f"{reference.analysis.density:.3f} g/cm3. g(r) of all ends at {found.r_max:.4g} A; cut-offs of all: {cutoffs}.",
        "Errors come from blocks of the frames of one glass: they hold what moves within it, not how another quench of "
        "it would differ.",
    ]

"""Write the report of a distilled data set: one page, figures, CSV, and the chosen frames with their labels."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np

from glasspot.files import write_text
from glasspot.provenance import provenance
from glasspot.report.distill_data import LONG, DistillReport, clusters_csv, curve_csv, document, scan_csv
from glasspot.report.distill_figures import figures
from glasspot.report.figure import Figure
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures
from glasspot.report.table import Table

HEADINGS = {
    "map": "Map of the frames",
    "clusters": "Clusters",
    "scan": "Number of clusters and delta",
    "settings": "Settings",
    "provenance": "Provenance",
}
LISTED = 60  # clusters in the table; the CSV has them all


def write_distilled(report: DistillReport, folder: Path, data: str) -> Path:
    """Write everything but the chosen frames into ``folder`` and return the page. GlasspotError where it cannot."""
    write_text(folder / "clusters.csv", clusters_csv(report))
    write_text(folder / "scan.csv", scan_csv(report))
    write_text(folder / "curve.csv", curve_csv(report))
    drawn = figures(report)
    save_figures(drawn, folder)
    place = write_text(folder / "index.html", page(report, drawn))
    # Last, since it says that all is there.
    write_text(folder / "distill.json", document(report, data))
    return place


def page(report: DistillReport, drawn: list[Figure]) -> str:
    """Return the page as text; whatever a user wrote is escaped."""
    tables = {
        "clusters": [clusters_table(report)],
        "scan": [scan_table(report)],
        "settings": [_pairs("settings", report.settings)],
        "provenance": [_pairs("provenance", provenance())],
    }
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, heading, section_body(places, tables.get(name, []), heading))
    top = Words("distilled data set", report.title, "", "finished", answer(report), evidence(report), report.cautions)
    return assemble(top, sections, HEADINGS, {f.name: plotly_dict(f) for f in drawn})


def answer(report: DistillReport) -> str:
    """Return the result in one line."""
    number = report.distilled.chosen.n_clusters
    return f"{len(report.picked)} of {len(report.dataset)} frames, from {number} clusters"


def evidence(report: DistillReport) -> tuple[str, ...]:
    """Return the sentences that support it."""
    chosen = report.distilled.chosen
    long = LONG[report.distilled.kernels.long_range]
    groups = len(set(report.groups))
    said = [f"Kernel: SOAP and {long}, delta {chosen.delta:g}."]
    if math.isfinite(chosen.spread):
        said.append(
            f"Energies in a cluster differ by {1000 * chosen.spread:.1f} meV/atom (standard deviation, mean over "
            f"clusters); in {'the whole set' if groups == 1 else f'the {groups} groups of the file'} by "
            f"{1000 * report.spread_within_groups():.1f} meV/atom."
        )
    for c in report.scans[report.distilled.kernels.long_range]:
        if c.delta in (0.0, 1.0) and math.isfinite(c.spread):
            what = "SOAP alone" if c.delta == 0 else f"{long[0].upper()}{long[1:]} alone"
            said.append(f"{what}: {c.n_clusters} clusters, {1000 * c.spread:.1f} meV/atom.")
    return tuple(said)


def clusters_table(report: DistillReport) -> Table:
    """Return a row a cluster: frames, how many are chosen, groups, energies."""
    labels = report.distilled.labels
    groups = np.array(report.groups)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[report.picked] = True
    rows = []
    for number in range(min(report.distilled.chosen.n_clusters, LISTED)):
        own = labels == number
        energies = report.distilled.energies[own]
        energies = energies[np.isfinite(energies)]
        mean = f"{energies.mean():.4f}" if len(energies) else "-"
        spread = f"{1000 * energies.std():.1f}" if len(energies) else "-"
        held = ", ".join(f"{group} {count}" for group, count in Counter(groups[own].tolist()).most_common())
        rows.append((str(number + 1), str(int(own.sum())), str(int(chosen[own].sum())), mean, spread, held))
    caption = "Energies in eV/atom, their spread in meV/atom. clusters.csv names the cluster of every frame."
    if report.distilled.chosen.n_clusters > LISTED:
        caption += f" The {LISTED} largest of {report.distilled.chosen.n_clusters} clusters."
    columns = ("cluster", "frames", "chosen", "energy", "spread", "config_type")
    return Table("clusters", HEADINGS["clusters"], caption, columns, tuple(rows), ("config_type",))


def scan_table(report: DistillReport) -> Table:
    """Return a row a delta: clusters and spread, for each long-range kernel."""
    columns = ["delta"]
    for name in report.scans:
        columns += [f"clusters ({LONG[name]})", f"spread ({LONG[name]})"]
    deltas = sorted({c.delta for found in report.scans.values() for c in found})
    rows = []
    for delta in deltas:
        row = [f"{delta:g}"]
        for found in report.scans.values():
            c = next((c for c in found if c.delta == delta), None)
            row += ["-", "-"] if c is None else [_number(c.n_clusters, c.converged), _spread(c.spread)]
        rows.append(tuple(row))
    caption = "Spread in meV/atom. A number with > is the most that was tried: the mean distance still changed."
    return Table("scan", "Scan of delta", caption, tuple(columns), tuple(rows))


def _number(number: int, converged: bool) -> str:
    return str(number) if converged else f"> {number}"


def _spread(spread: float) -> str:
    return f"{1000 * spread:.1f}" if math.isfinite(spread) else "-"


def _pairs(name: str, values: object) -> Table:
    rows = tuple((str(key), str(value)) for key, value in dict(values).items())  # type: ignore[call-overload]
    return Table(name, HEADINGS[name], "", ("name", "value"), rows, ("name", "value"))

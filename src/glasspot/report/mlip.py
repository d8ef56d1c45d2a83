"""The report of ``glasspot fit-mlip``: fit.json and parity.npz in a folder -> one page and its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from glasspot.files import write_text
from glasspot.mlip.model import Errors
from glasspot.mlip.parity import Parity
from glasspot.report.figure import Figure
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.mlip_figures import groups_figure, learning_figure, mean_and_spread, rounds_figure, trials_figure
from glasspot.report.mlip_parity import parity_figures
from glasspot.report.mlip_record import PARITY, FitRecord, read_record
from glasspot.report.mlip_tables import (
    distilled_table,
    files_table,
    final_table,
    groups_table,
    kinds_of,
    learning_table,
    notes_table,
    number,
    pairs,
    rounds_table,
    settings_table,
    survey_table,
    with_spread,
)
from glasspot.report.mlip_trust import trust_figure, trust_table
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures
from glasspot.report.table import Table

HEADINGS = {
    "errors": "Errors",
    "parity": "Model against data",
    "learning": "How many frames are enough",
    "groups": "Where it is good and where not",
    "rounds": "Rounds",
    "trials": "Hyper-parameters tried",
    "settings": "Settings",
    "trust": "Uncertainty in MD",
    "data": "The data",
    "files": "Files",
    "provenance": "Provenance",
}
OVERFITTED = 2.0  # held-out force error over that of the frames fitted to, from which it is said


def write_fit_page(folder: Path) -> Path:
    """Write ``folder``/report/index.html with its figures (PNG, SVG), from fit.json and parity.npz; return its path.

    Without parity.npz the page has no parity plots. GlasspotError where the record is missing or damaged.
    """
    record = read_record(folder)
    parity = Parity.load(folder / PARITY) if (folder / PARITY).exists() else None
    drawn = figures(record, parity)
    place = folder / "report"
    save_figures(drawn, place)
    return write_text(place / "index.html", page(record, drawn, tables(record, folder)))


def figures(record: FitRecord, parity: Parity | None) -> list[Figure]:
    """Return every figure that there are numbers for."""
    made = [groups_figure(kind, groups) for kind, groups in kinds_of(record.groups).items()]
    made += [learning_figure(record), rounds_figure(record), trials_figure(record), trust_figure(record)]
    return [*(parity_figures(parity) if parity is not None else ()), *(f for f in made if f is not None)]


def tables(record: FitRecord, folder: Path) -> list[Table]:
    """Return every table that has rows."""
    made = [
        final_table(record),
        learning_table(record),
        *(groups_table(kind, groups) for kind, groups in kinds_of(record.groups).items()),
        rounds_table(record),
        settings_table(record),
        distilled_table(record),
        trust_table(record),
        survey_table(record),
        notes_table(record),
        files_table(folder),
        pairs("provenance", HEADINGS["provenance"], record.raw.get("provenance") or {}),
    ]
    return [table for table in made if table.rows and table.columns]


def page(record: FitRecord, drawn: Sequence[Figure], made: Sequence[Table]) -> str:
    """Return the page as text; whatever a user or a file wrote is escaped."""
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        sections[name] = section(name, heading, section_body(places, [t for t in made if t.section == name], heading))
    state = "finished" if record.reached else "finished, tolerance not reached"
    kind = f"machine-learned potential ({record.model})" if record.model else "machine-learned potential"
    words = Words(kind, record.name, "", state, answer(record), evidence(record), record.cautions)
    return assemble(words, sections, HEADINGS, {figure.name: plotly_dict(figure) for figure in drawn})


def answer(record: FitRecord) -> str:
    """Return the result in one line: errors on held-out frames, and how many frames they took."""
    return (
        f"{in_words(record.test)} on {record.test.frames} held-out frames, fitted to {len(record.train_keys)} of "
        f"{record.frames}"
    )


def in_words(errors: Errors) -> str:
    """Return "1.9 meV/atom and 0.18 eV/A"."""
    energy, force = errors.energy_rmse_meV_per_atom, errors.force_rmse_eV_per_A
    parts = [f"{number(energy, 2)} meV/atom"] if math.isfinite(energy) else []
    parts += [f"{number(force, 2)} eV/A"] if math.isfinite(force) else []
    return " and ".join(parts) or "No error could be measured"


def frames_of(count: int) -> str:
    """Return "1 frame" or "2 frames"."""
    return f"{count} frame{'s' * (count != 1)}"


def evidence(record: FitRecord) -> tuple[str, ...]:
    """Return the sentences that support the answer."""
    said = []
    if math.isfinite(record.tolerance):
        reached = "was reached" if record.reached else "was not reached"
        why = f" The loop ended: {record.stopped.rstrip('.')}." if record.stopped else ""
        said.append(f"The tolerance of {record.tolerance:g} meV/atom {reached}.{why}")
    if record.unseen.frames:
        said.append(f"On the {frames_of(record.unseen.frames)} that were never chosen: {in_words(record.unseen)}.")
    said += _against_random(record)
    trained = record.train.force_rmse_eV_per_A
    if trained > 0 and record.test.force_rmse_eV_per_A > OVERFITTED * trained:
        said.append(
            f"On the frames it was fitted to the force error is {number(trained, 2)} eV/A, much smaller: the model has "
            "more freedom than these frames determine. More frames would help."
        )
    return tuple(said)


def _against_random(record: FitRecord) -> list[str]:
    """Return what the choice of frames gained, with as many as the model was fitted to, where there was a choice."""
    ours, theirs, whole = (record.learned(how) for how in ("distilled", "random", "all"))
    both = [n for n in sorted(set(ours) & set(theirs)) if not whole or n < max(whole)]
    if not both:
        return []
    frames = len(record.train_keys) if len(record.train_keys) in both else both[-1]
    q = "force_rmse_eV_per_A"
    mean, spread = (part[0] for part in mean_and_spread({frames: theirs[frames]}, q))
    own = mean_and_spread({frames: ours[frames]}, q)[0][0]
    text = (
        f"Force error with {frames_of(frames)}, on the same held-out frames: {number(float(own))} eV/A distilled, "
        f"{with_spread(float(mean), float(spread))} chosen at random"
    )
    if whole:
        most = max(whole)
        text += f"; {number(float(mean_and_spread(whole, q)[0][-1]))} with all {most} frames of the training side"
    return [f"{text}."]

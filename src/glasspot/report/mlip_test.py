"""A test of a machine-learned potential as text, JSON, CSV and a page."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasspot import __version__
from glasspot.files import write_text
from glasspot.mlip.model import Errors
from glasspot.mlip.testing import KINDS, FrameError, Tested
from glasspot.provenance import provenance
from glasspot.report.figure import Figure
from glasspot.report.html import Words, assemble, figure_place, section, section_body
from glasspot.report.mlip import frames_of, in_words
from glasspot.report.mlip_figures import group_rows, groups_figure, margin_figure
from glasspot.report.mlip_parity import NO_TYPE, parity_figures
from glasspot.report.mlip_tables import ERROR_CAPTION, ERROR_COLUMNS, error_cells, groups_table, number, pairs
from glasspot.report.plotly_figure import plotly_dict
from glasspot.report.static import save_figures
from glasspot.report.table import Table

HEADINGS = {
    "errors": "Errors",
    "parity": "Model against data",
    "groups": "Where it is good and where not",
    "closest": "Closer than its data",
    "worst": "Worst frames",
    "notes": "Notes",
    "provenance": "Provenance",
}
WORST = 5
NUMBERS = (
    "energy_rmse_meV_per_atom", "force_rmse_eV_per_A", "stress_rmse_GPa", "energy_mae_meV_per_atom",
    "force_mae_eV_per_A",
)  # fmt: skip


@dataclass(frozen=True)
class TestReport:
    """A test and what it was of. data: names of the files. trained_on: how many of the given frames the model was
    fitted to, None where that is not known; with_trained: whether they are among the frames tested.
    """

    __test__ = False  # the name begins as those that pytest collects

    tested: Tested
    data: tuple[str, ...]
    trained_on: int | None
    with_trained: bool
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """Notes on the data and on what was compared."""
        return (*self.notes, *self.seen, *self.tested.notes)

    @property
    def seen(self) -> tuple[str, ...]:
        """What is known of frames that the model was fitted to."""
        if self.trained_on is None:
            return ("whether the model was fitted to some of these frames is not known: no fit.json tells it",)
        if self.trained_on == 0:
            return ("the model was fitted to none of these frames",)
        which = "they are tested all the same (--all)" if self.with_trained else "left out (--all keeps them)"
        return (f"the model was fitted to {frames_of(self.trained_on)} of those given: {which}",)


def text_report(report: TestReport) -> str:
    """Return the table for a terminal: overall and by config_type, the worst frames, notes and cautions."""
    test = report.tested
    groups = test.of_kind("config_type")
    rows = [("", *ERROR_COLUMNS), ("all", *error_cells(test.overall))]
    rows += [(group.name or NO_TYPE, *error_cells(group.errors)) for group in groups if len(groups) > 1]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(c.rjust(w) if n else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
    lines.append("root mean squares: energy meV/atom, force eV/A, stress GPa; then mean absolute errors")
    lines += ["worst: " + "; ".join(_worst(row) for row in test.worst(3))] if len(test.rows) > 1 else []
    lines += [f"note: {text}" for text in report.said]
    lines += [f"caution: {text}" for text in test.cautions]
    return "\n".join(lines)


def _worst(row: FrameError) -> str:
    parts = [f"{number(row.force_rmse_eV_per_A)} eV/A"] if math.isfinite(row.force_rmse_eV_per_A) else []
    if math.isfinite(row.energy_meV_per_atom):
        parts.append(f"{_signed(row.energy_meV_per_atom)} meV/atom")
    return f"{row.frame.origin or 'a frame'} {', '.join(parts)}"


def _signed(value: float) -> str:
    return "-" if not math.isfinite(value) else f"{'+' if value >= 0 else '-'}{number(abs(value))}"


def summary(report: TestReport) -> dict[str, Any]:
    """Return the numbers of ``--json`` and test.json, with stable keys (docs/mlip.md lists them)."""
    test = report.tested
    offset = test.offset
    return {
        "format": 1,
        "glasspot": __version__,
        "potential": {"name": test.potential.name, "kind": test.potential.kind, "id": test.potential.potential_id},
        "data": list(report.data),
        **_errors(test.overall),
        "trained_on": report.trained_on,
        "trained_on_included": bool(report.trained_on) and report.with_trained,
        "groups": [{"kind": g.kind, "name": g.name, **_errors(g.errors)} for g in test.groups],
        "energy_offset": None
        if offset is None
        else {
            "eV_per_atom": dict(offset.values),
            "mean_meV_per_atom": offset.mean,
            "energy_rmse_without_it_meV_per_atom": offset.left,
        },
        "closer_than_its_data": sum(row.margin < 0 for row in test.rows) if test.potential.closest else None,
        "worst": [_row(row) for row in test.worst(WORST)],
        "notes": list(report.said),
        "cautions": list(test.cautions),
    }


def document(report: TestReport) -> str:
    """Return the summary as JSON."""
    return json.dumps(summary(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _errors(errors: Errors) -> dict[str, Any]:
    return {"frames": errors.frames, **{name: _known(getattr(errors, name)) for name in NUMBERS}}


def _row(row: FrameError) -> dict[str, Any]:
    return {
        "origin": row.frame.origin,
        "config_type": row.frame.config_type,
        "temperature": row.frame.temperature,
        "energy_error_meV_per_atom": _known(row.energy_meV_per_atom),
        "force_rmse_eV_per_A": _known(row.force_rmse_eV_per_A),
        "stress_rmse_GPa": _known(row.stress_rmse_GPa),
        "margin_A": _known(row.margin),
    }


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def frames_csv(test: Tested) -> str:
    """Return frames.csv: a row a frame, its energies in eV/atom and its errors."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    names = [name for name in _row(test.rows[0]) if name != "origin"]
    table.writerow(["origin", "atoms", "energy_data_eV_per_atom", "energy_model_eV_per_atom", *names])
    for row, found in zip(test.rows, test.found, strict=True):
        n, energy = row.frame.n_atoms, row.frame.energy
        values = _row(row)
        cells = ["" if energy is None else f"{energy / n:.8g}", f"{found.energy / n:.8g}"]
        table.writerow([values.pop("origin"), n, *cells, *("" if v is None else v for v in values.values())])
    return out.getvalue()


def groups_csv(test: Tested) -> str:
    """Return groups.csv: a row a group, the first of all frames."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["kind", "name", "frames", *NUMBERS])
    for kind, name, errors in (("all", "", test.overall), *((g.kind, g.name, g.errors) for g in test.groups)):
        numbers = _errors(errors)
        table.writerow([kind, name, *("" if v is None else v for v in numbers.values())])
    return out.getvalue()


def write_test(report: TestReport, folder: Path) -> Path:
    """Write the page, its figures (PNG, SVG), frames.csv, groups.csv and test.json; return the page."""
    drawn = figures(report.tested)
    save_figures(drawn, folder)
    write_text(folder / "frames.csv", frames_csv(report.tested))
    write_text(folder / "groups.csv", groups_csv(report.tested))
    write_text(folder / "test.json", document(report))
    return write_text(folder / "index.html", page(report, drawn))


def figures(test: Tested) -> list[Figure]:
    """Return every figure that there are numbers for."""
    made = [groups_figure(kind, group_rows(test, kind)) for kind in KINDS]
    return [*parity_figures(test.parity()), *(f for f in (*made, margin_figure(test)) if f is not None)]


def page(report: TestReport, drawn: Sequence[Figure]) -> str:
    """Return the page as text; whatever a user or a file wrote is escaped."""
    test = report.tested
    made = [
        Table("errors", "Errors", ERROR_CAPTION, ("which", *ERROR_COLUMNS), (("all", *error_cells(test.overall)),)),
        *(groups_table(kind, group_rows(test, kind)) for kind in KINDS if len(test.of_kind(kind)) > 1),
        _worst_table(test),
        Table("notes", "Notes", "", ("note",), tuple((text,) for text in report.said), ("note",)),
        pairs("provenance", HEADINGS["provenance"], {"data": ", ".join(report.data), **provenance()}),
    ]
    sections = {}
    for name, heading in HEADINGS.items():
        places = [figure_place(f.name, f.title, f.caption) for f in drawn if f.section == name]
        own = [table for table in made if table.section == name and table.rows]
        sections[name] = section(name, heading, section_body(places, own, heading))
    answer = f"{in_words(test.overall)} on {frames_of(test.overall.frames)}"
    kind = f"test of a machine-learned potential ({test.potential.kind})"
    cautions = (*test.cautions, *test.potential.cautions)
    words = Words(kind, test.potential.name, "", "finished", answer, _sentences(report.seen), cautions)
    return assemble(words, sections, HEADINGS, {figure.name: plotly_dict(figure) for figure in drawn})


def _sentences(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{text[0].upper()}{text[1:]}." for text in texts)


def _worst_table(test: Tested) -> Table:
    rows = tuple(
        (
            row.frame.origin, row.frame.config_type, _signed(row.energy_meV_per_atom), number(row.force_rmse_eV_per_A),
            number(row.stress_rmse_GPa), _signed(row.margin),
        )
        for row in test.worst(WORST)
    )  # fmt: skip
    caption = (
        "Energy: model less data, meV/atom. Force in eV/A, stress in GPa. Closest pair: in A, beyond that of the "
        "model's data. frames.csv has every frame."
    )
    columns = ("frame", "config type", "energy", "force", "stress", "closest pair")
    return Table("worst", HEADINGS["worst"], caption, columns, rows, ("frame", "config type"))

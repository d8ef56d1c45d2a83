"""Tables of the report of a machine-learned potential."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glasspot.mlip.model import Errors
from glasspot.report.mlip_figures import KIND_TITLES, USES, in_order, mean_and_spread
from glasspot.report.mlip_parity import NO_TYPE
from glasspot.report.mlip_record import UNKNOWN, FitRecord, GroupRow
from glasspot.report.table import Table

ERROR_COLUMNS = ("frames", "energy", "force", "stress", "mean abs. energy", "mean abs. force")
ERROR_CAPTION = (
    "Root mean square errors: energy in meV/atom, force component in eV/A, stress component in GPa; then the mean "
    "absolute errors of energy and force."
)
NO_SPREAD = 1e-3  # of the mean: a smaller spread is not shown
LISTED = 80  # rows of a table of groups; fit.json has them all
UNITS = {
    "temperature": "temperature (K)",
    "temperature_from_forces": "temperature by forces (K)",
    "density": "density (g/cm3)",
    "energy": "energy (eV/atom)",
    "energy_sd": "its spread (meV/atom)",
    "force_rms": "force (eV/A)",
    "pressure": "pressure (GPa)",
}
FILES = {
    "potential.toml": "the model: give it to glasspot quench --potential and glasspot test-mlip",
    "parameters.pod": "what LAMMPS reads: the descriptors",
    "coefficients.pod": "what LAMMPS reads: the coefficients",
    "member*.pod": "a committee of models, whose spread is the uncertainty in MD",
    "gap-*.xml*": "what QUIP reads: the GAP and its sparse points",
    "trust.json": "what the spread of the committee means, measured on held-out frames",
    "fit.json": "all numbers of this page",
    "parity.npz": "energies, forces and stresses of model and data (numpy)",
}


def number(value: float, digits: int = 3) -> str:
    """Return a number to ``digits`` significant digits without an exponent; "-" where it is not known."""
    if not math.isfinite(value):
        return "-"
    decimals = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 9)}f}"


def error_cells(errors: Errors) -> tuple[str, ...]:
    """Return the cells under ERROR_COLUMNS."""
    values = (
        errors.energy_rmse_meV_per_atom, errors.force_rmse_eV_per_A, errors.stress_rmse_GPa,
        errors.energy_mae_meV_per_atom, errors.force_mae_eV_per_A,
    )  # fmt: skip
    return (str(errors.frames), *(number(value) for value in values))


def final_table(record: FitRecord) -> Table:
    """Return the errors on the frames fitted to, held out, and never chosen."""
    parts = (("fitted to", record.train), ("held out", record.test), ("never chosen", record.unseen))
    rows = tuple((name, *error_cells(errors)) for name, errors in parts if errors is not UNKNOWN)
    held = next((n for n, row in enumerate(rows) if row[0] == "held out"), None)
    return Table("errors", "Errors", ERROR_CAPTION, ("which", *ERROR_COLUMNS), rows, fitted=held)


def groups_table(kind: str, groups: Sequence[GroupRow]) -> Table:
    """Return the errors of the groups of one kind, and of which frames, where more than one use occurs.

    Without rows where all frames are in one group.
    """
    both = len({group.use for group in groups}) > 1
    several = len({group.name for group in groups}) > 1
    rows = tuple(
        (group.name or NO_TYPE, *((USES.get(group.use, group.use),) if both else ()), *error_cells(group.errors))
        for group in (in_order(groups)[:LISTED] if several else ())
    )
    columns = (kind.replace("_", " "), *(("which",) if both else ()), *ERROR_COLUMNS)
    caption = f"The first {LISTED} of {len(groups)} rows." if len(groups) > LISTED else ""
    return Table("groups", KIND_TITLES.get(kind, kind), caption, columns, rows, ("which",))


def rounds_table(record: FitRecord) -> Table:
    """Return a row a round: frames, errors within the training frames and held out."""
    columns = (
        "round", "share", "train", "test", "energy, left out", "force, left out", "energy, held out",
        "force, held out", "stress, held out", "minutes",
    )  # fmt: skip
    rows = []
    for row in record.rounds:
        share = f"{row.fraction:.0%}" if math.isfinite(row.fraction) else "-"
        cells = [row.cv.energy_rmse_meV_per_atom, row.cv.force_rmse_eV_per_A, row.errors.energy_rmse_meV_per_atom,
                 row.errors.force_rmse_eV_per_A, row.errors.stress_rmse_GPa]  # fmt: skip
        numbers = [number(value) for value in cells]
        rows.append((str(row.number), share, str(row.train), str(row.test), *numbers, number(row.seconds / 60, 2)))
    caption = (
        "Share: of each cluster. Left out: frames of the training side that a fit was not given (cross-validation), by "
        "which the hyper-parameters are chosen. Held out: frames that no fit was given."
    )
    return Table("rounds", "Rounds", caption, columns, tuple(rows))


def learning_table(record: FitRecord) -> Table:
    """Return a row for each number of frames and way to choose them."""
    rows = []
    for how, name in (("distilled", "distilled"), ("random", "at random"), ("all", "all frames")):
        found = record.learned(how)
        parts = [mean_and_spread(found, q) for q in ("energy_rmse_meV_per_atom", "force_rmse_eV_per_A")]
        for n, (frames, repeats) in enumerate(found.items()):
            cells = [with_spread(float(mean[n]), float(spread[n])) for mean, spread in parts]
            rows.append((name, str(frames), str(len(repeats)), *cells))
    caption = "± is the standard deviation of repeated choices. Energy in meV/atom, force in eV/A."
    return Table("learning", "Learning curve", caption, ("chosen", "frames", "fits", "energy", "force"), tuple(rows))


def with_spread(mean: float, spread: float) -> str:
    """Return "0.1963 ± 0.0041": the spread to two digits, the mean to as many decimals; no spread where it is tiny."""
    if not math.isfinite(spread) or not math.isfinite(mean) or spread <= NO_SPREAD * abs(mean):
        return number(mean)
    decimals = min(9, max(0, 1 - math.floor(math.log10(spread))))
    return f"{mean:.{decimals}f} ± {spread:.{decimals}f}"


def settings_table(record: FitRecord) -> Table:
    """Return the chosen hyper-parameters, where the search began, and what they mean."""
    known = {str(row.get("name")): row for row in record.raw.get("space") or ()}
    rows = []
    for name, value in (record.raw.get("settings") or {}).items():
        about = known.get(str(name), {})
        searched = f"{plain(about['low'])} to {plain(about['high'])}" if {"low", "high"} <= set(about) else "-"
        start = plain(about["start"]) if "start" in about else "-"
        unit, meaning = str(about.get("unit") or ""), str(about.get("meaning") or "")
        rows.append((str(name), plain(value), unit, start, searched, meaning))
    columns = ("name", "value", "unit", "start", "searched", "meaning")
    return Table("settings", "Settings", "", columns, tuple(rows), ("unit", "searched", "meaning"))


def distilled_table(record: FitRecord) -> Table:
    """Return how the frames were put into clusters."""
    return pairs("settings", "Choice of frames", record.raw.get("distilled") or {})


def survey_table(record: FitRecord) -> Table:
    """Return what was found in the data."""
    found = record.raw.get("survey") or {}
    columns = tuple(UNITS.get(str(name), str(name)) for name in found.get("columns") or ())
    # A row that is short or long would break the page; its cells are what counts.
    rows = tuple(
        tuple(str(cell) for cell in (list(row) + [""] * len(columns))[: len(columns)])
        for row in found.get("rows") or ()
    )
    return Table("data", "What was found in the data", "", columns, rows)


def notes_table(record: FitRecord) -> Table:
    """Return the files and the notes on them."""
    rows = [("data", str(part.get("path", ""))) for part in record.raw.get("data") or ()]
    rows += [("note", note) for note in record.notes]
    return Table("data", "Notes", "", ("what", "which"), tuple(rows), ("what", "which"))


def files_table(folder: Path) -> Table:
    """Return the files of the fit that stand in the folder."""
    rows = []
    for pattern, meaning in FILES.items():
        found = sorted(folder.glob(pattern))
        if found:
            name = found[0].name if len(found) == 1 else f"{found[0].name} and {len(found) - 1} more"
            rows.append((name, meaning))
    caption = f"Make a glass with it: glasspot quench GLASS.toml --potential {folder.name}/potential.toml"
    return Table("files", "Files", caption, ("file", "what"), tuple(rows), ("file", "what"))


def pairs(section: str, title: str, values: Mapping[str, Any]) -> Table:
    """Return names and values; what is no plain value is left out."""
    rows = tuple((str(k).replace("_", " "), plain(v)) for k, v in values.items() if isinstance(v, str | int | float))
    return Table(section, title, "", ("name", "value"), rows, ("name", "value"))


def plain(value: Any) -> str:
    """Return a value as text: numbers to four digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    if math.isfinite(value) and abs(value) < 1e7 and value == round(value):
        return str(round(value))
    return f"{value:.4g}" if math.isfinite(value) else "-"


def kinds_of(groups: Iterable[GroupRow]) -> dict[str, list[GroupRow]]:
    """Return the groups by kind, in the order of their first."""
    found: dict[str, list[GroupRow]] = {}
    for group in groups:
        found.setdefault(group.kind, []).append(group)
    return found

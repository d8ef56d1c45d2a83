"""What the report of a fit says of the uncertainty that the model tells in MD: is it as large as the error?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from glasspot.report.figure import VERMILION, Axis, Figure, Pane, Style, Trace, value_ticks
from glasspot.report.mlip_record import FitRecord
from glasspot.report.mlip_tables import plain
from glasspot.report.table import Table

MEANINGS = {
    "factor": "the uncertainty of an atom is this times the spread of its force over the committee",
    "threshold": "eV/A; above it the model has seen next to nothing like the atom",
    "error": "eV/A; error of the force on a held-out atom, root mean square",
    "rank": "Spearman correlation of uncertainty and error: 1 is the same order, 0 is none",
    "false_alarms": "share of held-out atoms above a threshold that other held-out frames gave",
    "frames": "held-out frames that it was found on",
    "atoms": "atoms in them",
}


def trust_table(record: FitRecord) -> Table:
    """Return the numbers of the calibration with their meaning; without rows where there is none."""
    found: Mapping[str, Any] = record.raw.get("calibration") or {}
    rows = tuple(
        (str(name).replace("_", " "), plain(value), MEANINGS.get(str(name), ""))
        for name, value in found.items()
        if isinstance(value, str | int | float)
    )
    return Table("trust", "Calibration of the committee", "", ("name", "value", "meaning"), rows, ("meaning",))


def trust_figure(record: FitRecord) -> Figure | None:
    """Return the error that was found against the uncertainty that was told; None where it is not known."""
    bins = (record.raw.get("calibration") or {}).get("bins") or ()
    rows = [(_number(one.get("uncertainty")), _number(one.get("error")), one.get("atoms")) for one in bins]
    rows = [row for row in rows if row[0] > 0 and row[1] > 0]
    if len(rows) < 2:
        return None
    told, found = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    limits = (0.8 * float(min(told.min(), found.min())), 1.25 * float(max(told.max(), found.max())))
    ticks = tuple(value_ticks(*limits))
    ends = np.array(limits)
    notes = tuple(f"{atoms} atoms: told {u:.3g}, found {e:.3g} eV/A" for u, e, atoms in rows)
    traces = (
        Trace("as large as told", ends, ends, Style("ink", 1.0)),
        Trace("held-out atoms", told, found, Style(VERMILION, marker="circle", size=8.0), "points", notes=notes),
    )
    caption = (
        "Atoms of held-out frames, in groups of about the same uncertainty. On the line the uncertainty is as large as "
        "the error; above it the model was too sure."
    )
    x = Axis("uncertainty of a force, told (eV/A)", log=True, limits=limits, ticks=ticks)
    pane = Pane(Axis("error, found (eV/A)", log=True, limits=limits, ticks=ticks), traces)
    return Figure("calibration", "trust", "Is the uncertainty as large as the error?", caption, x, (pane,))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)

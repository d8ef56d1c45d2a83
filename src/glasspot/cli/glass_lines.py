"""What a terminal tells of a fit to many glasses: the moves of windows, and every glass against experiment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.potential.parameters import ParameterSpace
from glasspot.report.collect import collect
from glasspot.report.learning_steps import shown_places
from glasspot.report.learning_tables import against_experiment

PLAIN = str.maketrans("³–−", "3--")  # as a terminal without them prints it


def window_words(space: ParameterSpace, decision: Mapping[str, Any]) -> str:
    """Return a move of a window, or one that was refused, in one line with its reason."""
    axis = decision["axis"]
    end = 0 if decision["side"] == "low" else 1
    before, after = (shown_places(space, axis)(np.array(decision[key]))[end] for key in ("before", "after"))
    percent = " %" if space.values(space.base)[space.names[axis]] != 0 else ""
    moved = f"from {before:+.3g}{percent} to {after:+.3g}{percent}"
    what = moved if decision["moved"] else f"stays at {before:+.3g}{percent}"
    return f"window of {space.names[axis]}, {decision['side']} side {what}: {decision['reason']}"


def glass_lines(folder: Path) -> list[str]:
    """Return every glass against experiment, of the fit in ``folder``, as lines of a table; [] where there are none."""
    found = collect(folder).learned
    lines: list[str] = []
    for table in against_experiment(found) if found is not None else []:
        rows = [[cell.translate(PLAIN).replace("±", "+-") for cell in row] for row in (table.columns, *table.rows)]
        widths = [max(len(row[n]) for row in rows) for n in range(len(table.columns))]
        lines.append(f"{table.title} (+-: one standard deviation)")
        for first, *others in rows:
            cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            lines.append(f"  {first:{widths[0]}s}  " + "  ".join(cells))
    return lines

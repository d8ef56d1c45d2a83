"""The figure of a comparison: R_chi of each potential as a bar with its error, and of each target as a mark on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from glasspot.report.compare import ComparisonReport
from glasspot.report.figure import BLUE, OTHERS, VERMILION
from glasspot.report.static import INK, RC, WIDTH, save_drawing, words

ROW, FRAME = 0.19, 1.0  # inches: a potential, and what stands around them all
BAR = "#8FA3B5"  # a quiet blue that prints as a middle grey, under marks of any colour
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
COLOURS = (VERMILION, BLUE, *OTHERS)
SUFFIXES = ("png", "svg", "pdf")


def save_comparison(found: ComparisonReport, folder: Path, name: str = "compare") -> list[Path]:
    """Write NAME.png (200 dpi), NAME.svg and NAME.pdf and return their paths; GlasspotError where it cannot."""
    import matplotlib

    with matplotlib.rc_context({**RC, "xtick.top": False, "ytick.right": False, "ytick.left": False}):
        return save_drawing(draw_comparison(found), folder, name, SUFFIXES)


def draw_comparison(found: ComparisonReport) -> Any:
    """Return the matplotlib figure: the best potential on top, those that failed at the bottom with their reason."""
    from matplotlib.figure import Figure as Canvas

    rows = found.rows
    several = len(found.curves) > 1
    canvas = Canvas(figsize=(WIDTH, FRAME + ROW * max(len(rows), 3)), layout="constrained")
    box = canvas.subplots()
    y = np.arange(len(rows))
    cost = np.array([0.0 if row.failed else 100 * row.score.cost for row in rows])
    error = np.array([np.nan if row.failed else 100 * row.score.error for row in rows])
    label = "all targets" if several else None
    box.barh(y, cost, 0.68, color=BAR, label=label)
    box.errorbar(cost, y, xerr=error, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    if several:
        _mark_targets(box, found)
    for at, row in enumerate(rows):
        if row.failed:
            box.text(0, at, f" failed: {row.score.note}", va="center", fontsize=7, color=INK["muted"])
    if np.isfinite(found.noise_floor):
        box.axvline(
            100 * found.noise_floor, color=INK["muted"], linewidth=0.9, linestyle=(0, (1, 1.4)), label="noise floor"
        )
    box.set_yticks(y, [row.score.name for row in rows])
    box.set_ylim(len(rows) - 0.4, -0.6)
    box.set_xlim(left=0)
    box.set_xlabel(words("R_chi (%)"))
    box.grid(axis="x", color=INK["faint"], linewidth=0.6)
    box.set_axisbelow(True)
    handles, labels = box.get_legend_handles_labels()
    if handles:
        canvas.legend(
            handles, [words(text) for text in labels], loc="outside upper center", ncols=3, frameon=False,
            handlelength=1.4, columnspacing=1.2, handletextpad=0.5, borderpad=0.1,
        )  # fmt: skip
    return canvas


def _mark_targets(box: Any, found: ComparisonReport) -> None:
    """Put R_chi of each target alone on the bars."""
    for n, name in enumerate(found.curves):
        x = [100 * row.score.per_curve.get(name, np.nan) for row in found.rows]
        error = [100 * row.per_curve_error.get(name, np.nan) for row in found.rows]
        place = np.arange(len(x)) + 0.4 * ((n + 0.5) / len(found.curves) - 0.5)  # apart where they would coincide
        box.errorbar(
            x, place, xerr=error, fmt=MARKS[n % len(MARKS)], color=COLOURS[n % len(COLOURS)], markersize=3,
            elinewidth=0.7, label=name, zorder=3,
        )  # fmt: skip

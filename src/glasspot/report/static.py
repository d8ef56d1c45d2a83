"""Figures as PNG and SVG files for a paper: one column wide, fonts of 8 points, the palette of the page on white."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.files import replacing
from glasspot.report.data import FitReport
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace
from glasspot.report.panels import figures

WIDTH, PANE_HEIGHT, STRIP_HEIGHT = 3.5, 2.4, 0.8  # inches; 3.5 is a column of most journals
EVEN_HEIGHT = 1.25  # of each of several panes that are alike
GRID_WIDTH, GRID_HEIGHT = 2.4, 1.8  # inches: a figure of a grid
LEGEND_ROW = 0.17  # inches: a row of the legend or the title, above the panes
CHARACTERS_A_ROW = 54  # of legend text that fit the width at 7 points, samples of the curves counted
DPI = 200
POINTS_PER_PIXEL = 0.6
INK = {"ink": "black", "muted": "#6b747d", "faint": "#e2e5e9"}
DASHES: dict[str, Any] = {"solid": "-", "dash": (0, (4, 1.6)), "dot": (0, (1, 1.4)), "dashdot": (0, (4, 1.4, 1, 1.4))}
MARKERS = {
    "circle": "o", "cross": "x", "diamond": "D", "square": "s", "triangle": "^", "triangle-down": "v", "plus": "P",
}  # fmt: skip
RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.linewidth": 0.7,
    "svg.hashsalt": "glasspot",  # the same figure gives the same file
    "mathtext.default": "regular",
}


def write_figures(report: FitReport, folder: Path) -> list[Path]:
    """Write every figure of a report; see :func:`save_figures`."""
    return save_figures(figures(report), folder)


def save_figures(drawn: Iterable[Figure], folder: Path) -> list[Path]:
    """Write each figure as ``NAME.png`` (200 dpi) and ``NAME.svg`` and return their paths.

    GlasspotError where the folder cannot be written.
    """
    import matplotlib

    written = []
    with matplotlib.rc_context(RC):
        for figure in drawn:
            written += save_drawing(draw(figure), folder, figure.name, ("png", "svg"))
    return written


def save_grid(name: str, drawn: Sequence[Figure], folder: Path, columns: int = 3) -> list[Path]:
    """Write figures of one pane each side by side as one picture, NAME.png and NAME.svg, and return the paths.

    GlasspotError where the folder cannot be written.
    """
    import matplotlib

    with matplotlib.rc_context(RC):
        return save_drawing(draw_grid(drawn, min(columns, len(drawn))), folder, name, ("png", "svg"))


def save_drawing(drawing: Any, folder: Path, name: str, suffixes: Sequence[str]) -> list[Path]:
    """Write a matplotlib figure as NAME.suffix for each suffix, png at 200 dpi, and return the paths.

    Files carry no date, so the same figure gives the same file. GlasspotError where the folder cannot be written.
    """
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    written = []
    for suffix in suffixes:
        path = Path(folder) / f"{name}.{suffix}"
        with replacing(path) as temporary:
            drawing.savefig(temporary, format=suffix, dpi=DPI, metadata=undated.get(suffix, {}))
        written.append(path)
    return written


def draw(figure: Figure) -> Any:
    """Return the matplotlib figure of one of ours; it draws without a display and without pyplot's global state."""
    from matplotlib.figure import Figure as Canvas

    strips = len(figure.panes) - 1
    names = list(dict.fromkeys(trace.label for pane in figure.panes for trace in pane.traces if trace.in_legend))
    columns = _legend_columns(names)
    legend = LEGEND_ROW * (1 + math.ceil(len(names) / columns))
    height = PANE_HEIGHT + (EVEN_HEIGHT if figure.even else STRIP_HEIGHT) * strips + legend
    canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
    shares = [pane.share for pane in figure.panes]
    boxes = canvas.subplots(len(figure.panes), 1, sharex=True, squeeze=False, height_ratios=shares)[:, 0]
    for box, pane in zip(boxes, figure.panes, strict=True):
        _draw_pane(box, pane)
        _set_axis(box, pane.y, "y")
    for box in boxes:
        _set_axis(box, figure.x, "x")
        box.label_outer()
    canvas.align_ylabels(boxes)
    _add_legend(canvas, boxes, columns, words(figure.title))
    return canvas


def draw_grid(drawn: Sequence[Figure], columns: int) -> Any:
    """Return the matplotlib figure of several of ours with one pane each, in rows of ``columns``, under one legend.

    The margins are fixed: to fit them to the text takes matplotlib seconds for a dozen boxes.
    """
    from matplotlib.figure import Figure as Canvas

    rows = math.ceil(len(drawn) / columns)
    top, side, foot = 2.5 * LEGEND_ROW, 0.45, 0.4  # inches around the boxes
    width, height = GRID_WIDTH * columns + side, GRID_HEIGHT * rows + top + foot
    canvas = Canvas(figsize=(width, height))
    boxes = canvas.subplots(rows, columns, squeeze=False).ravel()
    canvas.subplots_adjust(
        left=side / width, right=1 - 0.1 / width, bottom=foot / height, top=1 - top / height, wspace=0.16, hspace=0.3
    )
    for n, (box, figure) in enumerate(zip(boxes, drawn, strict=False)):
        pane = figure.panes[0]
        _draw_pane(box, pane)
        _set_axis(box, pane.y if n % columns == 0 else replace(pane.y, label=""), "y")
        _set_axis(box, figure.x if n + columns >= len(drawn) else replace(figure.x, label=""), "x")
        box.set_title(words(figure.title), pad=3)
    for box in boxes[len(drawn) :]:
        box.remove()
    _add_legend(canvas, boxes[: len(drawn)], 4, "", "upper center")
    return canvas


def _legend_columns(names: Iterable[str]) -> int:
    """Return how many legend entries of this length fit side by side."""
    longest = max((len(name) for name in names), default=1)
    return max(1, min(4, CHARACTERS_A_ROW // (longest + 6)))


def _add_legend(
    canvas: Any, boxes: Iterable[Any], columns: int, title: str, place: str = "outside upper center"
) -> None:
    """Put one legend above all panes, each label once, under the figure's title."""
    found: dict[str, Any] = {}
    for box in boxes:
        for handle, label in zip(*box.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        canvas.legend(
            found.values(), found.keys(), loc=place, ncols=columns, frameon=False, handlelength=2.2,
            columnspacing=1.2, handletextpad=0.5, borderpad=0.1, labelspacing=0.25, title=title, title_fontsize=8,
        )  # fmt: skip


def _draw_pane(box: Any, pane: Pane) -> None:
    """Draw the traces of a pane, in their order."""
    bars = [trace for trace in pane.traces if trace.kind == "bars"]
    for trace in pane.traces:
        label = words(trace.label) if trace.in_legend else None
        if trace.kind == "bars":
            width = 0.8 / len(bars)
            place = trace.x + (bars.index(trace) - (len(bars) - 1) / 2) * width
            box.bar(place, trace.y, width, yerr=trace.error, color=_colour(trace.style), label=label)
        else:
            _draw_curve(box, trace, label)


def _draw_curve(box: Any, trace: Trace, label: str | None) -> None:
    """Draw points with bars, or a line with the band of its error."""
    style, colour = trace.style, _colour(trace.style)
    look: dict[str, Any] = {"color": colour, "label": label}
    if style.marker:
        size = 0.43 * style.size or (4.5 if style.marker == "diamond" else 3)
        look |= {"marker": MARKERS[style.marker], "markersize": size}
    if trace.kind == "points":
        # A bar of unknown length (nan) is left out by matplotlib, the point is not.
        look |= {"linestyle": "none", "elinewidth": 0.8, "capsize": 1.5, "zorder": 3}
        box.errorbar(trace.x, trace.y, trace.error, trace.error_x, **look)
        return
    look |= {"linewidth": style.width * POINTS_PER_PIXEL, "linestyle": DASHES[style.dash]}
    if trace.kind == "step":
        look["drawstyle"] = "steps-post"
    box.plot(trace.x, trace.y, **look)
    if trace.error is not None:
        low, high = trace.y - trace.error, trace.y + trace.error
        box.fill_between(trace.x, low, high, where=np.isfinite(low), color=colour, alpha=0.2, linewidth=0)


def _set_axis(box: Any, axis: Axis, which: str) -> None:
    """Set scale, range, ticks and label of the x or y axis of a pane."""
    if axis.log:
        getattr(box, f"set_{which}scale")("log")
        getattr(box, f"{which}axis").set_minor_formatter("")
    if axis.limits is not None:
        getattr(box, f"set_{which}lim")(*axis.limits)
    if axis.ticks:
        aslant: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if axis.aslant else {}
        getattr(box, f"set_{which}ticks")(axis.ticks, [words(name) for name in axis.tick_names], **aslant)
    getattr(box, f"set_{which}label")(words(axis.label))


def words(text: str) -> str:
    """Return text as matplotlib prints it: R_chi as a symbol, (A) with its ring, no dollar read as mathematics."""
    return text.replace("$", r"\$").replace("R_chi", r"$R_\chi$").replace("(A)", "(Å)").replace("(1/A)", "(1/Å)")


def _colour(style: Style) -> str:
    """Return the colour on white paper."""
    return INK.get(style.colour, style.colour)

"""Error maps as PNG and SVG files, as large as the other figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.report.figure import value_ticks
from glasspot.report.landscape_figure import COLOURS, CONTOURS
from glasspot.report.learning_map import MapFigure, shown_range
from glasspot.report.static import MARKERS, RC, WIDTH, save_drawing, words

HEIGHT, ROW = 2.9, 0.17  # inches: the map, and a row of its legend


def save_maps(figures: Sequence[MapFigure], folder: Path, suffixes: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write each map as NAME.png and NAME.svg and return their paths; GlasspotError where it cannot."""
    import matplotlib

    written = []
    with matplotlib.rc_context(RC):
        for figure in figures:
            written += save_drawing(draw_map(figure), folder, figure.name, suffixes)
    return written


def draw_map(figure: MapFigure) -> Any:
    """Return the matplotlib figure of a map."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    rows = math.ceil(len(figure.marks) / 3) + 1
    canvas = Canvas(figsize=(WIDTH, HEIGHT + ROW * rows), layout="constrained")
    box = canvas.subplots()
    values = np.maximum(figure.values, 1e-12)
    low, high = float(values.min()), max(float(values.max()), 1.05 * float(values.min()))
    mesh = box.pcolormesh(figure.x, figure.y, values, cmap=COLOURS, norm=LogNorm(low, high), rasterized=True)
    box.contour(figure.x, figure.y, values, np.geomspace(low, high, CONTOURS + 2)[1:-1], colors="white", linewidths=0.4)
    bar = canvas.colorbar(mesh, ax=box, label=words(figure.bar), pad=0.02)
    bar.ax.yaxis.set_major_locator(FixedLocator(value_ticks(low, high)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    for name, ((x, y), style) in figure.marks.items():
        box.plot(x, y, MARKERS[style.marker], color=style.colour, markersize=6, markeredgecolor="white",
                 markeredgewidth=0.8, linestyle="none", label=words(name), zorder=5)  # fmt: skip
    box.set_xlim(shown_range(figure, 0))
    box.set_ylim(shown_range(figure, 1))
    box.locator_params(nbins=5)
    box.set_xlabel(words(figure.labels[0]))
    box.set_ylabel(words(figure.labels[1]))
    handles, labels = box.get_legend_handles_labels()
    canvas.legend(
        handles, labels, loc="outside upper center", ncols=3, frameon=False, columnspacing=1.2, handletextpad=0.3,
        borderpad=0.1, title=words(figure.title), title_fontsize=8,
    )  # fmt: skip
    return canvas

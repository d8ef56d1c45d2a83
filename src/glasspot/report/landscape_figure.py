"""The figure of a landscape: R_chi as colours and contours over two parameters, with the paths of fits on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.survey import BLANK, FAILED, RUN, SCREENED
from glasspot.report.figure import value_ticks
from glasspot.report.landscape import Landscape, Side
from glasspot.report.landscape_paths import Path2D
from glasspot.report.static import RC, WIDTH, save_drawing, words

HEIGHT = 3.1  # inches, and a row for each two paths
ROW = 0.17
# Even in lightness, so that it reads in grey and to every eye; low R_chi is dark.
COLOURS = "cividis"
# Vermilion, white, green, pink, sky blue, black: each with an outline, on any part of the map.
PATHS = ("#D55E00", "#FFFFFF", "#009E73", "#CC79A7", "#56B4E9", "#000000")
SUFFIXES = ("png", "svg", "pdf")
CONTOURS = 8


def save_landscape(found: Landscape, paths: Sequence[Path2D], folder: Path, name: str = "landscape") -> list[Path]:
    """Write NAME.png (200 dpi), NAME.svg and NAME.pdf and return their paths; GlasspotError where it cannot."""
    import matplotlib

    with matplotlib.rc_context({**RC, "hatch.linewidth": 0.5}):
        return save_drawing(draw_landscape(found, paths), folder, name, SUFFIXES)


def draw_landscape(found: Landscape, paths: Sequence[Path2D]) -> Any:
    """Return the matplotlib figure."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(WIDTH, HEIGHT + ROW * (1 + len(paths) // 2)), layout="constrained")
    box = canvas.subplots()
    x, y = edges(found.x), edges(found.y)
    for side, which in ((found.x, "x"), (found.y, "y")):
        _scale(box, side, which)
    box.set_xlim(x[0], x[-1])
    box.set_ylim(y[0], y[-1])
    _colour(canvas, box, found, x, y)
    _mark(box, found, x, y)
    for n, path in enumerate(paths):
        _draw_path(box, path, PATHS[n % len(PATHS)])
    box.set_xlabel(words(found.x.label))
    box.set_ylabel(words(found.y.label))
    handles, labels = box.get_legend_handles_labels()
    if handles:
        canvas.legend(
            handles, labels, loc="outside upper center", ncols=2, frameon=False, handlelength=1.8, columnspacing=1.2,
            handletextpad=0.5, borderpad=0.1, labelspacing=0.25,
        )  # fmt: skip
    return canvas


def edges(side: Side) -> np.ndarray:
    """Return the edges of the cells about the points of an axis, (n + 1,); even steps of ln where it is logarithmic."""
    at = np.log(side.values) if side.logarithmic else side.values
    half = 0.5 * (at[1] - at[0])
    ends = np.concatenate([at - half, [at[-1] + half]])
    return np.asarray(np.exp(ends) if side.logarithmic else ends)


def _scale(box: Any, side: Side, which: str) -> None:
    """Set a logarithmic axis where points are spaced so, labelled with the values themselves."""
    if not side.logarithmic:
        return
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    getattr(box, f"set_{which}scale")("log")
    axis = getattr(box, f"{which}axis")
    low, high = edges(side)[[0, -1]]
    ticks = value_ticks(float(low), float(high))
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _colour(canvas: Any, box: Any, found: Landscape, x: np.ndarray, y: np.ndarray) -> None:
    """Draw R_chi in percent as cells of colour with contours, on a logarithmic scale."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    cost = np.ma.masked_invalid(100 * found.cost.T)
    if cost.count() == 0:
        return
    low, high = float(cost.min()), float(cost.max())
    high = max(high, low * 1.1)
    mesh = box.pcolormesh(x, y, cost, cmap=COLOURS, norm=LogNorm(low, high), rasterized=True)
    bar = canvas.colorbar(mesh, ax=box, label=words("R_chi (%)"), pad=0.02)
    ticks = value_ticks(low, high)
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    if min(found.cost.shape) > 2 and high > 1.2 * low:
        levels = np.geomspace(low, high, CONTOURS + 2)[1:-1]
        box.contour(found.x.values, found.y.values, cost, levels=levels, colors="white", linewidths=0.4, alpha=0.7)


def _mark(box: Any, found: Landscape, x: np.ndarray, y: np.ndarray) -> None:
    """Hatch what lies behind the barrier and what too few frames speak of, and cross out what failed."""
    from matplotlib.collections import PolyCollection

    looks = {SCREENED: ("////", "#6b747d", "behind the barrier"), BLANK: ("....", "#9aa3ab", "too few frames")}
    for kind, (hatch, colour, label) in looks.items():
        cells = _columns(np.asarray(found.kind == kind), x, y)
        if cells:
            region = PolyCollection(cells, hatch=hatch, facecolor="none", edgecolor=colour, linewidth=0, label=label)
            box.add_collection(region, autolim=False)
    failed = np.argwhere(found.kind == FAILED)
    if len(failed):
        box.plot(
            found.x.values[failed[:, 0]], found.y.values[failed[:, 1]], "x", color="#6b747d", markersize=4,
            label="MD failed",
        )  # fmt: skip
    if found.reweighted:
        box.plot(found.anchors[:, 0], found.anchors[:, 1], "k.", markersize=3, label="run")
    if found.lowest is not None and (found.kind == RUN).sum() > 1:
        i, j = found.lowest
        box.plot(
            found.x.values[i], found.y.values[j], "+", color="white", markersize=7, markeredgewidth=1.2, zorder=4,
            path_effects=_outline(2.4),
        )  # fmt: skip


def _columns(chosen: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[list[tuple[float, float]]]:
    """Return rectangles, as corners, that cover the ``chosen`` cells (nx, ny): neighbours in a column are one."""
    found = []
    for i, column in enumerate(chosen):
        ends = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(int), [0]])))
        for low, high in zip(ends[::2], ends[1::2], strict=True):
            left, right, bottom, top = x[i], x[i + 1], y[low], y[high]
            found.append([(left, bottom), (right, bottom), (right, top), (left, top)])
    return found


def _draw_path(box: Any, path: Path2D, colour: str) -> None:
    """Draw every evaluation as a dot, the best so far as a line; a square where it began, a star at its best."""
    from matplotlib.lines import Line2D

    shared: dict[str, Any] = {"color": colour, "clip_on": True}
    box.plot(path.values[:, 0], path.values[:, 1], "o", markersize=2, markeredgecolor="black", markeredgewidth=0.3,
             zorder=5, **shared)  # fmt: skip
    best = path.values[path.records]
    box.plot(best[:, 0], best[:, 1], "-", linewidth=1.1, path_effects=_outline(2.2), zorder=6, **shared)
    ends = [(path.values[:1], "s", 4.5), (best[-1:], "*", 8)]
    for at, marker, size in ends:
        box.plot(at[:, 0], at[:, 1], marker, markersize=size, markeredgecolor="black", markeredgewidth=0.6, zorder=7,
                 **shared)  # fmt: skip
    key = Line2D([], [], color=colour, marker="*", markeredgecolor="black", markeredgewidth=0.6, linewidth=1.1,
                 path_effects=_outline(2.2))  # fmt: skip
    key.set_label(path.label)
    box.add_line(key)


def _outline(width: float) -> list[Any]:
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width, foreground="black"), Normal()]

"""Figures that the pages of pair curves share: a curve with its band, and g(r) of one pair as a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace

COLOURS = (VERMILION, BLUE, *OTHERS)
FIRST, LAST = 1.0, 10.0  # A: below it every g(r) of an oxide glass is zero
PREDICTED = Style(VERMILION, 1.8)
SIMULATED = Style("ink", 1.6, "dash")


def band(label: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> Trace:
    """Return the area between two curves; it goes on and off with the curve of the same label."""
    return Trace(label, x, 0.5 * (low + high), Style(colour, 0.0), error=0.5 * (high - low), in_legend=False)


def curve_figure(
    name: str,
    section: str,
    title: str,
    r: np.ndarray,
    g: np.ndarray,
    low: np.ndarray | None,
    high: np.ndarray | None,
    others: Sequence[Trace] = (),
    caption: str = "",
) -> Figure:
    """Return g(r) of one pair with its band where there is one, and ``others`` above it."""
    shown = r >= FIRST
    traces = [Trace("predicted", r[shown], g[shown], PREDICTED)]
    if low is not None and high is not None:
        traces.insert(0, band("predicted", r[shown], low[shown], high[shown], PREDICTED.colour))
    x = Axis("r (A)", limits=(FIRST, min(LAST, float(r[-1]))))
    top = max(float(np.nanmax(trace.y + (0 if trace.error is None else trace.error))) for trace in (*traces, *others))
    y = Axis("g(r)", limits=(0.0, 1.05 * top))
    return Figure(name, section, title, caption, x, (Pane(y, (*traces, *others)),))

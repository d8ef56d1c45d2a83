"""The figures of the evidence: curves of every glass on those of the reference, and the local environments as bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace, whole_ticks
from glasspot.structure.against import Evidence
from glasspot.structure.sides import Line, Side

COLOURS = (VERMILION, BLUE, *OTHERS)
DASHES = ("solid", "dash", "dot", "dashdot")
REFERENCE = Style("ink", 3.0)


def figures(found: Evidence) -> list[Figure]:
    """Return every figure that there is something to show in."""
    sides = [found.reference, *(glass.side for glass in found.glasses)]
    pairs = found.reference.analysis.pdf.labels
    r = Axis("r (A)", limits=(0.0, found.r_max))
    q = Axis("Q (1/A)", limits=(0.0, float(found.reference.analysis.partials.q[-1])))
    probes = [name for name in ("X-ray S(Q)", "neutron S(Q)") if name in found.reference.lines]
    errors = "Bands: standard error from blocks of frames."
    weights = "Partials weighted by concentrations and numbers of electrons."
    made = [
        _curves("g_total", "totals", "Total X-ray g(r)", f"{weights} {errors}", r, ["X-ray g(r)"], sides),
        _curves("s_total", "totals", "Total S(Q)", f"g(r) of all to {found.r_max:.4g} A.", q, probes, sides),
        _curves("g_partial", "partials", "Partial g(r)", errors, r, [f"g(r) {pair}" for pair in pairs], sides),
        _curves("s_partial", "partials", "Partial S(Q)", "Faber-Ziman.", q, [f"S(Q) {pair}" for pair in pairs], sides),
    ]
    made += [_folds(element, sides) for element in found.reference.folds]
    return [figure for figure in made if figure.panes]


def style(number: int) -> Style:
    """Return the style of the n-th side: the reference is a broad black line, glasses are thin and coloured."""
    if number == 0:
        return REFERENCE
    return Style(COLOURS[(number - 1) % len(COLOURS)], 1.6, DASHES[(number - 1) // len(COLOURS) % len(DASHES)])


def _curves(
    name: str, section: str, title: str, caption: str, x: Axis, lines: Sequence[str], sides: Sequence[Side]
) -> Figure:
    """Return one pane a line, each with all sides."""
    panes = []
    for line in lines:
        known = [(number, side.name, side.lines[line]) for number, side in enumerate(sides) if line in side.lines]
        traces = tuple(_trace(number, label, curve) for number, label, curve in known)
        what, _, pair = line.partition(" ")
        panes.append(Pane(Axis(pair if what in ("g(r)", "S(Q)") else line), traces))
    return Figure(name, section, title, caption, x, tuple(panes), compare=True, even=len(panes) > 1)


def _trace(number: int, label: str, line: Line) -> Trace:
    return Trace(label, line.x, line.y, style(number), error=line.error)


def _folds(element: str, sides: Sequence[Side]) -> Figure:
    traces = []
    for number, side in enumerate(sides):
        if element in side.folds:
            x, y = np.array(sorted(side.folds[element].distribution.items()), dtype=float).T
            traces.append(Trace(side.name, x, y, style(number), "bars"))
    shown = [value for trace in traces for value in trace.x[trace.y > 0.002]]
    low, high = float(min(shown)), float(max(shown))
    x = Axis(f"bonds of {element}", limits=(low - 0.6, high + 0.6), ticks=whole_ticks(low, high, most=12))
    pane = Pane(Axis("fraction"), tuple(traces))
    return Figure(f"folds_{element}", "coordination", f"Local environments of {element}", "", x, (pane,))

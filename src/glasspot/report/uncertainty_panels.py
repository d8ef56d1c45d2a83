"""Figures of what the data leave open: the spectrum of the information, its directions, and the ensemble's members."""

from __future__ import annotations

import math

import numpy as np

from glasspot.report.data import Direction, Ensemble, FitReport
from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace
from glasspot.report.words import count, percent

LEAST = 1e-3  # information below this is drawn here: no more than "none"
SHARP, SLOPPY = "determined", "not determined"
COLOURS = {SHARP: BLUE, SLOPPY: VERMILION}


def uncertainty_figures(report: FitReport) -> list[Figure]:
    """Return the figures of the directions, where they are known, and of the ensemble, where it was run."""
    found = []
    if any(math.isfinite(direction.information) for direction in report.directions):
        found += [spectrum(report.directions), components(report.directions)]
    if report.ensemble is not None and report.ensemble.members:
        found.append(members(report, report.ensemble))
    return found


def spectrum(directions: tuple[Direction, ...]) -> Figure:
    """Return the information of each direction, stiff to sloppy, with the line below which it is not determined."""
    values = np.array([max(d.information, LEAST) for d in directions])
    x = np.arange(1.0, len(directions) + 1)
    ends = np.array([0.5, len(directions) + 0.5])
    traces = [Trace("half a window changes as much as the noise", ends, np.ones(2), Style("muted", 1.5, "dot"))]
    for label in (SHARP, SLOPPY):
        these = [n for n, d in enumerate(directions) if d.determined == (label == SHARP)]
        if these:
            style = Style(COLOURS[label], marker="circle" if label == SHARP else "diamond", size=9)
            notes = tuple(f"direction {n + 1}: {directions[n].words}" for n in these)
            traces.append(Trace(label, x[these], values[these], style, "points", notes=notes))
    low, high = min(float(values.min()), 1.0) / 3, max(float(values.max()), 1.0) * 3
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    step = max(1, math.ceil(len(decades) / 8))
    ticks = tuple(10.0**decade for decade in decades if decade % step == 0)
    y = Axis("(change / noise)²", log=True, limits=(low, high), ticks=ticks)
    caption = (
        "Eigenvalues of the Fisher information on the windows, from stiff to sloppy: the square of the change of the "
        "curves, in units of their noise, for a step of half a window along each direction."
    )
    axis = Axis("direction", limits=(0.5, len(directions) + 0.5), ticks=tuple(x.tolist()))
    return Figure("spectrum", "uncertainty", "Spectrum of the information", caption, axis, (Pane(y, tuple(traces)),))


def components(directions: tuple[Direction, ...]) -> Figure:
    """Return the components of each direction as a row of bars, stiff on top."""
    names = tuple(directions[0].components)
    x = np.arange(1.0, len(names) + 1)
    panes: list[Pane] = []
    for n, direction in enumerate(directions, start=1):
        label = SHARP if direction.determined else SLOPPY
        shares = np.array([direction.components[name] for name in names])
        axis = Axis(str(n), limits=(-1.08, 1.08), ticks=(-1.0, 0.0, 1.0))
        first = label not in {trace.label for pane in panes for trace in pane.traces}
        panes.append(Pane(axis, (Trace(label, x, shares, Style(COLOURS[label]), "bars", in_legend=first),)))
    caption = (
        "Eigenvectors: what moves together in each direction, in parts of the windows. "
        "A direction that is not determined may be followed without a change that the data could show."
    )
    axis = Axis("", limits=(0.5, len(names) + 0.5), ticks=tuple(x.tolist()), names=names)
    return Figure("directions", "uncertainty", "Directions, stiff to sloppy", caption, axis, tuple(panes))


def members(report: FitReport, ensemble: Ensemble) -> Figure:
    """Return the place of each member within the windows, one line for each, over the parameters."""
    names = tuple(p.name for p in report.parameters)
    x = np.arange(1.0, len(names) + 1)
    looks = {True: ("fits as well", Style(OTHERS[0], 1.4)), False: ("fits worse", Style("muted", 1.0, "dot"))}
    seen: set[str] = set()
    traces = []
    for member in sorted(ensemble.members, key=lambda m: m.fits):
        label, style = looks[member.fits]
        places = np.array([member.places[name] for name in names])
        notes = tuple(f"{member.name}, {name}: R_chi {percent(member.cost, member.error)}" for name in names)
        traces.append(Trace(label, x, places, style, notes=notes, in_legend=label not in seen))
        seen.add(label)
    fitted = np.array([p.place if p.place is not None else math.nan for p in report.parameters])
    traces.append(Trace("fitted", x, fitted, Style(VERMILION, 2.2, marker="diamond")))
    caption = (
        f"Each line is one of {count(len(ensemble.members), 'potential')} drawn within the errors of the parameters. "
        "Where the lines that fit as well spread, the fit leaves a parameter open; 0 and 1 are the edges of its window."
    )
    axis = Axis("", limits=(0.7, len(names) + 0.3), ticks=tuple(x.tolist()), names=names)
    y = Axis("place within the window", limits=(-0.04, 1.04), ticks=(0.0, 0.25, 0.5, 0.75, 1.0))
    return Figure("members", "ensemble", "Members within the windows", caption, axis, (Pane(y, tuple(traces)),))

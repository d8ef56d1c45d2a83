"""The figures of a distilled data set: maps of the frames, clusters against delta, distances against their number."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from glasspot.distill.clusters import Clustering
from glasspot.report.distill_data import LONG, DistillReport
from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace, whole_ticks

COLOURS = (VERMILION, BLUE, *OTHERS)
MARKERS = ("circle", "square", "diamond", "triangle", "triangle-down", "plus")
# From dark to light, even to the eye and for the colour-blind: six of matplotlib's viridis.
SEQUENCE = ("#440154", "#414487", "#2A788E", "#22A884", "#7AD151", "#E5C51C")
NAMED = 12  # clusters that the legend can name; the smaller ones share an entry
DOT = 6.0  # screen pixels
LEAST_STEP = 1e-7  # shown of a change: a logarithm has no zero


def figures(report: DistillReport) -> list[Figure]:
    """Return every figure that the report has data for."""
    drawn = [_by_cluster(report)]
    if len(set(report.groups)) > 1:
        drawn.append(_by_group(report))
    temperatures = [frame.temperature for frame in report.dataset.frames]
    known = [t for t in temperatures if t is not None]
    if len(set(known)) > 1:
        values = np.array([np.nan if t is None else t for t in temperatures])
        drawn.append(_by_value(report, "map-temperature", "Map of the frames by temperature", values, "K", 0))
    if np.isfinite(report.distilled.energies).sum() > 1:
        values = 1000 * (report.distilled.energies - np.nanmin(report.distilled.energies))
        drawn.append(_by_value(report, "map-energy", "Map of the frames by energy", values, "meV/atom", 0))
    return [*drawn, _against_delta(report), _distances(report)]


def _map(report: DistillReport, name: str, title: str, caption: str, traces: Sequence[Trace]) -> Figure:
    """Return a map; the scale is that of the distance of the hybrid kernel."""
    axes = (Axis("first coordinate"), Axis("second coordinate"))
    return Figure(name, "map", title, caption, axes[0], (Pane(axes[1], tuple(traces)),))


def _dots(report: DistillReport, label: str, which: np.ndarray, style: Style) -> Trace:
    """Return some frames as points, with what the mouse tells of each."""
    places = report.places[which]
    notes = tuple(_note(report, int(n)) for n in which)
    return Trace(label, places[:, 0], places[:, 1], style, "points", notes=notes)


def _note(report: DistillReport, n: int) -> str:
    frame = report.dataset.frames[n]
    energy = "" if frame.energy is None else f", {frame.energy / frame.n_atoms:.4f} eV/atom"
    group = f", {frame.config_type}" if frame.config_type else ""
    return f"{frame.origin or n}{group}, cluster {report.distilled.labels[n] + 1}{energy}"


def _by_cluster(report: DistillReport) -> Figure:
    labels, chosen = report.distilled.labels, report.distilled.chosen
    shown = chosen.n_clusters if chosen.n_clusters <= NAMED else NAMED - 1
    traces = []
    for number in range(shown):
        style = Style(COLOURS[number % len(COLOURS)], marker=MARKERS[number // len(COLOURS) % len(MARKERS)], size=DOT)
        traces.append(_dots(report, f"{number + 1}", np.flatnonzero(labels == number), style))
    if shown < chosen.n_clusters:
        rest = np.flatnonzero(labels >= shown)
        label = f"{chosen.n_clusters - shown} smaller"
        traces.append(_dots(report, label, rest, Style("muted", marker="circle", size=DOT)))
    traces.append(_dots(report, "chosen", report.picked, Style("ink", marker="cross", size=7.0)))
    caption = (
        "Classical multidimensional scaling of the distances of the hybrid kernel: near frames are alike. Crosses are "
        f"the {len(report.picked)} chosen frames."
    )
    return _map(report, "map-cluster", "Map of the frames by cluster", caption, traces)


def _by_group(report: DistillReport) -> Figure:
    groups = np.array(report.groups)
    traces = []
    for n, group in enumerate(dict.fromkeys(report.groups)):
        style = Style(COLOURS[n % len(COLOURS)], marker=MARKERS[n // len(COLOURS) % len(MARKERS)], size=DOT)
        traces.append(_dots(report, group, np.flatnonzero(groups == group), style))
    return _map(report, "map-group", "Map of the frames by config_type", "The groups as the file names them.", traces)


def _by_value(report: DistillReport, name: str, title: str, values: np.ndarray, unit: str, digits: int) -> Figure:
    """Return the map with frames in groups from low to high: one a value where few occur, else six alike in size."""
    traces = []
    groups = _groups(values, unit, digits)
    for n, (label, own) in enumerate(groups):
        colour = SEQUENCE[round(n * (len(SEQUENCE) - 1) / max(len(groups) - 1, 1))]
        traces.append(_dots(report, label, own, Style(colour, marker="circle", size=DOT)))
    caption = "Energies count from the lowest frame." if unit.startswith("meV") else ""
    return _map(report, name, title, caption, traces)


def _groups(values: np.ndarray, unit: str, digits: int) -> list[tuple[str, np.ndarray]]:
    """Return (label, indices) of the groups of :func:`_by_value`; values that are not known are in none."""
    known = np.isfinite(values)
    different = np.unique(values[known])
    if len(different) <= len(SEQUENCE):
        return [(f"{value:.{digits}f} {unit}", np.flatnonzero(values == value)) for value in different]
    cuts = np.unique(np.quantile(values[known], np.linspace(0, 1, len(SEQUENCE) + 1)))
    which = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(cuts) - 2)
    return [
        (f"{low:.{digits}f} to {high:.{digits}f} {unit}", np.flatnonzero(known & (which == n)))
        for n, (low, high) in enumerate(itertools.pairwise(cuts))
    ]


def _against_delta(report: DistillReport) -> Figure:
    """Return number of clusters and spread of energies against delta, for each long-range kernel."""
    numbers, spreads = [], []
    for n, (name, found) in enumerate(report.scans.items()):
        deltas = np.array([c.delta for c in found])
        style = Style(COLOURS[n], 1.8, marker=MARKERS[n])
        label = LONG[name]
        numbers.append(Trace(label, deltas, np.array([float(c.n_clusters) for c in found]), style))
        spreads.append(Trace(label, deltas, np.array([1000 * c.spread for c in found]), style, in_legend=False))
    chosen = report.distilled.chosen
    if np.isfinite(chosen.spread):
        here = Trace("chosen", np.array([chosen.delta]), np.array([1000 * chosen.spread]),
                     Style("ink", marker="cross", size=9.0), "points")  # fmt: skip
        spreads.append(here)
    most = max(c.n_clusters for found in report.scans.values() for c in found)
    panes = [Pane(Axis("clusters", limits=(0, most * 1.1 + 1), ticks=whole_ticks(0, most, 6)), tuple(numbers))]
    if any(np.isfinite(t.y).any() for t in spreads):
        panes.append(Pane(Axis("energy spread (meV/atom)"), tuple(spreads)))
    caption = (
        "0 is SOAP alone, 1 the long range alone; both are controls and never chosen. The spread is the standard "
        "deviation of the energies in a cluster, mean over clusters: more and smaller clusters lower it too, so read "
        "both panels together."
    )
    x = Axis("delta", limits=(-0.03, 1.03), ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    return Figure("delta", "scan", "Weight of the long range", caption, x, tuple(panes), even=True)


def _distances(report: DistillReport) -> Figure:
    """Return the mean distance between clusters against their number: at the chosen delta and at the controls."""
    own = report.scans[report.distilled.kernels.long_range]
    shown: list[Clustering] = [report.distilled.chosen]
    shown += [c for c in own if c.delta in (0.0, 1.0) and c.delta != report.distilled.delta]
    means, steps = [], []
    for n, c in enumerate(shown):
        number, mean = np.array(c.curve, dtype=float).reshape(-1, 2).T
        style = Style(("ink", *COLOURS)[n], 1.8, ("solid", "dash", "dot")[n % 3], "circle")
        label = f"delta {c.delta:g}"
        means.append(Trace(label, number, mean / mean[0], style))
        steps.append(Trace(label, number[:-1], np.maximum(np.abs(np.diff(mean)), LEAST_STEP), style, in_legend=False))
    last = max(number for c in shown for number, _ in c.curve)
    d_tol = float(report.settings["d_tol"])
    ends = np.array([1.5, last + 0.5])
    steps.append(Trace("d_tol", ends, np.array([d_tol, d_tol]), Style("muted", 1.2, "dashdot")))
    caption = (
        "Above: the mean distance, in units of that of two clusters. Below: how much one more cluster changes it. The "
        "first number with a change below d_tol is taken. The curves are not smooth, so another seed may end elsewhere."
    )
    x = Axis("clusters", limits=(1.5, last + 0.5), ticks=whole_ticks(2, last))
    panes = (Pane(Axis("mean distance"), tuple(means)), Pane(Axis("change", log=True), tuple(steps)))
    return Figure("distance", "scan", "Distance between clusters", caption, x, panes, even=True)

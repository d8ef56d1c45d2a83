"""Parity pictures of a machine-learned potential: model against data, and below it their difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.mlip.parity import Parity
from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace

COLOURS = (VERMILION, BLUE, *OTHERS)
MARKERS = ("circle", "diamond", "square", "triangle", "triangle-down", "plus")
NAMED = 12  # groups that the legend can name; the rarer ones share an entry
MOST_POINTS = 3000  # of those trained on, and of the others: a browser draws no more in a second
WORST = 150  # points with the largest difference, which are always drawn
DOT = 4.0  # screen pixels
NO_TYPE = "no config_type"
FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]


def parity_figures(parity: Parity) -> list[Figure]:
    """Return the pictures of energies, forces and stresses that there are labels for; a type has one colour in all."""
    order = _most_frequent_first(parity.config_type[parity.use != "train"])
    made = [
        _figure("energy", "Energies", "energy of the data (eV/atom)", "model", "difference (meV/atom)", 1e3,
                parity.energy_ref, parity.energy, parity.use, parity.config_type, order),
        _figure("force", "Forces", "force component of the data (eV/A)", "model", "difference (eV/A)", 1.0,
                parity.force_ref, parity.force, parity.force_use, parity.force_type, order),
        _figure("stress", "Stresses", "stress component of the data (GPa)", "model", "difference (GPa)", 1.0,
                parity.stress_ref.ravel(), parity.stress.ravel(), _each(parity.stress_use), _each(parity.stress_type),
                order),
    ]  # fmt: skip
    return [figure for figure in made if figure is not None]


def _each(names: TextArray) -> TextArray:
    """Return one name for each of the six components of a stress."""
    return np.repeat(names, 6)


def _figure(
    name: str, title: str, x: str, y: str, below: str, scale: float, reference: FloatArray, found: FloatArray,
    use: TextArray, kind: TextArray, order: Sequence[str],
) -> Figure | None:  # fmt: skip
    """Return one picture; None where nothing is known."""
    known = np.isfinite(reference) & np.isfinite(found)
    if not known.any():
        return None
    kind = kind if len(kind) == len(use) else np.where(use == "train", "", "held out").astype(np.str_)
    reference, found, use, kind = reference[known], found[known], use[known], kind[known]
    low, high = _limits(np.concatenate([reference, found]))
    trained = use == "train"
    groups = [("trained on", trained, Style("muted", marker="circle", size=DOT))] if trained.any() else []
    groups += _by_type(kind, ~trained, order)
    drawn = _drawn(np.abs(found - reference), trained)
    upper, lower = [_line(low, high)], [_zero(low, high)]
    for label, members, style in groups:
        own = np.flatnonzero(members & drawn)
        upper.append(Trace(label, reference[own], found[own], style, "points"))
        lower.append(Trace(label, reference[own], scale * (found - reference)[own], style, "points", in_legend=False))
    caption = _caption(len(reference), int(drawn.sum()), trained.any() and not trained.all())
    panes = (Pane(Axis(y, limits=(low, high)), tuple(upper), 1.6), Pane(Axis(below), tuple(lower), 1.0))
    return Figure(f"parity-{name}", "parity", title, caption, Axis(x, limits=(low, high)), panes, even=True)


def _caption(points: int, drawn: int, both: bool) -> str:
    said = "Grey: frames that the model was fitted to; in colour: frames it has not seen. " if both else ""
    if drawn < points:
        said += f"{drawn} of {points} points are drawn, those with the largest differences among them."
    return said.strip()


def _limits(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or max(abs(high), 1.0) * 1e-3
    return low - room, high + room


def _line(low: float, high: float) -> Trace:
    ends = np.array([low, high])
    return Trace("equal", ends, ends, Style("ink", 1.0), in_legend=False)


def _zero(low: float, high: float) -> Trace:
    return Trace("equal", np.array([low, high]), np.zeros(2), Style("ink", 1.0), in_legend=False)


def _most_frequent_first(kind: TextArray) -> list[str]:
    names, counts = np.unique(kind, return_counts=True)
    return [str(name) for name in names[np.argsort(-counts, kind="stable")]]


def _by_type(
    kind: TextArray, members: NDArray[np.bool_], order: Sequence[str]
) -> list[tuple[str, NDArray[np.bool_], Style]]:
    """Return label, members and style of each config_type of ``order``; the last of many share one."""
    there = set(kind[members].tolist())
    order = order if there <= set(order) else sorted(there)
    shown = order if len(order) <= NAMED else order[: NAMED - 1]
    groups = [(name or NO_TYPE, members & (kind == name), style_of(n)) for n, name in enumerate(shown) if name in there]
    if len(shown) < len(order):
        rest = members & np.isin(kind, order[len(shown) :])
        groups.append((f"{len(order) - len(shown)} others", rest, Style("ink", marker="cross", size=DOT)))
    return groups


def style_of(n: int) -> Style:
    """Return how the n-th group is drawn: colours first, then other markers."""
    return Style(COLOURS[n % len(COLOURS)], marker=MARKERS[n // len(COLOURS) % len(MARKERS)], size=DOT)


def _drawn(apart: FloatArray, trained: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which points are drawn: an even choice of those trained on, one of the others, and the worst of both."""
    drawn = np.zeros(len(apart), dtype=bool)
    rng = np.random.default_rng(0)
    for members in (np.flatnonzero(trained), np.flatnonzero(~trained)):
        if len(members) <= MOST_POINTS:
            drawn[members] = True
            continue
        drawn[rng.choice(members, MOST_POINTS - WORST, replace=False)] = True
        drawn[members[np.argsort(-apart[members])[:WORST]]] = True
    return drawn

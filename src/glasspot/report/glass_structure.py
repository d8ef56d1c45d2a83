"""The structure of every glass of a fit: each curve once, with the glasses one above the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from glasspot.evaluate.job import Outcome
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace, whole_ticks
from glasspot.report.learning_data import Learned, Structure
from glasspot.report.status import Record
from glasspot.report.store_panels import STRUCTURE_LABELS, Outcomes
from glasspot.structure.quantities import MOST_BRIDGES, qn_name
from glasspot.structure.topology import NETWORK_FORMERS

ORDER = ("S(Q) xray", "S(Q) neutron", "Qn", "rings", "coordination", "angle")
TITLES = {"S(Q) xray": "X-ray S(Q)", "S(Q) neutron": "neutron S(Q)", "rings": "rings"}
FEW = 16  # points of x, all whole numbers: bars
SEEN = 0.002  # of the highest bar: what is lower is left out at the ends

Curve = tuple[np.ndarray, np.ndarray]


def structures_of(
    glasses: Sequence[str], scores: Sequence[Record], outcomes: Mapping[str, Outcomes]
) -> tuple[Structure, ...]:
    """Return every curve of the structure, over the independent runs of each scored potential, for ``glasses``."""
    found: dict[str, dict[str, dict[str, Curve]]] = {}
    for glass in glasses:
        for score in scores:
            for name, curve in _curves(outcomes[score["name"]].get(glass, ())).items():
                found.setdefault(name, {}).setdefault(glass, {})[score["name"]] = curve
    formers = any(_middle(name) in NETWORK_FORMERS for name in found)
    names = [name for name in found if _shown(name, formers)]
    return tuple(Structure(name, *_labels(name), found[name]) for name in sorted(names, key=_rank))


def _curves(outcomes: Sequence[Outcome]) -> dict[str, Curve]:
    """Return the mean of each curve over the runs that have it, and the Qn of each former as one curve."""
    found: dict[str, Curve] = {}
    for name in dict.fromkeys(n.removesuffix("|y") for o in outcomes for n in o.arrays if n.endswith("|y")):
        runs = [o.arrays for o in outcomes if f"{name}|y" in o.arrays]
        found[name] = (runs[0][f"{name}|x"], np.mean([arrays[f"{name}|y"] for arrays in runs], axis=0))
    for former in NETWORK_FORMERS:
        names = [qn_name(former, n) for n in range(MOST_BRIDGES + 1)]
        told = [[o.numbers[name] for name in names] for o in outcomes if all(name in o.numbers for name in names)]
        if told:
            found[f"Qn {former}"] = (np.arange(len(names), dtype=float), np.mean(told, axis=0))
    return found


def _middle(name: str) -> str:
    """Return the atom that a curve is about, "" for one about all."""
    kind, _, rest = name.partition(" ")
    parts = rest.split("-")
    return {"angle": parts[len(parts) // 2], "coordination": parts[0], "Qn": rest}.get(kind, "")


def _shown(name: str, formers: bool) -> bool:
    """Whether a curve is worth a place: oxygens about cations, and angles of the network where there is one."""
    middle = _middle(name)
    if name.startswith("coordination"):
        return middle != "O"
    return not name.startswith("angle") or not formers or middle == "O" or middle in NETWORK_FORMERS


def _rank(name: str) -> tuple[int, bool, str]:
    kind = next((n for n, start in enumerate(ORDER) if name.startswith(start)), len(ORDER))
    return kind, _middle(name) not in NETWORK_FORMERS, name


def _labels(name: str) -> tuple[str, str]:
    if name.startswith("Qn"):
        return "bridging oxygens", f"fraction of {_middle(name)}"
    return next(labels for start, labels in STRUCTURE_LABELS.items() if name.startswith(start))


def structure_figures(found: Learned, styles: Mapping[str, Style]) -> list[Figure]:
    """Return a figure for each curve of the structure: a pane for each glass, its potentials as they are everywhere."""
    return [_figure(structure, found, styles, n) for n, structure in enumerate(found.structures, start=1)]


def _figure(structure: Structure, found: Learned, styles: Mapping[str, Style], number: int) -> Figure:
    curves = [curve for of_glass in structure.curves.values() for curve in of_glass.values()]
    bars = all(len(x) <= FEW and np.array_equal(x, np.round(x)) for x, _ in curves)
    panes: list[Pane] = []
    for glass in found.glasses:
        of_glass = structure.curves.get(glass, {})
        if not of_glass:
            continue
        names = sorted(of_glass, key=list(styles).index)
        first = not panes
        traces = tuple(
            Trace(name, *of_glass[name], styles[name], "bars" if bars else "line", in_legend=first) for name in names
        )
        panes.append(Pane(Axis(glass or structure.y_label), traces))
    low, high, ticks = _ends(curves, bars, trim=structure.name.startswith("angle"))
    several = f"One box a glass: {structure.y_label}. " if len(panes) > 1 else ""
    caption = f"{several}Mean over the independent runs of each potential; no part of the fit unless it is a target."
    title = TITLES.get(structure.name, structure.name)
    return Figure(
        f"structure-{number}", "structure", title, caption, Axis(structure.x_label, limits=(low, high), ticks=ticks),
        tuple(panes), compare=not bars, even=True,
    )  # fmt: skip


def _ends(curves: Iterable[Curve], bars: bool, trim: bool) -> tuple[float, float, tuple[float, ...]]:
    """Return the range of x and, of bars, the ticks; ``trim``: curves that are nothing at their ends."""
    if not (bars or trim):
        return min(float(x[0]) for x, _ in curves), max(float(x[-1]) for x, _ in curves), ()
    shown = [float(v) for x, y in curves for v in x[y > SEEN * np.nanmax(y)]] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    if trim:
        return low, high, ()
    return low - 0.6, high + 0.6, whole_ticks(low, high, most=12)

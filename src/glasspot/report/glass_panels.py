"""Every glass against experiment: what was measured, and what the start, the fit and published sets give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from glasspot.report.figure import Axis, Figure, Pane, Style, Trace
from glasspot.report.learning_data import GlassSet, Learned
from glasspot.report.words import count, measured, unit

HALF = 0.36  # half the length of the bar of a target; glasses stand 1 apart
APART = 0.5  # width over which the sets of a glass are spread
MARKERS = ("triangle", "triangle-down", "square", "plus")  # of published sets
BARS, SIGNS = "bars are", "± is"  # how errors are shown in a figure and in a table
ROOM = 0.08  # above and below what is drawn, as a part of its height


def experiment_figures(found: Learned, styles: Mapping[str, Style]) -> list[Figure]:
    """Return for each quantity its value over the glasses as simulated, and where the fit is judged elsewhere there."""
    figures = []
    for k in found.numbers:
        shown = [(found.sets, "", simulated(found))]
        if found.extrapolated and found.at_aim:
            shown = [(found.sets, ", as simulated", simulated(found)), (found.at_aim, ", extrapolated", at_aim(found))]
        limits = _limits(found, k, [one for sets, _, _ in shown for one in sets])
        figures += [
            _figure(found, k, sets, f"{found.quantities[k].name}{title}", caption, limits, styles)
            for sets, title, caption in shown
        ]
    return figures


def simulated(found: Learned, errors: str = BARS) -> str:
    """Say of what the values of the independent runs are; ``errors``: how they are shown."""
    words = found.made.words
    of = f" ({words})" if words else ""
    runs = max((one.runs for one in found.sets), default=0)
    if runs < 2:
        return f"One run of each glass as the search makes it{of}, without errors until the fit is validated."
    starts = count(runs, "independent start")
    return f"Mean over {starts} of the validation{of}; {errors} one standard deviation over them."


def at_aim(found: Learned, errors: str = BARS) -> str:
    """Say of what the extrapolated values are; ``errors``: how theirs are shown."""
    asked = f"Not simulated: the model of all runs, asked for {found.aim.words}"
    return f"{asked}; {errors} one standard deviation of what the model leaves open."


def glass_names(found: Learned) -> tuple[str, ...]:
    """Return the glasses as an axis has them; those held out of the fit with a star, a single one without a name."""
    return tuple(
        f"{name}*" if out else name or "glass" for name, out in zip(found.glasses, found.held_out, strict=True)
    )


def _figure(
    found: Learned, k: int, sets: Sequence[GlassSet], title: str, caption: str, limits: tuple[float, float],
    styles: Mapping[str, Style],
) -> Figure:  # fmt: skip
    quantity = found.quantities[k]
    x = np.arange(1.0, len(found.glasses) + 1)
    traces = [*_target(found, k, x)]
    points = point_styles(found, styles)
    drawn = sorted(sets, key=lambda one: list(points).index(one.name))
    for n, one in enumerate(drawn):
        place = x + APART * ((n + 0.5) / len(drawn) - 0.5)
        notes = tuple(
            f"{glass}: {one.name} {measured(value, error)} {unit(quantity.unit)}, target {target:.6g}".replace(
                "  ", " "
            )
            for glass, value, error, target in zip(
                found.glasses, one.mean[:, k], one.sd[:, k], found.target[:, k], strict=True
            )
        )
        style = points[one.name]
        traces.append(Trace(one.name, place, one.mean[:, k], style, "points", error=one.sd[:, k], notes=notes))
    label = f"{quantity.name} ({unit(quantity.unit)})" if quantity.unit else quantity.name
    by = f"glass, by its share of {found.oxide}" if found.oxide else "glass"
    axis = Axis(by, limits=(0.4, len(x) + 0.6), ticks=tuple(x.tolist()), names=glass_names(found))
    more = " A star: held out of the fit." if any(found.held_out) else ""
    return Figure(
        f"glasses-{k}", "experiment", title, caption + more, axis, (Pane(Axis(label, limits=limits), tuple(traces)),)
    )


def point_styles(found: Learned, styles: Mapping[str, Style]) -> dict[str, Style]:
    """Return the style of each potential as a point, the same in every figure, told apart without colour too."""
    made: dict[str, Style] = {}
    published = 0
    for one in sorted(found.sets, key=lambda one: list(styles).index(one.name)):
        marker = {"fitted": "diamond", "start": "circle"}.get(one.role)
        if marker is None:
            marker = MARKERS[published % len(MARKERS)]
            published += 1
        made[one.name] = replace(styles[one.name], marker=marker, size=9 if marker == "diamond" else 8)
    return made


def _target(found: Learned, k: int, x: np.ndarray) -> list[Trace]:
    """Return the targets as short bars, with their errors where those are known."""
    value, error = found.target[:, k], found.target_error[:, k]
    ends = np.column_stack([x - HALF, x + HALF, np.full(len(x), np.nan)]).ravel()
    levels = np.column_stack([value, value, np.full(len(x), np.nan)]).ravel()
    notes = tuple(
        f"{glass}: target {measured(v, e)}" for glass, v, e in zip(found.glasses, value, error, strict=True)
        for _ in range(3)
    )  # fmt: skip
    traces = [Trace("target", ends, levels, Style("ink", 2.6), notes=notes)]
    if np.isfinite(error).any():
        traces.append(Trace("target", x, value, Style("ink", marker="square", size=3), "points", error=error,
                            in_legend=False))  # fmt: skip
    return traces


def _limits(found: Learned, k: int, sets: Sequence[GlassSet]) -> tuple[float, float]:
    """Return the range of a quantity that holds all of the figures which are compared."""
    tables = [(found.target[:, k], np.nan_to_num(found.target_error[:, k]))]
    tables += [(one.mean[:, k], np.nan_to_num(one.sd[:, k])) for one in sets]
    low = min((float(v) for value, error in tables for v in value - error if np.isfinite(v)), default=0.0)
    high = max((float(v) for value, error in tables for v in value + error if np.isfinite(v)), default=1.0)
    room = ROOM * (high - low or abs(high) or 1.0)
    return low - room, high + room

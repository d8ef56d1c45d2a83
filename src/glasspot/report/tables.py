"""The tables of a report as plain text: validation, parameters, directions, timings, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from glasspot.report.data import FitReport, Parameter, Score
from glasspot.report.words import duration, measured, number, percent, unit

EDGE = 0.02  # a parameter this near its window's edge, as a part of the window, is said to lie on it

LOOSE = 0.2  # an error above this part of the value is said to be loose


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    section: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[str, ...] = ()  # columns of words, not numbers, so they are set left
    fitted: int | None = None  # the row that is the fitted potential


def tables(report: FitReport) -> tuple[Table, ...]:
    """Return every table that the report has rows for, in the order of reading."""
    made = (validation(report), parameters(report), directions(report), timings(report), provenance(report))
    return tuple(table for table in made if table.rows)


def validation(report: FitReport) -> Table:
    """Return R_chi with its error for each potential, over all curves and for each, and what was not fitted."""
    curves = list(dict.fromkeys(name for score in report.scores for name in score.per_curve))
    observed = list(dict.fromkeys(name for score in report.scores for name in score.observables))
    notes = any(score.note for score in report.scores)
    scores = sorted(report.scores, key=_by_cost)
    fitted = next((n for n, score in enumerate(scores) if score.role == "fitted"), None)
    rows = tuple(
        (
            score.name if score.role in (score.name, "published") else f"{score.name} ({score.role})",
            percent(score.cost, score.error),
            *(percent(score.per_curve.get(name, math.nan)) for name in curves),
            *(_rounded(score.observables.get(name, math.nan)) for name in observed),
            str(score.runs),
            *([score.note] if notes else []),
        )
        for score in scores
    )
    columns = ("potential", "R_chi", *(f"R_chi, {name}" for name in curves), *observed, "runs")
    caption = (
        "Independent MD runs of one length and protocol for every potential; ± is one standard error. Lowest first."
    )
    columns = (*columns, "note") if notes else columns
    return Table("validation", "Validation", caption, columns, rows, words=("note",), fitted=fitted)


def _by_cost(score: Score) -> float:
    """Return the cost to sort by; a score without one comes last."""
    return score.cost if math.isfinite(score.cost) else math.inf


def _rounded(value: float) -> str:
    """Return an observable with four digits."""
    return f"{value:#.4g}" if math.isfinite(value) else "–"


def parameters(report: FitReport) -> Table:
    """Return each parameter with its start, its fitted value and error, its change and its window."""
    rows = tuple(
        (
            f"{p.name} ({unit(p.unit)})" if p.unit else p.name,
            number(p.start),
            measured(p.fitted, p.error),
            _change(p),
            f"{number(p.window[0])} to {number(p.window[1])}",
            said_of(p),
        )
        for p in report.parameters
    )
    columns = ("parameter", "start", "fitted", "change", "window", "what the data say")
    caption = (
        "± is one standard error from the response of the curves to each parameter, the others free to follow; in "
        "directions that the data leave open, the windows bound it."
    )
    return Table("parameters", "Parameters", caption, columns, rows, words=columns[-1:])


def _change(p: Parameter) -> str:
    """Return the change in percent of the start."""
    if not (math.isfinite(p.start) and math.isfinite(p.fitted)) or p.start == 0:
        return "–"
    return f"{100 * (p.fitted / p.start - 1):+.1f} %".replace("-", "−")


def said_of(p: Parameter) -> str:
    """Say whether the data determine a parameter, and whether its window stopped it."""
    low, high = p.window
    width = high - low
    said = []
    if not math.isfinite(p.fitted):
        return "no value yet"
    if not math.isfinite(p.error):
        said.append("not determined alone")
    elif width > 0 and p.error > width / 2:
        said.append("hardly determined: error wider than half the window")
    elif p.error > LOOSE * abs(p.fitted):
        said.append(
            f"loosely determined (± {100 * p.error / abs(p.fitted):.0f} %)" if p.fitted else "loosely determined"
        )
    elif p.error > 0:
        said.append("determined")
    place = p.place if p.place is not None else (p.fitted - low) / width if width > 0 else 0.5
    if min(place, 1 - place) < EDGE:
        said.append("at the edge of its window")
    return ", ".join(said) or "–"


def directions(report: FitReport) -> Table:
    """Return the directions of parameter space, those that the data do not determine first."""
    rows = tuple(
        (
            direction.words,
            "yes" if direction.determined else "no",
            percent(direction.cost_change),
            ", ".join(f"{name} {_signed(share)}" for name, share in _largest(direction.components)),
        )
        for direction in sorted(report.directions, key=lambda d: (d.determined, d.cost_change))
    )
    caption = (
        "Combinations of the parameters, from the eigenvectors of the Fisher information. The change is that of the "
        "curves, as R_chi, for a step of half the window's width: one below the noise is not determined."
    )
    columns = ("direction", "determined", "change of R_chi", "largest components")
    return Table("parameters", "What the data determine", caption, columns, rows, words=(columns[0], columns[-1]))


def _signed(share: float) -> str:
    """Return a component with its sign, the minus as it is printed."""
    return f"{share:+.2f}".replace("-", "−")


def _largest(components: Mapping[str, float], most: int = 4) -> list[tuple[str, float]]:
    """Return the largest components, by size."""
    return sorted(components.items(), key=lambda item: -abs(item[1]))[:most]


def timings(report: FitReport) -> Table:
    """Return where the time went, as a part of the wall time where that is known."""
    wall = report.timings.get("wall", math.nan)
    rows = tuple((name, duration(seconds), _share(seconds, wall)) for name, seconds in report.timings.items())
    return Table("timings", "Timings", "", ("what", "time", "part of wall time"), rows)


def _share(seconds: float, wall: float) -> str:
    """Return a time as a part of the wall time."""
    if not (math.isfinite(wall) and wall > 0 and math.isfinite(seconds)):
        return "–"
    if seconds > wall:
        return "–"  # a sum over workers that ran side by side
    return "< 1 %" if 0 < seconds < 0.005 * wall else f"{100 * seconds / wall:.0f} %"


def provenance(report: FitReport) -> Table:
    """Return what made this report, so that someone else can make it again."""
    columns = ("what", "value")
    return Table("provenance", "Provenance", "", columns, tuple(report.provenance.items()), words=("value",))

"""The tables of a report as plain text: validation, parameters, directions, timings, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping

from glasspot.report.data import Direction, FitReport, Parameter, Score
from glasspot.report.learning_tables import learning_tables
from glasspot.report.table import Table
from glasspot.report.words import count, duration, measured, number, percent, unit

EDGE = 0.02  # a parameter this near its window's edge, as a part of the window, is said to lie on it

MANY = 1000.0  # information from which on it is printed with two digits
WINDOW_ALONE = 0.28  # an error of 1/sqrt(12) = 0.289 of a window is that of knowing the window only
LOOSE = 0.2  # an error above this part of the value is said to be loose


def tables(report: FitReport) -> tuple[Table, ...]:
    """Return every table that the report has rows for, in the order of reading."""
    made = (
        validation(report), *([] if report.learned is None else learning_tables(report.learned)), numbers(report),
        parameters(report), directions(report), predictions(report), members(report), timings(report),
        provenance(report),
    )  # fmt: skip
    return tuple(table for table in made if table.rows)


def validation(report: FitReport) -> Table:
    """Return R_chi with its error for each potential, over all curves and for each, and what was not fitted."""
    curves = list(dict.fromkeys(name for score in report.scores for name in score.per_curve))
    observed = list(dict.fromkeys(name for score in report.scores for name in score.observables))
    states = list(dict.fromkeys(name for score in report.scores for name in score.per_state))
    states = states if len(states) > 1 else []
    held_out = any(math.isfinite(score.held_out) for score in report.scores)
    notes = any(score.note for score in report.scores)
    scores = sorted(report.scores, key=_by_cost)
    fitted = next((n for n, score in enumerate(scores) if score.role == "fitted"), None)
    rows = tuple(
        (
            score.name if score.role in (score.name, "published") else f"{score.name} ({score.role})",
            percent(score.cost, score.error),
            *([percent(score.held_out, score.held_out_error)] if held_out else []),
            *(percent(score.per_state.get(name, math.nan)) for name in states),
            *(percent(score.per_curve.get(name, math.nan)) for name in curves),
            *(_rounded(score.observables.get(name, math.nan)) for name in observed),
            str(score.runs),
            *([score.note] if notes else []),
        )
        for score in scores
    )
    columns = (
        "potential", "R_chi", *(["R_chi, held out"] if held_out else []), *(f"R_chi, all of {name}" for name in states),
        *(f"R_chi, {name}" for name in curves), *observed, "runs",
    )  # fmt: skip
    caption = (
        "Independent MD runs of one length and protocol for every potential; ± is one standard error. Lowest first."
    )
    if held_out:
        caption += " What was held out is no part of the first R_chi."
    columns = (*columns, "note") if notes else columns
    return Table("validation", "Validation", caption, columns, rows, words=("note",), fitted=fitted)


def _by_cost(score: Score) -> float:
    """Return the cost to sort by; a score without one comes last."""
    return score.cost if math.isfinite(score.cost) else math.inf


def _rounded(value: float) -> str:
    """Return an observable with four digits."""
    return f"{value:#.4g}" if math.isfinite(value) else "–"


def numbers(report: FitReport) -> Table:
    """Return the targets that are numbers, such as the pressure, with their value in each potential."""
    names = [score.name for score in report.scores]
    rows = tuple(
        (
            f"{n.label} ({n.unit})" if n.unit else n.label,
            measured(n.target, n.error),
            *(measured(*n.values[name]) if name in n.values else "–" for name in names),
            "held out" if n.held_out else "yes",
        )
        for n in report.numbers
    )
    caption = "Validation runs; ± is one standard error. Each number is one term of R_chi."
    return Table("curves", "Numbers", caption, ("number", "target", *names, "fitted to"), rows)


def parameters(report: FitReport) -> Table:
    """Return each parameter with its start, its fitted value and error, its change and its window."""
    bounds = "window" if report.learned is None else "limits"  # a window that moves is told elsewhere
    rows = tuple(
        (
            f"{p.name} ({unit(p.unit)})" if p.unit else p.name,
            number(p.start),
            measured(p.fitted, p.error),
            _change(p),
            f"{number(p.window[0])} to {number(p.window[1])}",
            said_of(p, not report.unknown_errors, bounds),
        )
        for p in report.parameters
    )
    columns = ("parameter", "start", "fitted", "change", bounds, "what the data say")
    caption = (
        "± is one standard error from the response of the curves to each parameter, the others free to follow; in "
        "directions that the data leave open, the windows bound it."
    )
    if report.unknown_errors:
        caption = f"The errors are not known: {report.unknown_errors}."
    if report.learned is not None and any(span.at_start for span in report.learned.spans):
        caption += " The limits of A hold at the rho of the start: on the scale of the fit A moves with its rho."
    return Table("parameters", "Parameters", caption, columns, rows, words=columns[-1:])


def _change(p: Parameter) -> str:
    """Return the change in percent of the start."""
    if not (math.isfinite(p.start) and math.isfinite(p.fitted)) or p.start == 0:
        return "–"
    return f"{100 * (p.fitted / p.start - 1):+.1f} %".replace("-", "−")


def said_of(p: Parameter, known: bool = True, bounds: str = "window") -> str:
    """Say whether the data determine a parameter, and whether its bounds stopped it; ``known``: errors can be told."""
    low, high = p.window
    width = high - low
    said = []
    if not math.isfinite(p.fitted):
        return "no value yet"
    if not math.isfinite(p.error):
        said += ["not determined alone"] if known else []
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
        said.append(f"at the edge of its {bounds}")
    return ", ".join(said) or "–"


def directions(report: FitReport) -> Table:
    """Return the directions of parameter space, those that the data do not determine first."""
    rows = tuple(
        (
            direction.words,
            "yes" if direction.determined else "no",
            percent(direction.cost_change),
            _rounded(direction.information) if direction.information < MANY else f"{direction.information:.2g}",
            _along(direction),
            ", ".join(f"{name} {_signed(share)}" for name, share in _largest(direction.components)),
        )
        for direction in sorted(report.directions, key=lambda d: (d.determined, d.cost_change))
    )
    caption = (
        "Combinations of the parameters, from the eigenvectors of the Fisher information. The change is that of the "
        "curves, as R_chi, for a step of half the window's width: one below the noise is not determined. The "
        "information is (change / noise)²; the error is that of a fit to these runs, in parts of the window."
    )
    columns = ("direction", "determined", "change of R_chi", "information", "error", "largest components")
    return Table("uncertainty", "What the data determine", caption, columns, rows, words=(columns[0], columns[-1]))


def _along(direction: Direction) -> str:
    """Return the error along a direction, or that only the window bounds it."""
    if not math.isfinite(direction.error):
        return "–"
    return "the window" if direction.error > WINDOW_ALONE else f"{direction.error:.2g}"


def predictions(report: FitReport) -> Table:
    """Return what the members that fit as well predict, what they do not agree on first."""
    found = report.ensemble.predictions if report.ensemble is not None else ()
    rows = tuple(
        (
            p.quantity,
            measured(p.fitted, p.error),
            measured(p.mean, p.spread),
            f"{p.scatter:.2g}",
            f"± {p.left_open:.2g}" if p.left_open > 0 else "within the scatter",
        )
        for p in sorted(found, key=lambda p: p.left_open <= 0)
    )
    fitting = len(report.ensemble.fitting) if report.ensemble is not None else 0
    caption = (
        f"Mean and standard deviation over the {count(fitting, 'member')} that fit as well. The scatter is that of "
        "repeats with the fitted potential; what the members have beyond it (F test, 95 %) the fit leaves open: longer "
        "runs would not tell."
    )
    columns = ("quantity", "fitted", "members", "scatter of runs", "left open by the fit")
    return Table("ensemble", "Predictions and their spread", caption, columns, rows)


def members(report: FitReport) -> Table:
    """Return the members of the ensemble with their R_chi, those that fit as well first."""
    if report.ensemble is None:
        return Table("ensemble", "Members", "", (), ())
    rows = tuple(
        (
            member.name,
            percent(member.cost, member.error) if not member.note else f"failed: {member.note}",
            percent(member.predicted),
            "yes" if member.fits else "no",
        )
        for member in sorted(report.ensemble.members, key=lambda m: not m.fits)
    )
    caption = (
        f"A member fits as well when its measured R_chi is at most {percent(report.ensemble.limit)}: that of the "
        "fitted potential and two standard errors of the difference. Beside this page, the folder ensemble holds each "
        "of those as a potential file of glasspot."
    )
    columns = ("member", "R_chi", "expected R_chi", "fits as well")
    return Table("ensemble", "Members", caption, columns, rows)


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

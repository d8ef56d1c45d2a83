"""Is more complexity worth it? The fits of a ladder: errors, an information criterion, held-out states.

A rung is judged against the one before it by three measures that need not agree: R_chi on independent runs, AICc
(:mod:`glasspot.campaign.information`), and R_chi of the states that neither fit saw; R_chi by Welch's t test. Angles
and coordination stand beside them: they are never part of a cost.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from glasspot.campaign.information import aicc, independent_values
from glasspot.errors import GlasspotError
from glasspot.files import write_text
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.collect import collect
from glasspot.report.data import FitReport, Score
from glasspot.report.figure import BLUE, VERMILION, Axis, Figure, Pane, Style, Trace, percent_ticks
from glasspot.report.static import save_figures
from glasspot.report.store_panels import good_outcomes
from glasspot.report.words import percent, score_of, welch_margin
from glasspot.store import Store
from glasspot.target.objective import Objective

FLOOR = Style("muted", width=1.5, dash="dot")
# A lower AICc by more than this is evidence, not taste: Burnham and Anderson, Sociol. Methods Res. 33 (2004) 261.
CLEAR = 2.0


@dataclass(frozen=True)
class Rung:
    """One fit of a ladder; costs are fractions, nan where not known."""

    name: str
    parameters: int
    determined: int  # directions of parameter space that the data determine; -1 where not known
    score: Score
    noise_floor: float
    values: float  # effective number of independent values, nu
    md_runs: int


@dataclass(frozen=True)
class Verdict:
    """What one rung gains over the one before it: "better", "same" or "worse", or "unknown", by each measure."""

    lower: str
    upper: str
    fit: str
    criterion: str
    held_out: str
    words: str


def read_rung(name: str, folder: Path) -> Rung:
    """Return a finished rung; GlasspotError when its fit has not come to its end."""
    report = collect(folder)
    fitted = score_of(report, "fitted")
    if report.state != "finished" or fitted is None:
        raise GlasspotError(f"the fit of {name} in {folder} is not finished ({report.state}); go on with --resume")
    with Store.open(folder) as store:
        record = next(r for r in store.records("validation") if r["role"] == "fitted")
        objective = Objective.from_dict(store.get_meta("objective"))
        space = ParameterSpace.from_dict(store.get_meta("plan")["space"])
        outcomes = [good_outcomes(store, record["keys"][state.name]) for state in objective.states]
    values = independent_values(outcomes, objective) if all(outcomes) else math.nan
    count = len(space.names)
    return Rung(
        name=name,
        parameters=count,
        determined=sum(d.determined for d in report.directions) if report.directions else -1,
        score=fitted,
        noise_floor=report.noise_floor,
        values=values,
        md_runs=_runs(report),
    )


def _runs(report: FitReport) -> int:
    return report.steps[-1].md_runs if report.steps else 0


def compare(rungs: Sequence[Rung]) -> list[Verdict]:
    """Return what each rung gains over the one before it."""
    criteria = information(rungs)
    return [_verdict(lower, upper, b - a) for (lower, a), (upper, b) in pairwise(zip(rungs, criteria, strict=True))]


def information(rungs: Sequence[Rung]) -> list[float]:
    """Return the AICc of each rung; nan where R_chi is not known."""
    # nu of the runs differs by chance; one number for all, or the criterion would compare noise.
    values = float(np.median([rung.values for rung in rungs]))
    return [
        aicc(r.score.cost, values, r.parameters) if math.isfinite(r.score.cost + values) else math.nan for r in rungs
    ]


def _verdict(lower: Rung, upper: Rung, difference: float) -> Verdict:
    fit = _side(upper.score.cost - lower.score.cost, welch_margin(upper.score, lower.score))
    criterion = _side(difference, CLEAR)
    above, below = _of_held_out(upper.score), _of_held_out(lower.score)
    held = _side(above.cost - below.cost, welch_margin(above, below))
    more = upper.parameters - lower.parameters
    costs = f"{percent(lower.score.cost, lower.score.error)} to {percent(upper.score.cost, upper.score.error)}"
    parts = [
        f"R_chi {costs} ({_told(fit)})",
        f"AICc {difference:+.1f}" if math.isfinite(difference) else "AICc not known",
    ]
    if math.isfinite(upper.score.held_out) and math.isfinite(lower.score.held_out):
        before = percent(lower.score.held_out, lower.score.held_out_error)
        after = percent(upper.score.held_out, upper.score.held_out_error)
        parts.append(f"held out {before} to {after} ({_told(held)})")
    extra = f"{more:+d} parameter{'' if abs(more) == 1 else 's'}"
    words = f"{lower.name} to {upper.name}, {extra}: {'; '.join(parts)}. {_conclusion(fit, criterion, held)}"
    return Verdict(lower.name, upper.name, fit, criterion, held, words)


def _of_held_out(score: Score) -> Score:
    """Return the score of the held-out states in the place of that of the fitted ones."""
    return replace(score, cost=score.held_out, error=score.held_out_error, runs=score.held_out_runs)


def _side(difference: float, margin: float) -> str:
    if not (math.isfinite(difference) and math.isfinite(margin)):
        return "unknown"
    if difference < -margin:
        return "better"
    return "worse" if difference > margin else "same"


def _told(side: str) -> str:
    return {"better": "lower", "worse": "higher", "same": "not told apart", "unknown": "not known"}[side]


def _conclusion(fit: str, criterion: str, held_out: str) -> str:
    """Return whether the extra parameters are worth having, in a sentence."""
    if fit == "unknown":
        return "Not known: one of the two has no R_chi, for its validation runs failed."
    if fit == "worse":
        return "Not worth it: R_chi gets worse; where this rung contains the one before it, its search stopped short."
    if held_out == "worse":
        return "Not worth it: the held-out state gets worse, a sign of over-fitting."
    if fit == "better" and criterion == "better":
        return "Worth it."
    if "better" in (fit, criterion, held_out):
        return "Open: the measures do not agree; more or longer validation runs would tell."
    return "Not worth it: nothing is gained that stands out of the noise."


def rows(rungs: Sequence[Rung]) -> list[dict[str, float | int | str]]:
    """Return one row for each rung, as plain values for tables and files; costs in percent."""
    found = []
    for rung, criterion in zip(rungs, information(rungs), strict=True):
        row: dict[str, float | int | str] = {
            "rung": rung.name,
            "free_parameters": rung.parameters,
            "determined_directions": rung.determined,
            "R_chi_percent": 100 * rung.score.cost,
            "R_chi_error_percent": 100 * rung.score.error,
            "noise_floor_percent": 100 * rung.noise_floor,
            "held_out_percent": 100 * rung.score.held_out,
            "held_out_error_percent": 100 * rung.score.held_out_error,
            "AICc": criterion,
            "independent_values": rung.values,
            "MD_runs": rung.md_runs,
        }
        row |= {f"R_chi_percent {label}": 100 * cost for label, cost in rung.score.per_curve.items()}
        row |= dict(rung.score.observables)
        found.append(row)
    return found


def figure(rungs: Sequence[Rung]) -> Figure:
    """Return R_chi of each rung against its number of free parameters, with the held-out states beside it."""
    x = np.array([float(rung.parameters) for rung in rungs])

    def trace(label: str, y: Sequence[float], error: Sequence[float], style: Style) -> Trace:
        notes = tuple(f"{rung.name}: {label} {percent(v, e)}" for rung, v, e in zip(rungs, y, error, strict=True))
        return Trace(label, x, 100 * np.array(y), style, error=100 * np.array(error), notes=notes)

    scores = [rung.score for rung in rungs]
    traces = [trace("fitted states", [s.cost for s in scores], [s.error for s in scores],
                    Style(VERMILION, marker="circle"))]  # fmt: skip
    if all(math.isfinite(s.held_out) for s in scores):
        held = [s.held_out for s in scores], [s.held_out_error for s in scores]
        traces.append(trace("held-out states", *held, Style(BLUE, dash="dash", marker="diamond")))
    floors = 100 * np.array([rung.noise_floor for rung in rungs])
    traces.append(Trace("noise floor", x, floors, FLOOR))
    names = ", ".join(f"{rung.parameters} parameters: {rung.name}" for rung in rungs)
    axis = Axis("free parameters", limits=(min(x) - 1, max(x) + 1), ticks=tuple(sorted(set(x))))
    known = np.concatenate([t.y[np.isfinite(t.y)] for t in traces])
    low, high = (known.min() / 1.25, 1.35 * known.max()) if len(known) else (1.0, 100.0)
    y = Axis("R_chi (%)", log=True, limits=(low, high), ticks=percent_ticks(low, high))
    pane = Pane(y, tuple(traces))
    caption = f"R_chi on independent runs (bars: one standard error) of each rung. {names}."
    return Figure("ladder", "ladder", "R_chi against complexity", caption, axis, (pane,))


def write_ladder(rungs: Sequence[Rung], verdicts: Sequence[Verdict], folder: Path) -> list[Path]:
    """Write ladder.csv, ladder.json and the figure into ``folder``; return their paths."""
    table = rows(rungs)
    names = list(dict.fromkeys(key for row in table for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    content = {"rungs": [_finite(row) for row in table], "verdicts": [asdict(v) for v in verdicts]}
    return [
        write_text(folder / "ladder.csv", text.getvalue()),
        write_text(folder / "ladder.json", json.dumps(content, indent=1) + "\n"),
        *save_figures([figure(rungs)], folder),
    ]


def _finite(row: Mapping[str, float | int | str]) -> dict[str, float | int | str | None]:
    """Return the row with null for what is not known: JSON has no NaN."""
    return {k: (None if isinstance(v, float) and not math.isfinite(v) else v) for k, v in row.items()}

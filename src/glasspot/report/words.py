"""Numbers with their errors, durations and the sentences at the top of a report, as plain text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasspot.report.data import FitReport, Prediction, Score

STATES = {
    "running": "The fit is still running: what follows is the state of now.",
    "interrupted": "The fit was interrupted: what was finished is shown, and --resume goes on from here.",
    "stopped": "The fit was stopped on request: what was finished is shown, and --resume goes on from here.",
    "failed": "The fit failed: what was finished before is shown.",
}


METHODS = {
    "gauss-newton": "Gauss-Newton",
    "bayes": "Bayesian optimisation",
    "cma-es": "CMA-ES",
    "conjugate-gradient": "conjugate gradients",
    "sobol": "Sobol points",
    "active-learning": "active learning",
    "multi-objective": "multi-objective search",
}
PURPOSES = {"gradient": "for the gradient", "line": "along the line", "start": "start set"}  # notes of proposals


ROUNDING = 1e-9  # an error of R_chi below it is none: numbers that are known of a whole run have no scatter in it
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Headline:
    """The answer of a fit in one line, and the sentences that support it."""

    answer: str
    evidence: tuple[str, ...]


def purpose(record: Mapping[str, Any]) -> str:
    """Return what the evaluation of a record was for; of Gauss-Newton, of which each is a step, whether it stands."""
    if record["method"] == "gauss-newton":
        return "" if record["accepted"] or record["cost"] is None else "not accepted"
    return PURPOSES.get(record["note"], str(record["note"]))


def percent(cost: float, error: float = math.nan) -> str:
    """Return a cost, given as a fraction, as ``4.1 ± 0.2 %``: as many digits as the error deserves."""
    if not math.isfinite(cost):
        return "not known"
    if not (math.isfinite(error) and error > ROUNDING):
        return f"{100 * cost:.3g} %" if cost < 0.995 else f"{100 * cost:.0f} %"
    power = math.floor(math.log10(100 * error))
    digits = min(max(0, -power + (100 * error < 2 * 10.0**power)), 4)  # two digits of an error that starts with 1
    return f"{100 * cost:.{digits}f} ± {100 * error:.{digits}f} %"


def measured(value: float, error: float) -> str:
    """Return ``18003.8 ± 1.2``: the error with two digits, the value to the same place; or the value alone."""
    if not math.isfinite(value):
        return "not known"
    if not (math.isfinite(error) and error > 0):
        return number(value)
    digits = 1 - math.floor(math.log10(error))
    if not -6 <= digits <= 12:
        return f"{number(value)} ± {error:.2g}"
    shown = max(digits, 0)
    return f"{round(value, digits):.{shown}f} ± {round(error, digits):.{shown}f}"


def number(value: float) -> str:
    """Return a number with six significant digits, without a needless exponent."""
    if not math.isfinite(value):
        return "not known"
    return f"{value:.6g}"


def unit(text: str) -> str:
    """Return a unit as it is printed: ``eV A^6`` becomes ``eV Å⁶``."""
    raised = re.sub(r"\^(-?\d+)", lambda found: found[1].translate(SUPERSCRIPTS), text)
    return re.sub(r"\bA(?![a-zA-Z])", "Å", raised)


def duration(seconds: float) -> str:
    """Return a time as a person says it: ``43 s``, ``3 min 40 s``, ``2 h 05 min``."""
    if not math.isfinite(seconds):
        return "not known"
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(n: int, thing: str) -> str:
    """Return ``1 MD run`` or ``12 MD runs``."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def listed(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def score_of(report: FitReport, role: str) -> Score | None:
    """Return the first score of this role, or None."""
    return next((score for score in report.scores if score.role == role), None)


def headline(report: FitReport) -> Headline:
    """Return the answer of the fit: the validated R_chi where there is one, else the best so far, and say so."""
    fitted, start = score_of(report, "fitted"), score_of(report, "start")
    runs = report.steps[-1].md_runs if report.steps else 0
    evidence = [STATES[report.state]] if report.state in STATES else []
    if fitted is not None and math.isfinite(fitted.cost):
        answer = f"R_chi {percent(fitted.cost, fitted.error)}"
        if start is not None:
            answer += f" (start {start.name}: {percent(start.cost, start.error)})"
        evidence += [_validated(fitted, runs), *_comparison(report, fitted)]
    else:
        answer = _unvalidated(report, runs)
        if start is not None:
            evidence.append(f"The start, {start.name}, scores {percent(start.cost, start.error)}.")
    evidence += [*_floor(report), *_held_out(fitted, start), *_open(report), *_ensemble(report)]
    return Headline(answer, tuple(evidence))


def _validated(fitted: Score, runs: int) -> str:
    """Return how the answer was measured."""
    if fitted.runs < 1:
        return f"Found within {count(runs, 'MD run')}; not measured on independent runs."
    return f"Found within {count(runs, 'MD run')} and measured on {count(fitted.runs, 'independent validation run')}."


def _unvalidated(report: FitReport, runs: int) -> str:
    """Return the answer of a fit that has no validated potential yet."""
    good = [step for step in report.steps if math.isfinite(step.cost)]
    top = max((step.level for step in good), default=0)  # cheaper levels do not compare with it
    finite = [(step.cost, step.cost_error) for step in good if step.level == top]
    if not finite:
        return "No MD run has finished yet" if not runs else f"All of {count(runs, 'MD run')} failed"
    return f"R_chi {percent(*min(finite))}, best of {count(runs, 'MD run')}, not validated yet"


def _comparison(report: FitReport, fitted: Score) -> list[str]:
    """Say which published sets the fit is better than, by Welch's t test at 95 %, and which not."""
    words: dict[str, list[str]] = {"better": [], "same": [], "worse": []}
    for score in report.scores:
        if score.role == "published" and math.isfinite(score.cost):
            words[_verdict(fitted, score)].append(f"{score.name} ({percent(score.cost, score.error)})")
    sentences = []
    if words["better"]:
        sentences.append(f"Lower than {listed(words['better'])} (95 % confidence).")
    if words["same"]:
        sentences.append(f"Not told apart from {listed(words['same'])} (95 % confidence).")
    if words["worse"]:
        sentences.append(f"Higher than {listed(words['worse'])} (95 % confidence).")
    return sentences


def _verdict(fitted: Score, other: Score) -> str:
    """Return whether the fitted potential is better, worse or the same as another, by Welch's t test at 95 %."""
    margin = welch_margin(fitted, other)
    if fitted.cost < other.cost - margin:
        return "better"
    return "worse" if fitted.cost > other.cost + margin else "same"


def welch_margin(one: Score, other: Score) -> float:
    """Return the difference of two mean costs that 95 % of repeats stay below when there is none.

    With two to four runs each, Student's t is 2.4 to 4.3 standard errors, not 2. Welch, Biometrika 34 (1947) 28.
    """
    from scipy.stats import t

    parts = [(s.error**2, s.runs - 1) for s in (one, other) if math.isfinite(s.error) and s.error > 0 and s.runs > 1]
    if not parts:
        return 0.0
    variance = sum(square for square, _ in parts)
    freedom = variance**2 / sum(square**2 / runs for square, runs in parts)
    return float(t.ppf(0.975, freedom)) * math.sqrt(variance)


def _floor(report: FitReport) -> list[str]:
    """Say what the noise floor is, where it is known."""
    if not math.isfinite(report.noise_floor):
        return []
    sentence = f"A perfect model would score {percent(report.noise_floor)} with runs of this length: the noise floor."
    fitted = score_of(report, "fitted")
    if fitted is not None and fitted.cost - report.noise_floor < 2 * fitted.error:
        return [f"{sentence} The fit has reached it: these runs could not show a better one."]
    return [sentence]


def _held_out(fitted: Score | None, start: Score | None) -> list[str]:
    """Say how the fit does in the systems that were held out of it."""
    if fitted is None or not math.isfinite(fitted.held_out):
        return []
    sentence = f"In what was held out of the fit: R_chi {percent(fitted.held_out, fitted.held_out_error)}"
    if start is not None and math.isfinite(start.held_out):
        sentence += f" (start {start.name}: {percent(start.held_out, start.held_out_error)})"
    return [f"{sentence}."]


def _open(report: FitReport) -> list[str]:
    """Say how much of the parameters the data determine."""
    if report.unknown_errors:
        return [f"The errors of the parameters are not known: {report.unknown_errors}."]
    loose = sum(not direction.determined for direction in report.directions)
    if not loose:
        return []
    return [f"The data do not determine {loose} of {count(len(report.directions), 'combination')} of parameters."]


def _ensemble(report: FitReport) -> list[str]:
    """Say how many other potentials fit as well, and on what they do not agree."""
    if report.ensemble is None or not report.ensemble.members:
        return []
    fitting, run = len(report.ensemble.fitting), len(report.ensemble.members)
    sentence = f"Of {count(run, 'other potential')} drawn within the errors, {fitting} {_fits(fitting)} as well."
    opened = [p for p in report.ensemble.predictions if p.left_open > 0 and not p.quantity.startswith("Wright")]
    opened.sort(key=lambda p: -p.left_open / max(p.scatter, 1e-300))
    if opened:
        sentence += f" They do not agree on {listed([_spread(p) for p in opened[:3]])}."
    fitted = score_of(report, "fitted")
    noise = report.ensemble.limit - fitted.cost if fitted is not None else math.inf
    better = [m for m in report.ensemble.fitting if fitted is not None and m.cost < fitted.cost - noise]
    if better:
        best = min(better, key=lambda member: member.cost)
        sentence += (
            f" {best.name.capitalize()} fits better than the fitted potential, beyond the noise "
            f"({percent(best.cost, best.error)}): the search stopped short of the minimum, and can begin again from it."
        )
    return [sentence]


def _spread(p: Prediction) -> str:
    """Return a quantity with what is left open of it, as ``pressure (± 1.1 GPa)``."""
    found = re.search(r" \((GPa|%)\)", p.quantity)
    if found is None:
        return f"{p.quantity} (± {p.left_open:.2g})"
    return f"{p.quantity.replace(found[0], '')} (± {p.left_open:.2g} {found[1]})"


def _fits(n: int) -> str:
    return "fits" if n == 1 else "fit"

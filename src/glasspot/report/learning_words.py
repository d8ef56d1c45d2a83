"""The sentences at the top of the report of a fit that learns what every glass does."""

from __future__ import annotations

import math

from glasspot.report.data import FitReport
from glasspot.report.learning_data import GlassSet, Learned
from glasspot.report.words import Headline, headline, listed, percent, unit


def learned_headline(report: FitReport, found: Learned) -> Headline:
    """Return the answer where the fit is judged: extrapolated, or as simulated; then what supports it."""
    plain = headline(report)
    sets = found.at_aim if found.extrapolated and found.at_aim else found.sets
    fitted, start = (next((one for one in sets if one.role == role), None) for role in ("fitted", "start"))
    evidence = list(plain.evidence)
    answer = plain.answer
    if found.extrapolated and fitted is not None and math.isfinite(fitted.cost):
        answer = f"R_chi {percent(fitted.cost, fitted.cost_sd)}"
        if start is not None:
            answer += f" (start {start.name}: {percent(start.cost, start.cost_sd)})"
        said = f"Extrapolated to {found.aim.words} by the model of all runs, which is what was fitted."
        ways = found.made.words
        evidence = [said, f"As simulated{f' ({ways})' if ways else ''}: {plain.answer}.", *evidence]
    if fitted is not None and start is not None and report.scores:
        evidence += _errors(found, fitted, start)
    if found.reason:
        evidence.append(f"No model of all runs was made: {found.reason}.")
    return Headline(answer, tuple(evidence))


def _errors(found: Learned, fitted: GlassSet, start: GlassSet) -> list[str]:
    """Say how far each quantity is from experiment, and by how much the summed loss fell."""
    if fitted.rmse is None or start.rmse is None:
        return []
    told = [
        f"{q.name} {q.factor * fitted.rmse[k]:.3g} {unit(q.shown)}".rstrip()
        + f" (start {q.factor * start.rmse[k]:.3g})"
        for k, q in enumerate(found.quantities)
        if math.isfinite(fitted.rmse[k]) and math.isfinite(start.rmse[k])
    ]
    sentences = [f"Root mean square deviation from experiment: {listed(told)}."] if told else []
    if math.isfinite(fitted.cost) and start.cost > 0:
        change = 100.0 * (fitted.cost / start.cost) ** 2 - 100.0
        side = "below" if change < 0 else "above"
        sentences.append(f"The summed loss, R_chi², is {abs(change):.0f} % {side} that of the start.")
    return sentences

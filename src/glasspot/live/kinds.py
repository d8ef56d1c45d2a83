"""What stands at the top of the live page, for each kind of run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasspot.campaign.landscape import POINT
from glasspot.live.facts import Moment
from glasspot.live.status_parts import GOES_ON
from glasspot.report.compare import COMPARISON
from glasspot.report.data import FitReport
from glasspot.report.landscape import LANDSCAPE, read_landscape
from glasspot.report.learning_words import learned_headline
from glasspot.report.words import STATES, count, headline, percent


@dataclass(frozen=True)
class Top:
    """What the page is of, its answer, what supports that and what to be careful of."""

    kind: str
    title: str
    description: str
    answer: str
    evidence: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def top_of(
    folder: Path, plan: Any, settings: Any, about: dict[str, Any], counts: dict[str, int], report: FitReport | None,
    moment: Moment,
) -> Top:  # fmt: skip
    """Return the top of the page of a folder, from what its store holds."""
    goes_on = (GOES_ON,) if moment.state in ("interrupted", "stopped", "failed") else ()
    runs = f"{count(moment.ended.tally.runs, 'MD run')} finished"
    if plan is None:
        title = settings.get("title", "") if isinstance(settings, dict) else ""
        return Top("simulations", str(title) or folder.name, "", runs, goes_on)
    title, description = plan["title"], plan["description"]
    if about[LANDSCAPE] is not None:
        whole = math.prod(about[LANDSCAPE]["shape"])
        answer = f"{counts.get(POINT, 0):,} of {whole:,} points"
        return Top("landscape", title, description, answer, (*read_landscape(folder).said, *goes_on))
    if about[COMPARISON] is not None:
        return Top("comparison of potentials", title, description, _compared(report, about[COMPARISON]), goes_on)
    if report is None:
        return Top("fit", title, description, runs, goes_on, tuple(plan["cautions"]))
    found = headline(report) if report.learned is None else learned_headline(report, report.learned)
    evidence = tuple(sentence for sentence in found.evidence if sentence not in STATES.values())
    return Top("fit", title, description, found.answer, (*goes_on, *evidence), report.cautions)


def _compared(report: FitReport | None, about: dict[str, Any]) -> str:
    scores = [] if report is None else [score for score in report.scores if math.isfinite(score.cost)]
    answer = f"{len(scores)} of {count(len(about['names']), 'potential')} scored"
    if not scores:
        return answer
    best = min(scores, key=lambda score: score.cost)
    return f"{answer}; lowest R_chi: {best.name}, {percent(best.cost, best.error)}"

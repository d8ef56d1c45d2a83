"""How long a run will still take, in words: from its own pace, and said only where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from glasspot.config import FitTable
from glasspot.live.course import Mark
from glasspot.report.words import count, duration

RECENT = 50  # evaluations that tell the pace of a search
NEAR_S = 1.0  # less is not worth saying


def budget(settings: Any, each: int) -> int | None:
    """Return how many MD runs the search of a fit may take, ``each`` an evaluation; None where it is not known."""
    try:
        return FitTable.model_validate(settings["fit"]).runs(each)
    except (KeyError, TypeError, ValidationError):
        return None


def search_left(marks: Sequence[Mark], most: int | None) -> str:
    """Return how long the search may still take, at its pace of late; "" where that is not known, or it is over."""
    recent = marks[-RECENT:]
    if most is None or len(recent) < 2 or recent[-1].run >= most or recent[-1].run <= recent[0].run:
        return ""
    pace = (recent[-1].seconds - recent[0].seconds) / (recent[-1].run - recent[0].run)
    seconds = pace * (most - recent[-1].run)
    return f"at most about {duration(seconds)} of search, then the validation" if seconds > NEAR_S else ""


def queue_left(to_go: int, pace: float) -> str:
    """Return how long the runs asked for will take, ``pace`` of them a second; "" where that is not known."""
    if to_go < 1 or pace <= 0 or to_go / pace < NEAR_S:
        return ""
    return f"about {duration(to_go / pace)} for the {count(to_go, 'MD run')} asked for so far"

"""The windows of a search whose rounds are small: the rule of :mod:`glasspot.search.windows`, asked now and then.

It is asked after every ``BLOCK`` new points, from twice as many on. Selected are the ``BEST`` new points of least cost
so far: a search that explores goes to corners too, and only what is good there is a reason to look beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glasspot.search.evaluated import key_of
from glasspot.search.proposer import Evaluation, Margin
from glasspot.search.windows import Selection, moved

BLOCK = 10
BEST = 10


class Moves:
    """Windows (n, 2) and the decisions that made them, following what is told."""

    def __init__(self, windows: np.ndarray, margin: Margin, seed: int) -> None:
        self.windows = windows
        self.decisions: list[dict[str, Any]] = []
        self._margin, self._seed = margin, seed
        self._followed = BLOCK  # new points that were looked at

    def follow(self, told: Sequence[Evaluation], own: int) -> None:
        """Take what was told so far; the search's own proposals begin at number ``own``."""
        new = _new_points(told, own)
        while len(new) >= self._followed + BLOCK:
            self._followed += BLOCK
            succeeded = [e for e in new[: self._followed] if e.cost is not None]
            best = sorted(succeeded, key=lambda e: e.cost or 0.0)[:BEST]
            points = np.array([e.point for e in best]).reshape(-1, len(self.windows))
            selected = [Selection(points, self.windows)]
            self.windows, decisions = moved(self.windows, selected, told, self._margin, self._seed)
            self.decisions += [d for d in decisions if d["moved"] or not self._known(d)]

    def _known(self, decision: dict[str, Any]) -> bool:
        """Return whether the last decision about this side was to leave it as well: it need not be said again."""
        about = [d for d in self.decisions if (d["axis"], d["side"]) == (decision["axis"], decision["side"])]
        return bool(about) and not about[-1]["moved"]


def _new_points(told: Sequence[Evaluation], own: int) -> list[Evaluation]:
    """Return the first evaluation of each point that was run first after number ``own``, at the cheapest level."""
    known = {key_of(e.point) for e in told[:own]}
    new = []
    for evaluation in told[own:]:
        if key_of(evaluation.point) not in known:
            known.add(key_of(evaluation.point))
            new.append(evaluation)
    return new

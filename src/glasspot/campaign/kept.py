"""Outcomes kept in memory: those last used, so that a long row of runs does not fill it."""

from __future__ import annotations

from collections import OrderedDict

from glasspot.evaluate.job import Outcome


class Kept:
    """The outcomes last used, up to ``most`` bytes of their arrays, and the last one in any case."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._found: OrderedDict[str, tuple[Outcome, int]] = OrderedDict()

    def get(self, key: str) -> Outcome | None:
        """Return an outcome; None when it is not kept, which does not say that there is none."""
        if key not in self._found:
            return None
        self._found.move_to_end(key)
        return self._found[key][0]

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, and let go of those not used for longest where there is no more room."""
        if key in self._found:
            return
        size = sum(array.nbytes for array in outcome.arrays.values())
        self._found[key] = (outcome, size)
        self._size += size
        while self._size > self._most and len(self._found) > 1:
            _, (_, gone) = self._found.popitem(last=False)
            self._size -= gone

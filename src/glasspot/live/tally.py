"""The outcomes of MD runs as they come: how many, how fast, and which failed for what reason."""

from __future__ import annotations

from collections import Counter, deque

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Outcome
from glasspot.store.news import News
from glasspot.store.rows import RUNS, Run

LAST_FAILED = 6  # failures told one by one
PACE_OF = 200  # runs that tell how fast they come


class Tally:
    """What is known of the outcomes in one store; each row is read once."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.done = 0
        self.first = ""  # key of the first run
        self.reasons: Counter[str] = Counter()  # of failures
        self.failed: deque[Run] = deque(maxlen=LAST_FAILED)
        self._messages: dict[str, str] = {}
        self._stamps: deque[float] = deque(maxlen=PACE_OF)
        self._last = -1

    def read(self, news: News) -> None:
        """Read what is new; everything again where the store has other outcomes than were read before."""
        self._read_on(news)
        if self.done != news.counts()[RUNS]:
            self._clear()
            self._read_on(news)

    def _read_on(self, news: News) -> None:
        for run in news.runs_after(self._last):
            self.done += 1
            self.first = self.first or run.key
            self._last = run.number
            self._stamps.append(run.stored)
            if not run.ok:
                self.reasons[run.reason] += 1
                self.failed.append(run)

    def message(self, news: News, run: Run) -> str:
        """Return what the engine said of a failed run; "" where it said nothing that can be read."""
        if run.key not in self._messages:
            if len(self._messages) > 5 * LAST_FAILED:
                self._messages.clear()
            try:
                data = news.store.get_outcome(run.key)
                self._messages[run.key] = "" if data is None else Outcome.from_bytes(data).message
            except GlasspotError:
                return ""
        return self._messages[run.key]

    def pace(self, since: float, now: float) -> float:
        """Return how many runs end in a second, by those that ended after ``since`` (s of the epoch); 0: not known."""
        stamps = [stamp for stamp in self._stamps if stamp >= since]
        if len(stamps) < 3 or stamps[-1] <= stamps[0]:
            return 0.0
        return (len(stamps) - 1) / (max(now, stamps[-1]) - stamps[0])

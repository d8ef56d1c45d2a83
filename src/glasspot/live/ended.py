"""The MD runs that have ended, as they come: counted, how long the last ones took, and what the last failures said."""

from __future__ import annotations

from collections import deque

from glasspot.campaign.tally import Tally
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Outcome
from glasspot.report.left import LATE
from glasspot.store.news import News
from glasspot.store.rows import RUNS, Run

LAST_FAILED = 6  # failures told one by one


class EndedRuns:
    """What is known of the runs of one store that have ended; each row is read once."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.tally = Tally()
        self.first = ""  # key of the first run
        self.last_failed: deque[Run] = deque(maxlen=LAST_FAILED)
        self.late_s: deque[float] = deque(maxlen=LATE)  # how long the last ones took
        self._messages: dict[str, str] = {}
        self._last = -1

    def read(self, news: News) -> None:
        """Read what is new; everything again where the store has other outcomes than were read before."""
        self._read_on(news)
        if self.tally.runs != news.counts()[RUNS]:
            self._clear()
            self._read_on(news)

    def _read_on(self, news: News) -> None:
        for run in news.runs_after(self._last):
            self.tally.add(run.label, run.ok, run.reason, run.seconds)
            self.first = self.first or run.key
            self._last = run.number
            self.late_s.append(run.seconds)
            if not run.ok:
                self.last_failed.append(run)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """How many failed for each reason, the most frequent first."""
        return sorted(((reason, n) for reason, (n, _) in self.tally.failed.items()), key=lambda one: -one[1])

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(n for n, _ in self.tally.failed.values())

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

"""The evaluations of a fit as they come: read once each, and thinned where there are more than a page should draw."""

from __future__ import annotations

from glasspot.campaign.tally import Standing
from glasspot.report.left import Mark
from glasspot.report.status import Record
from glasspot.store.news import News

STEP = "step"
MOST = 1000  # evaluations that are drawn one by one
FEW_FAILED = 100  # failed evaluations up to which all are drawn


class Course:
    """The evaluations of one store. Their records are read once; only those that are drawn are kept."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._clear()

    def _clear(self) -> None:
        self.marks: list[Mark] = []
        self.standing = Standing()
        self._told: list[int] = []  # numbers of those that are drawn whatever is left out: the first, each better one
        self._failed: list[int] = []
        self._kept: dict[int, Record] = {}

    def read(self, news: News) -> None:
        """Read what is new; everything again where the store has other evaluations than were read before."""
        self._read_from(news, self.marks[-1].number if self.marks else -1)
        if len(self.marks) != news.counts().get(STEP, 0):
            self._clear()
            self._read_from(news, -1)

    def _read_from(self, news: News, last: int) -> None:
        while found := news.records_after(STEP, last, self.most):
            for number, record in found:
                self._take(number, record)
            last = found[-1][0]

    def _take(self, number: int, record: Record) -> None:
        best = self.standing.best
        self.standing.add(record)
        self.marks.append(Mark.of(record))
        if record["cost"] is None:
            self._failed.append(number)
        elif self.standing.best is not best:
            self._told.append(number)
        self._kept[number] = record
        if len(self._kept) > 4 * self.most:
            self._forget()

    @property
    def stride(self) -> int:
        """One in so many evaluations is drawn, beside those that tell something: 1, 2, 4 ..."""
        stride = 1
        while len(self.marks) > stride * self.most:
            stride *= 2
        return stride

    def records(self, news: News) -> list[Record]:
        """Return the records to draw, in their order: all of few, and of many the first, each better one, the last and
        every so many."""
        self._forget()
        lacking = self._chosen() - self._kept.keys()
        self._kept |= dict(news.records_at(STEP, lacking)) if lacking else {}
        return [self._kept[number] for number in sorted(self._kept)]

    def said(self) -> str:
        """Return how many of the evaluations are drawn, in a sentence; "" where all are."""
        if self.stride == 1:
            return ""
        shown, whole = len(self._chosen()), len(self.marks)
        return f"Thinned: {shown:,} of {whole:,} evaluations are drawn, among them each that was the best so far."

    def _chosen(self) -> set[int]:
        stride = self.stride
        found = {mark.number for mark in self.marks[::stride]}
        told = self._told if len(self._told) <= self.most else [*self._told[::stride], self._told[-1]]
        found.update(told)
        found.update(self._failed if len(self._failed) <= FEW_FAILED else ())
        return found | ({self.marks[-1].number} if self.marks else set())

    def _forget(self) -> None:
        chosen = self._chosen()
        self._kept = {number: record for number, record in self._kept.items() if number in chosen}

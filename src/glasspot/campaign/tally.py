"""What a reader asks first of many runs, counted by the driver as they come: a look at the folder then costs little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from glasspot.store import Store
from glasspot.store.news import News
from glasspot.store.rows import RUNS, Run

EXAMPLES = 3  # failed runs named for each reason


class Tally:
    """How many outcomes there are, how long they took (s), and how many failed for which reason, with examples."""

    def __init__(self) -> None:
        self.runs = 0
        self.seconds = 0.0
        self.failed: dict[str, tuple[int, tuple[str, ...]]] = {}

    @classmethod
    def of_store(cls, store: Store, noted: Tally | None = None) -> Tally:
        """Return the tally of the outcomes in a store: the one that was ``noted``, and what came after it."""
        news = News(store)
        return (noted or cls()).completed(news, news.counts()[RUNS])

    @classmethod
    def of_runs(cls, runs: Iterable[Run]) -> Tally:
        """Return the tally of these runs."""
        tally = cls()
        for run in runs:
            tally.add(run.label, run.ok, run.reason, run.seconds)
        return tally

    def completed(self, news: News, there: int) -> Tally:
        """Return it with what was stored after it was noted, ``there`` outcomes in all.

        Everything is counted anew where that does not add up, after a repair say.
        """
        if 0 < self.runs < there:
            for run in news.runs_after(self.runs):  # outcomes are numbered from 1, in the order of storing
                self.add(run.label, run.ok, run.reason, run.seconds)
        return self if self.runs == there else Tally.of_runs(news.runs_after(0))

    def add(self, label: str, ok: bool, reason: str, seconds: float) -> None:
        """Count one outcome."""
        self.runs += 1
        self.seconds += seconds
        if not ok:
            number, labels = self.failed.get(reason, (0, ()))
            self.failed[reason] = (number + 1, (*labels, label)[:EXAMPLES])

    def encode(self) -> dict[str, Any]:
        """Return plain values, for the store."""
        failed = {reason: {"runs": number, "first": list(labels)} for reason, (number, labels) in self.failed.items()}
        return {"runs": self.runs, "seconds": self.seconds, "failed": failed}

    @classmethod
    def decode(cls, noted: Any) -> Tally:
        """Return what :meth:`encode` gave; an empty one where that is of another form."""
        tally = cls()
        try:
            failed = {str(reason): (int(of["runs"]), tuple(map(str, of["first"])))
                      for reason, of in noted["failed"].items()}  # fmt: skip
            tally.runs, tally.seconds, tally.failed = int(noted["runs"]), float(noted["seconds"]), failed
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return cls()
        return tally


class Standing:
    """How far a search is: its evaluations, and the best of them among those of the highest level.

    Costs of small glasses quenched fast and of better ones do not compare.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most  # MD runs that the search may take
        self.steps = 0
        self.best: dict[str, Any] | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the record of an evaluation."""
        self.steps += 1
        best, level = self.best, record.get("level", 0)
        if record["cost"] is None:
            return
        if best is None or level > best["level"] or (level == best["level"] and record["cost"] < best["cost"]):
            self.best = {"cost": record["cost"], "error": record["error"], "run": record["run"], "level": level}

    def encode(self) -> dict[str, Any]:
        """Return plain values, for the store."""
        return {"most": self.most, "steps": self.steps, "best": self.best}

    @classmethod
    def decode(cls, noted: Any) -> Standing:
        """Return what :meth:`encode` gave; an empty one where that is of another form."""
        try:
            standing = cls(None if noted["most"] is None else int(noted["most"]))
            best = noted["best"]
            if best is not None:
                best = {"cost": float(best["cost"]), "error": float(best["error"]), "run": int(best["run"]),
                        "level": int(best["level"])}  # fmt: skip
            standing.steps, standing.best = int(noted["steps"]), best
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls()
        return standing

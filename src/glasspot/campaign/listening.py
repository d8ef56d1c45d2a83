"""Who is told what happens in a fit: a display, and the log."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Protocol

from glasspot.campaign.log import EventLog
from glasspot.campaign.under_way import RunningJob


class Listener(Protocol):
    """Told what happens, for a display."""

    def stage(self, text: str) -> None:
        """A new part of the work begins: "targets", the name of a search method, "select", "validate", "lessons" ..."""

    def step(self, record: dict[str, Any]) -> None:
        """An iteration of the fit was recorded."""

    def decision(self, record: dict[str, Any]) -> None:
        """A method that learns decided something beside its points: to move a window, or not to."""

    def score(self, record: dict[str, Any]) -> None:
        """A potential was scored on independent runs."""

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """These jobs are not done yet: under way, or waiting for a worker."""


class Logged:
    """Writes into the log what happens, and passes it on. known: numbers of steps that an earlier driver has logged."""

    def __init__(self, listener: Listener, log: EventLog, known: Container[int] = ()) -> None:
        self._listener = listener
        self._log = log
        self._known = known

    def stage(self, text: str) -> None:
        """Log it and pass it on."""
        self._log.write("stage", name=text)
        self._listener.stage(text)

    def step(self, record: dict[str, Any]) -> None:
        """Log it, once in all, and pass it on."""
        if record["number"] not in self._known:
            self._log.write(
                "step", number=record["number"], run=record["run"], cost=record["cost"], error=record["error"],
                method=record["method"], reason=record["reason"] or None,
            )  # fmt: skip
        self._listener.step(record)

    def decision(self, record: dict[str, Any]) -> None:
        """Pass it on."""
        self._listener.decision(record)

    def score(self, record: dict[str, Any]) -> None:
        """Log it and pass it on."""
        self._log.write(
            "score", name=record["name"], role=record["role"], cost=record["cost"], error=record["error"],
            runs=record["runs"],
        )  # fmt: skip
        self._listener.score(record)

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """Pass it on."""
        self._listener.running(jobs)

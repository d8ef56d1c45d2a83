"""What a person sees while a landscape is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasspot.campaign.plan import FitPlan, describe
from glasspot.campaign.under_way import RunningJob
from glasspot.cli.display import Display, clock, speed

STAGES = {
    "targets": "targets",
    "survey": "one evaluation for each point",
    "anchors": "runs to reweight from",
    "reweight": "reweight their frames to every point",
}
BAR = 30  # characters
TOLD = 10  # lines where there is no terminal for a bar


class LandscapeDisplay(Display):
    """Lines for what happens, and a bar in a terminal."""

    def __init__(self, plan: FitPlan, folder: Path, notes: Sequence[str], place: str) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.total = self.done = 0
        self.best: dict[str, Any] | None = None
        systems = [describe(state) for state in plan.fitted_states]
        self.introduce(f"{plan.title}: engine {plan.engine.name}, {place}", systems, folder, notes)

    def begin(self, runs: int, shape: tuple[int, int], fixed: str) -> None:
        """Say what will be run."""
        self.total = shape[0] * shape[1]
        self.say(f"{shape[0]} x {shape[1]} points, at most {runs} MD runs; the other parameters are those of {fixed}")

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        self.say(f"[{self._clock()}] {STAGES[text]}")

    def step(self, record: dict[str, Any]) -> None:
        """Take the record of a point: the best so far is told, and so is a failure."""
        self.done += 1
        values = ", ".join(f"{name} {value:.6g}" for name, value in record["values"].items())
        cost = record["cost"]
        if record["reason"]:
            self.say(f"[{self._clock()}] {values}: MD failed ({record['reason']})")
        elif cost is not None and (self.best is None or cost < self.best["cost"]):
            self.best = record
            self.say(
                f"[{self._clock()}] {values}: R_chi {100 * cost:.2f} +- {100 * record['error']:.2f} %, lowest so far"
            )
        if not self.is_live and self.done % max(1, self.total // TOLD) == 0:
            self.say(f"[{self._clock()}] {self._words()}")

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """Refresh the live line."""
        if not jobs:
            return
        full = round(BAR * self.done / max(self.total, 1))
        parts = [f"{self._clock()}  {'#' * full}{'.' * (BAR - full)}  {self._words()}"]
        rate = sum(job.atom_steps_per_s for job in jobs)
        parts += [speed(rate)] if rate else []
        self.show("  |  ".join(parts))

    def _words(self) -> str:
        words = f"{self.done} of {self.total} points"
        if self.best is not None:
            words += f", lowest R_chi {100 * self.best['cost']:.2f} %"
        if 0 < self.done < self.total:
            left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
            words += f", about {left / 60:.0f} min left" if left > 90 else f", about {left:.0f} s left"
        return words

    def _clock(self) -> str:
        return clock(time.monotonic() - self.began)

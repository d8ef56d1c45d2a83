"""What a person sees while a fit runs: a live line in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from glasspot.campaign.plan import FitPlan
from glasspot.campaign.runner import RunningJob
from glasspot.report.status import noise_floor
from glasspot.store import Store

STAGES = {
    "targets": "targets",
    "fit": "fit",
    "select": "choose among the best, on independent runs",
    "validate": "validate on fresh runs",
    "report": "write the report",
}


class Display:
    """Listens to a fit. Use it in a ``with`` block, so that the terminal is left as it was."""

    def __init__(self, plan: FitPlan, folder: Path, notes: Sequence[str], workers: int) -> None:
        self.plan = plan
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.began = time.monotonic()
        self.current = ""
        self.best: tuple[float, float] | None = None
        self.runs = 0
        self._say(f"{plan.title}: {sum(plan.counts.values())} atoms, {plan.temperature:g} K, {workers} workers")
        self._say(f"folder: {folder}")
        for note in notes:
            self._say(f"note: {note}")
        for caution in (*plan.cautions, *self._unverified()):
            self._say(f"caution: {caution}")
        self._live: Live | None = None
        if self.console.is_terminal:
            self._live = Live(Text(""), console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        self.current = STAGES.get(text, text)
        self._say(f"[{self._clock()}] {self.current}")

    def step(self, record: dict[str, Any]) -> None:
        """Print an iteration of the fit."""
        self.runs = record["run"]
        head = f"[{self._clock()}] run {record['run']:3d}"
        if record["cost"] is None:
            self._say(f"{head}  MD failed ({record['reason']}): shorter step next")
            return
        if self.best is None or record["cost"] < self.best[0]:
            self.best = (record["cost"], record["error"])
        predicted = "" if record["predicted"] is None else f", predicted {100 * record['predicted']:.2f} %"
        verdict = "" if record["accepted"] else ", not accepted"
        longer = ", longer run" if record["refined"] else ""
        self._say(
            f"{head}  R_chi {100 * record['cost']:6.2f} +- {100 * record['error']:.2f} %{predicted}{verdict}{longer}"
        )

    def score(self, record: dict[str, Any]) -> None:
        """Print a score on independent runs."""
        if record["cost"] is None:
            self._say(f"  {record['name']:>12s}  failed ({', '.join(record['failures'])})")
            return
        self._say(
            f"  {record['name']:>12s}  R_chi {100 * record['cost']:6.2f} +- {100 * record['error']:.2f} %"
            f"  ({record['role']}, {record['runs']} independent runs)"
        )

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """Refresh the live line."""
        if not self._live or not jobs:
            return
        parts = [f"{self._clock()}  {self.current}"]
        if self.best:
            parts.append(f"best R_chi {100 * self.best[0]:.2f} %")
        for job in jobs:
            share = 100 * job.step / job.total_steps if job.total_steps else 0.0
            parts.append(f"{job.label} {share:.0f} %")
        speed = sum(job.atom_steps_per_s for job in jobs)
        if speed > 0:
            parts.append(f"{speed / 1e6:.2f} M atom-steps/s")
            left = self._left(jobs)
            if left is not None:
                parts.append(f"at most {left} left in this part")
        self._live.update(Text("  |  ".join(parts)))

    def finish(self, store: Store, page: Path) -> None:
        """Say how it ended and where the report is."""
        scores = store.records("validation")
        fitted = next((s for s in scores if s["role"] == "fitted" and s["cost"] is not None), None)
        start = next((s for s in scores if s["role"] == "start" and s["cost"] is not None), None)
        if fitted and start:
            self._say(
                f"R_chi {100 * fitted['cost']:.2f} +- {100 * fitted['error']:.2f} % on independent runs; "
                f"{start['name']}, where it began: {100 * start['cost']:.2f} +- {100 * start['error']:.2f} %"
            )
        floor = noise_floor(scores)
        if floor is not None:
            self._say(f"noise floor, what a perfect model gets in runs of this length: {100 * floor:.2f} %")
        open_directions = [d for d in store.get_meta("determination")["directions"] if not d["determined"]]
        if open_directions:
            self._say(f"not determined by the data: {len(open_directions)} of {len(self.plan.space.names)} directions:")
        for direction in open_directions:
            self._say(f"  {direction['words']}")
        self._say(f"report: {page}")

    def _left(self, jobs: Sequence[RunningJob]) -> str | None:
        """Return the time that the evaluations still allowed may take; the fit may stop earlier."""
        if self.current != "fit" or self.runs == 0:
            return None
        per_run = (time.monotonic() - self.began) / self.runs
        seconds = per_run * max(self.plan.max_runs - self.runs, 0)
        return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"

    def _unverified(self) -> list[str]:
        potentials = {p.name: p for p in (self.plan.space.base, *self.plan.compare)}
        return [f"the published set {p.name} is not verified by simulation" for p in potentials.values()
                if p.verified == "no"]  # fmt: skip

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self.began)
        return f"{seconds // 60:d}:{seconds % 60:02d}"

    def _say(self, line: str) -> None:
        self.console.print(Text(line))

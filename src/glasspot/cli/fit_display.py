"""What a person sees while a fit runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasspot.campaign.plan import FitPlan, describe
from glasspot.campaign.tally import Standing
from glasspot.campaign.under_way import RunningJob, now_of
from glasspot.cli.display import Display, clock, speed
from glasspot.cli.glass_lines import glass_lines, window_words
from glasspot.report.left import Mark, asked_seconds, search_seconds
from glasspot.report.status import noise_floor, score_of
from glasspot.report.words import METHODS, ROUNDING, count, purpose
from glasspot.store import Store

STAGES = {
    **{name: f"fit: {words}" for name, words in METHODS.items()},
    "targets": "targets",
    "select": "choose among the best, on independent runs",
    "validate": "validate on fresh runs",
    "lessons": "learn from all runs",
    "ensemble": "potentials that may fit as well",
    "report": "write the report",
}


class FitDisplay(Display):
    """Listens to a fit (:class:`glasspot.campaign.fit.Listener`) and tells what happens."""

    def __init__(self, plan: FitPlan, folder: Path, notes: Sequence[str], place: str) -> None:
        super().__init__()
        self.plan = plan
        self.began = time.monotonic()
        self.current = ""
        self.standing = Standing()
        self.marks: list[Mark] = []
        self.methods = 0  # begun
        systems = [describe(state) + (" (held out)" if state.held_out else "") for state in plan.states]
        self.introduce(f"{plan.title}: engine {plan.engine.name}, {place}", systems, folder, notes)
        for caution in (*plan.cautions, *self._unverified()):
            self.say(f"caution: {caution}")

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        if text in METHODS:
            self.methods += 1
        elif text == "select" and (left := self.plan.methods[self.methods :]):
            self.say(f"fit.max_runs is used up; not begun: {', '.join(METHODS[name] for name in left)}")
        self.current = STAGES.get(text, text)
        self.say(f"[{self._clock()}] {self.current}")

    def step(self, record: dict[str, Any]) -> None:
        """Print an iteration of the fit."""
        self.marks.append(Mark.of(record))
        self.standing.add(record)
        head = f"[{self._clock()}] run {record['run']:3d}"
        remark = purpose(record)
        remark = f", {remark}" if remark else ""
        if record["cost"] is None:
            self.say(f"{head}  MD failed ({record['reason']}){remark}")
            return
        level = record.get("level", 0)
        error = f" +- {100 * record['error']:.2f}" if record["error"] > ROUNDING else ""
        way = f", level {level + 1}" if self.plan.levels > 1 else ""
        predicted = "" if record["predicted"] is None else f", predicted {100 * record['predicted']:.2f} %"
        longer = ", longer run" if record["refined"] else ""
        self.say(f"{head}  R_chi {100 * record['cost']:6.2f}{error} %{predicted}{remark}{way}{longer}")

    def decision(self, record: dict[str, Any]) -> None:
        """Print why a window moves, or stays."""
        if record["kind"] == "window":
            self.say(f"  {window_words(self.plan.space, record)}")

    def score(self, record: dict[str, Any]) -> None:
        """Print a score on independent runs."""
        if record["cost"] is None:
            self.say(f"  {record['name']:>12s}  failed ({', '.join(record['failures'])})")
            return
        self.say(
            f"  {record['name']:>12s}  R_chi {100 * record['cost']:6.2f} +- {100 * record['error']:.2f} %"
            f"  ({record['role']}, {count(record['runs'], 'independent run')})"
        )

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """Refresh the live line."""
        if not jobs:
            return
        parts = [f"{self._clock()}  {self.current}"]
        if self.standing.best:
            parts.append(f"best R_chi {100 * self.standing.best['cost']:.2f} %")
        under_way = [job for job in jobs if job.atom_steps_per_s > 0]
        parts += [f"{job.label} {100 * job.step / job.total_steps:.0f} %" for job in under_way]
        if len(jobs) > len(under_way):
            parts.append(f"{len(jobs) - len(under_way)} to start")
        if under_way:
            parts.append(speed(sum(job.atom_steps_per_s for job in under_way)))
            parts += self._left(jobs)
        self.show("  |  ".join(parts))

    def finish(self, store: Store, page: Path) -> None:
        """Say how it ended and where the report is."""
        scores = store.records("validation")
        fitted, start = score_of(scores, "fitted"), score_of(scores, "start")
        if fitted and start:
            self.say(
                f"R_chi {100 * fitted['cost']:.2f} +- {100 * fitted['error']:.2f} % on independent runs; "
                f"{start['name']}, where it began: {100 * start['cost']:.2f} +- {100 * start['error']:.2f} %"
            )
        if self.plan.learns:
            for line in glass_lines(page.parent.parent):
                self.say(line)
        floor = noise_floor(scores)
        if floor is not None:
            self.say(f"noise floor, what a perfect model gets in runs of this length: {100 * floor:.2f} %")
        found = store.get_meta("determination") or {"directions": []}
        if found.get("reason"):
            self.say(f"the errors of the parameters are not known: {found['reason']}")
        open_directions = [d for d in found["directions"] if not d["determined"]]
        if open_directions:
            self.say(f"not determined by the data: {len(open_directions)} of {len(self.plan.space.names)} directions:")
        for direction in open_directions:
            self.say(f"  {direction['words']}")
        ensemble = store.get_meta("ensemble")
        if ensemble:
            self.say(
                f"{ensemble['passed']} of {ensemble['run']} other potentials fit as well (R_chi up to "
                f"{100 * ensemble['limit']:.2f} %): {page.parent / 'ensemble'}"
            )
        self.say(f"report: {page}")

    def _left(self, jobs: Sequence[RunningJob]) -> list[str]:
        """Return the time left in this part, [] where that is not known: in the fit that of all evaluations allowed."""
        seconds, of = None, "left in this part"
        if self.current.startswith("fit"):
            seconds = search_seconds(self.marks.__getitem__, len(self.marks), self.plan.max_runs)
            of = "for the runs asked for" if seconds is None else of  # its second round tells the pace of the search
        seconds = asked_seconds(now_of(jobs), None) if seconds is None else seconds
        if seconds is None:
            return []
        amount = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
        return [f"about {amount} {of}"]

    def _unverified(self) -> list[str]:
        potentials = {p.name: p for p in (self.plan.space.base, *self.plan.compare)}
        return [f"the set {p.name} is not verified by simulation" for p in potentials.values()
                if p.verified == "no"]  # fmt: skip

    def _clock(self) -> str:
        return clock(time.monotonic() - self.began)

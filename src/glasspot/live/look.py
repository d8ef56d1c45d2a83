"""A folder, looked at again and again: what its page shows now. Each look reads what is new; nothing is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glasspot.campaign.driver import driver_of
from glasspot.campaign.folder import PAGE_TOKEN
from glasspot.campaign.now import Note
from glasspot.errors import GlasspotError
from glasspot.live.course import STEP, Course
from glasspot.live.ended import EndedRuns
from glasspot.live.facts import Moment, facts, said
from glasspot.live.kinds import top_of
from glasspot.live.part import Part
from glasspot.live.report_parts import report_parts
from glasspot.live.status_parts import answer_part, failures_part, now_part, running_part
from glasspot.live.view import SLOW_S, View, empty, nothing_yet, several, with_trouble
from glasspot.report.collect import report_of
from glasspot.report.compare import COMPARISON
from glasspot.report.data import FitReport
from glasspot.report.landscape import LANDSCAPE
from glasspot.report.status import state_of
from glasspot.store import STORE_FILE, Store
from glasspot.store.news import News

PAUSE_S = 0.5  # between two looks, however many pages ask
SHARE = 10  # drawing the figures anew may take one part in so many of the time


class Watched:
    """What the page of one folder shows. May be used by several threads."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._view: View | None = None
        self._looked = -PAUSE_S
        self._inside: dict[str, Watched] = {}
        self._forget()

    def _forget(self) -> None:
        self._of_run: tuple[int, str] | None = None
        self._course, self._ended = Course(), EndedRuns()
        self._mark = ""
        self._parts: list[Part] = []
        self._report: FitReport | None = None
        self._drawn, self._cost_s = -float("inf"), 0.0

    @property
    def view(self) -> View:
        """What was seen last; the first time, what is seen now."""
        return self._view or self.look()

    def look(self, figures: bool = True) -> View:
        """Look and return what is seen; what was seen last while another thread looks, or has just looked.

        figures: whether figures may be drawn anew, which can take a second.
        """
        if not self._lock.acquire(blocking=self._view is None):
            return self.view
        try:
            if self._view is None or time.monotonic() - self._looked >= PAUSE_S:
                self._view = self._seen(figures)
                self._looked = time.monotonic() if figures else self._looked
            return self._view
        finally:
            self._lock.release()

    def _seen(self, figures: bool) -> View:
        try:
            if not self.folder.is_dir():
                raise GlasspotError(f"the folder {self.folder} is gone, or cannot be reached")
            if (self.folder / STORE_FILE).is_file():
                with Store.open(self.folder) as store:
                    return self._of_store(store, figures)
            self._forget()
            return self._without_store()
        except GlasspotError as error:
            return with_trouble(self._view, str(error), self.folder.name)
        except OSError as error:
            return with_trouble(self._view, f"{self.folder}: {error.strerror or error}", self.folder.name)

    def _without_store(self) -> View:
        names = sorted(path.parent.name for path in self.folder.glob(f"*/{STORE_FILE}"))
        if not names:
            return nothing_yet(self.folder)
        self._inside = {name: self._inside.get(name) or Watched(self.folder / name, self._clock) for name in names}
        return several(self.folder, [(name, watched.look(figures=False)) for name, watched in self._inside.items()])

    def _of_store(self, store: Store, figures: bool) -> View:
        stat = store.path.stat()
        of_run = (stat.st_ino, str(store.get_meta(PAGE_TOKEN)))  # the number of a file that is gone may come again
        if self._of_run not in (None, of_run):
            self._forget()  # another store stands in its place
        self._of_run = of_run
        news = News(store)
        self._course.read(news)
        self._ended.read(news)
        plan, settings = store.get_meta("plan"), store.get_meta("settings")
        about = {name: store.get_meta(name) for name in (LANDSCAPE, COMPARISON)}
        state = state_of(store, self.folder)
        counts = news.counts()
        if plan is None and not self._ended.tally.runs:
            return empty(self.folder, state, store.get_meta("failure"))
        if figures and plan is not None and about[LANDSCAPE] is None:
            self._draw(store, news)
        note = Note.of(store)
        moment = Moment(
            state=state,
            course=self._course,
            ended=self._ended,
            now=note.now,
            driver=driver_of(self.folder),
            most=note.search.most,
            seconds=float(store.get_meta("seconds", 0.0)),
            scored=counts.get("validation", 0) > 0,
            clock=self._clock(),
        )
        failure = store.get_meta("failure") if state == "failed" else None
        return self._made(moment, plan, settings, about, counts, failure, news)

    def _made(
        self, moment: Moment, plan: Any, settings: Any, about: dict[str, Any], counts: dict[str, int],
        failure: str | None, news: News,
    ) -> View:  # fmt: skip
        top = top_of(self.folder, plan, settings, about, counts, self._report, moment)
        last = [(run.label, run.reason, self._ended.message(news, run)) for run in reversed(self._ended.last_failed)]
        cautions = ([f"It failed: {failure}"] if failure else []) + list(top.cautions)
        course = [part for part in self._parts if part.name == "convergence"]
        parts = [
            answer_part(top.answer, top.evidence, cautions, moment.state),
            now_part(facts(moment)),
            *course,
            running_part(moment.now, moment.state, moment.clock),
            failures_part(self._ended.reasons, last, self._ended.tally.runs),
            *(part for part in self._parts if part.name != "convergence"),
        ]
        return View(
            kind=top.kind,
            title=top.title,
            description=top.description,
            state=moment.state,
            said=said(moment),
            parts=tuple(part for part in parts if part is not None),
            again_s=View.again_s if moment.state == "running" else SLOW_S,
        )

    def _draw(self, store: Store, news: News) -> None:
        """Draw the figures and tables anew where something was concluded since, and it is not too soon for that."""
        mark = f"{news.mark(STEP)} {self._course.marks[-1:]} {len(self._course.marks)} {state_of(store, self.folder)}"
        if mark == self._mark or time.monotonic() - self._drawn < SHARE * self._cost_s:
            return
        began = time.monotonic()
        runs = [self._ended.first] * min(1, self._ended.tally.runs)
        self._report = report_of(store, self.folder, self._course.records(news), runs)
        self._parts = report_parts(self._report, self._course.said())
        self._mark, self._drawn = mark, time.monotonic()
        self._cost_s = self._drawn - began

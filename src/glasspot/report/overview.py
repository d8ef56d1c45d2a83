"""How a run stands, from the few rows of its store that tell it: quick for thousands of runs, and on a slow disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasspot.campaign.driver import Driver, driver_of, is_driven
from glasspot.campaign.now import Note, Now
from glasspot.campaign.tally import Standing, Tally
from glasspot.errors import GlasspotError
from glasspot.files import parse_toml
from glasspot.report.left import LATE, Left, Mark, asked_seconds, search_seconds, seconds_of_late
from glasspot.report.status import state_of
from glasspot.store import STORE_FILE, Store
from glasspot.store.news import News
from glasspot.store.rows import RUNS

LAST = 15  # evaluations shown
KINDS = {"landscape": "landscape", "comparison": "comparison"}  # entries of a store that say what it is of


@dataclass(frozen=True)
class Overview:
    """kind: "fit", "landscape", "comparison" or "simulations". driver: who is at work, None where nobody is.

    tally: of the MD runs. search: of the evaluations; the last of them are ``steps``, all that were asked for. points:
    done and in all, of a landscape. now: what the driver noted of what runs, while it is at work, and the time left.
    """

    kind: str
    title: str
    state: str
    driver: Driver | None
    failure: str
    seconds: float
    tally: Tally
    search: Standing
    steps: tuple[dict[str, Any], ...]
    scores: tuple[dict[str, Any], ...]
    points: tuple[int, int] | None
    now: Now | None
    left: Left

    @property
    def runs_of_search(self) -> int:
        """MD runs of the search so far."""
        return int(self.steps[-1]["run"]) if self.steps else 0


def overview(folder: Path, last: int | None = LAST) -> Overview:
    """Return how the run in ``folder`` stands, with its ``last`` evaluations, None for all; GlasspotError for none."""
    with Store.open(folder) as store:
        news = News(store)
        counts = news.counts()
        state = state_of(store, folder)
        at_work = state == "running"
        note = Note.of(store)
        now = note.now if at_work else None
        n_steps = counts.get("step", 0)
        steps = news.records_at("step", range(0 if last is None else max(0, n_steps - last), n_steps))
        abouts = {kind: store.get_meta(entry) for entry, kind in KINDS.items()}
        kind = next((kind for kind, about in abouts.items() if about is not None), None)
        title = (store.get_meta("plan") or {}).get("title")
        if kind is None:
            kind = "fit" if title is not None else "simulations"
        return Overview(
            kind=kind,
            title=str(title or folder.name),
            state=state,
            driver=driver_of(folder) if at_work else None,
            failure=str(store.get_meta("failure") or "") if state == "failed" else "",
            seconds=float(store.get_meta("seconds", 0.0)),
            tally=_tally(news, counts[RUNS], note.tally, at_work),
            search=_standing(news, n_steps, note.search),
            steps=tuple(record for _, record in steps),
            scores=tuple(store.records("validation")),
            points=_points(abouts["landscape"], counts),
            now=now,
            left=Left() if now is None else _left(news, counts[RUNS], n_steps, now, note.search.most),
        )


def rungs_in(folder: Path) -> list[str]:
    """Return the names of the rungs of a ladder in ``folder``, those not begun too; none where it holds no ladder."""
    if (folder / STORE_FILE).is_file():
        return []
    for place in sorted(folder.glob(f"*/{STORE_FILE}")):
        try:
            asked = parse_toml(place.with_name("run.toml").read_bytes(), "run.toml").get("rung", [])
            names = [str(rung["name"]) for rung in asked]
        except (OSError, GlasspotError, KeyError, TypeError, AttributeError):
            continue
        if place.parent.name in names:
            return names
    return []


def state_of_ladder(folder: Path, states: Mapping[str, str]) -> str:
    """Return the state of a ladder from those of its rungs; "" is the state of one that was not begun."""
    if is_driven(folder) or "running" in states.values():
        return "running"
    for state in ("failed", "stopped", "interrupted", ""):
        if state in states.values():
            return state or "interrupted"
    return "finished"


def _tally(news: News, there: int, noted: Tally, at_work: bool) -> Tally:
    """Return what came of the runs: as noted; where nobody is at work, with what a killed driver did not note."""
    return noted if at_work and noted.runs else noted.completed(news, there)


def _standing(news: News, there: int, noted: Standing) -> Standing:
    """Return how the search stands: as noted, and what came since."""
    found = noted if noted.steps <= there else Standing(noted.most)
    if found.steps < there:
        for _, record in news.records_after("step", found.steps - 1):
            found.add(record)
    return found


def _left(news: News, runs: int, steps: int, now: Now, most: int | None) -> Left:
    """Return how long it may still take, from few rows of the store."""
    ended = [run.seconds for run in news.runs_after(runs - LATE)]  # at least the last LATE: numbers only grow

    def mark(number: int) -> Mark:
        return Mark.of(news.records_after("step", number - 1, 1)[0][1])

    return Left(asked_seconds(now, seconds_of_late(ended)), search_seconds(mark, steps, most))


def _points(about: Any, counts: Mapping[str, int]) -> tuple[int, int] | None:
    if about is None:
        return None
    shape = about["shape"]
    return counts.get("landscape", 0), int(shape[0]) * int(shape[1])

"""What ``glasspot status`` prints of a run: few lines, however many runs it has."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glasspot.report.now_words import OLD_S, SILENT_S, under_way_words
from glasspot.report.overview import LAST, Overview, state_of_ladder
from glasspot.report.words import ROUNDING, count, duration, purpose

HOSTS = 8  # named of those where MD runs
FEW = 3  # failed runs that need no "..."
GOES_ON = "what was finished is kept, and --resume goes on from there"
SAID = {
    "interrupted": f"interrupted: {GOES_ON}",
    "stopped": f"stopped on request: {GOES_ON}",
    "failed": f"failed: {GOES_ON}",
}


def lines_of(folder: Path, found: Overview, everything: bool) -> Iterator[str]:
    """Return the lines for one run; ``everything``: with each evaluation and each failed run."""
    of_fit = f", {found.runs_of_search} of them of the search" if found.steps else ""
    yield f"{folder}: {found.state}, {count(found.tally.runs, 'MD run')} done{of_fit}, {found.seconds:.0f} s"
    if found.driver is not None:
        yield f"  driver at work: yes, process {found.driver.process} on {found.driver.host}"
    else:
        yield "  driver at work: no"
    if found.state in SAID:
        yield f"  {SAID[found.state]}"
    if found.failure:
        yield f"  {found.failure}"
    yield from _now(found)
    if found.points is not None:
        yield f"  {found.points[0]} of {count(found.points[1], 'point')} done"
    yield from _search(found, everything)
    for score in found.scores:
        yield _score(score)
    yield from _failures(folder, found, everything)


def ladder_lines(folder: Path, rungs: Mapping[str, Overview | None]) -> Iterator[str]:
    """Return the lines for a ladder, one or two a rung; None is a rung that was not begun."""
    states = {name: "" if found is None else found.state for name, found in rungs.items()}
    done = sum(state == "finished" for state in states.values())
    yield f"{folder}: {state_of_ladder(folder, states)}, a ladder, {done} of {count(len(rungs), 'rung')} finished"
    for name, found in rungs.items():
        if found is None:
            yield f"  {name}: not begun"
            continue
        best = "" if found.search.best is None else f", best {_cost(found.search.best)}"
        failed = sum(number for number, _ in found.tally.failed.values())
        lost = f", {failed} of them failed" if failed else ""
        yield f"  {name}: {found.state}, {count(found.tally.runs, 'MD run')} done{lost}{best}"
        yield from (f"  {line}" for line in _now(found))
    yield f"more of one rung: glasspot status {folder / next(iter(rungs))}"


def _now(found: Overview) -> Iterator[str]:
    """Return what runs where, and the time left."""
    now, left = found.now, found.left
    if now is None:
        return
    yield f"  under way: {under_way_words(now, HOSTS)}"
    silent = [job for job in now.jobs if job.silent_s > SILENT_S]
    for job in silent[:FEW]:
        yield f"  silent for {duration(job.silent_s)}: {job.label} on {job.host}; does its worker still live?"
    if len(silent) > FEW:
        yield f"  and {count(len(silent) - FEW, 'more run')} that said nothing for as long"
    asked = "" if left.asked is None else f"about {duration(left.asked)} for the runs asked for"
    search = "" if left.search is None else f"at most about {duration(left.search)} for the search"
    if asked or search:
        yield f"  time left: {'; '.join(filter(None, (asked, search)))}"
    age = time.time() - now.at
    if age > OLD_S:
        yield f"  that was noted {duration(age)} ago: the driver thinks, its disk is slow, or its clock is another"


def _search(found: Overview, everything: bool) -> Iterator[str]:
    """Return the best evaluation and the last ones."""
    if found.search.best is not None:
        yield f"  best so far  {_cost(found.search.best)} (run {found.search.best['run']})"
    hidden = found.search.steps - len(found.steps)
    if hidden > 0 and not everything:
        yield f"  {count(hidden, 'evaluation')} before the last {LAST}; --all lists them"
    for entry in found.steps:
        cost = "failed: " + entry["reason"] if entry["cost"] is None else f"{100 * entry['cost']:6.2f} %"
        remark = purpose(entry)
        yield f"  run {entry['run']:3d}  {cost}{f'  ({remark})' if remark else ''}"


def _score(score: Mapping[str, Any]) -> str:
    if score["cost"] is None:
        return f"  {score['name']:>12s}  failed on independent runs"
    return (
        f"  {score['name']:>12s}  R_chi {100 * score['cost']:.2f} +- {100 * score['error']:.2f} % "
        f"on {score['runs']} independent runs ({score['role']})"
    )


def _failures(folder: Path, found: Overview, everything: bool) -> Iterator[str]:
    """Return how many runs failed for each reason, or each of them."""
    if everything and found.tally.failed:
        from glasspot.store import Store

        with Store.open(folder) as store:
            yield from (f"  failed: {o['label']} ({o['reason']})" for o in store.outcomes() if not o["ok"])
        return
    for reason, (number, labels) in sorted(found.tally.failed.items(), key=lambda one: -one[1][0]):
        rest = ", ..." if number > FEW else ""
        yield f"  failed: {count(number, 'MD run')} by {reason} ({', '.join(labels)}{rest})"


def _cost(best: Mapping[str, Any]) -> str:
    # One quench tells no error of its own: what is left is rounding.
    error = f" +- {100 * best['error']:.2f}" if best["error"] > ROUNDING else ""
    return f"R_chi {100 * best['cost']:.2f}{error} %"

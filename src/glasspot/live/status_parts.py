"""The parts of the live page that every kind of run has: how it stands, what runs where, and what failed."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glasspot.campaign.now import Now, RunNow
from glasspot.live.part import Part
from glasspot.report.html import section_body
from glasspot.report.now_words import OLD_S, SILENT_S, under_way_words
from glasspot.report.plotly_figure import symbols
from glasspot.report.table import Table
from glasspot.report.words import count, duration, listed

STATES = {
    "running": "Running",
    "finished": "Finished",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "stopped": "Stopped",
    "none": "No run yet",
}
GOES_ON = "What was finished is kept and shown here; the same command with --resume goes on."
NAMED = 50  # runs under way that have a row
HOSTS = 12  # named of those where MD runs


@dataclass(frozen=True)
class Fact:
    """A line of what is known: its name, its words, and where it counts to an end (done, of)."""

    name: str
    words: str
    progress: tuple[int, int] | None = None


def answer_part(answer: str, evidence: Iterable[str], cautions: Iterable[str], state: str) -> Part:
    """Return the top of the page: the answer, what supports it, and what to be careful of."""
    lines = "".join(f"<p>{symbols(sentence)}</p>" for sentence in evidence)
    warned = "".join(f'<p class="caution"><strong>Caution.</strong> {symbols(text)}</p>' for text in cautions)
    mark = f'<span class="state {html.escape(state)}">{STATES.get(state, html.escape(state))}</span>'
    return Part("answer", "", f'<p>{mark}</p><p id="answer-line" class="answer">{symbols(answer)}</p>{lines}{warned}')


def now_part(facts: Sequence[Fact]) -> Part:
    """Return how far the run is."""
    body = "".join(_fact(fact) for fact in facts)
    return Part("now", "How far it is", f'<dl class="facts">{body}</dl>' if body else "")


def running_part(now: Now | None, state: str, clock: float) -> Part | None:
    """Return what runs where, None while nothing runs; ``clock``: seconds of the epoch."""
    if now is None or state != "running" or not now.jobs:
        return None
    old = f'<p class="note">Noted by the driver {duration(clock - now.at)} ago.</p>' if clock - now.at > OLD_S else ""
    return Part("running", "What runs where", old, tables=_runs_table(now, clock))


def _fact(fact: Fact) -> str:
    bar = ""
    if fact.progress is not None:
        done, of = fact.progress
        bar = f'<progress max="{of}" value="{min(done, of)}" aria-hidden="true"></progress>'
    return f"<div><dt>{symbols(fact.name)}</dt><dd>{symbols(fact.words)}{bar}</dd></div>"


def under_way(now: Now) -> list[Fact]:
    """Return what runs, where, how fast, and what waits."""
    speed = [Fact("Speed", speed_words(now.atom_steps_per_s))] if now.atom_steps_per_s > 0 else []
    return [Fact("Under way", under_way_words(now, HOSTS)), *speed]


def speed_words(atom_steps_per_s: float) -> str:
    """Return "1.25 million atom-steps a second", or thousands of a slow engine."""
    if atom_steps_per_s < 1e6:
        return f"{atom_steps_per_s / 1e3:.3g} thousand atom-steps a second"
    return f"{atom_steps_per_s / 1e6:.3g} million atom-steps a second"


def _runs_table(now: Now, clock: float) -> str:
    rows = "".join(_run_row(run, clock) for run in now.jobs[:NAMED])
    head = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (("run", ""), ("host", ' class="text"'), ("done", ""), ("for", ""), ("atom-steps/s", ""))
    )
    more = now.under_way - min(len(now.jobs), NAMED)
    note = f'<p class="note">And {count(more, "more MD run")} under way.</p>' if more > 0 else ""
    return (
        '<div class="scroll text-box" tabindex="0" role="region" aria-label="What runs where">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _run_row(run: RunNow, clock: float) -> str:
    percent = f"{100 * run.part:.0f}"
    bar = f'<progress max="100" value="{percent}" aria-hidden="true"></progress>'
    silent = f" (silent for {duration(run.silent_s)})" if run.silent_s > SILENT_S else ""
    return (
        f'<tr><th scope="row">{html.escape(run.label)}</th><td class="host">{html.escape(run.host)}</td>'
        f'<td class="done">{bar}{percent} %</td>'
        f"<td>{duration(max(0.0, float(round(clock - run.since))))}{silent}</td>"
        f"<td>{run.atom_steps_per_s:,.0f}</td></tr>"
    )


def failures_part(reasons: Sequence[tuple[str, int]], last: Sequence[tuple[str, str, str]], done: int) -> Part | None:
    """Return how many of the MD runs ``done`` failed by reason, and (label, reason, message) of the last failures.

    None where none failed.
    """
    if not reasons:
        return None
    whole = sum(n for _, n in reasons)
    counts = listed([f"{n:,} {name}" for name, n in reasons])
    words = f"<p>{whole:,} of {done:,} MD runs failed: {html.escape(counts)}.</p>"
    caption = "" if whole == len(last) else f"The last {len(last)}. All of them: glasspot status."
    columns = ("run", "reason", "what was said")
    table = Table("failures", "Failures", caption, columns, tuple(last), words=columns[1:])
    return Part("failures", "Failures", words, tables=section_body([], [table], "Failures"))

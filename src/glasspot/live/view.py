"""What a live page shows at one moment, and the pages of folders in which there is nothing to draw."""

from __future__ import annotations

import hashlib
import html
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from glasspot.live.part import Part
from glasspot.live.status_parts import STATES, answer_part
from glasspot.report.html import section_body
from glasspot.report.table import Table

SOON_S, SLOW_S = 2.0, 10.0  # until a page asks again


@dataclass(frozen=True)
class View:
    """One moment of a folder. said: how it stands, in a line to be read out; again_s: when a page should ask again."""

    kind: str
    title: str
    description: str
    state: str
    said: str
    parts: tuple[Part, ...]
    again_s: float = SOON_S

    @cached_property
    def tag(self) -> str:
        """A word that changes with what is shown."""
        return hashlib.sha256(self.content).hexdigest()[:20]

    @cached_property
    def content(self) -> bytes:
        """What a page must know to ask for the parts that have changed, as JSON."""
        found = {
            "kind": self.kind,
            "title": self.title,
            "description": self.description,
            "state": self.state,
            "name": self.page_title,
            "said": self.said,
            "again_s": self.again_s,
            "parts": [{"name": part.name, "heading": part.heading, "tag": part.tag} for part in self.parts],
        }
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def page_title(self) -> str:
        """The title of the browser's tab."""
        return f"{STATES.get(self.state, self.state)}: {self.title}"

    def part(self, name: str) -> Part | None:
        """Return a part by its name; None where there is none."""
        return next((part for part in self.parts if part.name == name), None)


def nothing_yet(folder: Path) -> View:
    """Return the page of a folder in which no run was begun."""
    answer = "There is no run here yet"
    evidence = [
        f"The folder {folder} holds no run of glasspot. This page waits for one.",
        "If a fit runs elsewhere, give its folder: glasspot watch DIR.",
    ]
    return View("live page", folder.name, "", "none", answer, (answer_part(answer, evidence, (), "none"),))


def empty(folder: Path, state: str, failure: str | None) -> View:
    """Return the page of a run of which nothing is known but its state."""
    answer = {
        "running": "The run has just begun",
        "failed": "The run failed before its first MD run had finished",
    }.get(state, "The run ended before its first MD run had finished")
    cautions = [failure] if failure and state == "failed" else []
    part = answer_part(answer, ["What it finds is shown here as it comes."] * (state == "running"), cautions, state)
    return View("live page", folder.name, "", state, answer, (part,))


def several(folder: Path, inside: Sequence[tuple[str, View]]) -> View:
    """Return the page of a folder that holds runs, as that of a ladder does: how each stands, and how to watch it."""
    rows = tuple(
        (name, STATES.get(view.state, view.state), view.said, f"glasspot watch {shlex.quote(str(folder / name))}")
        for name, view in inside
    )
    columns = ("run", "state", "how far", "its page")
    table = Table("runs", "Runs", "", columns, rows, words=columns[1:])
    running = any(view.state == "running" for _, view in inside)
    answer = f"{len(inside)} runs stand in this folder"
    state = "running" if running else "finished" if all(v.state == "finished" for _, v in inside) else "interrupted"
    parts = (
        answer_part(answer, ["Each has a page of its own."], (), state),
        Part("runs", "Runs", tables=section_body([], [table], "Runs")),
    )
    told = "; ".join(f"{name}: {view.said}" for name, view in inside)
    return View("live page", folder.name, "", state, told, parts, SOON_S if running else SLOW_S)


def with_trouble(before: View | None, message: str, name: str) -> View:
    """Return what was seen last, with a word on top of what keeps it from being read now."""
    words = f'<p class="caution" role="alert"><strong>Caution.</strong> {html.escape(message)}.</p>'.replace(
        "..<", ".<"
    )
    kept = () if before is None else tuple(part for part in before.parts if part.name != "trouble")
    if before is None or not kept:
        part = Part("trouble", "", f'<p id="answer-line" class="answer">The run cannot be read</p>{words}')
        return View("live page", name, "", "none", message, (part,))
    old = '<p class="note">What follows was read before.</p>'
    return replace(before, said=message, parts=(Part("trouble", "", words + old), *kept), again_s=SOON_S)

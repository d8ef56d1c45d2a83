"""The parts of the live page: what each of them holds, as HTML, as JSON, and as a word that tells a change."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from glasspot.report.html import figure_place


@dataclass(frozen=True)
class Drawn:
    """A figure: its title, its caption and what plotly draws. name: its id in the page."""

    name: str
    title: str
    caption: str
    plot: dict[str, Any]

    @property
    def place(self) -> str:
        """The HTML of its place; the page draws into it."""
        return figure_place(self.name, self.title, self.caption)


@dataclass(frozen=True)
class Part:
    """A part of the page: HTML, then figures, then HTML again. heading: "" where the part has none of its own."""

    name: str
    heading: str
    top: str = ""
    figures: tuple[Drawn, ...] = ()
    tables: str = ""

    @cached_property
    def content(self) -> bytes:
        """The part as JSON, for a page that stands."""
        found = {
            "top": self.top,
            "tables": self.tables,
            "figures": [{"name": f.name, "place": f.place, "plot": f.plot} for f in self.figures],
        }
        return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @cached_property
    def tag(self) -> str:
        """A word that changes with the content."""
        return hashlib.sha256(self.content).hexdigest()[:20]

    @property
    def html(self) -> str:
        """The part as HTML, its figures as empty places."""
        heading = f"<h2>{html.escape(self.heading)}</h2>" if self.heading else ""
        places = "".join(figure.place for figure in self.figures)
        return (
            f'<section id="{self.name}" data-tag="{self.tag}"{_label(self)}>{heading}<div class="top">{self.top}</div>'
            f'<div class="figures">{places}</div><div class="tables">{self.tables}</div></section>'
        )


def _label(part: Part) -> str:
    return "" if part.heading else ' aria-labelledby="answer-line"'

"""A table of a report as plain text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    section: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[str, ...] = ()  # columns of words, not numbers, so they are set left
    fitted: int | None = None  # the row that is the fitted potential

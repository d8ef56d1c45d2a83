"""The log of a run: one line an event, for people and grep. Times are UTC.

::

    2026-11-21T05:10:02Z run-finished key=3f2a... label="fit 12" seconds=41.2
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

LOG_FILE = "glasspot.log"


class EventLog:
    """Appends to the log in ``folder``. What cannot be written is left out: no run fails for its log."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_FILE

    def write(self, event: str, **fields: object) -> None:
        """Add one line: the time, the event, and its fields as key=value; text with blanks stands in quotes."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        words = [stamp, event, *(f"{name}={_value(value)}" for name, value in fields.items())]
        with suppress(OSError), self.path.open("a", encoding="utf-8") as handle:
            handle.write(" ".join(words) + "\n")


def _value(value: object) -> str:
    """Return a value as one word, or as a JSON string where it has blanks, quotes or line breaks."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    plain = text and text.isprintable() and not any(character in text for character in ' "=\\')
    return text if plain else json.dumps(text)

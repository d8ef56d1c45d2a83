"""The log of a run: one line an event, for people and grep.

::

    2026-11-21T05:10:02Z run-finished up=1204 key=3f2a... label="fit 12" seconds=41.2

UTC, the event, the seconds since this glasspot began by a clock that nobody can set, and the fields of the event in
their order. A line has some 150 bytes, so a million runs make 150 MB: it is never cut.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

LOG_FILE = "glasspot.log"
LONGEST = 500  # characters of a value
BEGAN = time.monotonic()


class EventLog:
    """Appends to the log in ``folder``. What cannot be written is left out: no run fails for its log."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_FILE

    def write(self, event: str, **fields: object) -> None:
        """Add one line: the time, the event, and its fields as key=value; fields that are None are left out."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        words = [stamp, event, f"up={time.monotonic() - BEGAN:.0f}"]
        words += [f"{name}={_value(value)}" for name, value in fields.items() if value is not None]
        with suppress(OSError):
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # On a full disk a part of a line may have been written; the next one must not stand in it.
                size = os.fstat(handle).st_size
                torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                os.write(handle, ("\n" * torn + " ".join(words) + "\n").encode())
            finally:
                os.close(handle)


def _value(value: object) -> str:
    """Return a value as one word, or as a JSON string where it has blanks, quotes or what a terminal would act on."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    text = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
    plain = text and text.isprintable() and not any(character in text for character in ' "=\\')
    return text if plain else json.dumps(text)

"""The property of every parser: a value or a GlasspotError of one printable line; nothing run, nothing written outside.

An audit hook of Python watches what is done while a parser works: a program started, a pickled object made, a
connection opened, a file opened for writing outside the folder of the test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glasspot.cli import one_line
from glasspot.errors import GlasspotError

FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LONGEST_MESSAGE = 5000  # characters, as printed


class Escaped(BaseException):
    """What a parser must never do was done; no ``except Exception`` hides it."""


_allowed: list[Path | None] = []  # the folder of the test under way, innermost last; None for none
_seen: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed:
        return
    if event in FORBIDDEN:
        _escape(f"{event} {arguments!r}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        place = arguments[0]
        if isinstance(place, int) or _is_inside(os.fsdecode(place), _allowed[-1]):
            return
        _escape(f"open for writing: {place!r}")


def _is_inside(place: str, folder: Path | None) -> bool:
    if place == os.devnull or "__pycache__" in place:
        return True
    return folder is not None and os.path.realpath(place).startswith(os.path.realpath(folder) + os.sep)


def _escape(what: str) -> None:
    _seen.append(what)
    raise Escaped(what)


sys.addaudithook(_hook)


@contextmanager
def watched(folder: Path | None = None) -> Iterator[None]:
    """Raise Escaped where the block starts a program, unpickles, connects, or writes outside ``folder``."""
    before = len(_seen)
    _allowed.append(folder)
    try:
        yield
    finally:
        _allowed.pop()
    if len(_seen) > before:  # raised before, and swallowed by a bare except
        raise Escaped(_seen[-1])


def said_or_done(parse: Callable[[], Any], folder: Path | None = None) -> Any:
    """Return what ``parse`` gives, or the GlasspotError that it raised, once that is fit to be shown.

    Whatever else it raises, or does, comes through.
    """
    try:
        with watched(folder):
            return parse()
    except GlasspotError as error:
        shown = one_line(str(error))
        assert shown, "an error that says nothing"
        assert shown.isprintable(), "an error that is no printable line"
        assert len(shown) <= LONGEST_MESSAGE, f"an error of {len(shown)} characters"
        return error

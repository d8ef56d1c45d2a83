"""What a person sees while a command works: a live line in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text


class Display:
    """Lines on stdout, and in a terminal one live line below them.

    Use it in a ``with`` block, so that the terminal is left as it was.
    """

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._live = Live(Text(""), console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self.is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @property
    def is_live(self) -> bool:
        """Tell whether there is a terminal for a live line."""
        return self.console.is_terminal

    def say(self, line: str) -> None:
        """Print one line, above the live one; characters that would steer the terminal are shown as "?"."""
        self.console.print(Text("".join(c if c.isprintable() or c == "\n" else "?" for c in line)))

    def introduce(self, what: str, systems: Sequence[str], folder: Path, notes: Sequence[str]) -> None:
        """Say what begins, of which systems, in which folder, and what was decided for the user."""
        for line in (what, *(f"  {system}" for system in systems), f"folder: {folder}", *(f"note: {n}" for n in notes)):
            self.say(line)

    def show(self, line: str) -> None:
        """Put ``line`` in place of the live one; nothing where there is no terminal."""
        if self.is_live:
            self._live.update(Text(line))


def clock(seconds: float) -> str:
    """Return 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def speed(atom_steps_per_s: float) -> str:
    """Return "1.25 M atom-steps/s", or "1300 atom-steps/s" of a slow engine."""
    if atom_steps_per_s < 1e5:
        return f"{atom_steps_per_s:.0f} atom-steps/s"
    return f"{atom_steps_per_s / 1e6:.2f} M atom-steps/s"

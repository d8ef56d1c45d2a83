"""A live line on stderr for work that is done in counted pieces."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Progress:
    """A bar on stderr, to be used in a ``with`` block, which gives ``tell(stage, done, of)``; ``of`` 0: not known.

    Silent where ``quiet``, and where stderr is not a terminal.
    """

    def __init__(self, quiet: bool, starting: str = "starting") -> None:
        self.quiet = quiet or not sys.stderr.isatty()
        self.starting = starting

    def __enter__(self) -> Callable[[str, int, int], None]:
        if self.quiet:
            return lambda stage, done, of: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task(self.starting, total=None)
        self.bar.start()
        return self._tell

    def _tell(self, stage: str, done: int, of: int) -> None:
        self.bar.update(self.task, description=stage, completed=done, total=of or None)

    def __exit__(self, *exception: object) -> None:
        if not self.quiet:
            self.bar.stop()

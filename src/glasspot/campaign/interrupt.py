"""Ctrl-C, SIGTERM and SIGHUP that cannot get lost.

Python raises KeyboardInterrupt wherever the program stands; inside a destructor (``ZipFile.__del__``, say) it prints
the exception and goes on as if nothing had been asked. So the signal is noted as well, and whoever waits looks.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

# Only a signal that nobody else cares for is taken: a shell that starts a program in the background has Ctrl-C ignored,
# and nohup has SIGHUP ignored; that stays so.
USUAL = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class EndedError(KeyboardInterrupt):
    """The run was told to end by other means than Ctrl-C, and ends as by it; ``state`` is what it leaves."""

    def __init__(self, message: str, state: str, exit_code: int) -> None:
        super().__init__(message)
        self.state = state
        self.exit_code = exit_code


class InterruptKey:
    """Notes the signals in a ``with`` block, which may stand in another; only the main thread can."""

    def __init__(self) -> None:
        self._asked: BaseException | None = None
        self._told: BaseException | None = None  # by another thread, in place of what a signal means
        self._held = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> InterruptKey:
        if threading.current_thread() is threading.main_thread():
            for number, usual in USUAL.items():
                handler = signal.getsignal(number)
                if handler is usual or isinstance(getattr(handler, "__self__", None), InterruptKey):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise what was asked for, where the exception got lost or was held back."""
        asked, self._asked = self._asked, None
        if asked is not None:
            raise asked

    def tell(self, ending: BaseException) -> None:
        """Raise ``ending`` in the main thread, wherever it stands, as a signal would; called by another thread.

        Nothing comes of it where all signals are somebody else's.
        """
        main = threading.main_thread().ident
        if self._before and main is not None:
            self._told = ending
            signal.pthread_kill(main, next(iter(self._before)))

    def hold(self) -> None:
        """Only note the signals from now on: the work that is left is short and must be done."""
        self._held = True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = self._told or _told_by(number)
        if not self._held:
            raise self._asked


def _told_by(number: int) -> KeyboardInterrupt:
    if number == signal.SIGINT:
        return KeyboardInterrupt()
    return EndedError(f"interrupted by {signal.Signals(number).name}", "interrupted", 128 + number)

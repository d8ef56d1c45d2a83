"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever the program stands; inside a destructor (``ZipFile.__del__``, say) it prints
the exception and goes on as if nothing had been asked. So the key is noted as well, and whoever waits looks.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class InterruptKey:
    """Notes Ctrl-C in a ``with`` block; elsewhere than in the main thread it does nothing."""

    def __init__(self) -> None:
        self._pressed = False
        self._before: signal.Handlers | None = None

    def __enter__(self) -> InterruptKey:
        # A shell that starts a program in the background has the key ignored; that stays so.
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and handler is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt when the key was pressed and the exception got lost."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        signal.default_int_handler(number, frame)

"""Ctrl-C is never lost, whatever the program does when it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from glasspot.campaign.interrupt import InterruptKey

# The child gets the key inside a destructor, where Python prints the exception and forgets it.
IN_A_DESTRUCTOR = """
import os, signal
from glasspot.campaign.interrupt import InterruptKey
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))
with InterruptKey() as key:
    Dying()
    print("went on")
    key.check()
print("never here")
"""


@pytest.fixture(autouse=True)
def _python_handler():  # type: ignore[no-untyped-def]
    """A test run started in the background ignores the key; these tests are about a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_key_that_python_forgot_is_told_at_the_next_look() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_DESTRUCTOR], capture_output=True, text=True, timeout=60)
    assert "went on" in done.stdout and "never here" not in done.stdout
    assert done.returncode != 0 and done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_an_ordinary_key_raises_at_once_and_the_handler_is_given_back() -> None:
    with pytest.raises(KeyboardInterrupt), InterruptKey():
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_key_stays_ignored_and_another_thread_touches_nothing() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with InterruptKey() as key:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        key.check()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seen = []

    def elsewhere() -> None:
        with InterruptKey():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]

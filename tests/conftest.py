"""Fixtures that several test folders share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

# A test run that was started in the background ignores Ctrl-C, and so would every program it starts: tests of the
# interrupt need the usual answer.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data that is not part of the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("reference data (../shared/data) is not here")
    return SHARED_DATA

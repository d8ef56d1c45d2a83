"""The record of a run on a disk that takes nothing any more: it is told once, and does not hide how the run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from glasspot.engine.native.record import NAME, Record

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record whose lines wait for a disk that will not take them."""
    (tmp_path / NAME).symlink_to("/dev/full")
    return Record(tmp_path, "an engine")


def test_a_record_that_cannot_be_written_to_its_end_is_told(record: Record) -> None:
    with pytest.raises(OSError, match="No space left"), record:
        pass


@pytest.mark.parametrize("how", [KeyboardInterrupt, GeneratorExit, ValueError])
def test_how_the_run_ended_counts_for_more(record: Record, how: type[BaseException]) -> None:
    with pytest.raises(how), record:
        raise how

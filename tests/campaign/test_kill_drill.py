"""A short drill of random kills; the long one is recorded in docs/reliability.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_drill import drill

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


@pytest.mark.slow
def test_nothing_is_lost_or_left_whatever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds fix what is drawn, not what it hits: that differs from time to time, and must never matter."""
    monkeypatch.setattr("kill_drill.RUNS", 6)
    record = drill(tmp_path, kills=6, seed=4, ways=("lammps", "native"), mean_wait=2.0)
    assert record.is_clean, record
    assert sum(record.kills.values()) >= 6 and record.runs

"""The progress that a worker leaves: often at first, seldom in a long run, never a reason to fail."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from glasspot.engine.base import Progress
from glasspot.evaluate import progress as module
from glasspot.evaluate.progress import PROGRESS_FILE, ProgressFile
from glasspot.files import UnwritableError


def at(seconds: float) -> Progress:
    return Progress("melt", int(10 * seconds), 100_000, seconds, 1e6)


def test_a_long_run_speaks_four_times_a_minute(tmp_path: Path) -> None:
    tell, spoke, last = ProgressFile(tmp_path), [], -1.0
    for seconds in range(3601):
        tell(at(float(seconds)))
        said = json.loads((tmp_path / PROGRESS_FILE).read_text())["seconds"]
        spoke += [said] if said != last else []
        last = said
    gaps = [later - earlier for earlier, later in pairwise(spoke)]
    assert spoke[:5] == [0, 1, 2, 3, 4] and set(gaps[-20:]) == {15.0} and gaps == sorted(gaps)
    assert len(spoke) < 3600 / 15 + 60


def test_who_speaks_is_told(tmp_path: Path) -> None:
    ProgressFile(tmp_path)(at(0.0))
    content = json.loads((tmp_path / PROGRESS_FILE).read_text())
    assert content["host"] and content["process"] > 0 and content["since"] > 1e9
    assert (content["stage"], content["step"], content["total_steps"]) == ("melt", 0, 100_000)


def test_a_full_disk_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise UnwritableError("no space")

    monkeypatch.setattr(module, "write_text", full)
    ProgressFile(tmp_path)(at(0.0))
    assert not (tmp_path / PROGRESS_FILE).exists()

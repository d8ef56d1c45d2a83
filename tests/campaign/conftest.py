"""Fixtures of the campaign tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_fit import glasspot, write_settings


@pytest.fixture(scope="session")
def finished_fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit that ran through undisturbed; the folder of its run."""
    folder = tmp_path_factory.mktemp("fit")
    done = glasspot("fit", write_settings(folder), "--out", folder / "run", "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "output.txt").write_text(done.stdout)
    return folder / "run"

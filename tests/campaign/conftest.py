"""Fixtures of the campaign tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from small_fit import glasspot, write_settings


@pytest.fixture(scope="session")
def finished_fits(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function of the engine's name: the folder of a fit that ran through undisturbed, made once."""

    @cache
    def folder_of(engine: str) -> Path:
        folder = tmp_path_factory.mktemp(f"fit-{engine}")
        words = ("--out", folder / "run", "--workers", "2", "--engine", engine)
        done = glasspot("fit", write_settings(folder), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "output.txt").write_text(done.stdout)
        return folder / "run"

    return folder_of


@pytest.fixture(scope="session")
def finished_fit(finished_fits: Callable[[str], Path]) -> Path:
    """The same with the engine that is used where nothing is said."""
    return finished_fits("native")

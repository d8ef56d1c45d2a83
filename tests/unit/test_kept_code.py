"""Machine code that numba keeps in files: damaged files, and no place for any."""

from __future__ import annotations

import errno
import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from glasspot import cli
from glasspot.engine.native import compiling
from glasspot.errors import GlasspotError
from glasspot.kept_code import is_damaged, trouble

SOURCE = """
from numba import njit

@njit(cache=True)
def twice(x):
    return x + x
"""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def damaged(tmp_path: Path) -> Any:
    """Return a compiled function of two lines whose kept code is cut short."""
    path = tmp_path / "few_lines.py"
    path.write_text(SOURCE)
    first = load(path).twice
    assert first(2) == 4
    (kept,) = Path(first.stats.cache_path).glob("few_lines.twice*.nbc")
    kept.write_bytes(kept.read_bytes()[:100])
    return load(path).twice


def test_damaged_code_is_told_in_words(damaged: Any) -> None:
    with pytest.raises(Exception, match="truncated") as caught:
        damaged(2)
    assert is_damaged(caught.value)
    assert "Delete the files *.nbi and *.nbc" in trouble(caught.value)
    assert trouble(ValueError("something else")) == ""


def test_the_native_engine_makes_damaged_code_anew(damaged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "update", SimpleNamespace(stats=damaged.stats))
    assert compiling.with_kept_code(lambda: damaged(2)) == 4
    with pytest.raises(ZeroDivisionError):
        compiling.with_kept_code(lambda: 1 // 0)


def test_a_full_disk_names_the_folder_of_compiled_code() -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(GlasspotError, match=r"cannot be kept in .*No space left.*NUMBA_CACHE_DIR"):
        compiling.with_kept_code(fail)


def test_no_place_for_compiled_code_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("cannot cache function 'f': no locator available for file '/f.py'")

    monkeypatch.setattr("glasspot.cli.status.run", fail)
    assert cli.main(["status", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("glasspot: there is no place for compiled code") and "NUMBA_CACHE_DIR" in said
    assert said.count("\n") == 1

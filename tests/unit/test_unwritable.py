"""What is said of a place that cannot be written: why, and what mends it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from glasspot.files import UnwritableError, replacing, scratch, write_text


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room there"),
        (errno.ENOTCONN, "its file server away"),
        (errno.EIO, "Is the disk in trouble"),
        (errno.EACCES, "that you may write to"),
        (errno.EROFS, "that you may write to"),
    ],
)
def test_the_remedy_is_of_the_reason(tmp_path: Path, number: int, remedy: str) -> None:
    with pytest.raises(UnwritableError, match=remedy) as told, replacing(tmp_path / "a.csv"):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(told.value) and "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableError, match="that you may write to"):
        write_text(tmp_path / "file" / "a.csv", "")
    with pytest.raises(UnwritableError, match=r"cannot write into .*file"), scratch(tmp_path / "file"):
        pass


def test_what_is_passing_is_gone_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch(tmp_path / "new") as folder:
        assert folder.parent == tmp_path / "new"
        (folder / "a").touch()
        raise KeyError
    assert not list((tmp_path / "new").iterdir())

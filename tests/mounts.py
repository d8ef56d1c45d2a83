"""Real file systems for tests: a small disk that fills up, a folder that is read-only even for root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _do(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"mounting is not allowed here: {' '.join(told.split())}")


@contextmanager
def _unmounted(place: Path) -> Iterator[Path]:
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Give a disk of a size such as "4m" at ``place``; the test is skipped where mounting is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    with _unmounted(place):
        yield place


@contextmanager
def read_only(folder: Path, place: Path) -> Iterator[Path]:
    """Show ``folder`` at ``place``, where nothing can be written in it."""
    place.mkdir(parents=True, exist_ok=True)
    _do("mount", "--bind", str(folder), str(place))
    with _unmounted(place):
        _do("mount", "-o", "remount,ro,bind", str(place))
        yield place


@contextmanager
def turned_read_only(disk: Path) -> Iterator[None]:
    """Let a mounted disk be read-only for a while, as the kernel does after an error of the device."""
    _do("mount", "-o", "remount,ro", str(disk))
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)

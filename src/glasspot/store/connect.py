"""SQLite connections to a store: its journal, waiting for others, what a kill left behind, read-only disks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from glasspot.errors import GlasspotError
from glasspot.store.disk import is_local

Answer = TypeVar("Answer")

PATIENCE_S = 300.0  # of the driver: a reader on another machine may hold the file for a while
READER_PATIENCE_S = 30.0
LEAVING_S = 2.0  # of a driver that ends, for readers that hold the file
# What a client of a file server remembers of a file, its pages and that it is there, is older nowhere where the server
# is not asked at each lock anyway (FUSE: a second, and one of the file system's own; NFS asks).
AGE_S = 3.0
LOOKS = 4  # at what looks damaged on a disk that other machines write to
SPAN_S = 0.5  # SQLite waits so long by itself; between two such spans Ctrl-C is heard
WAL_VERSION = 2  # bytes 18 and 19 of a file that expects a write-ahead log


class DamagedError(GlasspotError):
    """The store is damaged: what it holds cannot be trusted as it is. The message names the file and the remedy."""

    def __init__(self, path: Path, why: object) -> None:
        self.why = str(why)
        super().__init__(
            f"the store {path} cannot be read ({why}); it is damaged, or not of glasspot. "
            f"`glasspot repair {path.parent}` saves what is good in it"
        )


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error means that the file is damaged, and not that it is busy or the disk full."""
    kind = _kind(error)
    if kind == sqlite3.SQLITE_ERROR:  # a statement that is right for a store, and not for this file
        return True
    return kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_CONSTRAINT)


def _kind(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF


def is_half_written(error: sqlite3.Error) -> bool:
    """Tell whether a reader met what a killed driver had half written, and may not undo it."""
    return _kind(error) == sqlite3.SQLITE_READONLY


def patiently(what: Callable[[], Answer], seconds: float) -> Answer:
    """Do ``what``; where another program holds the file, try again for so many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            return what()
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)  # where SQLite did not wait itself


def to_write(path: Path) -> sqlite3.Connection:
    """Return a connection of the driver to an existing store. Raises sqlite3.Error.

    A write-ahead log on a disk of this machine; the rollback journal where other machines may look at the file, which
    cannot share the memory that the log needs.
    """
    connection = sqlite3.connect(path, timeout=SPAN_S, isolation_level=None)
    try:
        log = is_local(path.parent)
        patiently(lambda: connection.execute(f"PRAGMA journal_mode={'WAL' if log else 'DELETE'}"), PATIENCE_S)
        # EXTRA: after a power cut not even the last transaction is undone, whose outcome stands nowhere else any more.
        connection.execute(f"PRAGMA synchronous={'FULL' if log else 'EXTRA'}")
        connection.execute("PRAGMA secure_delete=ON")  # nothing old is left for a repair to find
    except BaseException:
        connection.close()
        raise
    return connection


def to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads. Raises sqlite3.Error; GlasspotError where a killed driver's mess remains."""
    try:
        return _looking(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if is_half_written(error):
            settle(path, error)
            return _looking(path, "mode=ro")
        if _kind(error) == sqlite3.SQLITE_CANTOPEN and _expects_log(path):
            return _read_only_folder(path, error)
        raise


def looking_again(path: Path, look: Callable[[], Answer]) -> Answer:
    """Return what ``look`` gives; where it raises GlasspotError on a disk that other machines write to, look again.

    Such a reader may have been given some pages of now and some of a moment ago, which do not go together.
    """
    for _ in range(LOOKS - 1):
        try:
            return look()
        except GlasspotError:
            if is_local(path.parent):
                raise
            time.sleep(AGE_S)
    return look()


def let_age(path: Path) -> None:
    """Wait until this machine has forgotten what it knew of a store that another may have written a moment ago."""
    if path.exists() and not is_local(path.parent):
        time.sleep(AGE_S)


def settle(path: Path, error: sqlite3.Error) -> None:
    """Undo what a killed driver had half written; only who may write in the folder can.

    Nothing is done where it may be of a driver at work on another machine: remembered here, and gone there.
    """
    if not is_local(path.parent) and not _stays(path):
        return
    try:
        connection = sqlite3.connect(path, timeout=SPAN_S, isolation_level=None)
        try:
            patiently(lambda: connection.execute("SELECT count(*) FROM sqlite_master"), READER_PATIENCE_S)
        finally:
            connection.close()
    except sqlite3.OperationalError:
        raise _left(path) from error


def _stays(path: Path) -> bool:
    """Tell whether what stands beside a store is left behind: each transaction of a driver at work has its own."""
    before = _beside(path)
    time.sleep(AGE_S)
    return bool(before) and _beside(path) == before


def _beside(path: Path) -> list[tuple[str, int, int, int]]:
    """Return the journals beside a store, with what tells one from another."""
    found = []
    for end in ("-journal", "-wal"):
        with suppress(OSError):
            told = path.with_name(path.name + end).stat()
            found.append((end, told.st_ino, told.st_mtime_ns, told.st_size))
    return found


def leave(connection: sqlite3.Connection) -> None:
    """Close the driver's connection so that one file is left, readable from a disk on which nothing can be written."""
    try:
        with suppress(sqlite3.Error):  # a reader holds it, or the disk is full: the log stays beside it, and is read
            patiently(lambda: connection.execute("PRAGMA journal_mode=DELETE"), LEAVING_S)
    finally:
        connection.close()


def _looking(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=SPAN_S, isolation_level=None)
    try:
        connection.execute("PRAGMA temp_store=MEMORY")
        patiently(lambda: connection.execute("SELECT count(*) FROM sqlite_master").fetchone(), READER_PATIENCE_S)
    except BaseException:
        connection.close()
        raise
    return connection


def _expects_log(path: Path) -> bool:
    """Tell whether the store was left by a driver that could not close it."""
    try:
        with path.open("rb") as handle:
            return handle.read(20)[18:] == bytes([WAL_VERSION, WAL_VERSION])
    except OSError:
        return False


def _read_only_folder(path: Path, error: sqlite3.Error) -> sqlite3.Connection:
    """Open a store with the mark of a log in a folder where SQLite cannot make the files that go with one."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > 0:
        raise _left(path) from error
    return _looking(path, "immutable=1")  # no log: no driver is at work, nothing will change


def _left(path: Path) -> GlasspotError:
    return GlasspotError(
        f"the store {path} was left in the middle of a write, and its folder is read-only here; copy the whole folder "
        "to where you may write, or look from where it was made"
    )

"""The one process that drives a folder: the lock that it holds, and who it is.

The lock is of the kernel, so it ends with the process, however that ends, and file servers know it as well. The file
tells who holds it, or who held it last. A file server that was restarted may have forgotten the lock, and give it to a
second driver; so the first takes it again every second (:func:`hold_on`), and ends where it came too late.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from glasspot.campaign.now import NOTE, Now
from glasspot.errors import GlasspotError
from glasspot.store import Store

LOCK_FILE = "driver.lock"
REQUEST_FILE = "stop.request"  # written by ``glasspot stop`` for the driver at work
HEARD_S = 60.0  # a driver on another machine that noted what runs less than this ago is at work
TRIES, PAUSE_S = 5, 0.1  # somebody who asks whether the folder is locked holds the lock for an instant

_held: dict[Path, int] = {}  # the folders that this process drives, and the handles of their locks


class FolderLostError(GlasspotError):
    """Another driver has taken the folder of this one, which must not write there any more."""


@dataclass(frozen=True)
class Driver:
    """A process of this or another machine. since: seconds of the epoch; token: no other process has the same."""

    host: str
    process: int
    since: float
    token: str


@cache
def this_process() -> Driver:
    """Return who this process is."""
    return Driver(platform.node(), os.getpid(), time.time(), secrets.token_hex(8))


@contextmanager
def driving(folder: Path) -> Iterator[None]:
    """Hold the folder for one driver, and forget requests to earlier ones; a second driver is refused."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise GlasspotError(f"cannot write in {folder}: {error.strerror}; choose another --out") from error
    place = folder.resolve()
    try:
        _lock(handle, folder)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(asdict(this_process())).encode() + b"\n")
        except OSError as error:
            raise GlasspotError(f"cannot write in {folder}: {error.strerror}; choose another --out") from error
        _forget_request(folder)
        _held[place] = handle
        try:
            yield
        except FolderLostError:
            raise  # a request there may be to the other driver
        except BaseException:
            _forget_request(folder)
            raise
        _forget_request(folder)
    finally:
        _close(_held.pop(place, handle))


def hold_on(place: Path) -> None:
    """Take the lock of a folder that this process drives again, where its file server may have forgotten it.

    FolderLostError where another driver has had it since. ``place`` is resolved; of one that this process does not
    drive nothing is asked. Where the server cannot be reached, the next write tells.
    """
    handle = _held.get(place)
    if handle is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nothing changes where it is held
    except BlockingIOError:  # somebody asks who drives, or drives: then the name tells
        pass
    except OSError:  # a handle of before the server went away, which will not work again
        with suppress(OSError):
            _held[place] = _again(place)
            _close(handle)
    other = driver_of(place)
    if other is not None and other.token != this_process().token:
        raise FolderLostError(
            f"the file server of {place} forgot the lock of this glasspot, and another works there now{_who(place)}: "
            "this one has ended. What it had finished is kept"
        )


def _again(place: Path) -> int:
    """Return a new handle of the lock, held. Raises OSError."""
    handle = os.open(place / LOCK_FILE, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _close(handle)
        raise
    return handle


def _close(handle: int) -> None:
    with suppress(OSError):  # its file server is away; it is closed all the same
        os.close(handle)


def is_driven(folder: Path) -> bool:
    """Return whether a driver holds the folder now."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks there: no driver would have begun
        return False
    finally:
        _close(handle)
    return False


def driver_of(folder: Path) -> Driver | None:
    """Return who holds the folder, or held it last; None where nobody has said so."""
    try:
        with (folder / LOCK_FILE).open("rb") as handle:
            content = json.loads(handle.read(4096))
        return Driver(
            str(content["host"]), int(content["process"]), float(content["since"]), str(content["token"])
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def is_heard(store: Store, folder: Path) -> bool:
    """Return whether a driver on another machine has lately noted what runs.

    There are file systems whose locks are seen by one machine only; the lock then says nothing about the others.
    """
    driver = driver_of(folder)
    if driver is None or driver.host == platform.node():
        return False
    now = Now.decode(store.get_meta(NOTE))
    return now is not None and store.get_meta("state") == "running" and abs(time.time() - now.at) < HEARD_S


def _lock(handle: int, folder: Path) -> None:
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(PAUSE_S)
                continue
            raise GlasspotError(
                f"another glasspot is at work in {folder}{_who(folder)}; wait for it, end it with glasspot stop, "
                "or use another --out"
            ) from None
        except OSError as error:
            raise GlasspotError(
                f"{folder / LOCK_FILE} cannot be locked ({error.strerror}); without locks two drivers could work in "
                "one folder: choose --out on another file system"
            ) from error
        return


def _who(folder: Path) -> str:
    driver = driver_of(folder)
    return "" if driver is None else f" (process {driver.process} on {driver.host})"


def _forget_request(folder: Path) -> None:
    with suppress(OSError):
        (folder / REQUEST_FILE).unlink(missing_ok=True)

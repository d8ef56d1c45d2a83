"""Is a store whole, and how a damaged one is mended: a new one beside it from what is good, then one for the other."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from glasspot.errors import GlasspotError
from glasspot.store.connect import DamagedError
from glasspot.store.salvage import Saved, Verify, salvage
from glasspot.store.store import STORE_FILE, Store


@dataclass(frozen=True)
class Checked:
    """What a look at everything found. faults: one line for each, none in a store that is whole."""

    runs: int
    faults: tuple[str, ...]


def check(folder: Path, verify: Verify) -> Checked:
    """Read all of the store in ``folder``, every outcome too; GlasspotError where there is none, or it is busy."""
    try:
        with Store.open(folder) as store:
            return _look(store, verify)
    except DamagedError as error:
        return Checked(0, (error.why,))


def require_place(folder: Path) -> None:
    """Raise GlasspotError where a new store cannot be made in ``folder``."""
    _beside(folder / STORE_FILE).unlink()


def repair(folder: Path, verify: Verify) -> tuple[Saved, Path | None]:
    """Put a store with what is good in the place of a damaged one; return what was saved, and where the damaged one is.

    Nothing is changed, and None returned, where nothing could be saved. No driver may be at work.
    """
    path = folder / STORE_FILE
    new = _beside(path)
    try:
        saved = salvage(path, new, verify)
        if not saved.anything:
            return saved, None
        with new.open("rb") as handle:
            os.fsync(handle.fileno())
        shutil.copymode(path, new)
        return saved, _swap(path, new)
    except (OSError, sqlite3.Error) as error:
        raise GlasspotError(
            f"cannot write the new store beside {path} ({error}); it may need as much space as the damaged one, which "
            "was left as it is"
        ) from error
    finally:
        new.unlink(missing_ok=True)


def _look(store: Store, verify: Verify) -> Checked:
    faults = []
    for look in (store.check, store.check_pages):
        try:
            look()
        except DamagedError as error:
            faults.append(error.why)
    try:
        runs = store.outcomes()
    except DamagedError:  # told already
        return Checked(0, tuple(faults))
    for run in runs:
        key = run["key"]
        try:
            ok, reason, _ = verify(key, store.get_spec(key) or "", store.get_outcome(key) or b"")
            if (ok, reason) != (run["ok"], run["reason"]):
                faults.append(f"run {key} ({run['label']}): its row says something else than its outcome")
        except GlasspotError as error:
            why = error.why if isinstance(error, DamagedError) else error
            faults.append(f"run {key} ({run['label']}): {why}")
    return Checked(len(runs), tuple(faults))


def _beside(path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".store-", suffix=".sqlite")
    except OSError as error:
        raise GlasspotError(
            f"cannot write in {path.parent} ({error.strerror}), where the new store must be made; copy the folder to "
            "where you may write"
        ) from error
    os.close(handle)
    return Path(name)


def _swap(path: Path, new: Path) -> Path:
    """Put ``new`` in the place of ``path``, which is never without a store; return the old one's new name."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        os.link(path, kept)
    except OSError:  # a file system without links
        shutil.copy2(path, kept)
    # What SQLite keeps beside the old store would be taken for the new one's.
    for end in ("-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(kept.with_name(kept.name + end))
    new.replace(path)
    return kept

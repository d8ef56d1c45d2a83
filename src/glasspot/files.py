"""Files written whole or not at all; TOML and JSON read with one clear line for each mistake."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError

LARGEST_TOML = 20_000_000  # bytes
MOST_BITS = 63  # of a whole number, as TOML itself has it


class UnwritableError(GlasspotError):
    """A file could not be written: the folder's fault, not that of what should be written."""


def unwritable(what: str, error: OSError) -> UnwritableError:
    """Return the error of a place that cannot be written, with what mends it; ``what``: "cannot write a.csv", say."""
    why = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnwritableError(f"{what}: {why}. Make room there, or choose another folder.")
    if error.errno in (errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT):
        return UnwritableError(f"{what}: {why}. Is the disk in trouble, or its file server away?")
    return UnwritableError(f"{what}: {why}. Choose a folder that you may write to.")


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; it takes the place of ``path`` when the block ends well.

    A reader sees the old file or the new one, never a part; with ``durable`` not even a power cut leaves a part.
    UnwritableError where the place cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise unwritable(f"cannot write {path}", error) from error
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            _to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise unwritable(f"cannot write {path}", error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """Give a folder for what is passing, in ``folder``, which is made; it is removed at the end.

    With None, for callers that were given no folder, it is in the system's place for such. UnwritableError where there
    can be none.
    """
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=".work-", dir=folder)
    except OSError as error:
        raise unwritable(f"cannot write into {folder or 'the temporary folder'}", error) from error
    with made as name:
        yield Path(name)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text in one go and return the path; UnwritableError where it cannot."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def _to_disk(path: Path) -> None:
    """Return when the content of ``path`` is on the disk itself."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _umask() -> int:
    """Return the process's umask, so that new files get the rights the user's other files have."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def parse_toml(raw: bytes, where: str) -> dict[str, Any]:
    """Return the tables of a TOML text; GlasspotError when it is binary or not TOML. A byte-order mark may lead."""
    try:
        found = tomllib.loads(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise GlasspotError(f"{where} is not valid TOML: it is no UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise GlasspotError(f"{where} is not valid TOML: its brackets are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        hint = ". A name stands there for the second time; keep one of them" if "overwrite" in str(error) else ""
        raise GlasspotError(f"{where} is not valid TOML: {error}{hint}") from error
    if _holds_a_giant(found):
        raise GlasspotError(f"{where} holds a whole number of more than 64 bits, which no setting takes")
    return found


def _holds_a_giant(tree: Any) -> bool:
    """Tell whether a whole number in a tree has more than 64 bits: it is no float, and may be too long to be shown."""
    left = [tree]
    while left:
        one = left.pop()
        if isinstance(one, dict | list):
            left.extend(one.values() if isinstance(one, dict) else one)
        elif isinstance(one, int) and one.bit_length() > MOST_BITS:
            return True
    return False


def parse_json(raw: bytes) -> Any:
    """Return what a JSON text says; ValueError, and nothing else, for anything that is none."""
    try:
        found = json.loads(raw)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    if _holds_a_giant(found):
        raise ValueError("it holds a whole number of more than 64 bits")
    return found


def read_limited(path: Path, most: int) -> bytes:
    """Return the bytes of a file; GlasspotError for a name that is none, and for more than ``most`` bytes.

    What never ends, such as /dev/zero, is not read to the end. OSError as of ``Path.read_bytes``.
    """
    try:
        with path.open("rb") as handle:
            raw = handle.read(most + 1)
    except ValueError:  # a zero byte in the name
        raise GlasspotError(f"{str(path)!r} is no name of a file") from None
    if len(raw) > most:
        raise GlasspotError(f"{path} holds more than {most // 10**6} MB; is it the right file?")
    return raw

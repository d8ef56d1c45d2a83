"""The folder of a result of ``glasspot pcf``: new, or one that the same action may write again."""

from __future__ import annotations

import json
import re
from pathlib import Path

from glasspot.errors import GlasspotError
from glasspot.files import write_text


def check_folder(folder: Path, mark: str, action: str) -> None:
    """Raise GlasspotError where ``folder`` is a file, or holds files but no ``mark``, so that others made them."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise GlasspotError(f"{folder} is a file; --out takes a folder.")
    if any(folder.iterdir()) and not (folder / mark).is_file():
        raise GlasspotError(
            f"{folder} holds files that glasspot pcf {action} has not made; choose another folder with --out."
        )


def claim(folder: Path, mark: str) -> None:
    """Make the folder and say whose it is, so that after Ctrl-C the same action may write into it again."""
    if not (folder / mark).exists():
        write_text(folder / mark, json.dumps({"format": 1, "state": "running"}) + "\n")


def as_name(text: str) -> str:
    """Return text as part of a folder's name: letters, digits, points and hyphens."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80]

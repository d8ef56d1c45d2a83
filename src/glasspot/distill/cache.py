"""Arrays kept in a folder under the hash of what they were computed from, so that a killed or second run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.archives import load_archive
from glasspot.files import replacing

FORMAT = 1  # part of every name: raise it when what is computed changes


@dataclass(frozen=True)
class Cache:
    """A folder of ``KIND-HASH.npz`` files; without a folder nothing is kept."""

    folder: Path | None = None

    def get(
        self, kind: str, asked: Sequence[Any], compute: Callable[[], Sequence[NDArray[Any]]]
    ) -> tuple[NDArray[Any], ...]:
        """Return the arrays of ``compute``, from the folder where they are known. ``asked``: plain values that they
        depend on, which name them. A file is written whole or not at all; a damaged one is computed again.
        """
        if self.folder is None:
            return tuple(compute())
        path = self.folder / f"{kind}-{digest([FORMAT, kind, *asked])[:24]}.npz"
        known = _read(path)
        if known is not None:
            return known
        made = tuple(compute())
        with replacing(path) as temporary, temporary.open("wb") as handle:
            np.savez(handle, *made)
        return made


def digest(values: Sequence[Any]) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(list(values), sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> tuple[NDArray[Any], ...] | None:
    """Return the arrays of a file; None where there is none, or none that can be read."""
    try:
        kept = load_archive(path)
        return tuple(kept[f"arr_{n}"] for n in range(len(kept)))
    except (OSError, ValueError, KeyError):
        return None

"""Arrays read from files that anybody may have written: plain numbers and texts only, nothing unpickled, no bombs.

How large an archive would become is checked before anything of it is unpacked.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2_000_000_000  # bytes, unpacked: more than any record of a run or a fit
PLAIN = "biufU"  # numpy's kinds of numbers and texts


def load_archive(source: Path | bytes, largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file, or of its bytes, by their names.

    ValueError, which says why, for anything else, and for one that unpacks to more than ``largest`` bytes; OSError
    where the file cannot be read.
    """
    place: Any = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with zipfile.ZipFile(place) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > largest:
                raise ValueError(f"it unpacks to more than {largest // 10**6} MB")
        if isinstance(place, io.BytesIO):
            place.seek(0)
        with np.load(place, allow_pickle=False) as kept:
            found = {name: np.asarray(kept[name]) for name in kept.files}
    except (OSError, ValueError):
        raise
    except Exception as error:  # zipfile, zlib and numpy each raise their own kinds on damage
        raise ValueError(f"it is no archive of arrays: {_reason(error)}") from error
    if other := next((name for name, array in found.items() if array.dtype.kind not in PLAIN), None):
        raise ValueError(f"the array {other[:60]} holds no plain numbers")
    return found


def load_array(path: Path) -> NDArray[Any]:
    """Return the array of an .npy file; errors as :func:`load_archive`."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an archive, not one array")
        if found.dtype.kind not in PLAIN:
            raise ValueError("it holds no plain numbers")
        return np.array(found)
    except (OSError, ValueError):
        raise
    except Exception as error:  # the header is parsed by ast and tokenize, with errors of their own
        raise ValueError(f"it is no array: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__)[:200]

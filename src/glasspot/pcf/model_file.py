"""A trained model as a file: an npz archive of plain arrays with a JSON text. It is data: nothing in it is executed.

No array of objects is read or written, so nothing is unpickled. What the file is, and how large it would become, is
checked before an array is read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.errors import GlasspotError
from glasspot.files import replacing
from glasspot.pcf.model import FromState, Model

FORMAT = "glasspot pcf model 1"
MODEL_FILE = "model.npz"
LARGEST_FILE = 500_000_000  # bytes, of the file and of what it unpacks to
LARGEST_HEADER = 5_000_000
HEADER = "header"
NUMBERS = "biuf"  # numpy's kinds of plain numbers

# kind -> module and name of what makes the model from its state; the modules are imported when they are needed.
KINDS = {
    "curve": ("glasspot.pcf.curve.whole", "from_state"),
    "paper": ("glasspot.pcf.paper.model", "PaperModel.from_state"),
}


def save_model(model: Model, folder: Path, about: Mapping[str, Any] | None = None) -> Path:
    """Write ``model`` into ``folder``, whole or not at all, and return the file.

    ``about``: plain values of JSON that go with it, such as what it was trained on. GlasspotError where it cannot be
    written.
    """
    meta, arrays = model.state()
    names = list(arrays)
    listed = [{"name": name, "shape": list(np.shape(arrays[name]))} for name in names]
    text = json.dumps(
        {
            "format": FORMAT,
            "kind": model.kind,
            "glasspot": __version__,
            "about": dict(about or {}),
            "meta": meta,
            "arrays": listed,
        },
        allow_nan=False,
    )
    plain = {f"array_{k}": np.asarray(arrays[name]) for k, name in enumerate(names)}
    if wrong := next((name for name, array in zip(names, plain.values(), strict=True) if not _is_plain(array)), None):
        raise TypeError(f"array {wrong} of the model holds no plain numbers")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{HEADER: np.frombuffer(text.encode(), dtype=np.uint8)}, **plain)
    path = Path(folder) / MODEL_FILE
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return path


def load_model(folder: Path) -> Model:
    """Return the model of a folder that ``glasspot pcf train`` wrote (or of its ``model.npz``).

    GlasspotError for a folder without one, and for any file that is not whole and ours.
    """
    path = model_path(folder)
    header, arrays = _read(path)
    try:
        with np.errstate(all="ignore"):
            return _maker(header["kind"])(header["meta"], arrays)
    except Exception as error:  # whatever a wrong shape or a missing value makes numpy, torch or sklearn raise
        reason = f"its numbers are not those of a {header['kind']} model of this version: {_reason(error)}"
        raise _not_ours(path, reason) from error


def about_model(folder: Path) -> dict[str, Any]:
    """Return what was saved beside the model of a folder: ``kind``, ``glasspot`` (its version) and ``about``.

    GlasspotError as :func:`load_model`.
    """
    path = model_path(folder)
    header, _ = _read(path, arrays=False)
    return {key: header[key] for key in ("kind", "glasspot", "about")}


def model_path(folder: Path) -> Path:
    """Return the file of a model; GlasspotError where there is none."""
    folder = Path(folder)
    path = folder / MODEL_FILE if folder.is_dir() else folder
    if not path.is_file():
        raise GlasspotError(
            f"{folder} holds no {MODEL_FILE}; give the folder that glasspot pcf train wrote."
            if folder.is_dir()
            else f"there is no folder {folder}; give the one that glasspot pcf train wrote."
        )
    return path


def _maker(kind: str) -> FromState:
    module, name = KINDS[kind]
    made: FromState = attrgetter(name)(import_module(module))
    return made


def _read(path: Path, arrays: bool = True) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of a file; GlasspotError for any that is not ours."""
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as archive:
            header = _header(archive)
            listed = header["arrays"] if arrays else []
            found = {str(item["name"]): _array(archive, k, item["shape"]) for k, item in enumerate(listed)}
    except OSError as error:
        raise GlasspotError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # zipfile, zlib, numpy and json each raise their own kinds
        raise _not_ours(path, _reason(error)) from error
    return header, found


def _check_size(path: Path) -> None:
    """Raise ValueError for what is no npz, or one too large, packed or unpacked; nothing is unpacked for it."""
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE // 10**6} MB")
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no npz archive, or is cut short")
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > LARGEST_FILE:
        raise ValueError(f"it would unpack to more than {LARGEST_FILE // 10**6} MB")


def _header(archive: Any) -> dict[str, Any]:
    """Return the header; ValueError for another format or kind."""
    if HEADER not in archive.files:
        raise ValueError("it has no header of glasspot")
    raw = archive[HEADER]
    if raw.dtype != np.uint8 or raw.ndim != 1 or len(raw) > LARGEST_HEADER:
        raise ValueError("its header is no text")
    header: Any = json.loads(bytes(raw).decode())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    if header.get("kind") not in KINDS:
        raise ValueError(f"its kind is none of {', '.join(KINDS)}")
    if not (isinstance(header.get("meta"), dict) and isinstance(header.get("arrays"), list)):
        raise ValueError("its header is not whole")
    return {"about": {}, "glasspot": "unknown", **header}


def _array(archive: Any, k: int, shape: list[int]) -> np.ndarray:
    """Return an array of the file; ValueError for one of another shape than the header says, or without numbers."""
    found = np.asarray(archive[f"array_{k}"])
    if not _is_plain(found):
        raise ValueError("an array holds no plain numbers")
    if list(found.shape) != shape:
        raise ValueError(f"an array has the shape {list(found.shape)} in place of {shape}")
    return found


def _is_plain(array: np.ndarray) -> bool:
    return array.dtype.kind in NUMBERS


def _reason(error: Exception) -> str:
    """Return the first line of what is wrong."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".")[:200] if text else type(error).__name__


def _not_ours(path: Path, reason: str) -> GlasspotError:
    return GlasspotError(
        f"{path} is no model of glasspot pcf ({reason}); nothing of it was run. Train one: glasspot pcf train."
    )

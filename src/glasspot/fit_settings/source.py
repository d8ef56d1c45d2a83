"""What a fit was asked for, with the content of every file it names: to tell on resume what changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from glasspot.config import FitConfig
from glasspot.errors import GlasspotError

# Tables and keys that may change between one session of a fit and the next. The engine is told apart elsewhere; an
# ensemble comes after the fit, and more members only add to those there are.
UNDECIDING = {"run", "title", "description", "engine", "ensemble"}


def settings_of(config: FitConfig, folder: Path) -> dict[str, Any]:
    """Return the settings that decide the results, with the content of every file they name; the engine is not yet
    among them.
    """
    settings: dict[str, Any] = config.model_dump(mode="json", exclude=UNDECIDING)
    files = [t.file or t.trajectory for t in config.target]
    potentials = [config.potential.start, *config.validation.compare, *(t.reference for t in config.target)]
    files += [name for name in potentials if name and name.endswith(".toml")]
    settings["files"] = {name: _digest(folder / name) for name in files if name}
    return settings


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise GlasspotError(f"cannot read {path}: {error.strerror}") from error

"""The calibration of a committee as a JSON file beside the model, in the role "trust"."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.files import parse_json, write_text
from glasspot.mlip.trust import Bin, Calibration
from glasspot.potential.learned import LearnedPotential, file_hash, learned_to_toml
from glasspot.structure.look import Reference

ROLE, FILE = "trust", "trust.json"
ABOVE_ZERO = ("factor", "threshold", "error")


def with_trust(potential: LearnedPotential, calibration: Calibration, folder: Path) -> LearnedPotential:
    """Return the potential with its calibration, both written into ``folder``: trust.json, then potential.toml.

    Model files that stand elsewhere are copied there. UnwritableError where the folder cannot be written.
    """
    files = dict(potential.files)
    for role, path in files.items():
        if path.resolve().parent != folder.resolve() and role != ROLE:
            folder.mkdir(parents=True, exist_ok=True)
            files[role] = Path(shutil.copyfile(path, folder / path.name))
    files[ROLE] = write_text(folder / FILE, calibration_text(calibration))
    hashes = {**potential.hashes, ROLE: file_hash(files[ROLE])}
    trusted = replace(potential, files=files, hashes=hashes)
    write_text(folder / "potential.toml", learned_to_toml(trusted))
    return trusted


def calibration_of(potential: LearnedPotential) -> Calibration | None:
    """Return the calibration that was kept with the model; None where there is none. GlasspotError for a broken one."""
    path = potential.files.get(ROLE)
    if path is None:
        return None
    try:
        return calibration_from(parse_json(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise GlasspotError(f"{path} is no calibration of a committee ({error}); fit the model again.") from error


def calibration_text(calibration: Calibration) -> str:
    """Return the calibration as JSON; forces in eV/A, distances in A. What is not known (nan) is null."""
    table = {key: None if _is_nan(value) else value for key, value in asdict(calibration).items()}
    return json.dumps({"unit": "eV/A", **table}, indent=2) + "\n"


def calibration_from(table: dict[str, Any]) -> Calibration:
    """Return the calibration of :func:`calibration_text`; ValueError, TypeError or KeyError for anything else."""
    table = dict(table)
    if table.pop("unit") != "eV/A":
        raise ValueError("its unit is not eV/A")
    for key in ABOVE_ZERO:
        if isinstance(table[key], bool) or not isinstance(table[key], int | float) or not 0 < table[key] < math.inf:
            raise ValueError(f"{key} is {table[key]!r}, expected a number above 0")
    bins = tuple(Bin(**one) for one in table.pop("bins"))
    reference = table.pop("reference")
    if reference is not None:
        reference = Reference(**{**reference, "density": tuple(reference["density"])})
    known: dict[str, Any] = {key: math.nan if value is None else value for key, value in table.items()}
    return Calibration(**known, bins=bins, reference=reference)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)

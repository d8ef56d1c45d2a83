"""The record of a fit of a machine-learned potential, fit.json, as values: what its report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.files import parse_json
from glasspot.mlip.model import Errors

FIT, PARITY = "fit.json", "parity.npz"
UNKNOWN = Errors(*(math.nan,) * 5, frames=0)


@dataclass(frozen=True)
class RoundRow:
    """One round of the loop: how many frames trained and tested, errors within the training frames and held out."""

    number: int
    fraction: float
    train: int
    test: int
    settings: Mapping[str, Any]
    cv: Errors
    errors: Errors
    seconds: float


@dataclass(frozen=True)
class TrialRow:
    """One trial of the hyper-parameters, in a round: errors within the training frames (meV/atom, eV/A, GPa)."""

    round: int
    settings: Mapping[str, Any]
    energy: float
    force: float
    stress: float
    chosen: bool


@dataclass(frozen=True)
class GroupRow:
    """Errors of a group. kind: "cluster", "config_type" or "temperature"; use: "test" or "unseen" frames of it."""

    kind: str
    name: str
    use: str
    errors: Errors


@dataclass(frozen=True)
class LearningRow:
    """A fit to ``frames`` frames, chosen "distilled", at "random", or "all", judged on the same held-out frames."""

    frames: int
    how: str
    errors: Errors


@dataclass(frozen=True)
class FitRecord:
    """What fit.json holds. Lists may be empty; a number that is not known is nan. raw: the whole of the file."""

    name: str
    model: str
    tolerance: float
    reached: bool
    stopped: str
    frames: int
    train_keys: tuple[str, ...]
    test_keys: tuple[str, ...]
    rounds: tuple[RoundRow, ...]
    trials: tuple[TrialRow, ...]
    groups: tuple[GroupRow, ...]
    learning: tuple[LearningRow, ...]
    train: Errors
    test: Errors
    unseen: Errors
    cautions: tuple[str, ...]
    notes: tuple[str, ...]
    raw: Mapping[str, Any]

    def learned(self, how: str) -> dict[int, list[Errors]]:
        """Return number of frames -> errors of the fits with so many frames, fewest first."""
        found: dict[int, list[Errors]] = {}
        for row in sorted(self.learning, key=lambda row: row.frames):
            if row.how == how:
                found.setdefault(row.frames, []).append(row.errors)
        return found


def read_record(folder: Path) -> FitRecord:
    """Return the record in ``folder``; GlasspotError where there is none, or a damaged one."""
    path = folder / FIT
    try:
        data = parse_json(path.read_bytes())
    except OSError as error:
        raise GlasspotError(
            f"cannot read {path}: {error.strerror}; give the folder that glasspot fit-mlip wrote."
        ) from error
    except ValueError as error:
        raise GlasspotError(f"{path} is damaged ({error}); run glasspot fit-mlip again, it goes on.") from error
    if not isinstance(data, dict) or data.get("format") != 1 or "final" not in data:
        raise GlasspotError(f"{path} is no record of glasspot fit-mlip, or of another version; fit again.")
    try:
        return _record(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise GlasspotError(
            f"{path} is damaged ({type(error).__name__}: {error}); run glasspot fit-mlip again, it goes on."
        ) from error


def _record(data: Mapping[str, Any]) -> FitRecord:
    final = data["final"] or {}
    return FitRecord(
        name=str(data.get("name") or "model"),
        model=str(data.get("model") or ""),
        tolerance=_number(data.get("energy_tol_meV")),
        reached=bool(data.get("reached")),
        stopped=str(data.get("stopped") or ""),
        frames=_whole(data.get("frames")),
        train_keys=_texts(data.get("train_keys")),
        test_keys=_texts(data.get("test_keys")),
        rounds=tuple(_round(row) for row in data.get("rounds") or ()),
        trials=tuple(_trial(row) for row in data.get("trials") or ()),
        groups=tuple(
            GroupRow(str(r["kind"]), str(r["name"]), str(r.get("use") or "test"), errors_of(r.get("errors")))
            for r in data.get("groups") or ()
        ),
        learning=tuple(
            LearningRow(_whole(row["frames"]), str(row["how"]), errors_of(row.get("errors")))
            for row in data.get("learning") or ()
        ),
        train=errors_of(final.get("train")),
        test=errors_of(final.get("test")),
        unseen=errors_of(final.get("unseen")),
        cautions=_texts(data.get("cautions")),
        notes=_texts(data.get("notes")),
        raw=data,
    )


def errors_of(table: Mapping[str, Any] | None) -> Errors:
    """Return the errors of a table of plain values; UNKNOWN for none."""
    if not table:
        return UNKNOWN
    numbers = {field.name: _number(table.get(field.name)) for field in fields(Errors) if field.name != "frames"}
    return Errors(**numbers, frames=_whole(table.get("frames")))


def _round(row: Mapping[str, Any]) -> RoundRow:
    return RoundRow(
        number=_whole(row.get("round")),
        fraction=_number(row.get("fraction")),
        train=_whole(row.get("train")),
        test=_whole(row.get("test")),
        settings=row.get("settings") or {},
        cv=errors_of(row.get("cv")),
        errors=errors_of(row.get("errors")),
        seconds=_number(row.get("seconds")),
    )


def _trial(row: Mapping[str, Any]) -> TrialRow:
    return TrialRow(
        round=_whole(row.get("round")),
        settings=row.get("settings") or {},
        energy=_number(row.get("energy_rmse_meV_per_atom")),
        force=_number(row.get("force_rmse_eV_per_A")),
        stress=_number(row.get("stress_rmse_GPa")),
        chosen=bool(row.get("chosen")),
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _whole(value: Any) -> int:
    return 0 if value is None else int(value)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())

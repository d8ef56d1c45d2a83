"""All of ``glasspot fit-mlip``: clusters, the loop, the final model, what it says of every frame, and the files.

In the folder: ``potential.toml`` with the model's files, ``fit.json`` (the record, written last), ``parity.npz``, and
``work/``, from which a run that was cut short goes on: kernels, sums of frames, the models of the rounds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.dataset.checks import Survey
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.distill.distilled import Distilled, DistillSettings, distill
from glasspot.files import write_text
from glasspot.mlip.growth import Grown, GrowthPlan, Round, grow, kept_out
from glasspot.mlip.learning import learning_curve
from glasspot.mlip.model import Errors, Labels, Model, errors
from glasspot.mlip.parity import Parity
from glasspot.mlip.pod import PodModel
from glasspot.mlip.trust import calibrate, has_committee
from glasspot.mlip.trust_file import with_trust
from glasspot.potential.learned import LearnedPotential
from glasspot.provenance import provenance

RECORD, PARITY, WORK = "fit.json", "parity.npz", "work"
FORMAT = 1
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FitPlan:
    """What is fitted, and how. paths: of the data, for people. curve: whether the learning curve is made."""

    name: str
    paths: tuple[str, ...]
    growth: GrowthPlan
    distill: DistillSettings
    curve: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """The final model, what it was tested on, and the record."""

    potential: LearnedPotential
    test: Errors
    unseen: Errors | None
    record: Mapping[str, Any]


def fit_mlip(
    rounds_model: Model,
    final_model: Model,
    dataset: Dataset,
    found: Survey,
    plan: FitPlan,
    folder: Path,
    tell: Tell,
    on_round: Callable[[Round], None],
) -> Fitted:
    """Fit ``dataset`` and write everything into ``folder``; what ``folder``/work holds already is not computed again.

    rounds_model fits the rounds, final_model the last model (it may take more care).
    """
    began = time.monotonic()
    work = folder / WORK
    distilled = distill(dataset, plan.distill, work / "kernels", tell)
    grown = grow(rounds_model, dataset, distilled, plan.growth, work, tell, on_round)
    last = grown.last
    tell("final model", 0, 0)
    potential = final_model.fit(last.train, last.best.settings, folder)
    groups = {"train": last.train, "test": last.test, "unseen": kept_out(dataset, grown)}
    said = {use: _predicted(final_model, potential, frames, use, tell) for use, frames in groups.items()}
    tell("trust", 0, 0)
    potential, calibration = _calibrated(potential, last, folder)
    record = {
        **_asked(plan, dataset, found),
        **_came_of(grown, distilled, plan),
        "model": potential.kind,
        "cautions": list(potential.cautions),
        "space": [asdict(one) for one in final_model.space],
        "final": {use: asdict(errors(frames, said[use])) if frames else None for use, frames in groups.items()},
        "groups": _groups(dataset, distilled, groups, said),
        "learning": _learning(rounds_model, grown, dataset, plan, tell) if plan.curve else [],
        "calibration": calibration,
        "provenance": provenance(),
        "seconds": round(time.monotonic() - began, 1),
    }
    Parity.of({use: (frames, said[use]) for use, frames in groups.items()}).save(folder / PARITY)
    write_text(folder / RECORD, json.dumps(_plain(record), indent=1) + "\n")
    unseen = errors(groups["unseen"], said["unseen"]) if groups["unseen"] else None
    return Fitted(potential, errors(last.test, said["test"]), unseen, record)


def _asked(plan: FitPlan, dataset: Dataset, found: Survey) -> dict[str, Any]:
    """Return what was asked, and of which data."""
    return {
        "format": FORMAT,
        "name": plan.name,
        "seed": plan.growth.seed,
        "energy_tol_meV": plan.growth.energy_tol,
        "data": [{"path": path} for path in plan.paths],
        "survey": _table(found),
        "notes": list(dataset.notes),
        "frames": len(dataset),
        "asked": dict(plan.settings),
    }


def _came_of(grown: Grown, distilled: Distilled, plan: FitPlan) -> dict[str, Any]:
    """Return what the loop came to."""
    last = grown.last
    return {
        "reached": grown.reached,
        "stopped": grown.stopped,
        "train_keys": [frame.key for frame in last.train],
        "test_keys": [frame.key for frame in last.test],
        "settings": dict(last.best.settings),
        "distilled": _distilled(distilled, plan),
        "rounds": [one.record() for one in grown.rounds],
        "trials": _trials(grown),
    }


def _calibrated(potential: LearnedPotential, last: Round, folder: Path) -> tuple[LearnedPotential, Any]:
    """Return the potential with what its committee is worth, and that as plain values; None without a committee."""
    if not has_committee(potential):
        return potential, None
    found = calibrate(potential, last.test, [frame.frame for frame in (*last.train, *last.test)], folder)
    kept = ("factor", "threshold", "error", "rank", "false_alarms", "frames", "atoms")
    return with_trust(potential, found, folder), {name: getattr(found, name) for name in kept}


def _predicted(
    model: Model, potential: LearnedPotential, frames: Sequence[LabelledFrame], use: str, tell: Tell
) -> list[Labels]:
    """Return what the model says of the frames, some at a time, so that a person sees it go on."""
    said: list[Labels] = []
    for k in range(0, len(frames), 50):
        tell(f"what it says of {use} frames", k, len(frames))
        said += model.predict(potential, frames[k : k + 50])
    return said


def _learning(model: Model, grown: Grown, dataset: Dataset, plan: FitPlan, tell: Tell) -> list[dict[str, Any]]:
    """Return the learning curve of a POD model; others are too dear to fit to many random choices."""
    if not isinstance(model, PodModel):
        return []
    sides = [[f for f in dataset.frames if f.key in keys] for keys in grown.sides]
    choices = [one.train for one in grown.rounds]
    return learning_curve(
        model, choices, sides[0], sides[1], grown.last.best.settings, plan.growth.seed,
        lambda done, of: tell("learning curve", done, of),
    )  # fmt: skip


def _table(found: Survey) -> dict[str, Any]:
    rows = found.rows()
    return {"columns": list(rows[0]) if rows else [], "rows": [[_shown(v) for v in row.values()] for row in rows]}


def _shown(value: Any) -> str:
    """Return one cell of the table of what was found."""
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _distilled(distilled: Distilled, plan: FitPlan) -> dict[str, Any]:
    return {
        "delta": distilled.delta,
        "clusters": distilled.chosen.n_clusters,
        "long_range": plan.distill.kernels.long_range,
        "select": plan.growth.select,
    }


def _trials(grown: Grown) -> list[dict[str, Any]]:
    return [
        {
            "round": one.number,
            "settings": dict(trial.settings),
            "energy_rmse_meV_per_atom": trial.errors.energy_rmse_meV_per_atom,
            "force_rmse_eV_per_A": trial.errors.force_rmse_eV_per_A,
            "stress_rmse_GPa": trial.errors.stress_rmse_GPa,
            "chosen": trial is one.best,
        }
        for one in grown.rounds
        for trial in one.trials
    ]


def _groups(
    dataset: Dataset,
    distilled: Distilled,
    groups: Mapping[str, Sequence[LabelledFrame]],
    said: Mapping[str, Sequence[Labels]],
) -> list[dict[str, Any]]:
    """Return the errors by cluster, by configuration type and by temperature, of frames that did not train."""
    cluster = {frame.key: str(label + 1) for frame, label in zip(dataset.frames, distilled.labels, strict=True)}
    names: dict[str, Callable[[LabelledFrame], str]] = {
        "cluster": lambda frame: cluster[frame.key],
        "config_type": lambda frame: frame.config_type,
        "temperature": lambda frame: "" if frame.temperature is None else f"{frame.temperature:g}",
    }
    rows = []
    for use in ("test", "unseen"):
        for kind, name_of in names.items():
            by: dict[str, list[tuple[LabelledFrame, Labels]]] = {}
            for frame, labels in zip(groups[use], said[use], strict=True):
                by.setdefault(name_of(frame), []).append((frame, labels))
            for name in sorted(filter(None, by), key=lambda text: (len(text), text)):
                frames, labels_of = zip(*by[name], strict=True)
                found = asdict(errors(frames, labels_of))
                rows.append({"kind": kind, "name": name, "frames": len(frames), "use": use, "errors": found})
    return rows


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON has it: no nan."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value

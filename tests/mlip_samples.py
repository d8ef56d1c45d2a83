"""A fitted model of a small alloy (ASE's EMT labels), and the record of its fit, with errors of real fits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset_samples import alloy, extxyz_text
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.dataset.reading import read_dataset
from glasspot.mlip.model import Errors, errors
from glasspot.mlip.parity import Parity
from glasspot.mlip.pod import SPACE, PodModel, pod_model
from glasspot.mlip.predict import predict
from glasspot.mlip.trust import calibrate
from glasspot.potential.learned import LearnedPotential

SETTINGS = {h.name: h.start for h in SPACE} | {"size": 1.0, "r_cut": 4.5}
SIZES = (6, 8, 12)
KINDS = {"solid_300K": 1.0, "warm_900K": 1.03}


@dataclass(frozen=True)
class Sample:
    """folder: of the fitted model; train, test, unseen: frames by what they were to it; data: file of all frames."""

    folder: Path
    data: Path
    dataset: Dataset
    model: PodModel
    potential: LearnedPotential
    train: tuple[LabelledFrame, ...]
    test: tuple[LabelledFrame, ...]
    unseen: tuple[LabelledFrame, ...]


def make_sample(folder: Path) -> Sample:
    """Return a POD model of 12 of 24 frames, in ``folder``/fit; about five seconds."""
    data = folder / "alloy.extxyz"
    texts = [
        extxyz_text(alloy(12, seed=seed, scale=scale), extra=f"config_type={kind}")
        for seed, (kind, scale) in enumerate(KINDS.items(), 1)
    ]
    data.write_text("".join(texts))
    dataset = read_dataset(data)
    # Every other frame trains, so that each side has both kinds.
    train, rest = dataset.frames[::2], dataset.frames[1::2]
    model = pod_model(dataset, folder / "cache", 1)
    (folder / "fit").mkdir()
    potential = model.fit(train, SETTINGS, folder / "fit")
    return Sample(folder / "fit", data, dataset, model, potential, train, rest[::2], rest[1::2])


def write_record(sample: Sample) -> None:
    """Write fit.json and parity.npz, with the errors of sixteen real fits to parts of the frames."""
    work = sample.folder.parent / "tried"
    work.mkdir()
    parts = {"train": sample.train, "test": sample.test, "unseen": sample.unseen}
    found = {use: predict(sample.potential, frames) for use, frames in parts.items()}
    Parity.of({use: (parts[use], found[use]) for use in parts}).save(sample.folder / "parity.npz")

    def tried(frames: Sequence[LabelledFrame], **settings: float) -> Errors:
        made = sample.model.fit(frames, SETTINGS | settings, work)
        return errors(sample.test, predict(made, sample.test))

    rounds, trials, learning = [], [], []
    for number, size in enumerate(SIZES, 1):
        train = sample.train[:size]
        tries = {weight: tried(train, energy_weight=weight) for weight in (100.0, 500.0, 2000.0)}
        own = asdict(tries[SETTINGS["energy_weight"]])
        for weight, of in tries.items():
            names = ("energy_rmse_meV_per_atom", "force_rmse_eV_per_A", "stress_rmse_GPa")
            trials.append({
                "round": number, "settings": SETTINGS | {"energy_weight": weight}, "chosen": asdict(of) == own,
                **{name: getattr(of, name) for name in names},
            })  # fmt: skip
        rounds.append({
            "round": number, "fraction": number / 10, "train": size, "test": len(sample.test), "settings": SETTINGS,
            "cv": own, "errors": own, "seconds": 1.5,
        })  # fmt: skip
        learning.append({"frames": size, "how": "distilled", "repeat": 0, "errors": own})
        for repeat in range(2):
            other = [*sample.train, *sample.unseen][repeat + 1 :: 2][:size]
            learning.append({"frames": size, "how": "random", "repeat": repeat, "errors": asdict(tried(other))})
    whole = [*sample.train, *sample.unseen]
    learning.append({"frames": len(whole), "how": "all", "repeat": 0, "errors": asdict(tried(whole))})
    record = {
        "format": 1, "model": "pod", "name": "CuAu-pod", "seed": 1, "energy_tol_meV": 2.0, "reached": False,
        "stopped": "all frames are in, and the tolerance is not met", "data": [{"path": "alloy.extxyz"}],
        "survey": {"columns": ["config_type", "frames"], "rows": [[kind, "12"] for kind in KINDS]},
        "notes": list(sample.dataset.notes), "cautions": ["a caution <b>of the fit</b>"],
        "frames": len(sample.dataset), "train_keys": [f.key for f in sample.train],
        "test_keys": [f.key for f in sample.test], "settings": SETTINGS, "space": [asdict(h) for h in SPACE],
        "distilled": {"delta": 0.3, "clusters": 2, "long_range": "periodic", "select": "cluster"},
        "rounds": rounds, "trials": trials,
        "final": {use: asdict(errors(parts[use], found[use])) for use in parts},
        "groups": _groups(parts, found), "learning": learning,
        "calibration": asdict(calibrate(sample.potential, sample.test)),
        "provenance": {"glasspot": "test"}, "seconds": 12.0,
    }  # fmt: skip
    (sample.folder / "fit.json").write_text(json.dumps(record))


def _groups(parts: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return errors by config_type and, as clusters, the same numbered."""
    rows = []
    for use in ("test", "unseen"):
        for number, kind in enumerate(KINDS, 1):
            own = [n for n, frame in enumerate(parts[use]) if frame.config_type == kind]
            of = asdict(errors([parts[use][n] for n in own], [found[use][n] for n in own]))
            row = {"frames": len(own), "use": use, "errors": of}
            rows += [{"kind": "cluster", "name": str(number), **row}, {"kind": "config_type", "name": kind, **row}]
    return rows

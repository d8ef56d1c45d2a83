"""GAP at the authors' settings on AsTe3: errors on held-out frames of three splits by hash, and the time of the fits.

    python benchmarks/gap_aste3.py DATA.extxyz OUT [--seeds 1 2 3] [--without-virials] [--test-only]

Each seed's model stands in OUT/seed-N and is fitted on one core, by some 5 GB (10 GB with virials) of memory; a fit
that is there already is not made again. --test-only: models that stand there, with a potential.toml, are tested.
Prints a table, and each row as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before a library with threads is loaded

from glasspot.dataset.labelled import Dataset
from glasspot.dataset.reading import read_dataset
from glasspot.dataset.split import by_hash
from glasspot.mlip.gap import RECORD, GapModel
from glasspot.mlip.model import errors
from glasspot.potential.io import load_any
from glasspot.potential.learned import LearnedPotential

COLUMNS = ("energy_rmse_meV_per_atom", "force_rmse_eV_per_A", "stress_rmse_GPa")


def row(data: Dataset, seed: int, folder: Path, virials: bool, test_only: bool) -> dict[str, object]:
    """Return the errors of one split on both its sides, and the seconds of its fit."""
    train, test = by_hash(data.frames, seed)
    model = GapModel(isolated=data.isolated, say=print)
    if test_only:
        potential = load_any(str(folder / "potential.toml"))
        assert isinstance(potential, LearnedPotential)
    else:
        used = train if virials else tuple(replace(frame, stress=None) for frame in train)
        potential = model.fit(used, {}, folder)
    found = {name: asdict(errors(frames, model.predict(potential, frames))) for name, frames in
             (("test", test), ("train", train))}  # fmt: skip
    record = json.loads((folder / RECORD).read_text()) if (folder / RECORD).is_file() else {}
    return {"seed": seed, "frames": len(train), "seconds": record.get("seconds"), **found}


def _seconds(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else "-"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--without-virials", action="store_true")
    parser.add_argument("--test-only", action="store_true")
    asked = parser.parse_args(arguments)
    data = read_dataset(asked.data)
    rows = []
    for seed in asked.seeds:
        rows.append(row(data, seed, asked.out / f"seed-{seed}", not asked.without_virials, asked.test_only))
        print(json.dumps(rows[-1]), flush=True)
    print("| seed | side | meV/atom | eV/A | GPa | fit, s |\n|---|---|---|---|---|---|")
    for one in rows:
        for side in ("test", "train"):
            numbers = " | ".join(f"{one[side][name]:.3g}" for name in COLUMNS)  # type: ignore[index]
            print(f"| {one['seed']} | {side} | {numbers} | {_seconds(one['seconds'])} |")


if __name__ == "__main__":
    main()

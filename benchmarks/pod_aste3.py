"""POD on AsTe3: held-out errors of three splits 70/30 by hash, with hyper-parameters chosen inside the training side.

    python benchmarks/pod_aste3.py ../shared/data/aste3_dft.extxyz.gz --folder /some/where [--seeds 1 2 3]

The same splits as benchmarks/gap_aste3.py. Two lines a seed: as fit-mlip fits (with the prior of random packings that
keeps melts sane), and without that prior. Time is that of the final fit with its sums of frames, and of the search.
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path

from glasspot.dataset.reading import read_dataset
from glasspot.dataset.split import by_hash
from glasspot.execute.local import local_workers
from glasspot.mlip.linear import Sums, solve
from glasspot.mlip.model import errors
from glasspot.mlip.pod import pod_model, weights_of
from glasspot.mlip.search import chosen, search


def main() -> None:
    """Print one line for each seed and each way to fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="for the sums; emptied of models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--trials", type=int, default=8)
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    print("seed  prior  meV/atom  eV/A    GPa    r_cut size  energy_weight  search/s  fit/s")
    for seed in args.seeds:
        train, test = by_hash(dataset.frames, seed)
        for prior in (5.0, 0.0):
            model = pod_model(dataset, args.folder / "sums", local_workers(), prior=prior)
            start = {h.name: h.start for h in model.space}
            began = time.perf_counter()
            trials = search(model, train, start, args.trials, seed, lambda done, of: None)
            best = chosen(trials)
            best = chosen(model.refine(train, best.settings) or [best])
            searched = time.perf_counter() - began
            fresh = replace(model, cache=args.folder / "fresh")
            shutil.rmtree(args.folder / "fresh", ignore_errors=True)
            began = time.perf_counter()
            potential = fresh.fit(train, best.settings, args.folder / f"model-{seed}-{prior:g}")
            seconds = time.perf_counter() - began
            found = errors(test, model.predict(potential, test))
            s = best.settings
            print(
                f"{seed:4d}  {prior:5g}  {found.energy_rmse_meV_per_atom:8.2f}  {found.force_rmse_eV_per_A:.4f}  "
                f"{found.stress_rmse_GPa:.3f}  {s['r_cut']:5.2f} {s['size']:4.0f}  {s['energy_weight']:13.0f}  "
                f"{searched:8.0f}  {seconds:5.0f}",
                flush=True,
            )
            best_weights(model, train, test, s)


def best_weights(model: object, train: object, test: object, settings: dict[str, float]) -> None:
    """Print what the most weight on energies would have given: how far energies could be bought with forces."""
    heavy = {**settings, "energy_weight": 3000.0}
    solution = solve(Sums.of(model.design(heavy).rows(train)), weights_of(heavy))
    found = model.sums(test, heavy).errors(solution)
    print(f"      energies first: {found.energy_rmse_meV_per_atom:.2f} meV/atom, {found.force_rmse_eV_per_A:.4f} eV/A")


if __name__ == "__main__":
    main()

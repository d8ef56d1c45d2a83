"""Time of kernels and distances, and what delta does, on ab initio data sets.

    python benchmarks/kernels.py DATA.extxyz [--d-tol 1e-3] [--repeats 3] [--json FILE]

Prints the wall and processor time of kernels and distances from nothing (no cache), dscribe's time on a sample, and the
scan of delta for three long-range kernels: structure factors, Coulomb matrix unwrapped, Coulomb matrix as in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from glasspot.dataset.labelled import Dataset
from glasspot.dataset.reading import read_dataset
from glasspot.distill import kernels as module
from glasspot.distill.clusters import ClusterSettings, energies_per_atom
from glasspot.distill.distilled import DistillSettings, cluster
from glasspot.distill.kernels import Kernels, KernelSettings, compute_kernels
from glasspot.distill.plan import plan

SAMPLE = 8  # frames given to dscribe


def processor_time() -> float:
    """Seconds of all cores."""
    found = os.times()
    return found.user + found.system


def timed_kernels(dataset: Dataset, settings: KernelSettings) -> tuple[Kernels, float, float]:
    """Return the kernels with their distances at one delta, wall time and processor time."""
    wall, used = time.perf_counter(), processor_time()
    found = compute_kernels(dataset, settings)
    found.distances(0.5)
    return found, time.perf_counter() - wall, processor_time() - used


def dscribe_time(dataset: Dataset) -> float:
    """Seconds a frame of dscribe's SOAP alone, one process, the median of a sample spread over the set."""
    from dscribe.descriptors import SOAP

    soap = SOAP(
        r_cut=5.0, n_max=8, l_max=8, rbf="polynomial", average="outer", species=list(dataset.elements), periodic=True
    )
    times = []
    for n in np.linspace(0, len(dataset) - 1, SAMPLE).astype(int):
        atoms = dataset.frames[n].frame.to_ase()
        start = processor_time()
        soap.create(atoms)
        times.append(processor_time() - start)
    return statistics.median(times)


def scanned(kernels: Kernels, dataset: Dataset, d_tol: float, seeds: int) -> dict[str, object]:
    """Return clusters and spread (meV/atom) of each delta, medians over seeds of k-means, and the deltas chosen."""
    energies = energies_per_atom(dataset)
    runs = [
        cluster(kernels, energies, DistillSettings(clusters=ClusterSettings(d_tol, seed=seed), seed=seed))
        for seed in range(1, seeds + 1)
    ]
    rows = []
    for place, first in enumerate(runs[0].scan):
        at = [run.scan[place] for run in runs]
        rows.append(
            {
                "delta": first.delta,
                "clusters": statistics.median(c.n_clusters for c in at),
                "spread_meV": round(1000 * statistics.median(c.spread for c in at), 2),
            }
        )
    chosen = [
        {"delta": r.delta, "clusters": r.chosen.n_clusters, "spread_meV": round(1000 * r.chosen.spread, 2)}
        for r in runs
    ]
    return {"rows": rows, "chosen": chosen}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--d-tol", type=float, default=1e-3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    periodic, coulomb = KernelSettings(), KernelSettings(long_range="coulomb")
    small = Dataset(dataset.frames[:4], dataset.elements)
    for settings in (periodic, coulomb):
        compute_kernels(small, settings)  # compiles
    found: dict[str, object] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                                "load_before": os.getloadavg()[0], "frames": len(dataset)}  # fmt: skip
    kept = {}
    for name, settings in (("periodic", periodic), ("coulomb", coulomb)):
        runs = [timed_kernels(dataset, settings) for _ in range(args.repeats)]
        kept[name] = runs[0][0]
        found[f"time_{name}"] = {"wall_s": [round(w, 1) for _, w, _ in runs], "cpu_s": [round(u, 1) for *_, u in runs]}
    found["dscribe_s_per_frame"] = round(dscribe_time(dataset), 3)
    with mock.patch.object(module, "unwrapped", lambda frames: ([f.frame.positions for f in frames], len(frames))):
        kept["coulomb as in the file"] = replace(compute_kernels(dataset, coulomb), trajectories=None)
    found["trajectories"] = kept["coulomb"].trajectories
    found["scan"] = {name: scanned(kernels, dataset, args.d_tol, args.seeds) for name, kernels in kept.items()}
    atoms = float(np.mean([frame.n_atoms for frame in dataset.frames]))
    found["plans"] = [
        str(plan(n, atoms, len(dataset.elements), settings, 2))
        for n in (len(dataset), 5000, 100_000)
        for settings in (periodic, coulomb)
    ]
    text = json.dumps(found, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

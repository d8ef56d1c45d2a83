"""A job without MD, for benchmarks of what is around it: a worker that leaves an outcome of the usual size at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspot.evaluate.job import EngineChoice, Job, Observe, Outcome, Packing, write_outcome
from glasspot.potential.io import load_potential
from glasspot.presets import preset

N_NODES = 640
ATOMS = 648


def fake_jobs(number: int) -> list[Job]:
    """Return jobs that differ by their seed."""
    start = Packing({"Si": ATOMS // 3, "O": 2 * ATOMS // 3}, 21.4, 1)
    observe = Observe(8.0, N_NODES)
    first = Job(load_potential("BKS"), start, preset("liquid-pdf"), 1, EngineChoice("native"), observe, "fake")
    return [replace(first, seed=seed, label=f"fake {seed}") for seed in range(1, number + 1)]


def run_fake(job: Job, start: object, folder: Path) -> str:
    """Leave what a run of 648 atoms leaves: histograms in ten blocks, the last configuration, numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(job.seed)
    arrays = {
        "histogram": rng.integers(0, 5000, (10, 3 * (N_NODES + 1))).astype(float),
        "frames": np.full(10, 30.0),
        "final_positions": rng.random((ATOMS, 3)) * 21.4,
        "final_velocities": rng.normal(size=(ATOMS, 3)),
        "final_cell": np.eye(3) * 21.4,
        "final_types": np.repeat([0, 1], [ATOMS // 3, 2 * ATOMS // 3]),
    }
    numbers = {"seconds": 0.01, "engine_seconds": 0.0, "density": 2.2, "energy_eV": -1e4}
    write_outcome(Outcome(job.key, True, numbers=numbers, arrays=arrays, texts={"species": ["Si", "O"]}), folder)
    return job.key

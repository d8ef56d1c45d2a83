"""Jobs to be asked for in tests, whose MD is never run."""

from __future__ import annotations

from dataclasses import replace

from glasspot.evaluate.job import EngineChoice, Job, Observe, Packing
from glasspot.potential.io import load_potential
from glasspot.presets import preset


def jobs(number: int) -> list[Job]:
    """Return jobs with the seeds 1 to ``number``."""
    first = Job(
        load_potential("BKS"), Packing({"Si": 27, "O": 54}, 10.7, 1), preset("liquid-pdf"), 1, EngineChoice(),
        Observe(8.0, 640), "a job",
    )  # fmt: skip
    return [replace(first, seed=seed) for seed in range(1, number + 1)]

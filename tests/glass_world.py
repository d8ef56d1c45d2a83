"""A world without MD, for fits to many glasses: density and fraction_B4 as smooth functions of five parameters.

Its glasses keep a memory of their quench: both numbers fall by a known slope for each decade of the rate, so that what
a fit says of a slower quench can be checked.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glasspot.campaign.plan import FitPlan
from glasspot.config import load_fit_config
from glasspot.evaluate.job import Job, Outcome, Packing, write_outcome
from glasspot.fit_settings.plan import fit_plan
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.protocol import Protocol

FREE = ["B-O.A", "B-O.rho", "B-O.C", "B-B.A", "B-B.rho"]
PERCENT = {"B-O.A": (-15, 15), "B-O.rho": (-5, 15), "B-O.C": (-15, 15), "B-B.A": (-15, 15), "B-B.rho": (-15, 15)}
BORON = {"12B": 0.108, "37B": 0.384, "62B": 0.620}
MEASURED = {"12B": (2.545, 0.79), "37B": (2.517, 0.55), "62B": (2.390, 0.445)}
SLOPE = np.array([-0.05, -0.08])  # of density (g/cm3) and fraction for each decade of the rate
NOISE = np.array([0.01, 0.02])
AIM_RATE = 1.0
BLOCKS = 10

TEXT = """
title = "made-up borosilicates"
seed = 4
[potential]
start = "Wang-2018"
free = ["B-O.A", "B-O.rho", "B-O.C", "B-B.A", "B-B.rho"]
windows_percent = { "B-O.A" = [-15, 15], "B-O.rho" = [-5, 15], "B-O.C" = [-15, 15], "B-B.A" = [-15, 15], "B-B.rho" = [-15, 15] }
[common]
state = "glass"
pressure = 0.0
temperature = 300
melt_temperature = 3000
atoms = 250
density = 2.45
[[system]]
name = "12B"
composition = "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO"
measured = { density = 2.545, fraction_B4 = 0.79 }
[[system]]
name = "37B"
composition = "38.4 B2O3 36.9 SiO2 14.1 Na2O 10.6 CaO"
measured = { density = 2.517, fraction_B4 = { value = 0.55, error = 0.01 } }
[[system]]
name = "62B"
composition = "62.0 B2O3 12.7 SiO2 14.9 Na2O 10.4 CaO"
measured = { density = 2.390, fraction_B4 = 0.445 }
[scales]
density = 0.4827
fraction_B4 = 1.0
[[level]]
rate = 100
[[level]]
rate = 10
[fit]
method = "multi-objective"
max_sets = 30
start_points = 10
batch = 4
candidates = 2
[learning]
aim_rate = 1.0
windows = "fixed"
[validation]
runs = 3
compare = ["BayOpt-2025"]
"""  # noqa: E501 - one line of TOML
SPACE = ParameterSpace.build(
    load_potential("Wang-2018"),
    FREE,
    {
        name: tuple(sorted(value * (1 + end / 100) for end in PERCENT[name]))
        for name, value in ParameterSpace.build(load_potential("Wang-2018"), FREE)
        .values(load_potential("Wang-2018"))
        .items()
    },
)
BEST = SPACE.to_cube(SPACE.base) + np.array([0.15, -0.1, 0.12, -0.1, 0.1])


def plan_of(folder: Path, text: str = TEXT) -> FitPlan:
    """Return the plan of a fit of these glasses, from its TOML in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fit.toml"
    path.write_text(text)
    return fit_plan(load_fit_config(path), folder)[0]


def truth(point: np.ndarray, glass: str, rate: float) -> np.ndarray:
    """Return density and fraction_B4 without noise; at BEST and the rate of the aim those measured."""
    off, boron = np.asarray(point) - BEST, BORON[glass]
    density, fraction = MEASURED[glass]
    density += 0.15 * off[0] - 0.2 * off[1] + (0.1 * off[3] + 0.2 * off[4]) * boron + 0.2 * off[2] ** 2
    logit = np.log(fraction / (1 - fraction)) + 2.5 * off[1] + 1.5 * off[0] * (1 - boron) - 1.5 * off[2] * (0.3 + boron)
    values = np.array([density, 1 / (1 + np.exp(-logit))])
    return np.asarray(values + SLOPE * np.log10(rate / AIM_RATE))


def rate_of(protocol: Protocol) -> float:
    """Return the rate (K/ps) of a protocol's quench."""
    quench = next(stage for stage in protocol.stages if stage.name == "quench")
    hot, cold = quench.temperature  # type: ignore[misc]
    return (hot - cold) / quench.duration


def made(job: Job, start: object, folder: Path) -> str:
    """Stand in for ``run_job``: the numbers of the job's glass with noise."""
    assert isinstance(job.start, Packing)
    folder.mkdir(parents=True, exist_ok=True)
    counts = job.start.counts
    share = counts["B"] / 2 / (counts["B"] / 2 + counts.get("Si", 0) + counts["Na"] / 2 + counts["Ca"])
    glass = min(BORON, key=lambda name: abs(BORON[name] - share))
    rng = np.random.default_rng(job.seed)
    values = truth(SPACE.to_cube(job.potential), glass, rate_of(job.protocol)) + NOISE * rng.normal(size=2)
    pairs = len(counts) * (len(counts) + 1) // 2
    arrays = {
        "frames": np.full(BLOCKS, 10),
        "histogram": np.zeros((BLOCKS, pairs, job.observe.n_nodes + 1)),
        "thermo": np.zeros((BLOCKS, 4)),
        "final_positions": np.zeros((1, 3)), "final_cell": np.eye(3), "final_types": np.zeros(1, dtype=int),
    }  # fmt: skip
    numbers = {
        "seconds": 2.0,
        "engine_seconds": 1.5,
        "pressure_bar": 0.0,
        "density": values[0],
        "fraction_B4": float(np.clip(values[1], 0, 1)),
    }
    texts = {"species": ["Si"], "provenance": {"glasspot": "test"}}
    write_outcome(Outcome(job.key, True, numbers=numbers, arrays=arrays, texts=texts), folder)
    return job.key

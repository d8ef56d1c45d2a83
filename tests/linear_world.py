"""A world without MD, for tests of the loop of a fit: curves that answer linearly to two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign import runner as runner_module
from glasspot.campaign.driver import driving
from glasspot.campaign.fit import run_fit
from glasspot.campaign.folder import keep_plan
from glasspot.campaign.plan import FitPlan, Protocols, State
from glasspot.campaign.runner import Runner
from glasspot.campaign.under_way import RunningJob
from glasspot.evaluate.job import EngineChoice, Job, Outcome, write_outcome
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.report.collect import collect
from glasspot.store import Store
from glasspot.structure.pairs import pair_labels
from glasspot.structure.pdf import ideal_pairs
from glasspot.target.curve import CurveTarget
from glasspot.target.system import System
from glasspot.units import BOLTZMANN

COUNTS, LENGTH, TEMPERATURE = {"Si": 27, "O": 54}, 10.7, 3600.0
SPACE = ParameterSpace.build(load_potential("BKS"), ["charge.Si", "O-O.rho"])
LABELS = pair_labels(tuple(COUNTS))
ANSWER = SPACE.to_cube(SPACE.base) + np.array([-0.12, 0.09])  # the point of the cube whose curves are the target
BLOCKS, NOISE = 5, 1e-4


def ideal(n_nodes: int, r_max: float) -> np.ndarray:
    """Return the fine histogram of an ideal gas, (n_pairs, n_nodes + 1)."""
    r = np.arange(n_nodes + 1) * r_max / n_nodes
    return ideal_pairs(COUNTS)[:, None] * 4 * np.pi * r**2 * (r_max / n_nodes) / LENGTH**3


def response(n_nodes: int, r_max: float) -> np.ndarray:
    """Return d histogram / d cube, (n_pairs, n_nodes + 1, 2): a shift of each pair's peak by either parameter."""
    r = np.arange(n_nodes + 1) * r_max / n_nodes
    bumps = [np.exp(-((r - centre) ** 2) / 0.1) for centre in (3.1, 1.6, 2.6)]
    shapes = np.array([[bump, np.gradient(bump, r)] for bump in bumps])
    return ideal(n_nodes, r_max)[:, :, None] * np.swapaxes(shapes, 1, 2)


def histogram(point: np.ndarray, n_nodes: int, r_max: float) -> np.ndarray:
    return ideal(n_nodes, r_max) + response(n_nodes, r_max) @ (point - SPACE.to_cube(SPACE.base))


def simulated(job: Job, start: object, folder: Path) -> str:
    """Stand in for ``run_job``: the linear curves of the job's potential with a little noise."""
    folder.mkdir(parents=True, exist_ok=True)
    observe = job.observe
    mean = histogram(SPACE.to_cube(job.potential), observe.n_nodes, observe.r_max)
    noise = np.random.default_rng(job.seed).normal(0, NOISE, (BLOCKS, 1, mean.shape[1]))
    arrays: dict[str, np.ndarray] = {
        "frames": np.full(BLOCKS, 10),
        "histogram": mean * (1 + noise),
        "final_positions": np.zeros((1, 3)), "final_cell": np.eye(3), "final_types": np.zeros(1, dtype=int),
    }  # fmt: skip
    if observe.response is not None:
        # From J = -beta <H s> at a mean slope of zero.
        slopes = -BOLTZMANN * TEMPERATURE * response(observe.n_nodes, observe.r_max)
        arrays |= {"slope": np.zeros((BLOCKS, 2)), "slope_offset": np.zeros(2), "cross": np.array([slopes] * BLOCKS)}
    numbers = {"seconds": 2.0, "engine_seconds": 1.5, "pressure_bar": 1e4}
    if observe.structure:
        numbers["angle O-Si-O"] = 109.0
        arrays |= {"angle O-Si-O|x": np.arange(1.0, 180.0, 2.0), "angle O-Si-O|y": np.full(90, 1 / 180)}
    texts = {"species": ["Si"], "provenance": {"glasspot": "test"}}
    write_outcome(Outcome(job.key, True, numbers=numbers, arrays=arrays, texts=texts), folder)
    return job.key


class InProcess(Executor):
    """Runs each job at once, in this process."""

    def submit(self, function: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


class Witness:
    """A listener that reports the fit whenever something happened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: list[str] = []
        self.scores: list[str] = []
        self.reports: list[Any] = []

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def step(self, record: dict[str, Any]) -> None:
        self.reports.append(collect(self.folder))

    def decision(self, record: dict[str, Any]) -> None:
        pass

    def score(self, record: dict[str, Any]) -> None:
        self.scores.append(record["name"])

    def running(self, jobs: Sequence[RunningJob]) -> None:
        pass


def plan(max_runs: int = 12, **changes: Any) -> FitPlan:
    """Return a fit whose answer is ANSWER."""
    protocol = preset("liquid-pdf")
    edges = np.arange(0.5, 6.01, 0.05)
    blank = CurveTarget("g(r) total", None, edges, np.ones(len(edges) - 1))
    n_nodes, r_max = 640, 8.0
    system = System(LABELS, COUNTS, LENGTH**3)
    values = blank.curve_map(system, r_max, n_nodes) @ histogram(ANSWER, n_nodes, r_max).ravel()
    target = CurveTarget("g(r) total", None, edges, values)
    made = FitPlan(
        title="a linear world", description="", cautions=("made up",), seed=3, name="fitted", space=SPACE,
        states=(State("", COUNTS, LENGTH, TEMPERATURE, Protocols(*([protocol] * 5)), (target,)),),
        engine=EngineChoice(),
        compare=(), replicas=2, max_runs=max_runs, barrier=0.1, candidates=2, selection_runs=2, validation_runs=3,
        reference_runs=1, source={},
    )  # fmt: skip
    return replace(made, **changes)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, work: Any = simulated, of: FitPlan | None = None) -> Witness:
    """Do a whole fit in ``folder``; ``work`` stands in for the MD."""
    monkeypatch.setattr(runner_module, "run_job", work)
    witness = Witness(folder)
    source = folder / "source.toml"
    source.write_text("")
    asked = plan() if of is None else of
    with driving(folder), Store.create(folder) as store:
        keep_plan(store, asked, source)
        with Runner(store, folder, InProcess) as jobs:
            run_fit(asked, jobs, witness)
    return witness

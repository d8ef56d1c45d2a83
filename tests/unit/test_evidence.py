"""The runs behind the evidence of a fit: what is chosen, and runs of a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import linear_world as world
from glasspot.campaign.plan import SimulatedTarget
from glasspot.campaign.targets import build_objective
from glasspot.evaluate.job import OUTCOME_FILE, Job, Outcome, write_outcome
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.store import Store


def test_the_candidate_is_chosen_that_does_best_on_fresh_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of the search was lucky: its fresh runs are worse than those of the second."""

    def unlucky(job: Job, start: object, folder: Path) -> str:
        key = world.simulated(job, start, folder)
        if job.label.startswith("select 1"):
            told = Outcome.from_bytes((folder / OUTCOME_FILE).read_bytes())
            arrays = {**told.arrays, "histogram": 1.5 * told.arrays["histogram"]}
            write_outcome(replace(told, arrays=arrays), folder)
        return key

    monkeypatch.setattr(world, "collect", lambda _: None)
    world.run(tmp_path, monkeypatch, unlucky, world.plan(8, methods=("sobol",), start_points=4))
    with Store.open(tmp_path) as store:
        selection, steps = store.records("selection"), store.records("step")
        fitted = world.SPACE.to_cube(Potential.from_dict(store.get_meta("fitted")))
    ranked = sorted(steps, key=lambda step: float(step["cost"]))
    assert [record["from_step"] for record in selection] == [step["number"] for step in ranked[:2]]
    assert selection[0]["cost"] > selection[1]["cost"]
    assert fitted == pytest.approx(ranked[1]["point"])


def test_references_of_several_states_have_runs_of_their_own() -> None:
    one = world.plan().states[0]
    target = SimulatedTarget("g(r)", None, load_potential("CHIK"), (1.0, 6.0), 0.05, 1.0)
    states = tuple(
        replace(one, name=name, index=index, targets=(replace(target, label=name),))
        for index, name in enumerate(("cool", "hot"))
    )
    of = world.plan(8, states=states, reference_runs=3)
    asked: list[Job] = []

    class Runs:
        def run(self, jobs: Sequence[Job]) -> list[Outcome]:
            asked.extend(jobs)
            blocks = {"frames": np.full(2, 5), "histogram": np.ones((2, 3, jobs[0].observe.n_nodes + 1))}
            return [Outcome(job.key, True, arrays=blocks) for job in jobs]

    build_objective(of, of.fitted_states, Runs())  # type: ignore[arg-type]
    assert len(asked) == 6
    assert len({job.seed for job in asked}) == len({repr(job.start) for job in asked}) == 6

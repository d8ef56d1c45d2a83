"""What a model of glasses learns from: a curve counts by its distance from the target; repeats are independent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import glass_world as world
from glasspot.campaign.aims import aims_of
from glasspot.campaign.evaluation import evaluation_jobs
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import build_objective, observation
from glasspot.evaluate.job import Packing
from glasspot.search.proposer import Evaluation


def test_a_curve_and_a_missing_number_beside_the_others(tmp_path: Path) -> None:
    r = np.arange(0.025, 8, 0.05)
    np.savetxt(tmp_path / "g.csv", np.column_stack([r, 1 - np.exp(-r)]), delimiter=",", header="r,g", comments="")
    text = world.TEXT.replace("density = 2.517, ", "").replace(
        "[scales]",
        '[[target]]\nsystem = "12B"\npair = "total"\nfile = "g.csv"\nrange = [0.0, 7.0]\nweight = 3.0\n[scales]',
    )
    plan = world.plan_of(tmp_path, text)
    objective = build_objective(plan, plan.fitted_states, None)  # type: ignore[arg-type] # nothing is simulated
    aims = aims_of(plan, objective)
    assert aims.quantities == ("g(r) total", "density", "fraction_B4") and aims.bounded == (False, False, True)
    np.testing.assert_array_equal(aims.measured, [[True, True, True], [False, False, True], [False, True, True]])
    curves = objective.scaled_reference() + np.random.default_rng(1).normal(0, 0.02, len(aims.reference))
    values = aims.values(curves)
    assert np.array_equal(np.isnan(values), ~aims.measured)
    # Exact but for rounding: the parts are the squares of R_chi, whatever the weights.
    assert aims.loss(values) == pytest.approx(objective.r_chi(curves) ** 2, rel=1e-12)
    single = objective.per_curve(curves)
    total = sum(t.weight for t in objective.targets)
    assert aims.losses(values)[0] == pytest.approx(3.0 / total * single["g(r) total, 12B"] ** 2, rel=1e-12)
    assert aims.values(objective.scaled_reference())[0, 0] == pytest.approx(0.0, abs=1e-12)
    rows = aims.rows([Evaluation(world.BEST, 0.1, curves=curves)])
    assert np.array_equal(np.isnan(rows.y), ~aims.measured)


def test_repeats_of_a_glass_share_neither_packing_nor_velocities(tmp_path: Path) -> None:
    """What is left of a packing in a glass would be the same error in all repeats, which no scatter shows."""
    plan = world.plan_of(tmp_path, world.TEXT.replace("[scales]", "[md]\nreplicas = 2\n[scales]"))
    objective = build_objective(plan, plan.fitted_states, None)  # type: ignore[arg-type]
    observe = [observation(state) for state in objective.states]
    jobs = [
        job
        for number in range(3)
        for state in evaluation_jobs(plan, world.BEST, Purpose.FIT, number, observe, str)
        for job in state
    ]
    packings = {job.start.seed for job in jobs if isinstance(job.start, Packing)}
    assert len(packings) == len({job.seed for job in jobs}) == 3 * 3 * 2

"""Numbers as targets: their term of R_chi, their blocks, and jobs that keep their names."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.campaign.response import gather
from glasspot.campaign.targets import observation
from glasspot.evaluate.job import Observe, Outcome
from glasspot.target.curve import CurveTarget
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System

SYSTEM = System(("Si-Si", "Si-O", "O-O"), {"Si": 10, "O": 20}, 500.0)
CURVE = CurveTarget("g(r) Si-O", "Si-O", np.arange(41) * 0.1, np.ones(40))


def state(*numbers: NumberTarget) -> StateTargets:
    return StateTargets("", (CURVE,), SYSTEM, 4.0, 320, numbers)


def number(quantity: str = "pressure", value: float = 2.0, scale: float = 0.5, weight: float = 3.0) -> NumberTarget:
    return NumberTarget(quantity, quantity, np.array([value]), scale, None, weight)


def test_its_term_is_the_deviation_over_the_scale() -> None:
    goal = Objective((state(number()),))
    perfect = goal.scaled_reference()
    assert goal.r_chi(perfect) == 0.0
    off = perfect.copy()
    off[-1] += goal.scale_of(goal.targets[-1]) * 0.25
    # (0.25 / 0.5)^2 with three quarters of the weight.
    assert goal.r_chi(off) == pytest.approx(np.sqrt(0.75) * 0.5)
    assert goal.per_curve(off)["pressure"] == pytest.approx(0.5)
    again = Objective.from_dict(goal.to_dict())
    np.testing.assert_array_equal(again.scaled_reference(), goal.scaled_reference())


def test_blocks_of_the_pressure_are_those_of_the_frames() -> None:
    goal = Objective((state(number()),))
    thermo = np.zeros((10, 4))
    thermo[:, 3] = 1e4 * np.arange(10)  # bar
    arrays = {"frames": np.array([4, 3, 3]), "histogram": np.zeros((3, 3, 321)), "thermo": thermo}
    blocks = gather([Outcome("k", True, arrays=arrays)], goal)
    scale = goal.scale_of(goal.targets[-1])
    np.testing.assert_allclose(blocks.curves[:, -1] / scale, [1.5, 5.0, 8.0])  # GPa


def test_only_jobs_that_need_the_pressure_are_other_jobs() -> None:
    """Keys of finished runs in old stores must stay what they were."""
    assert list(Observe(8.0, 640).spec()) == ["r_max", "n_nodes", "blocks", "structure", "response"]
    assert Observe(8.0, 640, pressure=True).spec() == {**Observe(8.0, 640).spec(), "pressure": True}
    assert observation(state()) == Observe(4.0, 320)
    assert observation(state(number())).pressure
    assert observation(state(number("coordination Si-O"))).structure
    assert not observation(state(number("coordination Si-O"))).pressure

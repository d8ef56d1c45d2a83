"""Whole fits to many glasses without MD: from the TOML to what the runs teach, killed and resumed on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glass_world as world
import linear_world
from glasspot.campaign import lesson_tables, lessons
from glasspot.campaign.aims import aims_of, conditions, objective_weights
from glasspot.campaign.targets import build_objective
from glasspot.evaluate.job import Job
from glasspot.potential.model import Potential
from glasspot.search.proposer import Evaluation
from glasspot.store import Store

PAPER = (
    world.TEXT.replace('method = "multi-objective"', 'method = "active-learning"')
    .replace("[[level]]\nrate = 100\n[[level]]\nrate = 10\n", "")
    .replace("aim_rate = 1.0", 'surrogate = "quadratic"\noptimisers = "cma-es"\nobjectives = "equal"\niterations = 2')
)


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str = world.TEXT, work: Any = world.made) -> Path:
    """Do a whole fit; return its folder."""
    place = folder / "run"
    place.mkdir(parents=True, exist_ok=True)
    linear_world.run(place, monkeypatch, work, world.plan_of(folder, text))
    return place


def loss(potential: Potential, rate: float = world.AIM_RATE) -> float:
    """Return the summed loss of the paper, without noise."""
    point = world.SPACE.to_cube(potential)
    off = [world.truth(point, g, rate) - np.array(world.MEASURED[g]) for g in world.BORON]
    return float(sum((d / 0.4827) ** 2 + b**2 for d, b in off))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return fit(tmp_path_factory.mktemp("learning"), monkeypatch)


def test_the_fit_is_better_where_it_is_judged(finished: Path) -> None:
    """At 1 K/ps, where nothing was run: the start has 0.05, run noise alone is 0.003 a set."""
    with Store.open(finished) as store:
        fitted = Potential.from_dict(store.get_meta("fitted"))
    assert loss(fitted) < 0.25 * loss(world.SPACE.base)


def test_the_extrapolation_is_right_within_its_error(finished: Path) -> None:
    """Levels of 100 and 10 K/ps, aim 1 K/ps: the slope for a decade is known. Three sd of twelve numbers."""
    with Store.open(finished) as store:
        learned = store.get_meta("lessons")
    assert (learned["aim"]["rate"], learned["aim"]["extrapolated"]) == (1.0, True)
    assert set(learned["at_aim"]) == {"fitted", "Wang-2018", "BayOpt-2025"}
    start = learned["at_aim"]["Wang-2018"]
    wanted = np.array([world.truth(world.SPACE.to_cube(world.SPACE.base), g, 1.0) for g in world.BORON])
    off, sd = np.array(start["mean"]) - wanted, np.array(start["sd"])
    assert np.all(np.abs(off) < 3 * sd + 0.005)
    assert np.all(sd < 0.5 * np.abs(world.SLOPE))  # it knows the trend, and does not just shrug


def test_independent_runs_are_moved_to_the_aim(finished: Path) -> None:
    """Three runs of each glass at 10 K/ps, moved by one decade, whose slope is known. Three sd of six numbers."""
    with Store.open(finished) as store:
        learned, validation = store.get_meta("lessons"), store.records("validation")
    start = learned["shifted"]["Wang-2018"]
    numbers = next(record["numbers"] for record in validation if record["name"] == "Wang-2018")
    raw = np.array([[numbers[f"{q}, {g}"]["mean"] for q in ("density", "fraction_B4")] for g in world.BORON])
    moved, sd = np.array(start["mean"]) - raw, np.array(start["sd"])
    assert np.all(np.abs(moved + world.SLOPE) < 3 * sd)
    assert np.all(sd < 0.5 * np.abs(world.SLOPE))
    assert learned["shifted"]["fitted"]["loss"] < 0.5 * start["loss"]


def test_what_the_report_needs_is_there(finished: Path) -> None:
    with Store.open(finished) as store:
        learned, steps = store.get_meta("lessons"), store.records("step")
        validation, selection = store.records("validation"), store.records("selection")
    assert len(steps) <= 30 and {step["level"] for step in steps} == {0, 1}
    assert set(steps[0]["numbers"]) == {f"{q}, {g}" for q in ("density", "fraction_B4") for g in world.BORON}
    assert len(validation[0]["numbers"]["density, 12B"]["samples"]) == 3
    assert all("judged" in record for record in selection)
    assert set(learned["scores"]) == {"quadratic", "mlp", "mlp-ensemble", "plain-gp", "gaussian-process"}
    assert np.shape(learned["map"]["losses"]) == (2, 150, 150) and np.min(learned["map"]["losses"]) >= 0
    assert [row["glass"] for row in learned["left_out"]] == list(world.BORON)
    assert all(row["own"] <= row["with"] + 1e-12 for row in learned["left_out"])
    front, losses = learned["pareto"]["front"], np.array(learned["pareto"]["losses"])
    assert front and not any(np.all(losses < losses[i], axis=1).any() for i in front)
    assert learned["relevance"]["B-O.A"] > learned["relevance"]["B-B.A"]  # as the world is made


QUICK = world.TEXT.replace("[learning]", '[learning]\nsurrogate = "quadratic"').replace(
    "max_sets = 30", "max_sets = 18"
)


def test_a_fit_that_was_stopped_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of a round; the records must agree to the last digit."""
    monkeypatch.setattr(lesson_tables, "COMPARED", (lessons.MODEL,))
    undisturbed = fit(tmp_path / "undisturbed", monkeypatch, QUICK)
    runs = 0

    def stopped(job: Job, start: object, folder: Path) -> str:
        nonlocal runs
        runs += 1
        if runs == 42:
            raise KeyboardInterrupt
        return world.made(job, start, folder)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, monkeypatch, QUICK, stopped)
    resumed = fit(tmp_path, monkeypatch, QUICK)
    with Store.open(undisturbed) as one, Store.open(resumed) as other:
        for kind in ("step", "selection", "validation", "decision"):
            wanted, found = one.records(kind), other.records(kind)
            assert [_timeless(r) for r in found] == [_timeless(r) for r in wanted]
        assert one.get_meta("lessons") == other.get_meta("lessons")


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "seconds"}


def test_the_loop_of_the_paper_runs_from_its_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson_tables, "COMPARED", (lessons.MODEL,))
    place = fit(tmp_path, monkeypatch, PAPER)
    with Store.open(place) as store:
        steps = store.records("step")
        fitted = Potential.from_dict(store.get_meta("fitted"))
    assert len(steps) == 30 and {step["level"] for step in steps} == {0}
    assert [step["of_round"] for step in steps[-20:]] == [10] * 20  # two iterations of ten
    # Without levels it is judged at 100 K/ps, as it is simulated.
    assert loss(fitted, 100.0) < loss(world.SPACE.base, 100.0)


def test_runs_that_all_fail_end_in_a_clear_error_and_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the start fail: the search goes on to its end, and the start is what is left to validate."""
    from glasspot.evaluate.job import Outcome, write_outcome

    def unlucky(job: Job, start: object, folder: Path) -> str:
        if np.allclose(world.SPACE.to_cube(job.potential), world.SPACE.to_cube(world.SPACE.base), atol=1e-6):
            return world.made(job, start, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(Outcome(job.key, False, "too-hot", "made up", numbers={"seconds": 1.0}), folder)
        return job.key

    text = world.TEXT.replace("max_sets = 30", "max_sets = 16").replace('compare = ["BayOpt-2025"]', "")
    place = fit(tmp_path, monkeypatch, text, unlucky)
    with Store.open(place) as store:
        steps, learned, validation = store.records("step"), store.get_meta("lessons"), store.records("validation")
    assert len(steps) == 16 and sum(step["reason"] == "too-hot" for step in steps) >= 10
    assert "too few" in learned["reason"]
    assert validation[0]["cost"] is not None


def test_aims_know_glasses_quantities_and_conditions(tmp_path: Path) -> None:
    plan = world.plan_of(tmp_path)
    objective = build_objective(plan, plan.fitted_states, None)  # type: ignore[arg-type] # nothing is simulated
    aims = aims_of(plan, objective)
    assert aims.glasses == ("12B", "37B", "62B") and aims.quantities == ("density", "fraction_B4")
    assert aims.bounded == (False, True)
    np.testing.assert_allclose(conditions(plan), [[2.0], [1.0]])  # decades above 1 K/ps; the size does not differ
    values = np.array([[2.5, 0.7], [2.4, 0.5], [2.3, 0.4]])
    curves = np.concatenate([row * aims.scale[g] for g, row in enumerate(values)])
    np.testing.assert_allclose(aims.values(curves), values)
    assert aims.loss(values) == pytest.approx(objective.r_chi(curves) ** 2)
    # The paper's loss is that of R_chi but for the sum of the weights.
    wanted = ((values - aims.target) ** 2 / np.array([0.4827, 1.0]) ** 2).sum()
    assert aims.loss(values) == pytest.approx(wanted / 6)
    rows = aims.rows([Evaluation(world.BEST, 0.1, curves=curves, level=1)])
    assert rows.x.shape == (3, 5 + 4 + 1) and rows.layout.condition == 1
    np.testing.assert_allclose(rows.x[:, -1], 1.0)


def test_composition_weights_are_those_of_the_paper(tmp_path: Path) -> None:
    text = PAPER.replace('objectives = "equal"', 'objectives = "composition-weighted"')
    plan = world.plan_of(tmp_path, text)
    aims = aims_of(plan, build_objective(plan, plan.fitted_states, None))  # type: ignore[arg-type]
    (weights,) = objective_weights(plan, aims)
    assert weights is not None
    shares = np.array([state.oxides["B2O3"] for state in plan.states])
    np.testing.assert_allclose(weights, np.column_stack([np.ones(3), 2.0 * shares / shares.sum()]))

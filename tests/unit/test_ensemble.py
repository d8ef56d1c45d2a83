"""Potentials that fit as well: their spread is that of the data, and those that fit worse are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linear_world as world
from glasspot.campaign.ensemble import BAD, GOOD, Chosen, Trial, _jobs, draw, followed
from glasspot.campaign.evidence import Evidence
from glasspot.campaign.methods import check_methods, no_response
from glasspot.campaign.plan import GLASS, FitPlan
from glasspot.campaign.targets import build_objective
from glasspot.config import load_fit_config
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Job
from glasspot.fit_settings.plan import fit_plan
from glasspot.search.linear_model import LinearModel
from glasspot.search.proposer import no_margin
from glasspot.store import Store

POINT = np.array([0.5, 0.45, 0.55])


def chosen(slopes: tuple[float, float, float], widths: tuple[float, float, float]) -> Chosen:
    """A fitted point whose three parameters change three values of the curves, one each."""
    model = LinearModel(POINT, np.zeros(3), np.diag(slopes), np.zeros((3, 3)), 0.0, 0.01, np.zeros((1, 3)))
    return Chosen(model, np.diag(np.square(widths)), 0.02, 0.002, 4, np.eye(3)[:, :2])


def test_the_spread_of_a_draw_is_that_of_the_covariance() -> None:
    fitted = chosen((0.1, 0.1, 0.0), (0.01, 0.03, np.sqrt(1 / 12)))
    points, expected = draw(fitted, np.zeros(3), no_margin, 64, 1, seed=1)
    assert points.shape == (64, 3) and (points >= 0).all() and (points <= 1).all()
    # 64 draws know their spread to 9 %; the flat direction is cut at the window: 0.237 of a Gaussian of 0.289.
    assert points.std(axis=0) == pytest.approx([0.01, 0.03, 0.237], rel=0.15)
    assert points.mean(axis=0)[:2] == pytest.approx(POINT[:2], abs=0.006)
    assert expected == pytest.approx(np.sqrt(0.02**2 + ((points - POINT) ** 2 @ [0.01, 0.01, 0.0])))


def test_few_members_already_span_the_open_direction_and_more_only_add_to_them() -> None:
    fitted = chosen((1.0, 1.0, 0.0), (0.001, 0.001, np.sqrt(1 / 12)))
    six, _ = draw(fitted, np.zeros(3), no_margin, 6, 1, seed=5)
    twelve, _ = draw(fitted, np.zeros(3), no_margin, 12, 1, seed=5)
    assert np.array_equal(twelve[:6], six)
    assert np.ptp(six[:, 2]) > 0.4 and np.ptp(six[:, :2], axis=0).max() < 0.01


def test_the_expected_cost_is_that_of_the_linear_model() -> None:
    """With a residual left, one way is downhill and the other uphill; noise of the Jacobian promises no gain."""
    fitted = replace(chosen((0.1, 0.1, 0.0), (0.1, 0.1, 0.1)), cost=float(np.hypot(0.02, 0.001)))
    reference = np.array([0.02, 0.001, 0.0])
    steps = np.array([[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [0.0, 0.05, 0.0], [0.0, 0.0, 0.3]])
    exact = [np.linalg.norm(reference - fitted.model.jacobian @ step) for step in steps]
    assert fitted.predicted(steps, reference) == pytest.approx(exact)
    noisy = replace(fitted, model=replace(fitted.model, jacobian_noise=np.diag([0.0, 0.0, 0.01])))
    assert noisy.predicted(steps[3:], reference) == pytest.approx(fitted.cost)


def test_points_that_would_fit_worse_or_let_atoms_fuse_are_not_run() -> None:
    fitted = chosen((0.1, 0.1, 0.1), (0.2, 0.2, 0.2))
    points, expected = draw(fitted, np.zeros(3), lambda u: float(u[2] - 0.5), 40, 1, seed=2)
    assert len(points) == 40 and (points[:, 2] >= 0.5).all()
    # R_chi + 2 x 0.2 % x sqrt(1/4 + 1/1): 2.447 %.
    assert fitted.limit(1) == pytest.approx(0.024472, abs=1e-6)
    assert expected.max() <= fitted.limit(1)
    assert fitted.limit(4) < fitted.limit(1)


def test_a_point_beside_a_curved_valley_is_moved_into_it() -> None:
    """The first two values bend with the third parameter, to which nothing answers to first order."""
    fitted = chosen((0.1, 0.1, 0.0), (0.01, 0.01, 0.3))
    point = POINT + np.array([0.004, -0.002, 0.3])
    bend = np.array([0.1, -0.05, 0.0]) * 0.3**2
    there = replace(fitted.model, point=point, curves=fitted.model.jacobian @ (point - POINT) + bend)
    moved = followed(fitted, point, there)
    assert moved == pytest.approx(point + np.array([-0.09, 0.045, 0.0]))
    # Where its own Jacobian is noise, the point stays.
    blind = replace(there, jacobian_noise=np.diag([1e6, 1e6, 0.0]))
    assert followed(fitted, point, blind) == pytest.approx(point, abs=1e-6)


def short(**changes: Any) -> FitPlan:
    """A fit of four evaluations, which is enough in a linear world."""
    return world.plan(max_runs=8, candidates=1, **changes)


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, asked: FitPlan, work: Any = world.simulated) -> world.Witness:
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(world, "collect", lambda _: None)  # reports of every step are for other tests
    return world.run(folder, monkeypatch, work, asked)


def records(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    with Store.open(folder) as store:
        return store.get_meta("ensemble"), store.records("ensemble"), store.get_meta("determination")


def test_a_fit_ends_with_potentials_that_fit_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = fit(tmp_path / "one", monkeypatch, short(members=8))
    assert witness.stages[-2:] == ["validate", "ensemble"]
    assert witness.scores[-8:] == [f"member {k}" for k in range(1, 9)]
    summary, members, found = records(tmp_path / "one")
    assert summary["asked"] == summary["run"] == 8
    assert summary["passed"] == sum(m["role"] == GOOD for m in members) >= 4
    assert all((m["cost"] <= summary["limit"]) == (m["role"] == GOOD) for m in members)
    # Both parameters are sharp here: members differ by their errors, of 1e-4 to 1e-3 of the window.
    assert [d["determined"] for d in found["directions"]] == [True, True]
    points = np.array([m["point"] for m in members])
    assert points.std(axis=0) == pytest.approx(np.sqrt(np.diag(found["covariance"])), rel=0.6)
    # More members later: those there are stay, and no run is made twice.
    ran: list[Job] = []

    def counted(job: Job, start: object, folder: Path) -> str:
        ran.append(job)
        return world.simulated(job, start, folder)

    fit(tmp_path / "one", monkeypatch, short(members=10), counted)
    assert [job.label for job in ran] == ["member 9 1", "member 10 1"]
    assert ran[0].seed != ran[1].seed and ran[0].start != ran[1].start
    again = records(tmp_path / "one")
    assert again[1][:8] == members and again[0]["run"] == 10


def test_a_sloppy_parameter_is_spread_over_its_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = world.response

    def blunt(n_nodes: int, r_max: float) -> np.ndarray:
        return real(n_nodes, r_max) * [1.0, 2e-6]

    monkeypatch.setattr(world, "response", blunt)
    fit(tmp_path, monkeypatch, short(members=8))
    summary, members, found = records(tmp_path)
    assert [d["determined"] for d in found["directions"]] == [True, False]
    assert found["directions"][0]["information"] > 1 > found["directions"][1]["information"]
    points = np.array([m["point"] for m in members])
    assert np.ptp(points[:, 1]) > 0.4 and np.ptp(points[:, 0]) < 0.01
    assert summary["passed"] >= 6


@pytest.mark.parametrize("aside", [False, True], ids=["curved valley", "end of the valley"])
def test_a_member_that_left_the_valley_is_moved_and_judged_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aside: bool
) -> None:
    """The second parameter does nothing to first order. Far along it the curves change: as the first one can undo, or
    as none can.
    """
    base = world.SPACE.to_cube(world.SPACE.base)
    real, answers = world.histogram, world.response

    def bent(point: np.ndarray, n_nodes: int, r_max: float) -> np.ndarray:
        bend = (point[1] - base[1]) ** 2
        if aside:
            return real(point, n_nodes, r_max) * (1 + 0.1 * bend)
        return real(point + np.array([0.1 * bend, 0.0]), n_nodes, r_max)

    monkeypatch.setattr(world, "response", lambda *grid: answers(*grid) * [1.0, 2e-6])
    asked = short(members=4)  # its target is that of the straight world
    monkeypatch.setattr(world, "histogram", bent)
    fit(tmp_path, monkeypatch, asked)
    summary, members, _ = records(tmp_path)
    far = [m for m in members if m["moved"]]
    assert len(far) >= 3
    for member in far:
        off = 0.1 * (member["point"][1] - base[1]) ** 2
        if aside:
            assert member["role"] == BAD and member["cost"] > summary["limit"]
        else:
            assert member["role"] == GOOD
            assert member["point"][0] == pytest.approx(world.ANSWER[0] - off, abs=1e-4)


def test_a_member_whose_runs_fail_is_kept_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_boils(job: Job, start: object, folder: Path) -> str:
        if not job.label.startswith("member 2"):
            return world.simulated(job, start, folder)
        folder.mkdir(parents=True, exist_ok=True)
        world.write_outcome(world.Outcome(job.key, False, "boiled", "", {"seconds": 1.0}), folder)
        return job.key

    fit(tmp_path, monkeypatch, short(members=3), one_boils)
    _, members, _ = records(tmp_path)
    assert [m["cost"] is None for m in members] == [False, True, False]
    assert members[1]["role"] == BAD and members[1]["failures"] == ["boiled"]


def test_the_uncertainty_does_not_need_a_gauss_newton_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(tmp_path, monkeypatch, world.plan(methods=("sobol",), start_points=6))
    summary, _, found = records(tmp_path)
    assert summary is None
    assert [d["determined"] for d in found["directions"]] == [True, True]
    assert all(0 < error < 0.01 for error in found["errors"].values())


def test_the_members_asked_may_change_between_sessions(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "silica-chik"
    text = (folder / "fit.toml").read_text(encoding="utf-8")
    asked = tmp_path / "fit.toml"
    asked.write_text(text + "\n[ensemble]\nmembers = 5\nruns = 2\n")
    plain, _ = fit_plan(load_fit_config(folder / "fit.toml"), folder)
    more, _ = fit_plan(load_fit_config(asked), folder)
    assert (plain.members, more.members, more.member_runs) == (0, 5, 2)
    assert plain.source == more.source


def test_where_there_is_no_response_the_reason_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    glass = replace(world.plan().states[0], kind=GLASS)
    asked = world.plan(methods=("sobol",), start_points=4, states=(glass,))
    assert "no fluctuation formula" in (no_response(asked) or "")
    fit(tmp_path, monkeypatch, asked)
    _, _, found = records(tmp_path)
    assert "quenched glass" in found["reason"] and found["directions"] == []
    with pytest.raises(GlasspotError, match=r"ensemble\.members is 3, but a quenched glass"):
        check_methods(replace(asked, members=3))


def test_members_and_their_second_tries_have_runs_of_their_own() -> None:
    of = short(members=4, member_runs=3)
    evidence = Evidence(of, None, build_objective(of, of.fitted_states, None))  # type: ignore[arg-type]
    tries = [Trial(n, np.full(2, 0.5), 0.1, moved) for n in range(1, 5) for moved in (0, 1)]
    jobs = [job for one in tries for state in _jobs(evidence, one) for job in state]
    assert len(jobs) == 24
    assert len({job.seed for job in jobs}) == len({repr(job.start) for job in jobs}) == 24

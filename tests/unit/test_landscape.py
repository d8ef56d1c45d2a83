"""Landscapes without MD: what is asked, the order of a survey, what is kept, the paths, the files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign import runner as runner_module
from glasspot.campaign.driver import driving
from glasspot.campaign.folder import keep_plan
from glasspot.campaign.landscape import POINT, run_landscape
from glasspot.campaign.methods import margin_of
from glasspot.campaign.plan import GLASS, FitPlan
from glasspot.campaign.runner import Runner
from glasspot.campaign.survey import FAILED, RUN, SCREENED
from glasspot.cli import main
from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import Continue, Job, Outcome, Packing, write_outcome
from glasspot.fit_settings.landscape import LandscapePlan, landscape_of
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.landscape import LANDSCAPE, about, read_landscape
from glasspot.report.landscape_page import caption, write_landscape
from glasspot.report.landscape_paths import read_paths
from glasspot.store import Store
from glasspot.target.objective import Objective
from linear_world import ANSWER, SPACE, InProcess, histogram, plan, run, simulated

AXES = ("charge.Si", "O-O.rho")
WINDOWS = {"charge.Si": (2.0, 2.6), "O-O.rho": (0.33, 0.40)}  # no point of it without a barrier
SOURCE = dict.fromkeys(("seed", "system", "target", "reference", "md", "files", "engine"), 0)


def asked(shape: tuple[int, int] = (5, 4), **changes: Any) -> LandscapePlan:
    of: FitPlan = plan(source=SOURCE, **changes)
    return landscape_of(of, AXES, shape, WINDOWS)


def survey(
    folder: Path, monkeypatch: pytest.MonkeyPatch, found: LandscapePlan, work: Any = simulated
) -> tuple[list[dict[str, Any]], list[Job]]:
    """Make a landscape in ``folder`` with ``work`` for the MD; return the records and the jobs that were run."""
    jobs: list[Job] = []

    def watched(job: Job, start: object, place: Path) -> str:
        jobs.append(job)
        return str(work(job, start, place))

    monkeypatch.setattr(runner_module, "run_job", watched)
    source = folder / "source.toml"
    source.write_text("")
    with driving(folder), Store.create(folder) as store:
        keep_plan(store, found.plan, source)
        store.set_meta(LANDSCAPE, about(found.plane, found.anchors, found.fixed))
        with Runner(store, folder, InProcess) as runner:
            run_landscape(found.plan, found.plane, found.anchors, runner, lambda _: None, lambda _: None)
        return store.records(POINT), jobs


def failing(job: Job, start: object, folder: Path) -> str:
    """Charges about 2.15 lose their atoms: the lower ones are an island."""
    if not 2.1 < job.potential.charges["Si"] < 2.2:
        return simulated(job, start, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_outcome(Outcome(job.key, False, "lost-atoms", "gone", numbers={"seconds": 1.0}), folder)
    return job.key


def test_the_map_is_that_of_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves are linear in the point, so R_chi^2 is a quadratic form about the answer."""
    found = asked()
    records, _ = survey(tmp_path, monkeypatch, found)
    with Store.open(tmp_path) as store:
        objective = Objective.from_dict(store.get_meta("objective"))
    state = objective.states[0]
    truth = {}
    for record in records:
        point = SPACE.to_cube(found.plane.space.from_cube(np.array(record["point"])))
        expected = objective.r_chi(objective.state_map(0)[0] @ histogram(point, state.n_nodes, state.r_max).ravel())
        truth[expected] = record["place"]
        # Noise of 1e-4 in each bin of twenty blocks.
        assert record["cost"] == pytest.approx(expected, abs=1e-4)
        assert record["values"] == pytest.approx(SPACE.values(SPACE.from_cube(point)))
    landscape = read_landscape(tmp_path)
    i, j = landscape.lowest or (-1, -1)
    assert [i, j] == truth[min(truth)]


def test_each_point_continues_a_neighbour_that_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked((5, 4))
    records, jobs = survey(tmp_path, monkeypatch, found, failing)
    kinds = {tuple(r["place"]): r["kind"] for r in records}
    assert {place[0] for place, kind in kinds.items() if kind == FAILED} == {1}
    assert len(kinds) == 20 and set(kinds.values()) == {RUN, FAILED}
    of_key = {key: tuple(r["place"]) for r in records for key in r["keys"]}
    fresh = [job for job in jobs if isinstance(job.start, Packing)]
    # The two replicas of the point nearest the start, and of the one that is nearest on the island.
    assert [of_key[job.key][0] for job in fresh] == [3, 3, 0, 0]
    for job in jobs:
        if isinstance(job.start, Continue):
            (i, j), (k, m) = of_key[job.key], of_key[job.start.key]
            assert abs(i - k) + abs(j - m) == 1 and kinds[k, m] == RUN
    # A replica goes on from the same replica.
    replica = {key: n for r in records for n, key in enumerate(r["keys"])}
    assert all(replica[job.key] == replica[job.start.key] for job in jobs if isinstance(job.start, Continue))


def test_a_survey_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked()
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    whole, _ = survey(tmp_path / "whole", monkeypatch, found)
    done = 0

    def interrupted(job: Job, start: object, folder: Path) -> str:
        nonlocal done
        done += 1
        if done > 15:
            raise KeyboardInterrupt
        return simulated(job, start, folder)

    with pytest.raises(KeyboardInterrupt):
        survey(tmp_path / "stopped", monkeypatch, found, interrupted)
    records, jobs = survey(tmp_path / "stopped", monkeypatch, found)
    assert records == whole
    # Of the wave that was interrupted nothing was taken yet: this stand-in for the MD does not look into its folder.
    assert 40 - 15 <= len(jobs) < 40
    again, jobs = survey(tmp_path / "stopped", monkeypatch, found)
    assert again == whole and not jobs


def test_points_behind_the_barrier_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(barrier=11.0)
    records, jobs = survey(tmp_path, monkeypatch, found)
    margin = margin_of(found.plan)
    for record in records:
        assert (record["kind"] == SCREENED) == (margin(np.array(record["point"])) < 0)
    screened = [r for r in records if r["kind"] == SCREENED]
    assert 0 < len(screened) < len(records) and len(jobs) == 2 * (len(records) - len(screened))
    landscape, page = write_landscape(tmp_path, [])
    assert "behind the barrier" in " ".join(landscape.said) and "not run" in page.read_text()


def test_a_survey_without_any_point_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunFailedError, match="every point lies behind the barrier"):
        survey(tmp_path, monkeypatch, asked(barrier=1e6))

    def lost(job: Job, start: object, folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(Outcome(job.key, False, "lost-atoms", "gone", numbers={"seconds": 1.0}), folder)
        return job.key

    (tmp_path / "lost").mkdir()
    with pytest.raises(RunFailedError, match=r"every point failed; the first one says \(lost-atoms\): gone"):
        survey(tmp_path / "lost", monkeypatch, asked((2, 2)), lost)


def test_a_glass_is_melted_anew_at_each_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = plan(source=SOURCE)
    glass = replace(of, states=(replace(of.states[0], kind=GLASS),))
    _, jobs = survey(tmp_path, monkeypatch, landscape_of(glass, AXES, [3], WINDOWS))
    assert len(jobs) == 18 and all(isinstance(job.start, Packing) for job in jobs)
    with pytest.raises(GlasspotError, match="a quenched glass is not in equilibrium"):
        landscape_of(glass, AXES, [3], WINDOWS, anchors=[2])


def test_windows_are_values(tmp_path: Path) -> None:
    of = plan(source=SOURCE)
    found = landscape_of(of, AXES, [3, 5], {"O-O.rho": (0.3, 0.4)})
    corners = [found.plane.space.values(found.plane.space.from_cube(np.array(c))) for c in ((0, 0), (1, 1))]
    low, high = of.space.windows()["charge.Si"]
    assert corners[0] == pytest.approx({"charge.Si": low, "O-O.rho": 0.3})
    assert corners[1] == pytest.approx({"charge.Si": high, "O-O.rho": 0.4})
    middle = found.plane.space.values(found.plane.space.from_cube(np.array([0.5, 0.5])))
    assert middle["O-O.rho"] == pytest.approx(np.sqrt(0.3 * 0.4))  # even steps of the logarithm


def test_an_a_does_not_move_with_its_rho_on_a_map() -> None:
    """In a fit A follows rho, which would make a slanted map of the two; here every row has one A."""
    both = ParameterSpace.build(load_potential("BKS"), ["Si-O.A", "Si-O.rho"])
    assert both.parameters[0].anchor > 0
    found = landscape_of(plan(source=SOURCE, space=both), both.names, [3], {})
    rows = [found.plane.space.values(found.plane.space.from_cube(np.array([0.5, v]))) for v in (0.0, 0.5, 1.0)]
    assert {round(row["Si-O.A"], 6) for row in rows} == {18003.7572}


def test_the_path_of_a_fit_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fit", "map"):
        (tmp_path / name).mkdir()
    run(tmp_path / "fit", monkeypatch)
    found = landscape_of(plan(source=SOURCE), AXES, [5], WINDOWS, str(tmp_path / "fit"))
    assert found.fixed == "the fitted potential of fit"
    survey(tmp_path / "map", monkeypatch, found)
    (path,) = read_paths([tmp_path / "fit"], found.plane.space, found.plan.states)
    assert path.label == "Gauss-Newton" and path.free == 2
    assert (np.diff(path.cost[path.records]) < 0).all()
    answer = SPACE.values(SPACE.from_cube(ANSWER))
    assert path.values[path.records[-1]] == pytest.approx([answer[name] for name in AXES], rel=0.01)
    landscape, page = write_landscape(tmp_path / "map", [path])
    assert "Gauss-Newton" in page.read_text() and "projections" not in caption(landscape, [path])
    assert "with 7 free parameters are projections" in caption(landscape, [replace(path, free=7)])
    for suffix in ("png", "svg", "pdf"):
        assert (tmp_path / "map" / f"landscape.{suffix}").stat().st_size > 2000
    rows = list(csv.DictReader((tmp_path / "map" / "landscape.csv").open()))
    answer_file = json.loads((tmp_path / "map" / "landscape.json").read_text())
    costs = [c for row in answer_file["cost"] for c in row]
    assert [float(r["r_chi_percent"]) for r in rows] == pytest.approx([100 * c for c in costs], rel=1e-5)
    assert answer_file["lowest"]["cost"] == min(costs)


def test_paths_of_something_else_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch)
    found = asked()
    other = [replace(state, cell_length=12.0) for state in found.plan.states]
    with pytest.raises(GlasspotError, match=r"is a fit of another system than RUN\.toml"):
        read_paths([tmp_path], found.plane.space, other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(GlasspotError, match="is not the folder of a glasspot run"):
        read_paths([tmp_path / "empty"], found.plane.space, found.plan.states)
    with Store.create(tmp_path / "empty"):
        pass
    with pytest.raises(GlasspotError, match="has no evaluations to draw"):
        read_paths([tmp_path / "empty"], found.plane.space, found.plan.states)
    with pytest.raises(GlasspotError, match="holds another kind of run, not a landscape"):
        read_landscape(tmp_path)


EXAMPLE = str(Path(__file__).parents[2] / "examples" / "silica" / "fit.toml")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--axes", "charge.Si", "Si-O.B"], '"Si-O.B" is not a free parameter of RUN.toml'),
        (["--axes", "charge.Si", "Si-O.a"], 'Did you mean "Si-O.A"?'),
        (["--axes", "charge.Si", "charge.Si"], "--axes takes two different parameters"),
        (["--points", "1"], "--points is 1; expected 2 or more"),
        (["--points", "3", "4", "5"], "--points takes one number, or one for each axis; got 3"),
        (["--points", "1000"], "1000 x 1000 points are 2000000 MD runs, about"),
        (["--points", "1000", "--by", "reweight"], "reweighting gives 40000"),
        (["--window", "charge.Si", "nan", "2"], 'the window of charge.Si has "nan"'),
        (["--window", "charge.Si", "2", "2"], "the window of charge.Si is 2 to 2; expected low < high"),
        (["--window", "Si-O.A", "-5", "2e4"], "the window of Si-O.A starts at -5"),
        (["--window", "O-O.A", "1", "2"], '--window is given for "O-O.A", which is no axis'),
        (["--anchors", "2"], "--anchors is for --by reweight"),
        (["--at", "best"], "--at best is that of the first of --paths"),
        (["--at", "nowhere"], "nowhere is not the folder of a glasspot run"),
        (["--paths", "nowhere"], "nowhere is not the folder of a glasspot run"),
        (["--resume"], "there is no run to resume"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    axes = [] if "--axes" in words else ["--axes", "charge.Si", "Si-O.A"]
    assert main(["landscape", EXAMPLE, *axes, *words, "--out", "map"]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

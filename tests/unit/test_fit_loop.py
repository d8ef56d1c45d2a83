"""The loop of a fit and what is reported of it, without MD: curves that answer linearly to the parameters."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError, RunFailedError
from glasspot.evaluate.job import Job, Outcome, write_outcome
from glasspot.report.collect import collect
from glasspot.store import Store
from linear_world import ANSWER, SPACE, plan, run, simulated


def test_a_fit_of_a_linear_world_finds_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = run(tmp_path, monkeypatch)
    assert witness.stages == ["targets", "gauss-newton", "select", "validate"]
    assert witness.scores == ["fitted", "BKS"]
    report = collect(tmp_path)
    assert report.state == "finished" and report.fitted is not None
    # The noise of the curves, 1e-4, over their slopes, of order one.
    assert SPACE.to_cube(report.fitted) == pytest.approx(ANSWER, abs=2e-3)
    fitted, start = report.scores
    assert fitted.cost < 1e-3 < 0.01 < start.cost and fitted.observables["angle O-Si-O"] == 109.0
    assert [panel.title for panel in report.panels] == ["g(r) total"]
    assert [panel.title for panel in report.structure_panels] == ["angle O-Si-O"]
    assert all(direction.determined for direction in report.directions)
    assert all(0 < p.error < 0.05 * abs(p.fitted) for p in report.parameters)
    runs = report.steps[-1].md_runs + 2 * 2 + 2 * 3  # the descent, two candidates, two validated potentials
    with Store.open(tmp_path) as store:
        assert len(store.outcomes()) == runs
    assert report.timings["MD (all workers together)"] == pytest.approx(1.5 * runs)


def test_a_fit_is_reported_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *later = run(tmp_path, monkeypatch).reports
    assert first.state == "running" and first.fitted is None and first.scores == () and math.isnan(first.noise_floor)
    assert len(first.steps) == 1 and [s.name for s in first.panels[0].series] == ["target", "start"]
    assert all(math.isinf(p.error) for p in first.parameters)
    assert [s.name for s in later[-1].panels[0].series] == ["target", "start", "best so far"]
    assert "best so far" in later[-1].potentials
    assert later[-1].steps[-1].cost < 0.1 * first.steps[0].cost


def test_a_fit_whose_first_run_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(job: Job, start: object, folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(Outcome(job.key, False, "boiled", "the melt has boiled", {"seconds": 1.0}), folder)
        return job.key

    with pytest.raises(RunFailedError, match=r"first run of the fit failed \(boiled\): the melt has boiled"):
        run(tmp_path, monkeypatch, failing)
    with Store.open(tmp_path) as store:
        assert store.get_meta("state") == "failed" and "boiled" in store.get_meta("failure")


def test_a_run_that_fails_later_shortens_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def second_fails(job: Job, start: object, folder: Path) -> str:
        if not job.label.startswith("fit 2"):
            return simulated(job, start, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(Outcome(job.key, False, "too-hot", "hot", {"seconds": 1.0}), folder)
        return job.key

    run(tmp_path, monkeypatch, second_fails)
    steps = collect(tmp_path).steps
    assert math.isnan(steps[1].cost) and steps[1].note == "too-hot: hot" and not steps[1].accepted
    start = SPACE.to_cube(SPACE.base)
    moved = [np.linalg.norm(np.array(list(step.places.values())) - start) for step in steps[1:3]]
    assert 0 < moved[1] < moved[0]


def test_a_fit_that_has_only_just_begun_is_told(tmp_path: Path) -> None:
    with Store.create(tmp_path):
        pass
    with pytest.raises(GlasspotError, match="only just begun"):
        collect(tmp_path)


def test_too_few_runs_for_one_evaluation_are_refused() -> None:
    with pytest.raises(GlasspotError, match=r"max_runs is 1, less than the 2 md\.replicas"):
        plan(max_runs=1)

"""The search of a fit, without MD: chains of methods, budgets, resuming, several states, held-out states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign import runner as runner_module
from glasspot.campaign.descend import Descent
from glasspot.campaign.driver import driving
from glasspot.campaign.plan import FitPlan, State
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import build_objective
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import OUTCOME_FILE, Continue, Job, Outcome, Packing, write_outcome
from glasspot.presets import preset
from glasspot.report.collect import collect
from glasspot.store import Store
from linear_world import ANSWER, LENGTH, SPACE, InProcess, plan, run, simulated


def search(
    folder: Path, monkeypatch: pytest.MonkeyPatch, of: FitPlan, work: Any = simulated, begun: list[str] | None = None
) -> list[dict[str, Any]]:
    """Do the search alone, and return its records; what the store of ``folder`` knows is not run again.

    ``begun`` gets the methods.
    """
    names = [] if begun is None else begun
    monkeypatch.setattr(runner_module, "run_job", work)
    with driving(folder), Store.create(folder) as store, Runner(store, folder, InProcess) as runner:
        objective = build_objective(of, of.fitted_states, runner)

        def keep(record: dict[str, Any]) -> None:
            store.put_record("step", record["number"], record)

        descent = Descent(of, [objective], runner, names.append, keep)
        descent.run()
        return descent.records


@pytest.mark.parametrize("method", ["cma-es", "conjugate-gradient", "sobol"])
def test_a_method_without_response_runs_no_response_and_gains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    jobs: list[Job] = []

    def watched(job: Job, start: object, folder: Path) -> str:
        jobs.append(job)
        return simulated(job, start, folder)

    records = search(tmp_path, monkeypatch, plan(60, methods=(method,), start_points=20), watched)
    assert all(job.observe.response is None for job in jobs)
    share = 0.9 if method == "sobol" else 0.5
    assert min(r["cost"] for r in records) < share * records[0]["cost"]
    assert {r["method"] for r in records} == {method} and records[-1]["run"] <= 60
    # Whatever the method: the start first, from a packing; all others go on from an evaluation before them.
    assert np.allclose(records[0]["point"], SPACE.to_cube(SPACE.base)) and records[0]["note"] == "start"
    assert [isinstance(job.start, Packing) for job in jobs] == [True] * 2 + [False] * (len(jobs) - 2)


def test_a_chain_goes_on_from_the_best_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = search(tmp_path, monkeypatch, plan(60, methods=("sobol", "gauss-newton"), start_points=8))
    first, second = ([r for r in records if r["method"] == name] for name in ("sobol", "gauss-newton"))
    assert len(first) == 8 and len(second) >= 2
    best = min(first, key=lambda r: r["cost"])
    assert second[0]["point"] == pytest.approx(best["point"])
    assert min(second, key=lambda r: r["cost"])["point"] == pytest.approx(ANSWER, abs=5e-3)


def test_the_budget_is_kept_to_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two replicas an evaluation and generations of five points: 17 runs allow the start and seven evaluations.
    records = search(tmp_path, monkeypatch, plan(17, methods=("cma-es",)))
    assert records[-1]["run"] == 16 and [r["of_round"] for r in records] == [1] + [5] * 5 + [2] * 2


def test_a_method_without_budget_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    search(tmp_path, monkeypatch, plan(9, methods=("sobol", "cma-es"), start_points=4), begun=begun)
    assert begun == ["sobol"]


def test_a_search_is_resumed_without_asking_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = plan(40, methods=("cma-es", "conjugate-gradient"), patience=2)
    whole = search(tmp_path / _made(tmp_path, "whole"), monkeypatch, of)
    ran: list[str] = []

    def dies(job: Job, start: object, folder: Path) -> str:
        ran.append(job.key)
        if len(ran) == 21:
            raise KeyboardInterrupt
        return simulated(job, start, folder)

    folder = tmp_path / _made(tmp_path, "cut")
    with pytest.raises(KeyboardInterrupt):
        search(folder, monkeypatch, of, dies)
    with Store.open(folder) as store:
        known = len(store.records("step"))
        stored = {o["key"] for o in store.outcomes()}
    assert 0 < known < len(whole)
    asked: list[int] = []
    from glasspot.search.cma_es import CmaEs

    plain = CmaEs.ask
    monkeypatch.setattr(CmaEs, "ask", lambda self, count: asked.append(count) or plain(self, count))
    finished: list[str] = []

    def counted(job: Job, start: object, folder: Path) -> str:
        finished.append(job.key)
        return simulated(job, start, folder)

    records = search(folder, monkeypatch, of, counted)
    assert [r["point"] for r in records] == [r["point"] for r in whole]
    assert [r["cost"] for r in records] == [r["cost"] for r in whole]
    assert len(stored) >= 2 * known and not set(finished) & stored
    rounds = {r["round"] for r in whole if r["method"] == "cma-es"}
    told_again = {r["round"] for r in whole[:known]}
    assert len(asked) == len(rounds - told_again)


def _made(folder: Path, name: str) -> str:
    (folder / name).mkdir()
    return name


def two_states(**changes: Any) -> FitPlan:
    """Return a fit to the same curves in two states, the second denser and hotter by its numbers alone."""
    one = plan()
    first = replace(one.states[0], name="cool", targets=_named(one.states[0], "cool"))
    second = replace(first, name="hot", index=1, targets=_named(one.states[0], "hot"), **changes)
    return replace(one, states=(first, second), max_runs=40)


def _named(state: State, name: str) -> tuple[Any, ...]:
    return tuple(replace(target, label=f"{target.label}, {name}") for target in state.targets)


def test_two_states_are_fitted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = two_states()
    assert of.runs_per_evaluation == 4
    witness = run(tmp_path, monkeypatch, of=of)
    assert witness.scores == ["fitted", "BKS"]
    report = collect(tmp_path)
    assert report.fitted is not None and SPACE.to_cube(report.fitted) == pytest.approx(ANSWER, abs=2e-3)
    assert [panel.title for panel in report.panels] == ["g(r) total, cool", "g(r) total, hot"]
    fitted = report.scores[0]
    assert set(fitted.per_state) == {"cool", "hot"} and fitted.per_state["hot"] < 1e-3
    with Store.open(tmp_path) as store:
        first = store.records("step")[0]
        seeds = {o["key"] for o in store.outcomes()}
    assert len(set(first["keys"])) == 4 and set(first["keys"]) <= seeds


def test_states_weigh_by_their_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = two_states()
    heavy = replace(of.states[1].targets[0], weight=3.0)
    of = replace(of, states=(of.states[0], replace(of.states[1], targets=(heavy,))))
    record = search(tmp_path, monkeypatch, replace(of, max_runs=4))[0]
    cool, hot = (record["per_state"][name] for name in ("cool", "hot"))
    assert record["cost"] == pytest.approx(np.sqrt((cool**2 + 3 * hot**2) / 4), rel=1e-6)


def test_a_failure_in_one_state_fails_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def second_fails(job: Job, start: object, folder: Path) -> str:
        if not job.label.startswith("fit 2") or not job.label.endswith("hot"):
            return simulated(job, start, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(Outcome(job.key, False, "too-hot", "hot", {"seconds": 1.0}), folder)
        return job.key

    records = search(tmp_path, monkeypatch, two_states(), second_fails)
    assert records[1]["cost"] is None and records[1]["reason"] == "too-hot" and records[2]["cost"] is not None


def test_a_held_out_state_is_scored_and_never_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = two_states(held_out=True)
    assert of.runs_per_evaluation == 2
    labels: list[str] = []

    def watched(job: Job, start: object, folder: Path) -> str:
        labels.append(job.label)
        return simulated(job, start, folder)

    run(tmp_path, monkeypatch, watched, of)
    assert {label.split()[0] for label in labels if label.endswith("hot")} == {"fitted", "BKS"}
    report = collect(tmp_path)
    assert report.scores[0].held_out < 1e-3 < 0.01 < report.scores[1].held_out
    assert set(report.scores[0].per_state) == {"cool"}
    assert [panel.title for panel in report.panels] == ["g(r) total, cool", "g(r) total, hot"]


def test_a_glass_is_melted_anew_for_every_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[object] = []

    def watched(job: Job, start: object, folder: Path) -> str:
        starts.append(job.start)
        return simulated(job, start, folder)

    of = plan(12, methods=("cma-es",))
    of = replace(of, states=(replace(of.states[0], kind="glass"),))
    search(tmp_path, monkeypatch, of, watched)
    assert all(isinstance(start, Packing) for start in starts)
    assert {start.cell_length for start in starts if isinstance(start, Packing)} == {LENGTH}


def test_nothing_but_held_out_states_is_refused() -> None:
    with pytest.raises(GlasspotError, match=r"every \[\[system\]\] is held out"):
        two = two_states(held_out=True)
        replace(two, states=(two.states[1],))


def test_warm_starts_go_on_from_where_the_search_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []

    def watched(job: Job, start: object, folder: Path) -> str:
        jobs.append(job)
        return simulated(job, start, folder)

    records = search(tmp_path, monkeypatch, plan(30, methods=("conjugate-gradient",)), watched)
    by_key = {job.key: job for job in jobs}
    assert all(_parent_is_the_best_so_far(r, records, by_key) for r in records[1:])


def _parent_is_the_best_so_far(record: dict[str, Any], records: Sequence[dict[str, Any]], jobs: dict[str, Job]) -> bool:
    """Return whether a record's runs go on from those of an earlier evaluation that was accepted."""
    start = jobs[record["keys"][0]].start
    assert isinstance(start, Continue)
    parent = next(r for r in records if start.key in r["keys"])
    return bool(parent["number"] < record["number"] and (parent["accepted"] or parent["number"] == 0))


def test_a_search_killed_between_the_records_of_a_round_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = plan(24, methods=("cma-es",))
    whole = search(tmp_path / _made(tmp_path, "whole"), monkeypatch, of)
    put = Store.put_record

    def dies(store: Store, kind: str, number: int, record: dict[str, Any]) -> None:
        if number == 4:  # the start has a round of its own, the next round is of records 1 to 5
            raise KeyboardInterrupt
        put(store, kind, number, record)

    folder = tmp_path / _made(tmp_path, "cut")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "put_record", dies)
        search(folder, monkeypatch, of)
    with Store.open(folder) as store:
        assert len(store.records("step")) == 4
    assert search(folder, monkeypatch, of) == whole


def test_the_next_method_is_told_what_is_known_and_does_not_run_its_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = search(tmp_path, monkeypatch, plan(40, methods=("sobol", "cma-es"), start_points=8))
    first = [r for r in records if r["method"] == "sobol"]
    best = min(first, key=lambda r: r["cost"])
    assert best is not first[-1] and len(first) < len(records)
    assert [r["number"] for r in records if r["point"] == best["point"]] == [best["number"]]


def test_each_replica_goes_on_from_its_own_and_longer_when_the_search_refines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: dict[str, Job] = {}

    def watched(job: Job, start: object, folder: Path) -> str:
        jobs[job.key] = job
        return simulated(job, start, folder)

    of = plan(40)
    longer = preset("liquid-pdf", sample_ps=33.0)
    protocols = replace(of.states[0].protocols, refine=longer)
    of = replace(of, states=(replace(of.states[0], protocols=protocols),))
    records = search(tmp_path, monkeypatch, of, watched)
    for record in records[1:]:
        replicas = [jobs[key] for key in record["keys"]]
        parents = [job.start.key for job in replicas if isinstance(job.start, Continue)]
        keys = next(r["keys"] for r in records if parents[0] in r["keys"])
        assert parents == keys
        assert all((job.protocol == longer) == record["refined"] for job in replicas)
    assert {r["refined"] for r in records} == {False, True}


def test_no_two_runs_share_a_seed_or_a_packing() -> None:
    of = two_states()
    purposes = [p for p in Purpose if p not in (Purpose.PACKING, Purpose.REFERENCE, Purpose.SEARCH)]
    each = [(state, purpose, number) for state in of.states for purpose in purposes for number in range(20)]
    seeds = [of.run_seed(*one, replica) for one in each for replica in range(4)]
    packings = [of.packing(*one).seed for one in each]
    assert len(set(seeds)) == len(seeds) and len(set(packings)) == len(packings)


def test_a_held_out_state_is_scored_by_its_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denser(job: Job, start: object, folder: Path) -> str:
        key = simulated(job, start, folder)
        if job.label.endswith("hot"):
            told = Outcome.from_bytes((folder / OUTCOME_FILE).read_bytes())
            arrays = {**told.arrays, "histogram": 1.1 * told.arrays["histogram"]}
            write_outcome(replace(told, arrays=arrays), folder)
        return key

    run(tmp_path, monkeypatch, denser, two_states(held_out=True))
    fitted = collect(tmp_path).scores[0]
    assert fitted.cost < 1e-3 and fitted.held_out == pytest.approx(0.1, abs=1e-3) and fitted.held_out_runs == 3
    with Store.open(tmp_path) as store:
        record = store.records("validation")[0]
    assert fitted.held_out_error == record["held_out"]["error"] != record["error"]

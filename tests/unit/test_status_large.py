"""``glasspot status`` of every kind of folder: short for thousands of runs, right whatever the driver left noted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from glasspot.campaign.driver import driving, this_process
from glasspot.campaign.tally import Standing, Tally
from glasspot.cli import main
from glasspot.report.overview import overview
from glasspot.report.status import status
from glasspot.store import Store
from glasspot.store.news import News
from glasspot.store.rows import Run
from live_samples import note_of_now

RUNS = 200  # enough that not all of them are told


def record(number: int, cost: float | None, level: int = 0) -> dict[str, Any]:
    return {
        "number": number, "round": number, "run": 2 * (number + 1), "method": "bayes", "note": "", "level": level,
        "cost": cost, "error": None if cost is None else 0.001, "accepted": False, "seconds": float(number),
        "reason": "boiled" if cost is None else "",
    }  # fmt: skip


def cost_of(number: int) -> float | None:
    return None if number % 20 == 7 else 0.05 + ((number * 37) % 101) / 1000


def fill(store: Store, first: int, last: int) -> None:
    """Put in runs and evaluations, and the note that a driver keeps of them."""
    for number in range(first, last):
        cost = cost_of(number)
        reason = "" if cost is not None else "boiled" if number != 27 else "nan"
        store.put_outcome(f"{number:020x}", f"fit {number}", {}, cost is not None, reason, 10.0, b"x" * 100)
        store.put_record("step", number, record(number, cost))


def note(store: Store, **changes: Any) -> None:
    standing = Standing(2000)
    for step in store.records("step"):
        standing.add(step)
    store.set_meta("now", {
        "at": time.time(), "to_go": 40, "under_way": 10, "hosts": {"n1": 7, "n2": 3}, "atom_steps_per_s": 2e6,
        "jobs": [], "tally": Tally.of_store(store).encode(), "search": standing.encode(), **changes,
    })  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.create(tmp_path) as store:
        store.set_meta("state", "running")
        store.set_meta("plan", {"title": "many runs"})
        fill(store, 0, RUNS)
        note(store)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def of(folder: Path, *words: str) -> list[str]:
        assert main(["status", str(folder), *words]) == 0
        return capsys.readouterr().out.splitlines()

    return of


def test_thousands_of_runs_are_few_lines_and_all_lists_them(folder: Path, said: Callable[..., list[str]]) -> None:
    lines = said(folder)
    assert len(lines) < 30
    text = "\n".join(lines)
    assert f"{RUNS} MD runs done, {2 * RUNS} of them of the search" in text
    assert "best so far  R_chi 5.00 +- 0.10 % (run 2)" in text
    assert "185 evaluations before the last 15; --all lists them" in text
    assert "failed: 9 MD runs by boiled (fit 7, fit 47, fit 67, ...)" in text
    assert "failed: 1 MD run by nan (fit 27)" in text
    assert "run 400" in text and "run 370" not in text
    everything = said(folder, "--all")
    assert sum("  run " in line for line in everything) == RUNS
    assert sum("failed: fit " in line for line in everything) == 10


def test_who_is_at_work_and_what_runs_where(folder: Path, said: Callable[..., list[str]]) -> None:
    text = "\n".join(said(folder))
    assert "driver at work: no" in text
    assert f"{folder}: interrupted" in text  # "running" with no driver was a crash
    assert "under way" not in text
    with driving(folder):
        lines = said(folder)
        text = "\n".join(lines)
        assert f"driver at work: yes, process {this_process().process} on {this_process().host}" in text
        assert "under way: 10 MD runs on n1 (7), n2 (3); 30 asked for and waiting" in text
        # 10 s a run, ten at a time: 40 runs asked for; 1 s for two runs of the search, which may take 2000 - 400 more.
        assert "time left: about 40 s for the runs asked for; at most about 13 min 20 s for the search" in text
        assert "noted" not in text and "silent" not in text
        with Store.create(folder) as store:
            note(store, at=time.time() - 3600)
        assert any("that was noted 1 h 00 min ago" in line for line in said(folder))


@pytest.mark.parametrize("after", [1, 30])
def test_what_a_killed_driver_did_not_note_is_counted(
    folder: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note is of every two seconds; what came after it is read, and only that."""
    read: list[int] = []
    runs_after = News.runs_after

    def counting(news: News, number: int) -> list[Run]:
        found = runs_after(news, number)
        read.append(len(found))
        return found

    monkeypatch.setattr(News, "runs_after", counting)
    with Store.create(folder) as store:
        fill(store, RUNS, RUNS + after)
        store.put_record("step", RUNS + after, record(RUNS + after, 0.01))
    found = overview(folder)
    assert found.search.steps == RUNS + after + 1
    assert found.search.best is not None and found.search.best["cost"] == 0.01
    assert read == [after]
    with Store.open(folder) as store:
        assert found.tally.encode() == Tally.of_store(store).encode()


def test_a_note_that_does_not_add_up_is_not_gone_on_from(folder: Path) -> None:
    """Outcomes were lost, and made again by nobody: what the driver had noted is of another store."""
    with Store.create(folder) as store:
        fill(store, RUNS, RUNS + 3)
        noted = Tally.of_store(store)
    noted.seconds += 1e6
    other = folder / "other"
    with Store.create(other) as store:
        for number in (*range(5), *range(9, RUNS + 3)):
            fill(store, number, number + 1)
        store.set_meta("now", {"tally": noted.encode()})
        expected = Tally.of_store(store)
        assert Tally.of_store(store, Tally.decode(noted.encode())).encode() == expected.encode()
    assert overview(other).tally.encode() == expected.encode()


@pytest.mark.parametrize(
    "noted", [None, 3, [1], {}, {"tally": 3, "search": []}, {"search": {"steps": 10**6, "most": None, "best": None}}]
)
def test_a_note_of_another_form_is_not_believed(folder: Path, noted: Any, said: Callable[..., list[str]]) -> None:
    before = overview(folder)
    with Store.create(folder) as store:
        store.set_meta("now", noted)
    found = overview(folder)
    assert found.tally.encode() == before.tally.encode()
    assert found.search.best == before.search.best
    assert found.search.steps == RUNS
    with driving(folder):
        assert overview(folder).now is None and status(folder)["now"] is None
        assert "driver at work: yes" in "\n".join(said(folder))


def test_the_best_is_that_of_the_highest_level() -> None:
    standing = Standing()
    for number, (cost, level) in enumerate([(0.01, 0), (0.05, 1), (None, 2), (0.04, 1), (0.02, 0)]):
        standing.add(record(number, cost, level))
    assert standing.best is not None
    assert (standing.best["cost"], standing.best["run"]) == (0.04, 8)
    assert Standing.decode(json.loads(json.dumps(standing.encode()))).encode() == standing.encode()


def test_json_keeps_its_history_and_tells_what_runs_where(folder: Path, said: Callable[..., list[str]]) -> None:
    with driving(folder):
        found = json.loads("\n".join(said(folder, "--json")))
    assert len(found["history"]) == RUNS
    assert found["runs"] == {"done": RUNS, "failed": 10}
    assert found["now"]["hosts"] == {"n1": 7, "n2": 3}
    assert set(found["now"]) == {"at", "to_go", "under_way", "hosts", "atom_steps_per_s", "jobs"}
    assert status(folder)["now"] is None


def test_a_landscape_and_a_set_of_simulations_have_a_status(tmp_path: Path, said: Callable[..., list[str]]) -> None:
    for name, about in (("landscape", {"shape": [3, 4], "anchors": False}), ("simulations", None)):
        with Store.create(_made(tmp_path / name)) as store:
            store.set_meta("state", "finished")
            if about is not None:
                store.set_meta("landscape", about)
                store.put_record("landscape", 0, {})
            store.put_outcome("a", "point 1,1", {}, True, "", 1.0, b"x")
        assert overview(tmp_path / name).kind == name
        assert "1 MD run done" in said(tmp_path / name)[0]
    assert "1 of 12 points done" in "\n".join(said(tmp_path / "landscape"))


def test_a_ladder_is_told_rung_by_rung(tmp_path: Path, said: Callable[..., list[str]]) -> None:
    for name, state in (("four", "finished"), ("seven", "stopped")):
        with Store.create(_made(tmp_path / name)) as store:
            store.set_meta("state", state)
            fill(store, 0, 8)
        (tmp_path / name / "run.toml").write_text(
            '[[rung]]\nname = "four"\n[[rung]]\nname = "seven"\n[[rung]]\nname="ten"'
        )
    text = "\n".join(said(tmp_path))
    assert "stopped, a ladder, 1 of 3 rungs finished" in text
    assert "four: finished, 8 MD runs done, 1 of them failed, best R_chi 5.00" in text
    assert "ten: not begun" in text
    found = json.loads("\n".join(said(tmp_path, "--json")))
    assert found["state"] == "stopped"
    assert found["rungs"]["ten"] is None
    assert found["rungs"]["four"]["runs"] == {"done": 8, "failed": 1}
    with driving(tmp_path):
        assert "running, a ladder" in said(tmp_path)[0]
    with Store.create(tmp_path / "seven") as store:
        store.set_meta("state", "finished")
    assert "interrupted, a ladder" in said(tmp_path)[0]  # one was not begun


def test_names_of_a_file_cannot_steer_the_terminal(folder: Path, said: Callable[..., list[str]]) -> None:
    with Store.create(folder) as store:
        store.put_outcome("b", "fit\x1b[31m\n9", {}, False, "lost-atoms", 1.0, b"x")
        note(store)
    text = "\n".join(said(folder))
    assert "by lost-atoms (fit?[31m?9)" in text


def test_a_driver_of_another_machine_is_named(folder: Path, said: Callable[..., list[str]]) -> None:
    elsewhere = replace(this_process(), host="login7", process=12)
    (folder / "driver.lock").write_text(json.dumps(asdict(elsewhere)))
    assert "driver at work: yes, process 12 on login7" in said(folder)[1]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_run_that_says_nothing_any_more_is_pointed_out(folder: Path, said: Callable[..., list[str]]) -> None:
    jobs = [job | {"label": f"fit {n}", "host": "n1", "silent_s": 300.0 if n < 5 else 15.0}
            for n, job in enumerate(note_of_now(10)["jobs"])]  # fmt: skip
    with driving(folder):
        with Store.create(folder) as store:
            note(store, jobs=jobs)
        lines = [line for line in said(folder) if "silent" in line or "said nothing" in line]
    assert lines[0] == "  silent for 5 min 00 s: fit 0 on n1; does its worker still live?"
    assert len(lines) == 4 and lines[3] == "  and 2 more runs that said nothing for as long"

"""What a person sees while a command works: a live line in a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import glass_world
import learning_samples
from glasspot.campaign.under_way import RunningJob
from glasspot.cli.display import Display, clock
from glasspot.cli.fit_display import FitDisplay
from glasspot.cli.quench_display import QuenchDisplay
from glasspot.config import load_fit_config
from glasspot.engine.base import Progress
from glasspot.fit_settings.plan import fit_plan
from glasspot.quench_settings import load_quench_plan
from glasspot.store import Store

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STEP: dict[str, Any] = {
    "run": 3, "cost": 0.0612, "error": 0.0031, "predicted": 0.055, "accepted": True, "refined": False, "reason": "",
    "method": "gauss-newton", "note": "step", "number": 0, "round": 0, "seconds": 1.0,
}  # fmt: skip
FAILED = {**STEP, "run": 4, "cost": None, "error": None, "predicted": None, "accepted": False, "reason": "too-hot"}
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Put a pseudo-terminal in the place of stdout; what was written to it is in the list afterwards."""
    outer, inner = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    told: list[str] = []
    # A pseudo-terminal holds a few kB only: somebody must read while the display writes.
    reader = threading.Thread(target=lambda: told.append(read_all(outer)))
    reader.start()
    try:
        with os.fdopen(inner, "w") as handle, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", handle)
            yield told
    finally:
        reader.join(10)
        os.close(outer)


def read_all(outer: int) -> str:
    """Return what was written to the other end until it was closed."""
    pieces = []
    with contextlib.suppress(OSError):  # Linux reports the closed end as an input/output error
        while piece := os.read(outer, 4096):
            pieces.append(piece)
    return b"".join(pieces).decode()


def fit_display() -> FitDisplay:
    path = EXAMPLES / "silica" / "fit.toml"
    plan, notes = fit_plan(load_fit_config(path), path.parent)
    return FitDisplay(plan, Path("runs/silica"), notes, "2 workers")


def under_way(label: str, step: int, total_steps: int, atom_steps_per_s: float, seconds: float = 20.0) -> RunningJob:
    """Return a run that began so long ago, and has just said how far it is."""
    since, heard = time.time() - seconds, time.monotonic()
    return RunningJob(label, step, total_steps, atom_steps_per_s, label, "here", since, seconds, heard)


def test_the_time_left_of_a_search_is_that_of_its_pace(monkeypatch) -> None:
    with terminal(monkeypatch) as told, fit_display() as display:
        display.plan = replace(display.plan, max_runs=100)
        display.stage("gauss-newton")
        display.step({**STEP, "number": 0, "round": 0, "run": 1, "seconds": 100.0})
        for run in (2, 3):
            display.step({**STEP, "number": run - 1, "round": 1, "run": run, "seconds": 700.0})
        display.running([under_way("fit 4", 500, 2000, 1.5e6)])
    assert "about 485 min left in this part" in told[0]  # 600 s for two MD runs, 97 more


def watch_a_fit() -> None:
    with fit_display() as display:
        display.stage("fit")
        display.step(STEP)
        display.running([under_way("fit 4", 500, 2000, 1.5e6), RunningJob("fit 4.2", 0, 2000, 0.0)])
        display.step(FAILED)
        display.score({"name": "BKS", "role": "start", "cost": 0.151, "error": 0.004, "runs": 4})


def test_a_fit_in_a_terminal_has_a_live_line_and_leaves_the_terminal_as_it_was(monkeypatch) -> None:
    with terminal(monkeypatch) as told:
        watch_a_fit()
    (text,) = told
    assert HIDE_CURSOR in text and text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)
    assert "best R_chi 6.12 %  |  fit 4 25 %  |  1 to start  |  1.50 M atom-steps/s  |" in text
    assert "|  about 2 min for the runs asked for" in text  # the rest of one run and a whole one, of 80 s each


def test_a_line_says_what_an_evaluation_was_for(capsys: pytest.CaptureFixture[str]) -> None:
    with fit_display() as display:
        display.step({**STEP, "accepted": False})
        display.step({**STEP, "method": "conjugate-gradient", "note": "gradient", "accepted": False})
        display.step({**FAILED, "method": "bayes", "note": "start"})
        display.step({**STEP, "method": "cma-es", "note": "generation 2"})
    said = capsys.readouterr().out.splitlines()[-4:]
    assert [line.rpartition(", ")[2] for line in said] == [
        "not accepted", "for the gradient", "start set", "generation 2",
    ]  # fmt: skip


def test_methods_that_the_budget_did_not_reach_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with fit_display() as display:
        display.plan = replace(display.plan, methods=("bayes", "cma-es"))
        display.stage("bayes")
        display.stage("select")
    assert "fit.max_runs is used up; not begun: CMA-ES" in capsys.readouterr().out


def test_the_live_line_of_the_validation_counts_what_is_left(monkeypatch) -> None:
    with terminal(monkeypatch) as told, fit_display() as display:
        display.stage("validate")
        # Two under way, half done in 20 s, and two to start: 20 s more, and 40 s.
        found = [under_way(name, 750, 1500, 450_000.0) for name in ("BKS 1", "BKS 2")]
        display.running([*found, RunningJob("ML 1", 0, 2000, 0.0), RunningJob("ML 2", 0, 2000, 0.0)])
    line = "BKS 1 50 %  |  BKS 2 50 %  |  2 to start  |  0.90 M atom-steps/s  |  about 60 s left in this part"
    assert line in told[0]


def test_an_error_leaves_the_terminal_as_it_was(monkeypatch) -> None:
    with terminal(monkeypatch) as told, pytest.raises(KeyboardInterrupt), fit_display():
        raise KeyboardInterrupt
    assert told[0].rindex(SHOW_CURSOR) > told[0].rindex(HIDE_CURSOR)


def test_a_fit_elsewhere_writes_plain_lines(monkeypatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    watch_a_fit()
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert lines[-4:] == [
        "[0:00] fit",
        "[0:00] run   3  R_chi   6.12 +- 0.31 %, predicted 5.50 %",
        "[0:00] run   4  MD failed (too-hot)",
        "           BKS  R_chi  15.10 +- 0.40 %  (start, 4 independent runs)",
    ]


def watch_a_quench() -> None:
    plan = load_quench_plan(EXAMPLES / "quench" / "sodium-silicate.toml")
    with QuenchDisplay(plan, Path("runs/glass")) as display:
        display.progress(Progress("melt", 0, 1000, 0.0, 0.0))
        display.progress(Progress("melt", 100, 1000, 5.0, 2e6, 3001.0, 2.1234))
        display.progress(Progress("melt", 200, 1000, 11.0, 2e6, 3001.0, 2.1234))
        display.progress(Progress("quench", 500, 1000, 12.0, 2e6, 1500.0, 2.3))


def test_a_quench_elsewhere_writes_a_line_at_each_stage_and_every_ten_seconds(monkeypatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    watch_a_quench()
    assert "\x1b" not in out.getvalue()
    assert [line for line in out.getvalue().splitlines() if "  |  " in line] == [
        "0:00  |  melt  |  step 0/1000",
        "0:11  |  melt  |  step 200/1000  |  3001 K  |  2.123 g/cm3  |  2.00 M atom-steps/s  |  0:44 left",
        "0:12  |  quench  |  step 500/1000  |  1500 K  |  2.300 g/cm3  |  2.00 M atom-steps/s  |  0:12 left",
    ]


def test_a_quench_in_a_terminal_has_a_live_line(monkeypatch) -> None:
    with terminal(monkeypatch) as told:
        watch_a_quench()
    assert "0:12  |  quench  |  step 500/1000" in told[0]
    assert told[0].rindex(SHOW_CURSOR) > told[0].rindex(HIDE_CURSOR)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")])
def test_times_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_title_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Display().say("Glas \x1b[31mrot\x07, [bold]fett[/bold], 2.2 g/cm³")
    assert capsys.readouterr().out == "Glas ?[31mrot?, [bold]fett[/bold], 2.2 g/cm³\n"


def test_a_fit_that_learns_tells_its_windows_and_its_glasses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = learning_samples.make_store(tmp_path)
    plan = glass_world.plan_of(tmp_path / "again", learning_samples.TEXT)
    with Store.open(place) as store, FitDisplay(plan, place, [], "1 workers") as display:
        display.stage("multi-objective")
        step = {**STEP, "method": "multi-objective", "predicted": None}
        display.step({**step, "level": 0, "cost": 0.02, "error": 1e-18, "note": "start"})
        display.step({**step, "level": 1, "cost": 0.09, "error": 0.01, "note": "next level"})
        best = display.standing.best
        assert best is not None and (best["cost"], best["error"]) == (0.09, 0.01)  # levels do not compare
        for record in store.records("decision"):
            display.decision(record)
        display.stage("lessons")
        display.finish(store, place / "report" / "index.html")
    said = capsys.readouterr().out
    assert "R_chi   2.00 %, start set, level 1" in said and "R_chi   9.00 +- 1.00 %, next level, level 2" in said
    assert "window of B-O.rho, high side from +15 % to +20.6 %: 9 of the 10" in said
    assert "window of B-B.rho, low side stays at -15 %: 9 of the 10" in said
    assert "learn from all runs" in said and "Extrapolated to 250 atoms, 1 K/ps (+-: one standard deviation)" in said
    rows = [line.split() for line in said.splitlines() if line.startswith("  density (g/cm3), 12B")]
    assert len(rows) == 2 and rows[0][3] == "2.545" and rows[0][5] == "+-"
    assert max(map(ord, said.partition("As simulated")[2])) < 256

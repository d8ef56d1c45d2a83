"""The log: a line an event that grep finds and nothing can break, and never a reason for a run to fail."""

from __future__ import annotations

import os
import re
import shlex
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from glasspot.campaign import log as module
from glasspot.campaign.folder import state_noted
from glasspot.campaign.interrupt import EndedError
from glasspot.campaign.listening import Logged
from glasspot.campaign.log import LONGEST, EventLog
from glasspot.errors import GlasspotError
from glasspot.store import Store

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def lines(folder: Path) -> list[str]:
    return (folder / "glasspot.log").read_text(encoding="utf-8").splitlines()


def test_a_line_is_the_time_the_event_and_its_fields_in_order(tmp_path: Path) -> None:
    EventLog(tmp_path).write("run-finished", key="3f2a", label="fit 12", seconds=41.23456789, reason=None)
    (line,) = lines(tmp_path)
    assert re.fullmatch(rf'{STAMP} run-finished up=\d+ key=3f2a label="fit 12" seconds=41\.2346', line)


@pytest.mark.parametrize(
    "value",
    [
        "two\nlines", "a\r b", "\x1b[31mred", "quo\"te 'x'", "back\\slash", "\u202eturned", "\u2028", "\udcff", "\x7f",
        "", "x=y", "\x00",
    ],
)  # fmt: skip
def test_no_value_breaks_a_line_or_steers_a_terminal(tmp_path: Path, value: str) -> None:
    EventLog(tmp_path).write("failed", message=value, after="end")
    raw = (tmp_path / "glasspot.log").read_bytes()
    text = raw.decode()
    assert raw.count(b"\n") == 1
    assert text[:-1].isprintable()
    assert len(text.splitlines()) == 1
    assert text.endswith(" after=end\n")
    assert '" after' in text  # a reader sees where the value ends


def test_a_value_of_a_flooding_program_is_cut(tmp_path: Path) -> None:
    EventLog(tmp_path).write("failed", message="x" * 10**6)
    assert len(lines(tmp_path)[0]) < LONGEST + 100


def test_a_clock_that_jumps_leaves_the_order_and_the_time_since_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(tmp_path)
    for jump in (0.0, -1e9, 4e9):
        now = time.time()
        monkeypatch.setattr(module.time, "gmtime", lambda now=now, jump=jump, real=time.localtime: real(now + jump))
        log.write("step")
        monkeypatch.undo()
    ups = [int(re.search(r"up=(\d+)", line)[1]) for line in lines(tmp_path)]  # type: ignore[index]
    assert ups == sorted(ups)
    assert all(re.match(STAMP, line) for line in lines(tmp_path))


def test_a_line_that_a_full_disk_cut_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / "glasspot.log").write_text("2026-01-01T00:00:00Z run-fini")
    EventLog(tmp_path).write("run-finished", key="a")
    assert len(lines(tmp_path)) == 2
    assert lines(tmp_path)[1].endswith("key=a")


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EventLog(tmp_path / "not" / "there").write("step")
    (tmp_path / "glasspot.log").mkdir()
    EventLog(tmp_path).write("step")

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    EventLog(tmp_path).write("step")


def test_fields_read_back_with_the_words_of_a_shell(tmp_path: Path) -> None:
    EventLog(tmp_path).write("score", name="my own; $(rm) set", cost=0.018)
    words = shlex.split(lines(tmp_path)[0])
    assert words[3:] == ["name=my own; $(rm) set", "cost=0.018"]


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        (None, "finished", "finished"),
        (KeyboardInterrupt(), "interrupted", "message=Ctrl-C"),
        (EndedError("interrupted by SIGTERM", "interrupted", 143), "interrupted", 'message="interrupted by SIGTERM"'),
        (EndedError("stopped on request", "stopped", 130), "stopped", "stopped"),
        (GlasspotError("boiled"), "failed", "message=boiled"),
        (ZeroDivisionError("x"), "failed", 'message="ZeroDivisionError: x"'),
    ],
)
def test_every_end_is_in_the_store_and_in_the_log(
    tmp_path: Path, error: BaseException | None, state: str, says: str
) -> None:
    with Store.create(tmp_path) as store:
        with nullcontext() if error is None else pytest.raises(type(error)), state_noted(store):
            assert store.get_meta("state") == "running"
            if error is not None:
                raise error
        assert store.get_meta("state") == state
    assert lines(tmp_path)[-1].split()[1] == state
    assert says in lines(tmp_path)[-1]


def test_a_store_that_cannot_be_written_does_not_hide_why_the_run_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise GlasspotError("the store cannot be written")

    with (
        Store.create(tmp_path) as store,
        pytest.raises(GlasspotError, match="the disk is full"),
        state_noted(store),
    ):
        monkeypatch.setattr(store, "set_meta", full)
        raise GlasspotError("the disk is full")
    assert "the disk is full" in lines(tmp_path)[-1]


class Silent:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, text: str) -> None:
        self.told.append(text)

    def step(self, record: dict[str, Any]) -> None:
        self.told.append(f"step {record['number']}")

    def decision(self, record: dict[str, Any]) -> None:
        self.told.append("decision")

    def score(self, record: dict[str, Any]) -> None:
        self.told.append("score")

    def running(self, jobs: Any) -> None:
        self.told.append("running")


def test_what_a_display_is_told_is_logged_and_a_known_step_only_once(tmp_path: Path) -> None:
    display = Silent()
    logged = Logged(display, EventLog(tmp_path), known=(0,))
    logged.stage("validate")
    for number in (0, 1):
        logged.step({"number": number, "run": 2 * number, "cost": 0.05, "error": 0.01, "method": "bayes", "reason": ""})
    logged.step({"number": 2, "run": 4, "cost": None, "error": None, "method": "bayes", "reason": "boiled"})
    logged.decision({})
    logged.score({"name": "BKS", "role": "start", "cost": 0.15, "error": 0.01, "runs": 4})
    logged.running([])
    assert display.told == ["validate", "step 0", "step 1", "step 2", "decision", "score", "running"]
    assert [re.sub(rf"{STAMP} (\S+) up=\d+ ", r"\1 ", line) for line in lines(tmp_path)] == [
        "stage name=validate",
        "step number=1 run=2 cost=0.05 error=0.01 method=bayes",
        "step number=2 run=4 method=bayes reason=boiled",
        "score name=BKS role=start cost=0.15 error=0.01 runs=4",
    ]

"""What the driver notes of what runs: whole there and back, and nothing where it is of another form."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import live_samples as samples
from glasspot.campaign.now import NOTE, Note, Now
from glasspot.campaign.runner import Runner
from glasspot.campaign.under_way import SHOWN, RunningJob, now_of
from glasspot.store import Store

WHOLE = samples.note_of_now(2)
(JOB, *_) = WHOLE["jobs"]


@pytest.mark.parametrize(
    "noted",
    [
        None, 3, [1], "at", {}, {"at": 1.0}, {**WHOLE, "jobs": [{"label": "a"}]}, {**WHOLE, "jobs": 3},
        {**WHOLE, "hosts": ["n1"]}, {**WHOLE, "hosts": {"n1": None}}, {**WHOLE, "at": None},
        {**WHOLE, "at": float("nan")}, {**WHOLE, "to_go": float("inf")}, {**WHOLE, "at": 10**400},
        {**WHOLE, "jobs": [JOB | {"since": float("inf")}]}, {**WHOLE, "jobs": [JOB | {"step": "far"}]},
    ],
)  # fmt: skip
def test_a_note_of_another_form_says_nothing(tmp_path: Path, noted: Any) -> None:
    assert Now.decode(noted) is None
    with Store.create(tmp_path) as store:
        store.set_meta(NOTE, noted)
        assert Note.of(store).now is None


@pytest.mark.parametrize(
    "noted",
    [3, [1], {"tally": 3, "search": []}, {"tally": {"runs": float("inf"), "seconds": 0.0, "failed": {}}},
     {"search": {"most": float("inf"), "steps": 0, "best": None}}],
)  # fmt: skip
def test_a_driver_goes_on_whatever_was_noted_before(tmp_path: Path, noted: Any) -> None:
    with Store.create(tmp_path) as store:
        store.set_meta(NOTE, noted)
        note = Note.of(store)
        assert note.now is None and note.tally.runs == note.search.steps == 0 and note.search.most is None
        with Runner(store, tmp_path, ThreadPoolExecutor):
            pass
        note = Note.of(store)
        assert note.now is not None and note.now.to_go == 0


def test_a_note_is_read_whole(tmp_path: Path) -> None:
    noted = samples.note_of_now(5, waiting=3, at=100.0, most=70)
    with Store.create(tmp_path) as store:
        assert Note.of(store).now is None
        store.set_meta(NOTE, noted)
        note = Note.of(store)
    found = note.now
    assert found is not None and (found.to_go, found.waiting, found.at) == (8, 3, 100.0)
    assert found.hosts == {"node01": 2, "node02": 1, "node03": 1, "node04": 1}
    assert found.jobs[1].part == pytest.approx(9700 / 60000) and found.jobs[1].since == 53.0
    assert note.search.most == 70 and note.tally.runs == 0
    assert found.encode() == {name: value for name, value in noted.items() if name != "search"}
    assert Now.decode(json.loads(json.dumps(found.encode()))) == found


def test_what_runs_is_noted_by_host_and_the_first_by_name() -> None:
    heard = time.monotonic() - 30.0
    running = [RunningJob(f"fit {n}", 5, 10, 2.0, f"k{n}", f"n{n % 3}", 1.0, 4.0, heard) for n in range(SHOWN + 4)]
    found = now_of([*running, RunningJob("fit", 0, 10, 0.0, "k")])
    assert (found.to_go, found.under_way, found.waiting, found.atom_steps_per_s) == (SHOWN + 5, SHOWN + 4, 1, 408.0)
    assert found.hosts == {"n0": 68, "n1": 68, "n2": 68} and type(found.hosts) is dict
    assert len(found.jobs) == SHOWN and found.jobs[0].silent_s == pytest.approx(30.0, abs=5.0)
    assert found.at == pytest.approx(time.time(), abs=5.0)

"""A file server that was restarted may forget the lock of a driver: it is taken again, or the driver ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from glasspot.campaign import driver as driver_module
from glasspot.campaign import stopping
from glasspot.campaign.driver import (
    LOCK_FILE,
    REQUEST_FILE,
    FolderLostError,
    driver_of,
    driving,
    hold_on,
    is_driven,
    this_process,
)
from glasspot.campaign.runner import Runner
from glasspot.campaign.stopping import ask
from glasspot.errors import GlasspotError
from glasspot.evaluate import run as run_module
from glasspot.evaluate.job import Job
from glasspot.store import Store
from linear_world import run, simulated

OTHER = replace(this_process(), host="elsewhere", process=77, token="of-another")  # noqa: S106 - no secret


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path.resolve()
    with driving(place):
        yield place


def forget(place: Path) -> None:
    """Do as a file server does that was restarted: the handle works, and holds nothing."""
    fcntl.flock(driver_module._held[place], fcntl.LOCK_UN)
    assert not is_driven(place)


def break_handle(place: Path) -> None:
    """Do as a client does that was away too long: the handle does not work any more."""
    useless = os.open(place, os.O_PATH)
    os.dup2(useless, driver_module._held[place])
    os.close(useless)
    assert not is_driven(place)


def another_comes(place: Path) -> None:
    (place / LOCK_FILE).write_text(json.dumps(asdict(OTHER)))


@pytest.mark.parametrize("lose", [forget, break_handle, lambda place: None])
def test_a_lock_that_the_server_forgot_is_taken_again(driven: Path, lose: object) -> None:
    lose(driven)  # type: ignore[operator]
    hold_on(driven)
    assert is_driven(driven) and driver_of(driven) == this_process()
    with pytest.raises(GlasspotError, match="another glasspot is at work"), driving(driven):
        pass


def test_a_driver_that_comes_too_late_ends_and_leaves_the_other_what_is_his(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    with pytest.raises(FolderLostError, match="process 77 on elsewhere"), driving(place):
        forget(place)
        another_comes(place)
        ask(place, OTHER, after_runs=False)
        hold_on(place)
    assert (place / REQUEST_FILE).exists() and driver_of(place) == OTHER


def test_somebody_who_only_looks_is_no_other_driver(driven: Path) -> None:
    forget(driven)
    looker = os.open(driven / LOCK_FILE, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)
    hold_on(driven)
    os.close(looker)
    hold_on(driven)
    assert is_driven(driven)


def test_a_server_that_cannot_be_reached_is_left_to_the_next_write(driven: Path) -> None:
    break_handle(driven)
    (driven / LOCK_FILE).rename(driven / "away")
    hold_on(driven)
    (driven / "away").rename(driven / LOCK_FILE)
    hold_on(driven)
    assert is_driven(driven)


def test_a_fit_that_lost_its_folder_writes_nothing_more_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other driver has written since must stand: its state, and what it says that it does now."""
    monkeypatch.setattr(stopping, "LOOK_S", 0.0)
    folder = tmp_path.resolve()
    made: list[str] = []

    def work(job: Job, start: object, place: Path) -> str:
        made.append(job.key)
        if len(made) == 5:
            forget(folder)
            another_comes(folder)
            with Store.create(folder) as store:
                store.set_meta("state", "of another")
                store.set_meta("now", {"of": "another"})
        return simulated(job, start, place)

    with pytest.raises(FolderLostError, match="this one has ended"):
        run(folder, monkeypatch, work)
    with Store.open(folder) as store:
        assert store.get_meta("state") == "of another" and store.get_meta("now") == {"of": "another"}
        assert store.get_meta("failure") is None
        assert made[4] not in {outcome["key"] for outcome in store.outcomes()}  # it lies in its folder
    assert " folder-lost " in (folder / "glasspot.log").read_text()


def test_a_driver_that_thinks_holds_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "THINKS_S", 0.1)
    monkeypatch.setattr(stopping, "NAP_S", 0.02)
    place = tmp_path.resolve()
    with (
        Store.create(place) as store,
        pytest.raises(FolderLostError, match="this one has ended"),
        driving(place),
        Runner(store, place, lambda: pytest.fail("nothing is run")),
    ):
        fcntl.flock(driver_module._held[place], fcntl.LOCK_UN)
        time.sleep(0.5)
        assert is_driven(place)
        another_comes(place)
        time.sleep(30)


def test_a_worker_whose_lock_was_lost_has_done_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = os.close

    def broken(handle: int) -> None:
        close(handle)
        raise OSError(errno.EBADFD, "File descriptor in bad state")

    with run_module._alone(tmp_path):
        monkeypatch.setattr(os, "close", broken)
    monkeypatch.setattr(os, "close", close)

"""Disks that fill up, fail or turn read-only, folders that two want: nothing finished is lost, the end is the same."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_fit import glasspot, start_glasspot, write_settings

from glasspot.campaign.driver import driving
from glasspot.cli import main
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import OUTCOME_FILE, Job
from glasspot.evaluate.stored import verified
from glasspot.report.collect import collect
from glasspot.report.status import status
from glasspot.report.write import write_report
from glasspot.store import STORE_FILE, Store
from glasspot.store.repair import check
from linear_world import run, simulated
from mounts import read_only, small_disk, turned_read_only

PAGE = 4096


class Count:
    """Stands in for the MD, and notes the runs that were made; what lies finished in its folder is not made again."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, job: Job, start: object, folder: Path) -> str:
        if not (folder / OUTCOME_FILE).is_file():
            simulated(job, start, folder)
            self.made.append(job.key)
        return job.key


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the fit of a linear world that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        run(folder, patch)
    yield folder


def result(folder: Path) -> tuple[Any, ...]:
    """Return what a fit came to: its history without times, its scores and its answer."""
    found = status(folder)
    history = [{key: value for key, value in step.items() if key != "seconds"} for step in found["history"]]
    report = collect(folder)
    assert report.fitted is not None
    with Store.open(folder) as store:
        keys = {outcome["key"] for outcome in store.outcomes()}
    return found["state"], history, found["validation"], report.fitted.to_dict(), keys


def stored(folder: Path) -> dict[str, bytes]:
    with Store.open(folder) as store:
        return {o["key"]: store.get_outcome(o["key"]) or b"" for o in store.outcomes()}


@pytest.mark.parametrize("free_kb", [40, 200, 700, 1500, 2600, 3500, 4300])
def test_a_full_disk_ends_the_driver_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, free_kb: int
) -> None:
    """A real disk that is full after so many kB: the store, its log and the runs' own files meet it in turn."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        folder = disk / "run"
        folder.mkdir()
        ballast = disk / "ballast"
        room = os.statvfs(disk)
        ballast.write_bytes(bytes(room.f_bavail * room.f_bsize - free_kb * 1024))
        first, second = Count(), Count()
        with pytest.raises((GlasspotError, OSError)) as told:
            run(folder, monkeypatch, first)
        assert re.search("disk (is )?full|No space left", str(told.value)) and "\n" not in str(told.value)
        before = stored(folder) if (folder / STORE_FILE).exists() else {}
        waiting = {path.parent.name for path in folder.rglob(OUTCOME_FILE)}
        assert set(first.made) <= {*before, *waiting}  # every run that ended well
        ballast.unlink()
        run(folder, monkeypatch, second)
        assert result(folder) == result(undisturbed)
        after = stored(folder)
        assert {key: after[key] for key in before} == before
        assert not set(first.made) & set(second.made)  # nothing finished was made again
        assert check(folder, verified).faults == ()


def test_a_disk_that_turns_read_only_ends_the_driver_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    first, second = Count(), Count()
    with small_disk(tmp_path / "disk", "24m") as disk:
        folder = disk / "run"
        folder.mkdir()

        def fifth(job: Job, start: object, place: Path) -> str:
            if len(first.made) == 5:
                # What the store has open keeps a real remount from being allowed, so the kernel's answer is played.
                raise OSError(30, "Read-only file system")
            return first(job, start, place)

        with pytest.raises(GlasspotError, match=r"Read-only file system.*--resume"):
            run(folder, monkeypatch, fifth)
        with turned_read_only(disk):
            assert main(["status", str(folder)]) == 0
            assert len(stored(folder)) == 5
            with pytest.raises(GlasspotError, match="cannot write in"), driving(folder):
                pass
            assert main(["repair", str(folder)]) == 2
        run(folder, monkeypatch, second)
        assert result(folder) == result(undisturbed)
        assert not set(first.made) & set(second.made)


def test_a_folder_that_is_read_only_from_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, folder = write_settings(tmp_path / "settings"), tmp_path / "folder"
    folder.mkdir()
    with read_only(folder, tmp_path / "ro") as place:
        for out in (place, place / "run"):
            assert main(["fit", str(settings), "--out", str(out)]) == 2
            said = capsys.readouterr().err
            assert "cannot write in" in said and said.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_a_finished_fit_is_looked_at_where_nothing_can_be_written(
    tmp_path: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(undisturbed, tmp_path / "ro") as place:
        assert result(place) == result(undisturbed)
        assert main(["status", str(place)]) == 0
        assert main(["repair", str(place), "--check"]) == 0
        capsys.readouterr()
        assert main(["report", str(place)]) == 2
        said = capsys.readouterr().err
        assert "cannot write" in said and said.count("\n") == 1


@pytest.mark.parametrize("by", ["its path", "a link", "a mount"])
def test_a_second_driver_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str) -> None:
    settings, folder = write_settings(tmp_path / "settings"), tmp_path / "run"
    folder.mkdir()
    Store.create(folder).close()
    link = tmp_path / "link"
    link.symlink_to(folder)
    with driving(folder):
        before = (folder / STORE_FILE).read_bytes()
        if by == "a mount":
            with read_only(folder, tmp_path / "mounted") as place:
                subprocess.run(["mount", "-o", "remount,rw,bind", str(place)], check=True)
                code = main(["fit", str(settings), "--out", str(place), "--resume"])
        else:
            code = main(["fit", str(settings), "--out", str(link if by == "a link" else folder), "--resume"])
        said = capsys.readouterr().err
        assert code == 2 and "another glasspot is at work in" in said and said.count("\n") == 1
        assert (folder / STORE_FILE).read_bytes() == before


def test_a_second_driver_beside_a_real_one(tmp_path: Path) -> None:
    """Two processes that begin at once in one folder, one of them by a link: one fits, the other is refused."""
    settings, folder = write_settings(tmp_path), tmp_path / "run"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    both = [
        start_glasspot("fit", settings, "--out", place, "--workers", "1", "--engine", "native")
        for place in (folder, tmp_path / "link")
    ]
    said = [process.communicate(timeout=240)[0] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    refused = said[codes.index(2)]
    assert "another glasspot is at work" in refused or "holds a run already" in refused
    assert status(folder)["state"] == "finished" and check(folder, verified).faults == ()


def damaged(folder: Path, page: int, chance: random.Random) -> None:
    path = folder / STORE_FILE
    data = bytearray(path.read_bytes())
    data[PAGE * page : PAGE * (page + 1)] = chance.randbytes(PAGE)
    path.write_bytes(data)


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    (to / STORE_FILE).write_bytes((folder / STORE_FILE).read_bytes())
    return to


@pytest.mark.parametrize("part", [0.0, 0.2, 0.4, 0.6, 0.8, 0.95, "many"])
def test_a_repaired_fit_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, part: float | str
) -> None:
    folder = copy_of(undisturbed, tmp_path / "run")
    chance = random.Random(str(part))
    pages = (folder / STORE_FILE).stat().st_size // PAGE
    for page in chance.sample(range(pages), 12) if part == "many" else [int(float(part) * pages)]:
        damaged(folder, page, chance)
    assert main(["repair", str(folder), "--check"]) == 1
    assert main(["repair", str(folder)]) == 0
    saved = stored(folder)
    assert main(["status", str(folder)]) == 0
    if part == "many":
        write_report(folder)  # of what is left, before the resume
    count = Count()
    run(folder, monkeypatch, count)
    assert result(folder) == result(undisturbed)
    assert not set(count.made) & set(saved) and len(count.made) + len(saved) == len(stored(undisturbed))


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_store_cut_short_is_repaired_and_resumed_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, kept: float
) -> None:
    folder = copy_of(undisturbed, tmp_path / "run")
    data = (folder / STORE_FILE).read_bytes()
    (folder / STORE_FILE).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(GlasspotError, match="glasspot repair"):
        run(folder, monkeypatch)
    assert main(["repair", str(folder)]) == 0
    saved = stored(folder)
    count = Count()
    run(folder, monkeypatch, count)
    assert result(folder) == result(undisturbed)
    assert not set(count.made) & set(saved)


def test_a_real_fit_is_repaired_and_resumed_to_the_same_end(tmp_path: Path, finished_fit: Path) -> None:
    """Through the command line and with real MD: a page in the middle is lost."""
    folder = copy_of(finished_fit, tmp_path / "run")
    settings = write_settings(tmp_path)
    damaged(folder, (folder / STORE_FILE).stat().st_size // PAGE // 2, random.Random(2))
    refused = glasspot("fit", settings, "--out", folder, "--resume", "--workers", "2")
    assert refused.returncode in (1, 2) and "glasspot repair" in refused.stderr and "Traceback" not in refused.stderr
    repaired = glasspot("repair", folder)
    assert repaired.returncode == 0 and "lost: " in repaired.stdout, repaired.stdout + repaired.stderr
    resumed = glasspot("fit", settings, "--out", folder, "--resume", "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    one, two = status(finished_fit), status(folder)
    assert [h["cost"] for h in one["history"]] == [h["cost"] for h in two["history"]]
    assert one["validation"] == two["validation"]
    assert set(stored(folder)) == set(stored(finished_fit))


@pytest.mark.parametrize("kept", [0, 1, 21, 22, 100, -22, -1])
def test_a_result_cut_short_in_a_run_s_folder_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, kept: int
) -> None:
    """The machine of the worker went down: what is left of outcome.npz is no result."""
    count = Count()

    def cut_once(job: Job, start: object, folder: Path) -> str:
        key = count(job, start, folder)
        path = folder / OUTCOME_FILE
        if len(count.made) == 4:
            path.write_bytes(path.read_bytes()[:kept])
        return key

    run(tmp_path, monkeypatch, cut_once)
    assert result(tmp_path) == result(undisturbed)
    assert len(count.made) == len(set(count.made)) + 1
    assert "outcome-damaged" in (tmp_path / "glasspot.log").read_text()


@pytest.mark.parametrize("days", [-3650.0, 3650.0])
def test_a_clock_that_jumps_in_the_middle_of_a_fit_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path, days: float
) -> None:
    import time

    real, count = time.time, Count()

    def jumping(job: Job, start: object, folder: Path) -> str:
        if len(count.made) == 6:
            monkeypatch.setattr(time, "time", lambda: real() + 86400 * days)
        return count(job, start, folder)

    run(tmp_path, monkeypatch, jumping)
    assert result(tmp_path) == result(undisturbed)
    found = status(tmp_path)
    assert 0 < found["seconds"] < 600
    seconds = [step["seconds"] for step in found["history"]]
    assert seconds == sorted(seconds) and seconds[-1] < 600
    with Store.open(tmp_path) as store:
        assert [o["key"] for o in store.outcomes()] == count.made
    assert all(0 <= value < 3600 for value in collect(tmp_path).timings.values())

"""``glasspot repair`` as a person meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from glasspot.campaign.driver import driving
from glasspot.cli import main
from glasspot.store import STORE_FILE, Store
from glasspot.store.pages import Pages
from store_samples import PAGE, made, write

CONTENT = made()


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write(tmp_path / "run", CONTENT)
    return tmp_path / "run"


def harm(path: Path, page: int) -> None:
    """Let a page be nothing but zeros."""
    data = bytearray(path.read_bytes())
    data[PAGE * (page - 1) : PAGE * page] = bytes(PAGE)
    path.write_bytes(data)


def page_of_one_run(path: Path) -> tuple[int, str]:
    """Return a page on which lies one run and nothing else, and its key."""
    with Pages(path) as pages:
        cell = max((cell for cell in pages.cells() if cell.columns == 8), key=lambda cell: cell.size)
        return max(cell.on()), str(cell.values()[0])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "driver.lock"}


def test_a_whole_store_is_left_as_it_is(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(run_folder)
    for words in (["--check"], []):
        assert main(["repair", str(run_folder), *words]) == 0
        assert "store.sqlite is whole: 18 runs, every one of them looked at" in capsys.readouterr().out
    assert files(run_folder) == before


def test_one_lost_run_is_named_and_the_rest_is_saved(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_folder / STORE_FILE
    page, key = page_of_one_run(path)
    harm(path, page)
    damaged = path.read_bytes()
    assert main(["repair", str(run_folder), "--check"]) == 1
    said = capsys.readouterr().out
    assert "store.sqlite is damaged: " in said and f"glasspot repair {run_folder}" in said
    assert path.read_bytes() == damaged
    left = run_folder / "jobs" / key / "outcome.npz"
    left.parent.mkdir(parents=True)
    left.write_bytes(CONTENT.rows[key][4])
    assert main(["repair", str(run_folder)]) == 0
    said = capsys.readouterr().out
    assert "saved: 17 of 18 runs, 20 of 20 step records, 3 of 3 validation records, 4 of 4 values" in said
    assert f"lost: {CONTENT.rows[key][0]} ({key})" in said
    assert "the results of 1 still lie in" in said and left.is_file()
    assert "--resume: only lost runs are made again" in said
    assert (run_folder / f"{STORE_FILE}.damaged-1").read_bytes() == damaged
    assert f" runs=17 of=18 kept={STORE_FILE}.damaged-1" in (run_folder / "glasspot.log").read_text()
    with Store.open(run_folder) as store:
        assert store.get_meta("state") == "interrupted" and not store.has_outcome(key)
    assert main(["repair", str(run_folder)]) == 0
    assert "is whole: 17 runs" in capsys.readouterr().out


def test_a_store_that_lost_its_first_page_loses_nothing_else(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harm(run_folder / STORE_FILE, 1)
    assert main(["repair", str(run_folder)]) == 0
    said = capsys.readouterr().out
    assert "file is not a database" in said and "saved: 18 of 18 runs" in said and "Nothing is lost." in said
    with Store.open(run_folder) as store:
        assert store.get_meta("state") == "finished"


def test_where_nothing_can_be_read_nothing_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / STORE_FILE).write_bytes(b"no store at all" * 3000)
    before = files(tmp_path)
    assert main(["repair", str(tmp_path)]) == 1
    assert "Nothing in it could be read, and nothing was changed" in capsys.readouterr().out
    assert files(tmp_path) == before


def test_mistakes_are_one_line(tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, told in ((tmp_path / "none", "there is no folder"), (tmp_path, "there are runs inside, such as")):
        for words in ([], ["--check"]):
            assert main(["repair", str(folder), *words]) == 2
            said = capsys.readouterr().err
            assert told in said and said.count("\n") == 1
    harm(run_folder / STORE_FILE, 3)
    before = files(run_folder)
    with driving(run_folder):
        assert main(["repair", str(run_folder)]) == 2
        assert "another glasspot is at work" in capsys.readouterr().err
        assert main(["repair", str(run_folder), "--check"]) == 1
    assert files(run_folder) == before


def test_a_driver_does_not_go_on_with_a_damaged_store(run_folder: Path) -> None:
    with Pages(run_folder / STORE_FILE) as pages:
        page = next(cell.page for cell in pages.cells() if cell.columns == 9)
    harm(run_folder / STORE_FILE, page)
    before = shutil.copy(run_folder / STORE_FILE, run_folder.parent / "before")
    with pytest.raises(Exception, match="glasspot repair"):
        Store.create(run_folder)
    assert Path(before).read_bytes()[PAGE:] == (run_folder / STORE_FILE).read_bytes()[PAGE:]

"""A damaged store: every fault is told or does no harm, and a repair saves every row that the fault has not met."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from glasspot.errors import GlasspotError
from glasspot.evaluate.stored import verified
from glasspot.store import STORE_FILE, Store
from glasspot.store.pages import Pages
from glasspot.store.repair import check, repair
from store_drill import HARMS, Harm, drill, look
from store_samples import PAGE, answers, made, truth, write, write_old

CONTENT = made()
TRUTH = truth(CONTENT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("whole"), CONTENT)


def test_the_pages_hold_what_sqlite_reads(whole: Path) -> None:
    connection = sqlite3.connect(whole)
    for table, columns, order in (("outcomes", 8, 0), ("runs", 9, 0), ("records", 4, (0, 1))):
        read = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        with Pages(whole) as pages:
            found = [cell.values() for cell in pages.cells() if cell.columns == columns]
        key = (lambda row: row[:2]) if order else (lambda row: row[0])
        assert sorted(found, key=key) == sorted(read, key=key)
    connection.close()
    assert len(read) == 23


def test_pages_that_only_the_log_has_are_read(tmp_path: Path) -> None:
    """A copy of a store at work: what the log holds counts as far as its last whole transaction."""
    store = Store.create(tmp_path)
    store.set_meta("state", "running")
    for number, (key, row) in enumerate(CONTENT.rows.items()):
        store.put_outcome(key, row[0], {"seed": number}, *row[1:])
    copy = tmp_path / "copy.sqlite"
    log = tmp_path / f"{STORE_FILE}-wal"
    shutil.copy(store.path, copy)
    data = log.read_bytes()
    (tmp_path / "copy.sqlite-wal").write_bytes(data)
    with Pages(copy) as pages:
        assert {c.values()[0] for c in pages.cells() if c.columns == 8} == set(CONTENT.rows)
    (tmp_path / "copy.sqlite-wal").write_bytes(data[: len(data) - 5000])
    with Pages(copy) as pages:
        found = {c.values()[0] for c in pages.cells() if c.columns == 8}
    assert found == set(list(CONTENT.rows)[:-1])
    store.close()


def test_a_whole_store_is_left_alone(whole: Path) -> None:
    before = whole.read_bytes()
    found = check(whole.parent, verified)
    assert (found.runs, found.faults) == (len(CONTENT.rows), ())
    assert whole.read_bytes() == before
    assert look(whole.parent, CONTENT) == (TRUTH, False)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_each_page_damaged_in_turn(whole: Path, tmp_path: Path, harm: Harm) -> None:
    """Detected or harmless, never a wrong answer; the repair saves all runs that the page does not touch."""
    pages = range(1, whole.stat().st_size // PAGE + 1)
    count = drill(whole, tmp_path, CONTENT, harm, random.Random(harm.__name__), pages)
    assert count["pages"] == len(pages) and count["found by a check"] > 0.5 * len(pages)


def test_a_store_cut_short(whole: Path, tmp_path: Path) -> None:
    data, count = whole.read_bytes(), 60
    path = tmp_path / STORE_FILE
    lengths = [0, 1, 99, 100, 511, PAGE - 1, PAGE, PAGE + 1, *(len(data) * k // count for k in range(1, count))]
    for length in lengths:
        path.write_bytes(data[:length])
        found, refused = look(tmp_path, CONTENT)
        assert found == {name: TRUTH[name] for name in found}
        faults = check(tmp_path, verified).faults
        assert faults and refused
        saved, kept = repair(tmp_path, verified)
        if kept is None:
            assert path.read_bytes() == data[:length] and length < 8 * PAGE
            continue
        with Store.open(tmp_path) as store:
            there = {o["key"] for o in store.outcomes()}
            with Pages(whole) as pages:
                reach = {c.values()[0] for c in pages.cells() if c.columns == 8 and max(c.on()) * PAGE <= length}
            assert there == reach and saved.runs[0] == len(reach)
            assert store.get_meta("state") == "interrupted"
        for file in tmp_path.iterdir():
            file.unlink()


def test_a_store_of_before_there_were_digests(tmp_path: Path) -> None:
    """Read as it is, brought up by the next driver, and repaired from its own shapes."""
    path = write_old(tmp_path, CONTENT)
    before = path.read_bytes()
    assert look(tmp_path, CONTENT) == (TRUTH, False)
    assert path.read_bytes() == before
    damaged = bytearray(before)
    damaged[: 2 * PAGE] = bytes(2 * PAGE)
    path.write_bytes(damaged)
    saved, kept = repair(tmp_path, verified)
    assert kept is not None and saved.runs == (len(CONTENT.rows), None) and not saved.everything
    with Store.open(tmp_path) as store:
        assert answers(store, CONTENT)["all"] == TRUTH["all"]
    path.write_bytes(before)
    with Store.create(tmp_path) as store:
        assert answers(store, CONTENT) == TRUTH
        assert [o["label"] for o in store.outcomes()] == [row[0] for row in CONTENT.rows.values()]
    assert look(tmp_path, CONTENT) == (TRUTH, False)


def test_a_damaged_outcome_of_before_there_were_digests_is_told(tmp_path: Path) -> None:
    path = write_old(tmp_path, CONTENT)
    key, row = next((key, row) for key, row in CONTENT.rows.items() if len(row[4]) > 3 * PAGE)
    data = bytearray(path.read_bytes())
    at = data.index(row[4][2 * PAGE : 2 * PAGE + 20])
    data[at] ^= 1
    path.write_bytes(data)
    with Store.open(tmp_path) as store, pytest.raises(GlasspotError, match=f"outcome of run {key} is not as"):
        store.get_outcome(key)


def test_kept_stores_are_never_written_over(whole: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        content = whole.read_bytes()[: (20 + number) * PAGE]
        (tmp_path / STORE_FILE).write_bytes(content)
        _, kept = repair(tmp_path, verified)
        assert kept is not None and kept.name == f"{STORE_FILE}.damaged-{number}" and kept.read_bytes() == content


def test_what_sqlite_keeps_beside_a_damaged_store_is_not_taken_for_the_new_one_s(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    path.write_bytes(whole.read_bytes()[: 30 * PAGE])
    for end in ("-wal", "-shm", "-journal"):
        (tmp_path / (STORE_FILE + end)).write_bytes(b"of the damaged one")
    repair(tmp_path, verified)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        STORE_FILE, *(f"{STORE_FILE}.damaged-1{end}" for end in ("", "-journal", "-shm", "-wal")),
    ]  # fmt: skip
    assert check(tmp_path, verified).faults == ()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM records WHERE kind = 'step' AND number = 7", "19 rows of records step where there were 20"),
        ("DELETE FROM runs WHERE label = 'fit 4'", "17 rows of runs where there were 18"),
        ("DELETE FROM outcomes WHERE label = 'fit 4'", "is gone"),
        ("DELETE FROM seal", "the seal is gone"),
        ("DELETE FROM meta WHERE key = 'plan'", "3 rows of meta where there were 4"),
        ("UPDATE meta SET value = '13.5' WHERE key = 'seconds'", 'the value of "seconds" is not as it was written'),
        ("UPDATE records SET content = '{}' WHERE number = 2 AND kind = 'step'", "record 2 of step is not as"),
        ("UPDATE runs SET ok = 1 - ok WHERE label = 'fit 4'", "a row of the table of runs is damaged"),
        ("UPDATE outcomes SET outcome = x'00' WHERE label = 'fit 4'", "is not as it was written"),
        ("UPDATE outcomes SET spec = '{}' WHERE label = 'fit 4'", "not what its name says"),
        ("DROP TABLE records", "it has not the tables of a store"),
        ("PRAGMA user_version = 9", "its format is 9, and this glasspot knows 2"),
    ],
)
def test_rows_that_were_changed_or_vanished_are_told(whole: Path, tmp_path: Path, statement: str, told: str) -> None:
    path = tmp_path / STORE_FILE
    shutil.copy(whole, path)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    found, _ = look(tmp_path, CONTENT)
    assert found == {name: TRUTH[name] for name in found}
    assert any(told in fault for fault in check(tmp_path, verified).faults)


def test_a_page_of_an_earlier_moment_is_told(tmp_path: Path) -> None:
    """A write that the disk forgot: every row on the page is as it was once written, but not last."""
    store = Store.create(tmp_path)
    for number in range(4):
        store.put_record("step", number, {"cost": 1.0})
    store.close()
    before = store.path.read_bytes()
    with Store.create(tmp_path) as store:
        store.put_record("step", 3, {"cost": 2.0})
    after = store.path.read_bytes()
    forgotten = bytearray(before)
    (seal,) = (k for k in range(0, len(after), PAGE) if b'"records step": [4' in after[k : k + PAGE])
    forgotten[seal : seal + PAGE] = after[seal : seal + PAGE]
    store.path.write_bytes(forgotten)
    with Store.open(tmp_path) as store, pytest.raises(GlasspotError, match="not those that were written last"):
        store.records("step")

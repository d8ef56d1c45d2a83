"""Who may look at a store and when: journals by disk, readers beside a driver, kills, read-only folders, clocks."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glasspot.errors import GlasspotError
from glasspot.store import STORE_FILE, DamagedError, Store, connect, disk
from mounts import read_only

ENDS = ("", "-wal", "-shm", "-journal")


@pytest.fixture
def on_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every disk look like one that other machines see."""
    monkeypatch.setattr(connect, "is_local", lambda folder: False)
    monkeypatch.setattr(connect, "AGE_S", 0.05)


def journal(store: Store) -> str:
    return str(store._connection.execute("PRAGMA journal_mode").fetchone()[0])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def put(store: Store, number: int) -> None:
    store.put_outcome(f"k{number}", f"run {number}", {}, True, "", 1.0, b"x" * 5000)


@pytest.mark.parametrize(
    ("place", "kind", "local"),
    [
        ("/home/a/runs", "nfs4", False),
        ("/home/my disk/runs", "ext4", True),
        ("/scratch/me", "lustre", False),
        ("/scratch/fast/me", "xfs", True),
        ("/data/me", "beegfs_nodev", False),
        ("/mnt/s", "fuse.sshfs", False),
        ("/hidden/x", "nfs", False),
        ("/elsewhere", "ext4", True),
        ("/homely", "ext4", True),
    ],
)
def test_the_disk_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, kind: str, local: bool
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/my\\040disk ext4 rw 0 0\n"
        "a@tcp:/s /scratch lustre rw 0 0\n/dev/sdc /scratch/fast xfs rw 0 0\nb /data beegfs_nodev rw 0 0\n"
        "me@there: /mnt/s fuse.sshfs rw 0 0\n/dev/sdd /hidden xfs rw 0 0\nserver:/h /hidden nfs rw 0 0\nbroken\n"
    )
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    assert (disk.file_system(Path(place)), disk.is_local(Path(place))) == (kind, local)


def test_a_disk_of_which_nothing_is_known_counts_as_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "none")
    assert not disk.is_local(tmp_path)


def test_a_disk_of_this_machine_has_a_log_and_one_file_is_left(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        put(store, 1)
        assert journal(store) == "wal"
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert names(tmp_path) == {STORE_FILE}
    with Store.open(tmp_path) as store:
        assert journal(store) == "delete" and store.has_outcome("k1")


def test_a_shared_disk_has_no_log(tmp_path: Path, on_network: None) -> None:
    with Store.create(tmp_path) as store:
        put(store, 1)
        assert journal(store) == "delete" and names(tmp_path) == {STORE_FILE}
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA
        with Store.open(tmp_path) as reader:
            put(store, 2)
            assert len(reader.outcomes()) == 2


def test_a_store_with_a_log_loses_it_on_a_shared_disk(tmp_path: Path, on_network: None) -> None:
    connection = sqlite3.connect(Store.create(tmp_path).path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("SELECT * FROM meta")
    connection.close()
    with Store.create(tmp_path) as store:
        put(store, 1)
        assert journal(store) == "delete"


def test_a_reader_that_holds_the_file_makes_the_driver_wait_and_not_fail(tmp_path: Path, on_network: None) -> None:
    with Store.create(tmp_path) as store:
        slow = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
        slow.execute("BEGIN")
        slow.execute("SELECT * FROM meta").fetchall()
        waited = threading.Event()

        def let_go() -> None:
            time.sleep(1.5)  # longer than SQLite itself waits
            waited.set()
            slow.execute("COMMIT")

        thread = threading.Thread(target=let_go)
        thread.start()
        put(store, 1)
        assert waited.is_set() and store.has_outcome("k1")
        thread.join()
        slow.close()


def test_a_driver_that_is_never_let_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasspot.store import access

    monkeypatch.setattr(access, "PATIENCE_S", 0.1)
    with Store.create(tmp_path) as store:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GlasspotError, match=r"cannot be written \(database is locked\)"):
            put(store, 1)
        other.close()
        put(store, 1)


def test_a_reader_that_looks_on_while_the_driver_ends(tmp_path: Path) -> None:
    """The log cannot be taken away under it; what is left is read all the same, also where nothing can be written."""
    store = Store.create(tmp_path)
    put(store, 1)
    with Store.open(tmp_path) as reader:
        assert reader.has_outcome("k1")
        store.close()
        assert reader.has_outcome("k1")
    with Store.open(tmp_path) as reader:
        assert reader.has_outcome("k1")
    with Store.create(tmp_path):
        pass
    assert names(tmp_path) == {STORE_FILE}


def with_sleeps(monkeypatch: pytest.MonkeyPatch, during: Callable[[], object] = lambda: None) -> list[float]:
    """Let nobody who waits for what is remembered to age wait really; ``during`` happens meanwhile."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        during()

    monkeypatch.setattr(connect.time, "sleep", sleep)
    return slept


def pages_of_before(path: Path) -> Callable[[], object]:
    """Put the first page of a change to come over a store, and none of the others; return what makes it whole."""
    now = path.read_bytes()
    mixed = bytearray(now[:4096] + bytes(len(now) - 4096))
    mixed[27] += 1  # the number of changes
    path.write_bytes(mixed)
    return lambda: path.write_bytes(now)


@pytest.mark.parametrize("opened", [True, False])
def test_what_only_looks_damaged_through_a_network_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None, opened: bool
) -> None:
    with Store.create(tmp_path) as store:
        put(store, 1)
    if opened:
        with Store.open(tmp_path) as reader:
            slept = with_sleeps(monkeypatch, pages_of_before(store.path))
            assert reader.get_outcome("k1") == b"x" * 5000
    else:
        slept = with_sleeps(monkeypatch, pages_of_before(store.path))
        with Store.open(tmp_path) as reader:
            assert reader.get_outcome("k1") == b"x" * 5000
    assert slept == [connect.AGE_S]


def test_damage_that_stays_is_told_and_then_believed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    with Store.create(tmp_path) as store:
        put(store, 1)
    with Store.open(tmp_path) as reader:
        slept = with_sleeps(monkeypatch)
        mend = pages_of_before(store.path)
        for _ in range(2):
            with pytest.raises(DamagedError):
                reader.get_outcome("k1")
        assert len(slept) == connect.LOOKS - 1
        mend()


def test_damage_on_a_disk_of_this_machine_is_believed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.create(tmp_path).close()
    pages_of_before(tmp_path / STORE_FILE)
    slept = with_sleeps(monkeypatch)
    with Store.open(tmp_path) as reader, pytest.raises(DamagedError):
        reader.outcomes()
    assert slept == []


def test_a_driver_waits_until_a_store_of_another_machine_is_seen_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    slept = with_sleeps(monkeypatch)
    Store.create(tmp_path).close()
    assert slept == []
    Store.create(tmp_path).close()
    assert slept == [connect.AGE_S]


def test_a_journal_that_is_remembered_and_gone_undoes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_network: None
) -> None:
    """A client of a file server may show the journal of a transaction that has ended: what was written must stand."""
    journal, remembered = tmp_path / f"{STORE_FILE}-journal", tmp_path / "remembered"
    with Store.create(tmp_path) as store:
        put(store, 1)
        store._connection.execute("PRAGMA cache_size=5")  # so that the journal is on the disk before the end

        def remember(statement: str) -> None:
            if statement == "COMMIT":
                shutil.copy(journal, remembered)

        store._connection.set_trace_callback(remember)
        store.put_outcome("k2", "a large run", {}, True, "", 1.0, b"y" * 9_000_000)
    shutil.copy(remembered, journal)
    slept = with_sleeps(monkeypatch, lambda: journal.unlink(missing_ok=True))
    with Store.open(tmp_path) as store:
        assert [outcome["key"] for outcome in store.outcomes()] == ["k1", "k2"]
    assert slept


KILLED = """
import os, sys
from pathlib import Path
from glasspot.store import Store, connect
connect.is_local = lambda folder: sys.argv[2] == "local"
store = Store.create(Path(sys.argv[1]))
for number in range(3):
    store.put_outcome(f"k{number}", "a run", {}, True, "", 1.0, b"x" * 5000)
connection = store._connection
connection.execute("PRAGMA cache_size=5")  # so that pages of a transaction under way reach the disk
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE outcomes SET outcome = randomblob(9000000)")
os._exit(9)
"""


def killed(folder: Path, where: str) -> None:
    """Leave a store as a driver does that is killed in the middle of a write."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), where])
    assert done.returncode == 9


def test_a_journal_that_was_left_behind_on_a_network_is_undone(tmp_path: Path, on_network: None) -> None:
    killed(tmp_path, "shared")
    with Store.open(tmp_path) as store:
        assert len(store.outcomes()) == 3
    assert names(tmp_path) == {STORE_FILE}


@pytest.mark.parametrize("where", ["local", "shared"])
def test_after_a_kill_in_the_middle_of_a_write_readers_see_what_was_finished(tmp_path: Path, where: str) -> None:
    killed(tmp_path, where)
    assert f"{STORE_FILE}-{'wal' if where == 'local' else 'journal'}" in names(tmp_path)
    with Store.open(tmp_path) as store:
        assert [o["key"] for o in store.outcomes()] == ["k0", "k1", "k2"]
        assert store.get_outcome("k1") == b"x" * 5000


def test_a_kill_while_a_reader_looks(tmp_path: Path) -> None:
    Store.create(tmp_path).close()
    with Store.open(tmp_path) as reader:
        assert reader.outcomes() == []
        killed(tmp_path, "shared")
        assert len(reader.outcomes()) == 3


def test_a_finished_run_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Store.create(folder) as store:
        put(store, 1)
    with read_only(folder, tmp_path / "ro") as place, Store.open(place) as store:
        assert store.get_outcome("k1") == b"x" * 5000
    with read_only(folder, tmp_path / "ro") as place, pytest.raises(GlasspotError, match="cannot write the store"):
        Store.create(place)


def test_a_store_that_was_left_with_the_mark_of_a_log_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Store.create(folder) as store:
        put(store, 1)
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert names(folder) == {STORE_FILE}
    with read_only(folder, tmp_path / "ro") as place, Store.open(place) as store:
        assert store.has_outcome("k1")


@pytest.mark.parametrize("beside", [("-wal", "-shm"), ("-wal",), ("-journal",)])
def test_a_killed_run_where_nothing_can_be_written(tmp_path: Path, beside: tuple[str, ...]) -> None:
    """Read where SQLite can, and told what to do where it cannot."""
    killed(tmp_path / "run", "shared" if "-journal" in beside else "local")
    for end in {"-wal", "-shm", "-journal"} - set(beside):
        (tmp_path / "run" / f"{STORE_FILE}{end}").unlink(missing_ok=True)
    with read_only(tmp_path / "run", tmp_path / "ro") as place:
        if beside == ("-wal", "-shm"):
            with Store.open(place) as store:
                assert len(store.outcomes()) == 3
        else:
            with pytest.raises(GlasspotError, match=r"left in the middle of a write, .*; copy the whole folder"):
                Store.open(place)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with Store.open(tmp_path / "copy") as store:
        assert len(store.outcomes()) == 3


def test_a_live_run_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Store.create(folder) as store, read_only(folder, tmp_path / "ro") as place, Store.open(place) as reader:
        put(store, 1)
        assert reader.has_outcome("k1")


@pytest.mark.parametrize("jump", [lambda now: now - 86400 * 20, lambda now: now + 86400 * 400, lambda now: 0.0])
def test_a_clock_that_jumps_does_not_change_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: Callable[[float], float]
) -> None:
    with Store.create(tmp_path) as store:
        put(store, 5)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: jump(real()))
        put(store, 3)
        monkeypatch.setattr(time, "time", real)
        put(store, 4)
        assert [o["key"] for o in store.outcomes()] == ["k5", "k3", "k4"]

"""Jobs by hash, outcomes as bytes, and the store that keeps them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Continue, EngineChoice, Job, Observe, Outcome, Packing, content_key
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.store import STORE_FILE, Store
from glasspot.store.access import Access


def job(**changes: object) -> Job:
    base = Job(
        load_potential("BKS"),
        Packing({"Si": 27, "O": 54}, 10.7, 1),
        preset("liquid-pdf"),
        7,
        EngineChoice(),
        Observe(8.0, 640),
        "a label",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_job_is_named_by_what_was_asked() -> None:
    assert job().key == job().key
    assert job(label="another").key == job().key  # a label is for people
    different = [
        job(seed=8),
        job(potential=load_potential("CHIK")),
        job(start=Packing({"Si": 27, "O": 54}, 10.7, 2)),
        job(start=Continue("0" * 20)),
        job(protocol=preset("liquid-pdf", sample_ps=5.0)),
        job(engine=EngineChoice(command="lmp")),
        job(observe=Observe(8.0, 320)),
        job(observe=Observe(8.0, 640, response=ParameterSpace.build(load_potential("BKS"), ["charge.Si"]))),
    ]
    keys = {j.key for j in different}
    assert len(keys) == len(different) and job().key not in keys


def test_the_key_does_not_depend_on_the_order_of_a_table() -> None:
    assert content_key({"a": 1, "b": {"c": 2, "d": 3}}) == content_key({"b": {"d": 3, "c": 2}, "a": 1})


def outcome() -> Outcome:
    arrays = {"histogram": np.arange(12.0).reshape(3, 4), "types": np.array([0, 1, 1])}
    return Outcome("k1", True, "", "", {"seconds": 2.5}, arrays, {"labels": ["Si-O"]})


def test_an_outcome_survives_its_bytes() -> None:
    again = Outcome.from_bytes(outcome().to_bytes())
    assert (again.key, again.ok, dict(again.numbers), dict(again.texts)) == (
        "k1", True, {"seconds": 2.5}, {"labels": ["Si-O"]},
    )  # fmt: skip
    assert np.array_equal(again.arrays["histogram"], outcome().arrays["histogram"])


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_damaged_bytes_are_told(cut: int) -> None:
    with pytest.raises(GlasspotError, match="damaged"):
        Outcome.from_bytes(outcome().to_bytes()[:cut])


def test_no_pickled_object_is_ever_read() -> None:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, __header__=np.array([{"a": 1}], dtype=object))
    with pytest.raises(GlasspotError, match="damaged"):
        Outcome.from_bytes(buffer.getvalue())


def test_the_store_keeps_the_first_outcome_and_the_last_record(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.put_outcome("k1", "first", {"x": 1}, True, "", 2.0, b"one")
        store.put_outcome("k1", "again", {"x": 1}, True, "", 2.0, b"two")
        store.put_record("step", 0, {"cost": 0.5})
        store.put_record("step", 1, {"cost": 0.3})
        store.put_record("step", 1, {"cost": 0.2})
        store.set_meta("state", "running")
    with Store.open(tmp_path) as store:
        assert store.get_outcome("k1") == b"one"
        assert store.get_outcome("k2") is None
        assert [r["cost"] for r in store.records("step")] == [0.5, 0.2]
        assert store.get_meta("state") == "running"
        assert [o["label"] for o in store.outcomes()] == ["first"]


def test_a_reader_sees_what_a_writer_has_done_so_far(tmp_path: Path) -> None:
    with Store.create(tmp_path) as writer, Store.open(tmp_path) as reader:
        assert reader.records("step") == []
        writer.put_record("step", 0, {"cost": 0.5})
        assert len(reader.records("step")) == 1
        with pytest.raises(sqlite3.OperationalError):
            reader._connection.execute("DELETE FROM records")


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="not the folder of a glasspot run"):
        Store.open(tmp_path)


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / STORE_FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(GlasspotError, match="cannot be read"):
        Store.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 cut short", b"hello" * 500])
def test_a_damaged_store_names_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STORE_FILE).write_bytes(content)
    with pytest.raises(GlasspotError, match=r"it is damaged, or not of glasspot\. `glasspot repair .*` saves"):
        Store.open(tmp_path)
    with (
        pytest.raises(GlasspotError, match=r"it is damaged, or not of glasspot\. `glasspot repair .*` saves"),
        Store.create(tmp_path) as store,
    ):
        store.get_meta("settings")


def test_a_folder_of_folders_names_the_runs_inside(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match=r"not the folder of a glasspot run \(no store\.sqlite in it\)$"):
        Store.open(tmp_path)
    (tmp_path / "rung").mkdir()
    Store.create(tmp_path / "rung").close()
    with pytest.raises(GlasspotError, match=r"there are runs inside, such as .*rung"):
        Store.open(tmp_path)


class InterruptedConnection(sqlite3.Connection):
    """A connection that Ctrl-C meets once, in the middle of a transaction."""

    interrupt = False

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override]
        if self.interrupt and statement.startswith("INSERT"):
            self.interrupt = False
            raise KeyboardInterrupt
        return super().execute(statement, *values)  # type: ignore[arg-type]


def test_an_interrupt_while_writing_does_not_stop_the_next_write(tmp_path: Path) -> None:
    """A fit that is interrupted notes its state as it ends: it must not find a transaction half done."""
    Store.create(tmp_path).close()
    connection = sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None, factory=InterruptedConnection)
    with Store(Access(connection, tmp_path / STORE_FILE)) as store:
        connection.interrupt = True
        with pytest.raises(KeyboardInterrupt):
            store.put_record("step", 0, {"cost": 1.0})
        store.set_meta("state", "interrupted")
        assert store.records("step") == [] and store.get_meta("state") == "interrupted"

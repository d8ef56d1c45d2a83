"""Model files: what is written is read back; anything else is refused, unread and in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf import model_file
from glasspot.pcf.model_file import FORMAT, MODEL_FILE, about_model, load_model, save_model
from pcf_fake import FakeModel

SILICA = Composition.parse("SiO2")


@pytest.fixture(autouse=True)
def fake_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_file.KINDS, "fake", ("pcf_fake", "FakeModel.from_state"))


def write(path: Path, header: Any, **arrays: np.ndarray) -> Path:
    encoded = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, allow_pickle=False, header=encoded, **arrays)
    return path


def header(**changes: Any) -> dict[str, Any]:
    listed = [{"name": "weights of it", "shape": [3]}]
    return {"format": FORMAT, "kind": "fake", "meta": {"width": 0.1}, "arrays": listed} | changes


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model = FakeModel(0.08, np.array([1.0, 2.0, 1 / 3]))
    assert save_model(model, tmp_path, {"glasses": 12}) == tmp_path / MODEL_FILE
    found = load_model(tmp_path)
    assert isinstance(found, FakeModel)
    assert found.width == model.width
    np.testing.assert_array_equal(found.weights, model.weights)  # to the last bit: nothing is rounded
    np.testing.assert_array_equal(found.predict(SILICA).g, model.predict(SILICA).g)
    about = about_model(tmp_path)
    assert about["kind"] == "fake"
    assert about["about"] == {"glasses": 12}


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    assert isinstance(load_model(save_model(FakeModel(), tmp_path)), FakeModel)


def test_a_folder_without_a_model_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match=r"holds no model\.npz; give the folder that glasspot pcf train wrote"):
        load_model(tmp_path)
    with pytest.raises(GlasspotError, match="there is no folder"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "glasspot pcf model 2"}, "its format is not glasspot pcf model 1"),
        ({"kind": "__builtins__"}, "its kind is none of curve, paper"),
        ({"meta": None}, "its header is not whole"),
        ({"arrays": [{"name": "weights of it", "shape": [4]}]}, r"has the shape \[3\] in place of \[4\]"),
        ({"meta": {}}, "width"),
        ({"arrays": []}, "weights of it"),
    ],
)
def test_other_headers_are_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    write(tmp_path / MODEL_FILE, header(**changes), array_0=np.ones(3))
    with pytest.raises(GlasspotError, match=f"is no model of glasspot pcf .*{reason}.*nothing of it was run"):
        load_model(tmp_path)


def test_arrays_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    listed = [{"name": "weights of it", "shape": [4]}]
    write(tmp_path / MODEL_FILE, header(arrays=listed), array_0=np.ones(4))
    with pytest.raises(GlasspotError, match=r"weights have the shape \(4,\)"):
        load_model(tmp_path)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = np.array([Trap(sprung)], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(json.dumps(header()).encode(), dtype=np.uint8), array_0=trap)
    (tmp_path / MODEL_FILE).write_bytes(buffer.getvalue())
    with pytest.raises(GlasspotError, match="is no model of glasspot pcf"):
        load_model(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(GlasspotError, match="no npz archive"):
        load_model(tmp_path)
    assert not sprung.exists()
    pickle.loads((tmp_path / MODEL_FILE).read_bytes())  # noqa: S301
    assert sprung.exists(), "the trap of this test does not work"


@pytest.mark.parametrize("length", [0, 10, 0.5, 0.98])
def test_a_file_cut_short_is_refused(tmp_path: Path, length: float) -> None:
    path = save_model(FakeModel(), tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[: length if isinstance(length, int) else int(length * len(raw))])
    with pytest.raises(GlasspotError, match="is no model of glasspot pcf"):
        load_model(tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = save_model(FakeModel(weights=np.arange(3.0)), tmp_path)
    raw = bytearray(path.read_bytes())
    raw[60:90] = bytes(30)  # within the header's entry: the checksum of the archive no longer fits
    path.write_bytes(bytes(raw))
    with pytest.raises(GlasspotError, match="is no model of glasspot pcf"):
        load_model(tmp_path)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "LARGEST_FILE", 10**6)
    with zipfile.ZipFile(tmp_path / MODEL_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", bytes(2 * 10**6))  # zeros pack to nearly nothing
    assert (tmp_path / MODEL_FILE).stat().st_size < 10**5
    with pytest.raises(GlasspotError, match="would unpack to more than 1 MB"):
        load_model(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(bytes(2 * 10**6))
    with pytest.raises(GlasspotError, match="it has more than 1 MB"):
        load_model(tmp_path)

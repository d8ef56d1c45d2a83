"""The file of a set of pair curves: it comes back as it was, and whatever else is refused in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.pcf import curve_set
from glasspot.pcf.curve_set import CurveSet, endless
from pcf_samples import sample_set


def test_a_set_comes_back(tmp_path: Path) -> None:
    made = sample_set(5)
    made.save(tmp_path / "set.npz")
    found = CurveSet.load(tmp_path / "set.npz")
    assert found.n_curves == made.n_curves and found.oxides == made.oxides and found.provenance == made.provenance
    for one, other in zip(made.glasses, found.glasses, strict=True):
        assert (one.name, one.composition, dict(one.counts)) == (other.name, other.composition, dict(other.counts))
        np.testing.assert_array_equal(one.number_density, other.number_density)
        for pair in one.pairs:
            np.testing.assert_allclose(one.curves[pair], other.curves[pair], rtol=1e-6)  # single precision


def test_errors_are_those_of_the_runs() -> None:
    glass = sample_set(2, n_runs=4).glasses[1]
    error = glass.error("Si-O")
    assert error is not None
    np.testing.assert_allclose(error, glass.curves["Si-O"].std(axis=0, ddof=1) / 2.0)
    one = replace(glass, number_density=glass.number_density[:1], curves={"Si-O": glass.curves["Si-O"][:1]})
    assert one.error("Si-O") is None


def test_like_pairs_of_few_atoms_tend_to_one() -> None:
    """An ideal gas of 8 atoms in a box: g_aa of its pairs, divided by N^2 / 2, is 7/8."""
    flat = np.full(10, 7.0 / 8.0)
    np.testing.assert_allclose(endless("Ba-Ba", flat, {"Ba": 8, "O": 90}), 1.0)
    np.testing.assert_array_equal(endless("Ba-O", flat, {"Ba": 8, "O": 90}), flat)


def archive(header: object, **arrays: np.ndarray) -> bytes:
    """Return an npz file with a header."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"r,Si-O\n",
        pickle.dumps({"r": [1.0]}),
        archive({"format": "another"}, r=np.arange(3.0)),
        archive([1, 2], r=np.arange(3.0)),
        archive({"format": curve_set.FORMAT, "glasses": [{}], "provenance": {}}, r=np.arange(3.0)),
        archive({"format": curve_set.FORMAT, "glasses": [], "provenance": {}})[:-40],
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(GlasspotError, match="no set of pair curves of glasspot") as refused:
        CurveSet.load(tmp_path / "set.npz")
    assert "allow_pickle" not in str(refused.value)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", header=np.array([{"format": curve_set.FORMAT}], dtype=object))
    with pytest.raises(GlasspotError, match="no set of pair curves"):
        CurveSet.load(tmp_path / "set.npz")


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve_set, "LARGEST_FILE", 10**6)
    with zipfile.ZipFile(tmp_path / "set.npz", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("r.npy", bytes(2 * 10**6))
    with pytest.raises(GlasspotError, match="more than 1 MB"):
        CurveSet.load(tmp_path / "set.npz")


def test_curves_that_are_none(tmp_path: Path) -> None:
    made = sample_set(2)
    glass = made.glasses[0]
    for curves, message in (
        ({"Si-O": glass.curves["Si-O"][:1]}, r"shape \(1, 200\); expected \(3, 200\)"),
        ({"Si-O": glass.curves["Si-O"] - 1.0}, "below 0"),
        ({"Si-O": glass.curves["Si-O"] * np.nan}, "no numbers"),
    ):
        CurveSet(made.r, (replace(glass, curves=curves),)).save(tmp_path / "set.npz")
        with pytest.raises(GlasspotError, match=message):
            CurveSet.load(tmp_path / "set.npz")
    CurveSet(made.r + 0.01, made.glasses).save(tmp_path / "set.npz")
    with pytest.raises(GlasspotError, match="equal bins"):
        CurveSet.load(tmp_path / "set.npz")
    with pytest.raises(GlasspotError, match="there is no file"):
        CurveSet.load(tmp_path / "none.npz")

"""``glasspot distill`` as a user meets it: files, report, a second run, mistakes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distill_samples import GROUPS, made_up
from glasspot.cli import main
from glasspot.dataset.labelled import Dataset
from glasspot.dataset.reading import read_dataset
from glasspot.dataset.writing import write_extxyz
from glasspot.distill import kernels

pytest.importorskip("featomic", reason="featomic is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
QUICK = ["--d-tol", "0.02", "--r-cut", "3"]


@pytest.fixture()
def data(tmp_path: Path) -> Path:
    """A data set of 24 frames in three groups, as a file."""
    return write_extxyz(tmp_path / "dft.extxyz", made_up(each=8).frames, {"B": -70.0, "O": -430.0})


def distill(*words: str | Path) -> int:
    return main(["distill", *(str(word) for word in words)])


def test_frames_written_are_read_back(tmp_path: Path) -> None:
    """Energies to rounding; positions, forces and stress to the digits that ASE writes (1e-8)."""
    stress = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]]) / 100
    one = replace(made_up(each=1).frames[0], stress=stress)
    back = read_dataset(write_extxyz(tmp_path / "one.extxyz", [one], {"B": -70.0}))
    assert len(back) == 1 and back.isolated == {"B": -70.0}
    frame = back.frames[0]
    assert frame.energy == pytest.approx(one.energy, rel=1e-12)
    assert frame.forces == pytest.approx(one.forces, abs=1e-7)
    assert frame.stress == pytest.approx(stress, abs=1e-7)
    assert frame.frame.positions == pytest.approx(one.frame.positions, abs=1e-7)
    assert frame.config_type == one.config_type and frame.temperature == one.temperature


def test_a_distillation_writes_all_its_files(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert distill(data, "--fraction", "0.25", "--out", out, *QUICK) == 0
    said = capsys.readouterr().out
    assert "24 frames, all pairs" in said and "frames, from" in said and "SOAP alone" in said
    rows = list(csv.DictReader((out / "clusters.csv").open()))
    summary = json.loads((out / "distill.json").read_text())
    assert len(rows) == 24 and summary["state"] == "finished"
    assert [int(row["frame"]) for row in rows if row["chosen"] == "1"] == summary["chosen"]
    assert sum(summary["cluster_sizes"]) == 24 and set(summary["scan"]) == {"periodic", "coulomb"}
    assert [row["delta"] for row in summary["scan"]["periodic"]] == [round(0.1 * n, 1) for n in range(11)]
    chosen = read_dataset(out / "chosen.extxyz")
    assert len(chosen) == len(summary["chosen"]) and chosen.isolated == {"B": -70.0, "O": -430.0}
    assert {frame.config_type for frame in chosen.frames} == set(GROUPS)
    page = (out / "index.html").read_text()
    for text in (
        "Map of the frames by temperature",
        '"300 K"',
        "Map of the frames by energy",
        "Weight of the long range",
        "config_type",
    ):
        assert text in page
    for name in ("map-cluster", "map-group", "map-temperature", "map-energy", "delta", "distance"):
        assert (out / f"{name}.png").exists() and (out / f"{name}.svg").exists()


def test_a_second_run_computes_nothing_again_and_gives_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert distill(data, "--out", out, *QUICK) == 0
    first = (out / "clusters.csv").read_text()
    for name in ("power_spectra", "structure_factors", "packed_matrices"):
        monkeypatch.setattr(kernels, name, lambda *_: pytest.fail("computed again"))
    assert distill(data, "--out", out, *QUICK) == 0
    assert (out / "clusters.csv").read_text() == first
    assert distill(data, "--out", out, "--delta", "0.4", "--select", "farthest", *QUICK) == 0
    assert json.loads((out / "distill.json").read_text())["delta"] == 0.4


def test_a_killed_run_goes_on_in_its_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    real = kernels.structure_factors

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kernels, "structure_factors", killed)
    assert distill(data, "--out", out, *QUICK) == 130
    assert json.loads((out / "distill.json").read_text())["state"] == "running"
    monkeypatch.setattr(kernels, "structure_factors", real)
    monkeypatch.setattr(kernels, "power_spectra", lambda *_: pytest.fail("computed again"))
    assert distill(data, "--out", out, *QUICK) == 0


def test_json_is_all_that_is_printed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(data, "--delta", "0.5", "--json", "--out", tmp_path / "out", *QUICK) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["delta"] == 0.5
    assert printed == (tmp_path / "out" / "distill.json").read_text()


def test_the_folder_of_something_else_is_left_alone(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "index.html").write_text("mine")
    assert distill(data, "--out", foreign, *QUICK) == 2
    assert "has not made; choose another folder" in capsys.readouterr().err
    assert [path.name for path in foreign.iterdir()] == ["index.html"]
    other = write_extxyz(tmp_path / "other.extxyz", made_up(each=2, seed=7).frames)
    assert distill(data, "--out", tmp_path / "out", "--delta", "0.5", *QUICK) == 0
    assert distill(other, "--out", tmp_path / "out", "--delta", "0.5", *QUICK) == 2
    assert "result of other frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--delta", "2"], "--delta takes auto or a number from 0 to 1"),
        (["--delta", "often"], "--delta takes auto or a number from 0 to 1"),
        (["--fraction", "0"], "more than 0 and at most 1"),
        (["--fraction", "15"], "more than 0 and at most 1"),
        (["--r-cut", "0.1"], "r_cut is 0.1; expected 1 to 20"),
        (["--d-tol", "0"], "d_tol is 0; expected"),
        (["--max-clusters", "1"], "expected 2 or more"),
        (["--zeta", "-1"], "zeta is -1; expected more than 0"),
        (["--seed", "-1"], "expected a whole number from 0"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert distill(data, "--out", tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_few_frames_and_frames_without_energies_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_extxyz(tmp_path / "few.extxyz", made_up(each=1).frames[:2])
    assert distill(few, "--out", tmp_path / "a", *QUICK) == 2
    assert "2 frames are fewer than two clusters need" in capsys.readouterr().err
    bare = Dataset(tuple(replace(f, energy=None, forces=None) for f in made_up(each=4).frames), ("B", "O"))
    path = write_extxyz(tmp_path / "bare.extxyz", bare.frames)
    assert distill(path, "--out", tmp_path / "b", *QUICK) == 2
    assert "Give delta as a number" in capsys.readouterr().err
    assert distill(path, "--out", tmp_path / "b", "--delta", "0.5", *QUICK) == 0

"""glasspot analyse --against as a user types it: the page, its numbers, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.spacegroup import crystal

from glasspot.cli import main
from glasspot.curves import read_csv_columns
from glasspot.report.evidence_page import page
from glasspot.structure.against import compare
from glasspot.structure.frames import Frame
from glasspot.structure.readers import config_types, write_frames

Run = Callable[..., tuple[int, str, str]]


def silica(n: int, seed: int, size: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    base = crystal(["Si", "O"], [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)], spacegroup=227, cellpar=[7.16] * 3 + [90] * 3)
    frames = []
    for _ in range(n):
        atoms = base * (size, size, size)
        atoms.positions += rng.normal(scale=0.08, size=atoms.positions.shape)
        frames.append(Frame.from_ase(atoms))
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two glasses in folders of a quench, and reference frames of two kinds."""
    root = tmp_path_factory.mktemp("glasses")
    for name, seed, size in (("small", 1, 2), ("large", 2, 3)):
        (root / name).mkdir()
        write_frames(root / name / "frames.extxyz", silica(6, seed, size))
    lines = []
    for kind, seed in (("glass_300K", 3), ("liquid", 4)):
        write_frames(root / "part.extxyz", silica(4, seed, 2))
        text = (root / "part.extxyz").read_text()
        lines.append(text.replace("Lattice=", f"config_type={kind} Lattice="))
    (root / "dft.extxyz").write_text("".join(lines))
    return root


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        code = main(["analyse", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_page_and_files(folder: Path, run: Run, tmp_path: Path) -> None:
    glasses = [folder / "large" / "frames.extxyz", folder / "small" / "frames.extxyz"]
    out = tmp_path / "evidence"
    code, said, err = run(*glasses, "--against", folder / "dft.extxyz", "--type", "glass_300K", "--out", out)
    assert (code, err) == (0, "")
    assert "large: sound; R_X" in said and "Size effect" in said and "4-fold Si" in said
    text = (out / "index.html").read_text()
    for words in ("Size effect", "Partial curves", "dft.extxyz: glass_300K", "noise"):
        assert words in text
    document = json.loads((out / "evidence.json").read_text())
    assert set(document) == {
        "format", "glasspot", "r_max_A", "cutoffs_A", "cautions", "reference", "glasses",
    }  # fmt: skip
    assert document["reference"]["frames"] == 4
    large = document["glasses"][0]
    assert large["name"] == "large" and large["atoms"] == 648 and large["sound"] is True and large["findings"] == []
    assert 0 < large["R_X"]["X-ray g(r)"]["value"] < 0.2
    assert large["folds"]["Si"]["distribution"] == {"4": 1.0}
    curves = read_csv_columns(out / "g_of_r.csv")
    assert {"r_A", "dft.extxyz: glass_300K X-ray g(r)", "large g(r) Si-O", "small error X-ray g(r)"} <= set(curves)
    assert "large,R_X X-ray g(r)," in (out / "evidence.csv").read_text()
    assert {path.name for path in (out / "figures").glob("*.svg")} == {
        "g_total.svg", "s_total.svg", "g_partial.svg", "s_partial.svg", "folds_Si.svg", "folds_O.svg",
    }  # fmt: skip


def test_type_behind_a_colon_and_json(folder: Path, run: Run) -> None:
    code, said, _ = run(folder / "small" / "frames.extxyz", "--against", f"{folder / 'dft.extxyz'}:liquid", "--json")
    assert code == 0
    assert json.loads(said)["reference"]["name"] == "dft.extxyz: liquid"


def test_several_kinds_without_a_choice_are_said(folder: Path, run: Run) -> None:
    assert config_types(folder / "dft.extxyz") == ["glass_300K", "liquid"]
    assert config_types(folder / "small" / "frames.extxyz") == []
    code, said, _ = run(folder / "small" / "frames.extxyz", "--against", folder / "dft.extxyz")
    assert code == 0 and "of several kinds (glass_300K, liquid)" in said


def test_a_torn_glass_is_said_first(folder: Path, run: Run, tmp_path: Path) -> None:
    frame = silica(1, 7, 3)[0]
    centre = np.diag(frame.cell) / 2
    keep = np.linalg.norm(frame.positions - centre, axis=1) > 7.0
    write_frames(tmp_path / "torn.extxyz", Frame(frame.positions[keep], frame.cell, frame.species, frame.types[keep]))
    code, said, _ = run(tmp_path / "torn.extxyz", "--against", f"{folder / 'dft.extxyz'}:liquid")
    assert code == 0
    assert said.splitlines()[0].startswith("torn: not a sound glass: void")
    assert "failure: torn: there is a sphere of radius" in said


@pytest.mark.parametrize(
    "words, hint",
    [
        (["--type", "liquid"], "give them with --against"),
        (["--against", "dft.extxyz:liquid", "--type", "glass_300K"], "give one of them"),
        (["--against", "dft.extxyz", "--type", "gas"], 'no frames of config_type "gas"'),
        (["--against", "nowhere.extxyz"], "does not exist"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], hint: str
) -> None:
    monkeypatch.chdir(folder)
    code, said, err = run("small/frames.extxyz", *words, "--out", tmp_path / "out")
    assert code == 2 and said == "" and hint in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_names_are_escaped() -> None:
    frames = silica(1, 1, 2)
    nasty = "<script>alert(1)</script>"
    text = page(compare((f"ref {nasty}", frames), [(f"glass {nasty}", frames)]))
    assert nasty not in text

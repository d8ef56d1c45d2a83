"""[[target]] trajectory = ...: its keys, one reading for all targets, and mistakes in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glasspot.fit_settings.trajectories as module
from glasspot.campaign.plan import FitPlan
from glasspot.config import load_fit_config
from glasspot.errors import GlasspotError
from glasspot.fit_settings.plan import fit_plan
from glasspot.structure.frames import Frame

HEAD = """
title = "t"
[potential]
start = "BKS"
free = ["Si-O.A"]
[system]
composition = "SiO2"
atoms = 90
box = 11.0
temperature = 3600
"""


def target(pair: str, *lines: str, file: str = "run.extxyz") -> str:
    return "\n".join(["[[target]]", f'pair = "{pair}"', f'trajectory = "{file}"', "range = [1.0, 5.0]", *lines, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An ideal gas: 30 frames of a crystal's part, 60 of a liquid's, with and without a cell."""
    import ase.io

    rng = np.random.default_rng(1)
    images = []
    for number in range(90):
        atoms = Frame(rng.random((90, 3)) * 11.0, np.eye(3) * 11.0, ("Si", "O"), np.repeat([0, 1], [30, 60])).to_ase()
        atoms.info["config_type"] = "crystal" if number < 30 else "liquid"
        images.append(atoms)
    ase.io.write(tmp_path / "run.extxyz", images, format="extxyz")
    ase.io.write(tmp_path / "run.xyz", images, format="xyz")
    return tmp_path


def load(folder: Path, *targets: str) -> tuple[FitPlan, list[str]]:
    (folder / "fit.toml").write_text(HEAD + "".join(targets))
    return fit_plan(load_fit_config(folder / "fit.toml"), folder)


def test_one_trajectory_is_read_once_for_all_its_targets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    original = module.read_frames
    monkeypatch.setattr(module, "read_frames", lambda *a, **k: read.append(a) or original(*a, **k))
    wide = target("O-O").replace("5.0]", "5.4]")
    plan, notes = load(folder, target("Si-O"), wide, target("Si-Si"), target("total"))
    assert len(read) == 1
    assert [t.label for t in plan.states[0].targets] == ["g(r) Si-O", "g(r) O-O", "g(r) Si-Si", "g(r) total"]
    assert [len(t.values) for t in plan.states[0].targets] == [80, 88, 80, 80]
    told = [note for note in notes if "frames of run.extxyz" in note]
    assert [note.split(":")[0] for note in told] == [t.label for t in plan.states[0].targets]
    assert all("8 blocks, noise floor" in note for note in told)
    # Another choice of frames is another trajectory.
    load(folder, target("Si-O"), target("O-O", 'frames = "::2"'))
    assert len(read) == 3


def test_the_frames_that_are_asked_for(folder: Path) -> None:
    def told(*lines: str) -> str:
        _, notes = load(folder, target("Si-O", *lines))
        return next(note for note in notes if note.startswith("g(r) Si-O"))

    assert "90 frames of run.extxyz, 8 blocks" in told()
    assert "60 frames of liquid of run.extxyz" in told('config_type = "liquid"')
    assert "20 frames of liquid of run.extxyz" in told('config_type = "liquid"', 'frames = "::3"')
    assert "80 of 90 frames of run.extxyz (the first 10 are left out)" in told("skip = 10")
    assert "90 frames of run.extxyz" in told("skip = 0")


@pytest.mark.parametrize("cell", ["11", "11.0", "[11.0, 11.0, 11.0]"])
def test_a_cell_for_a_file_without_one(folder: Path, cell: str) -> None:
    plan, _ = load(folder, target("Si-O", f"cell = {cell}", file="run.xyz"))
    same, _ = load(folder, target("Si-O"))
    apart = np.abs(plan.states[0].targets[0].values - same.states[0].targets[0].values)
    # XYZ has eight or more digits, so at most a pair in 90 frames changes its bin.
    assert (apart > 1e-6).sum() <= 2


@pytest.mark.parametrize(
    ("lines", "file", "words"),
    [
        ([], "run.xyz", r"holds no cell, .* cell ?= ?17\.96"),
        (["cell = 0.0"], "run.xyz", r"target\.cell: expected the edge"),
        (["cell = [11.0, 11.0]"], "run.xyz", r"target\.cell: expected the edge"),
        (['cell = "11"'], "run.xyz", r"target\.cell: expected the edge"),
        (["cell = 1.1"], "run.xyz", r"but \[system\] has .* is the cell right \(1\.1 A"),
        (["skip = 90"], "run.extxyz", "90 frames, so 90 of them cannot be skipped"),
        (["skip = -1"], "run.extxyz", r"target\.skip: expected"),
        (["skip = true"], "run.extxyz", r"target\.skip: expected"),
        (['skip = "all"'], "run.extxyz", r"target\.skip: expected .auto"),
        (['frames = "half"'], "run.extxyz", '"half" chooses no frames'),
        (['config_type = "liqid"'], "run.extxyz", 'Did you mean "liquid"'),
        (['config_type = "liquid"', "cell = 11.0"], "run.xyz", "no extended XYZ"),
    ],
)
def test_mistakes_are_one_line(folder: Path, lines: list[str], file: str, words: str) -> None:
    with pytest.raises(GlasspotError, match=words) as error:
        load(folder, target("Si-O", *lines, file=file))
    assert "\n" not in str(error.value)


def test_keys_of_a_trajectory_belong_to_one(folder: Path) -> None:
    (folder / "g.csv").write_text("r,g\n" + "\n".join(f"{0.05 * k + 0.025:.3f},1" for k in range(120)))
    with pytest.raises(GlasspotError, match="cell, skip is for a trajectory; got file"):
        load(folder, target("Si-O", "skip = 3", "cell = 11.0").replace('trajectory = "run.extxyz"', 'file = "g.csv"'))

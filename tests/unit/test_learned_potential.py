"""The file of a machine-learned potential, and what LAMMPS is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.engine.base import CannotRunError
from glasspot.engine.lammps import LammpsEngine
from glasspot.engine.learned_deck import STIFFNESS, write
from glasspot.engine.native.engine import NativeEngine
from glasspot.errors import GlasspotError
from glasspot.files import parse_toml
from glasspot.potential.learned import LearnedPotential, file_hash, learned_from_dict, learned_to_toml


def made(folder: Path, kind: str = "pod", **more: object) -> LearnedPotential:
    names = {"parameters": "p.pod", "coefficients": "c.pod"} if kind == "pod" else {"model": "m.xml"}
    files = {}
    for role, name in names.items():
        (folder / name).write_text(role)
        files[role] = folder / name
    hashes = {role: file_hash(path) for role, path in files.items()}
    return LearnedPotential(kind, "a model", ("As", "Te"), 5.0, files, hashes, **more)


def test_the_file_goes_round(tmp_path: Path) -> None:
    potential = made(tmp_path, closest={"As-Te": 2.4}, cautions=('say "no"',), title="ä")
    text = learned_to_toml(potential)
    assert learned_from_dict(parse_toml(text.encode(), "x"), tmp_path, "x") == potential


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "podd"}, "kind"),
        ({"rcut": 5.0}, 'unknown key "rcut".*r_cut'),
        ({"r_cut": "5"}, "r_cut is '5'"),
        ({"elements": []}, "elements is"),
        ({"elements": ["As", "Te; shell"]}, "elements is"),
        ({"files": {"parameters": "../p.pod", "coefficients": "c.pod"}}, "same folder"),
        ({"files": {"parameters": "p.pod"}}, "need parameters and coefficients"),
        ({"files": {"parameters": "p.pod", "coefficients": "gone.pod"}}, "is missing"),
        ({"closest": {"As-Xx": 2.0}}, "closest"),
        ({"closest": {"As-Te": -2.0}}, "closest As-Te"),
        ({"cautions": "one"}, "cautions"),
        ({"name": ""}, "name"),
    ],
)
def test_bad_files_are_refused_in_plain_words(tmp_path: Path, change: dict, message: str) -> None:
    table = parse_toml(learned_to_toml(made(tmp_path)).encode(), "x") | change
    with pytest.raises(GlasspotError, match=message):
        learned_from_dict(table, tmp_path, "x.toml")


def test_a_changed_model_file_is_noticed(tmp_path: Path) -> None:
    table = parse_toml(learned_to_toml(made(tmp_path)).encode(), "x")
    (tmp_path / "c.pod").write_text("other")
    with pytest.raises(GlasspotError, match="not the file that was fitted"):
        learned_from_dict(table, tmp_path, "x.toml")


def test_another_model_is_another_potential(tmp_path: Path) -> None:
    one = made(tmp_path)
    assert one.potential_id != made(tmp_path, closest={"As-Te": 2.4}).potential_id
    with pytest.raises(GlasspotError, match='does not know "Se"'):
        one.for_composition(None, {"Se": 3})  # type: ignore[arg-type]


def test_engines_refuse_what_they_cannot_run(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match="closed forms only"):
        NativeEngine().check(made(tmp_path), ("As",), np.eye(3) * 20)
    LammpsEngine().check(made(tmp_path), ("As",), np.eye(3) * 20)
    with pytest.raises(CannotRunError, match="pair_style quip"):
        LammpsEngine().check(made(tmp_path, "gap"), ("As",), np.eye(3) * 20)


def test_the_wall_begins_where_the_data_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    text = write(made(tmp_path, closest={"As-Te": 2.4}), ("Te", "As"), folder / "potential.include")
    assert "pair_style hybrid/overlay pod table linear" in text
    assert "pair_coeff * * pod p.pod c.pod Te As" in text
    assert "pair_coeff 1 2 table wall.table Te-As" in text
    rows = np.array([line.split() for line in (folder / "wall.table").read_text().splitlines()[3:]], dtype=float)
    r, energy, force = rows[:, 1], rows[:, 2], rows[:, 3]
    assert r[-1] == 2.4
    assert energy[-1] == force[-1] == 0
    assert energy == pytest.approx(STIFFNESS * (2.4 - r) ** 2)
    # F = -dE/dr, by central differences on an even grid of a parabola: exact but for rounding.
    assert force[1:-1] == pytest.approx(-(energy[2:] - energy[:-2]) / (r[2:] - r[:-2]), rel=1e-6)


def test_without_known_distances_there_is_no_wall(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    text = write(made(tmp_path), ("As", "Te"), folder / "potential.include")
    assert text.splitlines()[1:] == ["pair_style pod", "pair_coeff * * p.pod c.pod As Te"]
    assert sorted(path.name for path in folder.iterdir()) == ["c.pod", "p.pod", "potential.include"]

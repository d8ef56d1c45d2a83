"""``glasspot potentials``: what it prints, its stable JSON, files that LAMMPS and ASE run, and its error lines."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from glasspot.cli import build_parser, potentials
from glasspot.engine.process import find_program
from glasspot.errors import GlasspotError
from glasspot.potential.io import list_potentials, load_potential

BOROSILICATE = "20 Na2O 20 B2O3 60 SiO2"


def call(*words: str | Path) -> int:
    """Run the command as the command line does."""
    args = build_parser().parse_args(["potentials", *map(str, words)])
    return int(args.run(args))


def test_list_is_the_default(capsys) -> None:
    assert call() == 0
    default = capsys.readouterr().out
    assert call("list") == 0
    assert capsys.readouterr().out == default
    for name in list_potentials():
        assert f"\n{name} " in default
    assert "van Beest 1990" in default and "PPPM 1e-05, 11 A" in default


@pytest.mark.parametrize("words", [("--json",), ("list", "--json"), ("--json", "list")])
def test_list_json(words: tuple[str, ...], capsys) -> None:
    assert call(*words) == 0
    found = json.loads(capsys.readouterr().out)["potentials"]
    assert [entry["name"] for entry in found] == list_potentials()
    assert set(found[0]) == {"name", "title", "elements", "electrostatics", "verified", "source", "doi"}
    assert {entry["name"]: entry for entry in found}["BKS"]["elements"] == ["Si", "O"]


@pytest.mark.parametrize("name", list_potentials())
def test_show_tells_everything(name: str, capsys) -> None:
    potential = load_potential(name)
    assert call("show", name.lower()) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert potential.title in text
    for told in (potential.source, potential.verification, *potential.cautions):
        assert all(word in text for word in told.split())
    assert ("NOT VERIFIED" in text) == (potential.verified == "no")
    assert ("PARTLY VERIFIED" in text) == (potential.verified == "partly")
    for pair in potential.pairs:
        assert "-".join(pair.elements) in text


def test_show_prints_energies_in_ev_whatever_the_file_says(capsys) -> None:
    call("show", "Wang-2018")
    assert "A = 206942.4" in capsys.readouterr().out  # 4772206.15 kcal/mol in the file


def test_show_one_glass(capsys) -> None:
    call("show", "BMP", "--composition", BOROSILICATE)
    text = capsys.readouterr().out
    assert "D = 2.7366" in text  # R = 1, K = 3
    assert "Si-O-Si" in text and "12.5 eV/rad^2" in text
    assert "Ag-O" not in text
    call("show", "SHIK", "--composition", "SiO2")
    assert "O -0.88775" in capsys.readouterr().out


def test_show_json(capsys) -> None:
    call("show", "BKS", "--json")
    found = json.loads(capsys.readouterr().out)
    keys = "name title source doi unit verified verification cautions elements charges balance r_cut cutoff wall "
    keys += "coulomb pairs three_body walls composition potential_id"
    assert set(found) == set(keys.split())
    assert found["unit"] == "eV" and found["charges"] == {"Si": 2.4, "O": -1.2}
    (wall,) = found["walls"]
    assert wall["elements"] == ["O", "O"] and wall["barrier_eV"] == pytest.approx(11.9, abs=0.1)
    assert found["pairs"][0]["terms"][0]["A"] == 18003.7572
    call("show", "SHIK", "--json", "--composition", "30 Na2O 70 SiO2")
    found = json.loads(capsys.readouterr().out)
    assert found["smooth_width"] == 0.2 and found["composition"] == "30 Na2O 70 SiO2"
    assert found["charges"]["O"] == pytest.approx(-(0.6 * 0.6018 + 0.7 * 1.7755) / 1.7)


@pytest.mark.parametrize(
    "name, extra, species",
    [
        ("ML", (), ("Si", "O")),
        ("SHIK", ("--composition", "30 Na2O 70 SiO2"), ("Si", "Na", "O")),
        ("BMP", ("--composition", BOROSILICATE), ("B", "Si", "Na", "O")),
        ("BayOpt-2025", ("--composition", "15 Na2O 10 CaO 25 B2O3 50 SiO2", "--atoms", "150"), None),
    ],
)
def test_lammps_runs_the_export_as_it_is(name: str, extra: tuple[str, ...], species, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "out"
    assert call("export", name, "--format", "lammps", "--out", folder, *extra, "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert set(found) == {"name", "format", "folder", "species", "files", "verified"}
    assert found["files"] == sorted(file.name for file in folder.iterdir())
    if species:
        assert tuple(found["species"]) == species
    assert ("NOT VERIFIED" in told.err) == (load_potential(name).verified == "no")
    program = find_program(None)
    done = subprocess.run(
        [*program.argv, "-in", "in.example", "-log", "none"],
        cwd=folder,
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "ERROR" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()[:1].isdigit() and len(line.split()) == 6]
    step, temperature, energy = (float(rows[-1][k]) for k in (0, 1, 2))
    assert step >= 100 and 0 < temperature < 3000 and np.isfinite(energy)
    assert energy < float(rows[0][2])  # the minimisation came down from the random packing


def test_export_names_the_types_in_order(tmp_path: Path, capsys) -> None:
    call("export", "BKS", "--format", "lammps", "--elements", "O,Si", "--out", tmp_path)
    assert "atom types: 1 O, 2 Si" in capsys.readouterr().out
    text = (tmp_path / "potential.include").read_text()
    assert "pair_coeff 1 1 potential.table O_O" in text and "set type 1 charge -1.2" in text


def test_ase_export_gives_the_same_energy(tmp_path: Path, capsys) -> None:
    from ase import Atoms

    assert call("export", "BKS", "--format", "ase", "--out", tmp_path) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"potential.toml", "ase_calculator.py"}
    spec = importlib.util.spec_from_file_location("ase_calculator", tmp_path / "ase_calculator.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    atoms = Atoms("SiO", positions=[[0, 0, 0], [1.6, 0, 0]], cell=[40, 40, 40], pbc=True)
    atoms.calc = module.calculator()
    bks = load_potential("BKS")
    r = np.array([1.6])
    # One pair, no images in reach: its force is that of the closed form (the energy also has the DSF self term or not).
    assert atoms.get_forces()[1, 0] == pytest.approx(float(bks.pair_force("Si", "O", r)[0]), rel=1e-8)


def test_default_folder_is_named_after_the_set(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    call("export", "CHIK", "--format", "ase")
    assert (tmp_path / "CHIK-ase" / "potential.toml").is_file()


@pytest.mark.parametrize(
    "words, message",
    [
        (("show", "BSK"), 'unknown potential "BSK"'),
        (("show", "missing.toml"), "cannot read the potential file missing.toml"),
        (("show", "PMMCS", "--composition", "70 SiO2 30 B2O3"), "no charge for B"),
        (("export", "PMMCS", "--format", "lammps"), "29 species; name yours with --elements"),
        (("export", "SHIK", "--format", "lammps", "--elements", "Si,O"), "the charge of O from the glass"),
        (("export", "BMP", "--format", "lammps", "--elements", "Si,B,O"), "the depth of B-O from the glass"),
        (("export", "BMP", "--format", "ase", "--composition", BOROSILICATE), "three-body terms"),
        (("export", "BKS", "--format", "lammps", "--elements", "Si,Xx"), 'does not know "Xx"'),
        (("export", "BKS", "--format", "lammps", "--elements", "Si,Si"), "different elements"),
        (("export", "BKS", "--format", "lammps", "--atoms", "100000000"), "--atoms takes 1 to 30000"),
        (("export", "BKS", "--format", "lammps", "--out", "/dev/null/x"), "cannot write into /dev/null/x"),
    ],
)
def test_mistakes_get_one_clear_line(words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GlasspotError) as error:
        call(*words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_file_of_ones_own(tmp_path: Path, capsys) -> None:
    from glasspot.potential.io import potential_to_toml

    text = potential_to_toml(load_potential("BKS")).replace('name = "BKS"', 'name = "Mine"')
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert call("show", tmp_path / "mine.toml") == 0
    assert capsys.readouterr().out.startswith("Mine: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "BKS"', 'name = "../../x"', "expected one line of 1 to 60 characters without /"),
        ('name = "BKS"', 'name = "a\\nshell ls"', "expected one line of 1 to 60 characters"),
        ('name = "BKS"', f'name = "{"x" * 300}"', "expected one line of 1 to 60 characters"),
        ("Si = 2.4", 'Si = 2.4\n"$(ls)" = 1.0', '"$(ls)" is no chemical element'),
        ("Si = 2.4", "Si = 2.4\nQq = 1.0", '"Qq" is no chemical element'),
        ("alpha = 0.25", "alpha = 1e300", '"alpha" must lie between 0 and 10 1/A'),
        ("r_cut = 8.0", "r_cut = 1e9", '"r_cut" must be at most 50 A'),
        ("n = 24.0", "n = 1000.0", '"n" must be above zero and at most 50'),
        ("rho = ", "rho = -", '"rho" must be above zero'),
        ("[charges]", "x = " + "[" * 3000 + "\n[charges]", "nested too deeply"),
    ],
)
def test_a_hostile_file_is_refused(old: str, new: str, message: str, tmp_path: Path, monkeypatch) -> None:
    from glasspot.potential.io import potential_to_toml

    monkeypatch.chdir(tmp_path)
    text = potential_to_toml(load_potential("BKS"))
    assert old in text
    Path("mine.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    for words in (("show", "mine.toml"), ("export", "mine.toml", "--format", "lammps")):
        with pytest.raises(GlasspotError) as error:
            call(*words)
        assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_help_teaches_with_examples(capsys) -> None:
    for words in (("--help",), ("export", "--help")):
        with pytest.raises(SystemExit) as stop:
            call(*words)
        assert stop.value.code == 0
        assert "--format lammps" in capsys.readouterr().out


def test_short_sources() -> None:
    short = {name: potentials.short_source(load_potential(name).source) for name in list_potentials()}
    assert short["BKS"] == "van Beest 1990"
    assert short["CHIK"] == "Carré 2008"
    assert short["PMMCS"] == "Pedone 2006"
    assert short["SHIK"] == "Sundararaman 2018"
    assert short["BayOpt-2025"] == "preprint 2025"

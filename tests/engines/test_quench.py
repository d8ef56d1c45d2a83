"""glasspot quench: from a TOML file to a folder that holds a glass, and one clear line for whatever is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from engine_lab import ENGINES

from glasspot.cli import main
from glasspot.quench_settings import load_quench_plan
from glasspot.structure.readers import read_frames

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "quench"

SHORT = """
composition = "SiO2"
atoms = 72
density = 2.2
potential = "BKS"
seed = 3

[protocol]
timestep = 0.001
stages = [
  { kind = "minimise" },
  { name = "settle", kind = "nvt", duration = 0.2, temperature = 4500, gentle = true },
  { name = "quench", kind = "nvt", duration = 0.6, temperature = [4500, 300] },
  { name = "relax", kind = "npt", duration = 0.4, temperature = 300, pressure = 0 },
  { name = "sample", kind = "nvt", duration = 0.3, temperature = 300, sample_every = 0.05 },
]

[analysis]
cutoffs = { Si-O = 2.2 }
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "glass.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_a_glass_from_a_file(engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "glass"
    assert main(["quench", str(write(tmp_path, SHORT)), "--out", str(out), "--engine", engine]) == 0
    said = capsys.readouterr().out
    assert f"engine {engine}" in said
    assert "72 atoms" in said and "atom-steps/s" in said and "step 1500/1500" in said
    assert "note: 72 atoms for 72 asked (24 Si, 48 O); the composition is met exactly" in said

    (glass,) = read_frames(out / "glass.extxyz")
    assert glass.counts == {"Si": 24, "O": 48} and glass.velocities is not None
    (data,) = read_frames(out / "glass.data")
    np.testing.assert_allclose(data.wrapped(), glass.wrapped(), atol=1e-6)
    frames = read_frames(out / "frames.extxyz")
    assert len(frames) == 6
    np.testing.assert_allclose(frames[-1].wrapped(), glass.wrapped(), atol=1e-6)

    (entry,) = json.loads((out / "structure" / "summary.json").read_text())["systems"]
    assert entry["frames"] == 6 and entry["cutoffs"]["Si-O"] == {"r_A": 2.2, "from": "given"}
    assert 3.5 < entry["coordination"]["Si-O"]["mean"] < 4.5  # a bad glass, but a tetrahedral one
    assert entry["peaks"]["Si-O"]["r_A"] == pytest.approx(1.6, abs=0.05)
    assert (out / "structure" / "g_of_r.png").stat().st_size > 1000


@pytest.mark.parametrize("engine", ENGINES)
def test_the_record_of_a_run(engine: str, tmp_path: Path) -> None:
    out = tmp_path / "glass"
    assert main(["quench", str(write(tmp_path, f'engine = "{engine}"\n{SHORT}')), "--out", str(out)]) == 0
    with (out / "thermo.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    times = [float(row["time_ps"]) for row in rows]
    assert times == sorted(times) and times[-1] == pytest.approx(1.5)
    assert {row["name"] for row in rows} == {"minimise", "settle", "quench", "relax", "sample"}
    assert float(rows[0]["density_g_cm3"]) == pytest.approx(2.2, abs=1e-3)
    record = json.loads((out / "provenance.json").read_text())
    assert record["atoms"] == {"Si": 24, "O": 48} and record["seed"] == 3
    assert record["potential"]["name"] == "BKS" and record[engine] != "unknown"
    assert record["engine"] == {"name": engine, "command": None}
    assert [stage["kind"] for stage in record["protocol"]["stages"]] == ["minimise", "nvt", "nvt", "npt", "nvt"]
    assert record["atom_steps_per_s"] > 0
    assert (out / engine / {"lammps": "in.lammps", "native": "thermo.csv", "ase": "thermo.csv"}[engine]).is_file()


def test_the_same_file_gives_the_same_glass(tmp_path: Path) -> None:
    path = write(tmp_path, SHORT)
    for name in ("a", "b"):
        assert main(["quench", str(path), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a" / "glass.data").read_text() == (tmp_path / "b" / "glass.data").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("composition =", "compositon ="), 'Did you mean "composition"'),
        (('"SiO2"', '"SiO2 -2"'), "negative amount"),
        (('"SiO2"', '"Unobtainium"'), "Unobtainium"),
        (('"SiO2"', '"70 SiO2 30 Na2O"'), "Na"),
        (('"BKS"', '"BKZ"'), 'Did you mean "BKS"'),
        (('"BKS"', '"absent.toml"'), "absent.toml"),
        (("atoms = 72", "atoms = 7"), "atoms"),
        (("atoms = 72", 'atoms = "many"'), "atoms"),
        (("density = 2.2", "density = -2.2"), "density"),
        (("density = 2.2", "density = 2200"), "density"),
        (("temperature = 300, sample", "temprature = 300, sample"), 'Did you mean "temperature"'),
        (('kind = "npt"', 'kind = "nptt"'), 'Did you mean "npt"'),
        (("stages = [", 'preset = "melt-quench"\nstages = ['), "one of them"),
        (("Si-O = 2.2", "Si-Na = 2.2"), "Na"),
        (("[analysis]", '[engine]\ncommand = "no-such-lmp"\n[analysis]'), "no lmp"),
        (("[protocol]", "[protocol"), "not valid TOML"),
        (("[protocol]", '[protocol]\nengine = "native"'), "belongs to the top of the file"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    change: tuple[str, str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert change[0] in SHORT
    path = write(tmp_path, SHORT.replace(*change))
    assert main(["quench", str(path), "--out", str(tmp_path / "glass")]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("glasspot: ") and complaint.count("\n") == 1
    assert message in complaint
    assert not (tmp_path / "glass").exists()


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("[protocol]\n", "needs preset"),
        ('[protocol]\npreset = "melt-qench"\n', 'Did you mean "melt-quench"'),
        ('[protocol]\npreset = "melt-quench"\nratee = 10\n', 'Did you mean "rate"'),
        ("", '"protocol" is missing'),
    ],
)
def test_bad_protocols(protocol: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'composition = "SiO2"\natoms = 72\npotential = "BKS"\n{protocol}'
    assert main(["quench", str(write(tmp_path, text)), "--out", str(tmp_path / "glass")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "glass").exists()


def test_files_that_are_no_toml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    for name in ("binary.toml", "absent.toml"):
        assert main(["quench", str(tmp_path / name), "--out", str(tmp_path / "glass")]) == 2
        assert name in capsys.readouterr().err


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, SHORT)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("")
    for name in ("full", "file", "file/under"):
        assert main(["quench", str(path), "--out", str(tmp_path / name)]) == 2
        assert "--out" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_fails_says_why_and_leaves_no_results(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, SHORT + "\n[engine]\ntime_limit_s = 0.001\n")
    out = tmp_path / "glass"
    assert main(["quench", str(path), "--out", str(out), "--engine", engine]) == 1
    complaint = capsys.readouterr().err
    assert "the run failed" in complaint and "limit" in complaint
    assert [p.name for p in out.iterdir()] == [engine]


def test_what_was_decided_for_the_user_is_said(tmp_path: Path) -> None:
    text = (
        'composition = "20 Na2O 20 B2O3 60 SiO2"\natoms = 200\npotential = "BayOpt-2025"\n'
        '[protocol]\npreset = "melt-quench-quick"\n'
    )
    plan = load_quench_plan(write(tmp_path, text))
    said = " ".join(plan.notes)
    assert "estimated" in said and "rounded to" in said and "100 K/ps instead of 1 K/ps" in said
    assert any("has not been verified" in caution for caution in plan.cautions)
    other = load_quench_plan(write(tmp_path, text), potential="shik")
    assert other.potential.name == "SHIK" and "O" in other.potential.charges
    titled = load_quench_plan(write(tmp_path, 'title = "my glass"\n' + text), potential="shik")
    assert titled.title == "my glass, but with SHIK"
    total = sum(number * other.potential.charge(name) for name, number in other.counts.items())
    assert total == pytest.approx(0.0, abs=1e-9), "SHIK balances oxygen on the whole atom counts"


def test_a_silica_melt_that_would_not_flow_is_told(tmp_path: Path) -> None:
    text = 'composition = "SiO2"\natoms = 99\npotential = "BKS"\n[protocol]\npreset = "melt-quench-quick"\n'
    assert any("does not flow" in caution for caution in load_quench_plan(write(tmp_path, text)).cautions)
    hot = text + "melt_temperature = 4500\n"
    assert not any("does not flow" in caution for caution in load_quench_plan(write(tmp_path, hot)).cautions)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path) -> None:
    plan = load_quench_plan(path)
    assert plan.n_atoms >= 300 and plan.protocol.n_samples > 0


def test_a_program_that_cannot_start_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It exists, so that only trying it can tell; the same --out must work once it is mended."""
    program = tmp_path / "lmp"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    text = (
        f'composition = "SiO2"\natoms = 72\npotential = "BKS"\n[protocol]\npreset = "melt-quench-quick"\n'
        f'[engine]\ncommand = "{program}"\n'
    )
    folder = tmp_path / "glass"
    assert main(["quench", str(write(tmp_path, text)), "--out", str(folder)]) == 2
    assert "no lmp" in capsys.readouterr().err
    assert not folder.exists()

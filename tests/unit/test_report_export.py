"""A potential as files for LAMMPS, ASE and glasspot itself."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.report import write
from glasspot.report.export import write_potential_files
from report_samples import silica_report

PAIR_INPUT = """\
units metal
atom_style charge
region box block 0 40 0 40 0 40
create_box 2 box
create_atoms 1 single 10 10 10
create_atoms 2 single {x} 10 10
mass * 1.0
include potential.include
thermo_style custom step fmax
thermo_modify format float %.15g
run 0
"""


def lmp() -> str:
    """Return the LAMMPS program; the test is skipped where there is none."""
    found = shutil.which("lmp", path=sysconfig.get_path("scripts")) or shutil.which("lmp")
    if found is None:
        pytest.skip("no lmp program here")
    return found


def test_toml_reads_back_as_the_same_potential(tmp_path: Path) -> None:
    potential = load_potential("CHIK")
    (path,) = write_potential_files(potential, ("Si", "O"), tmp_path, formats=("toml",))
    assert load_potential(path).potential_id == potential.potential_id


def test_the_lammps_include_runs_as_it_is_and_gives_the_closed_form_force(tmp_path: Path) -> None:
    program, potential, r = lmp(), load_potential("CHIK"), 1.9
    paths = write_potential_files(potential, ("Si", "O"), tmp_path, formats=("lammps",))
    assert {"potential.include", "potential.table"} <= {path.name for path in paths}
    (tmp_path / "in.lammps").write_text(PAIR_INPUT.format(x=10 + r))
    done = subprocess.run(
        [program, "-in", "in.lammps", "-log", "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    lines = done.stdout.splitlines()
    header = next(n for n, line in enumerate(lines) if line.split()[:1] == ["Step"])
    expected = abs(potential.pair_force("Si", "O", np.array([r]))[0])
    # 1e-4: one interpolated value; the RMS over a liquid is an order below (tests of the tables).
    assert float(lines[header + 1].split()[1]) == pytest.approx(expected, rel=1e-4)


def test_the_ase_file_gives_a_calculator(tmp_path: Path) -> None:
    pytest.importorskip("glasspot.engine.calculator")
    ase = pytest.importorskip("ase")
    potential = load_potential("CHIK")
    paths = write_potential_files(potential, ("Si", "O"), tmp_path, formats=("ase",))
    assert [path.name for path in paths] == ["ase_calculator.py", "potential.toml"]
    make = runpy.run_path(str(tmp_path / "ase_calculator.py"))["calculator"]
    atoms = ase.Atoms("SiO", [[10, 10, 10], [11.9, 10, 10]], cell=[40, 40, 40], pbc=True, calculator=make())
    expected = potential.pair_force("Si", "O", np.array([1.9]))[0]
    assert atoms.get_forces()[1, 0] == pytest.approx(expected, rel=1e-9)  # the same closed form, to rounding


def test_a_name_cannot_put_code_into_the_python_file(tmp_path: Path) -> None:
    potential = replace(load_potential("CHIK"), name='x\nraise SystemExit("run")\n"""')
    write_potential_files(potential, ("Si", "O"), tmp_path, formats=("ase",))
    text = (tmp_path / "ase_calculator.py").read_text(encoding="utf-8")
    assert not any(line.startswith("raise") for line in text.splitlines())
    compile(text, "ase_calculator.py", "exec")


def test_all_files_appear_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasspot.report import export

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export.WRITERS, "lammps", broken)
    with pytest.raises(GlasspotError, match=r"cannot write into .*No space left"):
        write_potential_files(load_potential("BKS"), ("Si", "O"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_one_clear_line(tmp_path: Path) -> None:
    potential = load_potential("BKS")
    with pytest.raises(GlasspotError, match=r'unknown format "lamps".*Did you mean "lammps"'):
        write_potential_files(potential, ("Si", "O"), tmp_path, formats=("lamps",))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GlasspotError, match="cannot write into"):
        write_potential_files(potential, ("Si", "O"), tmp_path / "file")
    with pytest.raises(GlasspotError, match="Na"):
        write_potential_files(potential, ("Si", "Na"), tmp_path / "new")


def test_a_report_writes_the_elements_of_the_fit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # BMP knows 30 elements, and the depth of its B-O needs a composition that a fit of silica does not have.
    fitted = replace(silica_report(), fitted=load_potential("BMP"), elements=("Si", "O"))
    monkeypatch.setattr(write, "collect", lambda folder: fitted)
    write.write_report(tmp_path)
    include = (tmp_path / "report" / "potential" / "potential.include").read_text()
    assert "# Types: 1 Si, 2 O." in include


def test_importing_the_exporter_stays_light() -> None:
    code = "import sys, glasspot.report.export; print([m for m in ('matplotlib', 'plotly', 'ase') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

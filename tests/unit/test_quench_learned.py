"""``glasspot quench`` with a machine-learned potential: watched while it runs, a verdict at its end, nothing lost.

The model is fitted to a few frames of a cold alloy, so a melt from a random packing is far from all it knows.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.cli import main
from glasspot.cli.quench_display import trust_line, verdict_lines
from glasspot.engine.base import EngineFailure, Simulation, ThermoRow
from glasspot.engine.lammps import LammpsEngine
from glasspot.engine.watch import Watch
from glasspot.errors import GlasspotError
from glasspot.mlip import following
from glasspot.mlip.following import Judged
from glasspot.mlip.trust import calibrate
from glasspot.mlip.trust_file import with_trust
from glasspot.potential.io import load_any, load_potential
from glasspot.protocol import Protocol, Stage
from glasspot.quench import _room, make_glass
from glasspot.quench_settings import load_quench_plan
from glasspot.structure.packing import random_packing
from glasspot.structure.readers import read_frames
from mlip_samples import make_sample

GLASS = """
composition = "75 Cu 25 Au"
atoms = 64
density = 11.5
potential = "model/potential.toml"
seed = 2

[protocol]
timestep = 0.001
stages = [
  { kind = "minimise" },
  { name = "settle", kind = "nvt", duration = 0.3, temperature = 300, gentle = true },
  { name = "melt", kind = "nvt", duration = 0.6, temperature = 1200 },
  { name = "quench", kind = "nvt", duration = 0.5, temperature = [1200, 300] },
  { name = "sample", kind = "nvt", duration = 0.5, temperature = 400, sample_every = 0.05 },
]
"""
SAMPLING = '{ name = "sample", kind = "nvt", duration = 0.5, temperature = 400, sample_every = 0.05 }'


@dataclass(frozen=True)
class Lab:
    """folder: holds glass.toml and model/, a calibrated model."""

    folder: Path

    def quench(self, out: Path, text: str = GLASS) -> int:
        path = self.folder / "glass.toml"
        path.write_text(text)
        return main(["quench", str(path), "--out", str(out)])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    sample = make_sample(folder)
    potential = replace(sample.potential, name="CuAu")
    with_trust(potential, calibrate(potential, sample.test), folder / "model")
    yield Lab(folder)


def test_a_quench_far_from_the_data_says_so(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "glass"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # nothing is written outside the folder
    assert lab.quench(out) == 0  # a model that is not to be trusted is no failure of the run
    said = capsys.readouterr().out
    assert "atoms of 64 above" in said and "verdict: not to be trusted" in said
    assert "settle" in said and "before the melt: does not count" in said

    with (out / "trust.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["name"] for row in rows} == {"settle", "melt", "quench", "sample"}
    times = [float(row["time_ps"]) for row in rows]
    assert times == sorted(times) and times[-1] == pytest.approx(1.9)
    record = json.loads((out / "provenance.json").read_text())
    assert record["trust"]["level"] == "not to be trusted" and record["trust"]["seconds"] > 0
    assert [stage["sample_every"] for stage in record["protocol"]["stages"]] == [None, None, None, None, 0.05]
    frames = read_frames(out / "to-label.extxyz")
    assert record["trust"]["to_label"] == len(frames) > 0
    assert f"the {len(frames)} frames of to-label.extxyz" in said or len(frames) == 1
    assert len(read_frames(out / "frames.extxyz")) == 10  # of the stage that the user sampled, no other


def test_watching_does_not_move_an_atom(lab: Lab, tmp_path: Path) -> None:
    (lab.folder / "glass.toml").write_text(GLASS)
    plan = load_quench_plan(lab.folder / "glass.toml")
    start = random_packing(plan.counts, plan.cell_length, plan.seed, _room(plan.potential))
    stages = (
        *plan.protocol.stages[:3],
        Stage("npt", 0.3, (1200.0, 600.0), 0.0),
        Stage("nve", 0.2, sample_every=0.1),
    )
    plan = replace(plan, protocol=Protocol("p", stages))
    watched = make_glass(plan, tmp_path / "watched").final.frame
    alone = list(LammpsEngine().run(Simulation(plan.potential, start, plan.protocol, plan.seed), tmp_path / "alone"))
    np.testing.assert_array_equal(watched.positions, alone[-1].frame.positions)
    np.testing.assert_array_equal(watched.velocities, alone[-1].frame.velocities)


def test_a_run_that_is_stopped_leaves_what_was_met(lab: Lab, tmp_path: Path) -> None:
    (lab.folder / "glass.toml").write_text(GLASS)
    plan = load_quench_plan(lab.folder / "glass.toml")

    def stop(judged: Judged) -> None:
        if judged.stage_name == "melt":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_glass(plan, tmp_path / "glass", on_look=stop)
    assert "melt" in (tmp_path / "glass" / "trust.csv").read_text()
    assert read_frames(tmp_path / "glass" / "to-label.extxyz")
    assert not (tmp_path / "glass" / "provenance.json").exists()


def test_a_run_that_fails_says_what_that_means(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boiling = '{ name = "sample", kind = "npt", duration = 5, temperature = 60000, pressure = 0, sample_every = 0.25 }'
    assert lab.quench(tmp_path / "glass", GLASS.replace(SAMPLING, boiling)) == 1
    told = capsys.readouterr().err
    assert "With a machine-learned potential this usually means" in told and "to-label.extxyz" in told
    assert (tmp_path / "glass" / "trust.csv").exists() and read_frames(tmp_path / "glass" / "to-label.extxyz")


@pytest.mark.parametrize("looks", [frozenset(), frozenset({0})])
def test_heat_where_only_trust_samples_is_no_failure(looks: frozenset[int], lab: Lab) -> None:
    potential = load_any(lab.folder / "model" / "potential.toml")
    start = random_packing({"Cu": 48, "Au": 16}, 12.0, 1)
    watch = Watch(Simulation(potential, start, Protocol("p", (Stage("nvt", 1.0, 300.0),)), 1, looks), None, None)
    for step in range(1, 11):
        watch.sampled(ThermoRow(0, step, 900.0, 0.0, -100.0, 0.0, 11.5, -90.0))
    if looks:
        watch.finish()
    else:
        with pytest.raises(EngineFailure, match="900 K, 300 K was asked"):
            watch.finish()


def test_a_slow_model_gets_time(lab: Lab) -> None:
    potential = load_any(lab.folder / "model" / "potential.toml")
    start = random_packing({"Cu": 48, "Au": 16}, 12.0, 1)
    simulation = Simulation(potential, start, Protocol("p", (Stage("nvt", 10.0, 300.0),)))
    # 640,000 atom-steps: at 3000 a second (a busy core) they take 213 s, more than pair potentials are given (184 s).
    assert LammpsEngine()._limit(simulation) > 1000.0
    assert LammpsEngine(time_limit_s=7.0)._limit(simulation) == 7.0


def test_a_run_goes_on_where_its_frames_cannot_be_judged(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise EngineFailure("no-program", "no lmp")

    monkeypatch.setattr(following, "spreads", broken)
    assert lab.quench(tmp_path / "glass") == 0
    said = capsys.readouterr().out
    assert "some frames could not be judged: no lmp" in said and "verdict: trusted with care" in said


def test_a_model_that_is_not_calibrated_has_no_scale(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GLASS.replace("model/potential.toml", "fit/potential.toml")
    assert lab.quench(tmp_path / "glass", text) == 0
    said = capsys.readouterr().out
    assert "not calibrated" in said and not (tmp_path / "glass" / "to-label.extxyz").exists()


def test_the_line_of_a_frame() -> None:
    judged = Judged(2, "melt", 1.0, 300.0, 1920, 0.1, 0.9, 2)
    assert trust_line(judged, 0.8) == "trust: 2 atoms of 1920 above 0.8 eV/A"
    assert trust_line(replace(judged, above=1, unsound=("void",)), 0.8).endswith(
        "1 atom of 1920 above 0.8 eV/A, unsound: void"
    )
    nothing = replace(judged, above=None, largest=float("nan"))
    assert trust_line(nothing, None) == ""
    assert "not calibrated" in trust_line(replace(judged, above=None), None)


def test_potentials_show_and_export(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(lab.folder / "model" / "potential.toml")
    assert main(["potentials", "show", file]) == 0
    said = capsys.readouterr().out
    potential = load_any(file)
    assert "proper orthogonal descriptors" in said and "Cu-Au" in said and "threshold" in said
    assert all(value in said for value in potential.to_dict()["sha256"].values())
    assert main(["potentials", "show", file, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["calibration"]["factor"] > 0 and shown["files"]["trust"]["file"] == "trust.json"
    assert main(["potentials", "show", file, "--composition", "SiO2"]) == 2
    assert "Si" in capsys.readouterr().err

    assert main(["potentials", "export", file, "--format", "lammps", "--out", str(tmp_path / "out")]) == 0
    assert "atom types: 1" in capsys.readouterr().out
    assert "pair_style" in (tmp_path / "out" / "potential.include").read_text()
    assert load_any(tmp_path / "out" / "potential.toml") == replace(
        potential, files={role: tmp_path / "out" / path.name for role, path in potential.files.items()}
    )
    for words, message in (
        (["--format", "ase"], "for LAMMPS only"),
        (["--format", "lammps", "--elements", "Cu,Si"], "Si"),
        (["--format", "lammps", "--elements", "Cu,Cu"], "different elements"),
    ):
        assert main(["potentials", "export", file, "--out", str(tmp_path / "no"), *words]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(GlasspotError, match="a pair potential is needed"):
        load_potential(file)


def test_the_lines_of_a_verdict_without_uncertainties() -> None:
    from glasspot.mlip.verdict import Verdict

    lines = verdict_lines(Verdict("trusted with care", ("no uncertainty is known.",), "", ()))
    assert lines == ["verdict: trusted with care", "  - no uncertainty is known."]

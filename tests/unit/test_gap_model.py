"""GAP models: what gap_fit is told, small fits from end to end, and every way in which a fit may fail."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from glasspot.dataset.labelled import LabelledFrame
from glasspot.engine.ase_engine import AseEngine
from glasspot.engine.base import CannotRunError, EngineFailure, Simulation
from glasspot.engine.process import Program
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System, choose_engine, make_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.files import parse_toml
from glasspot.mlip import gap, gap_program
from glasspot.mlip.gap import POTENTIAL, GapModel
from glasspot.mlip.gap_data import data_text, memory_needed
from glasspot.mlip.gap_settings import SPACE, arguments, checked
from glasspot.mlip.model import Labels, errors
from glasspot.potential.learned import LearnedPotential, learned_from_dict
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame

needs_quippy = pytest.mark.skipif(find_spec("quippy") is None, reason='quippy is not here: pip install "glasspot[gap]"')
SMALL = {"n_sparse": 10, "n_max": 4, "l_max": 2, "cutoff": 4.0}
FREE = {"Cu": 0.1, "Al": 0.2}


def alloy(seed: int) -> LabelledFrame:
    """Eight atoms of Cu and Al, shaken and strained, as ASE's effective medium theory sees them."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.symbols[[1, 4, 6]] = "Al"
    atoms.set_cell(atoms.cell.array * rng.uniform(0.97, 1.06), scale_atoms=True)
    atoms.positions += rng.normal(0, 0.12, atoms.positions.shape)
    atoms.calc = EMT()
    frame = Frame.from_ase(atoms, species=("Cu", "Al"))
    return LabelledFrame(frame, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False))


TRAIN = [alloy(seed) for seed in range(6)]
TEST = [alloy(seed) for seed in range(100, 104)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[LearnedPotential, Path]:
    folder = tmp_path_factory.mktemp("gap")
    return GapModel(isolated=FREE).fit(TRAIN, SMALL, folder), folder


def test_the_start_of_the_search_is_what_the_authors_gave_gap_fit() -> None:
    words = arguments(checked({}), "train.xyz", "gap.xml", has_isolated=True)
    assert words[1] == (
        "gap={distance_Nb order=2 compact_clusters=T cutoff=4.91 cutoff_transition_width=1.0 n_sparse=20 "
        "covariance_type=ard_se delta=0.29 theta_uniform=1.0 sparse_method=uniform add_species=T:"
        "soap l_max=5 n_max=6 cutoff=4.91 cutoff_transition_width=1.0 delta=0.29 atom_sigma=0.4 zeta=4 "
        "add_species=T config_type_n_sparse={frame:1800:isolated:1} sparse_method=cur_points "
        "covariance_type=dot_product}"
    )
    assert {"default_sigma={0.001 0.05 0.05 0.05}", "config_type_sigma=isolated:0.0001:0.05:0.05:0.05"} <= set(words)
    assert "e0_method=isolated" in words and "sparse_jitter=1e-12" in words
    assert "e0_method=average" in arguments(checked({}), "train.xyz", "gap.xml", has_isolated=False)
    for parameter in SPACE:
        assert parameter.low <= parameter.start <= parameter.high


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cutof": 5.0}, "Did you mean .cutoff"),
        ({"cutoff": 0.8}, "more than 1 A"),
        ({"n_sparse": 10.5}, "whole number"),
        ({"zeta": 0.0}, "above 0"),
        ({"delta": float("nan")}, "above 0"),
    ],
)
def test_a_setting_that_gives_no_fit_is_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(GlasspotError, match=words):
        checked(settings)


def test_the_file_of_frames_holds_virials_that_are_minus_the_stress() -> None:
    lines = data_text(TRAIN[:1], FREE, 4.0).splitlines()
    assert [lines[0], lines[3], lines[6]] == ["1", "1", "8"]
    assert "config_type=isolated energy=0.1" in lines[1] and lines[2].split()[0] == "Cu"
    assert f"energy={float(TRAIN[0].energy)!r}" in lines[7] and "config_type=frame" in lines[7]
    virial = np.array(lines[7].split('virial="')[1].split('"')[0].split(), dtype=float).reshape(3, 3)
    np.testing.assert_allclose(virial, -TRAIN[0].stress * TRAIN[0].volume, rtol=1e-12)
    np.testing.assert_array_equal(np.array(lines[8].split()[4:], dtype=float), TRAIN[0].forces[0])
    bare = data_text([LabelledFrame(TRAIN[0].frame, energy=-1.0)], {}, 4.0)
    assert "force" not in bare and "virial" not in bare


def test_the_memory_is_that_of_gap_fits_own_estimate() -> None:
    """It printed 6071 MB for 68 frames of 240 atoms without virials, whose atoms have 15 neighbours within 4.91 A."""
    rng = np.random.default_rng(1)
    n, length = 240, 19.0
    frame = Frame.from_symbols(["As"] * 60 + ["Te"] * 180, rng.uniform(0, length, (n, 3)), length)
    frames = [LabelledFrame(frame, -1.0, np.zeros((n, 3)))] * 68
    assert memory_needed(frames, checked({})) == pytest.approx(6071e6, rel=0.02)
    with_virials = [replace(one, stress=np.zeros((3, 3))) for one in frames]
    assert memory_needed(with_virials, checked({})) > 1.4 * 6071e6


@needs_quippy
def test_a_small_fit_is_better_than_none(fitted: tuple[LearnedPotential, Path]) -> None:
    """Than the mean energy of an atom and no force; and the same fit is the same model, and is not made twice."""
    potential, folder = fitted
    found = errors(TEST, GapModel().predict(potential, TEST))
    mean = np.mean([frame.energy / frame.n_atoms for frame in TRAIN])
    none = errors(TEST, [Labels(mean * f.n_atoms, np.zeros((f.n_atoms, 3)), np.zeros((3, 3))) for f in TEST])
    assert found.energy_rmse_meV_per_atom < 0.3 * none.energy_rmse_meV_per_atom
    assert found.force_rmse_eV_per_A < 0.3 * none.force_rmse_eV_per_A
    assert found.stress_rmse_GPa < 0.3 * none.stress_rmse_GPa
    assert set(potential.elements) == {"Cu", "Al"} and 2.0 < min(potential.closest.values()) < 3.0
    assert {path.name for path in folder.iterdir()} == {
        *("potential.toml", "gap.json"),
        *(path.name for path in potential.files.values()),
    }
    assert json.loads((folder / "gap.json").read_text())["frames"] == len(TRAIN)


@needs_quippy
def test_the_same_fit_is_not_made_twice_and_gives_the_same_model(
    fitted: tuple[LearnedPotential, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    potential, folder = fitted
    assert GapModel(isolated=FREE).fit(TRAIN, SMALL, tmp_path).hashes == potential.hashes
    lines: list[str] = []
    monkeypatch.setattr(gap, "run_gap_fit", None)  # would be an error if it were called
    again = GapModel(isolated=FREE, say=lines.append).fit(TRAIN, SMALL, folder)
    assert again.hashes == potential.hashes and "made before" in lines[-1] and "non-commercial" in lines[0]
    with pytest.raises(TypeError):
        GapModel(isolated=FREE).fit(TRAIN[:-1], SMALL, folder)


@needs_quippy
def test_the_record_of_another_fit_beside_a_model_is_not_believed(
    fitted: tuple[LearnedPotential, Path], tmp_path: Path
) -> None:
    """A kill between the two files leaves that behind."""
    potential, folder = fitted
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    assert gap._kept(tmp_path, potential.files["model"].name[4:-4]) is not None
    (tmp_path / "gap.json").write_text(json.dumps({"fit": "another"}))
    assert gap._kept(tmp_path, "another") is None
    (tmp_path / POTENTIAL).unlink()
    assert gap._kept(tmp_path, "another") is None


@needs_quippy
def test_predictions_are_those_of_quippy(fitted: tuple[LearnedPotential, Path]) -> None:
    """Called directly, from the files as they stand in potential.toml."""
    from quippy.potential import Potential

    _, folder = fitted
    raw = (folder / POTENTIAL).read_bytes()
    potential = learned_from_dict(parse_toml(raw, "potential.toml"), folder, "potential.toml")
    quip = Potential("", param_filename=str(potential.files["model"]))
    for frame, labels in zip(TEST, GapModel().predict(potential, TEST), strict=True):
        atoms = frame.frame.to_ase()
        atoms.calc = quip
        assert labels.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
        np.testing.assert_allclose(labels.forces, atoms.get_forces(), atol=1e-12)
        np.testing.assert_allclose(labels.stress, atoms.get_stress(voigt=False), atol=1e-14)


@needs_quippy
def test_md_with_a_gap_conserves_the_energy(fitted: tuple[LearnedPotential, Path], tmp_path: Path) -> None:
    """At 300 K and 1 fs: scatter and drift far below the kinetic energy, 0.039 eV/atom."""
    protocol = Protocol("test", (Stage("nve", 0.2, 300.0, new_velocities=True),))
    start = bulk("Cu", cubic=True) * (2, 1, 1)
    start.symbols[[1, 4, 6]] = "Al"
    frame = Frame.from_ase(start, species=("Cu", "Al"))
    samples = list(AseEngine().run(Simulation(fitted[0], frame, protocol), tmp_path))
    rows = AseEngine().thermo(tmp_path)
    total = np.array([row.total_energy_eV for row in rows]) / 8
    potential = np.array([row.energy_eV for row in rows]) / 8
    assert samples[-1].final and np.ptp(potential) > 0.005
    assert np.ptp(total) < 0.03 * np.ptp(potential)


@needs_quippy
def test_an_element_that_the_model_does_not_know_is_refused(fitted: tuple[LearnedPotential, Path]) -> None:
    """QUIP itself leaves such atoms out without a word."""
    strange = LabelledFrame(Frame.from_symbols(["Cu", "Ni"], [[0, 0, 0], [2, 2, 2]], 5.0), energy=-1.0)
    with pytest.raises(GlasspotError, match='does not know "Ni"'):
        GapModel().predict(fitted[0], [strange])
    with pytest.raises(GlasspotError, match='does not know "Ni"'):
        AseEngine().check(fitted[0], ("Cu", "Ni"), np.eye(3) * 5.0)


@needs_quippy
def test_without_all_free_atoms_the_mean_energy_is_taken_and_said(tmp_path: Path) -> None:
    lines: list[str] = []
    potential = GapModel(isolated={"Cu": 0.1}, say=lines.append).fit(TRAIN[:3], SMALL, tmp_path)
    assert any("No energy of a free atom of Al" in line for line in lines)
    found = errors(TRAIN[:3], GapModel().predict(potential, TRAIN[:3]))
    assert found.energy_rmse_meV_per_atom < 20.0


def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a shell script in the place of gap_fit; return a folder that holds an older model."""
    program = tmp_path / "gap_fit"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(gap_program, "find_gap_fit", lambda: Program((str(program),)))
    monkeypatch.setattr(gap, "find_gap_fit", lambda: None)
    monkeypatch.setattr(gap, "version", lambda name: "0")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / POTENTIAL).write_text("an older model")
    (folder / ".gap-left").mkdir()  # of a fit that was killed before this one
    return folder


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'SYSTEM ABORT: sparse points'; exit 3", r"exit code 3.*\n.*SYSTEM ABORT: sparse points"),
        ("kill -KILL $$", r"killed.*memory.*estimate it takes .* GB.*n_sparse"),
        ("exit 0", "without a model"),
        ("echo '<Potential' > gap_new.xml; exit 1", "exit code 1"),
    ],
)
def test_a_fit_that_fails_leaves_nothing_and_says_why(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = failing(tmp_path, monkeypatch, script)
    with pytest.raises(GlasspotError, match=f"(?s){words}"):
        GapModel(isolated=FREE).fit(TRAIN, SMALL, folder)
    assert [path.name for path in folder.iterdir()] == [POTENTIAL]
    assert (folder / POTENTIAL).read_text() == "an older model"


def test_the_progress_is_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "screen.txt"
    assert gap_program._progress(log) == ("", 0.0)
    log.write_text("Cartesian coordinates")
    assert gap_program._progress(log) == ("descriptors", 0.0)
    log.write_text("Started sparse covariance matrix calculation of coordinate 4\n\rCovariance matrix   6% |* |\r"
                   "Covariance matrix  45% |****    | 1 / 2 m")  # fmt: skip
    assert gap_program._progress(log) == ("covariances of descriptor 4", 0.45)


def test_frames_that_cannot_be_fitted_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = failing(tmp_path, monkeypatch, "exit 0")
    bare = LabelledFrame(TRAIN[0].frame, origin="a.xyz:3")
    for frames, words in (
        ([], "given none"),
        ([bare], "a.xyz:3 has neither"),
        ([replace(bare, forces=TRAIN[0].forces)], "no frame has an energy"),
    ):
        with pytest.raises(GlasspotError, match=words):
            GapModel().fit(frames, SMALL, folder)


def test_a_fit_that_no_memory_holds_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = failing(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr(gap, "machine_memory", lambda: (1e3, 1e3))
    with pytest.raises(GlasspotError, match=r"estimates its memory at .*this machine has"):
        GapModel().fit(TRAIN, SMALL, folder)


def test_without_quippy_the_line_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_program, "find_spec", lambda name: None)
    monkeypatch.setattr("glasspot.extras.import_module", _missing)
    with pytest.raises(EngineFailure, match=r'pip install "glasspot\[gap\]"') as caught:
        gap_program.find_gap_fit()
    assert caught.value.reason == "no-program"
    with pytest.raises(EngineFailure, match=r"glasspot\[gap\]"):
        AseEngine().check(LearnedPotential("gap", "m", ("Cu",), 4.0, {}, {}), ("Cu",), np.eye(3))


def _missing(name: str) -> None:
    raise ModuleNotFoundError(name)


def test_a_gap_runs_in_ase_or_in_a_lammps_of_ones_own_and_its_licence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glasspot.engine.ase_calculator._quippy", lambda: None)
    model = LearnedPotential("gap", "mine", ("As", "Te"), 5.0, {}, {})
    system = System((model,), ("As", "Te"), np.eye(3) * 10.0)
    for asked, expected in (
        (EngineChoice("auto"), "ase"),
        (EngineChoice("ase"), "ase"),
        (EngineChoice("auto", command="lmp"), "lammps"),
        (EngineChoice("lammps", command="lmp"), "lammps"),
    ):
        chosen, note = choose_engine(asked, system)
        assert chosen.name == expected and "non-commercial" in note
    for name, words in (("native", "machine-learned"), ("lammps", r"no pair_style quip.*ML-QUIP")):
        with pytest.raises(CannotRunError, match=words):
            choose_engine(EngineChoice(name), system)
    with pytest.raises(GlasspotError, match="is for LAMMPS"):
        make_engine(EngineChoice("ase", threads=2))


@needs_quippy
def test_a_trial_is_made_once_and_its_errors_are_of_frames_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    model = GapModel(isolated=FREE, work=tmp_path, say=lines.append)
    (trial,) = model.assess(TRAIN, SMALL)
    assert trial.errors.frames == 2 and trial.settings["cutoff"] == 4.0 and trial.cost > 0
    monkeypatch.setattr(gap, "run_gap_fit", None)  # would be an error if it were called
    assert model.assess(TRAIN, SMALL) == [trial]
    with pytest.raises(TypeError):
        model.assess(TRAIN, {**SMALL, "delta": 0.5})
    assert len(lines) == 1, "the licence, once"
    assert set(model.searched) <= {parameter.name for parameter in model.space}

"""Testing a fitted model: errors by group, constants between energies, pairs it has not seen, and the command."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from glasspot.cli import main
from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.writing import write_extxyz
from glasspot.errors import GlasspotError
from glasspot.mlip import testing  # its names begin as those that pytest collects
from glasspot.mlip.gap import GapModel
from glasspot.mlip.model import Labels, errors
from glasspot.mlip.offset import find_offset
from glasspot.mlip.parity import Parity
from glasspot.mlip.predict import predict
from glasspot.mlip.testing import margin_of
from glasspot.structure.frames import Frame
from mlip_samples import KINDS, Sample, make_sample

EXACT = 1e-9  # relative: the same sums in another order


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("mlip"))


@pytest.fixture(scope="module")
def result(sample: Sample) -> testing.Tested:
    return testing.tested(sample.potential, [*sample.test, *sample.unseen])


@pytest.fixture
def folder(sample: Sample, tmp_path: Path) -> Path:
    """A copy of the model with the record of what it was fitted to."""
    copy = shutil.copytree(sample.folder, tmp_path / "fit")
    (copy / "fit.json").write_text(json.dumps({"train_keys": [frame.key for frame in sample.train]}))
    Parity.of({"train": (sample.train, predict(sample.potential, sample.train))}).save(copy / "parity.npz")
    return Path(copy)


def shifted(frame: LabelledFrame, **eV: float) -> LabelledFrame:
    """Return the frame with an energy that counts from another zero of each element."""
    assert frame.energy is not None
    return replace(frame, energy=frame.energy + sum(eV.get(name, 0.0) * n for name, n in frame.counts.items()))


def scaled(frame: LabelledFrame, factor: float) -> LabelledFrame:
    """Return the frame compressed or stretched; its labels are kept, and wrong."""
    own = frame.frame
    return replace(frame, frame=Frame(own.positions * factor, own.cell * factor, own.species, own.types))


def test_errors_are_those_of_the_frames(sample: Sample, result: testing.Tested) -> None:
    frames = [*sample.test, *sample.unseen]
    assert result.overall == errors(frames, predict(sample.potential, frames))
    assert result.overall.frames == len(frames)
    force = np.concatenate(
        [(m.forces - f.forces).ravel() for f, m in zip(frames, result.found, strict=True) if f.forces is not None]
    )
    assert result.overall.force_rmse_eV_per_A == pytest.approx(np.sqrt(np.mean(force**2)), rel=EXACT)
    assert not result.cautions
    assert result.offset is None


def test_groups_put_together_are_the_whole(result: testing.Tested) -> None:
    assert [group.name for group in result.of_kind("config_type")] == list(KINDS)
    assert [group.name for group in result.of_kind("temperature")] == ["300 K", "900 K"]
    assert [group.name for group in result.of_kind("composition")] == ["Cu3Au"]
    for kind in ("config_type", "temperature", "composition"):
        groups = result.of_kind(kind)
        assert sum(group.errors.frames for group in groups) == len(result.frames)
        # All frames have as many atoms, so squares of errors add by frames.
        mean = sum(g.errors.frames * g.errors.force_rmse_eV_per_A**2 for g in groups) / len(result.frames)
        assert np.sqrt(mean) == pytest.approx(result.overall.force_rmse_eV_per_A, rel=EXACT)


def test_the_worst_frames_come_first(result: testing.Tested) -> None:
    worst = result.worst(3)
    sizes = [row.force_rmse_eV_per_A for row in result.rows]
    assert [row.force_rmse_eV_per_A for row in worst] == sorted(sizes, reverse=True)[:3]
    for row, frame, found in zip(result.rows, result.frames, result.found, strict=True):
        assert frame.energy is not None
        assert row.energy_meV_per_atom == pytest.approx(1e3 * (found.energy - frame.energy) / 32, rel=EXACT)


def test_progress_is_told(sample: Sample) -> None:
    told: list[tuple[int, int]] = []
    testing.tested(sample.potential, sample.test, lambda done, of: told.append((done, of)))
    assert told[-1] == (len(sample.test), len(sample.test))


def test_frames_without_energies_are_tested_on_forces(sample: Sample, result: testing.Tested) -> None:
    bare = [replace(frame, energy=None, stress=None) for frame in result.frames[:2]]
    found = testing.tested(sample.potential, [*bare, *result.frames[2:]])
    assert found.overall.force_rmse_eV_per_A == pytest.approx(result.overall.force_rmse_eV_per_A, rel=EXACT)
    assert found.overall.energy_rmse_meV_per_atom == pytest.approx(
        errors(result.frames[2:], result.found[2:]).energy_rmse_meV_per_atom, rel=EXACT
    )
    assert any("without energies, tested on forces only (2 frames" in note for note in found.notes)
    only = testing.tested(sample.potential, bare)
    assert np.isnan(only.overall.energy_rmse_meV_per_atom)
    assert only.offset is None


def test_frames_without_labels_are_left_out(sample: Sample, result: testing.Tested) -> None:
    bare = replace(result.frames[0], energy=None, forces=None)
    found = testing.tested(sample.potential, [bare, *result.frames[1:]])
    assert len(found.frames) == len(result.frames) - 1
    assert any("left out (1 frame" in note for note in found.notes)
    with pytest.raises(GlasspotError, match="none of the 1 frames has an energy or forces"):
        testing.tested(sample.potential, [bare])


def test_an_element_that_the_model_does_not_know_is_named_with_its_frames(sample: Sample) -> None:
    own = sample.test[0]
    symbols = ["Ag" if symbol == "Au" else symbol for symbol in own.symbols]
    foreign = replace(own, frame=Frame.from_symbols(symbols, own.frame.positions, own.frame.cell), origin="b.xyz:7")
    with pytest.raises(GlasspotError, match=r"hold Ag, which the model pod was not.*knows Cu, Au \(1 frame: b\.xyz:7"):
        testing.tested(sample.potential, [own, foreign])


def test_species_that_only_other_frames_have_do_no_harm(sample: Sample) -> None:
    """A data set names the species of all its frames in each of them."""
    own = sample.test[0]
    wide = Frame.from_symbols(own.symbols, own.frame.positions, own.frame.cell, ("Ag", "Au", "Cu"))
    found = predict(sample.potential, [own, replace(own, frame=wide)])
    assert found[0].energy == pytest.approx(found[1].energy, rel=EXACT)
    np.testing.assert_allclose(found[0].forces, found[1].forces, atol=1e-8)  # eV/A; LAMMPS writes doubles


def test_a_constant_between_energies_is_said_and_stays_in_the_errors(sample: Sample, result: testing.Tested) -> None:
    other = [shifted(frame, Cu=0.3, Au=-0.1) for frame in result.frames]
    found = testing.tested(sample.potential, other)
    # One composition: the mean is 0.75 x 300 - 0.25 x 100 meV, less the mean error; which element cannot be told.
    assert found.offset is not None
    assert found.offset.values == {}
    assert found.offset.mean == pytest.approx(200.0, abs=2 * result.overall.energy_rmse_meV_per_atom)
    assert found.offset.left <= result.overall.energy_rmse_meV_per_atom
    assert found.overall.energy_rmse_meV_per_atom > 190
    assert "nothing was taken away" in found.cautions[0]


def made(counts: dict[str, int], energy: float) -> LabelledFrame:
    symbols = [name for name, n in counts.items() for _ in range(n)]
    places = np.random.default_rng(len(symbols)).uniform(0, 9, (len(symbols), 3))
    return LabelledFrame(Frame.from_symbols(symbols, places, 9.0, ("Cu", "Au")), energy, np.zeros((len(symbols), 3)))


def test_a_constant_of_each_element_is_found_where_compositions_tell() -> None:
    mixtures = [{"Cu": n, "Au": 10 - n} for n in (2, 4, 5, 6, 7, 8)]
    rng = np.random.default_rng(1)
    frames = [made(m, 0.5 * m["Cu"] - 0.2 * m["Au"] + 10 * rng.normal(0, 1e-3)) for m in mixtures]
    found = [Labels(0.0, np.zeros((10, 3))) for _ in frames]
    offset = find_offset(frames, found)
    assert offset is not None
    # Noise of 1 meV/atom on six frames determines the constants to a few meV.
    assert offset.values == pytest.approx({"Cu": 0.5, "Au": -0.2}, abs=0.01)
    assert offset.left < 2.0


@pytest.mark.parametrize("noise", [2.0, 100.0])
def test_errors_of_a_model_are_no_constant(noise: float) -> None:
    """Small ones need no question, and large ones that scatter are the model's."""
    rng = np.random.default_rng(2)
    frames = [made({"Cu": 5, "Au": 5}, 1e-2 * rng.normal(0, noise)) for _ in range(30)]
    assert find_offset(frames, [Labels(0.0, np.zeros((10, 3))) for _ in frames]) is None


def test_pairs_closer_than_the_models_data_are_said(sample: Sample, result: testing.Tested) -> None:
    frame = result.frames[0]
    factor = 0.9
    close = scaled(frame, factor)
    # Positions scale, so each distance does; the closest pair of this frame need not be that with the least margin.
    assert margin_of(sample.potential, close) < margin_of(sample.potential, frame) - 0.1
    found = testing.tested(sample.potential, [close, *result.frames[1:]])
    assert found.rows[0].margin < 0
    assert any("closer than any of their kind" in caution and frame.origin in caution for caution in found.cautions)
    assert min(margin_of(sample.potential, one) for one in sample.train) == pytest.approx(0, abs=1e-9)
    assert np.isnan(margin_of(replace(sample.potential, closest={}), frame))


def test_parity_arrays_survive_their_file(result: testing.Tested, sample: Sample, tmp_path: Path) -> None:
    parts = {
        "train": (sample.train, predict(sample.potential, sample.train)),
        "test": (result.frames, result.found),
    }
    parity = Parity.of(parts, most_forces=200)
    back = Parity.load(parity.save(tmp_path / "parity.npz"))
    for name, values in vars(parity).items():
        np.testing.assert_array_equal(getattr(back, name), values)
    assert len(back.force) == 200
    assert set(back.force_use) == {"train", "test"}
    assert back.use.tolist() == ["train"] * 12 + ["test"] * 12
    gap = 1e3 * (back.energy - back.energy_ref)[12:]
    assert np.sqrt(np.mean(gap**2)) == pytest.approx(result.overall.energy_rmse_meV_per_atom, rel=EXACT)
    # Nine components of a stress, of which three stand twice.
    apart = np.square(back.stress - back.stress_ref)[12:] @ [1, 1, 1, 2, 2, 2] / 9
    assert np.sqrt(apart.mean()) == pytest.approx(result.overall.stress_rmse_GPa, rel=EXACT)
    (tmp_path / "parity.npz").write_bytes(b"cut short")
    with pytest.raises(GlasspotError, match="cannot be read"):
        Parity.load(tmp_path / "parity.npz")


def test_the_command_leaves_out_what_the_model_was_fitted_to(
    sample: Sample, folder: Path, result: testing.Tested, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test-mlip", str(folder), str(sample.data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["frames"] == 12
    assert found["trained_on"] == 12
    assert found["energy_rmse_meV_per_atom"] == pytest.approx(result.overall.energy_rmse_meV_per_atom, rel=1e-5)
    assert found["force_rmse_eV_per_A"] == pytest.approx(result.overall.force_rmse_eV_per_A, rel=1e-5)
    assert found["stress_rmse_GPa"] == pytest.approx(result.overall.stress_rmse_GPa, rel=1e-5)
    assert [g["name"] for g in found["groups"] if g["kind"] == "config_type"] == list(KINDS)
    assert main(["test-mlip", str(folder / "potential.toml"), str(sample.data), "--json", "--all"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 24


def test_the_command_prints_a_table_and_writes_a_page(
    sample: Sample, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # nothing is written outside the folder
    data = str(sample.data)
    assert main(["test-mlip", str(folder), data, "--config-type", "solid_300K", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "the model was fitted to 6 frames of those given: left out" in printed
    assert "worst:" in printed
    assert json.loads((out / "test.json").read_text())["frames"] == 6
    assert len((out / "frames.csv").read_text().splitlines()) == 7
    assert {path.stem for path in out.glob("*.png")} == {
        "parity-energy", "parity-force", "parity-stress", "closest-pairs",
    }  # fmt: skip
    assert 'id="parity-force"' in (out / "index.html").read_text()


def test_without_a_record_nobody_knows_what_it_was_fitted_to(
    sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test-mlip", str(sample.folder), str(sample.data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trained_on"] is None
    assert found["frames"] == 24


@pytest.mark.skipif(find_spec("quippy") is None, reason='quippy is not here: pip install "glasspot[gap]"')
def test_a_gap_is_tested_as_well_and_its_licence_is_said_once(
    sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"n_sparse": 10, "n_max": 4, "l_max": 2, "cutoff": 4.0}
    potential = GapModel().fit(sample.train, small, tmp_path / "gap")
    expected = errors(sample.test, GapModel().predict(potential, sample.test))
    write_extxyz(tmp_path / "test.extxyz", sample.test)
    assert main(["test-mlip", str(tmp_path / "gap"), str(tmp_path / "test.extxyz"), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("non-commercial use only") == 1
    found = json.loads(printed.out)
    # The file holds positions to 1e-8 A.
    assert found["force_rmse_eV_per_A"] == pytest.approx(expected.force_rmse_eV_per_A, rel=1e-4)
    assert found["trained_on"] is None


def test_every_key_is_documented(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-mlip", str(sample.folder), str(sample.data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    page = (Path(__file__).resolve().parents[2] / "docs" / "mlip.md").read_text(encoding="utf-8")
    keys = {*found, *found["groups"][0], *found["worst"][0], *found["potential"]}
    assert {key for key in keys if f"`{key}`" not in page} == set()


def no_model(folder: Path, sample: Sample) -> list[str]:
    (folder / "potential.toml").unlink()
    return []


def pair_potential(folder: Path, sample: Sample) -> list[str]:
    from glasspot.potential.io import load_potential, potential_to_toml

    (folder / "potential.toml").write_text(potential_to_toml(load_potential("BKS")))
    return []


def damaged_record(folder: Path, sample: Sample) -> list[str]:
    (folder / "fit.json").write_text("{")
    return []


def changed_model(folder: Path, sample: Sample) -> list[str]:
    with (folder / "coefficients.pod").open("a") as file:
        file.write("\n")
    return []


def only_trained(folder: Path, sample: Sample) -> list[str]:
    # Rounded to eight digits by the writer, which changes the keys of some: they are known all the same.
    write_extxyz(folder / "train.extxyz", sample.train)
    return ["train.extxyz"]


def other_type(folder: Path, sample: Sample) -> list[str]:
    return [str(sample.data), "--config-type", "solid_300"]


def no_data(folder: Path, sample: Sample) -> list[str]:
    return ["nothing.extxyz"]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (no_model, "holds no potential.toml"),
        (pair_potential, "is a pair potential"),
        (damaged_record, "not known which frames the model was fitted to"),
        (changed_model, "is not the file that was fitted"),
        (only_trained, "fitted to all 12 frames"),
        (other_type, 'no frame is of the group "solid_300"; the data have solid_300K, warm_900K'),
        (no_data, "does not exist"),
    ],
)
def test_mistakes_are_said_in_one_line(
    mistake: Callable[[Path, Sample], list[str]],
    said: str,
    sample: Sample,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    arguments = mistake(folder, sample) or [str(sample.data)]
    assert main(["test-mlip", str(folder), *arguments]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1

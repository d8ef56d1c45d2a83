"""Every format gives the same energies, forces and stresses, in the same units and with the same sign."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from dataset_samples import alloy, extxyz_text, labels, outcar_text, write_cp2k, write_deepmd
from glasspot.dataset.labelled import Dataset
from glasspot.dataset.reading import read_dataset
from glasspot.dataset.record import temperature_of
from glasspot.errors import GlasspotError


def same(dataset: Dataset, frames: list, stress: bool = True, digits: float = 1e-7) -> None:  # type: ignore[type-arg]
    """Energies in eV, forces in eV/A, stress in eV/A^3: ``digits`` is what the format keeps."""
    assert len(dataset) == len(frames)
    assert dataset.elements == ("Cu", "Au")
    for number, (read, frame) in enumerate(zip(dataset.frames, frames, strict=True)):
        energy, forces, tensor = labels(frame)
        assert list(read.symbols) == frame.get_chemical_symbols()
        assert read.frame.species == ("Cu", "Au")
        assert read.origin.endswith(f":{number}")
        np.testing.assert_allclose(read.frame.positions, frame.positions, atol=digits)
        np.testing.assert_allclose(read.frame.cell, frame.cell.array, atol=digits)
        assert read.energy == pytest.approx(energy, abs=10 * digits)
        np.testing.assert_allclose(read.forces, forces, atol=10 * digits)  # type: ignore[arg-type]
        if stress:
            np.testing.assert_allclose(read.stress, tensor, atol=digits)  # type: ignore[arg-type]
        else:
            assert read.stress is None


@pytest.mark.parametrize("kind", ["stress", "stress6", "virial", "both"])
@pytest.mark.parametrize("forces", ["forces", "force", "REF_forces"])
def test_extxyz_whatever_the_keys(tmp_path: Path, kind: str, forces: str) -> None:
    frames = alloy()
    (tmp_path / "a.extxyz").write_text(extxyz_text(frames, forces=forces, stress=kind, energy="Energy"))
    same(read_dataset(tmp_path / "a.extxyz"), frames, digits=1e-10)
    with gzip.open(tmp_path / "b.xyz.gz", "wt") as file:
        file.write(extxyz_text(frames, forces=forces, stress=kind))
    same(read_dataset([tmp_path / "b.xyz.gz"]), frames, digits=1e-10)


def test_outcar(tmp_path: Path) -> None:
    frames = alloy()
    (tmp_path / "liquid").mkdir()
    (tmp_path / "liquid" / "OUTCAR").write_text(outcar_text(frames, unconverged=(2,)))
    dataset = read_dataset(tmp_path)
    same(dataset, frames)  # eight decimals of positions, seven of kB
    assert {(f.config_type, f.temperature) for f in dataset.frames} == {("liquid", 1600.0)}
    assert any("did not converge" in note and "liquid/OUTCAR:2" in note for note in dataset.notes)
    # 0.05 eV in 32 atoms
    assert any("free energy TOTEN" in note and "1.6 meV/atom" in note for note in dataset.notes)


def test_outcar_of_the_real_program(tmp_path: Path) -> None:
    import ase

    path = Path(os.path.dirname(ase.__file__)) / "test" / "testdata" / "vasp" / "OUTCAR_example_1"
    if not path.exists():
        pytest.skip("ASE came without its test data")
    frame = read_dataset(path).frames[0]
    assert frame.energy == pytest.approx(-68.22868532)  # TOTEN, not energy(sigma->0)
    # "in kB -4.29429 ...": VASP's sign is that of a pressure, so the cell is under tension: ASE's stress is positive.
    assert frame.stress is not None
    assert frame.stress[0, 0] == pytest.approx(4.29429e-1 / 160.21766, rel=1e-5)
    assert frame.stress[0, 1] == pytest.approx(-0.50047e-1 / 160.21766, rel=1e-4)
    assert frame.temperature is None  # no MD


def test_cp2k(tmp_path: Path) -> None:
    frames = alloy()
    path = write_cp2k(tmp_path, frames)
    same(read_dataset(path), frames, stress=False)
    same(read_dataset(tmp_path), frames, stress=False)
    (tmp_path / "alloy-1.cell").unlink()
    with pytest.raises(GlasspotError, match="has no cell"):
        read_dataset(path)
    same(read_dataset(path, cell=frames[0].cell.array), frames, stress=False)


def test_cp2k_counts_a_step_of_a_restart_once_and_does_without_forces(tmp_path: Path) -> None:
    frames = alloy()
    path = write_cp2k(tmp_path, frames)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines + lines[-34:]))
    dataset = read_dataset(path)
    same(dataset, frames, stress=False)
    assert any("written twice" in note for note in dataset.notes)
    (tmp_path / "alloy-frc-1.xyz").unlink()
    assert all(f.forces is None for f in read_dataset(path).frames)
    path.rename(tmp_path / "alloy-frc-1.xyz")
    with pytest.raises(GlasspotError, match="give the file of positions"):
        read_dataset(tmp_path / "alloy-frc-1.xyz")


def test_deepmd(tmp_path: Path) -> None:
    frames = alloy()
    write_deepmd(tmp_path / "data" / "liquid_900K", frames)
    dataset = read_dataset(tmp_path / "data")
    same(dataset, frames, digits=1e-12)
    assert dataset.frames[0].config_type == "liquid_900K"
    assert dataset.frames[0].temperature == 900.0


def test_deepmd_refuses_pickles_and_wrong_shapes(tmp_path: Path) -> None:
    folder = tmp_path / "liquid"
    write_deepmd(folder, alloy())
    np.save(folder / "set.000" / "energy.npy", np.array([{"a": 1}] * 3, dtype=object), allow_pickle=True)
    with pytest.raises(GlasspotError, match=r"energy.npy could not be read as an array of numbers"):
        read_dataset(folder)
    np.save(folder / "set.000" / "energy.npy", np.zeros(2))
    with pytest.raises(GlasspotError, match=r"energy.npy has shape \(2,\); expected \(3, 1\)"):
        read_dataset(folder)
    (folder / "type_map.raw").unlink()
    with pytest.raises(GlasspotError, match=r"type_map.raw does not exist; write one line"):
        read_dataset(folder)


def test_several_files_keep_their_order_and_have_the_same_types(tmp_path: Path) -> None:
    gold = alloy(2, seed=5)
    for frame in gold:
        frame.symbols[:] = "Au"
    (tmp_path / "a.xyz").write_text(extxyz_text(gold, extra="config_type=gold_300K"))
    (tmp_path / "b.xyz").write_text(extxyz_text(alloy(2), extra="config_type=alloy temperature=500"))
    dataset = read_dataset([tmp_path / "b.xyz", tmp_path / "a.xyz"])
    assert [f.origin for f in dataset.frames] == ["b.xyz:0", "b.xyz:1", "a.xyz:0", "a.xyz:1"]
    assert {f.frame.species for f in dataset.frames} == {("Cu", "Au")}
    assert dataset.frames[2].counts == {"Au": 32}
    assert [f.temperature for f in dataset.frames] == [500.0, 500.0, 300.0, 300.0]


def test_isolated_atoms_are_taken_out_and_a_crystal_of_one_atom_is_not(tmp_path: Path) -> None:
    text = extxyz_text(alloy(2))
    text += '1\nLattice="15 0 0 0 15 0 0 0 15" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5\nCu 0 0 0 0 0 0\n'
    text += '1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-2.5 pbc="F F F"\nAu 0 0 0 0 0 0\n'
    text += '1\nLattice="0 1.8 1.8 1.8 0 1.8 1.8 1.8 0" Properties=species:S:1:pos:R:3 energy=-5\nCu 0 0 0\n'
    (tmp_path / "a.xyz").write_text(text)
    dataset = read_dataset(tmp_path / "a.xyz")
    assert dataset.isolated == {"Cu": -1.5, "Au": -2.5}
    assert [f.n_atoms for f in dataset.frames] == [32, 32, 1]


def test_a_virial_that_contradicts_the_stress_is_said(tmp_path: Path) -> None:
    frames = alloy(2)
    wrong = extxyz_text(frames, stress="both").replace("virial=", "dipole=")
    for frame in frames:
        virial = frame.get_stress(voigt=False) * frame.get_volume()
        wrong = wrong.replace("dipole=", f'virial="{" ".join(map(str, virial.ravel()))}" old=', 1)
    (tmp_path / "a.xyz").write_text(wrong)
    dataset = read_dataset(tmp_path / "a.xyz")
    assert any("the stress is -1 times -virial / V" in note and "2 frames" in note for note in dataset.notes)


def test_missing_labels_stay_missing(tmp_path: Path) -> None:
    text = extxyz_text(alloy(3), stress="", energy="").replace('pbc="T T T"', 'energy=nan pbc="T T T"', 1)
    (tmp_path / "a.xyz").write_text(text)
    dataset = read_dataset(tmp_path / "a.xyz")
    assert [f.energy for f in dataset.frames] == [None] * 3
    assert any("energy is not a finite number" in note and "a.xyz:0" in note for note in dataset.notes)


def test_the_user_names_the_keys(tmp_path: Path) -> None:
    frames = alloy(2)
    text = extxyz_text(frames, forces="mace_forces", energy="mace_e", stress="", extra="energy=7.0")
    (tmp_path / "a.xyz").write_text(text)
    dataset = read_dataset(tmp_path / "a.xyz", keys={"energy": "mace_e", "forces": "mace_forces"})
    same(dataset, frames, stress=False, digits=1e-10)
    assert read_dataset(tmp_path / "a.xyz").frames[0].energy == 7.0
    with pytest.raises(GlasspotError, match=r'no key "mace_f" for the forces.*mace_forces'):
        read_dataset(tmp_path / "a.xyz", keys={"forces": "mace_f"})
    with pytest.raises(GlasspotError, match='no label "force"'):
        read_dataset(tmp_path / "a.xyz", keys={"force": "mace_forces"})


def test_a_last_frame_cut_short_is_left_out_and_said(tmp_path: Path) -> None:
    frames = alloy(3)
    files = {"a.extxyz": extxyz_text(frames), "OUTCAR": outcar_text(frames)}
    path = write_cp2k(tmp_path, frames)
    files[path.name] = path.read_text()
    for name, text in files.items():
        lines = text.splitlines(keepends=True)
        (tmp_path / name).write_text("".join(lines[: round(0.9 * len(lines))]))
        dataset = read_dataset(tmp_path / name)
        assert len(dataset) == 2, name
        assert any("cut short" in note for note in dataset.notes), name
        (tmp_path / name).write_text("".join(lines[: len(lines) // 5]))
        with pytest.raises(GlasspotError):
            read_dataset(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xyz", "", "is empty"),
        ("a.xyz", '2\nLattice="5 0 0 0 5 0 0 0 5"\nSi 0 0 0\nSi x 0 0\n', "a.xyz:0 could not be read"),
        ("a.xyz", '1\nLattice="5 0 0 0 5 0 0 0 5"\nQq 0 0 0\n', "a.xyz:0 could not be read"),
        ("a.xyz", "2\nwater\nO 0 0 0\nH 0 0 1\n", "no frame with a cell"),
        ("a.xyz", "abc\n", "of no kind"),
        ("a-pos-1.xyz", "2\n i = 0, E = -1.0\nO 0 0 0\nH 0 0 x\n", "could not be read as XYZ of CP2K"),
        ("OUTCAR", " vasp.6.3.0\n nothing\n", "OUTCAR"),
        ("a.xyz.gz", "no gzip", "could not be opened"),
    ],
)
def test_bad_files_end_in_one_clear_line(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(GlasspotError, match=words) as caught:
        read_dataset(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="does not exist"):
        read_dataset(tmp_path / "none.xyz")
    with pytest.raises(GlasspotError, match="holds no data"):
        read_dataset(tmp_path)
    with pytest.raises(GlasspotError, match=r'no format "vasp"; expected extxyz'):
        read_dataset(tmp_path, format="vasp")
    with pytest.raises(GlasspotError, match="give at least one"):
        read_dataset([])


@pytest.mark.parametrize(
    ("name", "kelvin"),
    [
        ("liquid_1600K", 1600.0),
        ("glass_300K_1GPa", 300.0),
        ("ramp_1600_3000K", None),
        ("1600-3000K", None),
        ("quench_300K", None),
        ("300K_600K", None),
        ("run_3_300K", 300.0),
        ("sio2_300K", 300.0),
        ("AsTe3K2", None),
        ("crystal_alpha", None),
    ],
)
def test_temperature_in_a_name(name: str, kelvin: float | None) -> None:
    assert temperature_of(name) == kelvin


def test_the_stress_is_the_strain_derivative_of_the_energy(tmp_path: Path) -> None:
    """dE/d(strain) = V stress, by central differences of energies read from files: fixes sign, factor and order."""
    base, step = alloy(1)[0], 1e-4
    for kind in ("stress", "stress6", "virial"):
        (tmp_path / "a.xyz").write_text(extxyz_text([base], stress=kind))
        read = read_dataset(tmp_path / "a.xyz").frames[0]
        assert read.stress is not None
        for row, column in ((0, 0), (2, 2), (1, 2), (0, 1)):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[row, column] += 0.5 * sign * step
                strain[column, row] += 0.5 * sign * step
                moved = base.copy()
                moved.set_cell(base.cell.array @ strain, scale_atoms=True)
                moved.calc = base.calc.__class__()
                (tmp_path / "b.xyz").write_text(extxyz_text([moved]))
                energies.append(read_dataset(tmp_path / "b.xyz").frames[0].energy)
            slope = (energies[0] - energies[1]) / (2 * step)  # type: ignore[operator]
            # second differences leave about 1e-4 of the largest component
            assert slope == pytest.approx(read.volume * read.stress[row, column], abs=1e-3)


def test_real_data(shared_data: Path) -> None:
    telluride = read_dataset(shared_data / "aste3_dft.extxyz.gz")
    assert len(telluride) == 97
    assert set(telluride.isolated) == {"As", "Te"}
    assert all(f.forces is not None and f.stress is not None and f.energy is not None for f in telluride.frames)
    # The file has virials of +60 eV, which push outwards: a pressure, so a negative stress.
    assert np.mean([np.trace(f.stress) for f in telluride.frames]) < 0  # type: ignore[arg-type]
    boron = read_dataset(shared_data / "b2o3_dft.extxyz.gz")
    assert len(boron) == 765
    assert boron.elements == ("B", "O")
    assert {f.temperature for f in boron.frames if f.config_type.startswith("glass")} == {300.0}
    assert {f.temperature for f in boron.frames if f.config_type.startswith("ramp")} == {None}

"""Frames, and reading and writing them: formats, units, and files that are wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame, species_order
from glasspot.structure.readers import read_frames, write_frames

CELL = np.array([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.5, 0.7, 7.0]])


def made(n_frames: int = 3, cell: np.ndarray | float = 9.0) -> list[Frame]:
    rng = np.random.default_rng(0)
    symbols = ["Si", "O", "O"] * 10
    return [
        Frame.from_symbols(
            symbols, rng.random((30, 3)) * 7.0, cell, velocities=rng.normal(size=(30, 3)), values={"time_ps": 0.5 * k}
        )
        for k in range(n_frames)
    ]


def dump_text(frames: list[Frame], element: bool = True) -> str:
    """A LAMMPS dump as `dump custom id type [element] x y z vx vy vz` writes it, atoms in reverse order."""
    lines = []
    for number, frame in enumerate(frames):
        lines += ["ITEM: TIMESTEP", str(100 * number), "ITEM: NUMBER OF ATOMS", str(frame.n_atoms)]
        lines += ["ITEM: BOX BOUNDS pp pp pp", *["0.0 9.0"] * 3]
        lines.append(f"ITEM: ATOMS id type {'element ' if element else ''}x y z vx vy vz")
        for i in reversed(range(frame.n_atoms)):
            name = f"{frame.symbols[i]} " if element else ""
            numbers = " ".join(f"{v:.9g}" for v in (*frame.positions[i], *frame.velocities[i]))  # type: ignore[index]
            lines.append(f"{i + 1} {frame.types[i] + 1} {name}{numbers}")
    return "\n".join(lines) + "\n"


def cp2k_text(frames: list[Frame]) -> str:
    lines = []
    for number, frame in enumerate(frames):
        lines += [f"      {frame.n_atoms}", f" i = {number:8}, time = {0.5 * number:12.3f}, E = -1200.5"]
        lines += [
            f"  {s}  {x:.10f}  {y:.10f}  {z:.10f}" for s, (x, y, z) in zip(frame.symbols, frame.positions, strict=True)
        ]
    return "\n".join(lines) + "\n"


OUTCAR = """\
 vasp.6.3.0 18Jan22 (build) complex
 POTCAR:    PAW_PBE Si 05Jan2001
 POTCAR:    PAW_PBE O 08Apr2002
 POTCAR:    PAW_PBE Si 05Jan2001
 POTCAR:    PAW_PBE O 08Apr2002
   ions per type =               1   2
   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=     10
 k-points in reciprocal lattice and weights: Gamma
   0.00000000  0.00000000  0.00000000      1.000

   ISPIN  =      1    spin polarized calculation?
--------------------------------------- Iteration      1(   1)  ---------------------------------------
      direct lattice vectors                 reciprocal lattice vectors
     6.000000000  0.000000000  0.000000000     0.166666667  0.000000000  0.000000000
     0.000000000  6.000000000  0.000000000     0.000000000  0.166666667  0.000000000
     0.000000000  0.000000000  6.000000000     0.000000000  0.000000000  0.166666667

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      1.00000      1.00000      1.00000         0.000000      0.000000      0.000000
      2.60000      1.00000      1.00000         0.000000      0.000000      0.000000
      1.00000      2.60000      1.00000         0.000000      0.000000      0.000000
 -----------------------------------------------------------------------------------
  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  =       -21.50000000 eV

  energy  without entropy=      -21.40000000  energy(sigma->0) =      -21.45000000
"""


def test_species_order_puts_formers_first_and_anions_last() -> None:
    assert species_order(["O", "Na", "Si", "B", "O", "Ca"]) == ("B", "Si", "Ca", "Na", "O")
    assert species_order(["Te", "As"]) == ("As", "Te")
    assert species_order(["F", "O", "Al"]) == ("Al", "O", "F")


def test_a_frame_knows_its_numbers() -> None:
    frame = made()[0]
    assert frame.counts == {"Si": 10, "O": 20}
    assert frame.symbols[:3] == ["Si", "O", "O"]
    assert frame.volume == pytest.approx(729.0)
    # 10 SiO2 of 60.083 g/mol in 729 A^3.
    assert frame.density == pytest.approx(10 * 60.083 / 6.02214e23 / 729e-24, rel=1e-4)
    assert np.all((frame.wrapped() >= 0) & (frame.wrapped() < 9))


def test_ase_round_trip_keeps_velocities_in_their_units() -> None:
    frame = made(cell=CELL)[1]
    atoms = frame.to_ase()
    # 1 A/ps is 0.0101805 in ASE's unit of velocity, A sqrt(eV/amu).
    assert atoms.get_velocities()[0] == pytest.approx(frame.velocities[0] * 0.0101805, rel=1e-5)  # type: ignore[index]
    again = Frame.from_ase(atoms)
    np.testing.assert_allclose(again.velocities, frame.velocities, rtol=1e-12)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.positions, frame.positions)
    assert again.values["time_ps"] == 0.5


@pytest.mark.parametrize("cell", [9.0, CELL], ids=["cube", "triclinic"])
def test_extxyz_round_trip(tmp_path: Path, cell: np.ndarray | float) -> None:
    frames = made(cell=cell)
    for name in ("a.extxyz", "a.extxyz.gz"):
        write_frames(tmp_path / name, frames)
        again = read_frames(tmp_path / name)
        assert len(again) == 3
        for ours, theirs in zip(frames, again, strict=True):
            np.testing.assert_allclose(theirs.positions, ours.positions, atol=1e-8)  # eight digits are written
            np.testing.assert_allclose(theirs.cell, ours.cell, atol=1e-12)
            np.testing.assert_allclose(theirs.velocities, ours.velocities, atol=2e-7)  # type: ignore[arg-type]
            assert theirs.values["time_ps"] == ours.values["time_ps"]
            assert theirs.species == ("Si", "O")


def test_lammps_data_round_trip(tmp_path: Path) -> None:
    for cell in (9.0, np.array([[9.0, 0, 0], [1.0, 8.0, 0], [-0.5, 0.7, 7.0]])):
        frame = made(1, cell)[0]
        write_frames(tmp_path / "a.data", frame)
        again = read_frames(tmp_path / "a.data")[0]
        np.testing.assert_allclose(again.positions, frame.positions, atol=1e-10)
        np.testing.assert_allclose(again.velocities, frame.velocities, atol=1e-10)  # type: ignore[arg-type]
        np.testing.assert_allclose(again.cell, frame.cell, atol=1e-10)
        assert again.symbols == frame.symbols  # from the masses
    with pytest.raises(GlasspotError, match="holds one frame, given 3"):
        write_frames(tmp_path / "b.data", made())


def test_lammps_data_of_atom_style_charge_and_without_masses(tmp_path: Path) -> None:
    text = "glass\n\n2 atoms\n2 atom types\n0 8 xlo xhi\n0 8 ylo yhi\n0 8 zlo zhi\n\n{}Atoms # charge\n\n"
    text += "2 2 -1.2 2.6 1.0 1.0\n1 1 2.4 1.0 1.0 1.0\n"
    path = tmp_path / "c.data"
    path.write_text(text.format("Masses\n\n1 28.0855\n2 15.9994\n\n"))
    assert read_frames(path)[0].symbols == ["Si", "O"]
    path.write_text(text.format(""))
    with pytest.raises(GlasspotError, match="no Masses section, so its atom types have no names"):
        read_frames(path)
    assert read_frames(path, type_elements=["Ge", "O"])[0].symbols == ["Ge", "O"]
    with pytest.raises(GlasspotError, match="atoms of type 2, but only 1 elements"):
        read_frames(path, type_elements=["Ge"])


def test_lammps_dump(tmp_path: Path) -> None:
    frames = made()
    (tmp_path / "a.dump").write_text(dump_text(frames))
    (tmp_path / "b.dump").write_text(dump_text(frames, element=False))
    for read in (read_frames(tmp_path / "a.dump"), read_frames(tmp_path / "b.dump", type_elements=["Si", "O"])):
        assert len(read) == 3
        np.testing.assert_allclose(read[2].positions, frames[2].positions, rtol=1e-7)
        np.testing.assert_allclose(read[2].velocities, frames[2].velocities, rtol=1e-7)  # type: ignore[arg-type]
        assert read[2].symbols == frames[2].symbols
    with pytest.raises(GlasspotError, match="no element column, so its atom types have no names"):
        read_frames(tmp_path / "b.dump")
    with pytest.raises(GlasspotError, match="atoms of type 2, but only 1 elements"):
        read_frames(tmp_path / "b.dump", type_elements=["Si"])


def test_xdatcar_outcar_and_cp2k(tmp_path: Path) -> None:
    import ase.io

    frames = made()
    ase.io.write(tmp_path / "XDATCAR", [f.to_ase() for f in frames], format="vasp-xdatcar")
    read = read_frames(tmp_path / "XDATCAR")
    assert len(read) == 3
    np.testing.assert_allclose(read[1].wrapped(), frames[1].wrapped(), atol=1e-6)  # eight digits of fractions

    (tmp_path / "OUTCAR").write_text(OUTCAR)
    outcar = read_frames(tmp_path / "OUTCAR")[0]
    assert outcar.symbols == ["Si", "O", "O"]
    assert outcar.volume == pytest.approx(216.0)
    assert outcar.values["energy_eV"] == pytest.approx(-21.45)
    assert outcar.positions[1].tolist() == [2.6, 1.0, 1.0]

    (tmp_path / "run-pos-1.xyz").write_text(cp2k_text(frames))
    np.testing.assert_allclose(
        read_frames(tmp_path / "run-pos-1.xyz", cell=9.0)[2].positions, frames[2].positions, atol=1e-9
    )
    with pytest.raises(GlasspotError, match="holds no cell"):
        read_frames(tmp_path / "run-pos-1.xyz")


def test_index_chooses_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    write_frames(path, made(5))
    assert [f.values["time_ps"] for f in read_frames(path, "::2")] == [0.0, 1.0, 2.0]
    assert [f.values["time_ps"] for f in read_frames(path, -1)] == [2.0]
    with pytest.raises(GlasspotError, match="no frame that the index '7' asks for"):
        read_frames(path, "7")
    with pytest.raises(GlasspotError, match='"all" chooses no frames'):
        read_frames(path, "all")
    assert read_frames(path, species=("O", "Si"))[0].species == ("O", "Si")
    with pytest.raises(GlasspotError, match="holds Si, not among the species O"):
        read_frames(path, species=("O",))


@pytest.mark.parametrize("share", [0.97, 0.7, 0.3, 0.03])
def test_a_file_cut_short_is_never_read_as_whole(tmp_path: Path, share: float) -> None:
    import ase.io

    frames = made()
    write_frames(tmp_path / "a.extxyz", frames)
    write_frames(tmp_path / "a.data", frames[0])
    (tmp_path / "a.dump").write_text(dump_text(frames))
    (tmp_path / "OUTCAR").write_text(OUTCAR)
    (tmp_path / "a.xyz").write_text(cp2k_text(frames))
    ase.io.write(tmp_path / "XDATCAR", [f.to_ase() for f in frames], format="vasp-xdatcar")
    for path in list(tmp_path.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(GlasspotError) as caught:
            read_frames(path, cell=9.0)
        assert "\n" not in str(caught.value)


def test_a_dump_that_lost_its_last_line_is_refused(tmp_path: Path) -> None:
    lines = dump_text(made()).splitlines()
    (tmp_path / "a.dump").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(GlasspotError, match="30 atoms has 29 whole lines"):
        read_frames(tmp_path / "a.dump")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.extxyz", b"", "is empty"),
        ("a.extxyz", bytes(range(256)) * 20, "is binary"),
        ("a.txt", b"hello\nworld\n", "is of no kind that glasspot reads"),
        ("a.extxyz.gz", b"not a gzip file", "could not be opened"),
        ("a.extxyz.gz", gzip.compress(b"2\nLattice" * 500)[:60], "could not be opened|could not be read"),
    ],
)
def test_files_of_other_kinds(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GlasspotError, match=words):
        read_frames(tmp_path / name)


def test_missing_file_folder_and_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="does not exist"):
        read_frames(tmp_path / "none.extxyz")
    with pytest.raises(GlasspotError, match="could not be opened"):
        read_frames(tmp_path)
    with pytest.raises(GlasspotError, match="cannot write"):
        write_frames(tmp_path / "none" / "a.extxyz", made())
    with pytest.raises(GlasspotError, match="no frame to write"):
        write_frames(tmp_path / "a.extxyz", [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": np.zeros((2, 3))}, "positions \\(n, 3\\)"),
        ({"positions": np.full((3, 3), np.nan)}, "not a finite number"),
        ({"cell": np.zeros((3, 3))}, "no volume"),
        ({"cell": np.zeros((2, 3))}, "three lattice vectors"),
        ({"types": np.array([0, 1, 2])}, "types must lie between"),
        ({"species": ("Si", "Si")}, "must be distinct"),
        ({"velocities": np.zeros((2, 3))}, "velocities must have shape"),
    ],
)
def test_a_frame_checks_itself(change: dict[str, object], words: str) -> None:
    good = {"positions": np.zeros((3, 3)), "cell": np.eye(3), "species": ("Si", "O"), "types": np.array([0, 1, 1])}
    with pytest.raises(GlasspotError, match=words):
        Frame(**{**good, **change})  # type: ignore[arg-type]


def test_names_that_are_no_elements() -> None:
    with pytest.raises(GlasspotError, match='"Xy" is not a chemical element'):
        Frame.from_symbols(["Xy"], [[0, 0, 0]], 5.0)


def parts(tmp_path: Path) -> Path:
    """A file of three parts; the second has another number of atoms, and its name needs quotes."""
    import ase.io

    images = []
    for number, name in enumerate(["liquid", "liquid", "cold glass", "liquid", "crystal"]):
        frame = made()[0]
        atoms = frame.to_ase() * (1, 1, 2 if name == "cold glass" else 1)
        atoms.info = {"config_type": name, "number": number}
        images.append(atoms)
    ase.io.write(tmp_path / "parts.extxyz", images, format="extxyz")
    return tmp_path / "parts.extxyz"


@pytest.mark.parametrize(
    ("name", "index", "numbers"),
    [
        ("liquid", ":", [0, 1, 3]),
        ("liquid", "1:", [1, 3]),
        ("liquid", "::2", [0, 3]),
        ("liquid", "-1", [3]),
        ("liquid", 0, [0]),
        ("cold glass", ":", [2]),
        ("crystal", "-2:", [4]),
    ],
)
def test_one_part_of_a_file(tmp_path: Path, name: str, index: str | int, numbers: list[int]) -> None:
    frames = read_frames(parts(tmp_path), index, config_type=name)
    assert [frame.values["number"] for frame in frames] == numbers


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    path = parts(tmp_path)
    with pytest.raises(GlasspotError, match='Did you mean "liquid"'):
        read_frames(path, config_type="liqud")
    with pytest.raises(GlasspotError, match="no frame that the index '7:' asks for"):
        read_frames(path, "7:", config_type="liquid")
    with pytest.raises(GlasspotError, match="chooses no frames"):
        read_frames(path, "::0")
    write_frames(tmp_path / "plain.extxyz", made())
    with pytest.raises(GlasspotError, match="it names none"):
        read_frames(tmp_path / "plain.extxyz", config_type="liquid")
    (tmp_path / "XDATCAR").write_text("x\n1\nDirect configuration=")
    with pytest.raises(GlasspotError, match="no extended XYZ"):
        read_frames(tmp_path / "XDATCAR", config_type="liquid")

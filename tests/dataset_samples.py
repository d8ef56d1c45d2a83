"""A small alloy with exact labels (ASE's EMT), and writers of the formats that ab initio codes write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import GPa, Hartree

from glasspot.units import BOHR

CELLS = {"cube": np.eye(3), "sheared": np.array([[1.0, 0.0, 0.0], [0.08, 1.02, 0.0], [-0.05, 0.04, 0.97]])}


def alloy(n: int = 4, cell: str = "sheared", seed: int = 1, scale: float = 1.0) -> list[Atoms]:
    """Return n different frames of 32 atoms, Cu24 Au8, with EMT as their calculator."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(n):
        atoms = bulk("Cu", cubic=True, a=3.75 * scale) * (2, 2, 2)
        atoms.set_cell(atoms.cell.array @ CELLS[cell], scale_atoms=True)
        # VASP writes atoms grouped by element, so the samples are.
        atoms.symbols[:8] = "Au"
        atoms.positions += rng.normal(0.0, 0.12, atoms.positions.shape)
        atoms.calc = EMT()
        frames.append(atoms)
    return frames


def trajectory(n: int = 12, step: float = 4.0, kelvin: float = 900.0, seed: int = 2) -> list[Atoms]:
    """Return n frames of one MD run of the alloy, ``step`` fs apart."""
    from ase import units
    from ase.md.verlet import VelocityVerlet

    atoms = alloy(1, seed=seed)[0]
    spread = np.sqrt(atoms.get_masses() * units.kB * kelvin)
    atoms.set_momenta(spread[:, None] * np.random.default_rng(seed).standard_normal((len(atoms), 3)))
    md = VelocityVerlet(atoms, timestep=2.0 * units.fs)
    frames = []
    for _ in range(n):
        md.run(round(step / 2.0))
        frame = atoms.copy()
        frame.calc = EMT()
        frames.append(frame)
    return frames


def labels(frame: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy (eV), forces (eV/A) and stress (3, 3) in eV/A^3, ASE's sign."""
    return frame.get_potential_energy(), frame.get_forces(), frame.get_stress(voigt=False)


def extxyz_text(
    frames: list[Atoms], forces: str = "forces", stress: str = "stress", energy: str = "energy", extra: str = ""
) -> str:
    """Return extended XYZ; ``stress``: "stress" (nine numbers), "stress6", "virial", "both" or "" (none)."""
    lines = []
    for frame in frames:
        e, f, s = labels(frame)
        virial = -s * frame.get_volume()
        voigt = np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]])
        choices: dict[str, dict[str, np.ndarray]] = {
            "": {},
            "stress": {"stress": s.ravel()},
            "stress6": {"stress": voigt},
            "virial": {"virial": virial.ravel()},
            "both": {"stress": s.ravel(), "virial": virial.ravel()},
        }
        tensors = choices[stress]
        words = [f'Lattice="{_row(frame.cell.array.ravel())}"', f"Properties=species:S:1:pos:R:3:{forces}:R:3"]
        words += [f"{energy}={e:.12f}"] if energy else []
        words += [f'{name}="{_row(values)}"' for name, values in tensors.items()]
        lines += [str(len(frame)), " ".join([*words, extra, 'pbc="T T T"'])]
        lines += [
            f"{name} {_row(place)} {_row(force)}"
            for name, place, force in zip(frame.get_chemical_symbols(), frame.positions, f, strict=True)
        ]
    return "\n".join(lines) + "\n"


def write_deepmd(folder: Path, frames: list[Atoms], per_set: int = 3) -> None:
    """Write a system of DeePMD-kit in sets of ``per_set`` frames."""
    folder.mkdir(parents=True)
    names = ("Cu", "Au")
    (folder / "type.raw").write_text("".join(f"{names.index(s)}\n" for s in frames[0].get_chemical_symbols()))
    (folder / "type_map.raw").write_text("\n".join(names) + "\n")
    for number, start in enumerate(range(0, len(frames), per_set)):
        part = frames[start : start + per_set]
        here = folder / f"set.{number:03d}"
        here.mkdir()
        rows = [labels(frame) for frame in part]
        np.save(here / "coord.npy", [frame.positions.ravel() for frame in part])
        np.save(here / "box.npy", [frame.cell.array.ravel() for frame in part])
        np.save(here / "energy.npy", [e for e, _, _ in rows])
        np.save(here / "force.npy", [f.ravel() for _, f, _ in rows])
        virials = [-s.ravel() * frame.get_volume() for frame, (_, _, s) in zip(part, rows, strict=True)]
        np.save(here / "virial.npy", virials)


def write_cp2k(folder: Path, frames: list[Atoms], project: str = "alloy", cell_file: bool = True) -> Path:
    """Write the three files of an MD run of CP2K, in its units and layout; return the file of positions."""
    places, forces = [], []
    cells = [
        "#   Step   Time [fs]       Ax [Angstrom]       Ay [Angstrom]       Az [Angstrom]       Bx [Angstrom]       "
        "By [Angstrom]       Bz [Angstrom]       Cx [Angstrom]       Cy [Angstrom]       Cz [Angstrom]      "
        "Volume [Angstrom^3]"
    ]
    for number, frame in enumerate(frames):
        e, f, _ = labels(frame)
        head = [f"      {len(frame)}", f" i = {number:8d}, time = {0.5 * number:12.3f}, E = {e / Hartree:20.10f}"]
        places += head + _atoms(frame, frame.positions)
        forces += head + _atoms(frame, f / (Hartree / BOHR))
        numbers = "".join(f"{x:20.10f}" for x in [*frame.cell.array.ravel(), frame.get_volume()])
        cells.append(f"{number:8d}{0.5 * number:12.3f}{numbers}")
    (folder / f"{project}-pos-1.xyz").write_text("\n".join(places) + "\n")
    (folder / f"{project}-frc-1.xyz").write_text("\n".join(forces) + "\n")
    if cell_file:
        (folder / f"{project}-1.cell").write_text("\n".join(cells) + "\n")
    return folder / f"{project}-pos-1.xyz"


def outcar_text(frames: list[Atoms], kelvin: float = 1600.0, unconverged: tuple[int, ...] = ()) -> str:
    """Return what VASP's OUTCAR of an MD run says of these frames, and no more; energy(sigma->0) is 0.05 eV higher."""
    symbols = frames[0].get_chemical_symbols()
    names = list(dict.fromkeys(symbols))
    lines = [" vasp.6.3.0 18Jan22 (build) complex"]
    lines += [f" POTCAR:    PAW_PBE {name} 05Jan2001" for _ in range(2) for name in names]
    lines += ["   IBRION =      0    ionic relax: 0-MD 1-quasi-New 2-CG"]
    lines += [f"   TEBEG  = {kelvin:.1f};   TEEND  = {kelvin:.1f} temperature during run"]
    lines += [f"   ions per type =             {'  '.join(str(symbols.count(name)) for name in names)}"]
    lines += [
        "   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=     10"
    ]
    lines += [
        " k-points in reciprocal lattice and weights: Gamma",
        "   0.00000000  0.00000000  0.00000000      1.000",
        "",
    ]
    lines += ["   ISPIN  =      1    spin polarized calculation?"]
    for number, frame in enumerate(frames):
        e, f, s = labels(frame)
        dashes = "-" * 39
        lines += [f"{dashes} Iteration {number + 1:6d}(   1)  {dashes}"]
        reached = "was not reached (unconverged)" if number in unconverged else "is reached"
        lines += [
            f"{dashes} aborting loop EDIFF {reached} {dashes}"
            if number in unconverged
            else f"{dashes} aborting loop because EDIFF {reached} {dashes}"
        ]
        xx, yy, zz, yz, xz, xy = (-x * 10.0 / GPa for x in (s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]))
        lines += ["  FORCE on cell =-STRESS in cart. coord.  units (eV):"]
        lines += ["  Direction    XX          YY          ZZ          XY          YZ          ZX"]
        lines += ["  in kB  " + "".join(f"{x:14.7f}" for x in (xx, yy, zz, xy, yz, xz))]
        lines += [" VOLUME and BASIS-vectors are now :"]
        lines += ["      direct lattice vectors                 reciprocal lattice vectors"]
        lines += [
            "  " + "".join(f"{x:13.9f}" for x in [*a, *b])
            for a, b in zip(frame.cell.array, np.linalg.inv(frame.cell.array).T, strict=True)
        ]
        lines += ["", " POSITION                                       TOTAL-FORCE (eV/Angst)", " " + "-" * 83]
        lines += [
            "  " + "".join(f"{x:15.8f}" for x in [*place, *force])
            for place, force in zip(frame.positions, f, strict=True)
        ]
        lines += [" " + "-" * 83, "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)", "  " + "-" * 51]
        lines += [f"  free  energy   TOTEN  = {e:18.8f} eV", ""]
        lines += [f"  energy  without entropy={e + 0.1:16.8f}  energy(sigma->0) ={e + 0.05:16.8f}", ""]
    return "\n".join(lines) + "\n"


def _atoms(frame: Atoms, rows: np.ndarray) -> list[str]:
    return [
        f"{name:>3s}" + "".join(f"{x:20.10f}" for x in row)
        for name, row in zip(frame.get_chemical_symbols(), rows, strict=True)
    ]


def _row(values: np.ndarray | list[float]) -> str:
    return " ".join(f"{x:.12f}" for x in values)

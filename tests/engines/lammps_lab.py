"""Help for the tests of the LAMMPS engine: potentials, melts, and forces of one configuration by several ways."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from glasspot.engine import deck
from glasspot.engine.base import Sample, Simulation
from glasspot.engine.cell import LammpsCell
from glasspot.engine.dump import DumpReader, LogReader
from glasspot.engine.lammps import LammpsEngine
from glasspot.engine.process import Child, find_program
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing


def _pair(a: str, b: str, **numbers: float) -> dict:
    """Buckingham with A, rho, C, and D / r^24 where D is given."""
    repulsion = numbers.pop("D", None)
    terms = [{"form": "buckingham", "C": 0.0, **numbers}] if numbers else []
    if repulsion:
        terms.append({"form": "inverse-power", "coefficient": repulsion, "n": 24})
    return {"elements": [a, b], "term": terms}


def silica(wall: str = "auto", **more: object) -> Potential:
    """BKS with DSF electrostatics, the setting of the silica fits."""
    return Potential.from_dict(
        {
            "name": "BKS for tests",
            "r_cut": 8.0,
            "wall": wall,
            "charges": {"Si": 2.4, "O": -1.2},
            "coulomb": {"style": "dsf", "alpha": 0.25, "r_cut": 8.0},
            "pair": [
                _pair("Si", "O", A=18003.7572, rho=1 / 4.87318, C=133.5381, D=29.0),
                _pair("O", "O", A=1388.773, rho=1 / 2.76, C=175.0, D=113.0),
                _pair("Si", "Si", D=3423200.0),
            ],
            **more,
        }
    )


def borosilicate(wall: str = "auto") -> Potential:
    """The set of Wang 2018: the steepest B-O of the library, 11 A and PPPM."""
    return Potential.from_dict(
        {
            "name": "Wang for tests",
            "r_cut": 11.0,
            "wall": wall,
            "charges": {"Si": 1.89, "B": 1.4175, "Na": 0.4725, "Ca": 0.945, "O": -0.945},
            "coulomb": {"style": "pppm", "r_cut": 11.0, "accuracy": 1e-5},
            "pair": [
                _pair("O", "O", A=9022.79, rho=0.265, C=85.0921),
                _pair("Si", "O", A=50306.10, rho=0.161, C=46.2978),
                _pair("Na", "O", A=120303.8, rho=0.17),
                _pair("Ca", "O", A=155667.7, rho=0.178, C=42.2597),
                _pair("B", "O", A=206942.445, rho=0.124, C=35.0019),
                _pair("B", "B", A=484.40, rho=0.35),
                _pair("B", "Si", A=337.70, rho=0.29),
            ],
        }
    )


# 12B of the borosilicate series, about: 10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO.
GLASS_12B = {"B": 32, "Si": 96, "Na": 44, "Ca": 16, "O": 278}


def melt(potential: Potential, counts: dict[str, int], length: float, temperature: float, folder: Path) -> Frame:
    """Return a short-lived melt: packed, heated and cooled a little, as disordered as forces need to be tested."""
    protocol = Protocol(
        "melt",
        (
            Stage("minimise"),
            Stage("nvt", 0.2, temperature + 2000, gentle=True),
            Stage("nvt", 0.8, (temperature + 2000, temperature)),
            Stage("nvt", 0.5, temperature),
        ),
    )
    start = random_packing(counts, length, seed=1)
    return last(LammpsEngine().run(Simulation(potential, start, protocol, seed=1), folder)).frame


def last(samples) -> Sample:
    """Return the final sample of a run."""
    *_, final = samples
    assert final.final
    return final


def run_lammps(script: str, folder: Path) -> LogReader:
    """Run an input script of the test's own; every line of its log has been read."""
    (folder / "test.in").write_text(script)
    arguments = ["-in", "test.in", "-log", "test.log"]
    with Child(find_program(None), arguments, folder, threads=1) as child:
        child._process.wait(300)
        assert child.exit_code == 0, child.screen()
    return LogReader(folder / "test.log")


def forces(frame: Frame, potential: Potential, folder: Path, settings: str | None = None) -> tuple[np.ndarray, float]:
    """Return forces (n, 3) in eV/A and the potential energy in eV that LAMMPS computes for ``frame``.

    settings: lines of an input script in place of glasspot's own include.
    """
    folder.mkdir(exist_ok=True)
    cell = LammpsCell.of(frame)
    (folder / "start.data").write_text(deck.data_text(potential, frame))
    if settings is None:
        deck.write_lammps_potential(potential, frame.species, folder)
        settings = f"include {deck.INCLUDE}"
    log = run_lammps(
        "units metal\natom_style charge\nboundary p p p\nread_data start.data\n"
        f"{settings}\nthermo_style custom {deck.THERMO_KEYWORDS}\nthermo_modify format float %.15g\n"
        "run 0\nwrite_dump all custom forces.bin id type x y z fx fy fz\n",
        folder,
    )
    row = log.read()[-1]
    found = DumpReader(folder / "forces.bin").read()[-1].vectors("fx", "fy", "fz")
    return cell.back(found), row.energy_eV


def exact_pair_forces(frame: Frame, potential: Potential) -> tuple[np.ndarray, float]:
    """Return forces and energy of the pair terms by a plain double sum over atoms and images of the closed forms."""
    r_max = potential.r_max
    heights = frame.volume / np.linalg.norm(np.cross(np.roll(frame.cell, -1, 0), np.roll(frame.cell, -2, 0)), axis=1)
    images = [range(-k, k + 1) for k in np.ceil(r_max / heights + 1e-9).astype(int)]
    positions = frame.wrapped()
    found, energy = np.zeros_like(positions), 0.0
    for shift in product(*images):
        apart = positions[:, None] - (positions + np.array(shift) @ frame.cell)
        distance = np.linalg.norm(apart, axis=2)
        for a, b in product(range(len(frame.species)), repeat=2):
            i, j = np.nonzero(
                (distance < r_max) & (distance > 1e-9) & (frame.types[:, None] == a) & (frame.types[None] == b)
            )
            r = distance[i, j]
            names = frame.species[a], frame.species[b]
            energy += 0.5 * float(potential.pair_energy(*names, r).sum())
            np.add.at(found, i, apart[i, j] * (potential.pair_force(*names, r) / r)[:, None])
    return found, energy


def relative_rms(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the RMS error of forces over the RMS force."""
    return float(np.sqrt(((found - exact) ** 2).sum() / (exact**2).sum()))

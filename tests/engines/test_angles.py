"""Three-body terms of the native engine: against LAMMPS's nb3b/screened, and against sums over triplets in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_lab import engine_named
from lammps_lab import forces, last, relative_rms, silica
from test_lammps_library import three_body

from glasspot.composition import Composition, start_box
from glasspot.engine.base import CannotRunError, Simulation
from glasspot.engine.native.field import ENERGY, WELL, update
from glasspot.engine.native.system import System
from glasspot.engine.native.trajectory import Trajectory
from glasspot.engine.native.variant import has_avx512
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

CODES = ["portable", pytest.param("avx512", marks=pytest.mark.skipif(not has_avx512(), reason="no AVX-512 here"))]


def start(n_atoms: int = 400) -> tuple[Potential, Frame]:
    """BMP for a sodium borosilicate with BaO, and a packing of it."""
    published = load_potential("BMP")
    atoms = Composition.parse("52 SiO2 20 B2O3 20 Na2O 8 BaO").atom_counts(n_atoms, published.counting_charges)
    potential = published.for_composition(atoms.composition, atoms.counts)
    return potential, random_packing(atoms.counts, start_box(atoms, None)[0], seed=2)


MELT = Protocol("melt", (Stage("minimise"), Stage("nvt", 0.3, 4000.0, gentle=True), Stage("nvt", 0.4, 3500.0)))


def found_by(system: System) -> tuple[np.ndarray, float]:
    """Return forces (n, 3) in the order of the frame, and the energy."""
    energy, _, _, problem = update(system.variant, system.field, system.x, system.lengths, ENERGY)
    assert problem == WELL
    rows = np.empty((system.n, 3))
    rows[system.order] = system.field.forces.reshape(-1, 4)[: system.n, :3]
    return rows, float(energy)


@pytest.mark.parametrize("instructions", CODES)
def test_forces_of_a_melt_are_those_of_lammps(instructions: str, tmp_path: Path) -> None:
    """At moments of a run, with the list as it then is. Tolerance: LAMMPS's pair tables err by 1e-5 to 3e-5."""
    potential, packing = start()
    trajectory = Trajectory(Simulation(potential, packing, MELT, 1), instructions=instructions)
    checked = 0
    for row in trajectory.rows():
        if row.stage < 2 or row.step % 100:
            continue
        system, frame = trajectory.system, trajectory.frame()
        mine = np.empty((system.n, 3))
        mine[system.order] = system.field.forces.reshape(-1, 4)[: system.n, :3]
        theirs, energy = forces(frame, potential, tmp_path / str(checked))
        assert relative_rms(mine, theirs) < 3e-5
        assert row.energy_eV == pytest.approx(energy, rel=3e-6)
        checked += 1
    assert checked >= 2


def test_pressure_of_a_melt_is_that_of_lammps(tmp_path: Path) -> None:
    """Ten steps of NVE from the same state: 30 bar are 1e-5 of the terms of the virial, some 500,000 bar each."""
    potential, packing = start()
    melt = last(engine_named("native").run(Simulation(potential, packing, MELT, 1), tmp_path / "melt")).frame
    protocol = Protocol("nve", (Stage("nve", 0.01),))
    one, other = (
        last(engine_named(name).run(Simulation(potential, melt, protocol), tmp_path / name))
        for name in ("lammps", "native")
    )
    assert other.pressure_bar == pytest.approx(one.pressure_bar, abs=30.0)
    # Forces differ by 3e-5 of 30 eV/A at most, which in 10 fs changes the speed of an oxygen by 6e-3 A/ps.
    np.testing.assert_allclose(other.frame.velocities, one.frame.velocities, atol=6e-3)


def angle(degrees: float) -> Frame:
    """Si-O-Si with arms of 1.6 and 1.7 A."""
    bend = np.radians(degrees)
    places = [[6.6, 5.0, 5.0], [5.0, 5.0, 5.0], [5 + 1.7 * np.cos(bend), 5 + 1.7 * np.sin(bend), 5.0]]
    return Frame.from_symbols(["Si", "O", "Si"], places, 20.0)


@pytest.mark.parametrize("degrees", [70.0, 109.47, 150.0, 179.0])
@pytest.mark.parametrize("instructions", CODES)
def test_energy_and_slope_of_one_angle(degrees: float, instructions: str) -> None:
    """The closed form, and forces as its slope: step 1e-4 A, where points are rounded to 5e-9 A; 1e-3 of the force."""
    with_angles = load_potential("BMP")
    without = Potential.from_dict({**with_angles.to_dict(), "three_body": []})

    def energy_of(frame: Frame) -> float:
        pairs = found_by(System(frame, without, instructions=instructions))[1]
        return found_by(System(frame, with_angles, instructions=instructions))[1] - pairs

    frame = angle(degrees)
    assert energy_of(frame) == pytest.approx(three_body(frame, with_angles), rel=1e-4, abs=1e-5)
    mine = found_by(System(frame, with_angles, instructions=instructions))[0]
    mine = mine - found_by(System(frame, without, instructions=instructions))[0]
    assert np.abs(mine.sum(axis=0)).max() < 1e-5, "they push nothing but each other"
    for atom in range(3):
        for axis in range(2):
            ends = []
            for step in (-1e-4, 1e-4):
                moved = frame.positions.copy()
                moved[atom, axis] += step
                ends.append(three_body(Frame(moved, frame.cell, frame.species, frame.types), with_angles))
            assert mine[atom, axis] == pytest.approx(-(ends[1] - ends[0]) / 2e-4, rel=1e-3, abs=2e-3)


def test_a_straight_angle_gives_numbers() -> None:
    """The direction of its force is undefined, its size is not infinite."""
    rows, energy = found_by(System(angle(180.0), load_potential("BMP")))
    assert np.isfinite(rows).all() and np.isfinite(energy)


def test_a_potential_without_angles_has_none() -> None:
    melt = random_packing({"Si": 100, "O": 200}, 16.5, seed=1)
    assert System(melt, silica()).field.angles is None
    assert System(melt, load_potential("BMP")).field.angles is not None


def test_a_small_cell_is_refused() -> None:
    """Nearest images are taken of ends: the cell must be twice the cut-off of the pairs."""
    small = random_packing({"Si": 50, "O": 100}, 13.0, seed=1)
    with pytest.raises(CannotRunError, match=r"13 A; with three-body terms .* 16\.3 A"):
        System(small, load_potential("BMP"))
    assert System(small, silica()).field.n_images > 1

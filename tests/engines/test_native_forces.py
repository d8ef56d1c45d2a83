"""Pair forces of the native engine against plain sums of the closed forms: every kind of cell, both machine codes.

Tolerance: 1e-5 relative RMS, what is asked of the engine. The tables are good to 3e-6 where atoms of a melt are found,
rounding to float32 adds about 5e-7. Where atoms stand closer than in any melt (random packings, on the wall) only the
tables of the portable code, a hundred times finer, are held to it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from engine_lab import exact_forces
from lammps_lab import borosilicate, exact_pair_forces, relative_rms, silica

from glasspot.composition import Composition
from glasspot.engine.native import clusters, segments
from glasspot.engine.native.field import ENERGY, FORCES, LIST_FULL, NOT_A_NUMBER, VIRIAL, WELL, update
from glasspot.engine.native.neighbours import FEW
from glasspot.engine.native.system import System
from glasspot.engine.native.variant import Cubic, Quintic, Sextic, has_avx512
from glasspot.errors import GlasspotError
from glasspot.potential.coulomb import DSF
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.structure.frames import Frame

CODES = ["portable", pytest.param("avx512", marks=pytest.mark.skipif(not has_avx512(), reason="no AVX-512 here"))]


def without_mesh() -> Potential:
    """Five species, 11 A, steep B-O."""
    return replace(borosilicate(), coulomb=DSF(0.25, 11.0))


def eight_species() -> tuple[Potential, dict[str, int]]:
    """A set of the library with as many species as the engine is asked to take, and a glass of them."""
    potential = load_potential("PMMCS")
    counts = {"O": 131, "Si": 40, "Al": 9, "Na": 21, "Ca": 7, "Mg": 5, "Li": 3, "K": 1}
    return potential, counts


def random_frame(counts: dict[str, int], lengths: float | tuple[float, ...], nearest: float = 1.5) -> Frame:
    """Atoms at random, no two nearer than ``nearest`` A, some of them cells away from the origin."""
    rng = np.random.default_rng(1)
    cell = np.array(lengths) * np.ones(3)
    types = rng.permutation(np.repeat(np.arange(len(counts)), list(counts.values())))
    found: list[np.ndarray] = []
    while len(found) < len(types):
        place = rng.random(3) * cell
        apart = np.array(found).reshape(-1, 3) - place
        apart -= cell * np.rint(apart / cell)
        if not found or (apart**2).sum(axis=1).min() > nearest**2:
            found.append(place)
    positions = np.array(found) + rng.integers(-2, 3, (len(types), 3)) * cell
    return Frame(positions=positions, cell=np.diag(cell), species=tuple(counts), types=types)


def native(frame: Frame, potential: Potential, code: str, want: int = ENERGY) -> tuple[np.ndarray, float, float]:
    """Return forces (n, 3), energy and virial."""
    return evaluate(System(frame, potential, instructions=code), want)


def evaluate(system: System, want: int = ENERGY) -> tuple[np.ndarray, float, float]:
    energy, virial, _, problem = update(system.variant, system.field, system.x, system.lengths, want)
    assert problem == WELL
    forces = np.empty((system.n, 3))
    forces[system.order] = system.field.forces[: 4 * system.n].reshape(-1, 4)[:, :3]
    return forces, energy, virial


def exact_virial(frame: Frame, potential: Potential) -> float:
    """Return the sum of F r over the pairs inside the cut-off, over all images. (A volume derivative of the energy
    would also see its jump at the cut-off.)"""
    lengths, n_images = np.diag(frame.cell), np.ceil(potential.r_max / np.diag(frame.cell)).astype(int)
    apart = frame.wrapped()[:, None] - frame.wrapped()
    total = 0.0
    for shift in product(*(range(-k, k + 1) for k in n_images)):
        distance = np.linalg.norm(apart + shift * lengths, axis=2)
        for a, b in product(range(len(frame.species)), repeat=2):
            pairs = (distance > 1e-9) & (distance <= potential.r_max)
            r = distance[pairs & (frame.types[:, None] == a) & (frame.types == b)]
            total += 0.5 * float((potential.pair_force(frame.species[a], frame.species[b], r) * r).sum())
    return total


CELLS = {
    "imaged twice, odd number": (silica(), {"Si": 37, "O": 74}, 12.0),
    "imaged four times": (silica(), {"Si": 3, "O": 7}, 4.6),
    "fewer atoms than a cluster": (silica(), {"Si": 1, "O": 2}, 5.0),
    "one species": (silica(), {"O": 5}, 9.0),
    "three different edges": (silica(), {"Si": 30, "O": 61}, (10.0, 18.0, 25.0)),
    "imaged 4, 1 and 2 times": (silica(), {"Si": 21, "O": 42}, (5.0, 18.0, 10.0)),
    "imaged 2, 4 and 1 times": (silica(), {"Si": 21, "O": 42}, (10.0, 5.0, 18.0)),
    "imaged 1, 2 and 4 times": (silica(), {"Si": 21, "O": 42}, (18.0, 10.0, 5.0)),
    "not imaged": (silica(), {"Si": 200, "O": 401}, 20.0),
    "five species, two rare": (without_mesh(), {"Si": 50, "B": 30, "Na": 11, "Ca": 1, "O": 201}, 16.0),
    "one atom of a species": (without_mesh(), {"Si": 15, "B": 3, "Na": 1, "Ca": 2, "O": 41}, 10.1),
    "eight species": (*eight_species(), 14.8),
    "smoothed cut-offs": (
        load_potential("SHIK").for_composition(Composition.parse("70 SiO2 30 Na2O")),
        {"Si": 70, "Na": 61, "O": 170},
        16.0,
    ),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("code", CODES)
def test_forces_energy_and_virial_are_those_of_the_closed_forms(name: str, code: str) -> None:
    potential, counts, lengths = CELLS[name]
    # As near as atoms come in a melt, except where the finer tables are used.
    frame = random_frame(counts, lengths, 1.5 if code == "portable" else 1.75)
    exact, exact_energy = exact_pair_forces(frame, potential)
    forces, energy, virial = native(frame, potential, code)
    # Packed at random, like ions touch: the tables in registers are there tens of times worse than in a melt.
    tolerance = 1e-5 if code == "portable" else 3e-4
    assert relative_rms(forces, exact) < tolerance
    assert energy == pytest.approx(exact_energy, rel=tolerance)
    # Attraction and repulsion nearly cancel in the virial; the energy says how much there is of both.
    assert virial == pytest.approx(exact_virial(frame, potential), abs=tolerance * (abs(exact_energy) + abs(virial)))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("lengths", [(44.0, 44.0, 40.0), (128.0, 128.0, 6.0)], ids=["cube", "sheet"])
def test_many_atoms_are_searched_in_groups(lengths: tuple[float, ...], code: str) -> None:
    """So many of one species that clusters are looked for by groups, in a cell and in its images."""
    rng = np.random.default_rng(1)
    edge = 2.3  # A of a cube with an atom in it
    places = np.stack(np.meshgrid(*[np.arange(int(length / edge)) for length in lengths], indexing="ij"), axis=-1)
    positions = (places.reshape(-1, 3) + 0.25 * rng.random((places[..., 0].size, 3))) * edge
    types = (rng.permutation(len(positions)) % 4 > 0).astype(np.int64)
    frame = Frame(positions=positions, cell=np.diag(lengths), species=("Si", "O"), types=types)
    assert types.sum() > 4 * FEW
    exact, exact_energy, exact_virial = exact_forces(frame, silica())
    forces, energy, virial = native(frame, silica(), code)
    tolerance = 1e-5 if code == "portable" else 3e-4
    assert relative_rms(forces, exact) < tolerance
    assert energy == pytest.approx(exact_energy, rel=tolerance)
    assert virial == pytest.approx(exact_virial, abs=tolerance * (abs(exact_energy) + abs(virial)))
    system = System(frame, silica(), instructions=code)
    assert_list_is_whole(system, system.field.reach, 97)


def assert_list_is_whole(system: System, within: float, every: int = 1) -> None:
    """Compare the list of each ``every``-th cluster with the distances of all atoms: none ``within`` A is missed.

    More than forces can tell: near the cut-off they are next to nothing, and the list goes farther.
    """
    evaluate(system)
    field, n = system.field, system.n
    scale = system.lengths * 2.0 ** (field.shifts - 32)
    first, species = system.clusters.first, system.clusters.species
    points = field.points.reshape(-1, 4)[: n * field.n_images, :3]
    rows = np.arange(len(points))
    kind = np.repeat(species, np.diff(first))[rows % n]
    for c in range(0, len(species), every):
        apart = [(points - points[i]).astype(np.float64) * scale for i in range(first[c], first[c + 1])]
        nearest = np.min([np.linalg.norm(vectors, axis=1) for vectors in apart], axis=0)
        later = (rows % n >= first[c + 1]) & (nearest < within - 1e-4)
        for b in range(species[c], len(system.species)):
            listed = field.atoms[field.starts[c, b] : field.starts[c, b + 1]]
            assert set(rows[later & (kind == b)]) <= set(listed)


@pytest.mark.parametrize("code", CODES)
def test_what_is_not_wanted_is_left_out_and_changes_nothing(code: str) -> None:
    system = System(random_frame({"Si": 37, "O": 74}, 12.0, 1.75), silica(), instructions=code)
    forces, energy, virial = evaluate(system, ENERGY)
    for want in (VIRIAL, FORCES):
        same, no_energy, _ = evaluate(system, want)
        # The two loops are compiled apart and may round differently.
        assert relative_rms(same, forces) < 1e-6
        assert no_energy == 0.0
    assert evaluate(system, VIRIAL)[2] == pytest.approx(virial, rel=1e-5)
    assert energy != 0.0


def test_newtons_third_law() -> None:
    forces, _, _ = native(random_frame({"Si": 37, "O": 74}, 12.0), silica(), "portable")
    # Each force is a sum of some hundred float32 numbers.
    assert np.abs(forces.sum(axis=0)).max() < 1e-5 * np.abs(forces).sum()


@pytest.mark.parametrize("code", CODES)
def test_the_list_holds_while_atoms_move_and_the_cell_shrinks(code: str) -> None:
    """Against a list built anew at each step: a pair that is missed or counted twice would show."""
    frame = random_frame({"Si": 60, "O": 121}, 14.5, 1.75)
    system = System(frame, silica(), instructions=code)
    rng = np.random.default_rng(2)
    moves = rng.normal(0.0, 0.02, (40, frame.n_atoms, 3))
    positions, lengths = frame.positions.copy(), np.diag(frame.cell).copy()
    builds = 0.0
    for k, move in enumerate(moves):
        factor = 0.9985 if k % 2 else 1.0005
        positions, lengths = (positions + move) * factor, lengths * factor
        system.x.reshape(-1, 4)[:, :3] = positions[system.order]
        system.lengths[:] = lengths
        kept, _, _ = evaluate(system)
        anew = Frame(positions=positions, cell=np.diag(lengths), species=frame.species, types=frame.types)
        assert relative_rms(kept, native(anew, silica(), code)[0]) < 2e-6, f"step {k}"
        builds = system.field.memory[1]
    assert 2 <= builds < 30  # built again, but not at every step


def test_a_list_is_built_again_when_the_cell_has_shrunk_under_it() -> None:
    """By the cell alone: no atom moves from its place in it."""
    frame = random_frame({"Si": 100, "O": 201}, 19.5, 1.75)
    system = System(frame, silica(), instructions="portable")
    for factor in (1.0, 0.97, 0.94, 0.905):
        system.x.reshape(-1, 4)[:, :3] = factor * frame.positions[system.order]
        system.lengths[:] = factor * 19.5
        assert_list_is_whole(system, system.field.r_max)
    assert system.field.memory[1] == 2  # built at first, and once more


def test_a_list_without_room_says_so_and_grows() -> None:
    system = System(random_frame({"Si": 37, "O": 74}, 12.0), silica(), instructions="portable")
    exact, _, _ = evaluate(system)
    system.field = system.field._replace(atoms=system.field.atoms[:64])
    system.field.memory[0] = 0.0
    assert update(system.variant, system.field, system.x, system.lengths, FORCES)[3] == LIST_FULL
    for _ in range(30):
        system.grow_list()
        if update(system.variant, system.field, system.x, system.lengths, FORCES)[3] == WELL:
            break
    assert np.array_equal(evaluate(system)[0], exact)


def test_sorting_changes_the_order_and_nothing_else() -> None:
    system = System(random_frame({"Si": 60, "O": 121}, 14.5), silica(), instructions="portable")
    before, energy, _ = evaluate(system)
    positions = system.positions()
    order = system.order.copy()
    system.x.reshape(-1, 4)[:, :3] += 5.0  # a shift of the whole moves atoms to other clusters
    system.sort()
    after, same_energy, _ = evaluate(system)
    assert not np.array_equal(order, system.order)
    assert np.allclose(system.positions(), positions + 5.0)
    assert relative_rms(after, before) < 2e-6
    assert same_energy == pytest.approx(energy, rel=1e-6)


def test_a_mesh_depends_on_the_cell_as_it_is_and_not_on_the_cells_before() -> None:
    """Else a run that goes on from a saved state would make other steps."""
    frame = random_frame({"O": 435, "Si": 150, "B": 50, "Na": 70, "Ca": 25}, (14.0, 14.0, 40.0), 0.5)
    system = System(frame, borosilicate(), instructions="portable")
    sizes = set()
    for factor in (1.0, 0.9, 0.94, 0.98, 1.02, 1.06, 1.1, 1.02, 0.94):
        system.x.reshape(-1, 4)[:, :3] = frame.positions[system.order] * factor
        system.lengths[:] = np.diag(frame.cell) * factor
        system.sort()
        scaled = Frame(frame.positions * factor, frame.cell * factor, frame.species, frame.types)
        kept, fresh = (made.field.mesh for made in (system, System(scaled, borosilicate(), instructions="portable")))
        assert kept is not None and fresh is not None
        t = kept.transform
        assert (t.nx, t.ny, t.nz, t.modes) == fresh.transform[:4]
        np.testing.assert_array_equal(kept.charges, fresh.charges)
        sizes.add(fresh.transform[:4])
    assert len(sizes) > len({size[:3] for size in sizes}), "two of them differ in nothing but their modes"


def test_a_cell_that_grows_may_carry_its_atoms_far_before_the_list_is_out_of_date() -> None:
    """Pulled apart, an atom may be farther from its place in the list than half of the skin and no atom has flown."""
    frame = random_frame({"Si": 60, "O": 121}, 18.0, 1.75)
    system = System(frame, silica(), instructions="portable")
    evaluate(system)
    fractions, step = frame.positions / 18.0, np.zeros_like(frame.positions)
    for _ in range(4):
        system.lengths *= 1.1
        step[0, 0] += 0.35 / 18.0
        positions = (fractions + step) * system.lengths
        system.x.reshape(-1, 4)[:, :3] = positions[system.order]
        kept, _, _ = evaluate(system)
        anew = Frame(positions=positions, cell=np.diag(system.lengths), species=frame.species, types=frame.types)
        assert relative_rms(kept, native(anew, silica(), "portable")[0]) < 2e-6


def test_positions_that_are_no_numbers_are_seen() -> None:
    system = System(random_frame({"Si": 3, "O": 6}, 9.0), silica(), instructions="portable")
    system.x[5] = np.nan
    assert update(system.variant, system.field, system.x, system.lengths, FORCES)[3] == NOT_A_NUMBER


def test_below_the_table_the_force_goes_on_as_a_spring() -> None:
    """Two oxygens at 0.1 A: finite, repulsive, and the slope of the energy is the force."""

    def pair(r: float) -> tuple[float, float]:
        frame = Frame(np.array([[0.0, 0, 0], [r, 0, 0]]), np.eye(3) * 20.0, ("O",), np.zeros(2, dtype=np.int64))
        forces, energy, _ = native(frame, silica(), "portable")
        return float(forces[1, 0]), energy

    inner = segments.segment(silica(), ("O",), Cubic()).inner
    assert 0.4 < inner < 0.8
    for r in (0.1, 0.3, 0.9 * inner):
        step = 0.02
        slope = (pair(r + step)[1] - pair(r - step)[1]) / (2 * step)
        assert pair(r)[0] > 0.0
        # float32 energies of some hundred eV, over 0.04 A.
        assert -slope == pytest.approx(pair(r)[0], rel=2e-3)


@pytest.mark.parametrize("kind", [Quintic(), Sextic(), Cubic()])
def test_a_jump_at_the_shorter_cutoff_lies_between_two_segments(kind: object) -> None:
    potential = replace(silica(), r_cut=5.5, coulomb=DSF(0.25, 8.0), cutoff="truncate")
    found = segments.segment(potential, ("Si", "O"), kind)
    r = np.array([5.5 - 1e-4, 5.5 + 1e-4])
    assert found.force_at(1, 1, r) == pytest.approx(potential.pair_force("O", "O", r), abs=2e-5)
    jump = np.diff(potential.pair_force("O", "O", r))
    assert abs(jump) > 1e-3  # else the test says nothing


@pytest.mark.parametrize("name", ["BKS", "CHIK", "ML", "Wang-2018", "Guillot-Sator"])
def test_tables_are_chosen_good_enough(name: str) -> None:
    potential = load_potential(name)
    species = tuple(potential.elements)[:5]
    for registers in (True, False):
        found = segments.best_segments(potential, species, registers)
        assert segments.segment_error(potential, found) < segments.TOLERANCE
    for a, b in combinations_with_replacement(range(len(species)), 2):
        r = np.linspace(2.0, potential.r_max - 0.1, 300)
        exact = potential.pair_force(species[a], species[b], r)
        assert np.abs(found.force_at(a, b, r) - exact).max() < 1e-5 * max(1.0, np.abs(exact).max())


def test_clusters_are_compact_and_complete() -> None:
    frame = random_frame({"Si": 101, "O": 202}, 17.0)
    found = clusters.make_clusters(frame.positions, frame.types, np.diag(frame.cell), 2)
    assert sorted(found.order) == list(range(303))
    sizes = np.diff(found.first)
    assert sizes.max() == 4 and (sizes < 4).sum() == 2  # the last of each species
    widths = []
    for begin, end, kind in zip(found.first[:-1], found.first[1:], found.species, strict=True):
        atoms = found.order[begin:end]
        assert set(frame.types[atoms]) == {kind}
        widths.append(np.ptp(frame.wrapped()[atoms], axis=0).max())
    assert np.median(widths) < 6.0  # of 17; four oxygens have a cube of 4.6 A


def test_what_it_cannot_run_is_refused_with_the_engine_that_can() -> None:
    frame = random_frame({"Si": 3, "O": 6}, 9.0)
    tilted = replace(frame, cell=frame.cell + np.eye(3, k=1))
    with pytest.raises(GlasspotError, match=r'right angles.*engine = "lammps"'):
        System(tilted, silica())
    small = replace(frame, positions=frame.positions * 0.4, cell=frame.cell * 0.4)
    with pytest.raises(GlasspotError, match=r'3\.6 A.*cut-off 8 A.*engine = "lammps"'):
        System(small, silica())

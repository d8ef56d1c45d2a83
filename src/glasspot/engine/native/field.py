"""Energy and forces of the atoms: points, list, pair forces, angles and mesh, brought up to date in one call.

Notation: see :mod:`~glasspot.engine.native.neighbours` and :mod:`~glasspot.engine.native.pair_block`.
``x`` are positions in A, flat, four numbers an atom; ``lengths`` (3,) the cell in A; along axis d the whole range of
int32, 2^32 units, is 2^shifts[d] cells long, so that it is at least twice the cut-off: of all images of an atom the
nearest alone can be inside the cut-off. (The reach of the list may be more than half of it: what comes within the
cut-off later was, as its nearest image, within reach when the list was built.)

A list stays valid while no pair can have come within r_max unseen: with the largest displacement D since it was built,
in units of the cell of that time, and the cell shrunk by s since, (reach - 2 D) s > r_max.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, types, uint64
from numba.extending import overload
from numpy.typing import NDArray

from glasspot.engine.native.angles import SEARCHED, Angles, add_angles, find_ends
from glasspot.engine.native.mesh import Mesh, add_mesh_forces
from glasspot.engine.native.neighbours import OWN_BEGIN, OWN_END, OWN_OFFSET, add_images, build, load_cluster
from glasspot.engine.native.pair_block import (
    ENERGY_SUM,
    SCALE,
    VIRIAL_SUM,
    add_total,
    pair_segment,
    pair_segment_energy,
)
from glasspot.engine.native.variant import width_in_code

WELL, NOT_A_NUMBER, FLEW, LIST_FULL, CROWDED = 0, 1, 2, 3, 4
FORCES, VIRIAL, ENERGY = 0, 1, 2  # what is wanted of an update, each with all before it
UNITS = 2.0**32  # of a point, along each axis
IMAGE_ROOM = 1.02  # a cell shorter than twice the cut-off and this factor is imaged
FARTHEST_JUMP = 0.5  # A in one step: an oxygen of 2e6 K
# Places in Field.memory.
BUILT, N_BUILDS, BUILT_LENGTHS = 0, 1, 2

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
PointArray = NDArray[np.int32]


class Cells(NamedTuple):
    """Clusters and the room to search them.

    first (n_clusters n_images + 1 + padding,): row where each begins; species (n_clusters,); species_start
    (n_species + 1,): its first cluster. The rest is scratch: spheres around clusters, centres (3, m) and radii (m,),
    and around groups of them; the numbers of those found near; and the cluster that searches.
    """

    n_clusters: int
    first: IntArray
    species: IntArray
    species_start: IntArray
    centres: PointArray
    radii: SingleArray
    group_centres: PointArray
    group_radii: SingleArray
    candidates: PointArray
    groups: PointArray
    search: SingleArray
    centre: PointArray
    cluster: PointArray


class Field(NamedTuple):
    """Everything that compiled code works on. points, forces: rows of four, flat; see the module.

    tables (n_species^2, floats of a pair); atoms, starts, own, own_starts: the list; sums: scratch of the pair loop;
    reference: points at the last build; memory: what is remembered between calls.
    """

    n: int
    n_images: int
    shifts: IntArray
    reach: float
    r_max: float
    c: float
    points: PointArray
    forces: SingleArray
    cells: Cells
    tables: SingleArray
    atoms: PointArray
    starts: IntArray
    own: IntArray
    own_starts: IntArray
    sums: SingleArray
    scale: SingleArray
    reference: PointArray
    memory: FloatArray
    mesh: Mesh | None
    angles: Angles | None


@njit(cache=True, error_model="numpy")
def update(variant, field, x, lengths, want):  # type: ignore[no-untyped-def]
    """Bring points, list and forces up to date; return (energy, virial, long_range energy, problem), eV."""
    n = field.n
    if not _to_points(x, lengths, field.shifts, field.points, n):
        return 0.0, 0.0, 0.0, NOT_A_NUMBER
    add_images(field.points, n, field.shifts)
    problem = _keep_list(variant, field, lengths)
    if problem != WELL:
        return 0.0, 0.0, 0.0, problem
    energy, virial = _pair_forces(variant, field, lengths, want)
    in_angles, of_angles, problem = _add_three_body(variant, field, field.angles, lengths)  # type: ignore[no-untyped-call]
    if problem != WELL:
        return 0.0, 0.0, 0.0, problem
    long_range, more = _add_long_range(  # type: ignore[no-untyped-call]
        variant, field.mesh, field.points, field.shifts, n, lengths, field.forces, want
    )
    return energy + in_angles + long_range, virial + of_angles + more, long_range, WELL


def _add_long_range(variant, mesh, points, shifts, n, lengths, forces, want):  # type: ignore[no-untyped-def]
    """Add the forces of the mesh, where there is one; return (energy, virial). Compiled code only, see below."""
    raise NotImplementedError


@overload(_add_long_range)
def _long_range(variant, mesh, points, shifts, n, lengths, forces, want):  # type: ignore[no-untyped-def]
    """Choose when compiling: without electrostatics on a mesh, none of its code is compiled."""
    if isinstance(mesh, types.NoneType):
        return lambda variant, mesh, points, shifts, n, lengths, forces, want: (0.0, 0.0)

    def with_mesh(variant, mesh, points, shifts, n, lengths, forces, want):  # type: ignore[no-untyped-def]
        return add_mesh_forces(variant, mesh, points, shifts, n, lengths, forces, want)

    return with_mesh


def _add_three_body(variant, field, angles, lengths):  # type: ignore[no-untyped-def]
    """Add the forces of the angles, where there are some; return (energy, virial, problem). Compiled code only."""
    raise NotImplementedError


@overload(_add_three_body)
def _three_body(variant, field, angles, lengths):  # type: ignore[no-untyped-def]
    """Choose when compiling: without three-body terms, none of their code is compiled."""
    if isinstance(angles, types.NoneType):
        return lambda variant, field, angles, lengths: (0.0, 0.0, WELL)

    def with_angles(variant, field, angles, lengths):  # type: ignore[no-untyped-def]
        scale = (lengths[0] / UNITS, lengths[1] / UNITS, lengths[2] / UNITS)
        if angles.memory[SEARCHED] != field.memory[N_BUILDS]:
            if not find_ends(angles, field.points, field.n, scale):
                return 0.0, 0.0, CROWDED
            angles.memory[SEARCHED] = field.memory[N_BUILDS]
        energy, virial = add_angles(angles, field.points, field.n, scale, field.forces)
        return energy, virial, WELL

    return with_angles


@njit(cache=True, error_model="numpy")
def _to_points(x, lengths, shifts, points, n):  # type: ignore[no-untyped-def]
    """Turn positions into points; return False where one is not a number. (No fastmath: it would not see that.)"""
    sx = UNITS / (lengths[0] * (1 << shifts[0]))
    sy = UNITS / (lengths[1] * (1 << shifts[1]))
    sz = UNITS / (lengths[2] * (1 << shifts[2]))
    total = 0.0
    for i in range(n):
        k = uint64(4 * i)
        px, py, pz = x[k] * sx, x[k + uint64(1)] * sy, x[k + uint64(2)] * sz
        total += px + py + pz
        # A detour by int64, so that a far away atom wraps around instead of sticking at the largest int32.
        points[k] = np.int32(np.int64(np.rint(px)))
        points[k + uint64(1)] = np.int32(np.int64(np.rint(py)))
        points[k + uint64(2)] = np.int32(np.int64(np.rint(pz)))
    return abs(total) < 1e300


@njit(cache=True, error_model="numpy")
def _keep_list(variant, field, lengths):  # type: ignore[no-untyped-def]
    """Build the list again where it is out of date."""
    memory, scale = field.memory, field.scale
    if memory[BUILT] != 0.0:
        shrunk = 1e30
        for d in range(3):
            scale[d] = memory[BUILT_LENGTHS + d] * (1 << field.shifts[d]) / UNITS
            shrunk = min(shrunk, lengths[d] / memory[BUILT_LENGTHS + d])
        moved = np.sqrt(_farthest_move(field.points, field.reference, field.n, scale[0], scale[1], scale[2]))
        room = field.reach - field.r_max / shrunk
        if 2.0 * moved <= room:
            return WELL
        # In a cell that has grown the list holds longer, and atoms are farther from where they were.
        if moved > 0.5 * max(room, field.reach - field.r_max) + FARTHEST_JUMP:
            return FLEW
    for d in range(3):
        scale[d] = lengths[d] * (1 << field.shifts[d]) / UNITS
        memory[BUILT_LENGTHS + d] = lengths[d]
    memory[BUILT] = 0.0
    length = build(
        variant,
        field.cells,
        field.points,
        field.n,
        field.shifts,
        scale,
        np.float32(field.reach),
        field.atoms,
        field.starts,
        field.own,
        field.own_starts,
    )
    if length < 0:
        return LIST_FULL
    for k in range(4 * field.n):
        field.reference[k] = field.points[k]
    memory[BUILT] = 1.0
    memory[N_BUILDS] += 1.0
    return WELL


@njit(cache=True, error_model="numpy")
def is_tight(lengths, shifts, r_max):  # type: ignore[no-untyped-def]
    """Tell whether a cell of ``lengths`` has shrunk so far that it needs more images; no pair is missed yet.

    A hair of room, or a cell that just fits would be tight as soon as its images are made.
    """
    shortest = min(lengths[0] * (1 << shifts[0]), lengths[1] * (1 << shifts[1]), lengths[2] * (1 << shifts[2]))
    return shortest < (1.0 - 1e-9) * 2.0 * IMAGE_ROOM * r_max


@njit(cache=True, error_model="numpy", fastmath=True)
def _farthest_move(points, reference, n, sx, sy, sz):  # type: ignore[no-untyped-def]
    """Return the square of the largest displacement since the reference, A^2."""
    farthest = np.float32(0.0)
    for i in range(n):
        k = uint64(4 * i)
        dx = np.float32(np.int32(points[k] - reference[k])) * sx
        dy = np.float32(np.int32(points[k + uint64(1)] - reference[k + uint64(1)])) * sy
        dz = np.float32(np.int32(points[k + uint64(2)] - reference[k + uint64(2)])) * sz
        farthest = max(farthest, dx * dx + dy * dy + dz * dz)
    return farthest


@njit(cache=True, error_model="numpy")
def clear(values):  # type: ignore[no-untyped-def]
    """Set every float32 number to zero. (numba takes a second longer to compile ``values[:] = 0``.)"""
    for k in range(len(values)):
        values[k] = np.float32(0.0)


@njit(cache=True, error_model="numpy", fastmath=True)
def _pair_forces(variant, field, lengths, want):  # type: ignore[no-untyped-def]
    """Write the pair forces; return (energy, virial)."""
    lanes = width_in_code(variant)
    cells, tables, forces, sums, starts = field.cells, field.tables, field.forces, field.sums, field.starts
    n_species = starts.shape[1] - 1
    root = np.sqrt(field.c)
    for pair in range(tables.shape[0]):
        for d in range(3):
            tables[pair, SCALE + d] = root * lengths[d] * (1 << field.shifts[d]) / UNITS
    clear(forces)
    point_at, force_at, atoms_at = field.points.ctypes.data, forces.ctypes.data, field.atoms.ctypes.data
    table_at, cluster_at, sums_at = tables.ctypes.data, cells.cluster.ctypes.data, sums.ctypes.data
    stride = 4 * tables.shape[1]
    nothing = field.n * field.n_images
    energy = virial = 0.0
    for c in range(cells.n_clusters):
        begin, a = cells.first[c], cells.species[c]
        m = cells.first[c + 1] - begin
        load_cluster(field.points, begin, m, cells.cluster)
        clear(sums)
        for b in range(a, n_species):
            n_blocks = (starts[c, b + 1] - starts[c, b]) // lanes
            table = table_at + (a * n_species + b) * stride
            listed = atoms_at + 4 * starts[c, b]
            if want == ENERGY:
                pair_segment_energy(variant, point_at, force_at, listed, n_blocks, table, cluster_at, sums_at, nothing)
            else:
                pair_segment(variant, point_at, force_at, listed, n_blocks, table, cluster_at, sums_at, nothing)
        for k in range(field.own_starts[c], field.own_starts[c + 1]):
            for u in range(m):
                cells.cluster[4 * u + 3] = np.int32(begin + u + field.own[k, OWN_OFFSET])
            n_blocks = (field.own[k, OWN_END] - field.own[k, OWN_BEGIN]) // lanes
            table = table_at + (a * n_species + a) * stride
            listed = atoms_at + 4 * field.own[k, OWN_BEGIN]
            if want == ENERGY:
                pair_segment_energy(variant, point_at, force_at, listed, n_blocks, table, cluster_at, sums_at, nothing)
            else:
                pair_segment(variant, point_at, force_at, listed, n_blocks, table, cluster_at, sums_at, nothing)
        for u in range(m):
            for d in range(3):
                # What j feels was added with its own sign; i feels the opposite.
                forces[4 * (begin + u) + d] -= add_total(variant, sums_at + 4 * lanes * (3 * u + d))
        virial += add_total(variant, sums_at + 4 * lanes * VIRIAL_SUM)
        if want == ENERGY:
            energy += add_total(variant, sums_at + 4 * lanes * ENERGY_SUM)
    for image in range(1, field.n_images):
        for k in range(4 * field.n):
            forces[uint64(k)] += forces[uint64(4 * image * field.n + k)]
    return energy, virial / root

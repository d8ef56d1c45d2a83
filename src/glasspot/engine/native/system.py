"""Atoms ready for compiled code: sorted into clusters, with tables, list and mesh. Refuses what it cannot run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil, log, log2, pi

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import CannotRunError
from glasspot.engine.native import field as fields
from glasspot.engine.native.accuracy import FORCE_ERROR, choose_shape, kept_modes
from glasspot.engine.native.angles import make_angles
from glasspot.engine.native.clusters import make_clusters
from glasspot.engine.native.field import IMAGE_ROOM, Cells, Field
from glasspot.engine.native.memory import aligned
from glasspot.engine.native.mesh import Mesh, make_mesh
from glasspot.engine.native.neighbours import GROUP
from glasspot.engine.native.pair_block import N_SUMS
from glasspot.engine.native.segments import best_segments
from glasspot.engine.native.variant import Variant, choose, is_avx512, width
from glasspot.oxides import atomic_mass
from glasspot.potential.coulomb import PPPM
from glasspot.potential.learned import AnyPotential, LearnedPotential
from glasspot.potential.model import Potential
from glasspot.structure.frames import Frame
from glasspot.units import MASS_SPEED_SQUARED

DEFAULT_SKIN = 0.8  # A
MOST_TILT = 1e-9  # of a side of the cell: rounding of a program that rotated it
MOST_SHIFT = 2  # a cell is imaged at most four times along an axis
LIST_MARGIN = 2.0
MESH_STEP = 1.02


class System:
    """Atoms of one cell under one potential. Arrays are in the order of the clusters, ``order`` leads back.

    x, v: flat (4n) in A and A/ps, every fourth number 0; lengths (3,) in A; inverse_mass in mol/g and half_mass in
    eV ps^2/A^2, so that the sum of half_mass v^2 is the kinetic energy in eV.
    """

    def __init__(
        self, frame: Frame, potential: Potential, skin: float | None = None, instructions: str = "auto"
    ) -> None:
        check_potential(potential)
        check_cell(frame.cell, potential, frame.species)
        self.potential = potential
        self.n = frame.n_atoms
        # Rare species last; see clusters.py.
        counts = np.bincount(frame.types, minlength=len(frame.species))
        present = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
        self.species = tuple(frame.species[k] for k in present)
        rank = np.zeros(len(frame.species), dtype=np.int64)
        rank[present] = np.arange(len(present))
        self.types = rank[frame.types]
        self.lengths = np.diag(frame.cell).astype(np.float64)
        self.skin = DEFAULT_SKIN if skin is None else skin
        base = choose(instructions)
        self.segments = best_segments(potential, self.species, registers=is_avx512(base))
        self.variant: Variant = choose(instructions, self.segments.kind)
        self._place(frame.positions, np.zeros((self.n, 3)) if frame.velocities is None else frame.velocities)
        self.field = self._make_field()

    # order

    def _place(self, positions: NDArray[np.float64], velocities: NDArray[np.float64]) -> None:
        """Sort atoms into clusters and fill the flat arrays."""
        self.clusters = make_clusters(positions, self.types, self.lengths, len(self.species))
        self.order = self.clusters.order
        self.x, self.v = (_flat(values[self.order]) for values in (positions, velocities))
        mass = np.array([atomic_mass(name) for name in self.species])[self.types[self.order], None]
        self.inverse_mass = _flat(np.repeat(1.0 / mass, 3, axis=1))
        self.half_mass = _flat(np.repeat(0.5 * MASS_SPEED_SQUARED * mass, 3, axis=1))

    def positions(self) -> NDArray[np.float64]:
        """Return (n, 3) in A, in the order of the frame, as far as the atoms have gone (not wrapped)."""
        return self._back(self.x)

    def velocities(self) -> NDArray[np.float64]:
        """Return (n, 3) in A/ps, in the order of the frame."""
        return self._back(self.v)

    def _back(self, flat: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.empty((self.n, 3))
        rows[self.order] = flat.reshape(-1, 4)[:, :3]
        return rows

    def sort(self) -> None:
        """Sort atoms anew into compact clusters and make all arrays fit the cell as it is now.

        The forces are not valid after this: call ``update`` before they are used.
        """
        positions, velocities = self.positions(), self.velocities()
        self._place(positions, velocities)
        shifts = _shifts(self.lengths, self.potential, self.species)
        if np.any(shifts != self.field.shifts):
            self.field = self._make_field()
            return
        self._fill_cells(self.field)
        self.field.memory[fields.BUILT] = 0.0
        if self.field.mesh is not None:
            self._fit_mesh(self.field.mesh)

    def grow_list(self) -> None:
        """Give the neighbour list half as much room again."""
        atoms = aligned(self.field.atoms.size * 3 // 2, np.int32)
        self.field.memory[fields.BUILT] = 0.0
        self.field = self.field._replace(atoms=atoms)

    # arrays

    def _make_field(self) -> Field:
        n, potential = self.n, self.potential
        reach = potential.r_max + self.skin
        shifts = _shifts(self.lengths, potential, self.species)
        n_images = 1 << int(shifts.sum())
        n_clusters, n_species = len(self.clusters.species), len(self.species)
        rows = n * n_images + 16
        slots = (n_clusters + GROUP) * n_images + 32
        cells = Cells(
            n_clusters=n_clusters,
            first=np.zeros(slots, dtype=np.int64),
            species=self.clusters.species,
            species_start=np.searchsorted(self.clusters.species, np.arange(n_species + 1)),
            centres=np.zeros((3, slots), dtype=np.int32),
            radii=np.zeros(slots, dtype=np.float32),
            group_centres=np.zeros((3, slots), dtype=np.int32),
            group_radii=np.zeros(slots, dtype=np.float32),
            candidates=np.zeros(slots, dtype=np.int32),
            groups=np.zeros(slots, dtype=np.int32),
            search=np.zeros(8, dtype=np.float32),
            centre=np.zeros(4, dtype=np.int32),
            cluster=np.zeros(16, dtype=np.int32),
        )
        tables = self.segments.packed().reshape(n_species**2, -1)
        padded = aligned(tables.shape[0] * _whole(tables.shape[1], 16)).reshape(tables.shape[0], -1)
        padded[:, : tables.shape[1]] = tables
        field = Field(
            n=n,
            n_images=n_images,
            shifts=shifts,
            reach=reach,
            r_max=potential.r_max,
            c=self.segments.c,
            points=aligned(4 * rows, np.int32),
            forces=aligned(4 * rows),
            cells=cells,
            tables=padded,
            atoms=aligned(self._list_room(reach, n_clusters, n_species, n_images), np.int32),
            starts=np.zeros((n_clusters, n_species + 1), dtype=np.int64),
            own=np.zeros((n_clusters * n_images + 1, 3), dtype=np.int64),
            own_starts=np.zeros(n_clusters + 1, dtype=np.int64),
            sums=aligned(N_SUMS * width(self.variant)),
            scale=np.zeros(3, dtype=np.float32),
            reference=np.zeros(4 * n, dtype=np.int32),
            memory=np.zeros(8),
            mesh=self._make_mesh(),
            angles=make_angles(potential.three_body, self.species, n, self.skin),
        )
        self._fill_cells(field)
        return field

    def _fill_cells(self, field: Field) -> None:
        """Write where each cluster begins, in every image, and the species of the atoms for the angles."""
        first = self.clusters.first
        if field.angles is not None:
            field.angles.species[:] = self.types[self.order]
        rows = (np.arange(field.n_images)[:, None] * self.n + first[:-1]).ravel()
        field.cells.first[:] = self.n * field.n_images
        field.cells.first[: rows.size] = rows

    def _list_room(self, reach: float, n_clusters: int, n_species: int, n_images: int) -> int:
        # An atom is listed for a cluster when it is in reach of any of its atoms: about the sphere of its own, widened.
        volume = float(self.lengths.prod())
        width_of_cluster = (4 * volume / self.n) ** (1 / 3)
        listed = 0.5 * self.n / volume * 4 / 3 * pi * (reach + 0.5 * width_of_cluster) ** 3
        listed = min(listed, self.n * n_images)
        padding = (n_species + n_images) * 8
        return int(LIST_MARGIN * n_clusters * (listed + padding)) + 4 * self.n * n_images + 1024

    def _charges(self) -> NDArray[np.float32]:
        charges = np.array([self.potential.charge(name) for name in self.species], dtype=np.float32)
        return charges[self.types[self.order]]

    def _make_mesh(self) -> Mesh | None:
        coulomb = self.potential.coulomb
        if not isinstance(coulomb, PPPM):
            return None
        return make_mesh(self._charges(), _rounded(self.lengths), coulomb.g_ewald)

    def _fit_mesh(self, mesh: Mesh) -> None:
        """Let the mesh have the charges in their new order, and the points that the cell needs now."""
        t = mesh.transform
        if (t.nx, t.ny, t.nz, t.modes) != _mesh_size(self.n, tuple(_rounded(self.lengths)), mesh.influence.alpha):
            self.field = self.field._replace(mesh=self._make_mesh())
        else:
            mesh.charges[:] = self._charges()


def _rounded(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return lengths rounded up to the next step of 2 %: the choice of a mesh takes longer than many steps."""
    return np.asarray(MESH_STEP ** np.ceil(np.log(lengths) / log(MESH_STEP)))


@cache
def _mesh_size(n: int, lengths: tuple[float, ...], g_ewald: float) -> tuple[int, ...]:
    """Return the points along each axis and the modes that ``make_mesh`` would choose."""
    shape = choose_shape(n, np.array(lengths), g_ewald, FORCE_ERROR)
    return *shape, kept_modes(shape, n, np.array(lengths), g_ewald)


def _flat(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.pad(rows, ((0, 0), (0, 1))).ravel()


def _whole(size: int, block: int) -> int:
    return -(-size // block) * block


def _shifts(lengths: NDArray[np.float64], potential: Potential, species: Sequence[str]) -> NDArray[np.int64]:
    """Return the shift of each axis: 2^shift cells are at least twice the cut-off, with room to shrink a little."""
    r_max = potential.r_max
    shortest = 2.0 * IMAGE_ROOM * r_max
    needed = [max(0, ceil(log2(shortest / length) - 1e-12)) for length in lengths]
    if max(needed) > MOST_SHIFT:
        raise CannotRunError(
            f"the shortest side of the cell is {lengths.min():.3g} A and the cut-off {r_max:.3g} A; the native engine "
            f"images a cell {2**MOST_SHIFT} times at most, that is down to {shortest / 2**MOST_SHIFT:.3g} A.",
            'Take a larger cell, or engine = "lammps".',
        )
    if max(needed) > 0 and any({term.centre, *term.ends} <= set(species) for term in potential.three_body):
        raise CannotRunError(
            f"the shortest side of the cell is {lengths.min():.3g} A; with three-body terms the native engine runs "
            f"cells of {shortest:.3g} A or more (twice the cut-off).",
            'Take a larger cell, or engine = "lammps".',
        )
    return np.array(needed, dtype=np.int64)


def check_cell(cell: NDArray[np.float64], potential: Potential, species: Sequence[str]) -> None:
    """Refuse a cell (3, 3), rows in A, in which the native engine cannot run ``potential`` for ``species``."""
    lengths = np.diag(cell)
    if np.any(lengths <= 0) or np.abs(cell - np.diag(lengths)).max() > MOST_TILT * lengths.min():
        rows = ", ".join("(" + " ".join(f"{x:.6g}" for x in row) + ")" for row in cell)
        raise CannotRunError(
            f"the native engine runs cells with three right angles, along x, y and z; this cell is {rows} A.",
            'Choose engine = "lammps".',
        )
    _shifts(lengths, potential, species)


def check_potential(potential: AnyPotential) -> Potential:
    """Return a potential that the native engine can run; CannotRunError for any other."""
    if isinstance(potential, LearnedPotential):
        raise CannotRunError(
            f'"{potential.name}" is a machine-learned potential, and the native engine has closed forms only.',
            'Choose engine = "auto".',
        )
    return potential

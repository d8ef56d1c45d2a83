"""One configuration of atoms: the plain value that engines yield and that every structure function takes.

Reading and writing go through ASE (https://doi.org/10.1088/1361-648X/aa680e) in :mod:`glasspot.structure.readers`;
units are converted there, once, so that a :class:`Frame` is always in A, A/ps and eV.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of, is_species, mass
from glasspot.units import density_from_mass

if TYPE_CHECKING:
    from ase import Atoms

FARTHEST = 1e9  # A; beyond it a position has lost the digits that tell one atom from the next
THINNEST, DENSEST = 0.01, 200.0  # A, atoms/A^3: not even where lengths are in nm (diamond has 0.18 in A)

# ASE's unit of time is A sqrt(amu/eV); one of them is this many ps.
ASE_TIME_PS = 0.010180505671156723

# Electronegativity (Pauling scale, CRC Handbook of Chemistry and Physics, 97th ed.); it only serves to order elements.
ELECTRONEGATIVITY = {
    "H": 2.20, "Li": 0.98, "Be": 1.57, "B": 2.04, "C": 2.55, "N": 3.04, "O": 3.44, "F": 3.98, "Na": 0.93, "Mg": 1.31,
    "Al": 1.61, "Si": 1.90, "P": 2.19, "S": 2.58, "Cl": 3.16, "K": 0.82, "Ca": 1.00, "Sc": 1.36, "Ti": 1.54, "V": 1.63,
    "Cr": 1.66, "Mn": 1.55, "Fe": 1.83, "Co": 1.88, "Ni": 1.91, "Cu": 1.90, "Zn": 1.65, "Ga": 1.81, "Ge": 2.01,
    "As": 2.18, "Se": 2.55, "Br": 2.96, "Rb": 0.82, "Sr": 0.95, "Y": 1.22, "Zr": 1.33, "Nb": 1.60, "Mo": 2.16,
    "Ag": 1.93, "Cd": 1.69, "In": 1.78, "Sn": 1.96, "Sb": 2.05, "Te": 2.10, "I": 2.66, "Cs": 0.79, "Ba": 0.89,
    "La": 1.10, "Ce": 1.12, "Nd": 1.14, "Gd": 1.20, "Er": 1.24, "Pb": 2.33, "Bi": 2.02,
}  # fmt: skip
ANIONS = frozenset({"N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"})


def species_order(symbols: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct elements in glasspot's own order: cations, the most electronegative first, then anions.

    So network formers lead and oxygen closes: ``("B", "Si", "Ca", "Na", "O")``. Among anions the least electronegative
    comes first (``"O", "F"``). Elements outside the table count as 1.5; ties go by name.
    """

    def key(symbol: str) -> tuple[bool, float, str]:
        value = ELECTRONEGATIVITY.get(symbol, 1.5)
        return (symbol in ANIONS, value if symbol in ANIONS else -value, symbol)

    return tuple(sorted(set(symbols), key=key))


@dataclass(frozen=True)
class Frame:
    """Atoms in a periodic cell.

    ``positions`` (n, 3) in A, wrapped or not; ``cell`` (3, 3) in A, one lattice vector a row; ``species`` the distinct
    elements in the order of the types; ``types`` (n,) index into ``species``; ``velocities`` (n, 3) in A/ps or None;
    ``values`` numbers that belong to the frame (``time_ps``, ``temperature_K``, ``pressure_bar``, ``energy_eV``).
    Raises GlasspotError when shapes do not fit each other, a number is not finite, or the cell has no volume.
    """

    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    species: tuple[str, ...]
    types: NDArray[np.int64]
    velocities: NDArray[np.float64] | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "positions", np.ascontiguousarray(self.positions, dtype=np.float64))
        set_(self, "cell", np.ascontiguousarray(self.cell, dtype=np.float64))
        set_(self, "species", tuple(self.species))
        set_(self, "types", np.ascontiguousarray(self.types, dtype=np.int64))
        if self.velocities is not None:
            set_(self, "velocities", np.ascontiguousarray(self.velocities, dtype=np.float64))
        self._check()

    def _check(self) -> None:
        n = len(self.types)
        if self.types.ndim != 1 or self.positions.shape != (n, 3):
            raise GlasspotError(
                f"a frame needs positions (n, 3) and n types; given {self.positions.shape} and {self.types.shape}."
            )
        if n == 0:
            raise GlasspotError("a frame needs at least one atom; given none.")
        if self.velocities is not None and self.velocities.shape != (n, 3):
            raise GlasspotError(f"velocities must have shape ({n}, 3), one row an atom; given {self.velocities.shape}.")
        if self.cell.shape != (3, 3):
            raise GlasspotError(f"a cell is three lattice vectors, one a row, shape (3, 3); given {self.cell.shape}.")
        if len(set(self.species)) != len(self.species):
            raise GlasspotError(f"species must be distinct; given {self.species}.")
        if self.types.min() < 0 or self.types.max() >= len(self.species):
            raise GlasspotError(f"types must lie between 0 and {len(self.species) - 1}, the index into {self.species}.")
        if not (np.isfinite(self.positions).all() and np.isfinite(self.cell).all()):
            raise GlasspotError("a position or a cell vector is not a finite number; the run that wrote it has failed.")
        if not max(np.abs(self.positions).max(), np.abs(self.cell).max()) < FARTHEST:
            raise GlasspotError(
                f"a position or a cell vector is beyond {FARTHEST:g} A; the run that wrote it has failed."
            )
        if self.volume < 1e-6:
            raise GlasspotError("the cell has no volume; glasspot analyses periodic systems: give three vectors.")
        # Neighbours are looked for in all images of the cell within reach: of such a cell there is no end of them.
        if not cell_heights(self.cell).min() > THINNEST or n > DENSEST * self.volume:
            raise GlasspotError(
                f"the cell is {cell_heights(self.cell).min():.3g} A thin and holds {n / self.volume:.3g} atoms/A^3; "
                "expected a cell in A that atoms fit into."
            )

    @property
    def n_atoms(self) -> int:
        return len(self.types)

    @property
    def symbols(self) -> list[str]:
        """The element of each atom."""
        return [self.species[t] for t in self.types]

    @property
    def volume(self) -> float:
        """Volume of the cell in A^3."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def counts(self) -> dict[str, int]:
        """How many atoms of each element, in the order of ``species``."""
        numbers = np.bincount(self.types, minlength=len(self.species))
        return {element: int(number) for element, number in zip(self.species, numbers, strict=True)}

    @property
    def density(self) -> float:
        """Density in g/cm3, with the standard atomic masses."""
        return density_from_mass(mass(self.counts), self.volume)

    @classmethod
    def from_symbols(
        cls,
        symbols: Sequence[str],
        positions: ArrayLike,
        cell: ArrayLike,
        species: Sequence[str] | None = None,
        velocities: ArrayLike | None = None,
        values: Mapping[str, float] | None = None,
    ) -> Frame:
        """Return a frame from one element name an atom; ``cell`` is (3, 3), three lengths, or one length (A).

        ``species`` fixes the order of the types; without it :func:`species_order` does. GlasspotError when an atom's
        element is not in ``species`` or is no element.
        """
        order = tuple(species) if species is not None else species_order(symbols)
        index = {element: i for i, element in enumerate(order)}
        foreign = sorted(set(symbols) - set(order))
        if foreign:
            raise GlasspotError(f"the frame holds {', '.join(foreign)}, not among the species {', '.join(order)}.")
        check_elements(order)
        return cls(
            positions=np.asarray(positions, dtype=np.float64),
            cell=cell_matrix(cell),
            species=order,
            types=np.array([index[s] for s in symbols], dtype=np.int64),
            velocities=None if velocities is None else np.asarray(velocities, dtype=np.float64),
            values=dict(values or {}),
        )

    @classmethod
    def from_ase(cls, atoms: Atoms, species: Sequence[str] | None = None) -> Frame:
        """Return the frame of an ASE ``Atoms``: velocities when it has momenta, and the numbers of its ``info``."""
        velocities = atoms.get_velocities() / ASE_TIME_PS if atoms.has("momenta") else None
        values = {k: float(v) for k, v in atoms.info.items() if isinstance(v, int | float | np.number)}
        if atoms.calc is not None and "energy" in getattr(atoms.calc, "results", {}):
            values.setdefault("energy_eV", float(atoms.calc.results["energy"]))
        return cls.from_symbols(
            atoms.get_chemical_symbols(), atoms.get_positions(), atoms.cell.array, species, velocities, values
        )

    def to_ase(self) -> Atoms:
        """Return ASE ``Atoms``, periodic in all directions, with momenta when the frame has velocities.

        ASE knows elements only, so species such as Fe2 and Fe3 both become Fe.
        """
        from ase import Atoms

        atoms = Atoms(
            [element_of(symbol) for symbol in self.symbols], positions=self.positions, cell=self.cell, pbc=True
        )
        if self.velocities is not None:
            atoms.set_velocities(self.velocities * ASE_TIME_PS)
        atoms.info.update(self.values)
        return atoms

    def wrapped(self) -> NDArray[np.float64]:
        """Positions (n, 3) in A, moved into the cell."""
        fractional = self.positions @ np.linalg.inv(self.cell)
        fractional -= np.floor(fractional)
        return np.ascontiguousarray(fractional @ self.cell)


def cell_matrix(cell: ArrayLike) -> NDArray[np.float64]:
    """Return a (3, 3) cell from (3, 3) lattice vectors, three edge lengths, or one edge of a cube (A)."""
    array = np.asarray(cell, dtype=np.float64)
    if array.ndim == 0:
        return np.eye(3) * float(array)
    if array.shape == (3,):
        return np.diag(array)
    if array.shape == (3, 3):
        return array
    raise GlasspotError(f"a cell is one length, three lengths, or three vectors (A); given shape {array.shape}.")


def cell_heights(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances (3,) in A between opposite faces of a (3, 3) cell; zeros for one without a volume."""
    if abs(np.linalg.det(cell)) < 1e-6:
        return np.zeros(3)
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def check_elements(symbols: Iterable[str]) -> None:
    """Raise GlasspotError when a name is neither a chemical element nor one with its valence, as Fe3."""
    for symbol in symbols:
        if not is_species(symbol):
            raise GlasspotError(
                f'"{symbol}" is not a chemical element; name each type by its element, for example species=("Si", "O").'
            )

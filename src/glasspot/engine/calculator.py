"""An ASE calculator in double precision from the closed forms: the yardstick of the tables and of the engines.

Every pair is summed with the same energy and force that engines tabulate. Where the potential asks for PPPM, the
charges are summed by an Ewald sum converged to 1e-9 instead (:mod:`glasspot.engine.ewald`). It is meant for tests, for
small systems and for ASE's tools; MD of glasses belongs in the engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from math import fsum
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import primitive_neighbor_list
from matscipy.neighbours import neighbour_list

from glasspot.engine import ewald
from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.potential.coulomb import PPPM
from glasspot.potential.model import Potential
from glasspot.potential.rules import balancing_charge

EWALD_TOLERANCE = 1e-9
NEUTRAL_WITHIN = 1e-6  # e in the whole cell, per atom


class GlasspotCalculator(Calculator):  # type: ignore[misc]  # ASE carries no types
    """Energy (eV), forces (eV/A) and stress (eV/A^3) of a :class:`Potential` for any cell and any periodicity.

    long_range_energy: the part of the last energy that no pair table holds, eV. A charge that the composition balances
    is balanced on the atoms at hand. GlasspotError for a potential with
    three-body terms, an element without a charge, or PPPM in a cell that is not periodic or not neutral.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, potential: Potential, **kwargs: Any) -> None:
        if potential.three_body:
            raise GlasspotError(
                f"the potential {potential.name} has three-body terms, which this calculator does not have; "
                "run it with the LAMMPS engine."
            )
        super().__init__(**kwargs)
        self.potential = potential
        self.long_range_energy = 0.0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill ``results``; see ASE's Calculator."""
        super().calculate(atoms, list(properties), list(system_changes))
        if self.atoms is None:
            raise GlasspotError("the calculator was given no atoms")
        names = _species(self.potential, self.atoms.get_chemical_symbols())
        potential = _balanced(self.potential, names)
        charges = np.array([potential.charge(name) for name in names])
        energy, forces, strain, self.long_range_energy = _sum(potential, self.atoms, names, charges)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if all(self.atoms.pbc):
            stress = strain / self.atoms.get_volume()
            self.results["stress"] = stress.flat[[0, 4, 8, 5, 2, 1]]


def _species(potential: Potential, symbols: Sequence[str]) -> list[str]:
    """Return the species of the potential for chemical ``symbols``: "Fe" -> "Fe3" when only Fe3 is known."""
    names = {}
    for symbol in sorted(set(symbols)):
        known = [name for name in potential.elements if name == symbol]
        known = known or [name for name in potential.elements if element_of(name) == symbol]
        if len(known) != 1:
            what = f"has {' and '.join(known)} for" if known else "does not know"
            raise GlasspotError(
                f'the potential {potential.name} {what} "{symbol}"; it knows {", ".join(potential.elements)}, '
                "and ASE's atoms carry no oxidation state to choose by."
            )
        names[symbol] = known[0]
    return [names[symbol] for symbol in symbols]


def _balanced(potential: Potential, names: Sequence[str]) -> Potential:
    """Return ``potential`` with a missing balanced charge filled in from the atoms."""
    balance = potential.balance
    if balance is None or balance in potential.charges:
        return potential
    charge = balancing_charge(potential.name, balance, potential.charges, Counter(names))
    return replace(potential, charges={**potential.charges, balance: charge})


def _sum(
    potential: Potential, atoms: Atoms, names: Sequence[str], charges: ewald.FloatArray
) -> tuple[float, ewald.FloatArray, ewald.FloatArray, float]:
    """Return (energy in eV, forces (n, 3) in eV/A, dE/dstrain (3, 3) in eV, long-range part of the energy)."""
    positions = atoms.positions
    first, second, distance, vector = _neighbours(atoms, potential.r_max)
    pair_energy, pair_force = np.zeros_like(distance), np.zeros_like(distance)
    label = np.array([potential.elements.index(name) for name in names])
    la, lb = label[first], label[second]
    for ka, kb in combinations_with_replacement(np.unique(label), 2):
        a, b = potential.elements[ka], potential.elements[kb]
        rows = np.flatnonzero(((la == ka) & (lb == kb)) | ((la == kb) & (lb == ka)))
        pair_energy[rows] = potential.pair_energy(a, b, distance[rows])
        pair_force[rows] = potential.pair_force(a, b, distance[rows])
    energy, forces, strain = 0.0, np.zeros_like(positions), np.zeros((3, 3))
    in_tables = 0.5 * float(pair_energy.sum())
    if isinstance(potential.coulomb, PPPM):
        products = charges[first] * charges[second]
        _exchange_coulomb(potential.coulomb, products, distance, pair_energy, pair_force)
        energy, forces, strain = _long_range(potential, atoms, charges)
    # The list holds each pair twice, once from either atom; ``vector`` points from first to second.
    pulls = -(pair_force / distance)[:, None] * vector
    energy += 0.5 * float(pair_energy.sum())
    for axis in range(3):
        forces[:, axis] += np.bincount(first, weights=pulls[:, axis], minlength=len(positions))
    strain += 0.5 * pulls.T @ vector
    return energy, forces, strain, energy - in_tables


def _neighbours(atoms: Atoms, r_max: float) -> tuple[Any, ...]:
    """Return (first, second, distance, vector) of all pairs up to ``r_max``; matscipy's list is eight times as fast."""
    cell, positions = np.array(atoms.cell), atoms.positions
    if all(atoms.pbc):
        return tuple(neighbour_list("ijdD", cutoff=r_max, positions=positions, cell=cell, pbc=atoms.pbc))
    return tuple(primitive_neighbor_list("ijdD", atoms.pbc, cell, positions, r_max))


def _exchange_coulomb(
    coulomb: PPPM,
    products: ewald.FloatArray,
    distance: ewald.FloatArray,
    energy: ewald.FloatArray,
    force: ewald.FloatArray,
) -> None:
    """Replace the table's real-space Coulomb part by that of the converged sum, in place.

    The wall was made for the sum of both parts, so what is exchanged is the smooth difference of the two splittings.
    """
    g = ewald.splitting(coulomb.r_cut, EWALD_TOLERANCE)
    inside = distance <= coulomb.r_cut
    wide_energy, wide_force = ewald.real_space(products, distance, coulomb.g_ewald)
    sharp_energy, sharp_force = ewald.real_space(products, distance, g)
    energy += np.where(inside, sharp_energy - wide_energy, 0.0)
    force += np.where(inside, sharp_force - wide_force, 0.0)


def _long_range(
    potential: Potential, atoms: Atoms, charges: ewald.FloatArray
) -> tuple[float, ewald.FloatArray, ewald.FloatArray]:
    """Return the reciprocal part of the Ewald sum, self term included."""
    if not all(atoms.pbc):
        raise GlasspotError(
            f"the potential {potential.name} sums its charges over a periodic cell (PPPM), and these atoms are not "
            "periodic in all three directions; set pbc=True or choose a potential with DSF or Wolf electrostatics."
        )
    net = fsum(charges)
    if abs(net) > NEUTRAL_WITHIN * len(charges):
        raise GlasspotError(f"the cell carries a net charge of {net:+.4g} e; an Ewald sum needs a neutral cell")
    g = ewald.splitting(potential.coulomb.r_cut, EWALD_TOLERANCE)
    cell = np.array(atoms.cell)
    return ewald.reciprocal_space(atoms.positions, cell, charges, g, EWALD_TOLERANCE)

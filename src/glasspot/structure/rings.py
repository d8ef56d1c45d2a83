"""Rings of the network: shortest-path rings of formers and oxygens, by matscipy.

A shortest-path ring has no short cut: between any two of its atoms no way along bonds is shorter than the way along
the ring. Source: D. S. Franzblau, Phys. Rev. B 44 (1991) 4925. Sizes count network formers, half the atoms of a ring:
quartz has rings of six and eight. The bonds are those of formers with oxygen and no others.

In a small cell a way across the boundary is a short cut that the glass does not have, and hides rings. It can hide
those alone that are larger than the shortest closed way that leads from an atom to an image of itself; so the cell is
repeated until no such way is shorter than the largest ring that is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.topology import Bonds, find_bonds

LARGEST = 12  # formers
# The distances between all atoms are kept, four bytes each, and time grows as they do: 0.4 s for 2600 atoms.
MOST_ATOMS = 12_000
MOST_BONDS = 12  # of an atom, on average: the rings of a heap of atoms are without number
ENOUGH_ATOMS = 3_000  # of all frames together, copies included


@dataclass(frozen=True)
class Rings:
    """``size`` (n,) formers in a ring, from 2; ``per_former`` (n,) rings of this size divided by the formers in all;
    ``n_frames`` that were looked at.
    """

    formers: tuple[str, ...]
    size: NDArray[np.int64]
    per_former: NDArray[np.float64]
    n_frames: int

    @property
    def distribution(self) -> dict[int, float]:
        """Size -> rings per former, for sizes that occur."""
        return {int(n): float(y) for n, y in zip(self.size, self.per_former, strict=True) if y > 0}


def shortest_path_rings(bonds: Sequence[Bonds], formers: Sequence[str], largest: int = LARGEST) -> Rings:
    """Return the rings of up to ``largest`` formers, averaged over frames, from the bonds of every former with oxygen.

    Of many frames a few evenly spaced ones are taken: the network of a glass hardly changes. GlasspotError for a cell
    that needs more than MOST_ATOMS formers and oxygens, or when the cut-offs of the ``bonds`` lack a former's.
    """
    cutoffs = {f"{former}-O": bonds[0].cutoff(former, "O") for former in formers}
    first = _wide_network(bonds[0].frame, cutoffs, formers, largest)
    number = min(len(bonds), max(1, ENOUGH_ATOMS // first.frame.n_atoms))
    total = np.zeros(largest + 1)
    for k in np.linspace(0, len(bonds) - 1, number).astype(int):
        network = first if k == 0 else _wide_network(bonds[k].frame, cutoffs, formers, largest)
        total += _count(network, largest) / np.count_nonzero(~network.are("O"))
    return Rings(tuple(formers), np.arange(2, largest + 1), total[2:] / number, number)


def _wide_network(frame: Frame, cutoffs: Mapping[str, float], formers: Sequence[str], largest: int) -> Bonds:
    """Return the bonds of formers and oxygens, the cell repeated until it hides no ring."""
    symbols = np.array(frame.symbols)
    kept = np.isin(symbols, (*formers, "O"))
    copies = np.ones(3, dtype=int)
    while True:
        n_atoms = int(np.count_nonzero(kept) * copies.prod())
        if n_atoms > MOST_ATOMS:
            raise GlasspotError(
                f"rings of up to {largest} formers need {n_atoms} formers and oxygens of this cell and its copies; "
                f"{MOST_ATOMS} is the most."
            )
        shifts = np.array(list(product(*(range(n) for n in copies)))) @ frame.cell
        positions = (frame.positions[kept][None] + shifts[:, None]).reshape(-1, 3)
        cell = frame.cell * copies[:, None]
        repeated = Frame.from_symbols(list(symbols[kept]) * len(shifts), positions, cell, (*formers, "O"))
        network = find_bonds(repeated, cutoffs)[0]
        if len(network.first) > MOST_BONDS * n_atoms:
            raise GlasspotError(
                f"the formers and oxygens have {len(network.first) / n_atoms:.0f} bonds each, more than any network; "
                "give cut-offs, or look at the frame."
            )
        # All copies are alike: the atoms of the first one are enough to begin from.
        start = np.searchsorted(network.first, np.arange(n_atoms + 1))
        roots = np.flatnonzero(~network.are("O")[: np.count_nonzero(kept)])
        across = _short_way_across(start, network.second, network.vector, roots, largest)
        if not across.any():
            return network
        copies[np.argmax(np.abs(across @ np.linalg.inv(cell)))] += 1


def _count(network: Bonds, largest: int) -> NDArray[np.float64]:
    """Return the number of rings by their number of formers, (largest + 1,)."""
    from matscipy.ffi import distances_on_graph, find_sp_rings

    counts = np.zeros(largest + 1)
    if not len(network.first):
        return counts
    # Atoms without a bond are left out: the library takes a list of bonds without gaps.
    atoms, first = np.unique(network.first, return_inverse=True)
    one, two = first.astype(np.int32), np.searchsorted(atoms, network.second).astype(np.int32)
    given = (one, two, network.vector.copy(), distances_on_graph(one, two))
    # The library's limit is the first length, in atoms, that is not looked for.
    found = find_sp_rings(*given, 2 * largest + 1)
    # It keeps references to all of them (matscipy 1.3), with which a fit of many glasses would fill the memory.
    for array in given:
        array.resize(0, refcheck=False)
    for atoms_in_ring in range(0, len(found), 2):
        counts[atoms_in_ring // 2] = found[atoms_in_ring]
    return counts


@njit(cache=True, nogil=True)
def _short_way_across(start, second, vector, roots, largest):  # type: ignore[no-untyped-def]
    """Return where a closed way of fewer than 2 ``largest`` bonds leads to, a lattice vector (A); zeros for none.

    From each root atoms are reached nearest first, each with its place relative to the root. A bond between two that
    disagree on their places closes a way across. (The shortest such way is found from any atom on it: C. Thomassen,
    J. Comb. Theory B 48 (1990) 155, the three-path condition.)
    """
    n = len(start) - 1
    steps = np.empty(n, np.int64)
    place = np.empty((n, 3))
    queue = np.empty(n, np.int64)
    for root in roots:
        steps[:] = -1
        steps[root], place[root], queue[0] = 0, 0.0, root
        taken, put = 0, 1
        while taken < put:
            atom = queue[taken]
            taken += 1
            for bond in range(start[atom], start[atom + 1]):
                other = second[bond]
                there = place[atom] + vector[bond]
                if steps[other] < 0:
                    if steps[atom] < largest:
                        steps[other], place[other], queue[put] = steps[atom] + 1, there, other
                        put += 1
                elif steps[atom] + steps[other] + 1 < 2 * largest and np.abs(there - place[other]).max() > 0.1:
                    return there - place[other]
    return np.zeros(3)

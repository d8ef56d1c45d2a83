"""Atoms in compact clusters of four of one species: the i side of the neighbour list, and its unit of search.

Species come in the order of their number: a cluster of a rare species is wide, so rare species stand on the j side,
where atoms are listed one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLUSTER = 4


class Clusters(NamedTuple):
    """order (n,): the frame's atoms, cluster by cluster; first (n_clusters + 1,): where each begins; species (n_clusters,)."""

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    species: NDArray[np.int64]


def make_clusters(
    positions: NDArray[np.float64], types: NDArray[np.int64], lengths: NDArray[np.float64], n_species: int
) -> Clusters:
    """Return the clusters of atoms at ``positions`` (n, 3) in A; only the last one of a species may be smaller.

    Atoms of a species are cut into slabs along x, these into columns along y, and a column along z into clusters, with
    equal numbers in each, so that a cluster is about as long as it is wide.
    """
    wrapped = positions - lengths * np.floor(positions / lengths)
    order: list[NDArray[np.int64]] = []
    first, species = [0], []
    for kind in range(n_species):
        atoms = np.flatnonzero(types == kind)
        order += [np.array(column) for column in _columns(wrapped, atoms)]
        n_clusters = -(-len(atoms) // CLUSTER)
        first += [first[-1] + min(CLUSTER * (k + 1), len(atoms)) for k in range(n_clusters)]
        species += [kind] * n_clusters
    return Clusters(np.concatenate(order), np.array(first), np.array(species, dtype=np.int64))


def _columns(wrapped: NDArray[np.float64], atoms: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    """Return the atoms in columns, each sorted along z."""
    columns = []
    n_clusters = -(-len(atoms) // CLUSTER)
    if n_clusters == 0:
        return []
    slab = CLUSTER * max(1, round(n_clusters ** (2 / 3)))
    atoms = atoms[np.argsort(wrapped[atoms, 0], kind="stable")]
    for begin in range(0, len(atoms), slab):
        part = atoms[begin : begin + slab]
        part = part[np.argsort(wrapped[part, 1], kind="stable")]
        column = CLUSTER * max(1, round((len(part) / CLUSTER) ** 0.5))
        for start in range(0, len(part), column):
            piece = part[start : start + column]
            columns.append(piece[np.argsort(wrapped[piece, 2], kind="stable")])
    return columns

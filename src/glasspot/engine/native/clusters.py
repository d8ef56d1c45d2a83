"""Atoms in compact clusters of four of one species: the i side of the neighbour list, and its unit of search.

Species come in the order of their number: a cluster of a rare species is wide, so rare species stand on the j side,
where atoms are listed one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLUSTER = 4


class Clusters(NamedTuple):
    """Which atoms make a cluster.

    order (n,): atoms of the frame, cluster by cluster; first (n_clusters + 1,): where each begins; species: of each.
    """

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    species: NDArray[np.int64]


def make_clusters(
    positions: NDArray[np.float64], types: NDArray[np.int64], lengths: NDArray[np.float64], n_species: int
) -> Clusters:
    """Return the clusters of atoms at ``positions`` (n, 3) in A; only the last one of a species may be smaller."""
    wrapped = positions - lengths * np.floor(positions / lengths)
    order, first, species = [], [0], []
    for kind in range(n_species):
        atoms = np.flatnonzero(types == kind)
        order.append(_halved(wrapped, atoms, lengths))
        n_clusters = -(-len(atoms) // CLUSTER)
        first += [first[-1] + min(CLUSTER * (k + 1), len(atoms)) for k in range(n_clusters)]
        species += [kind] * n_clusters
    return Clusters(np.concatenate(order), np.array(first), np.array(species, dtype=np.int64))


def _halved(wrapped: NDArray[np.float64], atoms: NDArray[np.int64], lengths: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the atoms cut in halves along the longest edge, and again, until four are left: near atoms stay together.

    So clusters are about as long as they are wide, and so are groups of clusters that follow each other.
    """
    edges, sizes = lengths.copy(), np.array([len(atoms)])
    while sizes.max() > CLUSTER:
        axis = int(np.argmax(edges))
        edges[axis] /= 2
        part = np.repeat(np.arange(len(sizes)), sizes)
        atoms = atoms[np.lexsort((wrapped[atoms, axis], part))]
        # Whole clusters to the left; what is left over stays at the end.
        left = np.where(sizes > CLUSTER, CLUSTER * ((-(-sizes // CLUSTER) + 1) // 2), sizes)
        halves = np.stack([left, sizes - left], axis=1).ravel()
        sizes = halves[halves > 0]
    return atoms

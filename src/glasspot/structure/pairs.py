"""Counting pair distances: compiled kernels for histograms and neighbour lists, serial, for any periodic cell.

Two ways to the same counts. A cell with right angles and r_max <= L/2 takes every pair once at its nearest image, atoms
sorted by type so that the inner loop is straight vector code. Everything else (triclinic cells, r_max > L/2, very many
atoms) goes through bins of the cell with explicit image shifts, which knows no upper limit for r_max.

Counts are of unordered pairs. An atom and its own image count once for +S and -S together (one half each), as they
must for g(r) -> 1 when r_max > L.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.structure.frames import Frame, cell_heights

# Above this number of atoms bins win over taking every pair (measured at r_max = 10 A, density of silica).
ALL_PAIRS_LIMIT = 6000

IntArray = NDArray[np.int64]


def pair_labels(species: Sequence[str]) -> tuple[str, ...]:
    """Return the pairs a <= b in the order of ``species``: ("Si", "O") -> ("Si-Si", "Si-O", "O-O")."""
    return tuple(f"{a}-{b}" for a, b in combinations_with_replacement(species, 2))


def pair_row(labels: Sequence[str], pair: str) -> int:
    """Return the place of a pair, "Si-O" or "O-Si", among ``labels``; GlasspotError when it is not there."""
    for name in (pair, "-".join(reversed(pair.split("-")))):
        if name in labels:
            return list(labels).index(name)
    raise GlasspotError(
        f'there is no pair "{pair}" here; the pairs are {", ".join(labels)}.{did_you_mean(pair, labels)}'
    )


def pair_index(n_species: int) -> NDArray[np.int64]:
    """Return the symmetric (n_species, n_species) table from two types to the row of their pair."""
    table = np.zeros((n_species, n_species), dtype=np.int64)
    row = 0
    for a in range(n_species):
        for b in range(a, n_species):
            table[a, b] = table[b, a] = row
            row += 1
    return table


def fine_histogram(frame: Frame, r_max: float, n_nodes: int) -> NDArray[np.float64]:
    """Return (n_pairs, n_nodes + 1) counts of unordered pairs shared linearly between nodes r_k = k r_max / n_nodes.

    A pair at distance r between two nodes gives 1 - w to the lower and w to the upper, w its place between them
    ("cloud in cell"), so that sum_k counts_k u(r_k) is the energy of a pair potential to second order in the spacing.
    The last node receives from one side only. Rows as :func:`pair_labels`; distances in A.
    """
    both = _count(frame, r_max, n_nodes)
    counts = np.zeros((len(both), n_nodes + 1))
    counts[:, :-1] = both[:, :, 0] - both[:, :, 1]
    counts[:, 1:] += both[:, :, 1]
    return counts


def histogram(frame: Frame, r_max: float, n_bins: int) -> NDArray[np.float64]:
    """Return (n_pairs, n_bins) counts of unordered pairs, bin k from k to k + 1 times r_max / n_bins.

    Rows as :func:`pair_labels`; distances in A.
    """
    return _count(frame, r_max, n_bins)[:, :, 0].copy()


def neighbour_list(
    frame: Frame, cutoffs: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (first, second, vector, distance) of all ordered pairs closer than the cut-off of their types.

    ``cutoffs`` (n_species, n_species) in A, 0 for pairs that are not wanted. ``first`` is sorted; ``vector`` (m, 3)
    points from ``first`` to the image of ``second``. Any cell, any cut-off (several images of one atom may appear).
    """
    r_max = float(cutoffs.max())
    _check_range(r_max, 1)
    position, bins, order, start, shape, reach = _bins(frame, r_max, r_max)
    squared = np.ascontiguousarray(cutoffs, dtype=np.float64) ** 2
    types = frame.types[order]
    first, second, vector = _neighbours(position, types, frame.cell, bins, start, shape, reach, squared)
    first, second = order[first], order[second]
    by_first = np.argsort(first, kind="stable")
    vector = vector[by_first]
    return first[by_first], second[by_first], vector, np.sqrt((vector**2).sum(axis=1))


def compile_kernels() -> None:
    """Compile (or load from the cache of numba) every kernel on a few atoms, so that no measurement waits for it."""
    cube = Frame.from_symbols(["Si", "O"], [[0.1, 0.1, 0.1], [2.0, 2.0, 2.0]], 8.0)
    tilted = Frame.from_symbols(["Si", "O"], cube.positions, [[8.0, 0.0, 0.0], [1.0, 8.0, 0.0], [0.0, 0.0, 8.0]])
    fine_histogram(cube, 4.0, 8)
    fine_histogram(tilted, 4.0, 8)
    neighbour_list(cube, np.full((2, 2), 3.0))


def _check_range(r_max: float, n_bins: int) -> None:
    if not (math.isfinite(r_max) and r_max > 0.0):
        raise GlasspotError(f"r_max must be a positive length in A; given {r_max}.")
    if n_bins < 1:
        raise GlasspotError(f"a histogram needs at least one bin; given {n_bins}.")


def _count(frame: Frame, r_max: float, n_bins: int) -> NDArray[np.float64]:
    """Return (n_pairs, n_bins, 2): pairs in each bin, and the sum of their places (0..1) within the bin."""
    _check_range(r_max, n_bins)
    n_species = len(frame.species)
    table = pair_index(n_species)
    n_pairs = n_species * (n_species + 1) // 2
    lengths = np.diag(frame.cell).copy()
    right_angles = np.count_nonzero(frame.cell - np.diag(lengths)) == 0 and bool((lengths > 0).all())
    if right_angles and r_max <= 0.5 * lengths.min() and frame.n_atoms <= ALL_PAIRS_LIMIT:
        by_type = np.argsort(frame.types, kind="stable")
        ordered = frame.positions[by_type]
        wrapped = np.ascontiguousarray((ordered - lengths * np.floor(ordered / lengths)).T)
        ends = np.searchsorted(frame.types[by_type], np.arange(n_species), side="right")
        return np.asarray(_all_pairs(wrapped, frame.types[by_type], ends, lengths, table, n_pairs, r_max, n_bins))
    # Bins of about half r_max: a tighter fit to the sphere than bins of r_max.
    position, bins, order, start, shape, reach = _bins(frame, r_max, 0.5 * r_max)
    types = frame.types[order]
    return np.asarray(_binned(position, types, frame.cell, bins, start, shape, reach, table, n_pairs, r_max, n_bins))


def _bins(
    frame: Frame, r_max: float, width: float
) -> tuple[NDArray[np.float64], IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Sort atoms into bins of the cell about ``width`` wide.

    Returns positions (n, 3) wrapped and sorted by bin, their bin (n,), the order, where each bin starts (n_bins + 1,),
    the number of bins along each vector (3,), and how many bins away an atom within ``r_max`` can be (3,).
    """
    heights = cell_heights(frame.cell)
    # Not more bins than about atoms: empty bins cost time too.
    most = max(1, round((2 * frame.n_atoms) ** (1 / 3)))
    shape = np.clip((heights / width).astype(np.int64), 1, most)
    reach = np.ceil(r_max * shape / heights - 1e-12).astype(np.int64)
    fractional = frame.positions @ np.linalg.inv(frame.cell)
    fractional -= np.floor(fractional)
    # -1e-17 has become 1.0: the same place, but it belongs to the first bin.
    fractional[fractional >= 1.0] = 0.0
    place = np.minimum((fractional * shape).astype(np.int64), shape - 1)
    number = (place[:, 0] * shape[1] + place[:, 1]) * shape[2] + place[:, 2]
    order = np.argsort(number, kind="stable")
    start = np.searchsorted(number[order], np.arange(int(shape.prod()) + 1))
    position = np.ascontiguousarray(fractional[order] @ frame.cell)
    return position, number[order], order, start, shape, reach


# Unsigned loop variables below: numba then drops the test for negative indices, and the loops become vector code.
@njit(cache=True, nogil=True, fastmath=True)
def _squared_distances(px, py, pz, x, y, z, lx, ly, lz, squared):  # type: ignore[no-untyped-def]
    for j in range(uint64(len(px))):
        dx = abs(px[j] - x)
        dy = abs(py[j] - y)
        dz = abs(pz[j] - z)
        dx = min(dx, lx - dx)
        dy = min(dy, ly - dy)
        dz = min(dz, lz - dz)
        squared[j] = dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True, fastmath=True)
def _keep_near(squared, begin, end, limit, near):  # type: ignore[no-untyped-def]
    """Copy the values under ``limit`` to the front of ``near`` without a branch; return how many."""
    m = uint64(0)
    for j in range(uint64(begin), uint64(end)):
        near[m] = squared[j]
        m += uint64(squared[j] < limit)
    return m


@njit(cache=True, nogil=True, fastmath=True)
def _scatter(near, m, scale, last, counts):  # type: ignore[no-untyped-def]
    for k in range(uint64(m)):
        near[k] = math.sqrt(near[k]) * scale
    for k in range(uint64(m)):
        # A distance a rounding error below r_max may scale to r_max itself; it stays in the last bin.
        node = min(uint64(near[k]), last)
        counts[node, 0] += 1.0
        counts[node, 1] += near[k] - node


@njit(cache=True, nogil=True, fastmath=True)
def _all_pairs(position, types, ends, lengths, table, n_pairs, r_max, n_bins):  # type: ignore[no-untyped-def]
    """Every pair at its nearest image. ``position`` (3, n), wrapped and sorted by type; ``ends`` (n_species,).

    Returns (n_pairs, n_bins, 2): number of pairs in each bin, and the sum of their places within the bin.
    """
    n = position.shape[1]
    counts = np.zeros((n_pairs, n_bins, 2))
    px, py, pz = position[0], position[1], position[2]
    lx, ly, lz = lengths[0], lengths[1], lengths[2]
    squared = np.empty(n)
    near = np.empty(n + 1)
    for i in range(n - 1):
        _squared_distances(px[i + 1 :], py[i + 1 :], pz[i + 1 :], px[i], py[i], pz[i], lx, ly, lz, squared[i + 1 :])
        begin = i + 1
        for b in range(types[i], len(ends)):
            m = _keep_near(squared, begin, ends[b], r_max * r_max, near)
            _scatter(near, m, n_bins / r_max, uint64(n_bins - 1), counts[table[types[i], b]])
            begin = max(begin, ends[b])
    return counts


@njit(cache=True, nogil=True)
def _shifted(place, step, size):  # type: ignore[no-untyped-def]
    """Return the bin ``step`` away within the cell, and how many cells away it lies."""
    target = place + step
    image = target // size
    return target - image * size, image


@njit(cache=True, nogil=True, fastmath=True)
def _binned(position, types, cell, bins, start, shape, reach, table, n_pairs, r_max, n_bins):  # type: ignore[no-untyped-def]
    """Pairs through bins and image shifts, each unordered pair once: only bins in the upper half space of steps.

    Returns as :func:`_all_pairs`.
    """
    n = position.shape[0]
    counts = np.zeros((n_pairs, n_bins, 2))
    scale = n_bins / r_max
    limit = r_max * r_max
    for i in range(n):
        c = bins[i]
        cz = c % shape[2]
        cy = (c // shape[2]) % shape[1]
        cx = c // (shape[1] * shape[2])
        for ox in range(reach[0] + 1):
            bx, ix = _shifted(cx, ox, shape[0])
            for oy in range(-reach[1] if ox > 0 else 0, reach[1] + 1):
                by, iy = _shifted(cy, oy, shape[1])
                for oz in range(-reach[2] if (ox > 0 or oy > 0) else 0, reach[2] + 1):
                    bz, iz = _shifted(cz, oz, shape[2])
                    other = (bx * shape[1] + by) * shape[2] + bz
                    x = position[i, 0] - (ix * cell[0, 0] + iy * cell[1, 0] + iz * cell[2, 0])
                    y = position[i, 1] - (ix * cell[0, 1] + iy * cell[1, 1] + iz * cell[2, 1])
                    z = position[i, 2] - (ix * cell[0, 2] + iy * cell[1, 2] + iz * cell[2, 2])
                    first = i + 1 if (ox == 0 and oy == 0 and oz == 0) else start[other]
                    for j in range(first, start[other + 1]):
                        dx = position[j, 0] - x
                        dy = position[j, 1] - y
                        dz = position[j, 2] - z
                        d2 = dx * dx + dy * dy + dz * dz
                        if d2 < limit:
                            t = math.sqrt(d2) * scale
                            node = min(int(t), n_bins - 1)
                            row = table[types[i], types[j]]
                            counts[row, node, 0] += 1.0
                            counts[row, node, 1] += t - node
    return counts


@njit(cache=True, nogil=True)
def _neighbours(position, types, cell, bins, start, shape, reach, squared_cutoffs):  # type: ignore[no-untyped-def]
    """Ordered pairs within the cut-off of their types, in the order of the bins; grows its arrays as it goes."""
    n = position.shape[0]
    room = 16 * n + 64
    first = np.empty(room, np.int64)
    second = np.empty(room, np.int64)
    vector = np.empty((room, 3))
    m = 0
    for i in range(n):
        c = bins[i]
        cz = c % shape[2]
        cy = (c // shape[2]) % shape[1]
        cx = c // (shape[1] * shape[2])
        for ox in range(-reach[0], reach[0] + 1):
            bx, ix = _shifted(cx, ox, shape[0])
            for oy in range(-reach[1], reach[1] + 1):
                by, iy = _shifted(cy, oy, shape[1])
                for oz in range(-reach[2], reach[2] + 1):
                    bz, iz = _shifted(cz, oz, shape[2])
                    other = (bx * shape[1] + by) * shape[2] + bz
                    x = position[i, 0] - (ix * cell[0, 0] + iy * cell[1, 0] + iz * cell[2, 0])
                    y = position[i, 1] - (ix * cell[0, 1] + iy * cell[1, 1] + iz * cell[2, 1])
                    z = position[i, 2] - (ix * cell[0, 2] + iy * cell[1, 2] + iz * cell[2, 2])
                    for j in range(start[other], start[other + 1]):
                        dx = position[j, 0] - x
                        dy = position[j, 1] - y
                        dz = position[j, 2] - z
                        itself = i == j and ix == 0 and iy == 0 and iz == 0
                        if not itself and dx * dx + dy * dy + dz * dz < squared_cutoffs[types[i], types[j]]:
                            if m == room:
                                first = np.concatenate((first, np.empty(room, np.int64)))
                                second = np.concatenate((second, np.empty(room, np.int64)))
                                vector = np.concatenate((vector, np.empty((room, 3))))
                                room *= 2
                            first[m] = i
                            second[m] = j
                            vector[m, 0] = dx
                            vector[m, 1] = dy
                            vector[m, 2] = dz
                            m += 1
    return first[:m].copy(), second[:m].copy(), vector[:m].copy()

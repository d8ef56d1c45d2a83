"""Random packings without overlaps, the start of every melt: any cell, 50 to 30,000 atoms in seconds.

Points are thrown at random and pairs that are too close are pushed apart until none is left. The same seed gives
the same packing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of, mass
from glasspot.structure.frames import ANIONS, Frame, cell_heights, cell_matrix, species_order
from glasspot.units import density_from_mass

BOND_FRACTION = 0.85  # least cation-anion distance over the sum of covalent radii: Si-O 1.50 A, Na-O 1.97 A
LIKE_FRACTION = 0.70  # the same between two cations: Na-Na 2.3 A; at least LEAST_LIKE
LEAST_LIKE = 2.0  # A, between two cations and between two anions
EASY_DENSITY = 0.09  # atoms per A^3 up to which these distances pack easily; denser boxes get smaller ones
OVERSHOOT = 1.02  # pairs are pushed a little beyond their least distance, so that they are done in finite steps
SWEEPS = 150  # sweeps before all distances shrink by SHRINK
SHRINK = 0.95
LEAST_SCALE = 0.8  # distances under this part of the usual ones are called an overlap


def random_packing(
    counts: Mapping[str, int],
    cell: ArrayLike,
    seed: int,
    min_distances: Mapping[tuple[str, str], float] | None = None,
) -> Frame:
    """Return ``counts`` (species -> number) at random in ``cell`` with no two atoms closer than a least distance.

    ``cell`` is one length, three lengths or (3, 3) vectors in A. ``min_distances`` (A) overrides pairs, in any order;
    the others have :func:`least_distance`, shrunk where the box is too dense for them. Raises GlasspotError when the
    atoms do not fit, naming the density.
    """
    counts = {name: int(number) for name, number in counts.items() if number}
    if not counts or min(counts.values()) < 0:
        raise GlasspotError("a packing needs at least one atom and no negative count.")
    matrix = cell_matrix(cell)
    species = species_order(counts)
    types = np.repeat(np.arange(len(species)), [counts[name] for name in species])
    usual, fixed = _distance_matrices(species, min_distances or {})
    volume = abs(float(np.linalg.det(matrix)))
    heights = cell_heights(matrix)
    needed = 2 * OVERSHOOT * max(usual.max(), fixed.max())
    if volume < 1e-6 or heights.min() < needed:
        raise GlasspotError(f"the cell is only {heights.min():.2f} A high; a packing needs {needed:.1f} A or more.")
    rng = np.random.default_rng(seed)
    fractional = rng.random((len(types), 3))
    types = rng.permutation(types)  # so that no element is favoured by the order in which pairs are pushed
    scale = min(1.0, (EASY_DENSITY * volume / len(types)) ** (1 / 3))
    while scale >= LEAST_SCALE:
        least = np.where(fixed > 0, fixed, scale * usual)
        fractional, overlaps = _push_apart(fractional, matrix, types, least)
        if overlaps == 0:
            order = np.argsort(types, kind="stable")
            return Frame((fractional % 1.0)[order] @ matrix, matrix, species, types[order])
        scale *= SHRINK
    density = density_from_mass(mass(counts), volume)
    raise GlasspotError(
        f"{len(types)} atoms do not fit without overlaps: {density:.2f} g/cm3 or {len(types) / volume:.3f} atoms "
        "per A^3 was asked for (silica glass: 2.2 and 0.066). Give a lower density, or smaller minimum distances."
    )


def least_distance(a: str, b: str) -> float:
    """Return the usual least distance in A of two species in a packing, from covalent radii (Cordero 2008, in ASE)."""
    total = _radius(element_of(a)) + _radius(element_of(b))
    if (element_of(a) in ANIONS) != (element_of(b) in ANIONS):
        return BOND_FRACTION * total
    return max(LEAST_LIKE, LIKE_FRACTION * total)


@cache
def _radius(element: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    if element not in atomic_numbers:
        raise GlasspotError(f'unknown element "{element}"; expected a chemical symbol such as Si or Na.')
    return float(covalent_radii[atomic_numbers[element]])


def _distance_matrices(
    species: tuple[str, ...], given: Mapping[tuple[str, str], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the usual least distances and the given ones (0 where none is), both (n_species, n_species)."""
    usual = np.array([[least_distance(a, b) for b in species] for a in species])
    fixed = np.zeros_like(usual)
    for (a, b), distance in given.items():
        if a not in species or b not in species or distance <= 0:
            raise GlasspotError(
                f"min_distances has {a}-{b} = {distance:g} A; expected a pair of {', '.join(species)} and above 0 A."
            )
        i, j = species.index(a), species.index(b)
        fixed[i, j] = fixed[j, i] = distance
    return usual, fixed


def _push_apart(
    fractional: NDArray[np.float64],
    cell: NDArray[np.float64],
    types: NDArray[np.int64],
    least: NDArray[np.float64],
) -> tuple[NDArray[np.float64], int]:
    """Push every pair closer than its least distance apart, half way each; return positions and overlaps left."""
    n = len(fractional)
    inverse = np.linalg.inv(cell)
    for _ in range(SWEEPS):
        fractional = fractional % 1.0
        owner, left, right, vector, distance = _close_pairs(fractional, cell, float(least.max()) * OVERSHOOT)
        wanted = least[types[owner[left]], types[owner[right]]]
        if not np.any(distance < wanted):
            return fractional, 0
        short = distance < OVERSHOOT * wanted
        # Each end that is a real atom moves; the mirror image of the pair moves the other end.
        push = (0.5 * (OVERSHOOT * wanted - distance) / np.maximum(distance, 1e-9))[short, None] * vector[short]
        ends = np.concatenate([left[short], right[short]])
        moves = np.concatenate([-push, push])
        real = ends < n
        shift = np.stack([np.bincount(ends[real], moves[real, k], minlength=n) for k in range(3)], axis=1)
        fractional = fractional + shift @ inverse
    return fractional, int(np.count_nonzero(distance < wanted))


def _close_pairs(
    fractional: NDArray[np.float64], cell: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (owner of each point, left, right, vector, distance) of all pairs of points nearer than ``reach`` (A).

    Points are the atoms, then their periodic images within ``reach`` of the cell; ``fractional`` must lie in [0, 1).
    """
    from scipy.spatial import cKDTree

    margin = reach / cell_heights(cell)
    points, owner = fractional, np.arange(len(fractional))
    for axis in range(3):
        low = points[:, axis] < margin[axis]
        high = points[:, axis] > 1.0 - margin[axis]
        step = np.eye(3)[axis]
        points = np.concatenate([points, points[low] + step, points[high] - step])
        owner = np.concatenate([owner, owner[low], owner[high]])
    cartesian = points @ cell
    pairs = cKDTree(cartesian).query_pairs(reach, output_type="ndarray")
    left, right = pairs[:, 0], pairs[:, 1]
    vector = cartesian[right] - cartesian[left]
    return owner, left, right, vector, np.linalg.norm(vector, axis=1)

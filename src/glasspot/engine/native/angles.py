"""Screened harmonic angles: forces and energy of every triplet end-centre-end, added to those of the pairs.

    E = K (theta - theta0)^2 exp(-(r1 + r2) / rho)     for r1, r2 < r_cut; both arms from the centre

The terms of Bertani, Menziani and Pedone (10.1111/jace.19158), and the convention of LAMMPS's ``nb3b/screened``: no
factor 1/2, no smoothing at r_cut, and a straight angle has a sine of SMALLEST_SINE.

Each centre has a list of the ends within r_cut and the skin of the pair list, found whenever that list is built. It is
valid as long as the pair list is: r_cut is the shorter reach. The search tries every centre with every atom, which is
cheap beside the steps between two searches up to some ten thousand atoms. Only cells of at least twice the cut-off of
the pairs are run, so that int32 differences of points are those of the nearest images.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import acos, exp, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from glasspot.potential.model import ThreeBody

MOST_ENDS = 48  # of one centre in the list: twice what the densest packing of oxides holds within 4.1 A
SMALLEST_SINE = 0.001
SEARCHED = 0  # place in Angles.memory: the number of the pair list for which the ends were searched


class Angles(NamedTuple):
    """The terms and the list. Species are numbered as in ``Field``; rows of atoms are those of the clusters.

    k (eV), theta0 (rad), rho, r_cut (A): (s, s, s) for centre, end, end; r_cut is 0 where there is no term. reach
    (s, s): the longest r_cut of a centre and an end, A, 0 for none. skin: A. species (n,): of each atom. ends
    (n MOST_ENDS,) and n_ends (n,): the list. near: scratch, (MOST_ENDS, 4) of vector and distance.
    """

    k: NDArray[np.float64]
    theta0: NDArray[np.float64]
    rho: NDArray[np.float64]
    r_cut: NDArray[np.float64]
    reach: NDArray[np.float64]
    skin: float
    species: NDArray[np.int64]
    ends: NDArray[np.int64]
    n_ends: NDArray[np.int64]
    near: NDArray[np.float64]
    memory: NDArray[np.float64]


def make_angles(terms: Sequence[ThreeBody], species: Sequence[str], n: int, skin: float) -> Angles | None:
    """Return the angles of ``terms`` that these species make, for ``n`` atoms; None where they make none."""
    size = len(species)
    k, theta0, rho, r_cut = np.zeros((4, size, size, size))
    rho += 1.0
    number = {name: place for place, name in enumerate(species)}
    for term in terms:
        if not {term.centre, *term.ends} <= set(species):
            continue
        a, b = (number[end] for end in term.ends)
        for place in {(number[term.centre], a, b), (number[term.centre], b, a)}:
            k[place], theta0[place], rho[place], r_cut[place] = term.K, np.radians(term.theta0), term.rho, term.r_cut
    if not r_cut.any():
        return None
    return Angles(
        k=k,
        theta0=theta0,
        rho=rho,
        r_cut=r_cut,
        reach=r_cut.max(axis=2),
        skin=skin,
        species=np.zeros(n, dtype=np.int64),
        ends=np.zeros(n * MOST_ENDS, dtype=np.int64),
        n_ends=np.zeros(n, dtype=np.int64),
        near=np.zeros((MOST_ENDS, 4)),
        memory=np.zeros(1),
    )


@njit(cache=True, error_model="numpy", fastmath=True)
def find_ends(angles, points, n, scale):  # type: ignore[no-untyped-def]
    """List the ends of every centre; return False where one has more than MOST_ENDS. scale (3,): A per unit."""
    size = len(angles.reach)
    for i in range(n):
        a, count = angles.species[i], 0
        farthest = 0.0
        for b in range(size):
            farthest = max(farthest, angles.reach[a, b])
        if farthest > 0.0:
            widest = (farthest + angles.skin) ** 2
            for j in range(n):
                squared = 0.0
                for d in range(3):
                    apart = np.int32(points[4 * j + d] - points[4 * i + d]) * scale[d]
                    squared += apart * apart
                if squared < widest and j != i:
                    reach = angles.reach[a, angles.species[j]]
                    if reach > 0.0 and squared < (reach + angles.skin) ** 2:
                        if count == MOST_ENDS:
                            return False
                        angles.ends[i * MOST_ENDS + count] = j
                        count += 1
        angles.n_ends[i] = count
    return True


@njit(cache=True, error_model="numpy", fastmath=True)
def _ends_in_reach(angles, points, i, scale):  # type: ignore[no-untyped-def]
    """Put vector and distance of the ends within reach now into ``near``, their rows first in the list; return how
    many. Ends out of reach go behind them: the list only changes its order.
    """
    a, near, begin = angles.species[i], angles.near, i * MOST_ENDS
    count = 0
    for place in range(angles.n_ends[i]):
        j = angles.ends[begin + place]
        squared = 0.0
        for d in range(3):
            apart = np.int32(points[4 * j + d] - points[4 * i + d]) * scale[d]
            near[count, d] = apart
            squared += apart * apart
        if squared < angles.reach[a, angles.species[j]] ** 2:
            near[count, 3] = sqrt(squared)
            angles.ends[begin + place] = angles.ends[begin + count]
            angles.ends[begin + count] = j
            count += 1
    return count


@njit(cache=True, error_model="numpy", fastmath=True)
def add_angles(angles, points, n, scale, forces):  # type: ignore[no-untyped-def]
    """Add the forces of all triplets in eV/A; return (energy, virial) in eV. scale (3,): A per unit of a point, now."""
    energy = virial = 0.0
    near = angles.near
    for i in range(n):
        if angles.n_ends[i] < 2:
            continue
        count = _ends_in_reach(angles, points, i, scale)
        a = angles.species[i]
        for p in range(count):
            j = angles.ends[i * MOST_ENDS + p]
            for q in range(p + 1, count):
                m = angles.ends[i * MOST_ENDS + q]
                b, c = angles.species[j], angles.species[m]
                r_cut, r1, r2 = angles.r_cut[a, b, c], near[p, 3], near[q, 3]
                if r1 >= r_cut or r2 >= r_cut:
                    continue
                product = near[p, 0] * near[q, 0] + near[p, 1] * near[q, 1] + near[p, 2] * near[q, 2]
                cosine = min(1.0, max(-1.0, product / (r1 * r2)))
                sine = max(SMALLEST_SINE, sqrt(1.0 - cosine * cosine))
                off = acos(cosine) - angles.theta0[a, b, c]
                strength = angles.k[a, b, c] * exp(-(r1 + r2) / angles.rho[a, b, c])
                e = strength * off * off
                energy += e
                virial += e / angles.rho[a, b, c] * (r1 + r2)
                # dE/dtheta d(theta)/dx of an end is at right angles to its arm; screening pushes along the arm.
                turn = 2.0 * strength * off / sine
                along = e / angles.rho[a, b, c]
                for d in range(3):
                    u1, u2 = near[p, d] / r1, near[q, d] / r2
                    f1 = turn * (u2 - cosine * u1) / r1 + along * u1
                    f2 = turn * (u1 - cosine * u2) / r2 + along * u2
                    forces[4 * j + d] += np.float32(f1)
                    forces[4 * m + d] += np.float32(f2)
                    forces[4 * i + d] -= np.float32(f1 + f2)
    return energy, virial

"""The Ewald sum of point charges in a periodic cell, to any accuracy, written plainly. For tests and small systems.

Notation (Allen, Tildesley, Computer Simulation of Liquids, 2nd ed. 2017, section 6.2)
    g      splitting parameter, 1/A: exp(-(g r_cut)^2) = tolerance
    k      reciprocal vectors with exp(-k^2/(4 g^2)) > tolerance
    S(k)   sum_i q_i exp(i k.r_i)
    E = 1/2 sum_ij q_i q_j erfc(g r_ij)/r_ij + 2 pi/V sum_k exp(-k^2/(4 g^2))/k^2 |S(k)|^2 - g/sqrt(pi) sum_i q_i^2

in units of the Coulomb constant; surrounded by a conductor (no dipole term), as LAMMPS has it.
"""

from __future__ import annotations

from math import log, pi, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import erfc

from glasspot.units import COULOMB_CONSTANT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Reciprocal vectors treated at once: bounds the memory at vectors x atoms complex numbers.
VECTORS_AT_ONCE = 512


def splitting(r_cut: float, tolerance: float) -> float:
    """Return g in 1/A for a real-space cut-off ``r_cut`` (A) and a relative ``tolerance``."""
    return sqrt(-log(tolerance)) / r_cut


def real_space(charge_products: FloatArray, r: FloatArray, g: float) -> tuple[FloatArray, FloatArray]:
    """Return (energy in eV, force in eV/A) of pairs with ``charge_products`` (e^2) at distances ``r`` (A)."""
    energy = COULOMB_CONSTANT * charge_products * erfc(g * r) / r
    gauss = COULOMB_CONSTANT * charge_products * 2.0 * g / sqrt(pi) * np.exp(-((g * r) ** 2))
    return energy, (energy + gauss) / r


def reciprocal_vectors(cell: FloatArray, longest: float) -> FloatArray:
    """Return one of each pair k, -k with 0 < |k| <= ``longest`` (1/A), shape (n, 3), for a cell (rows, A)."""
    basis = 2.0 * pi * np.linalg.inv(cell).T
    # |n_i| <= |k| |a_i| / 2 pi for every vector of the sphere.
    most = np.floor(longest * np.linalg.norm(cell, axis=1) / (2.0 * pi)).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), axis=-1).reshape(-1, 3)
    # The grid is symmetric, so the second half holds exactly one of each pair; the middle is k = 0.
    vectors = grid[len(grid) // 2 + 1 :] @ basis
    return np.asarray(vectors[np.einsum("ij,ij->i", vectors, vectors) <= longest**2])


def reciprocal_space(
    positions: FloatArray, cell: FloatArray, charges: FloatArray, g: float, tolerance: float
) -> tuple[float, FloatArray, FloatArray]:
    """Return (energy in eV with the self term, forces (n, 3) in eV/A, dE/dstrain (3, 3) in eV) of the k-space part."""
    volume = abs(float(np.linalg.det(cell)))
    vectors = reciprocal_vectors(cell, 2.0 * g * sqrt(-log(tolerance)))
    energy = -COULOMB_CONSTANT * g / sqrt(pi) * float(charges @ charges)
    forces = np.zeros_like(positions)
    strain = np.zeros((3, 3))
    for start in range(0, len(vectors), VECTORS_AT_ONCE):
        k = vectors[start : start + VECTORS_AT_ONCE]
        k2 = np.einsum("ij,ij->i", k, k)
        waves = charges * np.exp(1j * (k @ positions.T))  # (vectors, atoms)
        structure = waves.sum(axis=1)
        # Twice, for k and -k.
        weight = 2.0 * COULOMB_CONSTANT * 2.0 * pi / volume * np.exp(-k2 / (4.0 * g * g)) / k2
        terms = weight * np.abs(structure) ** 2
        energy += float(terms.sum())
        forces += 2.0 * ((weight[:, None] * waves * structure.conj()[:, None]).imag.T @ k)
        outer = k[:, :, None] * k[:, None, :]
        strain += np.einsum("k,kab->ab", terms * (2.0 / k2 + 0.5 / (g * g)), outer) - terms.sum() * np.eye(3)
    return energy, forces, strain

"""Smooth particle-mesh Ewald: the long-range part of the Coulomb energy, with forces and virial, in compiled code.

A step (Essmann et al. 1995, 10.1063/1.470117): spread the charges over a mesh with B-splines, transform, multiply with
the influence function, transform back, and read forces from the slopes of the same splines. The forces are the
gradient of the mesh's energy, except that their mean, which the splines do not make zero, is taken from every atom
(as LAMMPS does for ``kspace_modify diff ad``).

Units: A, e, eV. E holds the Ewald self energy; the real-space part erfc(g_ewald r)/r is the pair force's.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint64
from numpy.typing import ArrayLike, NDArray

from glasspot.engine.native.accuracy import FORCE_ERROR, choose_shape, kept_modes, relative_error
from glasspot.engine.native.influence import Influence, apply_influence, fit_to_cell, make_influence
from glasspot.engine.native.memory import aligned
from glasspot.engine.native.spline import gather, make_records, spread
from glasspot.engine.native.transform import Transform, make_transform, planes_backward, planes_forward
from glasspot.errors import GlasspotError
from glasspot.units import COULOMB_CONSTANT

NEUTRAL_WITHIN = 1e-6  # e in the whole cell, per atom


class Mesh(NamedTuple):
    """All that compiled code needs of the mesh; it may be used by one thread at a time."""

    charges: NDArray[np.float32]  # (n,), e; to be written anew when the order of the atoms changes
    self_energy: float  # eV
    transform: Transform
    influence: Influence
    records: NDArray[np.float32]  # work of spread and gather
    total: NDArray[np.float32]  # (4,), sum of the forces of the mesh


def make_mesh(charges: ArrayLike, lengths: ArrayLike, g_ewald: float, force_error: float = FORCE_ERROR) -> Mesh:
    """Return a mesh for ``charges`` (n,) in e, in the order of the points, in a cell of ``lengths`` (3,) in A.

    ``g_ewald`` (1/A) is the splitting parameter; ``force_error`` bounds :func:`mesh_error` in this cell. GlasspotError
    for charges that do not add up to zero, and for an error that no mesh can promise.
    """
    q = aligned(len(np.atleast_1d(charges)))
    q[:] = charges
    cell = np.array(lengths, dtype=np.float64)
    net = float(q.sum(dtype=np.float64))
    if not abs(net) <= NEUTRAL_WITHIN * len(q):
        raise GlasspotError(
            f"the atoms have a net charge of {net:+.6g} e, and charges summed over a periodic cell must be neutral; "
            "change the composition or the charges."
        )
    shape = choose_shape(len(q), cell, g_ewald, force_error)
    transform = make_transform(shape, kept_modes(shape, len(q), cell, g_ewald))
    self_energy = -COULOMB_CONSTANT * g_ewald / sqrt(pi) * float(np.square(q, dtype=np.float64).sum())
    return Mesh(q, self_energy, transform, make_influence(g_ewald, transform), make_records(), aligned(4))


def mesh_error(mesh: Mesh, lengths: ArrayLike) -> float:
    """Return the RMS force error of the mesh in a cell of ``lengths`` (A), relative to a typical RMS force."""
    t = mesh.transform
    cell = np.array(lengths, dtype=np.float64)
    return relative_error((t.nx, t.ny, t.nz), t.modes, len(mesh.charges), cell, mesh.influence.alpha)


@njit(cache=True, fastmath=True, error_model="numpy")
def add_mesh_forces(variant, mesh, points, shifts, n, lengths, forces, want):  # type: ignore[no-untyped-def]
    """Add the forces of the mesh (eV/A) and return (energy, virial = sum of r.f) in eV.

    points   int32, four a row: 2^32 is lengths[d] * 2^shifts[d] along axis d; the first ``n`` rows are the atoms
    lengths  float64 (3,), A; it may change from call to call
    forces   float32, four a row, 64-byte aligned as ``points`` are
    want     0: forces only, 1: and the virial, 2: and the energy; what is not wanted is returned as 0
    """
    t, influence = mesh.transform, mesh.influence
    fit_to_cell(influence, t, lengths)
    spread(variant, t, points, shifts, mesh.charges, mesh.records)
    planes_forward(variant, t)
    energy, virial = apply_influence(variant, t, influence, want > 0)
    planes_backward(variant, t)
    per_length = (float32(t.nx / lengths[0]), float32(t.ny / lengths[1]), float32(t.nz / lengths[2]))
    gather(variant, t, points, shifts, mesh.charges, mesh.records, per_length, forces, mesh.total)
    _take_mean_away(mesh.total, n, forces)
    return (energy + mesh.self_energy if want == 2 else 0.0), (virial if want > 0 else 0.0)


@njit(cache=True, fastmath=True, error_model="numpy")
def _take_mean_away(total, n, forces):  # type: ignore[no-untyped-def]
    part = float32(1.0 / n)
    x, y, z = part * total[0], part * total[1], part * total[2]
    for i in range(n):
        forces[uint64(4 * i)] -= x
        forces[uint64(4 * i + 1)] -= y
        forces[uint64(4 * i + 2)] -= z

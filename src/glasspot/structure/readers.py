"""Files of atoms to frames and back. Readers convert units once; a file that cannot be read ends in one clear error."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame, cell_matrix

# What ASE's readers raise on files that are cut short, binary, or of another kind.
READ_ERRORS = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OSError, EOFError, StopIteration, RuntimeError,
    AssertionError, NotImplementedError, zlib.error,
)  # fmt: skip

FORMATS = {
    "extxyz": "extended XYZ",
    "xyz": "XYZ without a cell (CP2K)",
    "lammps-data": "LAMMPS data",
    "lammps-dump-text": "LAMMPS dump",
    "vasp-xdatcar": "XDATCAR",
    "vasp-out": "OUTCAR",
}


def iter_frames(
    path: str | Path,
    index: str | int = ":",
    *,
    cell: ArrayLike | None = None,
    species: Sequence[str] | None = None,
    type_elements: Sequence[str] | None = None,
) -> Iterator[Frame]:
    """Yield the frames of an extended XYZ, LAMMPS data or dump, XDATCAR, OUTCAR or CP2K XYZ file; any may be .gz.

    ``index``: which frames, as in ASE (":" all, -1 the last, "::10" every tenth). ``cell`` (A): for files without one
    (CP2K XYZ). ``species``: order of the elements (default: :func:`~glasspot.structure.frames.species_order`).
    ``type_elements``: element of LAMMPS type 1, 2, ... for dumps without an ``element`` column.
    Raises GlasspotError when the file is missing, empty, binary, cut short, or of no known kind.
    """
    path = Path(path)
    head = _head(path)
    kind = _kind(path, head)
    found = False
    try:
        for atoms in _ase_atoms(path, kind, index, type_elements):
            found = True
            if cell is not None:
                atoms.set_cell(cell_matrix(cell))
            if abs(atoms.cell.volume) < 1e-6:
                raise GlasspotError(
                    f"{path} holds no cell, and structure needs one; give it in A: cell=17.96 or --cell 17.96."
                )
            yield Frame.from_ase(atoms, species)
    except READ_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GlasspotError(
            f"{path} could not be read as {FORMATS[kind]}: {reason}. It may be cut short or damaged; write it again."
        ) from error
    if not found:
        raise GlasspotError(f"{path} holds no frame that index {index!r} asks for.")


def write_frames(path: str | Path, frames: Sequence[Frame]) -> None:
    """Write extended XYZ, or LAMMPS data (``atom_style charge`` is the engine's business; here ``atomic``) by suffix.

    LAMMPS data (.data, .lmp) holds one frame; GlasspotError for more, for none, or for a folder that cannot be written.
    """
    import ase.io

    path = Path(path)
    if not frames:
        raise GlasspotError(f"no frame to write to {path}.")
    try:
        if path.suffix in (".data", ".lmp"):
            if len(frames) != 1:
                raise GlasspotError(f"LAMMPS data holds one frame, given {len(frames)}; use {path.stem}.extxyz.")
            frame = frames[0]
            ase.io.write(
                path,
                frame.to_ase(),
                format="lammps-data",
                specorder=list(frame.species),
                masses=True,
                velocities=frame.velocities is not None,
                units="metal",
                atom_style="atomic",
            )
        else:
            ase.io.write(path, [frame.to_ase() for frame in frames], format="extxyz")
    except OSError as error:
        raise GlasspotError(f"cannot write {path}: {error.strerror or error}.") from error


def _head(path: Path) -> str:
    """Return the first 4000 characters, decompressed; GlasspotError when missing, empty or binary."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            raw = file.read(4000)
    except FileNotFoundError as error:
        raise GlasspotError(f"{path} does not exist; check the name.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise GlasspotError(f"{path} could not be opened: {error}.") from error
    if not raw.strip():
        raise GlasspotError(f"{path} is empty.")
    if b"\0" in raw:
        raise GlasspotError(f"{path} is binary; glasspot reads text: extxyz, LAMMPS data/dump, XDATCAR, OUTCAR, XYZ.")
    return raw.decode("utf-8", errors="replace")


def _kind(path: Path, head: str) -> str:
    """Return ASE's name of the format, told from the text, not from the file name."""
    lines = head.splitlines()
    if lines[0].strip().isdigit() and len(lines) > 1:
        return "extxyz" if "lattice=" in lines[1].lower() else "xyz"
    if head.startswith("ITEM:"):
        return "lammps-dump-text"
    words = [line.split("#")[0].split() for line in lines]
    if any(len(w) == 2 and w[1] == "atoms" for w in words) and any(w[2:] == ["xlo", "xhi"] for w in words):
        return "lammps-data"
    if "vasp." in head.lower():
        return "vasp-out"
    if "direct configuration" in head.lower() or path.name.upper().startswith("XDATCAR"):
        return "vasp-xdatcar"
    raise GlasspotError(
        f"{path} is of no kind that glasspot reads: extxyz, LAMMPS data or dump, XDATCAR, OUTCAR, CP2K XYZ."
    )


def _ase_atoms(path: Path, kind: str, index: str | int, type_elements: Sequence[str] | None) -> Iterator[Any]:
    import ase.io

    options: dict[str, Any] = {}
    if kind == "lammps-data":
        options = {"units": "metal"}
    if kind == "lammps-dump-text" and type_elements is not None:
        options = {"specorder": list(type_elements)}
    for atoms in ase.io.iread(path, index=index, format=kind, **options):
        if not len(atoms) or not np.isfinite(atoms.positions).all():
            raise ValueError("a frame without atoms, or with positions that are not numbers")
        yield atoms

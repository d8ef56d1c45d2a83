"""Files of atoms to frames and back. Readers convert units once; a file that cannot be read ends in one clear error."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.oxides import element_of
from glasspot.structure.frames import Frame, cell_matrix, check_elements
from glasspot.structure.promises import (
    DAMAGED,
    check_promises,
    check_regular,
    limited_properties,
    no_properties,
    opened,
)

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
    config_type: str | None = None,
) -> Iterator[Frame]:
    """Yield the frames of an extended XYZ, LAMMPS data or dump, XDATCAR, OUTCAR or CP2K XYZ file; any may be .gz.

    ``index``: which frames, as in ASE (":" all, -1 the last, "::10" every tenth). ``cell`` (A): for files without one
    (CP2K XYZ). ``species``: order of the elements (default: :func:`~glasspot.structure.frames.species_order`).
    ``type_elements``: element of LAMMPS type 1, 2, ... for dumps without an ``element`` column and data without masses.
    ``config_type``: only the frames whose comment line says ``config_type=...`` this, in extended XYZ of several parts;
    ``index`` counts among these.
    Raises GlasspotError when the file is missing, empty, binary, cut short, or of no known kind.
    """
    path = Path(path)
    kind = _kind(path, _head(path))
    check_promises(path, kind)
    found = False
    try:
        asked, wanted = _chosen(path, kind, index, config_type)
        for number, atoms in enumerate(_ase_atoms(path, kind, asked, type_elements)):
            if wanted is not None and number not in wanted:
                continue
            found = True
            yield _frame(atoms, path, cell, species)
    except GlasspotError:
        raise
    # Each of ASE's readers raises kinds of its own on a damaged file.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GlasspotError(
            f"{path} could not be read as {FORMATS[kind]} ({reason}). It may be cut short or damaged; write it again."
        ) from error
    if not found:
        asked = "no whole frame; is it cut short?" if index == ":" else f"no frame that the index {index!r} asks for."
        raise GlasspotError(f"{path} holds {asked}")


def read_frames(path: str | Path, index: str | int = ":", **options: Any) -> list[Frame]:
    """Return the frames of a file; formats, options, errors: :func:`iter_frames`."""
    return list(iter_frames(path, index, **options))


def config_types(path: str | Path) -> list[str]:
    """Return the different config_types of an extended XYZ file, in their order; none where it names none.

    GlasspotError as :func:`iter_frames` for a file that cannot be opened or is cut short.
    """
    path = Path(path)
    if _kind(path, _head(path)) != "extxyz":
        return []
    try:
        return [name for name in dict.fromkeys(_types_of_frames(path)) if name]
    except (ValueError, *DAMAGED) as error:
        raise GlasspotError(f"{path} could not be read: {error}. It may be cut short; write it again.") from error


def _frame(atoms: Any, path: Path, cell: ArrayLike | None, species: Sequence[str] | None) -> Frame:
    if cell is not None:
        atoms.set_cell(cell_matrix(cell))
    if abs(atoms.cell.volume) < 1e-6:
        raise GlasspotError(f"{path} holds no cell, and structure needs one; give it in A: cell=17.96 or --cell 17.96.")
    return Frame.from_ase(atoms, species)


def write_frames(path: str | Path, frames: Frame | Sequence[Frame], append: bool = False) -> None:
    """Write extended XYZ (.gz too), or by suffix LAMMPS data of ``atom_style atomic`` with masses and velocities.

    LAMMPS data (.data, .lmp) holds one frame; GlasspotError for more, for none, or for a folder that cannot be written.
    append: add to an extended XYZ that is there.
    """
    import ase.io

    path = Path(path)
    frames = [frames] if isinstance(frames, Frame) else frames
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
                specorder=list(dict.fromkeys(element_of(name) for name in frame.species)),
                masses=True,
                velocities=frame.velocities is not None,
                units="metal",
                atom_style="atomic",
            )
        else:
            ase.io.write(path, [frame.to_ase() for frame in frames], format="extxyz", append=append)
    except OSError as error:
        raise GlasspotError(f"cannot write {path}: {error.strerror or error}.") from error


def _head(path: Path) -> str:
    """Return the first 4000 characters, decompressed; GlasspotError when missing, empty or binary."""
    check_regular(path)
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
    if re.fullmatch(r"\s*[0-9]+\s*", lines[0]) and len(lines) > 1:
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


def _numbers_of_type(path: Path, kind: str, config_type: str, index: str | int) -> list[int]:
    """Return the numbers of the frames of one part of an extended XYZ file that ``index`` asks for, none parsed yet."""
    if kind != "extxyz":
        raise GlasspotError(f"{path} is no extended XYZ, so its frames have no config_type; leave it out.")
    names = _types_of_frames(path)
    part = [number for number, name in enumerate(names) if name == config_type]
    if not part:
        known = list(dict.fromkeys(name for name in names if name))
        there = f"it has {', '.join(known)}.{did_you_mean(config_type, known)}" if known else "it names none."
        raise GlasspotError(f'{path} has no frames of config_type "{config_type}"; {there}')
    if ":" in str(index):
        return part[slice(*(int(word) if word else None for word in str(index).split(":")))]
    return part[int(index) :][:1] if -len(part) <= int(index) < len(part) else []


def _types_of_frames(path: Path) -> list[str]:
    """Return the config_type of each frame of an extended XYZ file, "" where a comment line names none."""
    names = []
    with opened(path) as file:
        for line in file:
            found = re.search(r"(?:^|\s)config_type=(?:\"([^\"]*)\"|(\S+))", next(file, ""))
            names.append((found[1] or found[2]) if found else "")
            n_atoms = int(line)
            if len(list(islice(file, n_atoms))) < n_atoms:
                raise ValueError(f"a frame has fewer lines than its {n_atoms} atoms")
    return names


def _chosen(path: Path, kind: str, index: str | int, config_type: str | None) -> tuple[str | int, set[int] | None]:
    """Return what to ask ASE for, and which of these frames to keep, None for all."""
    if isinstance(index, str) and not re.fullmatch(r"-?\d+|(-?\d*):(-?\d*)(:(-?[1-9]\d*)?)?", index):
        raise GlasspotError(f'"{index}" chooses no frames; give ":" for all, "-1" the last, "::10" every tenth.')
    if config_type is None:
        return index, None
    numbers = _numbers_of_type(path, kind, config_type, index)
    # ASE parses what a slice names and nothing else, so the rest of the file costs little.
    first = min(numbers, default=0)
    return f"{first}:{max(numbers, default=0) + 1}", {number - first for number in numbers}


def _ase_atoms(path: Path, kind: str, index: str | int, type_elements: Sequence[str] | None) -> Iterator[Any]:
    import ase.io

    if type_elements is not None:
        check_elements(type_elements)
    options: dict[str, Any] = {}
    if kind in ("extxyz", "xyz"):
        # ASE's reader of plain XYZ takes a time that grows with the square of the file.
        options = {"properties_parser": limited_properties if kind == "extxyz" else no_properties}
        kind = "extxyz"
    elif kind == "lammps-data":
        options = _data_options(path, type_elements)
    elif kind == "lammps-dump-text":
        options = _dump_options(path, type_elements)
    for atoms in ase.io.iread(path, index=index, format=kind, **options):
        if not len(atoms) or not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
            raise ValueError("a frame without atoms, or with positions or a cell that are not numbers")
        yield atoms


def _data_options(path: Path, type_elements: Sequence[str] | None) -> dict[str, Any]:
    """Say which element each type is: as given, or by the masses in the file; ASE would make type 1 hydrogen."""
    from ase.data import atomic_numbers

    if type_elements is not None:
        return {"units": "metal", "Z_of_type": _NumberOfType(enumerate((atomic_numbers[e] for e in type_elements), 1))}
    with opened(path) as file:
        words = [line.split("#")[0].strip() for line in file]
    if not {"Masses", "Atom Type Labels"} & set(words):
        raise _unknown_types(path, "no Masses section")
    return {"units": "metal"}


def _dump_options(path: Path, type_elements: Sequence[str] | None) -> dict[str, Any]:
    """Say which element each type is: as given, or by the column ``element`` or ``mass``."""
    columns = _checked_columns(path)
    if {"element", "mass"} & set(columns):
        return {}
    if type_elements is None:
        raise _unknown_types(path, "no element column")
    if "type" not in columns:
        raise ValueError("neither an element nor a type column")
    return {"specorder": _ElementOfType(type_elements)}


class _NumberOfType(dict[int, int]):
    """Atomic number by type; a missing type is told as a user's mistake."""

    def __missing__(self, key: int) -> int:
        raise GlasspotError(f"the file has atoms of type {key}, but only {len(self)} elements are given.")


class _ElementOfType(list[str]):
    """Elements by type; a type beyond the list is a user's mistake, and is told as one."""

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise GlasspotError(f"the file has atoms of type {index + 1}, but only {len(self)} elements are given.")
        return super().__getitem__(index)


def _checked_columns(path: Path) -> list[str]:
    """Return the columns of a LAMMPS dump; ValueError when a frame has fewer lines than atoms, which ASE lets pass."""
    columns: list[str] = []
    with opened(path) as file:
        for line in file:
            if line.startswith("ITEM: NUMBER OF ATOMS"):
                n_atoms = int(next(file, ""))
            elif line.startswith("ITEM: ATOMS"):
                columns = line.split()[2:]
                rows = list(islice(file, n_atoms))
                if len(rows) < n_atoms or not rows[-1].endswith("\n") or any(row.startswith("ITEM:") for row in rows):
                    raise ValueError(f"a frame of {n_atoms} atoms has {len(rows)} whole lines or fewer")
    if not columns:
        raise ValueError("no ITEM: ATOMS line")
    return columns


def _unknown_types(path: Path, what: str) -> GlasspotError:
    return GlasspotError(
        f"{path} has {what}, so its atom types have no names; give the element of type 1, 2, ...: "
        'type_elements=["Si", "O"] or --elements Si,O.'
    )

"""Reading ab initio data: any format that is known, one Dataset. Units and signs are converted once, here.

Positions in A, energies in eV, forces in eV/A, stress in eV/A^3 with ASE's sign.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from glasspot.dataset.cp2k import POSITIONS, read_cp2k
from glasspot.dataset.deepmd import deepmd_systems, read_deepmd
from glasspot.dataset.extxyz import read_extxyz
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.dataset.outcar import read_outcar
from glasspot.dataset.record import Notes, Record
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.structure.frames import Frame, cell_heights, species_order
from glasspot.structure.promises import check_regular

FORMATS = ("extxyz", "outcar", "cp2k", "deepmd")
ALONE = 6.0  # A: an atom farther than this from its own images is an isolated atom, and not a crystal of one atom


def read_dataset(
    paths: str | Path | Sequence[str | Path],
    format: str | None = None,
    *,
    keys: Mapping[str, str] | None = None,
    cell: ArrayLike | None = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Return the frames of files and folders, in their order, with the isolated atoms taken out.

    ``format``: "extxyz", "outcar", "cp2k" or "deepmd"; by default it is told from what the files hold. ``keys``: the
    key of a label where an extended XYZ file has an unusual one, {"energy": "my_energy"}; labels are energy, forces,
    stress, virial. ``cell`` (A): for MD of CP2K without a cell file. ``progress`` is called with the number of frames
    read so far. All frames have the same species, in glasspot's order, whatever elements each holds.
    GlasspotError where nothing can be read; what was decided or is doubtful stands in ``notes`` of the result.
    """
    if format is not None and format not in FORMATS:
        raise GlasspotError(
            f'there is no format "{format}"; expected {", ".join(FORMATS)}.{did_you_mean(format, FORMATS)}'
        )
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise GlasspotError("no file to read; give at least one.")
    notes = Notes()
    records: list[Record] = []
    for path in (Path(name) for name in given):
        for record in _records(path, format, notes, keys, cell):
            records.append(record)
            if progress is not None:
                progress(len(records))
    return _dataset(records, notes, given)


def _records(
    path: Path, format: str | None, notes: Notes, keys: Mapping[str, str] | None, cell: ArrayLike | None
) -> Iterator[Record]:
    if os.path.isdir(path):
        try:
            there = _in_folder(path, format)
        except OSError as error:
            raise GlasspotError(f"the folder {path} cannot be read: {error.strerror or error}.") from error
        for found, kind in there:
            yield from _of_kind(found, kind, notes, keys, cell)
    else:
        check_regular(path)
        yield from _of_kind(path, format or _kind(path), notes, keys, cell)


def _of_kind(
    path: Path, kind: str, notes: Notes, keys: Mapping[str, str] | None, cell: ArrayLike | None
) -> Iterator[Record]:
    if kind == "deepmd":
        return read_deepmd(path, notes)
    if kind == "cp2k":
        return read_cp2k(path, notes, cell)
    if kind == "outcar":
        return read_outcar(path, notes)
    return read_extxyz(path, notes, keys)


def _in_folder(path: Path, format: str | None) -> list[tuple[Path, str]]:
    """Return what a folder holds, of one format: systems of DeePMD, trajectories of CP2K, or OUTCARs."""
    found = {
        "deepmd": deepmd_systems(path),
        "cp2k": sorted(file for file in path.iterdir() if POSITIONS.fullmatch(file.name)),
        "outcar": sorted([*path.rglob("OUTCAR"), *path.rglob("OUTCAR.gz")]),
        "extxyz": sorted([*path.glob("*.extxyz"), *path.glob("*.extxyz.gz")]),
    }
    there = {kind: files for kind, files in found.items() if files and format in (None, kind)}
    if not there:
        wanted = format or "deepmd (type.raw), cp2k (NAME-pos-1.xyz), outcar (OUTCAR) or extxyz"
        raise GlasspotError(f"the folder {path} holds no data of the format {wanted}; check the name.")
    if len(there) > 1:
        raise GlasspotError(f"the folder {path} holds data of several formats ({', '.join(there)}); say which to read.")
    return [(file, kind) for kind, files in there.items() for file in files]


def _kind(path: Path) -> str:
    """Return the format of a file, told from its first lines."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(4000)
    except (OSError, EOFError, zlib.error) as error:
        raise GlasspotError(f"{path} could not be opened: {error}.") from error
    if not raw.strip():
        raise GlasspotError(f"{path} is empty.")
    head = raw.decode("utf-8", errors="replace")
    lines = head.splitlines()
    if "vasp." in head.lower():
        return "outcar"
    if b"\0" not in raw and lines[0].strip().isdigit() and len(lines) > 1:
        if "-frc-" in path.name:
            raise GlasspotError(f"{path} holds forces of CP2K; give the file of positions, NAME-pos-1.xyz.")
        plain = "lattice=" not in lines[1].lower() and "properties=" not in lines[1].lower()
        return "cp2k" if plain and POSITIONS.fullmatch(path.name) else "extxyz"
    raise GlasspotError(
        f"{path} is of no kind that is read as ab initio data: extended XYZ, OUTCAR, NAME-pos-1.xyz of CP2K, or a "
        "folder of DeePMD-kit."
    )


def _dataset(records: Sequence[Record], notes: Notes, given: Sequence[str | Path]) -> Dataset:
    atoms = [record for record in records if _is_isolated(record)]
    rest = [record for record in records if not _is_isolated(record)]
    order = species_order({symbol for record in records for symbol in record.symbols})
    frames = []
    for record in rest:
        if not record.periodic:
            notes.add("a frame is not periodic in three directions", record.origin)
        if abs(np.linalg.det(record.cell)) < 1e-6:
            notes.add("a frame has no cell and is left out; glasspot works with periodic frames", record.origin)
            continue
        frames.append(_labelled(record, order))
    if not frames:
        names = ", ".join(str(name) for name in given)
        raise GlasspotError(f"{names}: no frame with a cell and more than one atom; is it the right file?")
    return Dataset(tuple(frames), order, _isolated(atoms, notes), notes.lines())


def _labelled(record: Record, order: Sequence[str]) -> LabelledFrame:
    try:
        frame = Frame.from_symbols(record.symbols, record.positions, record.cell, order)
    except GlasspotError as error:
        raise GlasspotError(f"{record.origin}: {error}") from error
    return LabelledFrame(
        frame=frame,
        energy=record.energy,
        forces=record.forces,
        stress=record.stress,
        config_type=record.config_type,
        temperature=record.temperature,
        origin=record.origin,
    )


def _is_isolated(record: Record) -> bool:
    if len(record.symbols) != 1:
        return False
    heights = cell_heights(record.cell)
    return not record.periodic or not heights.any() or bool(heights.min() > ALONE)


def _isolated(atoms: Sequence[Record], notes: Notes) -> dict[str, float]:
    energies: dict[str, float] = {}
    for record in atoms:
        element = record.symbols[0]
        if record.energy is None:
            notes.add(f"the isolated atom {element} has no energy", record.origin)
        elif element not in energies:
            energies[element] = record.energy
        elif abs(energies[element] - record.energy) > 1e-6:
            notes.add(f"the isolated atom {element} occurs with different energies; the first is used", record.origin)
    return energies

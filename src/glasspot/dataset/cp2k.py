"""MD of CP2K: NAME-pos-1.xyz (A, energy in Hartree in the comment), NAME-frc-1.xyz (Hartree/Bohr), NAME-1.cell (A).

The file NAME-1.stress is not read: in MD it holds the kinetic part of the ions too (pv_total), which no fit must see.
ASE's XYZ reader drops the comment line, where the energy stands, so the frames are parsed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasspot.dataset.record import Notes, Record, temperature_of
from glasspot.errors import GlasspotError
from glasspot.structure.frames import cell_matrix
from glasspot.units import BOHR, ENERGY_UNITS

HARTREE = ENERGY_UNITS["Hartree"]
POSITIONS = re.compile(r"(.+)-pos-(\d+)\.xyz")
STEP = re.compile(r"\bi\s*=\s*(\d+)")
ENERGY = re.compile(r"\bE\s*=\s*(-?\d+\.?\d*(?:[EeDd][+-]?\d+)?)")

Block = tuple[tuple[str, ...], NDArray[np.float64], float | None]


def read_cp2k(path: Path, notes: Notes, cell: ArrayLike | None = None) -> Iterator[Record]:
    """Yield the frames of NAME-pos-1.xyz, with the files that stand beside it; a step written twice counts once.

    ``cell`` (A): (3, 3), three lengths or one, where there is no NAME-1.cell and no NAME-1.restart.
    GlasspotError where the name is another, a file is damaged, or no cell is known.
    """
    name = POSITIONS.fullmatch(path.name)
    if name is None:
        raise GlasspotError(f"{path} is no trajectory of CP2K that glasspot knows; give the file NAME-pos-1.xyz.")
    project, part = name[1], name[2]
    places = _blocks(path, notes)
    force_file = path.with_name(f"{project}-frc-{part}.xyz")
    forces = _blocks(force_file, notes) if force_file.exists() else {}
    if not forces:
        notes.add(f"{path.name}: there is no {force_file.name}, so these frames have no forces")
    cells = _cells(path, project, part, cell, notes)
    if path.with_name(f"{project}-{part}.stress").exists():
        notes.add(f"{project}-{part}.stress is not used: in MD it holds the kinetic part of the ions")
    for number, (step, (symbols, positions, energy)) in enumerate(sorted(places.items())):
        force = forces.get(step)
        if force is not None and force[0] != symbols:
            raise GlasspotError(f"step {step} has other atoms in {force_file.name} than in {path.name}.")
        yield Record(
            symbols=symbols,
            positions=positions,
            cell=_cell_of(step, cells, path),
            energy=None if energy is None else energy * HARTREE,
            forces=None if force is None else force[1] * HARTREE / BOHR,
            config_type=project,
            temperature=temperature_of(project),
            origin=f"{path.name}:{number}",
        )


def _blocks(path: Path, notes: Notes) -> dict[int, Block]:
    """Return (symbols, numbers (n, 3), energy in Hartree) by MD step; of a step written twice, the later one."""
    blocks: dict[int, Block] = {}
    number = 0
    try:
        with path.open() as file:
            while head := file.readline():
                if not head.strip():
                    continue
                n_atoms = int(head)
                comment = file.readline()
                words = [line.split() for line in islice(file, n_atoms)]
                if len(words) < n_atoms or not words or len(words[-1]) < 4:
                    notes.add(f"{path.name}: frame {number} is cut short and left out")
                    break
                step, energy = STEP.search(comment), ENERGY.search(comment)
                values = np.array([word[1:4] for word in words], dtype=np.float64)
                if not np.isfinite(values).all():
                    raise ValueError(f"frame {number} has a number that is not finite")
                blocks[int(step[1]) if step else number] = (
                    tuple(word[0].capitalize() for word in words),
                    values,
                    float(energy[1].upper().replace("D", "E")) if energy else None,
                )
                number += 1
    except FileNotFoundError as error:
        raise GlasspotError(f"{path} does not exist; check the name.") from error
    except (OSError, ValueError) as error:
        raise GlasspotError(f"{path} could not be read as XYZ of CP2K ({error}).") from error
    if not blocks:
        raise GlasspotError(f"{path} holds no whole frame; is it cut short?")
    if number > len(blocks):
        notes.add(f"{path.name}: {number - len(blocks)} steps are written twice (a restart); the later ones count")
    return blocks


def _cells(
    path: Path, project: str, part: str, cell: ArrayLike | None, notes: Notes
) -> dict[int, NDArray[np.float64]] | NDArray[np.float64]:
    """Return the cell of each step, or the one cell of all."""
    if cell is not None:
        return cell_matrix(cell)
    cell_file = path.with_name(f"{project}-{part}.cell")
    if cell_file.exists():
        return _cell_table(cell_file)
    restart = path.with_name(f"{project}-{part}.restart")
    if restart.exists():
        from ase.io.cp2k import read_cp2k_restart

        try:
            with restart.open() as file:
                matrix = np.asarray(read_cp2k_restart(file).cell.array, dtype=np.float64)
        # ASE's reader raises kinds of its own on a damaged file.
        except Exception as error:
            raise GlasspotError(f"{restart} could not be read ({error}); give the cell in A.") from error
        notes.add(f"{path.name}: the cell is that of {restart.name}, taken as fixed")
        return matrix
    raise GlasspotError(
        f"{path} has no cell: neither {cell_file.name} nor {restart.name} stands beside it. Give the cell in A."
    )


def _cell_table(path: Path) -> dict[int, NDArray[np.float64]]:
    """Return the cells of NAME-1.cell: step, time (fs), nine numbers of three vectors (A), volume."""
    cells = {}
    try:
        for line in path.read_text().splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                words = line.split()
                cells[int(words[0])] = np.array(words[2:11], dtype=np.float64).reshape(3, 3)
    except (OSError, ValueError, IndexError) as error:
        raise GlasspotError(f"{path} could not be read as a cell file of CP2K ({error}).") from error
    if not cells:
        raise GlasspotError(f"{path} holds no cell.")
    return cells


def _cell_of(step: int, cells: dict[int, NDArray[np.float64]] | NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    if isinstance(cells, np.ndarray):
        return cells
    if step in cells:
        return cells[step]
    values = list(cells.values())
    if all(np.allclose(value, values[0], atol=1e-8) for value in values):
        return values[0]
    raise GlasspotError(f"{path.name} has step {step}, and its cell file does not, while the cell changes.")

"""Folders of DeePMD-kit: type.raw, type_map.raw and set.*/{coord,box,energy,force,virial}.npy, in A and eV.

DeePMD's virial is -V times ASE's stress (dpdata makes it of VASP's "in kB", which has the sign of a pressure).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.archives import load_array
from glasspot.dataset.record import Notes, Record, symmetric, temperature_of
from glasspot.errors import GlasspotError


def deepmd_systems(path: Path) -> list[Path]:
    """Return the systems in a folder, itself or below it, by name."""
    return sorted(found.parent for found in path.rglob("type.raw"))


def read_deepmd(path: Path, notes: Notes) -> Iterator[Record]:
    """Yield the frames of one system, sets in the order of their names; config_type is the folder's name.

    Arrays are loaded without pickle. GlasspotError where a file is missing, damaged, or of another shape.
    """
    symbols = _symbols(path)
    sets = sorted(path.glob("set.*"))
    if not sets:
        raise GlasspotError(f"{path} has no set.000; DeePMD's text files (coord.raw) are not read: convert to npy.")
    number, n_atoms = 0, len(symbols)
    for folder in sets:
        if (folder / "real_atom_types.npy").exists():
            raise GlasspotError(f"{folder} is of DeePMD's mixed type, which glasspot does not read; convert to npy.")
        coord = _array(folder / "coord.npy", 3 * n_atoms)
        if coord is None:
            raise GlasspotError(f"{folder} has no coord.npy.")
        n_frames = len(coord)
        box = _array(folder / "box.npy", 9, n_frames)
        energy, force = _array(folder / "energy.npy", 1, n_frames), _array(folder / "force.npy", 3 * n_atoms, n_frames)
        virial = _array(folder / "virial.npy", 9, n_frames)
        periodic = box is not None and not (path / "nopbc").exists()
        for k in range(n_frames):
            origin = f"{path.name}:{number}"
            cell = np.zeros((3, 3)) if box is None else box[k].reshape(3, 3)
            volume = abs(float(np.linalg.det(cell)))
            stress = -virial[k].reshape(3, 3) / volume if virial is not None and volume > 1e-6 else None
            yield Record(
                symbols=symbols,
                positions=coord[k].reshape(n_atoms, 3),
                cell=cell,
                periodic=periodic,
                energy=None if energy is None else float(energy[k, 0]),
                forces=None if force is None else force[k].reshape(n_atoms, 3),
                stress=None if stress is None else symmetric(stress, notes, origin),
                config_type=path.name,
                temperature=temperature_of(path.name),
                origin=origin,
            )
            number += 1


def _symbols(path: Path) -> tuple[str, ...]:
    try:
        types = [int(word) for word in (path / "type.raw").read_text().split()]
        names = (path / "type_map.raw").read_text().split()
        if not types or min(types) < 0:
            raise ValueError("type.raw must hold one number from 0 for each atom")
        return tuple(names[t] for t in types)
    except FileNotFoundError as error:
        raise GlasspotError(
            f"{error.filename} does not exist; write one line for each type with its element, in the order of type.raw."
        ) from error
    except (OSError, ValueError) as error:
        raise GlasspotError(f"{path} could not be read as a system of DeePMD ({error}).") from error
    except IndexError as error:
        raise GlasspotError(f"{path / 'type.raw'} has type {max(types)}; type_map.raw names {len(names)}.") from error


def _array(path: Path, width: int, n_frames: int | None = None) -> NDArray[np.float64] | None:
    """Return (n_frames, width) finite numbers, None where there is no such file; GlasspotError for anything else."""
    if not path.exists():
        return None
    try:
        values = np.asarray(load_array(path), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise GlasspotError(f"{path} could not be read as an array of numbers ({error}).") from error
    n = len(values) if values.ndim else 0
    if n == 0 or values.size != n * width or (n_frames is not None and n != n_frames):
        wanted = "n" if n_frames is None else n_frames
        raise GlasspotError(f"{path} has shape {values.shape}; expected ({wanted}, {width}).")
    if not np.isfinite(values).all():
        raise GlasspotError(f"{path} has numbers that are not finite; remove these frames.")
    return values.reshape(n, width)

"""Extended XYZ, also .gz: ASE parses each frame; here its labels are found, whatever the file calls them.

Units are eV and A. A ``stress`` has ASE's sign, (1/V) dE/d(strain), in eV/A^3; a ``virial`` is -V times that stress, in
eV, as QUIP (gap_fit), GPUMD and DeePMD have it. The value under test is checked against the forces by
:mod:`glasspot.dataset.check_units`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.record import Notes, Record, as_number, as_rows, as_tensor, symmetric, temperature_of
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.structure.promises import DAMAGED, limited_properties, opened, too_many, unpacked_size, whole

# The first that a frame has is used. Names of one method (dft_, REF_) go before plain ones, which programs fill with
# what their own calculator gives; the free energy before the energy, because the forces are its derivative.
NAMES = {
    "energy": ("dft_energy", "ref_energy", "qm_energy", "free_energy", "energy", "total_energy", "energy_dft", "etot"),
    "forces": ("dft_forces", "dft_force", "ref_forces", "ref_force", "qm_forces", "forces", "force", "forces_dft"),
    "stress": ("dft_stress", "ref_stress", "qm_stress", "stress", "stress_dft"),
    "virial": ("dft_virial", "ref_virial", "qm_virial", "virial", "virials", "virial_dft"),
}
CONFIG_TYPE = ("config_type", "config_name", "config")
TEMPERATURE = ("temperature", "temperature_k", "temp")
# ASE refuses six numbers under these two names, so they are read under others.
TENSORS = re.compile(r"(?<![\w-])(stress|virial)(?=\s*=)")
RENAMED = {"stress_as_given": "stress", "virial_as_given": "virial"}
AGREE = 0.02  # of their size: how far a stress and a virial that say the same may be apart


def read_extxyz(path: Path, notes: Notes, keys: Mapping[str, str] | None = None) -> Iterator[Record]:
    """Yield the frames of a file; ``keys`` names the key of "energy", "forces", "stress", "virial" where wanted.

    A last frame that is cut short is left out and noted. GlasspotError where the file is missing or damaged, and where
    a key in ``keys`` occurs nowhere.
    """
    keys = dict(keys or {})
    foreign = sorted(set(keys) - set(NAMES))
    if foreign:
        raise GlasspotError(f'there is no label "{foreign[0]}"; the labels are {", ".join(NAMES)}.')
    seen: set[str] = set()
    for number, text in enumerate(_frame_texts(path, notes)):
        origin = f"{path.name}:{number}"
        atoms = _parsed(text, origin)
        given = {**atoms.arrays, **atoms.info, **(atoms.calc.results if atoms.calc is not None else {})}
        table = {RENAMED.get(key, key): value for key, value in given.items()}
        seen.update(table)
        yield _record(atoms, table, keys, notes, origin)
    for label, key in keys.items():
        if key not in seen:
            there = ", ".join(sorted(seen - {"numbers", "positions"})) or "none"
            raise GlasspotError(
                f'{path} has no key "{key}" for the {label}; its keys are {there}.{did_you_mean(key, seen)}'
            )


def _frame_texts(path: Path, notes: Notes) -> Iterator[str]:
    """Yield the lines of each frame: the file is read once, a frame at a time (ASE seeks, which .gz is slow at)."""
    try:
        size = unpacked_size(path)
        with opened(path) as file:
            number = 0
            while head := file.readline():
                if not head.strip():
                    continue
                if not re.fullmatch(r"\s*[0-9]+\s*", head):
                    raise GlasspotError(
                        f'{path}, frame {number}: "{head.strip()[:40]}" stands where the number of atoms is expected.'
                    )
                n_atoms = whole(head)
                if n_atoms > size:
                    raise too_many(path, n_atoms)
                comment = file.readline()
                rows = list(islice(file, n_atoms))
                if len(rows) < n_atoms or not rows:
                    if not number:
                        raise GlasspotError(f"{path} holds no whole frame; is it cut short?")
                    notes.add(f"{path.name}: frame {number} is cut short and left out")
                    return
                yield "".join([head, TENSORS.sub(r"\1_as_given", comment), *rows])
                number += 1
    except FileNotFoundError as error:
        raise GlasspotError(f"{path} does not exist; check the name.") from error
    except DAMAGED as error:
        raise GlasspotError(f"{path} could not be read: {error}. It may be cut short; copy it again.") from error
    if not number:
        raise GlasspotError(f"{path} is empty.")


def _parsed(text: str, origin: str) -> Any:
    from ase.io.extxyz import read_xyz

    try:
        atoms = next(iter(read_xyz(io.StringIO(text), 0, limited_properties)))
    # ASE's reader raises kinds of its own on a damaged frame.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GlasspotError(f"{origin} could not be read as extended XYZ ({reason}); mend or remove it.") from error
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise GlasspotError(f"{origin} has a position or a cell that is not a finite number; remove it.")
    return atoms


def _record(atoms: Any, table: Mapping[str, Any], keys: Mapping[str, str], notes: Notes, origin: str) -> Record:
    def found(label: str) -> Any:
        return _found(label, table, keys, notes)

    given, hot = _named(CONFIG_TYPE, table), _named(TEMPERATURE, table)
    config_type = "" if given is None else str(given)
    temperature = as_number(table.get("T") if hot is None else hot)  # a small "t" is a time
    energy, forces = found("energy"), found("forces")
    record = Record(
        symbols=tuple(atoms.get_chemical_symbols()),
        positions=atoms.positions,
        cell=atoms.cell.array,
        periodic=bool(atoms.pbc.all()),
        energy=as_number(energy),
        forces=as_rows(forces, len(atoms)),
        stress=_stress(found("stress"), found("virial"), float(abs(atoms.cell.volume)), notes, origin),
        config_type=config_type,
        temperature=temperature_of(config_type) if temperature is None else temperature,
        origin=origin,
    )
    if energy is not None and record.energy is None:
        notes.add("an energy is not a finite number and is taken as missing", origin)
    if forces is not None and record.forces is None:
        notes.add("forces are not three finite numbers an atom and are taken as missing", origin)
    return record


def _named(names: tuple[str, ...], table: Mapping[str, Any]) -> Any:
    """Return the first value under one of the names; None where there is none, or it is empty (a key and no value)."""
    lower = {key.lower(): value for key, value in table.items() if value is not None and np.size(value) > 0}
    return next((lower[name] for name in names if name in lower), None)


def _found(label: str, table: Mapping[str, Any], keys: Mapping[str, str], notes: Notes) -> Any:
    """Return the value of a label: of the user's key, or of the first known name; note when there were several."""
    if label in keys:
        return table.get(keys[label])
    there = {key.lower(): key for key in table}
    names = [name for name in NAMES[label] if name in there]
    if not names:
        return None
    if len(names) > 1 and label != "virial":
        values = [there[name] for name in names]
        notes.add(f"{label}: {values[0]} is used, {', '.join(values[1:])} is not")
    return table[there[names[0]]]


def _stress(stress: Any, virial: Any, volume: float, notes: Notes, origin: str) -> NDArray[np.float64] | None:
    """Return the stress (3, 3) in eV/A^3 from either; where both are given and disagree, the virial's is used."""
    given = as_tensor(stress) if stress is not None else None
    moment = as_tensor(virial) if virial is not None else None
    if (stress is not None and given is None) or (virial is not None and moment is None):
        notes.add("a stress or virial is not six or nine finite numbers and is taken as missing", origin)
    if moment is None or volume < 1e-6:
        return None if given is None else symmetric(given, notes, origin)
    from_virial = symmetric(-moment / volume, notes, origin)
    if given is not None:
        _compare(symmetric(given, notes, origin), from_virial, notes, origin)
    else:
        notes.add("stress = -virial / V, the sign of QUIP, GPUMD and DeePMD")
    return from_virial


def _compare(given: NDArray[np.float64], from_virial: NDArray[np.float64], notes: Notes, origin: str) -> None:
    size = float(np.abs(from_virial).max())
    if np.abs(given - from_virial).max() <= AGREE * max(size, 1e-6):
        return
    # The least-squares factor between the two tells what differs: a sign, GPa, or kbar.
    factor = float((given * from_virial).sum() / max((from_virial**2).sum(), 1e-300))
    proportional = np.abs(given - factor * from_virial).max() <= AGREE * np.abs(given).max()
    how = f"{factor:.3g} times" if proportional else "not"
    notes.add(f"the stress is {how} -virial / V; the virial is used (in eV, virial = -V stress)", origin)

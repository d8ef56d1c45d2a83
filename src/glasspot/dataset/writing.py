"""Frames with their labels as extended XYZ, in the units and with the signs that ``read_dataset`` reads back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.dataset.labelled import LabelledFrame
from glasspot.files import replacing

if TYPE_CHECKING:
    from ase import Atoms

LONELY = 20.0  # A: cell of an isolated atom


def write_extxyz(path: Path, frames: Iterable[LabelledFrame], isolated: Mapping[str, float] | None = None) -> Path:
    """Write frames as extended XYZ, whole or not at all, and return the path.

    Energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign) stand under ASE's own names, beside config_type,
    temperature and origin. ``isolated``: energies (eV) of single atoms, which come first, each in a cell of 20 A.
    GlasspotError where the place cannot be written.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    made = []
    for element, energy in (isolated or {}).items():
        atom = Atoms([element], positions=[[LONELY / 2] * 3], cell=[LONELY] * 3, pbc=True)
        atom.calc = SinglePointCalculator(atom, energy=energy)
        atom.info["config_type"] = "isolated_atom"
        made.append(atom)
    made += [_atoms(frame) for frame in frames]
    with replacing(path) as temporary:
        write(temporary, made, format="extxyz")
    return Path(path)


def _atoms(frame: LabelledFrame) -> Atoms:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress

    atoms = frame.frame.to_ase()
    labels = {
        "energy": frame.energy,
        "forces": frame.forces,
        "stress": None if frame.stress is None else full_3x3_to_voigt_6_stress(frame.stress),
    }
    atoms.calc = SinglePointCalculator(atoms, **{name: value for name, value in labels.items() if value is not None})
    atoms.arrays.pop("momenta", None)
    atoms.info = {
        name: value
        for name, value in (
            ("config_type", frame.config_type), ("temperature", frame.temperature), ("origin", frame.origin),
        )
        if value not in ("", None)
    }  # fmt: skip
    return atoms

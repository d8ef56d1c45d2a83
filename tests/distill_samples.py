"""Data sets made up for tests of distilling: groups of frames that differ in density and disorder."""

from __future__ import annotations

import numpy as np

from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.structure.frames import Frame

ATOMS = 24
GROUPS = ("cold", "warm", "dense")


def crystal(edge: float = 6.0) -> np.ndarray:
    """Return 24 places (A) of a cube: a simple lattice of three by two by four."""
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(2), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 3)
    return (grid + 0.25) / np.array([3, 2, 4]) * edge


def made_up(each: int = 12, seed: int = 0, energies: bool = True) -> Dataset:
    """Return a data set of three groups of ``each`` frames of B8O16: shaken little, much, and in a smaller cell.

    The energy of a frame is that of its group (-8, -7, -6 eV an atom) and a small chance.
    """
    random = np.random.default_rng(seed)
    frames = []
    for number, (group, shake, edge) in enumerate(zip(GROUPS, (0.05, 0.35, 0.05), (6.0, 6.0, 5.4), strict=True)):
        for n in range(each):
            places = crystal(edge) + random.normal(scale=shake, size=(ATOMS, 3))
            symbols = ["B"] * 8 + ["O"] * 16
            energy = ATOMS * (-8.0 + number + 0.01 * random.normal()) if energies else None
            frame = Frame.from_symbols(symbols, places, edge, species=("B", "O"))
            forces = random.normal(size=(ATOMS, 3)) if energies else None
            frames.append(
                LabelledFrame(frame, energy, forces, None, group, 300.0 * (1 + number), f"made.extxyz:{group}{n}")
            )
    return Dataset(tuple(frames), ("B", "O"))

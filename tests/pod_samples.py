"""Small data sets and POD models for tests: a sheared copper-gold alloy with the energies of ASE's EMT."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from dataset_samples import alloy, labels
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.mlip.pod import PodModel, pod_model
from glasspot.structure.frames import Frame

ELEMENTS = ("Cu", "Au")
SETTINGS = {"r_cut": 4.0, "size": 1.0, "energy_weight": 300.0, "stress_weight": 1000.0, "ridge": 1e-11}


@cache
def alloy_set(n: int = 10, cell: str = "sheared", stress: bool = True) -> Dataset:
    """Return n labelled frames of 32 atoms in a cell without right angles."""
    frames = []
    for k, atoms in enumerate(alloy(n, cell)):
        energy, forces, tensor = labels(atoms)
        types = np.array([ELEMENTS.index(name) for name in atoms.get_chemical_symbols()])
        frame = Frame(atoms.positions, atoms.cell.array, ELEMENTS, types)
        frames.append(
            LabelledFrame(frame, energy, forces, tensor if stress else None, config_type="alloy", origin=f"emt:{k}")
        )
    return Dataset(tuple(frames), ELEMENTS)


def model_of(dataset: Dataset, folder: Path, **more: object) -> PodModel:
    """Return the model of a set, with one process and its sums in ``folder``."""
    return pod_model(dataset, folder, 1, **more)

"""Energies of isolated atoms: as the data give them, or estimated from the compositions.

A model that starts from them has only the energy of binding to learn. An estimate serves the same purpose (it takes the
composition out of the energies), but it is no energy of an atom, and energies of binding made with it mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from glasspot.dataset.labelled import Dataset
from glasspot.errors import GlasspotError

FOUND, FITTED, MEAN = "found", "fitted", "mean"
WELL_DETERMINED = 1e-3  # smallest singular value that counts, of the largest: below it, noise decides


@dataclass(frozen=True)
class AtomEnergies:
    """values: eV by element. how: "found" in the data, "fitted" by least squares over the compositions, or "mean"."""

    values: Mapping[str, float]
    how: Mapping[str, str]

    def sentence(self) -> str:
        """Say for people where each value is from."""
        parts = []
        words = {
            FOUND: "given by the data",
            FITTED: "fitted over the compositions",
            MEAN: "a share of the mean energy, because the compositions do not tell the elements apart",
        }
        for how, text in words.items():
            named = [f"{e} {self.values[e]:.4f} eV" for e in self.values if self.how[e] == how]
            parts += [f"{', '.join(named)} ({text})"] if named else []
        return "energies of atoms: " + "; ".join(parts)


def atom_energies(dataset: Dataset) -> AtomEnergies:
    """Return an energy for each element of the set.

    What is not given is fitted: least squares of the energies per atom over the fractions of the elements, as the
    smallest change from the mean energy, so that what the compositions do not determine stays at the mean.
    GlasspotError where an element is not given and no frame has an energy.
    """
    elements = dataset.elements
    missing = [element for element in elements if element not in dataset.isolated]
    values = {element: float(dataset.isolated[element]) for element in elements if element in dataset.isolated}
    how = dict.fromkeys(values, FOUND)
    labelled = [f for f in dataset.frames if f.energy is not None and any(e in f.counts for e in missing)]
    if missing and not labelled:
        raise GlasspotError(f"no frame has an energy, so that of {', '.join(missing)} cannot be estimated.")
    if missing:
        known = [sum(values.get(e, 0.0) * n for e, n in f.counts.items()) for f in labelled]
        energy = np.array([f.energy for f in labelled], dtype=np.float64) - known
        counts = np.array([[f.counts.get(e, 0) for e in missing] for f in labelled], dtype=np.float64)
        # Per atom, so that a large frame weighs as much as a small one.
        n_atoms = counts.sum(axis=1)
        fractions, per_atom = counts / n_atoms[:, None], energy / n_atoms
        mean = float(per_atom.mean())
        left, sizes, right = np.linalg.svd(fractions, full_matrices=False)
        kept = sizes > WELL_DETERMINED * sizes[0]
        change = right[kept].T @ ((left[:, kept].T @ (per_atom - mean)) / sizes[kept])
        # An element is determined where its own direction lies in what the compositions span.
        determined = np.isclose((right[kept] ** 2).sum(axis=0), 1.0, atol=1e-6)
        values |= {e: mean + float(change[i]) for i, e in enumerate(missing)}
        how |= {e: FITTED if determined[i] else MEAN for i, e in enumerate(missing)}
    return AtomEnergies({e: values[e] for e in elements}, {e: how[e] for e in elements})

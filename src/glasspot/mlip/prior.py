"""What a linear model should say of atoms thrown at random: that they cost energy, and pull with no absurd force.

An ab initio data set holds good structures only. A fit is free to call anything else better still, and a melt from a
random packing then falls into clusters that no glass has. So packings at 0.6 to 2.2 times the density of the data, of
many compositions, enter the fit with a weak label: an energy per atom ``level`` above that of the data, and forces
near zero. The level is the median of what the fit says of them without any label: it is right on the whole, and wrong
in single ones. The idea is that of the two-body part of a GAP; what it costs is measured in ``benchmarks``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.closest import least_distances
from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.files import replacing
from glasspot.mlip.linear import Form, Sums, Weights, solve
from glasspot.mlip.pod_basis import PodBasis
from glasspot.mlip.pod_descriptors import describe
from glasspot.potential.learned import distances_of
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

FloatArray = NDArray[np.float64]
PACKINGS = 60
ATOMS = 120  # of a packing
DENSITIES = (0.6, 2.2)  # times that of the data
CLOSENESS = (0.9, 1.05)  # times the least distances of the data
SPREAD = (0.3, 1.7)  # times each element's share
LEAST_LEVEL = 0.5  # eV/atom
FORCE = 0.01  # weight of a force of a packing, against one of the data
UNBIASED = Weights(energy=500.0, stress=1000.0, ridge=1e-8)


@dataclass(frozen=True)
class Prior:
    """Energies per atom (k, m) of packings as rows, and the sum of their forces' squares (m, m)."""

    energies: FloatArray
    forces: FloatArray

    def also(self, basis: PodBasis, frames: Sequence[Frame], work: Path) -> Prior:
        """Return the prior with more frames in it, which count as packings do; work: a folder for what is passing."""
        one = _prior_of(basis, frames, work)
        return Prior(np.vstack([self.energies, one.energies]), self.forces + one.forces)

    def level(self, sums: Sums) -> float:
        """Return the energy per atom (eV, above the data) that the packings are labelled with."""
        return max(LEAST_LEVEL, float(np.median(self.energies @ solve(sums, UNBIASED))))

    def added(self, sums: Sums, weight: float, level: float, times: FloatArray | None = None) -> Sums:
        """Return ``sums`` with the packings in it, as forces of no count: they bias a fit and are no part of its error.

        weight: of an energy per atom in units of ``level``. times (k,): how often each packing counts.
        """
        if weight == 0:
            return sums
        counts = np.ones(len(self.energies)) if times is None else times
        pull = (weight / level) ** 2 * counts
        matrix = self.energies.T @ (pull[:, None] * self.energies) + FORCE**2 * self.forces
        bias = Form(matrix, self.energies.T @ (pull * level), 0.0, 0.0)
        return replace(sums, force=sums.force.plus(bias))


@dataclass(frozen=True)
class Like:
    """What the packings are like: each element's share of the atoms, atoms per A^3, least distances ("As-Te" -> A)."""

    shares: Mapping[str, float]
    density: float
    closest: Mapping[str, float]

    @property
    def key(self) -> str:
        """Name of these values: the first 16 hex digits of a SHA-256."""
        text = f"{sorted(self.shares.items())} {self.density!r} {sorted(self.closest.items())}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def like(frames: Sequence[LabelledFrame], elements: Sequence[str]) -> Like:
    """Return the mean composition and density of ``frames``, and how close their atoms come."""
    counts = {name: sum(frame.counts.get(name, 0) for frame in frames) for name in elements}
    atoms = sum(counts.values())
    shares = {name: number / atoms for name, number in counts.items() if number}
    return Like(shares, atoms / sum(frame.volume for frame in frames), least_distances(frames, elements))


def make_prior(basis: PodBasis, data: Like, cache: Path) -> Prior:
    """Return the prior of a basis for ``data``; kept in ``cache``, and read there the next time."""
    path = cache / f"packings-{data.key}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            return Prior(kept["energies"], kept["forces"])
    prior = _prior_of(basis, packings(data), cache)
    with replacing(path) as temporary:
        np.savez(temporary, energies=prior.energies, forces=prior.forces)
    return prior


def _prior_of(basis: PodBasis, frames: Sequence[Frame], work: Path) -> Prior:
    found = describe(basis, frames, work=work)
    energies = np.array([one.values / frame.n_atoms for one, frame in zip(found, frames, strict=True)])
    return Prior(energies, np.asarray(sum(one.derivatives @ one.derivatives.T for one in found)))


def packings(data: Like) -> list[Frame]:
    """Return up to PACKINGS random packings like ``data``; always the same ones."""
    rng = np.random.default_rng(PACKINGS)
    made: list[Frame] = []
    for seed in range(PACKINGS):
        thick = data.density * float(np.exp(rng.uniform(*np.log(DENSITIES))))
        near = rng.uniform(*CLOSENESS)
        counts = {name: max(1, round(ATOMS * share * rng.uniform(*SPREAD))) for name, share in data.shares.items()}
        length = (sum(counts.values()) / thick) ** (1 / 3)
        try:
            made.append(random_packing(counts, length, seed, distances_of(data.closest, near)))
        except GlasspotError:
            continue  # so dense that these distances do not fit: the next one will be looser
    return made

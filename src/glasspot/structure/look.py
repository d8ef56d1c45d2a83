"""What a frame shows that tells a glass from a failure, and the same of reference frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.structure.frames import Frame
from glasspot.structure.mixing import Waves, concentration_waves
from glasspot.structure.pairs import neighbour_list, pair_index, pair_labels
from glasspot.structure.voids import Voids, voids

FAR = 2.0  # how far neighbours are looked for, in sums of covalent radii (B. Cordero et al., Dalton Trans. 2008, 2832)


@dataclass(frozen=True)
class Reference:
    """What reference frames show.

    ``closest``: pair -> smallest distance (A). ``lone``: largest distance of an atom to its nearest neighbour, over the
    sum of their covalent radii. ``void``: radius of the largest hole (A), ``mean_void`` the mean of the largest of each
    frame. ``segregation``: element -> mean S of the long waves (:mod:`~glasspot.structure.mixing`). ``density``: lowest
    and highest (g/cm3). ``n_atoms``: mean of a frame.
    """

    n_frames: int
    n_atoms: float
    closest: Mapping[str, float]
    lone: float
    void: float
    mean_void: float
    segregation: Mapping[str, float]
    density: tuple[float, float]


@dataclass(frozen=True)
class Look:
    """What one frame shows; each part is computed when it is asked for."""

    frame: Frame

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """First atom, row of the pair, distance (A), and distance over the sum of the radii, of all near pairs."""
        sums = _radius_sums(self.frame.species)
        first, second, _, distance = neighbour_list(self.frame, FAR * sums)
        types = self.frame.types
        rows = pair_index(len(self.frame.species))[types[first], types[second]]
        return first, rows, distance, distance / sums[types[first], types[second]]

    @cached_property
    def closest(self) -> dict[str, tuple[float, float]]:
        """Pair -> smallest distance in A, and over the sum of the radii; absent for pairs that are never near."""
        _, rows, distance, ratio = self._pairs
        found = {}
        for row, label in enumerate(pair_labels(self.frame.species)):
            mine = rows == row
            if mine.any():
                found[label] = float(distance[mine].min()), float(ratio[mine].min())
        return found

    @cached_property
    def nearest(self) -> NDArray[np.float64]:
        """Distance of each atom (n,) to its nearest neighbour over the sum of the radii; FAR where there is none."""
        first, _, _, ratio = self._pairs
        nearest = np.full(self.frame.n_atoms, FAR)
        np.minimum.at(nearest, first, ratio)
        return nearest

    @cached_property
    def voids(self) -> Voids:
        return voids(self.frame)

    @cached_property
    def waves(self) -> Waves:
        return concentration_waves(self.frame)


def _radius_sums(species: Sequence[str]) -> NDArray[np.float64]:
    """Return the sums of covalent radii (n_species, n_species) in A."""
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[element_of(name)]] for name in species])
    return np.asarray(radii[:, None] + radii[None, :])


def reference_of(frames: Sequence[Frame]) -> Reference:
    """Return what reference frames show: all of them, of any size, each by itself. GlasspotError for none."""
    looks = [Look(frame) for frame in frames if frame.n_atoms > 1]
    if not looks:
        raise GlasspotError("there is no reference frame of more than one atom to judge against.")
    closest: dict[str, float] = {}
    powers: dict[str, list[float]] = {}
    for look in looks:
        for pair, (distance, _) in look.closest.items():
            closest[pair] = min(distance, closest.get(pair, np.inf))
        for element, power in look.waves.power.items():
            powers.setdefault(element, []).append(float(power.mean()))
    holes = [look.voids.largest for look in looks]
    densities = [look.frame.density for look in looks]
    return Reference(
        n_frames=len(looks),
        n_atoms=float(np.mean([look.frame.n_atoms for look in looks])),
        closest=closest,
        lone=max(float(look.nearest.max()) for look in looks),
        void=max(holes),
        mean_void=float(np.mean(holes)),
        segregation={element: float(np.mean(means)) for element, means in powers.items()},
        density=(min(densities), max(densities)),
    )

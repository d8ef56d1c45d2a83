"""Who is bonded to whom: coordination numbers, bond angles, bridging oxygens and Qn, from cut-off distances.

A bond is a pair of atoms closer than the cut-off of its elements, {"Si-O": 2.2}. :func:`find_bonds` finds those of each
frame once; every question is then asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import neighbour_list
from glasspot.structure.pdf import as_frames, block_error

# Cations that form the network of an oxide glass; oxygen between two of them bridges.
NETWORK_FORMERS = ("Si", "B", "P", "Ge", "Al", "As", "Te", "V")


@dataclass(frozen=True)
class Bonds:
    """The bonds of one frame, each in both directions and sorted by the first atom.

    ``first``, ``second`` (m,) atoms; ``vector`` (m, 3) from first to second in A; ``distance`` (m,).
    """

    frame: Frame
    cutoffs: Mapping[str, float]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vector: NDArray[np.float64]
    distance: NDArray[np.float64]

    @cached_property
    def kinds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Types of the first and the second atom of each bond."""
        return self.frame.types[self.first], self.frame.types[self.second]

    def between(self, centre: str, neighbour: str) -> NDArray[np.bool_]:
        """Return which bonds (m,) go from a ``centre`` to a ``neighbour`` atom."""
        one, two = self.kinds
        a, b = element_index(self.frame, centre), element_index(self.frame, neighbour)
        return np.asarray((one == a) & (two == b))

    def number(self, centre: str, neighbour: str, keep: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return for every atom (n,) its bonds as a ``centre`` to ``neighbour`` atoms, those that ``keep`` (n,) marks.

        GlasspotError when no cut-off is given for this pair.
        """
        self.cutoff(centre, neighbour)
        chosen = self.between(centre, neighbour)
        if keep is not None:
            chosen &= keep[self.second]
        return np.asarray(np.bincount(self.first[chosen], minlength=self.frame.n_atoms))

    def are(self, element: str) -> NDArray[np.bool_]:
        """Return which atoms (n,) are of an element."""
        return np.asarray(self.frame.types == element_index(self.frame, element))

    def cutoff(self, a: str, b: str) -> float:
        """Return the cut-off (A) of a pair in either order; GlasspotError where none is given."""
        found = self.cutoffs.get(f"{a}-{b}", self.cutoffs.get(f"{b}-{a}"))
        if found is None:
            raise GlasspotError(f'no cut-off is given for {a}-{b}; add "{a}-{b}": <A>.')
        return found


@dataclass(frozen=True)
class Coordination:
    """How many ``neighbour`` atoms are within ``cutoff`` (A) of a ``centre`` atom.

    ``distribution``: number of neighbours -> fraction of centre atoms, summing to 1. ``error``: standard error of the
    mean from blocks of frames, or None for fewer than four.
    """

    centre: str
    neighbour: str
    cutoff: float
    mean: float
    error: float | None
    distribution: Mapping[int, float]


@dataclass(frozen=True)
class Network:
    """Oxygens by the number of network formers they touch, and Qn: formers by their number n of bridging oxygens.

    ``oxygen``: fractions of "free" (0), "non-bridging" (1), "bridging" (2) and "tricluster" (3 or more), summing to 1.
    ``qn``: former -> n -> fraction. ``qn_boron4``: the same for four-fold boron alone, empty without boron.
    """

    formers: tuple[str, ...]
    oxygen: Mapping[str, float]
    qn: Mapping[str, Mapping[int, float]]
    qn_boron4: Mapping[int, float]


def element_index(frame: Frame, element: str) -> int:
    """Return the type of an element; GlasspotError when the frame does not hold it."""
    if element not in frame.species:
        known = ", ".join(frame.species)
        raise GlasspotError(
            f'there is no element "{element}" here; there are {known}.{did_you_mean(element, known.split(", "))}'
        )
    return frame.species.index(element)


def cutoff_matrix(frame: Frame, cutoffs: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the symmetric (n_species, n_species) cut-offs in A from {"Si-O": 2.2}; 0 for pairs that are not named."""
    matrix = np.zeros((len(frame.species),) * 2)
    for pair, value in cutoffs.items():
        parts = pair.split("-")
        if len(parts) != 2:
            raise GlasspotError(f'a cut-off belongs to a pair such as "Si-O"; given "{pair}".')
        if not 0.0 < value < 20.0:
            raise GlasspotError(f"the cut-off of {pair} must be a length of a few A; given {value:g}.")
        a, b = (element_index(frame, part) for part in parts)
        matrix[a, b] = matrix[b, a] = value
    return matrix


def find_bonds(frames: Frame | Sequence[Frame], cutoffs: Mapping[str, float]) -> list[Bonds]:
    """Return the bonds of each frame for cut-offs such as {"Si-O": 2.2} (A)."""
    if not cutoffs:
        raise GlasspotError('no cut-off is given; name at least one, such as {"Si-O": 2.2}.')
    return [Bonds(frame, cutoffs, *neighbour_list(frame, cutoff_matrix(frame, cutoffs))) for frame in as_frames(frames)]


def coordination(bonds: Sequence[Bonds], centre: str, neighbour: str) -> Coordination:
    """Return the coordination number of ``centre`` by ``neighbour``, averaged over frames, and its distribution.

    GlasspotError when the cut-offs of the ``bonds`` lack this pair.
    """
    numbers = [item.number(centre, neighbour)[item.are(centre)] for item in bonds]
    means = np.array([item.mean() for item in numbers])
    return Coordination(
        centre=centre,
        neighbour=neighbour,
        cutoff=bonds[0].cutoff(centre, neighbour),
        mean=float(means.mean()),
        error=block_error(means),
        distribution=_fractions(np.concatenate(numbers)),
    )


def bond_angles(
    bonds: Sequence[Bonds], a: str, b: str, c: str, bin_width: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (angle, density): the distribution of the angle a-b-c at the middle atom b, bin centres in degrees.

    The density is per degree and integrates to 1; bonds in random directions give sin(angle)/2 per radian. All zeros
    when there is no such angle. GlasspotError when the cut-offs of the ``bonds`` lack one of the two pairs.
    """
    if not 0.0 < bin_width <= 90.0:
        raise GlasspotError(f"the width of an angle bin must lie between 0 and 90 degrees; given {bin_width:g}.")
    n_bins = round(180.0 / bin_width)
    counts = np.zeros(n_bins)
    for item in bonds:
        for pair in ((b, a), (b, c)):
            item.cutoff(*pair)
        two = item.kinds[1]
        start = np.searchsorted(item.first, np.arange(item.frame.n_atoms + 1))
        types = [element_index(item.frame, element) for element in (a, b, c)]
        counts += _angle_counts(item.frame.types, start, two, item.vector, item.distance, *types, n_bins)
    width = 180.0 / n_bins
    angle = np.asarray((np.arange(n_bins) + 0.5) * width)
    total = float(counts.sum()) * width
    return angle, np.asarray(counts / total if total > 0 else counts)


def angle_moments(angle: NDArray[np.float64], density: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and the standard deviation (degrees) of a distribution from :func:`bond_angles`."""
    total = float(density.sum())
    if total <= 0.0:
        return float("nan"), float("nan")
    mean = float(angle @ density) / total
    return mean, float(np.sqrt((angle - mean) ** 2 @ density / total))


def network(bonds: Sequence[Bonds], formers: Sequence[str] | None = None) -> Network:
    """Return bridging oxygens and Qn from bonds that hold the cut-off of every former with oxygen.

    ``formers`` default: those of :data:`NETWORK_FORMERS` in the frames. An oxygen with two or more formers bridges,
    also in a tricluster. GlasspotError when there is no oxygen or no former.
    """
    frame = bonds[0].frame
    element_index(frame, "O")
    chosen = tuple(formers) if formers is not None else tuple(e for e in frame.species if e in NETWORK_FORMERS)
    if not chosen:
        raise GlasspotError(
            f"none of {', '.join(frame.species)} is a network former; name them, such as formers=['Si']."
        )
    touched: list[NDArray[np.int64]] = []
    bridging: dict[str, list[NDArray[np.int64]]] = {former: [] for former in chosen}
    bridging_boron4: list[NDArray[np.int64]] = []
    for item in bonds:
        formers_of_oxygen = sum((item.number("O", former) for former in chosen), np.zeros(item.frame.n_atoms, np.int64))
        touched.append(formers_of_oxygen[item.are("O")])
        for former in chosen:
            number = item.number(former, "O", keep=formers_of_oxygen >= 2)
            mine = item.are(former)
            bridging[former].append(number[mine])
            if former == "B":
                bridging_boron4.append(number[mine & (item.number("B", "O") == 4)])
    classes = _fractions(np.minimum(np.concatenate(touched), 3))
    names = ("free", "non-bridging", "bridging", "tricluster")
    return Network(
        formers=chosen,
        oxygen={name: classes.get(i, 0.0) for i, name in enumerate(names)},
        qn={former: _fractions(np.concatenate(numbers)) for former, numbers in bridging.items()},
        qn_boron4=_fractions(np.concatenate(bridging_boron4)) if bridging_boron4 else {},
    )


def _fractions(numbers: NDArray[np.int64]) -> dict[int, float]:
    """Return value -> fraction for the whole numbers that occur."""
    values, counts = np.unique(numbers, return_counts=True)
    return {int(v): float(c) / len(numbers) for v, c in zip(values, counts, strict=True)}


@njit(cache=True, nogil=True)
def _angle_counts(types, start, kind, vector, distance, a, b, c, n_bins):  # type: ignore[no-untyped-def]
    """Count angles a-b-c in bins over 0..180 degrees; ``kind`` (m,) type of each bond's second atom."""
    counts = np.zeros(n_bins)
    for i in range(len(types)):
        if types[i] != b:
            continue
        for j in range(start[i], start[i + 1]):
            if kind[j] != a:
                continue
            for k in range(j + 1 if a == c else start[i], start[i + 1]):
                if kind[k] == c:
                    dot = vector[j, 0] * vector[k, 0] + vector[j, 1] * vector[k, 1] + vector[j, 2] * vector[k, 2]
                    lengths = distance[j] * distance[k]
                    if lengths == 0.0:
                        continue  # two atoms in one place: a damaged file, and no angle
                    cosine = min(1.0, max(-1.0, dot / lengths))
                    counts[min(n_bins - 1, int(np.degrees(np.arccos(cosine)) / 180.0 * n_bins))] += 1.0
    return counts

"""How evenly an element is spread: waves of its concentration, the long-wavelength end of Bhatia-Thornton's S_cc.

    c(q) = sum_j (delta_j - x) exp(i q r_j)        S(q) = |c(q)|^2 / (N x (1 - x))

with delta_j = 1 for atoms of the element, x its fraction, and q the waves of the cell longer than SHORTEST mean
spacings. S is 1 on average where elements are given to the atoms at random, less where unlike atoms are neighbours
(B2O3: 0.005), and of the order of N where the element has gathered in a part of the box. Density alone, a hole
included, does not enter.
For two elements S is S_cc(q)/(x(1 - x)) of A. B. Bhatia and D. E. Thornton, Phys. Rev. B 2 (1970) 3004.

Each c(q) is a sum of many atoms, so that S of one wave is distributed as exp(-S/m)/m with m its mean, independently of
the other waves: P(largest of n > S) is at most n exp(-S/m), and the sum over waves follows a gamma distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from glasspot.structure.frames import Frame

# Shortest wave, in mean atomic spacings: the prepeaks of glasses, which are order and not segregation, have 2 to 3.
SHORTEST = 4.0
MOST_WAVES = 400  # the longest of them: a box of 30,000 atoms has this many


@dataclass(frozen=True)
class Waves:
    """Waves of concentration in a frame: ``power`` element -> S of each wave (n,), ``q`` (n, 3) in 1/A."""

    q: NDArray[np.float64]
    power: Mapping[str, NDArray[np.float64]]

    @property
    def lengths(self) -> NDArray[np.float64]:
        """Wavelengths (n,) in A."""
        return np.asarray(2.0 * np.pi / np.linalg.norm(self.q, axis=1))


def concentration_waves(frame: Frame) -> Waves:
    """Return the long waves of every element; none of a frame of one element, or where no wave fits the cell."""
    elements = [element for element, number in frame.counts.items() if number]
    q = _waves(frame)
    if len(elements) < 2 or not len(q):
        return Waves(np.zeros((0, 3)), {})
    phases = np.exp(1j * (frame.positions @ q.T))
    power = {}
    for element in elements:
        here = frame.types == frame.species.index(element)
        fraction = float(here.mean())
        power[element] = np.abs((here - fraction) @ phases) ** 2 / (frame.n_atoms * fraction * (1.0 - fraction))
    return Waves(q, power)


def _waves(frame: Frame) -> NDArray[np.float64]:
    """Return the waves (n, 3) of the cell that are longer than SHORTEST spacings, of q and -q one, longest first."""
    shortest = SHORTEST * (frame.volume / frame.n_atoms) ** (1 / 3)
    reciprocal = 2.0 * np.pi * np.linalg.inv(frame.cell).T
    reach = np.ceil(np.linalg.norm(frame.cell, axis=1) / shortest).astype(int)
    steps = [step for step in product(*(range(-n, n + 1) for n in reach)) if step > (0, 0, 0)]
    q = np.array(steps).reshape(-1, 3) @ reciprocal
    length = np.linalg.norm(q, axis=1)
    order = np.argsort(length, kind="stable")[:MOST_WAVES]
    return np.asarray(q[order[length[order] <= 2.0 * np.pi / shortest]])


def contrast(frame: Frame, element: str, q: NDArray[np.float64]) -> tuple[float, float]:
    """Return the fraction of an element in the poor and in the rich half of the box, cut along the wave ``q`` (3,)."""
    here = frame.types == frame.species.index(element)
    angle = frame.positions @ q
    phase = np.angle(((here - here.mean()) * np.exp(1j * angle)).sum())
    rich = np.cos(angle - phase) > 0.0
    if rich.all() or not rich.any():
        return float(here.mean()), float(here.mean())
    return float(here[~rich].mean()), float(here[rich].mean())


def chance_of_largest(power: NDArray[np.float64], mean: float) -> float:
    """Return the chance that the largest of these waves is what it is, or more, where S is ``mean`` on average."""
    return min(1.0, float(len(power) * np.exp(-power.max() / mean)))


def chance_of_sum(power: NDArray[np.float64], mean: float) -> float:
    """Return the chance that the waves together are what they are, or more, where S is ``mean`` on average."""
    from scipy.stats import gamma

    return float(gamma.sf(power.sum() / mean, len(power)))

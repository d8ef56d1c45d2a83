"""From a data set to the frames worth keeping: kernels, clusters, order of choice, in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import Dataset
from glasspot.distill import selectors
from glasspot.distill.cache import Cache
from glasspot.distill.clusters import DELTAS, Clustering, ClusterSettings, best, energies_per_atom, scan
from glasspot.distill.embedding import features
from glasspot.distill.kernels import Indices, Kernels, KernelSettings, compute_kernels
from glasspot.errors import GlasspotError, did_you_mean

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DistillSettings:
    """delta: None lets the energies choose. within: the order of choice inside a cluster (``selectors.WITHIN``)."""

    kernels: KernelSettings = field(default_factory=KernelSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    delta: float | None = None
    within: str = "random"
    seed: int = 1


@dataclass(frozen=True)
class Distilled:
    """A data set in clusters, and every order of choice from it. Indices are those of ``dataset.frames``.

    chosen: the clustering at the delta taken; scan: those of every delta looked at, 0 and 1 (the controls) among them.
    energies: (n,) eV an atom. orders: of each cluster its frames, in the order in which they are taken.
    """

    kernels: Kernels
    chosen: Clustering
    scan: tuple[Clustering, ...]
    energies: NDArray[np.float64]
    orders: tuple[Indices, ...]
    seed: int

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the frames."""
        return self.kernels.keys

    @property
    def delta(self) -> float:
        return self.chosen.delta

    @property
    def labels(self) -> Indices:
        """Cluster of each frame."""
        return self.chosen.labels

    @cached_property
    def features(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, r) coordinates of the frames and (n,) what they lack: the distances of the hybrid kernel."""
        return features(self.kernels, self.delta)

    def choose(self, fraction: float, method: str = "cluster") -> Indices:
        """Return the sorted indices of about ``fraction`` of the frames.

        method: "cluster" (that fraction of each, one at least), "farthest", "cur" or "random". A larger fraction
        contains a smaller one. GlasspotError for another method, or a fraction that is not in 0-1.
        """
        selectors.check_fraction(fraction)
        if method == "cluster":
            return selectors.take_of_each(self.orders, fraction)
        return selectors.take_first(self.order(method, fraction), fraction, len(self.keys))

    def order(self, method: str, fraction: float = 1.0) -> Indices:
        """Return frames in the order of "farthest", "cur" or "random", as many as ``fraction`` needs at least."""
        count = int(np.ceil(fraction * len(self.keys))) + 1
        if method == "random":
            return selectors.random_order(len(self.keys), self.seed)
        if method == "farthest":
            return selectors.farthest_order(self.features[0], count, self.features[1])
        if method == "cur":
            return selectors.cur_order(self.features[0], count)
        raise GlasspotError(
            f'the frames cannot be chosen by "{method}"; expected {", ".join(selectors.METHODS)}.'
            f"{did_you_mean(method, selectors.METHODS)}"
        )


def distill(
    dataset: Dataset, settings: DistillSettings | None = None, folder: Path | None = None, tell: Tell | None = None
) -> Distilled:
    """Return the data set in clusters of alike frames; kernels are kept in ``folder``, where one is given.

    GlasspotError for too few frames, or where delta is to be chosen and no frame has an energy.
    """
    settings = settings or DistillSettings()
    energies = energies_per_atom(dataset)
    if settings.delta is None and not np.isfinite(energies).any():
        best(())  # says so before an hour of kernels
    kernels = compute_kernels(dataset, settings.kernels, Cache(folder), tell)
    return cluster(kernels, energies, settings, tell)


def cluster(
    kernels: Kernels, energies: NDArray[np.float64], settings: DistillSettings, tell: Tell | None = None
) -> Distilled:
    """Return the clusters of frames whose kernels are known."""
    deltas = DELTAS if settings.delta is None else tuple(sorted({0.0, settings.delta, 1.0}))
    found = scan(kernels, energies, settings.clusters, deltas, tell)
    chosen = best(found) if settings.delta is None else next(c for c in found if c.delta == settings.delta)
    coordinates = None if settings.within == "random" else features(kernels, chosen.delta)
    orders = selectors.cluster_orders(chosen.labels, coordinates, settings.within, settings.seed)
    return Distilled(kernels, chosen, found, energies, orders, settings.seed)

"""Clusters of alike frames: how many, and at which delta (Shuaib et al., doi:10.1111/jace.20128, sections 2.4, 3.1)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import Dataset
from glasspot.distill.embedding import spectral_embedding
from glasspot.distill.kernels import Indices, Kernels
from glasspot.errors import GlasspotError
from glasspot.execute.local import local_workers
from glasspot.extras import need

Array = NDArray[np.float64]
Tell = Callable[[str, int, int], None]

DELTAS = tuple(round(0.1 * n, 1) for n in range(11))
MOST_CLUSTERS = 100
RESTARTS = 10  # of k-means, as SpectralClustering has


@dataclass(frozen=True)
class Clustering:
    """Clusters at one delta.

    labels: (n,), from 0, the largest cluster first. curve: (number of clusters, mean distance between them), from 2 on
    (equation 13). converged: whether one more cluster changed that distance by less than d_tol. spread: eV an atom, the
    standard deviation of energies in a cluster, mean over the clusters; nan without energies.
    """

    delta: float
    labels: Indices
    curve: tuple[tuple[int, float], ...]
    converged: bool
    spread: float

    @property
    def n_clusters(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> Indices:
        """Frames in each cluster."""
        return np.bincount(self.labels)


@dataclass(frozen=True)
class ClusterSettings:
    """d_tol: of the mean distance between clusters (paper: 1e-4 and 1e-3). most: clusters to try, at most.

    GlasspotError where a value makes no sense.
    """

    d_tol: float = 1e-3
    most: int = MOST_CLUSTERS
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.d_tol < 1.5:
            raise GlasspotError(f"d_tol is {self.d_tol:g}; expected more than 0 and less than 1.5 (1e-3 is usual).")
        if self.most < 2:
            raise GlasspotError(f"{self.most} clusters at most; expected 2 or more.")


def find_clusters(kernels: Kernels, delta: float, energies: Array, settings: ClusterSettings) -> Clustering:
    """Return the clusters at ``delta``: their number is raised until the mean distance between them stands still.

    As printed, the smallest number N for which |<d>(N) - <d>(N + 1)| < d_tol. energies: (n,) eV an atom, nan where not
    known. GlasspotError for fewer than three frames.
    """
    n = len(kernels)
    if n < 3:
        raise GlasspotError(f"{n} frames are fewer than two clusters need; expected three or more.")
    most = min(settings.most, n - 1)
    embedding = spectral_embedding(kernels, delta, min(most + 1, n, len(kernels.landmarks)))
    apart = kernels.distances(delta)
    curve: list[tuple[int, float]] = []
    labels = np.zeros(n, dtype=np.int64)
    converged = False
    for number in range(2, min(most + 1, embedding.shape[1]) + 1):
        proposed = k_means(embedding[:, :number], number, settings.seed)
        if len(np.unique(proposed)) < number:
            break  # no more different frames than that
        mean = mean_distance(apart, proposed, kernels.landmarks)
        converged = bool(curve) and abs(curve[-1][1] - mean) < settings.d_tol
        curve.append((number, mean))
        if converged or number > most:
            break
        labels = proposed
    labels = _largest_first(labels)
    return Clustering(delta, labels, tuple(curve), converged, energy_spread(energies, labels))


def k_means(points: Array, number: int, seed: int) -> Indices:
    """Return the labels (n,) of scikit-learn's k-means, the best of ten starts."""
    cluster = need("sklearn.cluster", "scikit-learn", "mlip", "clustering")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different points than clusters: seen in the labels
        fitted = cluster.KMeans(number, n_init=RESTARTS, random_state=seed).fit(points)
    return np.asarray(fitted.labels_, dtype=np.int64)


def mean_distance(apart: Array, labels: Indices, landmarks: Indices) -> float:
    """Return the mean over pairs of clusters of the mean distance of their frames (equations 13 and 14).

    apart: (n, m) distances to the landmarks; with fewer landmarks than frames, the frames of one of the two clusters
    are those of its landmarks, and pairs of clusters without any are left out.
    """
    number = int(labels.max()) + 1
    ours = np.eye(number)[labels]
    theirs = ours[landmarks]
    sums = ours.T @ (apart @ theirs)
    counts = np.outer(ours.sum(axis=0), theirs.sum(axis=0))
    sums, counts = sums + sums.T, counts + counts.T
    pairs = np.triu_indices(number, 1)
    known = counts[pairs] > 0
    return float(np.mean(sums[pairs][known] / counts[pairs][known])) if known.any() else 0.0


def energy_spread(energies: Array, labels: Indices) -> float:
    """Return the mean over clusters of the standard deviation of ``energies`` in a cluster; nan where none is known.

    A cluster of one frame has none, so many small clusters lower it: read it beside the number of clusters.
    """
    spreads = []
    for number in range(int(labels.max()) + 1):
        own = energies[labels == number]
        own = own[np.isfinite(own)]
        if len(own):
            spreads.append(float(np.std(own)))
    return float(np.mean(spreads)) if spreads else float("nan")


def scan(
    kernels: Kernels,
    energies: Array,
    settings: ClusterSettings,
    deltas: Sequence[float] = DELTAS,
    tell: Tell | None = None,
) -> tuple[Clustering, ...]:
    """Return the clusters at each delta, side by side on the processors that this process may use."""
    need("sklearn.cluster", "scikit-learn", "mlip", "clustering")
    limits = need("threadpoolctl", "threadpoolctl", "mlip", "clustering")
    made: list[Clustering] = []
    # Matrices are shared by threads, not copied to processes; for large ones one at a time keeps the memory bounded.
    workers = local_workers() if kernels.short.size < 4_000_000 else 1
    with limits.threadpool_limits(1 if workers > 1 else None), ThreadPoolExecutor(workers) as pool:
        for found in pool.map(lambda delta: find_clusters(kernels, delta, energies, settings), deltas):
            made.append(found)
            if tell is not None:
                tell("clusters", len(made), len(deltas))
    return tuple(made)


def best(clusterings: Sequence[Clustering]) -> Clustering:
    """Return the clustering with the smallest spread of energies, delta 0 and 1 left out: they are the controls.

    GlasspotError where no spread is known.
    """
    between = [c for c in clusterings if 0 < c.delta < 1 and np.isfinite(c.spread)]
    if not between:
        raise GlasspotError(
            "delta cannot be chosen by the spread of energies: no frame has an energy. Give delta as a number."
        )
    return min(between, key=lambda c: c.spread)


def energies_per_atom(dataset: Dataset) -> Array:
    """Return (n,) energies in eV an atom, nan where a frame has none.

    Where compositions differ, the part of the composition is taken off, so that what is left is structure: the isolated
    atoms' energies where all are known, else the best sum of one energy an element.
    """
    energies = np.array([np.nan if f.energy is None else f.energy for f in dataset.frames], dtype=float)
    counts = np.array([[f.counts.get(e, 0) for e in dataset.elements] for f in dataset.frames], dtype=float)
    atoms = counts.sum(axis=1)
    known = np.isfinite(energies)
    shares = counts / atoms[:, None]
    if known.any() and not np.allclose(shares, shares[0], atol=1e-9):
        if all(element in dataset.isolated for element in dataset.elements):
            of_element = np.array([dataset.isolated[element] for element in dataset.elements])
        else:
            of_element = np.linalg.lstsq(shares[known], energies[known] / atoms[known], rcond=None)[0]
        energies = energies - counts @ of_element
    return np.asarray(energies / atoms)


def _largest_first(labels: Indices) -> Indices:
    sizes = np.bincount(labels)
    # Ties go to the cluster that comes first in the data.
    firsts = [int(np.argmax(labels == number)) for number in range(len(sizes))]
    order = sorted(range(len(sizes)), key=lambda number: (-sizes[number], firsts[number]))
    rank = np.argsort(order)
    return np.asarray(rank[labels], dtype=np.int64)

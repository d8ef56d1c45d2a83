"""From a kernel to coordinates: those of spectral clustering, and those in which distances are the kernel's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.distill.kernels import Kernels

Array = NDArray[np.float64]

SMALL = 1e-12  # of the largest eigenvalue: what is rounding below it


def spectral_embedding(kernels: Kernels, delta: float, n_components: int) -> Array:
    """Return (n, n_components), the first eigenvectors of the normalised graph Laplacian over the root of the degree.

    Those of scikit-learn's ``SpectralClustering(affinity="precomputed")`` (von Luxburg, doi:10.1007/s11222-007-9033-z):
    the first k columns are what it clusters for k clusters, so that one solution serves every k. There a frame is no
    neighbour of itself; with landmarks that is left out, which changes degrees by one in n.
    """
    kernel = kernels.hybrid(delta)
    if kernels.exact:
        from scipy.linalg import eigh

        np.fill_diagonal(kernel, 0.0)
        root = np.sqrt(np.maximum(kernel.sum(axis=0), SMALL))
        kernel /= root[:, None]
        kernel /= root[None, :]
        n = len(kernel)
        vectors = eigh(kernel, subset_by_index=[n - n_components, n - 1], overwrite_a=True)[1][:, ::-1]
    else:
        features = _factor(kernel, kernels)
        root = np.sqrt(np.maximum(features @ features.sum(axis=0), SMALL))
        features /= root[:, None]
        values, inner = np.linalg.eigh(features.T @ features)
        vectors = features @ (inner[:, ::-1][:, :n_components] / np.sqrt(values[::-1][:n_components]))
    return np.asarray(_upright(vectors) / root[:, None])


def features(kernels: Kernels, delta: float) -> tuple[Array, Array]:
    """Return coordinates (n, r), their mean at the origin, and what they lack of each frame's square length (n,).

    The squared distance 2 - 2K of two frames is that of their coordinates plus what both lack (kernel PCA). Exact, they
    lack nothing; with landmarks each frame has a part that no landmark shares, and no other frame is taken to share.
    """
    kernel = kernels.hybrid(delta)
    if kernels.exact:
        values, vectors = np.linalg.eigh(kernel)
        keep = values > SMALL * values[-1]
        made = vectors[:, keep] * np.sqrt(values[keep])
        lacking = np.zeros(len(made))
    else:
        made = _factor(kernel, kernels)
        lacking = np.maximum(1.0 - np.einsum("ij,ij->i", made, made), 0.0)
    return np.asarray(made - made.mean(axis=0)), lacking


def plane(kernels: Kernels, delta: float) -> Array:
    """Return (n, 2), the map of classical multidimensional scaling: the two coordinates along which frames differ most.

    With D^2 = 2 - 2K the doubly centred matrix of classical scaling is the centred kernel itself.
    """
    if kernels.exact:
        from scipy.linalg import eigh

        kernel = kernels.hybrid(delta)
        kernel -= kernel.mean(axis=0)
        kernel -= kernel.mean(axis=1)[:, None]
        n = len(kernel)
        values, vectors = eigh(kernel, subset_by_index=[n - 2, n - 1], overwrite_a=True)
        return np.asarray(_upright(vectors[:, ::-1]) * np.sqrt(np.maximum(values[::-1], 0.0)))
    coordinates = features(kernels, delta)[0]
    flat = coordinates @ np.linalg.eigh(coordinates.T @ coordinates)[1][:, ::-1][:, :2]
    return np.asarray(np.pad(_upright(flat), ((0, 0), (0, 2 - flat.shape[1]))))


def _factor(columns: Array, kernels: Kernels) -> Array:
    """Return F (n, r) with F F' ~ K, from the columns of the landmarks (Nystroem: C W^-1/2)."""
    values, vectors = np.linalg.eigh(columns[kernels.landmarks])
    keep = values > SMALL * values[-1]
    return np.asarray(columns @ (vectors[:, keep] / np.sqrt(values[keep])))


def _upright(vectors: Array) -> Array:
    """Return vectors whose largest entry is positive, so that they do not hang on the linear algebra library."""
    largest = np.argmax(np.abs(vectors), axis=0)
    return np.asarray(vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0))

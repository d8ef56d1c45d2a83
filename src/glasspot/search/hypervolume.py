"""How much a point is expected to add to the hypervolume of a front that is itself only known with noise.

Losses of candidates and of the points that stand are samples of one joint posterior, (s, n, k): in each sample the
front is another one, and what a candidate adds to it is exact. The mean over the samples is the noisy expected
hypervolume improvement (Daulton et al., NeurIPS 2021, arXiv:2105.08195). A candidate that was chosen joins the front of
each sample: the next of a batch is chosen given it.

With one loss (k = 1) this is the noisy expected improvement.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Volumes:
    """The sampled fronts of ``standing`` (s, m, k), below ``reference`` (k,)."""

    def __init__(self, standing: np.ndarray, reference: np.ndarray) -> None:
        self._standing = standing
        self._reference = reference

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """Return what each of ``candidates`` (s, n, k) adds to the front of its sample, (s, n)."""
        k = candidates.shape[-1]
        if k == 1:
            least = np.minimum(self._standing[..., 0].min(1), self._reference[0])
            return np.asarray(np.maximum(least[:, None] - candidates[..., 0], 0.0))
        if k == 2:
            return _areas(self._standing, candidates, self._reference)
        pairs = zip(self._standing, candidates, strict=True)
        return np.array([_volumes(standing, new, self._reference) for standing, new in pairs])

    def add(self, chosen: np.ndarray) -> None:
        """Let a chosen candidate (s, k) join the front of each sample."""
        self._standing = np.concatenate([self._standing, chosen[:, None]], axis=1)


def _areas(standing: np.ndarray, candidates: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the areas (s, n) that candidates (s, n, 2) add: over each step of the front, width times height."""
    first = np.sort(standing[..., 0], axis=1)
    order = np.argsort(standing[..., 0], axis=1, kind="stable")
    second = np.minimum.accumulate(np.take_along_axis(standing[..., 1], order, axis=1), axis=1)
    samples = len(standing)
    left = np.hstack([np.full((samples, 1), -np.inf), first])
    right = np.minimum(np.hstack([first, np.full((samples, 1), np.inf)]), reference[0])
    height = np.minimum(np.hstack([np.full((samples, 1), np.inf), second]), reference[1])
    added = np.empty(candidates.shape[:2])
    for s in range(samples):
        a, b = candidates[s, :, 0, None], candidates[s, :, 1, None]
        wide = np.maximum(right[s] - np.maximum(left[s], a), 0.0)
        added[s] = np.sum(wide * np.maximum(height[s] - b, 0.0), axis=1)
    return added


def _volumes(standing: np.ndarray, candidates: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the volumes (n,) that candidates (n, k) add to one front (m, k), by BoTorch's boxes of what is free."""
    import torch
    from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning

    y: Any = torch.as_tensor(-standing)
    boxes = FastNondominatedPartitioning(ref_point=torch.as_tensor(-reference), Y=y).get_hypercell_bounds()
    low, high = boxes.numpy()
    sides = np.minimum(-candidates[:, None, :], high) - low
    return np.asarray(np.maximum(sides, 0.0).prod(-1).sum(-1))

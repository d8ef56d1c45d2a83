"""Which rows no other row beats in everything, and how much they beat together.

Notation
    losses      (n, k): k numbers of each of n rows, all wanted small
    dominated   another row is nowhere larger and somewhere smaller
    reference   (k,): what is not below it in every number counts for nothing
"""

from __future__ import annotations

import numpy as np

from glasspot.errors import GlasspotError


def front(losses: np.ndarray) -> np.ndarray:
    """Return the indices, rising, of the rows of ``losses`` (n, k) that no row dominates; of equal rows, all.

    A row with a number that is not finite is never among them.
    """
    losses = np.asarray(losses, dtype=float)
    left = np.flatnonzero(np.isfinite(losses).all(1))
    kept: list[int] = []
    # In the order of the sum nothing later dominates what is kept; the rest of a row's sort keeps equal sums in order.
    order = left[np.lexsort((*losses[left].T[::-1], losses[left].sum(1)))]
    for i in order:
        others = losses[kept]
        if not np.any(np.all(others <= losses[i], 1) & np.any(others < losses[i], 1)):
            kept.append(int(i))
    return np.sort(np.array(kept, dtype=int))


def hypervolume(losses: np.ndarray, reference: np.ndarray) -> float:
    """Return the volume between ``losses`` (n, k) and ``reference`` (k,): what some row dominates.

    Exact: by sorting for one and two numbers, by BoTorch (Fonseca et al., CEC 2006) for more. GlasspotError where the
    shapes do not agree.
    """
    losses, reference = np.asarray(losses, dtype=float), np.asarray(reference, dtype=float)
    if losses.ndim != 2 or losses.shape[1:] != reference.shape:
        raise GlasspotError(
            f"hypervolume of losses {losses.shape} to reference {reference.shape}; expected (n, k), (k,)"
        )
    inside = losses[np.all(losses < reference, axis=1)]
    best = inside[front(inside)]
    if not len(best):
        return 0.0
    if best.shape[1] == 1:
        return float(reference[0] - best[0, 0])
    if best.shape[1] == 2:
        return _area(best, reference)
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume

    return float(Hypervolume(torch.as_tensor(-reference)).compute(torch.as_tensor(-best)))


def _area(best: np.ndarray, reference: np.ndarray) -> float:
    """Return the hypervolume of a front (n, 2), as steps from left to right."""
    best = best[np.argsort(best[:, 0], kind="stable")]
    ends = np.append(best[1:, 0], reference[0])
    return float(np.sum((ends - best[:, 0]) * (reference[1] - best[:, 1])))

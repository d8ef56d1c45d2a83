"""A batch of new points, one after another, each chosen given those before it.

Two of three lower the total loss: greatest noisy expected improvement. Every third pushes the front of the parts of the
loss: greatest noisy expected hypervolume improvement. All are counted from the beginning of the search, so that batches
of one share the same way.

Notation
    total    (s, n): sampled total losses
    parts    (s, n, k): sampled losses whose front is asked for
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasspot.search.hypervolume import Volumes

EVERY = 3
LOWER, PUSH = "expected improvement", "front"


@dataclass(frozen=True)
class Sampled:
    """Joint samples of the losses of some points: ``total`` (s, n) and ``parts`` (s, n, k)."""

    total: np.ndarray
    parts: np.ndarray

    def of(self, which: slice) -> Sampled:
        """Return those of some of the points."""
        return Sampled(self.total[:, which], self.parts[:, which])


def improvement(standing: Sampled, new: Sampled) -> np.ndarray:
    """Return by how much each new point is expected to lower the least total loss, (n,)."""
    return np.asarray(_totals(standing).gains(new.total[..., None]).mean(0))


def chosen(
    standing: Sampled, new: Sampled, reference: np.ndarray, success: np.ndarray, first: int, count: int
) -> list[tuple[int, str]]:
    """Return ``count`` of the new points, or all if they are fewer, as (index, what for).

    ``reference`` (k,) of the hypervolume; ``success`` (n,): probability that a run there succeeds; ``first``: how many
    were chosen in this way since the search began.
    """
    total, parts = _totals(standing), Volumes(standing.parts, reference)
    left = np.ones(len(success), dtype=bool)
    picked: list[tuple[int, str]] = []
    for number in range(first, first + min(count, len(success))):
        push = number % EVERY == EVERY - 1 and new.parts.shape[-1] > 1
        gains = parts.gains(new.parts) if push else total.gains(new.total[..., None])
        gain = np.where(left, gains.mean(0) * success, -np.inf)
        if gain.max() <= 0:  # no sample improves anywhere: what might, were the model too sure
            hopeful = new.total.mean(0) - 2.0 * new.total.std(0)
            gain = np.where(left, (hopeful.min() - hopeful) / success, -np.inf)
        best = int(np.argmax(gain))
        left[best] = False
        picked.append((best, PUSH if push else LOWER))
        total.add(new.total[:, best, None])
        parts.add(new.parts[:, best])
    return picked


def _totals(standing: Sampled) -> Volumes:
    return Volumes(standing.total[..., None], np.array([np.inf]))

"""New points of a multi-objective round: candidates, what the model samples there, and the choice, twice.

Good points fill a thin, bent part of the windows, which a few hundred points in the windows miss. So many more are
drawn than can be sampled jointly, in several draws, each about the most hopeful of those before
(:meth:`glasspot.search.glass_model.GlassModel.hopeful`); of them are the candidates of the first choice. Those of the
second lie about the first choice: a local search by sampling, which needs no gradient of the surrogate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glasspot.search.aims import Aims
from glasspot.search.candidates import clouds, screened, spread
from glasspot.search.cost_model import Feasibility
from glasspot.search.glass_model import GlassModel
from glasspot.search.greedy import Sampled, chosen, improvement
from glasspot.search.proposer import Margin

SAMPLES = 256  # of the posterior
MOST_ROWS = 2400  # of one joint sample, points times glasses
STANDING = 40  # evaluated points, the best, whose losses are sampled; fewer where there are many glasses
CENTRES = 8  # of them, about which candidates are drawn
CANDIDATES = 320  # whose losses are sampled; fewer where there are many glasses
DRAWS, HOPEFUL = 3, 32  # draws of many points; the most hopeful of each, about which the next are drawn
POOL, SMALL_POOL = 1024, 256  # points of a draw; fewer with many rows, so that it takes about:
POOL_WORK = 1.5e10  # rows squared times rows asked
WIDE, FINE = (0.3, 0.1, 0.03), (0.1, 0.03, 0.01)  # scales of the clouds about points to begin with, and later
OBJECTIVES = 3  # hypervolumes of more are slow: the smallest losses are then taken together
FRONTS = 64  # samples of the front where there are three
REACH = 1.5  # the hypervolume counts where each loss is below so many times the least total loss


@dataclass(frozen=True)
class Ground:
    """What is searched: the box ``windows`` (n, 2) behind the screen, without the points already ``run`` (m, n)."""

    windows: np.ndarray
    margin: Margin
    run: np.ndarray
    feasibility: Feasibility | None

    def passed(self, points: np.ndarray, most: int) -> np.ndarray:
        """Return the first points that may be run, each once, ``most`` at most."""
        return screened(points, self.run, self.margin, most)

    def success(self, points: np.ndarray) -> np.ndarray:
        """Return the probability that a run at ``points`` (n, p) succeeds, (n,)."""
        if self.feasibility is None or not len(points):
            return np.ones(len(points))
        import torch

        with torch.no_grad():
            return np.asarray(self.feasibility.log_probability(torch.as_tensor(points)).exp().numpy())


class Prospect:
    """The first draw; losses are sampled at it and at evaluated points, ``standing`` (m, n), best first."""

    def __init__(
        self,
        model: GlassModel,
        aims: Aims,
        weights: np.ndarray | None,
        ground: Ground,
        standing: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._aims, self._weights, self._ground, self._rng = model, aims, weights, ground, rng
        most = MOST_ROWS // len(aims.glasses)
        self._standing = standing[: min(STANDING, max(4, most // 4))]
        self._count = max(32, min(CANDIDATES, most - len(self._standing)))
        self._candidates = self._drawn()
        self._success = ground.success(self._candidates)
        self.standing, self._new = self._sampled(self._candidates)

    def _drawn(self) -> np.ndarray:
        """Return the candidates of the first choice: the most hopeful of several draws that pass the screen."""
        windows, rng = self._ground.windows, self._rng
        pool = int(np.clip(POOL_WORK / self._model.rows**2 / len(self._aims.glasses), SMALL_POOL, POOL))
        about = clouds(self._standing[:CENTRES], windows, pool // 2, rng, WIDE)
        points = np.vstack([spread(windows, pool, rng), about])
        worth = self._worth(points)
        for _ in range(DRAWS - 1):
            best = points[np.argsort(-worth, kind="stable")[:HOPEFUL]]
            close = clouds(best, windows, pool // 2, rng, FINE)
            points, worth = np.vstack([points, close]), np.append(worth, self._worth(close))
        # The screen costs more than the model: only the most promising are screened.
        return self._ground.passed(points[np.argsort(-worth, kind="stable")], self._count)

    def _worth(self, points: np.ndarray) -> np.ndarray:
        """Return what to sort many points by, (n,): the probability of success over the loss that may be hoped for."""
        return self._ground.success(points) / (self._least + self._model.hopeful(points))

    @cached_property
    def _least(self) -> float:
        """The least expected loss: differences far below it do not matter yet."""
        return float(self._model.expected(self._standing[:1]).sum())

    @cached_property
    def gain(self) -> float:
        """By how much the best of the candidates is expected to lower the least total loss."""
        return float((improvement(self.standing, self._new) * self._success).max(initial=0.0))

    def choose(self, first: int, count: int) -> list[tuple[np.ndarray, str]]:
        """Return ``count`` points and what each is for, fewer where few pass the screen; ``first`` as in greedy."""
        if count <= 0 or not len(self._candidates):
            return []
        picked = chosen(self.standing, self._new, self._reference, self._success, first, count)
        around = self._candidates[[i for i, _ in picked]]
        drawn = clouds(around, self._ground.windows, self._count, self._rng, FINE)
        close = self._ground.passed(np.vstack([around, drawn]), self._count)
        standing, new = self._sampled(close)
        success = self._ground.success(close)
        return [(close[i], what) for i, what in chosen(standing, new, self._reference, success, first, count)]

    def _sampled(self, points: np.ndarray) -> tuple[Sampled, Sampled]:
        """Return joint samples of the losses at the points that stand, and at ``points``."""
        together = np.vstack([self._standing, points])
        values = self._model.sampled(together, SAMPLES, self._rng)
        total, parts = self._aims.loss(values), self._aims.losses(values, self._weights)
        samples = Sampled(total, self._merged(parts))
        m = len(self._standing)
        return samples.of(slice(m)), samples.of(slice(m, None))

    def _merged(self, parts: np.ndarray) -> np.ndarray:
        """Return the losses (s, n, k) with those that are smallest at the best point taken together, three at most."""
        if parts.shape[-1] > OBJECTIVES:
            order = np.argsort(-parts[:, 0].mean(0), kind="stable")
            rest = parts[..., order[OBJECTIVES - 1 :]].sum(-1, keepdims=True)
            parts = np.concatenate([parts[..., order[: OBJECTIVES - 1]], rest], axis=-1)
        return parts[:FRONTS] if parts.shape[-1] > 2 else parts

    @cached_property
    def _reference(self) -> np.ndarray:
        """The corner (k,) that bounds the hypervolume.

        A point of which one loss alone is beyond it is of no use as a compromise, however good in the others.
        """
        parts = self.standing.parts
        return np.full(parts.shape[-1], REACH * parts.sum(-1).mean(0).min())

"""Several optimisations of one cheap function, and the best of what they found: the points of one iteration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasspot.search.diverse import best_apart
from glasspot.search.grid_random import random_points
from glasspot.search.inner import ACQUISITIONS, Looked, Task, bayesian, cma_es

# Acquisition function and number of initial points of the runs of Bayesian optimisation, one after another. The paper
# varied both; it does not say how.
BAYES_RUNS = tuple(zip((*ACQUISITIONS, *ACQUISITIONS), (10, 10, 10, 20, 20, 20), strict=True))


@dataclass(frozen=True)
class Best:
    """``runs`` optimisations give ``top`` points each, of which the best ``pick`` are taken."""

    runs: int = 5
    top: int = 5
    pick: int = 10

    def of(
        self, task: Task, optimiser: str, rng: np.random.Generator, known: np.ndarray, place: np.ndarray
    ) -> np.ndarray:
        """Return at most ``pick`` points (k, n), the best first, apart from each other and from ``known`` (m, n).

        ``optimiser``: "bayes" or "cma-es", whose first cloud starts at ``place`` (n,) and the others at random. Points
        drawn at random fill up what the runs leave open; fewer come where nearly nothing is allowed.
        """
        width = task.box[:, 1] - task.box[:, 0]
        points, losses = [], []
        for number, child in enumerate(rng.spawn(self.runs)):
            looked = _run(task, optimiser, number, child, place)
            best = best_apart(looked.points, looked.losses, self.top, width, known)
            points.append(looked.points[best])
            losses.append(looked.losses[best])
        pool = np.vstack(points)
        chosen = pool[best_apart(pool, np.concatenate(losses), self.pick, width)]
        return np.vstack([chosen, random_points(rng, task.box, task.allowed, self.pick - len(chosen))])


def _run(task: Task, optimiser: str, number: int, rng: np.random.Generator, place: np.ndarray) -> Looked:
    """Return what one optimisation looked at."""
    if optimiser == "bayes":
        return bayesian(task, rng, *BAYES_RUNS[number % len(BAYES_RUNS)])
    starts = random_points(rng, task.box, task.allowed, 1) if number else place[None]
    return cma_es(task, rng, starts[0] if len(starts) else place)

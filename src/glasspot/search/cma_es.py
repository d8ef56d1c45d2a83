"""CMA-ES: a Gaussian cloud of points whose centre and shape follow the ranks of the costs; no gradient, no model.

The package ``cmaes`` does the algorithm (Hansen, arXiv:1604.00772), with its own population of 4 + 3 ln n. A generation
is asked for whole. The package is told ranks, not costs: its ranks are all that CMA-ES uses, and so a failed run needs
no made-up cost. Failed points rank below every success of their generation, and among themselves by their distance
from the best point so far: a generation that failed as a whole draws the cloud in about that point and shrinks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from glasspot.search.gain import stalled
from glasspot.search.points import pulled_back, same
from glasspot.search.proposer import Evaluation, Margin, Proposal, no_margin
from glasspot.search.sobol import best_point

SIGMA = 0.1  # of a side of the cube: the start is a set that works, not a guess, and far from it most runs fail
PATIENCE = 10  # generations
TRIES = 100  # draws for one point that passes the screen, before it is pulled back
STREAM = 3  # sets these random numbers apart from those of other methods with the same seed


class CmaEs:
    """Ask and tell. ``start`` (n,) in the cube is the first centre and the first point; ``sigma`` the first spread.

    ``finished`` when ``patience`` generations gained nothing, or by the package's own rules.
    """

    name: ClassVar[str] = "cma-es"
    needs_response: ClassVar[bool] = False
    refining = False

    def __init__(
        self,
        *,
        start: np.ndarray,
        seed: int,
        margin: Margin = no_margin,
        sigma: float = SIGMA,
        patience: int = PATIENCE,
    ) -> None:
        from cmaes import CMA

        self._start = np.array(start, dtype=float)
        self._seed = seed
        self._margin = margin
        self._patience = patience
        bounds = np.tile([0.0, 1.0], (len(self._start), 1))
        centre = np.clip(self._start, 0.0, 1.0)  # the package refuses one that is out by rounding
        self._cloud = CMA(mean=centre, sigma=sigma, bounds=bounds, seed=0)  # sown anew for each generation
        self._told: list[Evaluation] = []  # everything
        self._own: list[Evaluation] = []  # whole generations
        self._pending: list[Evaluation] = []  # of the present generation
        self._points = self._generation()

    @property
    def place(self) -> np.ndarray | None:
        """The point of least cost, (n,); None before the first success."""
        return best_point(self._told)

    @property
    def finished(self) -> bool:
        """Whether the last generations gained nothing, or the cloud is too small, too wide or too flat to go on."""
        return stalled(self._own, self._patience * len(self._points)) or bool(self._cloud.should_stop())

    def ask(self, count: int) -> list[Proposal]:
        """Return what is left of the present generation, whatever ``count`` is."""
        note = f"generation {self._cloud.generation + 1}"
        return [Proposal(point.copy(), note=note) for point in self._points[len(self._pending) :]]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take what came of points. Those of other methods move no cloud, but may be the ``place``."""
        for evaluation in evaluations:
            self._told.append(evaluation)
            if not same(evaluation.point, self._points[len(self._pending)]):
                continue
            self._pending.append(evaluation)
            if len(self._pending) == len(self._points):
                self._end_generation()

    def _end_generation(self) -> None:
        self._own += self._pending
        ranked = sorted(zip(self._points, self._pending, strict=True), key=lambda pair: self._worth(pair[1]))
        self._cloud.tell([(point, float(rank)) for rank, (point, _) in enumerate(ranked)])
        self._pending = []
        self._points = self._generation()

    def _worth(self, evaluation: Evaluation) -> tuple[bool, float]:
        """Return what to sort by: successes by cost, then failures by their distance from the best point."""
        if evaluation.cost is not None:
            return False, evaluation.cost
        place = self.place
        return True, float(np.linalg.norm(evaluation.point - (self._start if place is None else place)))

    def _generation(self) -> list[np.ndarray]:
        """Draw the points of the present generation; the start is the first of all."""
        seed = np.random.SeedSequence([self._seed, STREAM, self._cloud.generation]).generate_state(1)[0]
        self._cloud.reseed_rng(int(seed))
        points = [self._draw() for _ in range(self._cloud.population_size)]
        if self._cloud.generation == 0:
            points[0] = self._start
        return points

    def _draw(self) -> np.ndarray:
        for _ in range(TRIES):
            point = np.asarray(self._cloud.ask())
            if self._margin(point) >= 0:
                return point
        # The centre is a mean of points that passed, and need not pass itself.
        centre = np.array(self._cloud.mean)
        if self._margin(centre) < 0:
            centre = self._start if self.place is None else self.place
        return pulled_back(point, centre, self._margin)

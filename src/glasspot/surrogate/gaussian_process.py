"""Surrogates that are Gaussian processes, one for each quantity: the plain one, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from glasspot.surrogate import kernels
from glasspot.surrogate.data import Layout, Prediction, Rows
from glasspot.surrogate.process import Process
from glasspot.surrogate.scaling import enough
from glasspot.surrogate.warp import Warp


class GaussianProcess:
    """Parameters, glass and condition each in their place (see :mod:`glasspot.surrogate.kernels`); fractions warped."""

    name: ClassVar[str] = "gaussian-process"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def fit(self, rows: Rows) -> None:
        """Learn from ``rows``."""
        self._layout = rows.layout
        x = self._columns(rows.x)
        self._fits: list[tuple[Warp, Process]] = []
        for k, bounded in enumerate(rows.bounded):
            known = enough(rows, k)
            warp = Warp.of(rows.y[known, k], self._warped(bounded))
            y = warp.forward(rows.y[known, k])
            kernel = self._kernel(rows.layout)
            process = Process(kernel, x[known], y, rows.group[known], self._uneven(rows.layout), self._seed)
            self._fits.append((warp, process))
        self._noise = np.sqrt(np.mean(self.predict(rows.x).noise ** 2, axis=0))

    @property
    def noise(self) -> np.ndarray:
        """Standard deviation of one run (k,): root mean square over the training rows."""
        return np.asarray(self._noise)

    def predict(self, x: np.ndarray) -> Prediction:
        """Return the prediction at ``x`` (n, d)."""
        means, sds, noises = [], [], []
        points = self._columns(x)
        for warp, process in self._fits:
            mean, sd = process.predict(points)
            noise = process.noise(points)
            average, doubt = warp.moments(mean, sd)
            total = warp.moments(mean, np.hypot(sd, noise))[1]
            means.append(average)
            sds.append(doubt)
            noises.append(np.sqrt(np.maximum(total**2 - doubt**2, 0.0)))
        return Prediction(np.stack(means, 1), np.stack(sds, 1), np.stack(noises, 1))

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples of the noise-free values over all rows of ``x``: (count, n, k)."""
        points = self._columns(x)
        return np.stack([warp.back(process.sample(points, count, rng)) for warp, process in self._fits], axis=2)

    def _columns(self, x: np.ndarray) -> np.ndarray:
        return np.hstack([x, x[:, self._layout.z] ** 2])

    def _kernel(self, layout: Layout) -> Any:
        return kernels.full(layout)

    def _warped(self, bounded: bool) -> bool:
        return bounded

    def _uneven(self, layout: Layout) -> Sequence[int]:
        return range(layout.composition.start, layout.columns)


class PlainGp(GaussianProcess):
    """One Matern 5/2 over all columns, even noise, nothing warped: what is usually meant by a Gaussian process."""

    name: ClassVar[str] = "plain-gp"

    def _columns(self, x: np.ndarray) -> np.ndarray:
        return x

    def _kernel(self, layout: Layout) -> Any:
        return kernels.plain(layout)

    def _warped(self, bounded: bool) -> bool:
        return False

    def _uneven(self, layout: Layout) -> Sequence[int]:
        return ()

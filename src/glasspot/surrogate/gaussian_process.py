"""Surrogates that are Gaussian processes, one for each quantity: the plain one, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from glasspot.surrogate.covariance import Covariance, Full, Plain
from glasspot.surrogate.data import Layout, Prediction, Rows
from glasspot.surrogate.process import Process
from glasspot.surrogate.scaling import enough
from glasspot.surrogate.threads import one_thread
from glasspot.surrogate.warp import Warp


class GaussianProcess:
    """Parameters, glass and condition each in their place (:class:`glasspot.surrogate.covariance.Full`).

    Fractions are warped, the noise differs with glass and condition, and parameter sets that contradict all others are
    set aside: ``strange`` names them.
    """

    name: ClassVar[str] = "gaussian-process"
    _wary = True  # of sets that contradict the others

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def fit(self, rows: Rows) -> None:
        """Learn from ``rows``."""
        theta = rows.x[:, rows.layout.theta]
        width = np.ptp(theta, axis=0)
        self._layout, self._low, self._width = rows.layout, theta.min(0), np.where(width > 0, width, 1.0)
        self._fits: list[tuple[Warp, Process]] = []
        self.strange: list[np.ndarray] = []
        noise = []
        for k, bounded in enumerate(rows.bounded):
            known = enough(rows, k)
            warp = Warp.of(rows.y[known, k], self._warped(bounded))
            with one_thread(self._seed):
                process = Process(
                    self._covariance(rows.layout),
                    rows.layout,
                    self._scaled(rows.x[known]),
                    warp.forward(rows.y[known, k]),
                    rows.group[known],
                    self._uneven(rows.layout),
                    self._wary,
                    self._seed,
                )
            self._fits.append((warp, process))
            self.strange.append(np.unique(rows.group[known][process.aside]))
            noise.append(np.sqrt(np.mean(_noise(warp, *process.runs()) ** 2)))
        self._noise = np.array(noise)

    @property
    def noise(self) -> np.ndarray:
        """Standard deviation of one run (k,): root mean square over the training rows."""
        return np.asarray(self._noise)

    def predict(self, x: np.ndarray) -> Prediction:
        """Return the prediction at ``x`` (n, d)."""
        means, sds, noises = [], [], []
        points = self._scaled(x)
        for warp, process in self._fits:
            with one_thread(self._seed):
                mean, sd = process.predict(points)
                noise = process.noise(points)
            average, doubt = warp.moments(mean, sd)
            means.append(average)
            sds.append(doubt)
            noises.append(_noise(warp, mean, sd, noise))
        return Prediction(np.stack(means, 1), np.stack(sds, 1), np.stack(noises, 1))

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples of the noise-free values over all rows of ``x``: (count, n, k)."""
        points = self._scaled(x)
        with one_thread(self._seed):
            return np.stack([warp.back(process.sample(points, count, rng)) for warp, process in self._fits], axis=2)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Return ``x`` with the parameters scaled by what the training rows span."""
        return np.hstack([(x[:, self._layout.theta] - self._low) / self._width, x[:, self._layout.theta.stop :]])

    def _covariance(self, layout: Layout) -> Covariance:
        return Full(layout)

    def _warped(self, bounded: bool) -> bool:
        return bounded

    def _uneven(self, layout: Layout) -> Sequence[int]:
        return range(layout.composition.start, layout.columns)


class PlainGp(GaussianProcess):
    """One Matern 5/2 over all columns, even noise, nothing warped: what is usually meant by a Gaussian process."""

    name: ClassVar[str] = "plain-gp"
    _wary = False

    def _covariance(self, layout: Layout) -> Covariance:
        return Plain(layout)

    def _warped(self, bounded: bool) -> bool:
        return False

    def _uneven(self, layout: Layout) -> Sequence[int]:
        return ()


def _noise(warp: Warp, mean: np.ndarray, sd: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the sd (n,) of one run in units of the quantity, from warped mean, sd and noise (n,)."""
    doubt, total = warp.moments(mean, sd)[1], warp.moments(mean, np.hypot(sd, noise))[1]
    return np.asarray(np.sqrt(np.maximum(total**2 - doubt**2, 0.0)))

"""The paper's neural network as a surrogate, alone or several together, with errors learned on rows it did not see.

The error of a prediction is  sd^2 = a s^2 + b , with s the spread of the members (0 for one alone); a, b are the most
likely ones for what each held-out row was off by. ``noise`` is what the trained rows were off by: a net does not tell
noise from what it cannot learn. All are then scaled by one factor, so that 68 % of the held-out rows are within the
error that holds 68 % of a Gaussian: a few sets that are far off would make it too wide for all others.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from glasspot.surrogate.data import Prediction, Rows
from glasspot.surrogate.nets import Nets
from glasspot.surrogate.scaling import enough
from glasspot.surrogate.threads import one_thread

ENSEMBLE = 8
ONE_SIGMA, LEAST_SCALE = 0.6827, 0.3  # share of a Gaussian within one sd; least factor of the errors
STRETCH = np.linspace(0.0, 3.0, 13)  # what is tried for the root of a


class Mlp:
    """One net. The same seed and rows give the same net on the same machine."""

    name: ClassVar[str] = "mlp"
    members: ClassVar[int] = 1

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def fit(self, rows: Rows) -> None:
        """Learn from ``rows``."""
        for k in range(rows.quantities):
            enough(rows, k)
        self._layout = rows.layout
        theta = rows.x[:, rows.layout.theta]
        self._low, self._width = theta.min(0), np.where(np.ptp(theta, axis=0) > 0, np.ptp(theta, axis=0), 1.0)
        free = ~np.array(rows.bounded)
        low, high = np.nanmin(rows.y, axis=0), np.nanmax(rows.y, axis=0)
        self._base = np.where(free, low, 0.0)
        self._unit = np.where(free & (high > low), high - low, 1.0)
        y = (rows.y - self._base) / self._unit
        with one_thread(self._seed):
            self._nets = Nets(self._columns(rows.x), y, rows.group, self.members, self._seed)
            said = self._nets(self._columns(rows.x))
        self._calibrate(said, y)

    @property
    def noise(self) -> np.ndarray:
        """Standard deviation of one run (k,)."""
        return np.asarray(self._noise * self._unit)

    def predict(self, x: np.ndarray) -> Prediction:
        """Return the prediction at ``x`` (n, d)."""
        with one_thread(0):
            said = self._nets(self._columns(x))
        mean = said.mean(0)
        sd = np.sqrt((self._stretch * _spread(said)) ** 2 + self._added**2)
        return Prediction(self._base + self._unit * mean, self._unit * sd, np.broadcast_to(self.noise, mean.shape))

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples (count, n, k).

        Each is one member, its distance from the mean stretched, plus an error that all rows of a parameter set share.
        """
        with one_thread(0):
            said = self._nets(self._columns(x))
        mean = said.mean(0)
        chosen = said[rng.integers(len(said), size=count)]
        place = np.unique(x[:, self._layout.theta], axis=0, return_inverse=True)[1].ravel()
        added = rng.standard_normal((count, place.max(initial=-1) + 1, len(self._unit)))[:, place]
        return np.asarray(self._base + self._unit * (mean + self._stretch * (chosen - mean) + self._added * added))

    def _columns(self, x: np.ndarray) -> np.ndarray:
        theta = (x[:, self._layout.theta] - self._low) / self._width
        return np.hstack([theta, x[:, self._layout.theta.stop :]])

    def _calibrate(self, said: np.ndarray, y: np.ndarray) -> None:
        """Learn noise, a and b, (k,) each, from what the members say (members, n, k) of ``y`` (n, k)."""
        held = self._nets.held
        trained = np.where(held[:, :, None], np.nan, said - y)
        self._noise = np.sqrt(np.nanmean(trained**2, axis=(0, 1)))
        often = held.sum(0) >= min(2, self.members)  # rows that enough members did not see
        unseen = np.where(held[:, often, None], said[:, often], np.nan)
        off = np.nanmean(unseen, axis=0) - y[often]
        spread = _spread(unseen)
        self._stretch, self._added = np.zeros(y.shape[1]), np.zeros(y.shape[1])
        for k in range(y.shape[1]):
            known = np.isfinite(off[:, k])
            if known.any():
                a, b = _likeliest(off[known, k], spread[known, k], self._noise[k])
                total = np.sqrt((a * spread[known, k]) ** 2 + b**2 + self._noise[k] ** 2)
                scale = max(float(np.quantile(np.abs(off[known, k]) / total, ONE_SIGMA)), LEAST_SCALE)
                self._stretch[k], self._added[k] = scale * a, scale * b
                self._noise[k] *= scale


class Ensemble(Mlp):
    """Several nets, each from its own start and split."""

    name: ClassVar[str] = "mlp-ensemble"
    members: ClassVar[int] = ENSEMBLE


def _spread(said: np.ndarray) -> np.ndarray:
    """Return the sd over the members (n, k), unbiased; 0 for one alone."""
    count = np.isfinite(said).sum(0)
    return np.asarray(np.nanstd(said, axis=0) * np.sqrt(count / np.maximum(count - 1, 1)))


def _likeliest(off: np.ndarray, spread: np.ndarray, noise: float) -> tuple[float, float]:
    """Return root a and root b under which ``off`` (n,), Gaussian, is most likely."""
    best = (np.inf, 0.0, 0.0)
    scale = float(np.sqrt(np.mean(off**2)))
    for stretch in STRETCH if spread.any() else STRETCH[:1]:
        for added in np.linspace(0.0, 1.5, 31) * scale:
            variance = (stretch * spread) ** 2 + added**2 + noise**2 + 1e-12
            loss = float(np.sum(np.log(variance) + off**2 / variance))
            if loss < best[0]:
                best = (loss, float(stretch), float(added))
    return best[1], best[2]

"""Ridge regression on all columns, their squares and their products: the plainest surrogate, in closed form.

Bayesian linear regression with a Gaussian prior on the coefficients: its posterior gives the error of the mean and
joint samples (Bishop, Pattern Recognition and Machine Learning (2006), section 3.3). The strength of the prior is the
one with the least squared error of rows left out one at a time, which has a closed form.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from glasspot.surrogate.data import Prediction, Rows
from glasspot.surrogate.scaling import Scale, enough, spread_of

STRENGTHS = 10.0 ** np.linspace(-3, 3, 13)  # of the prior, in units of the noise


class Quadratic:
    """A parabola in all columns for each quantity."""

    name: ClassVar[str] = "quadratic"

    def fit(self, rows: Rows) -> None:
        """Learn from ``rows``."""
        self._centre, self._spread = rows.x.mean(0), spread_of(rows.x)
        features = self._features(rows.x)
        self._fits: list[tuple[np.ndarray, np.ndarray, Scale]] = []
        noise = []
        for k in range(rows.quantities):
            known = enough(rows, k)
            scale = Scale.of(rows.y[known, k])
            mean, root, sd = _ridge(features[known], scale.scaled(rows.y[known, k]))
            self._fits.append((mean, root, scale))
            noise.append(sd * scale.spread)
        self._noise = np.array(noise)

    @property
    def noise(self) -> np.ndarray:
        """Standard deviation of one run (k,): that of the residuals."""
        return self._noise

    def predict(self, x: np.ndarray) -> Prediction:
        """Return the prediction at ``x`` (n, d)."""
        features = self._features(x)
        mean = np.stack([scale.back(features @ w) for w, _, scale in self._fits], axis=1)
        sd = np.stack([scale.spread * np.linalg.norm(features @ root, axis=1) for _, root, scale in self._fits], axis=1)
        return Prediction(mean, sd, np.broadcast_to(self._noise, mean.shape))

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples (count, n, k)."""
        features = self._features(x)
        columns = []
        for w, root, scale in self._fits:
            weights = w + rng.standard_normal((count, len(w))) @ root.T
            columns.append(scale.back(weights @ features.T))
        return np.stack(columns, axis=2)

    def _features(self, x: np.ndarray) -> np.ndarray:
        """Return 1, the scaled columns, and all their products of two (n, p)."""
        z = (x - self._centre) / self._spread
        first, second = np.triu_indices(z.shape[1])
        return np.hstack([np.ones((len(z), 1)), z, z[:, first] * z[:, second]])


def _ridge(features: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the mean of the coefficients (p,), a root of their covariance (p, p), and the sd of the noise."""
    u, s, vt = np.linalg.svd(features, full_matrices=False)
    along = u.T @ y
    best = (np.inf, 1.0, 1.0)
    for strength in STRENGTHS:
        kept = s**2 / (s**2 + strength)
        left = 1.0 - (u**2) @ kept  # 1 - leverage of each row
        residual = y - u @ (kept * along)
        left_out = float(np.mean((residual / np.maximum(left, 1e-9)) ** 2))
        if left_out < best[0]:
            sd = float(np.sqrt(np.sum(residual**2) / max(len(y) - kept.sum(), 1.0)))
            best = (left_out, float(strength), sd)
    _, strength, sd = best
    mean = vt.T @ (s / (s**2 + strength) * along)
    # The prior holds in the directions that no row tells of, too.
    variances = np.full(features.shape[1], 1.0 / strength)
    basis = np.linalg.qr(vt.T, mode="complete")[0]
    variances[: len(s)] = 1.0 / (s**2 + strength)
    return mean, sd * basis * np.sqrt(variances), sd

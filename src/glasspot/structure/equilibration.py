"""Where a trajectory has forgotten its start, and how many independent frames are left from there on.

    g     = 1 + 2 sum_t rho(t)                 statistical inefficiency, in frames, of a stationary series
    N_eff = (n - t0) / g(t0)                   independent frames among those from t0 on
    t0    = the one that makes N_eff largest

with rho the autocorrelation of the frames from t0 on. A transient at the start correlates everything with everything,
so it pays to cut it away until what is cut would be good data. Of several observables the slowest counts. What is cut
must differ from the rest by more than chance, for the g of a short series is itself known to a half only. Sources:
J. D. Chodera, J. Chem. Theory Comput. 12 (2016) 1799 for t0; C. J. Geyer, Statist. Sci. 7 (1992) 473, sec. 3.3, for
where the sum over t ends: before the first two neighbours rho(2k) + rho(2k+1) that are not positive together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasspot.errors import GlasspotError

# Starts that are tried, evenly spread: finer than a hundredth of a trajectory changes no average.
CANDIDATES = 100
# Below this many frames an autocorrelation says nothing; nothing is cut.
FEWEST_FRAMES = 20
# What is cut differs in its mean from what is kept by this many standard errors, in some observable: g of 180 frames
# without any memory, the largest of five, came out between 1 and 2 from one start to the next, and a third was cut.
SIGNIFICANT = 3.0
# Starts are sought in this share of the trajectory: a shorter rest may look as if it had no memory. A start later than
# the second share means that the trajectory has hardly been seen to settle.
LATEST = 2.0 / 3.0
SETTLED = 0.6
# Below this many independent frames the error is a rough one, and the number itself may be an illusion: a trajectory
# far shorter than its own memory (random walks of 400 frames were tried) looks as if it held 6 to 22 of them.
FEWEST_INDEPENDENT = 20.0


@dataclass(frozen=True)
class Equilibration:
    """``start``: the first frame that counts, of ``n_frames``; ``inefficiency``: frames for each independent one."""

    start: int
    n_frames: int
    inefficiency: float

    @property
    def n_kept(self) -> int:
        """Frames from ``start`` on."""
        return self.n_frames - self.start

    @property
    def n_independent(self) -> float:
        """Independent frames among those kept."""
        return self.n_kept / self.inefficiency

    @property
    def caution(self) -> str:
        """What is doubtful about this trajectory, "" where nothing is."""
        if self.start > SETTLED * self.n_frames:
            return (
                f"it still changes after {self.start} of its {self.n_frames} frames, so it may not be at equilibrium; "
                "a longer trajectory would tell"
            )
        if self.n_independent < FEWEST_INDEPENDENT:
            return (
                f"only about {self.n_independent:.0f} of its {self.n_kept} frames are independent of each other, so "
                "its error is a rough one; a longer trajectory would do better"
            )
        return ""

    def blocks(self, most: int) -> int:
        """Return into how many blocks the kept frames are cut for errors: at most ``most``, each three inefficiencies
        long or longer; four where that leaves fewer, and one below four frames.
        """
        if self.n_kept < 4:
            return 1
        return int(min(max(self.n_independent // 3, 4), most, self.n_kept // 2 if self.n_kept >= 8 else 4))


def statistical_inefficiency(series: ArrayLike) -> NDArray[np.float64]:
    """Return g (k,), 1 or more, of the columns of a stationary series (n, k): frames for each independent one.

    A column that does not change at all has 1.
    """
    values = np.asarray(series, dtype=np.float64)
    n = len(values)
    change = values - values.mean(axis=0)
    # Padded to twice the length, so that the end does not correlate with the beginning.
    power = np.abs(np.fft.rfft(change, 2 * n, axis=0)) ** 2
    covariance = np.fft.irfft(power, 2 * n, axis=0)[: 2 * (n // 2)]
    # Rounding leaves a constant column with a variance of about 1e-32 of its squared value.
    constant = covariance[0] <= 1e-24 * n * np.maximum(np.abs(values).max(axis=0), 1e-300) ** 2
    correlation = covariance / np.where(constant, 1.0, covariance[0])
    pairs = correlation[0::2] + correlation[1::2]
    positive = np.cumprod(pairs > 0, axis=0)
    inefficiency = 2.0 * (pairs * positive).sum(axis=0) - 1.0
    return np.asarray(np.where(constant, 1.0, np.maximum(inefficiency, 1.0)))


def detect_equilibration(observables: ArrayLike) -> Equilibration:
    """Return where the trajectory is equilibrated by ``observables`` (n_frames,) or (n_frames, k), one row a frame.

    Fewer than 20 frames are all kept, and so are frames whose start is like the rest. GlasspotError for values that are
    not finite.
    """
    values = np.asarray(observables, dtype=np.float64)
    values = values.reshape(len(values), -1)
    n = len(values)
    if not n or not np.isfinite(values).all():
        raise GlasspotError("equilibration is found from finite numbers, one row a frame; a value is missing or nan.")
    if n < FEWEST_FRAMES:
        return Equilibration(0, n, float(statistical_inefficiency(values).max()) if n > 1 else 1.0)
    starts = np.unique(np.linspace(0, LATEST * n, CANDIDATES).astype(int))
    tried = [Equilibration(int(t), n, float(statistical_inefficiency(values[t:]).max())) for t in starts]
    best = max(tried, key=lambda e: e.n_independent)
    return best if _differs(values[: best.start], values[best.start :]) else tried[0]


def _differs(cut: NDArray[np.float64], kept: NDArray[np.float64]) -> bool:
    """Return whether the mean of some column is another one in the frames before the start than in those after."""
    if not len(cut):
        return True
    inefficiency = statistical_inefficiency(kept)
    independent = 1.0 / np.maximum(len(cut) / inefficiency, 1.0) + inefficiency / len(kept)
    apart = np.abs(cut.mean(axis=0) - kept.mean(axis=0))
    return bool(
        np.any(apart > SIGNIFICANT * np.sqrt(kept.var(axis=0) * independent) + 1e-12 * np.abs(kept).max(axis=0))
    )


def leading_component(features: ArrayLike) -> NDArray[np.float64]:
    """Return the projection (n,) of features (n, m), one row a frame, on the direction in which most of them vary
    together, each in units of its own scatter.

    The direction knows nothing of the order of the frames, so what is only noise stays without correlation in time.
    """
    values = np.asarray(features, dtype=np.float64)
    scatter = values.std(axis=0)
    change = (values - values.mean(axis=0)) / np.where(scatter > 0, scatter, 1.0)
    # The eigenvectors of the smaller of the two Gram matrices: a trajectory may have many frames, or many features.
    if len(change) <= change.shape[1]:
        eigenvalues, vectors = np.linalg.eigh(change @ change.T)
        return np.asarray(vectors[:, -1] * np.sqrt(max(eigenvalues[-1], 0.0)))
    _, vectors = np.linalg.eigh(change.T @ change)
    return np.asarray(change @ vectors[:, -1])

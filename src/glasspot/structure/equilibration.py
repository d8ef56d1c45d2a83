"""Where a trajectory has forgotten its start, and how many independent frames are left from there on.

    g     = 1 + 2 sum_t rho(t)                 statistical inefficiency, in frames, of a stationary series
    N_eff = (n - t0) / g(t0)                   independent frames among those from t0 on
    t0    = the one that makes N_eff largest

with rho the autocorrelation of the frames from t0 on. A transient at the start correlates everything with everything,
so it pays to cut it away until what is cut would be good data. Of several observables the slowest counts. Sources:
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
# An equilibration that takes more than this share of the trajectory has not been seen to end.
LATEST = 2.0 / 3.0
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
        if self.start > LATEST * self.n_frames:
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

    Fewer than 20 frames are all kept. GlasspotError for values that are not finite.
    """
    values = np.asarray(observables, dtype=np.float64)
    values = values.reshape(len(values), -1)
    n = len(values)
    if not n or not np.isfinite(values).all():
        raise GlasspotError("equilibration is found from finite numbers, one row a frame; a value is missing or nan.")
    if n < FEWEST_FRAMES:
        return Equilibration(0, n, float(statistical_inefficiency(values).max()) if n > 1 else 1.0)
    starts = np.unique(np.linspace(0, n - FEWEST_FRAMES // 2, CANDIDATES).astype(int))
    tried = [Equilibration(int(t), n, float(statistical_inefficiency(values[t:]).max())) for t in starts]
    return max(tried, key=lambda e: e.n_independent)


def leading_components(curves: ArrayLike, count: int = 3) -> NDArray[np.float64]:
    """Return the projections (n, count) of curves (n, m), one a frame, on the directions in which they vary most.

    A change in time that is larger than the noise of one frame stands in the first of them; the directions know nothing
    of the order of the frames, so what is only noise stays without correlation in time.
    """
    values = np.asarray(curves, dtype=np.float64)
    change = values - values.mean(axis=0)
    # The eigenvectors of the smaller of the two Gram matrices: a trajectory may have many frames, or many bins.
    if len(change) <= change.shape[1]:
        eigenvalues, vectors = np.linalg.eigh(change @ change.T)
        last = slice(None, -count - 1, -1)
        return np.asarray(vectors[:, last] * np.sqrt(np.maximum(eigenvalues[last], 0.0)))
    _, vectors = np.linalg.eigh(change.T @ change)
    return np.asarray(change @ vectors[:, : -count - 1 : -1])

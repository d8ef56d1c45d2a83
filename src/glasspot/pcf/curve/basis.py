"""The shapes that the curves of one pair take: a mean and a few components, in the metric of their statistical error.

A bin of g_ab(r) averaged over runs has the variance  v h(r),  v = V / (N_a N_b n_runs)  (N_a^2 / 2 for a = b): pairs
counted in a shell are Poisson numbers, so h goes like g(r) / 4 pi r^2 dr, times how much the frames of a run repeat
each other. h is taken from the scatter of runs, v from the atoms. Each glass counts by 1 / (u + v), u the median v:
2 mol% of BaO in 1000 atoms leave a Ba-Ba curve that is mostly noise, and it hardly moves the components. Components are
orthonormal after division by sqrt(h), so that the noise of every coefficient of a glass has about the variance v.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve.shell import Shell, shell_of
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.pairs import ends_of

FloatArray = NDArray[np.float64]

MOST_COMPONENTS = 10
EMPTY = 1e-4  # g(r) below any count of 1000 atoms in some ten frames
SMOOTHING = 2.0  # bins, of h(r)
FLOOR = 0.02  # g(r) of the least h(r): where nothing was counted the error is not zero


@dataclass(frozen=True)
class PairCurves:
    """The curves of one pair in all glasses that have it.

    rows (n,): the numbers of the glasses; g (n, n_r): means over runs, scaled by ``shell``; v (n,) in A^3; ``scatter``:
    of each glass its runs minus their mean, (n_runs, n_r), so scaled that the mean square is the variance of the mean
    curve; no rows for a glass with one run.
    """

    r: FloatArray
    rows: NDArray[np.int64]
    g: FloatArray
    v: FloatArray
    scatter: tuple[FloatArray, ...]
    shell: Shell

    @property
    def core(self) -> int:
        """The first bin in which any glass has more than nothing."""
        return int(np.argmax(self.g.max(axis=0) > EMPTY))

    @property
    def weights(self) -> FloatArray:
        """How much each glass counts, (n,), sum 1."""
        weights = 1.0 / (np.median(self.v) + self.v)
        return np.asarray(weights / weights.sum())

    @cached_property
    def h(self) -> FloatArray:
        """h(r), (n_r,), 1/A^3: from the scatter of runs, or where there is none that of independent counts."""
        from scipy.ndimage import gaussian_filter1d

        mean = np.average(self.g, axis=0, weights=1 / self.v)
        counted = 1.0 / (4 * np.pi * self.r**2 * (self.r[1] - self.r[0]))
        seen = [(runs**2).mean(axis=0) / v for runs, v in zip(self.scatter, self.v, strict=True) if len(runs)]
        if not seen:
            return np.asarray((mean + FLOOR) * counted * self._repeats(counted))
        repeats = float(np.mean(seen, axis=0).sum() / np.sum(mean * counted))
        smooth = gaussian_filter1d(np.mean(seen, axis=0), SMOOTHING, mode="nearest")
        return np.asarray(smooth + FLOOR * repeats * counted)

    def _repeats(self, counted: FloatArray) -> float:
        """Return the error of single runs over that of independent counts in one frame, from how rough curves are.

        The second difference of white noise has six times its variance; g(r) itself is smooth behind its first shells.
        """
        far = slice(len(self.r) // 2, None)
        rough = (np.diff(self.g, 2, axis=1) ** 2 / 6)[:, far]
        expected = self.v[:, None] * (self.g * counted)[:, 1:-1][:, far]
        return float(rough.sum() / max(expected.sum(), 1e-300)) or 1.0

    def only(self, kept: NDArray[np.bool_]) -> PairCurves:
        """Return the curves of some of the glasses; ``kept`` (n,)."""
        scatter = tuple(runs for runs, keep in zip(self.scatter, kept, strict=True) if keep)
        return PairCurves(self.r, self.rows[kept], self.g[kept], self.v[kept], scatter, self.shell)


def error_scale(glass: GlassCurves, pair: str) -> float:
    """Return v of the mean curve of a glass, A^3."""
    return pair_scale(pair, glass.fractions, sum(glass.counts.values()), glass.density, glass.n_runs)


def pair_scale(pair: str, fractions: dict[str, float], atoms: float, density: float, n_runs: float) -> float:
    """Return v, A^3, of a glass of so many ``atoms`` at a number ``density`` (1/A^3), averaged over ``n_runs``."""
    a, b = ends_of(pair)
    share = fractions[a] * fractions[b] * (0.5 if a == b else 1.0)
    return 1.0 / (max(share, 1e-12) * atoms * density * n_runs)


def curves_of(curve_set: CurveSet, pair: str) -> PairCurves:
    """Return the curves of a pair."""
    rows = [k for k, glass in enumerate(curve_set.glasses) if pair in glass.curves]
    glasses = [curve_set.glasses[k] for k in rows]
    shell = shell_of(curve_set.r, glasses, pair)
    runs = [_scaled(glass, pair, shell) for glass in glasses]
    g = np.array([each.mean(axis=0) for each in runs])
    v = np.array([error_scale(glass, pair) for glass in glasses])
    scatter = tuple(
        (each - mean) / np.sqrt(len(each) - 1) if len(each) > 1 else each[:0]
        for each, mean in zip(runs, g, strict=True)
    )
    return PairCurves(curve_set.r, np.array(rows), g, v, scatter, shell)


def _scaled(glass: GlassCurves, pair: str, shell: Shell) -> FloatArray:
    """Return the curves of the runs, (n_runs, n_r), scaled by the shell at the density of each run."""
    oxygens = glass.number_density * glass.fractions.get("O", 0.0)
    return np.array([g * shell.scale(each) for g, each in zip(glass.curves[pair], oxygens, strict=True)])


@dataclass(frozen=True)
class Basis:
    """mean (n_r,), components (k, n_r) of one pair, and rest (n_r,): the variance of what they leave out."""

    mean: FloatArray
    components: FloatArray
    rest: FloatArray
    h: FloatArray

    def coefficients(self, g: FloatArray) -> FloatArray:
        """Return the coefficients (n, k) of curves ``g`` (n, n_r)."""
        return np.asarray((g - self.mean) / self.h @ self.components.T)

    def curves(self, coefficients: FloatArray) -> FloatArray:
        """Return the curves (n, n_r)."""
        return np.asarray(self.mean + coefficients @ self.components)


def basis_of(curves: PairCurves, most: int = MOST_COMPONENTS) -> Basis:
    """Return the weighted principal components of the curves; none for a single glass."""
    weights = curves.weights
    mean = weights @ curves.g
    off = (curves.g - mean) / np.sqrt(curves.h)
    _, values, directions = np.linalg.svd(np.sqrt(weights)[:, None] * off, full_matrices=False)
    count = min(most, len(curves.rows) - 1, int(np.sum(values > 1e-6 * max(values[0], 1e-12))))
    found = directions[:count]
    left = off - off @ found.T @ found
    # What noise alone leaves out is not counted twice: the band adds it by itself.
    rest = np.maximum(weights @ (left**2 - curves.v[:, None]), 0.0) * curves.h
    return Basis(mean, found * np.sqrt(curves.h), rest, curves.h)

"""A reference g(r), and the linear map that makes it of a fine pair histogram.

A simulation enters as fine, linearly assigned pair histograms (structure.pairs.fine_histogram), from which any bins can
be made later, so a new weight or range costs no molecular dynamics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from glasspot.curves import Curve, wright_r_x
from glasspot.errors import GlasspotError
from glasspot.structure.pairs import pair_row
from glasspot.target.system import System


@dataclass(frozen=True)
class CurveTarget:
    """A reference g(r) on bins of one width. ``pair`` is "Si-O" for a partial, None for the total (number-number)."""

    label: str
    pair: str | None
    edges: np.ndarray  # (n + 1,) A
    values: np.ndarray  # (n,)
    error: np.ndarray | None = None  # (n,) standard error of the reference, where known
    weight: float = 1.0
    kind: ClassVar[str] = "g(r)"
    x_label: ClassVar[str] = "r (A)"
    y_label: ClassVar[str] = "g(r)"

    @property
    def r(self) -> np.ndarray:
        """Centres of the bins, A, shape (n,)."""
        return np.asarray(0.5 * (self.edges[1:] + self.edges[:-1]))

    @property
    def x(self) -> np.ndarray:
        """What the curve is drawn against: r."""
        return self.r

    @property
    def norm(self) -> float:
        """What the deviations are divided by: chi2 is relative to sum_r g_ref^2."""
        return float(np.linalg.norm(self.values))

    @property
    def reach(self) -> float:
        """Distance (A) that the fine histogram must hold."""
        return float(self.edges[-1])

    @property
    def bin_width(self) -> float:
        """Width of the bins, A: nodes of the fine histogram must fall on their edges."""
        return float(self.edges[1] - self.edges[0])

    def curve_map(self, system: System, r_max: float, n_nodes: int) -> np.ndarray:
        """Return the matrix (n, n_pairs * (n_nodes + 1)) from a mean fine histogram to this g(r)."""
        bins = rebin_matrix(self.edges, r_max, n_nodes)
        shells = 4.0 / 3.0 * np.pi * np.diff(self.edges**3)
        pairs = system.pair_counts()
        result = np.zeros((len(shells), len(pairs), n_nodes + 1))
        if self.pair is None:
            # Number-number g(r): every pair counts the same.
            result[:] = (bins * system.volume / shells[:, None] / pairs.sum())[:, None, :]
        else:
            index = pair_row(system.labels, self.pair)
            result[:, index] = bins * system.volume / shells[:, None] / pairs[index]
        return result.reshape(len(shells), -1)

    def offset(self, system: System) -> np.ndarray:
        """Return what is added to the mapped histogram, (n,): nothing."""
        return np.zeros(len(self.values))

    def wright(self, values: np.ndarray) -> float:
        """Return Wright's R_X, a fraction, of a model's g(r) on T(r) = 4 pi rho r g(r); the number density cancels."""
        return wright_r_x(Curve(self.r, self.r * self.values), Curve(self.r, self.r * values))

    def integrated(self) -> np.ndarray:
        """Return the matrix (n, n) that integrates the curve over r (A): it sees shifted peaks from afar."""
        return np.tril(np.full((len(self.values),) * 2, self.bin_width))


def rebin_matrix(edges: np.ndarray, r_max: float, n_nodes: int) -> np.ndarray:
    """Return the share of each node's hat function that falls in each bin, shape (n_bins, n_nodes + 1).

    A fine histogram puts each pair on the two nodes about its distance; the hat of node k spans r_k -+ dr. The columns
    of nodes wholly inside the edges sum to 1, so pairs are conserved.
    """
    dr = r_max / n_nodes
    s = edges[:, None] / dr - np.arange(n_nodes + 1)[None, :]  # distance of each edge from each node, in dr
    s = np.clip(s, -1.0, 1.0)
    below = np.where(s < 0, 0.5 * (1 + s) ** 2, 1 - 0.5 * (1 - s) ** 2)  # integral of the hat up to the edge
    return np.diff(below, axis=0)


def edges_of_centres(r: np.ndarray, what: str) -> np.ndarray:
    """Return the bin edges (n + 1,) of evenly spaced bin centres (n,); GlasspotError when they are not even."""
    steps = np.diff(r)
    if len(r) < 4 or np.any(steps <= 0):
        raise GlasspotError(f"{what}: the distances must be at least four and rise; got {len(r)} values")
    width = float(np.mean(steps))
    # Printed with four digits, evenly spaced bins of 0.0625 A differ by up to 1e-4 A.
    if np.max(np.abs(steps - width)) > 0.02 * width:
        raise GlasspotError(
            f"{what}: the distances are not evenly spaced (steps from {steps.min():g} to {steps.max():g} A); "
            "resample the curve on even bins first"
        )
    first = float(np.mean(r - width * np.arange(len(r))))
    return first - 0.5 * width + width * np.arange(len(r) + 1)


def curve_target(
    label: str,
    pair: str | None,
    r: np.ndarray,
    values: np.ndarray,
    r_range: tuple[float, float],
    error: np.ndarray | None = None,
    weight: float = 1.0,
) -> CurveTarget:
    """Return the target made of the bins of a curve that lie inside ``r_range`` (A).

    GlasspotError when the curve does not cover the range, holds a value that is no number, or is zero throughout.
    """
    edges = edges_of_centres(r, label)
    low, high = r_range
    width = edges[1] - edges[0]
    if edges[0] > low + width or edges[-1] < high - width:
        raise GlasspotError(
            f"the target {label} covers {max(edges[0], 0):.2f} to {edges[-1]:.2f} A, but the range asked is "
            f"{low:g} to {high:g} A; shorten `range` or give a longer curve"
        )
    inside = (edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9)
    if inside.sum() < 4:
        raise GlasspotError(f"the target {label} has only {inside.sum()} bins in {low:g} to {high:g} A; widen `range`")
    if not np.all(np.isfinite(values[inside])):
        raise GlasspotError(f"the target {label} holds values that are not numbers inside {low:g} to {high:g} A")
    if not np.any(values[inside] > 0):
        raise GlasspotError(f"the target {label} is zero in {low:g} to {high:g} A; is the column or the range right?")
    first, last = np.nonzero(inside)[0][[0, -1]]
    return CurveTarget(
        label,
        pair,
        edges[first : last + 2],
        np.asarray(values[inside], dtype=float),
        None if error is None else np.asarray(error[inside], dtype=float),
        weight,
    )

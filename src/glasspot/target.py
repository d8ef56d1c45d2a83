"""What a simulation is compared with: curves of g(r), their weights, and R_chi.

    chi2_t = sum_r (g_ref - g)^2 / sum_r g_ref^2          R_chi = sqrt( sum_t w_t chi2_t / sum_t w_t )

with one term t for each target curve: the three partials of silica with equal weights give the cost of Liu et al.,
arXiv:1902.03486 (2019), eqs. 2 and 3; a single total g(r) gives the same measure for one curve.
A simulation enters as fine, linearly assigned pair histograms (structure.pairs.fine_histogram), from which any bins can
be made later, so a new weight or range costs no molecular dynamics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from glasspot.curves import Curve, wright_r_x
from glasspot.errors import GlasspotError
from glasspot.structure.pairs import pair_row
from glasspot.structure.pdf import ideal_pairs


@dataclass(frozen=True)
class CurveTarget:
    """A reference g(r) on bins of one width. ``pair`` is "Si-O" for a partial, None for the total (number-number)."""

    label: str
    pair: str | None
    edges: np.ndarray  # (n + 1,) A
    values: np.ndarray  # (n,)
    error: np.ndarray | None = None  # (n,) standard error of the reference, where known
    weight: float = 1.0

    @property
    def r(self) -> np.ndarray:
        """Centres of the bins, A, shape (n,)."""
        return np.asarray(0.5 * (self.edges[1:] + self.edges[:-1]))


@dataclass(frozen=True)
class System:
    """What the pair histograms belong to: labels such as "Si-O" in the order of the histogram, counts and volume."""

    labels: tuple[str, ...]
    counts: Mapping[str, int]
    volume: float  # A^3

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements in the order in which the labels name them."""
        return tuple(dict.fromkeys(element for label in self.labels for element in label.split("-")))

    def pair_counts(self) -> np.ndarray:
        """Return the number of unordered pairs of each label that gives g(r) = 1, shape (n_pairs,)."""
        return ideal_pairs({element: self.counts[element] for element in self.elements})


@dataclass(frozen=True)
class Objective:
    """Targets of one system, as a linear map from fine histograms to scaled curves.

    With s_t = sqrt(w_t / sum w) / sqrt(sum_r g_ref^2), the scaled residual y_ref - y has the norm R_chi.
    """

    targets: tuple[CurveTarget, ...]
    system: System
    r_max: float
    n_nodes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_dict` makes the same objective."""
        targets = [{f.name: _plain(getattr(target, f.name)) for f in fields(target)} for target in self.targets]
        system = {"labels": list(self.system.labels), "counts": dict(self.system.counts), "volume": self.system.volume}
        return {"targets": targets, "system": system, "r_max": self.r_max, "n_nodes": self.n_nodes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Objective:
        """Return the objective that :meth:`to_dict` described."""
        arrays = ("edges", "values", "error")
        targets = tuple(
            CurveTarget(**target | {key: np.array(target[key]) for key in arrays if target[key] is not None})
            for target in data["targets"]
        )
        system = data["system"]
        atoms = System(tuple(system["labels"]), system["counts"], system["volume"])
        return cls(targets, atoms, data["r_max"], data["n_nodes"])

    def curve_map(self, target: CurveTarget) -> np.ndarray:
        """Return the matrix (n_bins, n_pairs * (n_nodes + 1)) from a mean fine histogram to the target's g(r)."""
        bins = rebin_matrix(target.edges, self.r_max, self.n_nodes)
        shells = 4.0 / 3.0 * np.pi * np.diff(target.edges**3)
        pairs = self.system.pair_counts()
        result = np.zeros((len(shells), len(pairs), self.n_nodes + 1))
        if target.pair is None:
            # Number-number g(r): every pair counts the same.
            result[:] = (bins * self.system.volume / shells[:, None] / pairs.sum())[:, None, :]
        else:
            index = pair_row(self.system.labels, target.pair)
            result[:, index] = bins * self.system.volume / shells[:, None] / pairs[index]
        return result.reshape(len(shells), -1)

    def scales(self) -> np.ndarray:
        """Return s_t of each target, shape (n_targets,)."""
        total = sum(t.weight for t in self.targets)
        return np.array([np.sqrt(t.weight / total) / np.linalg.norm(t.values) for t in self.targets])

    def scaled_map(self) -> np.ndarray:
        """Return the matrix from a mean fine histogram (flattened) to all scaled curves, one under the other."""
        return self._scaled_map

    @cached_property
    def _scaled_map(self) -> np.ndarray:
        # Large, and asked for with every outcome.
        return np.vstack([s * self.curve_map(t) for s, t in zip(self.scales(), self.targets, strict=True)])

    def scaled_reference(self) -> np.ndarray:
        """Return the scaled target curves, one after the other."""
        return np.concatenate([s * t.values for s, t in zip(self.scales(), self.targets, strict=True)])

    def cumulative(self) -> np.ndarray:
        """Return the matrix that integrates each scaled curve over r (A): its residual sees shifted peaks from afar."""
        from scipy.linalg import block_diag

        widths = [float(t.edges[1] - t.edges[0]) for t in self.targets]
        blocks = [np.tril(np.full((len(t.values),) * 2, w)) for t, w in zip(self.targets, widths, strict=True)]
        return np.asarray(block_diag(*blocks))

    def r_chi(self, scaled: np.ndarray) -> float:
        """Return R_chi (a fraction) of scaled curves."""
        return float(np.linalg.norm(self.scaled_reference() - scaled))

    def _unscaled(self, scaled: np.ndarray) -> Iterator[tuple[CurveTarget, np.ndarray]]:
        """Yield each target with its own part of scaled curves, brought back to g(r)."""
        ends = np.cumsum([len(t.values) for t in self.targets])
        for target, scale, part in zip(self.targets, self.scales(), np.split(scaled, ends[:-1]), strict=True):
            yield target, part / scale

    def per_curve(self, scaled: np.ndarray) -> dict[str, float]:
        """Return R_chi of each target curve alone, as a fraction."""
        return {
            target.label: float(np.linalg.norm(target.values - g) / np.linalg.norm(target.values))
            for target, g in self._unscaled(scaled)
        }

    def wright_r_x(self, scaled: np.ndarray) -> dict[str, float]:
        """Return Wright's R_X of each target curve, a fraction, on T(r) = 4 pi rho r g(r) over the target's range."""
        # The number density of T(r) cancels.
        return {
            target.label: wright_r_x(Curve(target.r, target.r * target.values), Curve(target.r, target.r * g))
            for target, g in self._unscaled(scaled)
        }

    def reference_noise(self) -> float:
        """Return the R_chi that the targets' own errors give a perfect model; 0 where no error is known."""
        parts = [
            float(s**2 * np.sum(t.error**2))
            for s, t in zip(self.scales(), self.targets, strict=True)
            if t.error is not None
        ]
        return float(np.sqrt(sum(parts)))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


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

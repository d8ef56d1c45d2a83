"""The model of one pair: a basis of its curves, a Gaussian process of each coefficient, and the error that is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve.basis import Basis, PairCurves, basis_of
from glasspot.pcf.curve.process import Kernel, Process, fitted
from glasspot.pcf.curve.shell import Shell

FloatArray = NDArray[np.float64]

FEW = 4  # glasses; with fewer nothing can be learnt of how the curve changes
UNKNOWN_CHANGE = 0.25  # sd of a curve as a share of it, for so few glasses


@dataclass(frozen=True)
class PairModel:
    """g_ab(r) of one pair over compositions, scaled by ``shell``. ``core``: the first bin that ever had a count."""

    rows: NDArray[np.int64]
    basis: Basis
    process: Process | None
    core: int
    shell: Shell

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the scaled g and the variance of what that of an endless glass would differ by, (m, n_r) each.

        ``x`` (m, n_features). g >= 0, and 0 inside the core, where the variance is 0 as well.
        """
        if self.process is None:
            g = np.tile(self.basis.mean, (len(x), 1))
            variance = (UNKNOWN_CHANGE * g) ** 2
        else:
            mean, spread = self.process.predict(x)
            g = self.basis.curves(mean)
            variance = spread @ self.basis.components**2 + self.basis.rest
        g, variance = np.maximum(g, 0.0), variance.copy()
        g[:, : self.core] = variance[:, : self.core] = 0.0
        return g, variance

    def noise(self, v: float) -> FloatArray:
        """Return the variance (n_r,) of a simulated mean curve with error scale ``v`` (A^3) about the endless one."""
        found = v * self.basis.h
        found[: self.core] = 0.0
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays); the features of the glasses are kept once, by the model of all pairs."""
        basis = self.basis
        arrays: dict[str, np.ndarray] = {"rows": self.rows, "mean": basis.mean, "components": basis.components}
        arrays |= {"rest": basis.rest, "h": basis.h, "shell": self.shell.weight}
        meta: dict[str, Any] = {"core": self.core, "kernel": None, "density": self.shell.density}
        if self.process is not None:
            meta["kernel"] = self.process.kernel.state()
            arrays |= self.process.arrays()
        return meta, arrays

    @classmethod
    def from_state(
        cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray], x: FloatArray, n_oxides: int
    ) -> PairModel:
        """Return the model of :meth:`state`; ``x``: the features of all glasses of the data."""
        rows, mean, components, rest, h = (
            np.asarray(arrays[name]) for name in ("rows", "mean", "components", "rest", "h")
        )
        process = None
        if meta["kernel"] is not None:
            process = Process.from_arrays(arrays, x[rows], n_oxides, Kernel(*meta["kernel"]))
        shell = Shell(np.asarray(arrays["shell"]), float(meta["density"]))
        return cls(rows, Basis(mean, components, rest, h), process, int(meta["core"]), shell)


def fit_pair(curves: PairCurves, x: FloatArray, n_oxides: int, kernels: Sequence[Kernel] | None = None) -> PairModel:
    """Return the model of a pair; ``x``: the features of all glasses; ``kernels``: to choose from (None: all)."""
    basis = basis_of(curves)
    process = None
    if len(curves.rows) >= FEW:
        process = fitted(x[curves.rows], basis.coefficients(curves.g), curves.v, n_oxides, kernels)
    return PairModel(curves.rows, basis, process, curves.core, curves.shell)

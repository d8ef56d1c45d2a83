"""Number density from composition: the volumes of oxides as handbooks have them, corrected by what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition, estimate_density, has_density_estimate
from glasspot.errors import GlasspotError
from glasspot.oxides import parse_component
from glasspot.pcf.atoms import atoms_per_unit
from glasspot.pcf.curve.features import Features
from glasspot.pcf.curve.process import Kernel, Process, fitted
from glasspot.pcf.curve_set import CurveSet
from glasspot.units import volume_from_density

FloatArray = NDArray[np.float64]

UNSURE = 0.05  # relative sd of a density from handbook volumes, and of one from fewer than FEW glasses
FEW = 4


@dataclass(frozen=True)
class DensityModel:
    """ln(number density / handbook's number density) as a Gaussian process of the composition.

    ``mean``: of that logarithm; ``process`` is None for fewer than four glasses; ``plain``: whether the handbook is
    left out (glasses that are not of oxides), so that the logarithm is that of the density itself.
    """

    features: Features
    plain: bool
    mean: float
    process: Process | None

    @classmethod
    def fit(cls, curve_set: CurveSet) -> DensityModel:
        """Return the model of the densities of a set."""
        compositions = [glass.composition for glass in curve_set.glasses]
        features = Features.of(compositions)
        plain = not all(has_density_estimate(composition) for composition in compositions)
        logs = np.array([np.log(glass.density / handbook(glass.composition, plain)) for glass in curve_set.glasses])
        mean = float(logs.mean())
        if len(logs) < FEW:
            return cls(features, plain, mean, None)
        noise = np.array([1.0 / glass.n_runs for glass in curve_set.glasses])
        x = features.rows(compositions)
        process = fitted(x, (logs - mean)[:, None], noise, features.n_oxides)
        return cls(features, plain, mean, process)

    def predict(self, composition: Composition) -> tuple[float, float]:
        """Return the number density of the glass in atoms/A^3 and its standard deviation.

        GlasspotError for a composition of which the handbook knows nothing (not of oxides, the data being of oxides).
        """
        base = handbook(composition, self.plain)
        if self.process is None:
            value = base * float(np.exp(self.mean))
            return _sound(value, composition), UNSURE * value
        mean, variance = self.process.predict(self.features.rows([composition]))
        spread = float(np.sqrt(variance[0, 0]))
        if any(name not in self.features.oxides for name, _ in composition.oxides):
            spread = float(np.hypot(spread, UNSURE))
        value = base * float(np.exp(self.mean + mean[0, 0]))
        return _sound(value, composition), spread * value

    def state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """Return (meta, arrays)."""
        meta: dict[str, Any] = {"oxides": list(self.features.oxides), "plain": self.plain, "mean": self.mean}
        arrays = {"centre": self.features.centre, "spread": self.features.spread}
        meta["kernel"] = None
        if self.process is not None:
            meta["kernel"] = self.process.kernel.state()
            arrays |= self.process.arrays() | {"x": self.process.x}
        return meta, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> DensityModel:
        """Return the model of :meth:`state`."""
        features = Features(tuple(meta["oxides"]), np.asarray(arrays["centre"]), np.asarray(arrays["spread"]))
        process = None
        if meta["kernel"] is not None:
            kernel = Kernel(*meta["kernel"])
            process = Process.from_arrays(arrays, np.asarray(arrays["x"]), features.n_oxides, kernel)
        return cls(features, bool(meta["plain"]), float(meta["mean"]), process)


def _sound(density: float, composition: Composition) -> float:
    """Return a number density; GlasspotError for one that no matter has."""
    if not 1e-6 < density < 10:
        raise GlasspotError(
            f"the model says {density:.3g} atoms/A^3 of {composition}, which no glass has; is its file damaged? Train "
            "it again."
        )
    return density


def handbook(composition: Composition, plain: bool = False) -> float:
    """Return the number density in atoms/A^3 of ``composition.estimate_density``; 1 where ``plain``."""
    if plain:
        return 1.0
    if not has_density_estimate(composition):
        raise GlasspotError(
            f"the data of this model are glasses of oxides, and {composition} is none; train one on glasses like it."
        )
    density, _ = estimate_density(composition)
    mass = sum(share * parse_component(formula).mass for formula, share in composition.oxides)
    return float(atoms_per_unit(composition) / volume_from_density(mass, density))

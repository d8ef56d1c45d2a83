"""The `curve` model: from a composition to g_ab(r) of all pairs with a band, by Gaussian processes of a few components.

Each pair of elements has a basis of its curves (``basis``) and processes of their coefficients over the features
of the composition (``features``, ``process``); ``band`` makes the band hold 90 %; what the data do
not have is taken from what is most like it (``stand_ins``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.extras import need
from glasspot.oxides import Oxide, parse_component
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve import cautions as words
from glasspot.pcf.curve.band import calibrated, half_width
from glasspot.pcf.curve.basis import curves_of, pair_scale
from glasspot.pcf.curve.features import Features
from glasspot.pcf.curve.pair import PairModel, fit_pair
from glasspot.pcf.curve.stand_ins import Source, StandIn, moved, sources, stand_ins
from glasspot.pcf.curve.unseen import unseen_factors
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.cutoffs import cutoffs_of
from glasspot.pcf.density import DensityModel
from glasspot.pcf.model import Tell, silent
from glasspot.pcf.neighbourhood import Neighbourhood
from glasspot.pcf.pairs import asked_pairs, ends_of, pairs_of
from glasspot.pcf.prediction import Prediction

FloatArray = NDArray[np.float64]

# What is not known of a curve that is taken from another pair: height, as a share, and place (A).
UNSURE_HEIGHT, UNSURE_PLACE = 0.15, 0.05


@dataclass(frozen=True)
class CurveModel:
    """A trained model.

    x: features of the glasses of the data; factors, unseen: of the band, see ``band`` and ``unseen``;
    near, names: the glasses; atoms, runs: how large the simulations of the data were, for the noise the band holds.
    """

    r: FloatArray
    features: Features
    x: FloatArray
    pairs: Mapping[str, PairModel]
    factors: Mapping[str, FloatArray]
    unseen: Mapping[str, float]
    density: DensityModel
    cutoffs: Mapping[str, float]
    near: Neighbourhood
    names: tuple[str, ...]
    atoms: float
    runs: float

    kind = "curve"

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        """Return the curves of ``pairs`` (None: all of the glass's elements) with the band that holds 90 %.

        An oxide that the data do not have is predicted from those most like it, and a warning says so. GlasspotError
        for a pair that the glass does not have, and for an oxide of which nothing is known.
        """
        fractions = atom_fractions(composition)
        asked = asked_pairs(pairs, fractions)
        density, density_error = self.density.predict(composition)
        instead = stand_ins(composition, self.features.oxides)
        oxides = self._oxides(composition)
        taken = {pair: self._taken(pair, instead, oxides) for pair in asked}
        g, low, high = (np.zeros((len(asked), len(self.r))) for _ in range(3))
        for k, pair in enumerate(asked):
            v = pair_scale(pair, fractions, self.atoms, density, self.runs)
            g[k], sd = self._curve(pair, taken[pair], v, density * fractions.get("O", 0.0), oxides)
            half = half_width(pair, g[k], sd, self.factors) * self._widening(pair, instead)
            low[k], high[k] = np.maximum(g[k] - half, 0.0), g[k] + half
        distance, nearest = self.near.distance(composition)
        unseen = {element for each in instead for element in each.of}
        missing = {pair: taken[pair] for pair in asked if pair not in self.pairs and not unseen & set(ends_of(pair))}
        scarce = {pair: len(self.pairs[pair].rows) for pair in asked if self._is_scarce(pair)}
        return Prediction(
            composition=composition,
            r=self.r,
            pairs=asked,
            g=g,
            low=low,
            high=high,
            number_density=density,
            number_density_error=density_error,
            fractions=fractions,
            cutoffs=self._cutoffs(fractions, instead, oxides),
            distance=distance,
            warnings=(
                *words.of_unseen(instead),
                *words.of_missing(missing),
                *words.of_few(scarce),
                *words.of_distance(distance, self.names[nearest], 100 * self.near.step),
            ),
        )

    def _taken(self, pair: str, instead: Sequence[StandIn], oxides: Mapping[str, str]) -> list[Source]:
        """Return where the curve of a pair is taken from; weights sum to 1. GlasspotError where nothing is like it."""
        found = [
            replace(source, weight=each.weight * source.weight)
            for each in instead
            for source in sources(pair, each, self.pairs, oxides)
        ]
        if not found:
            raise GlasspotError(
                f"the data of this model have no pair like {pair}; it knows {', '.join(self.pairs)}. Train on a set "
                "that has it, or ask for other pairs."
            )
        total = sum(source.weight for source in found)
        return [replace(source, weight=source.weight / total) for source in found]

    def _curve(
        self, pair: str, taken: Sequence[Source], v: float, oxygens: float, oxides: Mapping[str, str]
    ) -> tuple[FloatArray, FloatArray]:
        """Return g and the sd of a simulated curve (n_r,): the weighted mean over the sources, their spread in the sd.

        ``v``: error scale of the pair, A^3; ``oxygens`` in 1 A^3.
        """
        weights = np.array([source.weight for source in taken])
        curves, variances = [], []
        for source in taken:
            model = self.pairs[source.pair]
            mean, variance = model.predict(self.features.rows([source.composition]))
            scale = model.shell.scale(oxygens)
            mean, variance = mean[0] / scale, (variance[0] + model.noise(v)) / scale**2
            curves.append(moved(self.r, mean, source.shift, source.pair, oxides))
            variances.append(moved(self.r, variance, source.shift, source.pair, oxides))
        g = weights @ np.array(curves)
        variance = weights @ (np.array(variances) + (np.array(curves) - g) ** 2)
        if pair not in self.pairs:
            variance = variance + (UNSURE_HEIGHT * g) ** 2 + (UNSURE_PLACE * np.gradient(g, self.r)) ** 2
        return g, np.sqrt(variance)

    def _widening(self, pair: str, instead: Sequence[StandIn]) -> float:
        """Return by how much the band is wider than that of a glass such as those of the data."""
        if pair not in self.pairs:
            return self.unseen["stand-in"]
        return self.unseen["host"] if instead[0].by else 1.0

    def _is_scarce(self, pair: str) -> bool:
        return pair in self.pairs and self.pairs[pair].process is None

    def _oxides(self, composition: Composition) -> dict[str, str]:
        """Return element -> the oxide that brings it, of the data and else of the composition."""
        found: dict[str, str] = {}
        for formula in (*self.features.oxides, *(name for name, _ in composition.oxides)):
            part = parse_component(formula)
            if isinstance(part, Oxide):
                found.setdefault(part.element, formula)
        return found

    def _cutoffs(
        self, fractions: Mapping[str, float], instead: Sequence[StandIn], oxides: Mapping[str, str]
    ) -> dict[str, float]:
        """Return the cut-offs of the pairs of the glass; that of an unseen cation from its stand-ins, by the radii."""
        found = {}
        for pair in pairs_of(fractions):
            likest = max(instead, key=lambda each: each.weight)
            for source in sources(pair, likest, self.cutoffs, oxides)[:1]:
                found[pair] = self.cutoffs[source.pair] + source.shift
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays)."""
        density_meta, density = self.density.state()
        meta: dict[str, Any] = {
            "oxides": list(self.features.oxides),
            "density": density_meta,
            "cutoffs": dict(self.cutoffs),
            "step": self.near.step,
            "names": list(self.names),
            "atoms": self.atoms,
            "runs": self.runs,
            "unseen": dict(self.unseen),
            "factors": {name: list(map(float, values)) for name, values in self.factors.items()},
            "pairs": {},
        }
        arrays = {"r": self.r, "centre": self.features.centre, "spread": self.features.spread, "x": self.x}
        arrays["shares"] = self.near.shares
        arrays |= {f"density/{name}": value for name, value in density.items()}
        for pair, model in self.pairs.items():
            meta["pairs"][pair], found = model.state()
            arrays |= {f"{pair}/{name}": value for name, value in found.items()}
        return meta, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> CurveModel:
        """Return the model of :meth:`state`; ``whole`` is for the state of a file, which may be of anybody."""

        def under(prefix: str) -> dict[str, np.ndarray]:
            start = f"{prefix}/"
            return {name[len(start) :]: value for name, value in arrays.items() if name.startswith(start)}

        oxides = tuple(meta["oxides"])
        x = np.asarray(arrays["x"])
        pairs = {pair: PairModel.from_state(part, under(pair), x, len(oxides)) for pair, part in meta["pairs"].items()}
        return cls(
            r=np.asarray(arrays["r"]),
            features=Features(oxides, np.asarray(arrays["centre"]), np.asarray(arrays["spread"])),
            x=x,
            pairs=pairs,
            unseen=dict(meta["unseen"]),
            factors={name: np.array(values) for name, values in meta["factors"].items()},
            density=DensityModel.from_state(meta["density"], under("density")),
            cutoffs=dict(meta["cutoffs"]),
            near=Neighbourhood(oxides, np.asarray(arrays["shares"]), float(meta["step"])),
            names=tuple(meta["names"]),
            atoms=float(meta["atoms"]),
            runs=float(meta["runs"]),
        )


def train(curve_set: CurveSet, tell: Tell = silent, seed: int = 0) -> CurveModel:
    """Return the model of a set of glasses; seconds for a hundred glasses. ``seed``: of the glasses left out inside.

    GlasspotError for a set without glasses, and where the extra is not installed.
    """
    limits = need("threadpoolctl", "scikit-learn", "pcf", "the training of a curve model")
    # Thousands of factorisations of small matrices: with a thread for each core they take up to fifty times as long.
    with limits.threadpool_limits(1):
        model = _learnt(curve_set, tell, seed)
        tell("oxides left out", 0, 1)
        unseen = unseen_factors(curve_set, lambda part: _learnt(part, silent, seed, model.pairs), seed)
        tell("oxides left out", 1, 1)
    return replace(model, unseen=unseen)


def _learnt(curve_set: CurveSet, tell: Tell, seed: int, like: Mapping[str, PairModel] | None = None) -> CurveModel:
    """Return a model whose bands are not widened for what the data do not have; ``like``: with the kernels of these."""
    if not curve_set.glasses:
        raise GlasspotError("a model needs data: the set of curves has no glass.")
    compositions = [glass.composition for glass in curve_set.glasses]
    features = Features.of(compositions)
    x = features.rows(compositions)
    names = list(dict.fromkeys(pair for _, pair in curve_set.each()))
    curves, models = {}, {}
    for k, pair in enumerate(names):
        curves[pair] = curves_of(curve_set, pair)
        process = None if like is None else like[pair].process
        models[pair] = fit_pair(curves[pair], x, features.n_oxides, None if process is None else (process.kernel,))
        tell("curves of a pair", k + 1, len(names))
    return CurveModel(
        r=curve_set.r,
        features=features,
        x=x,
        pairs=models,
        factors=calibrated(curves, models, x, features.n_oxides, seed),
        unseen={"stand-in": 1.0, "host": 1.0},
        density=DensityModel.fit(curve_set),
        cutoffs=cutoffs_of(curve_set),
        near=Neighbourhood.of(compositions),
        names=tuple(glass.name for glass in curve_set.glasses),
        atoms=float(np.median([sum(glass.counts.values()) for glass in curve_set.glasses])),
        runs=float(np.median([glass.n_runs for glass in curve_set.glasses])),
    )

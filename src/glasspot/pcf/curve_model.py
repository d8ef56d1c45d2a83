"""The `curve` model: from a composition to g_ab(r) of all pairs with a band, by Gaussian processes of a few components.

Each pair of elements has a basis of its curves (``curve_basis``) and processes of their coefficients over the features
of the composition (``curve_features``, ``curve_process``); ``curve_band`` makes the band hold 90 %; what the data do
not have is taken from what is most like it (``curve_stand_ins``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.oxides import Oxide, parse_component
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve_band import calibrated, widened
from glasspot.pcf.curve_basis import curves_of, pair_scale
from glasspot.pcf.curve_features import Features
from glasspot.pcf.curve_pair import FEW, PairModel, fit_pair
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.curve_stand_ins import Source, StandIn, moved, sources, stand_ins
from glasspot.pcf.cutoffs import cutoffs_of
from glasspot.pcf.density import DensityModel
from glasspot.pcf.model import Tell, silent
from glasspot.pcf.neighbourhood import Neighbourhood
from glasspot.pcf.pairs import ends_of, pair_name, pairs_of
from glasspot.pcf.prediction import Prediction

FloatArray = NDArray[np.float64]

FAR = 3.0  # steps of the data beyond which the user is warned


@dataclass(frozen=True)
class CurveModel:
    """A trained model. ``x``: features of the glasses of the data; ``factors``: of the band, see ``curve_band``;
    ``atoms``, ``runs``: how large the simulations of the data were, for the noise that the band holds.
    """

    r: FloatArray
    features: Features
    x: FloatArray
    pairs: Mapping[str, PairModel]
    factors: Mapping[str, FloatArray]
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
        asked = _asked(pairs, fractions)
        density, density_error = self.density.predict(composition)
        instead = stand_ins(composition, self.features.oxides)
        oxides = self._oxides(composition)
        g, low, high = (np.zeros((len(asked), len(self.r))) for _ in range(3))
        missing = []
        for k, pair in enumerate(asked):
            taken = [(each.weight, source) for each in instead for source in sources(pair, each, self.pairs, oxides)]
            if not taken:
                raise GlasspotError(
                    f"the data of this model have no pair like {pair}; it knows {', '.join(self.pairs)}. "
                    "Train on a set that has it, or ask for other pairs."
                )
            v = pair_scale(pair, fractions, self.atoms, density, self.runs)
            g[k], sd = self._curve(pair, taken, v, oxides)
            half = widened(pair, g[k], sd, self.factors)
            low[k], high[k] = np.maximum(g[k] - half, 0.0), g[k] + half
            if pair not in self.pairs and not any(each.of for each in instead):
                missing.append((pair, taken))
        distance, nearest = self.near.distance(composition)
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
                *self._of_stand_ins(composition, instead),
                *(_of_missing(pair, taken) for pair, taken in missing),
                *self._of_few(asked),
                *self._of_distance(distance, nearest),
            ),
        )

    def _curve(
        self, pair: str, taken: Sequence[tuple[float, Source]], v: float, oxides: Mapping[str, str]
    ) -> tuple[FloatArray, FloatArray]:
        """Return g and the sd of a simulated curve (n_r,): the weighted mean over the sources, their spread in the sd.

        ``v``: error scale of the pair, A^3.
        """
        weights = np.array([weight * source.weight for weight, source in taken])
        weights = weights / weights.sum()
        curves, variances = [], []
        for _, source in taken:
            model = self.pairs[source.pair]
            mean, variance = model.predict(self.features.rows([source.composition]))
            curves.append(moved(self.r, mean[0], source.shift, source.pair, oxides))
            total = moved(self.r, variance[0] + model.noise(v), source.shift, source.pair, oxides)
            variances.append(total)
        g = weights @ np.array(curves)
        spread = weights @ (np.array(curves) - g) ** 2
        return g, np.sqrt(weights @ np.array(variances) + spread)

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

    def _of_stand_ins(self, composition: Composition, instead: Sequence[StandIn]) -> list[str]:
        """Return a warning for each oxide that the data do not have."""
        unseen = [name for name, _ in composition.oxides if name not in self.features.oxides]
        found = []
        for formula in unseen:
            shares = dict.fromkeys(self.features.oxides, 0.0)
            for each in instead:
                shares[each.by[formula]] += each.weight
            likest = " and ".join(f"{name} ({100 * share:.0f} %)" for name, share in shares.items() if share > 0)
            found.append(
                f"{formula} is not in the data: it was replaced by what is most like it, {likest}, and its curves were "
                "moved by the ionic radii. Take them as a first guess."
            )
        return found

    def _of_few(self, asked: Sequence[str]) -> list[str]:
        """Return a warning that names the pairs of which there is too little data."""
        few = [f"{pair} ({len(self.pairs[pair].rows)})" for pair in asked if self._is_scarce(pair)]
        if not few:
            return []
        return [f"fewer than {FEW} glasses of the data have {', '.join(few)}: their mean curve is given, as it is."]

    def _is_scarce(self, pair: str) -> bool:
        return pair in self.pairs and self.pairs[pair].process is None

    def _of_distance(self, distance: float, nearest: int) -> list[str]:
        """Return a warning for a composition far from the data."""
        if distance <= FAR:
            return []
        step = 100 * self.near.step
        return [
            f"the composition is far from the data: {distance:.1f} times as far from the nearest glass "
            f"({self.names[nearest]}) as glasses of the data usually are from each other ({step:.1f} mol%). "
            "The band may be too narrow."
        ]

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
        """Return the model of :meth:`state`."""

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

    GlasspotError for a set without glasses.
    """
    if not curve_set.glasses:
        raise GlasspotError("a model needs data: the set of curves has no glass.")
    compositions = [glass.composition for glass in curve_set.glasses]
    features = Features.of(compositions)
    x = features.rows(compositions)
    names = list(dict.fromkeys(pair for _, pair in curve_set.each()))
    curves, models = {}, {}
    for k, pair in enumerate(names):
        tell("curves of a pair", k, len(names))
        curves[pair] = curves_of(curve_set, pair)
        models[pair] = fit_pair(curves[pair], x, features.n_oxides)
    tell("width of the bands", 0, 1)
    factors = calibrated(curves, models, x, features.n_oxides, seed)
    tell("width of the bands", 1, 1)
    return CurveModel(
        r=curve_set.r,
        features=features,
        x=x,
        pairs=models,
        factors=factors,
        density=DensityModel.fit(curve_set),
        cutoffs=cutoffs_of(curve_set),
        near=Neighbourhood.of(compositions),
        names=tuple(glass.name for glass in curve_set.glasses),
        atoms=float(np.median([sum(glass.counts.values()) for glass in curve_set.glasses])),
        runs=float(np.median([glass.n_runs for glass in curve_set.glasses])),
    )


def _asked(pairs: Sequence[str] | None, fractions: Mapping[str, float]) -> tuple[str, ...]:
    """Return the names of the pairs asked for; GlasspotError for one that the glass does not have."""
    there = pairs_of(fractions)
    if pairs is None:
        return there
    found = []
    for pair in pairs:
        name = pair_name(*ends_of(pair)) if "-" in pair else pair
        if name not in there:
            raise GlasspotError(
                f'the glass has no pair "{pair}"; it has {", ".join(there)}.{did_you_mean(pair, there)}'
            )
        found.append(name)
    return tuple(dict.fromkeys(found))


def _of_missing(pair: str, taken: Sequence[tuple[float, Source]]) -> str:
    likest = " and ".join(dict.fromkeys(source.pair for _, source in taken))
    return f"no glass of the data has {pair}: its curve was made of {likest}, moved by the ionic radii."

"""The model of the paper as printed: fingerprint -> random forest -> 8 latent values -> decoder -> picture -> g(r).

K. Ayush et al., "Predicting pair correlation functions of glasses using machine learning", sections III to V. It gives
no uncertainty, knows seven elements and three dopants, and does not see how much Na2O, B2O3 and SiO2 a glass has (see
``fingerprint``). The density of a prediction is that of the ``curve`` model, since the paper has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.cutoffs import cutoffs_of
from glasspot.pcf.density import DensityModel
from glasspot.pcf.model import Tell, silent
from glasspot.pcf.pairs import asked_pairs
from glasspot.pcf.paper.autoencoder import EPOCHS, train_autoencoder
from glasspot.pcf.paper.fingerprint import BASE, DOPANTS, LENGTH, check_known, fingerprint
from glasspot.pcf.paper.forest import Forest, ForestSettings, grow, search
from glasspot.pcf.paper.image import Axes
from glasspot.pcf.paper.network import LATENT, Network
from glasspot.pcf.paper.training import PaperTraining, r_squared, relative_errors, units_of
from glasspot.pcf.prediction import Prediction

HELD_OUT = 0.2  # the share of the curves that the paper keeps for its test
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PaperModel:
    """A trained model. scale (8,): the forest gives latents in these units; trained: the fingerprints trained on,
    (n, 58); training: the record for a report."""

    axes: Axes
    network: Network
    forest: Forest
    scale: FloatArray
    trained: FloatArray
    density: DensityModel
    cutoffs: Mapping[str, float]
    training: PaperTraining

    kind = "paper"

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        """Return the curves of ``pairs`` (None: all of the glass's elements), without a band.

        GlasspotError for an oxide that the paper's fingerprint does not have, and for a pair that the glass does not.
        """
        check_known(composition)
        fractions = atom_fractions(composition)
        asked = asked_pairs(pairs, fractions)
        samples = np.array([fingerprint(composition, pair) for pair in asked])
        density, density_error = self.density.predict(composition)
        return Prediction(
            composition=composition,
            r=self.axes.r,
            pairs=asked,
            g=self.curves_of(samples),
            low=None,
            high=None,
            number_density=density,
            number_density_error=density_error,
            fractions=fractions,
            cutoffs={pair: cutoff for pair, cutoff in self.cutoffs.items() if set(pair.split("-")) <= set(fractions)},
            warnings=self._warnings(composition, samples[0]),
        )

    def curves_of(self, samples: FloatArray) -> FloatArray:
        """Return g(r) of fingerprints (n, 58): (n, n_r)."""
        latents = (self.forest.predict(samples) * self.scale).astype(np.float32)
        return self.axes.read(self.network.decode(latents))

    def _warnings(self, composition: Composition, sample: FloatArray) -> tuple[str, ...]:
        """Say what the fingerprint leaves out, and where it leaves the data; ``sample``: of any pair of the glass."""
        found = []
        there = [name for name in BASE if composition.fractions.get(name, 0.0) > 0]
        if len(there) > 1:
            found.append(
                f"the model of the paper does not see how much {', '.join(there)} there is: glasses of other ratios "
                "get the same curves. The curve model does."
            )
        n_flags = len(BASE) + len(DOPANTS)
        flags, doses = self.trained[:, :n_flags], self.trained[:, n_flags : n_flags + len(DOPANTS)]
        alike = (flags == sample[:n_flags]).all(axis=1)
        if not alike.any():
            found.append("no glass of the data has this set of oxides: the forest answers with the most similar ones.")
        else:
            for name, dose, column in zip(DOPANTS, sample[n_flags:], doses[alike].T, strict=False):
                if not column.min() - 1e-9 <= dose <= column.max() + 1e-9:
                    found.append(
                        f"{dose:.3g} mol% {name} is outside the data ({column.min():.3g} to {column.max():.3g}): a "
                        "forest answers with the nearest amount that it knows."
                    )
        return tuple(found)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays)."""
        density_meta, density = self.density.state()
        training_meta, training = self.training.state()
        meta = {
            "top": self.axes.top,
            "cutoffs": dict(self.cutoffs),
            "density": density_meta,
            "training": training_meta,
        }
        arrays = {"r": self.axes.r, "scale": self.scale, "trained": self.trained}
        parts = {"density": density, "training": training, "forest": self.forest.arrays()}
        for part, own in (parts | {"network": self.network.arrays()}).items():
            arrays |= {f"{part}/{name}": value for name, value in own.items()}
        return meta, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> PaperModel:
        """Return the model of :meth:`state`; ValueError or KeyError for arrays that are not those of one."""

        def under(part: str) -> dict[str, np.ndarray]:
            start = f"{part}/"
            return {name[len(start) :]: value for name, value in arrays.items() if name.startswith(start)}

        forest = Forest.from_arrays(under("forest"), LENGTH)
        scale, trained = np.asarray(arrays["scale"], float), np.asarray(arrays["trained"], float)
        if scale.shape != (LATENT,) or forest.value.shape[1] != LATENT or trained.shape[1:] != (LENGTH,):
            raise ValueError("the latent values or the fingerprints have another length than those of the paper")
        return cls(
            axes=Axes(np.asarray(arrays["r"], float), float(meta["top"])),
            network=Network.from_arrays(under("network")),
            forest=forest,
            scale=scale,
            trained=trained,
            density=DensityModel.from_state(meta["density"], under("density")),
            cutoffs={str(pair): float(value) for pair, value in meta["cutoffs"].items()},
            training=PaperTraining.from_state(meta["training"], under("training")),
        )


def train(
    curve_set: CurveSet,
    tell: Tell = silent,
    seed: int = 0,
    epochs: int = EPOCHS,
    settings: ForestSettings | None = None,
    held_out: float = HELD_OUT,
) -> PaperModel:
    """Return the model of a set of glasses; minutes (800 epochs of 500 curves: about 10 min of one core).

    A share ``held_out`` of the curves is kept for the figures of ``training`` and not trained on, as in the paper; with
    0 all are trained on. ``settings``: of the forest, the paper's by default. Runs of one glass are averaged first.
    GlasspotError for a set with fewer than two curves, or with an oxide that the paper does not have.
    """
    names = tuple((glass.name, pair) for glass, pair in curve_set.each())
    if len(names) < 2:
        raise GlasspotError(f"the model of the paper needs two curves or more to learn from; the set has {len(names)}.")
    samples = np.array([fingerprint(glass.composition, pair) for glass, pair in curve_set.each()])
    curves = np.array([glass.mean(pair) for glass, pair in curve_set.each()])
    unseen = _chosen(len(names), held_out, seed)
    axes = Axes.of(curve_set.r, curves[~unseen])
    pictures = axes.draw(curves)
    network, losses = train_autoencoder(pictures[~unseen], pictures[unseen], epochs, seed, tell)
    latents = network.encode(pictures).astype(np.float64)
    scale = units_of(latents[~unseen])
    known, asked = ((samples[part], latents[part] / scale) for part in (~unseen, unseen))
    settings = settings or ForestSettings()
    forest = grow(*known, settings, seed)
    decoded = network.decode(latents.astype(np.float32))
    predicted = axes.read(network.decode((forest.predict(samples) * scale).astype(np.float32)))
    training = PaperTraining(
        seed=seed,
        losses=losses,
        settings=settings,
        searched=search(known, asked, settings, seed, tell) if unseen.any() else (),
        r2_train=r_squared(known[1], forest.predict(known[0])),
        r2_held_out=r_squared(asked[1], forest.predict(asked[0])) if unseen.any() else float("nan"),
        names=names,
        held_out=unseen,
        latents=latents,
        pixels=((decoded - pictures) ** 2).mean(axis=(1, 2), dtype=np.float64),
        drawn=relative_errors(curves, axes.read(pictures)),
        coded=relative_errors(curves, axes.read(decoded)),
        predicted=relative_errors(curves, predicted),
        distinct=len(np.unique(samples, axis=0)),
    )
    density, cutoffs = DensityModel.fit(curve_set), cutoffs_of(curve_set)
    return PaperModel(axes, network, forest, scale, samples[~unseen], density, cutoffs, training)


def _chosen(n: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which of ``n`` curves are held out, (n,), at random."""
    found = np.zeros(n, dtype=bool)
    found[np.random.default_rng(seed).permutation(n)[: min(round(share * n), n - 1)]] = True
    return found

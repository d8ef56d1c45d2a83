"""A model that obeys the protocol and knows the made-up world: fast, and nothing in it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.oxides import parse_oxide
from glasspot.pcf.pairs import ends_of, pairs_of
from glasspot.pcf.prediction import Prediction
from pcf_samples import FORMERS, GRID, true_curve

KNOWN = ("SiO2", "B2O3", "Na2O", "BaO", "ZnO", "TiO2")


class FakeModel:
    """Gives the true curve, with a band of ``width`` times the curve, and a warning for an oxide it has not seen."""

    kind = "fake"

    def __init__(self, width: float = 0.05, weights: np.ndarray | None = None) -> None:
        self.width = width
        self.weights = np.ones(3) if weights is None else weights

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        atoms: dict[str, float] = {}
        for formula, share in composition.oxides:
            oxide = parse_oxide(formula)
            atoms[oxide.element] = atoms.get(oxide.element, 0.0) + share * oxide.cations
            atoms["O"] = atoms.get("O", 0.0) + share * oxide.oxygens
        fractions = {name: number / sum(atoms.values()) for name, number in atoms.items()}
        everything = pairs_of(fractions)
        names = everything if pairs is None else tuple("-".join(ends_of(pair)) for pair in pairs)
        if missing := [pair for pair in names if pair not in everything]:
            raise GlasspotError(f"there is no pair {missing[0]} in {composition}; there are {', '.join(everything)}.")
        unseen = [name for name, _ in composition.oxides if name not in KNOWN]
        g = np.array([true_curve(composition, pair) for pair in names])
        cutoffs = {pair: 2.2 for pair in everything if pair.split("-")[0] in FORMERS and pair.endswith("-O")}
        return Prediction(
            composition, GRID, names, g, g * (1 - self.width), g * (1 + self.width), 0.07, 0.001, fractions, cutoffs,
            0.5, tuple(f"{name} was never seen" for name in unseen),
        )  # fmt: skip

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"width": self.width}, {"weights of it": self.weights}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> FakeModel:
        weights = arrays["weights of it"]
        if weights.shape != (3,):
            raise ValueError(f"the weights have the shape {weights.shape}; expected (3,)")
        return cls(float(meta["width"]), weights)

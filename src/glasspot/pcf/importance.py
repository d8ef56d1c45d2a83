"""How much each oxide matters: what one mol% more of it does to the curves."""

from __future__ import annotations

import numpy as np

from glasspot.composition import Composition
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Model

STEP = 0.01  # mole fraction


def importance(model: Model, curve_set: CurveSet) -> dict[str, float]:
    """Return oxide -> by how much the curves change per mol% of it, in percent, on average over the glasses.

    In each glass of the set that has the oxide besides others, 1 mol% of the glass is replaced by that oxide, all
    others keeping their proportions. The change of a pair is ||g' - g|| / ||g|| (norms over r) of the predicted
    curves; the mean is over all pairs of the glass, then over the glasses. No simulation is needed. NaN never: an oxide
    that is nowhere with others is left out.
    """
    found: dict[str, list[float]] = {}
    for glass in curve_set.glasses:
        before = model.predict(glass.composition)
        for formula, share in glass.composition.oxides:
            if share > 1 - STEP:
                continue
            after = model.predict(_more(glass.composition, formula), before.pairs)
            change = np.linalg.norm(after.g - before.g, axis=1) / np.linalg.norm(before.g, axis=1)
            found.setdefault(formula, []).append(100 * float(change.mean()))
    return {formula: float(np.mean(changes)) for formula, changes in found.items()}


def _more(composition: Composition, formula: str) -> Composition:
    return Composition(
        tuple((name, share * (1 - STEP) + (STEP if name == formula else 0.0)) for name, share in composition.oxides)
    )

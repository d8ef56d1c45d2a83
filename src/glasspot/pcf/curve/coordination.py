"""How uncertain a coordination number of the `curve` model is: from each glass of the data as the others predict it.

The band cannot tell it: it says how far each point of a curve may be off, but a peak that moves or widens leaves the
number of neighbours as it is, and around silicon that number hardly changes at all. The first shell of a pair is a
linear function of its coefficients (``shell``), so is the error that its Gaussian processes make of each glass
when it is left out. Their mean square is taken, and more of it where the processes know less of the composition than
they know of their left-out glasses; times 1 + k/n, since the k components were made with all n glasses; and the square
of 1/N is added, N the cations of one kind in the simulation: a number of neighbours cannot be told to less than a bond.
"""

from __future__ import annotations

import numpy as np

from glasspot.composition import Composition
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve.model import CurveModel
from glasspot.structure.pdf import volumes_within


def coordination_error(model: CurveModel, composition: Composition, pair: str, cutoff: float) -> float | None:
    """Return the standard deviation of the number of oxygens within ``cutoff`` (A) of the cation of ``pair``.

    None where the model has no process of the pair, or an oxide is not in its data.
    """
    found = model.pairs.get(pair)
    unseen = any(name not in model.features.oxides for name, _ in composition.oxides)
    if found is None or found.process is None or unseen or not pair.endswith("-O"):
        return None
    counted = found.shell.density * volumes_within(model.r, cutoff)
    per_coefficient = found.basis.components @ counted
    errors, unknown = found.process.left_out()
    _, here = found.process.predict(model.features.rows([composition]))
    usual = float(np.mean(unknown @ per_coefficient**2))
    more = float(here[0] @ per_coefficient**2) / usual if usual > 0 else 1.0
    n, k = errors.shape
    spread = float(np.mean((errors @ per_coefficient) ** 2)) * max(1.0, more) * (1 + k / n)
    cations = atom_fractions(composition)[pair.split("-")[0]] * model.atoms * model.runs
    return float(np.sqrt(spread + 1.0 / max(cations, 1.0) ** 2))

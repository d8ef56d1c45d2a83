"""What the `curve` model sees of a composition: its oxides, and what glass chemistry says of them.

    x_o       mole fraction of each oxide of the data, in units of ``SHARE``
    s_p       four-fold boron per network former; charge of modifiers per network former; mean field strength of the
              cations; oxygens per network former: each in units of its spread over the data

Four-fold boron is that of Dell, Bray and Xiao (``composition.four_fold_share``), which bends where the boron anomaly
does. s_p is left out for glasses that are not of oxides, or whose cations are not tabulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition, four_fold_share
from glasspot.oxides import parse_oxide
from glasspot.pcf.curve.elements import has_ion, ion_of

FloatArray = NDArray[np.float64]
SHARE = 0.1  # mole fraction


@dataclass(frozen=True)
class Features:
    """From compositions to rows. ``oxides``: those of the data; ``centre``, ``spread``: of s_p, empty without s_p."""

    oxides: tuple[str, ...]
    centre: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, compositions: Sequence[Composition]) -> Features:
        """Return the features of the oxides of these compositions."""
        oxides = tuple(dict.fromkeys(name for composition in compositions for name, _ in composition.oxides))
        if not all(has_ion(name) for name in oxides):
            return cls(oxides, np.zeros(0), np.zeros(0))
        values = np.array([chemistry(composition) for composition in compositions])
        spread = values.std(axis=0)
        return cls(oxides, values.mean(axis=0), np.where(spread > 1e-6, spread, 1.0))

    @property
    def n_oxides(self) -> int:
        return len(self.oxides)

    def rows(self, compositions: Sequence[Composition]) -> FloatArray:
        """Return (n, n_features), the oxides first; an oxide that is not of the data is not seen."""
        shares = np.array([[c.fractions.get(name, 0.0) / SHARE for name in self.oxides] for c in compositions])
        if not len(self.centre):
            return shares
        values = (np.array([chemistry(composition) for composition in compositions]) - self.centre) / self.spread
        return np.hstack([shares, values])


def chemistry(composition: Composition) -> FloatArray:
    """Return s_p, (4,), not scaled, of a glass of oxides."""
    boron = composition.fractions.get("B2O3", 0.0)
    formers = charge = strength = cations = oxygens = 0.0
    for formula, share in composition.oxides:
        ion, oxide = ion_of(formula), parse_oxide(formula)
        amount = share * oxide.cations
        cations += amount
        oxygens += share * oxide.oxygens
        strength += amount * ion.field_strength
        if ion.is_former:
            formers += amount
        else:
            charge += amount * ion.valence
    formers = max(formers, 0.05 * cations)  # a glass without formers is no glass, but must not divide by zero
    four_fold = four_fold_share(composition)
    return np.array([2 * boron * four_fold / formers, charge / formers, strength / cations, oxygens / formers])

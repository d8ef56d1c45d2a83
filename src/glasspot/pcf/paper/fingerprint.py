"""The fingerprint of K. Ayush et al., "Predicting pair correlation functions of glasses using machine learning",
section III and Fig. 1: 58 numbers for one pair of elements in one glass.

Trap: the fingerprint says which of Na2O, B2O3 and SiO2 are in the glass, but not how much of each. Two borosilicates of
different ratios (10 Na2O 20 B2O3 70 SiO2 and 30 Na2O 30 B2O3 40 SiO2) have the same fingerprint, so that the model of
the paper gives them the same curves. This is the model as printed; it limits what the model can learn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.pairs import ends_of

BASE = ("Na2O", "B2O3", "SiO2")
DOPANTS = ("BaO", "TiO2", "ZnO")
ELEMENTS = ("Si", "B", "O", "Ba", "Na", "Ti", "Zn")
LENGTH = len(BASE) + 2 * len(DOPANTS) + len(ELEMENTS) ** 2  # 3 + 6 + 49

FloatArray = NDArray[np.float64]


def check_known(composition: Composition) -> None:
    """Raise GlasspotError for a glass that the fingerprint has no place for."""
    present = {name for name, share in composition.oxides if share > 0}
    strange = [name for name, share in composition.oxides if share > 0 and name not in BASE + DOPANTS]
    if strange:
        raise GlasspotError(
            f"the model of the paper knows no {' or '.join(strange)}: its fingerprint has places for "
            f"{', '.join(BASE)} and the dopants {', '.join(DOPANTS)} only. Train with --model curve for other glasses."
        )
    if not present & set(BASE):
        raise GlasspotError(
            f"the model of the paper needs a base glass of {', '.join(BASE)}; this one has only "
            f"{', '.join(sorted(present))}. Train with --model curve for other glasses."
        )


def fingerprint(composition: Composition, pair: str) -> FloatArray:
    """Return the fingerprint of a pair in a glass, (58,).

    3 flags: is there Na2O, B2O3, SiO2. 3 flags: is there BaO, TiO2, ZnO. 3 amounts: of these, in mol% of the
    glass (0.5 for 0.5 %, as in the paper, which says mass in one place and molar in another). The 7x7 matrix of the
    pair, row by row, in the order Si B O Ba Na Ti Zn. The paper prints a symmetric matrix of 28 distinct pairs: so a
    pair of unlike elements has a 1 in both of its places, and a pair of like elements one on the diagonal.
    Raises GlasspotError for oxides or elements that the paper does not have.
    """
    check_known(composition)
    shares = composition.fractions
    base = [float(shares.get(name, 0.0) > 0) for name in BASE]
    doses = [100 * shares.get(name, 0.0) for name in DOPANTS]
    a, b = ends_of(pair)
    for element in (a, b):
        if element not in ELEMENTS:
            raise GlasspotError(
                f"the model of the paper knows no {element}: its pairs are those of {', '.join(ELEMENTS)}."
            )
    matrix = np.zeros((len(ELEMENTS), len(ELEMENTS)))
    i, j = ELEMENTS.index(a), ELEMENTS.index(b)
    matrix[i, j] = matrix[j, i] = 1.0
    return np.array([*base, *(float(dose > 0) for dose in doses), *doses, *matrix.ravel()])

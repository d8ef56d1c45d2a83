"""How close the atoms of a data set come: nearer than that, a model fitted to it has seen nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.structure.pairs import neighbour_list

REACH = 4.0  # A; two elements that never come so close have no bond in these data


def least_distances(frames: Sequence[LabelledFrame], elements: Sequence[str]) -> dict[str, float]:
    """Return "As-Te" -> the least distance in A in all ``frames``; a pair never nearer than REACH is left out."""
    found = dict.fromkeys(combinations_with_replacement(elements, 2), np.inf)
    for labelled in frames:
        frame = labelled.frame
        first, second, _, distances = neighbour_list(frame, np.full((len(frame.species),) * 2, REACH))
        names = np.array(frame.species)[frame.types]
        for a, b in found:
            of_pair = distances[(names[first] == a) & (names[second] == b)]
            if len(of_pair):
                found[a, b] = min(found[a, b], float(of_pair.min()))
    return {f"{a}-{b}": float(distance) for (a, b), distance in found.items() if np.isfinite(distance)}

"""Coordination and bond angles of a run's frames: evidence that is never part of the cost.

Angles a-b-a around every bonded centre, such as O-Si-O and Si-O-Si; bonds end at the first minimum of g(r).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Observe
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution
from glasspot.structure.peaks import first_minimum
from glasspot.structure.topology import angle_moments, bond_angles, coordination, find_bonds

# Bonds are cation-anion in an oxide; g(r) on bins of this width (A) gives their cut-off.
BIN_WIDTH = 0.05
ANGLE_BIN = 2.0  # degrees
MOST_NEIGHBOURS = 12


def structure_arrays(
    frames: Sequence[Frame], anion: str, observe: Observe
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return numbers ("coordination Si-O", "angle O-Si-O") and curves ("... |x", "... |y") of the frames."""
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    distribution = pair_distribution(frames, observe.r_max, BIN_WIDTH)
    cutoffs: dict[str, float] = {}
    for cation in (s for s in frames[0].species if s != anion):
        pair = f"{cation}-{anion}"
        try:
            cutoffs[pair] = first_minimum(distribution.r, distribution.partial(pair))
        except GlasspotError:
            # No shell of neighbours that ends: nothing to report for this pair (a fluid that came apart).
            continue
        numbers[f"cut-off {pair}"] = cutoffs[pair]
    if not cutoffs:
        return numbers, arrays
    bonds = find_bonds(frames, cutoffs)
    for pair in cutoffs:
        cation = pair.removesuffix(f"-{anion}")
        for centre, end in ((cation, anion), (anion, cation)):
            name = f"coordination {centre}-{end}"
            found = coordination(bonds, centre, end)
            numbers[name] = found.mean
            arrays[f"{name}|x"] = np.arange(MOST_NEIGHBOURS + 1, dtype=float)
            arrays[f"{name}|y"] = np.array([found.distribution.get(n, 0.0) for n in range(MOST_NEIGHBOURS + 1)])
            name = f"angle {end}-{centre}-{end}"
            angle, density = bond_angles(bonds, end, centre, end, ANGLE_BIN)
            if density.any():
                numbers[name] = angle_moments(angle, density)[0]
                arrays[f"{name}|x"], arrays[f"{name}|y"] = angle, density
    return numbers, arrays

"""Coordination and bond angles of a run, as ``glasspot analyse`` finds them: evidence, never part of the cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.evaluate.job import Observe
from glasspot.structure.analysis import Options, analyse
from glasspot.structure.frames import Frame

ANGLE_BIN = 2.0  # degrees: the frames are few
MOST_NEIGHBOURS = 12


def structure_arrays(frames: Sequence[Frame], observe: Observe) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return numbers ("coordination Si-O", "angle O-Si-O") and curves ("... |x", "... |y") of the frames."""
    found = analyse(frames, Options(r_max=observe.r_max, angle_bin=ANGLE_BIN))
    numbers = {f"cut-off {pair}": cutoff.value for pair, cutoff in found.cutoffs.items()}
    arrays: dict[str, np.ndarray] = {}
    neighbours = np.arange(MOST_NEIGHBOURS + 1)
    for c in found.coordination:
        name = f"coordination {c.centre}-{c.neighbour}"
        numbers[name] = c.mean
        arrays[f"{name}|x"] = neighbours.astype(float)
        arrays[f"{name}|y"] = np.array([c.distribution.get(int(n), 0.0) for n in neighbours])
    for a in found.angles:
        name = f"angle {a.name}"
        numbers[name] = a.mean
        arrays[f"{name}|x"], arrays[f"{name}|y"] = a.angle, a.density
    return numbers, arrays

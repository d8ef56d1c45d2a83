"""Made-up runs of a liquid whose frames have no memory, and whose covariances are known."""

from __future__ import annotations

import numpy as np

from glasspot.evaluate.job import Outcome
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System

NODES, R_MAX, BLOCKS, FRAMES = 32, 8.0, 10, 20  # frames of a block
SYSTEM = System(("Si-Si", "Si-O", "O-O"), {"Si": 10, "O": 20}, 500.0)
COOL, HOT = 3000.0, 4000.0
# Three motions of the liquid: how each moves the histogram, and the two slopes dU/du.
SHAPES = np.random.default_rng(0).standard_normal((3, 3, NODES + 1))
SLOPES = np.array([[1.0, 0.2], [-0.5, 0.8], [0.0, 0.3]])


def objective(states: int) -> Objective:
    edges = np.arange(4, 31) * 0.25
    found = []
    for n in range(states):
        target = CurveTarget(f"g(r) {n}", None, edges, np.ones(26), weight=1.0 + n)
        found.append(StateTargets(str(n), (target,), SYSTEM, R_MAX, NODES))
    return Objective(tuple(found))


def run(rng: np.random.Generator, shift: float = 0.0) -> Outcome:
    """Frames without memory: histogram 20 + shift + motions, slopes of the same motions."""
    motions = rng.standard_normal((BLOCKS, FRAMES, 3))
    histograms = 20.0 + shift + np.einsum("bfk,kpn->bfpn", motions, SHAPES)
    slopes = motions @ SLOPES + 7.0
    offset = slopes[0, 0]
    slopes = slopes - offset
    arrays = {
        "frames": np.full(BLOCKS, FRAMES),
        "histogram": histograms.mean(1),
        "slope": slopes.mean(1),
        "slope_offset": offset,
        "cross": np.einsum("bfpn,bfk->bpnk", histograms, slopes) / FRAMES,
    }
    return Outcome("k", True, arrays=arrays)

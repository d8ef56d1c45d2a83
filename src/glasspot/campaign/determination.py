"""What the data say about the fitted parameters: errors, and the directions they leave open.

With J the Jacobian of the scaled curves on the unit cube and V the variance of the fitted curves and of the target, the
covariance of the fitted point is  (J^T J)^-1 J^T V J (J^T J)^-1  to first order. The eigenvectors of J^T J are the
directions; one is called undetermined when a step of half a window along it changes the curves by less than the noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glasspot.potential.parameters import ParameterSpace
from glasspot.search.gauss_newton import LinearModel
from glasspot.target import Objective

# Parts smaller than this of a direction are left out of its description in words.
SMALL_PART = 0.25


def determination(space: ParameterSpace, model: LinearModel, objective: Objective, runs: int) -> dict[str, Any]:
    """Return errors of the parameters (in units of the cube) and the directions, sharpest first, as plain values."""
    jacobian = model.jacobian
    # The noise of J inflates J^T J in directions in which there is nothing but noise.
    information = jacobian.T @ jacobian - model.jacobian_noise
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    order = np.argsort(values)[::-1]
    noise = float(np.hypot(model.cost_noise / np.sqrt(max(runs, 1)), objective.reference_noise()))
    directions = []
    for k in order:
        change = 0.5 * float(np.sqrt(max(values[k], 0.0)))
        vector = vectors[:, k] * np.sign(vectors[np.argmax(np.abs(vectors[:, k])), k])
        components = {name: float(c) for name, c in zip(space.names, vector, strict=True)}
        determined = change > noise
        directions.append(
            {
                "cost_change": change,
                "determined": bool(determined),
                "components": components,
                "words": in_words(components, change, noise),
            }
        )
    # Noise spread evenly over the curves: each scaled bin has the variance noise^2 / m.
    per_bin = noise**2 / len(model.curves)
    variances = np.maximum(values, 1e-12)
    covariance = (vectors / variances) @ vectors.T * per_bin
    errors = np.sqrt(np.diag(covariance))
    return {
        "errors": {name: (float(e) if e < 0.5 else None) for name, e in zip(space.names, errors, strict=True)},
        "directions": directions,
        "noise": noise,
    }


def in_words(components: dict[str, float], change: float, noise: float) -> str:
    """Return a direction as a sentence: which parameters move together, and what half a window of it does."""
    parts = [(name, c) for name, c in sorted(components.items(), key=lambda item: -abs(item[1])) if abs(c) > SMALL_PART]
    up = [name for name, c in parts if c > 0]
    down = [name for name, c in parts if c < 0]
    moves = " and ".join(
        filter(None, ["raise " + ", ".join(up) if up else "", "lower " + ", ".join(down) if down else ""])
    )
    verdict = "not determined by the data" if change <= noise else "determined"
    return f"{moves}: half a window changes the curves by {_percent(change)} (noise {_percent(noise)}); {verdict}"


def _percent(fraction: float) -> str:
    percent = 100 * fraction
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"

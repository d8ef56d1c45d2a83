"""What the data say about the fitted parameters: errors, and the directions they leave open.

With J the Jacobian of the scaled curves on the unit cube and V the covariance of the fitted curves and of the target,
the covariance of the fitted point is

    (J^T J)^-1 J^T V J (J^T J)^-1                                                                                  (1)

to first order. The noise of a g(r) is no white noise: it lies where the peaks are and joins neighbouring bins, which is
where J is large, so V is taken from the blocks of the runs. Only its trace is set by the noise of the fit as a whole,
that of the target (of which no more than the size is known) included. What the form of the potential cannot describe
is no noise, and not in (1).

The eigenvectors of J^T J are the directions; one is called undetermined when a step of half a window along it changes
the curves by less than the noise. A direction of which (1) knows less than the window does gets the variance of a flat
distribution over the window, 1/12 in units of the cube: the window bounds what the data leave open, and the other
parameters keep errors that mean something.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glasspot.potential.parameters import ParameterSpace
from glasspot.search.gauss_newton import LinearModel
from glasspot.target.objective import Objective

# Parts smaller than this of a direction are left out of its description in words.
SMALL_PART = 0.25
# Variance of a flat distribution over a window, and the error from which on the data add little to the window.
WINDOW_VARIANCE = 1.0 / 12.0
LARGEST_ERROR = 0.2
# An eigenvalue of J^T J below this, or negative once the noise is taken off, holds no information.
LEAST_INFORMATION = 1e-12


def determination(space: ParameterSpace, model: LinearModel, objective: Objective) -> dict[str, Any]:
    """Return errors of the parameters and their covariance, in units of the cube, and the directions, sharpest first.

    All as plain values. ``model`` is the last one, averaged over its neighbours. An error above a fifth of the window
    is None: knowing only the window is hardly worse (0.29), so the data do not determine the parameter.
    """
    jacobian = model.jacobian
    # The noise of J inflates J^T J in directions in which there is nothing but noise.
    information = jacobian.T @ jacobian - model.jacobian_noise
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    order = np.argsort(values)[::-1]
    noise = float(np.hypot(model.cost_noise, objective.reference_noise()))
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
    # With V = s^T s, s of k blocks, (1) is the square of k shifts of the point, here along each direction.
    shifts = noise / np.linalg.norm(model.scatter) * model.scatter @ jacobian @ vectors
    shifts /= np.maximum(values, LEAST_INFORMATION)
    left_open = (values <= LEAST_INFORMATION) | ((shifts**2).sum(0) > WINDOW_VARIANCE)
    shifts[:, left_open] = 0.0
    covariance = vectors @ (shifts.T @ shifts + WINDOW_VARIANCE * np.diag(left_open)) @ vectors.T
    errors = np.sqrt(np.diag(covariance))
    return {
        "errors": {
            name: (float(e) if e < LARGEST_ERROR else None) for name, e in zip(space.names, errors, strict=True)
        },
        "covariance": covariance.tolist(),
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

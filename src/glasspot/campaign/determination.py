"""What the data say about the fitted parameters: errors, and the directions they leave open.

With J the Jacobian of the scaled values on the unit cube and V the covariance of the fitted values and of the target,
the covariance of the fitted point is

    (J^T J)^-1 J^T V J (J^T J)^-1                                                                                  (1)

to first order. The noise of a g(r) is no white noise: it lies where the peaks are and joins neighbouring bins, which is
where J is large, so V is taken from the blocks of the runs. Only its trace is set by the noise of the fit as a whole,
that of the target (of which no more than the size is known) included. What the form of the potential cannot describe
is no noise, and not in (1).

The Fisher information is F = J^T J / tr V: an eigenvalue over 4 is the square of the change of the values, in units of
their noise, for a step of half a window along its eigenvector. Below 1 that direction is called undetermined: sloppy,
in the words of Gutenkunst et al., PLoS Comput. Biol. 3, e189 (2007). Were V = (tr V) times one, (1) would be 1/F.
A direction of which (1) knows less than the window does gets the variance of a flat distribution over the window, 1/12
in units of the cube: the window bounds what the data leave open, and the other parameters keep errors that mean
something.

J comes from the validation runs of the fitted potential, so it does not matter which method found the point. Where a
Gauss-Newton search ended near it, its averaged model joins them; each counts by 1 / noise^2. The errors are those of
the best fit to these runs: a search that stopped short of it errs by more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glasspot.campaign.response import Measurement, gather, measure
from glasspot.evaluate.job import Outcome
from glasspot.potential.parameters import ParameterSpace
from glasspot.search.linear_model import LinearModel
from glasspot.target.objective import Objective

# Parts smaller than this of a direction are left out of its description in words.
SMALL_PART = 0.25
# Variance of a flat distribution over a window, and the error from which on the data add little to the window.
WINDOW_VARIANCE = 1.0 / 12.0
LARGEST_ERROR = 0.2
# An eigenvalue of J^T J below this, or negative once the noise is taken off, holds no information.
LEAST_INFORMATION = 1e-12
# Models whose curves differ by less than this R_chi, or a little more than their noise, are of one place.
NEAR = 0.02


def fresh_measurement(
    outcomes: Sequence[Sequence[Outcome]], point: np.ndarray, objective: Objective, temperatures: Sequence[float]
) -> Measurement | None:
    """Return what independent runs of the potential at ``point`` say, state by state, with the noise of their model.

    Runs that failed are left out; None where a state has none left.
    """
    good = [[outcome for outcome in state if outcome.ok] for state in outcomes]
    if not all(good):
        return None
    found = measure(good, point, objective, temperatures)
    variance = 0.0
    for s, state in enumerate(good):
        if len(state) > 1:
            means = np.array([gather([outcome], objective, s).mean_curves() for outcome in state])
            variance += float(means.var(axis=0, ddof=1).sum()) / len(state)
    # Blocks of one run share its slow fluctuations, so they tell too little noise.
    noise = max(found.noise, float(np.sqrt(variance)))
    return replace(found, noise=noise, model=found.model and replace(found.model, cost_noise=noise))


def pooled(fresh: LinearModel, search: LinearModel | None) -> LinearModel:
    """Return ``fresh`` with its Jacobian and noise joined with those of a model of the search, where that is near.

    The values stay those of the fresh runs: the search chose its point by its own, so they look too good.
    """
    if search is None:
        return fresh
    distance = float(np.linalg.norm(fresh.jacobian @ (search.point - fresh.point)))
    if distance > max(NEAR, 1.2 * fresh.cost_noise):
        return fresh
    noise = np.maximum([fresh.cost_noise, search.cost_noise], np.finfo(float).tiny)
    a, b = 1 / noise**2 / np.sum(1 / noise**2)
    return replace(
        fresh,
        jacobian=a * fresh.jacobian + b * search.jacobian,
        jacobian_noise=a**2 * fresh.jacobian_noise + b**2 * search.jacobian_noise,
        cost_noise=float(np.hypot(a * fresh.cost_noise, b * search.cost_noise)),
        scatter=np.concatenate([a * fresh.scatter, b * search.scatter]),
    )


def information_of(model: LinearModel) -> np.ndarray:
    """Return J^T J less what the noise of J puts into it, (n, n)."""
    information = model.jacobian.T @ model.jacobian - model.jacobian_noise
    return np.asarray(0.5 * (information + information.T))


def determination(space: ParameterSpace, model: LinearModel, objective: Objective) -> dict[str, Any]:
    """Return errors of the parameters and their covariance, in units of the cube, and the directions, sharpest first.

    All as plain values. A direction has its ``information`` (eigenvalue of F over 4), its ``error`` by (1) in windows,
    its ``components`` and what it means in ``words``. An error above a fifth of the window is None: knowing only the
    window is hardly worse (0.29), so the data do not determine the parameter.
    """
    values, vectors = np.linalg.eigh(information_of(model))
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    noise = float(np.hypot(model.cost_noise, objective.reference_noise()))
    # With V = s^T s, s of k blocks, (1) is the square of k shifts of the point, here along each direction.
    shifts = noise / np.linalg.norm(model.scatter) * model.scatter @ model.jacobian @ vectors
    shifts /= np.maximum(values, LEAST_INFORMATION)
    left_open = (values <= LEAST_INFORMATION) | ((shifts**2).sum(0) > WINDOW_VARIANCE)
    shifts[:, left_open] = 0.0
    along = shifts.T @ shifts + WINDOW_VARIANCE * np.diag(left_open)
    covariance = vectors @ along @ vectors.T
    errors = np.sqrt(np.diag(covariance))
    return {
        "errors": {
            name: (float(e) if e < LARGEST_ERROR else None) for name, e in zip(space.names, errors, strict=True)
        },
        "covariance": covariance.tolist(),
        "directions": [
            _direction(space.names, values[k], vectors[:, k], float(np.sqrt(along[k, k])), noise)
            for k in range(len(values))
        ],
        "noise": noise,
    }


def _direction(names: Sequence[str], value: float, vector: np.ndarray, error: float, noise: float) -> dict[str, Any]:
    """Return one eigenvector of J^T J, of which the largest component is positive, as plain values."""
    change = 0.5 * float(np.sqrt(max(value, 0.0)))
    vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
    components = {name: float(c) for name, c in zip(names, vector, strict=True)}
    return {
        "cost_change": change,
        "information": (change / noise) ** 2 if noise > 0 else None,
        "error": error,
        "determined": change > noise,
        "components": components,
        "words": in_words(components, change, noise),
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

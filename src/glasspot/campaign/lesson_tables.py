"""The tables of what the runs of a fit taught: is the model any good, what would another glass have changed, where is
the front of the best compromises, and how does the error lie over two parameters. Plain values for the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from glasspot.campaign.evidence import Evidence
from glasspot.campaign.lessons import FEWEST_SETS, MODEL, Lessons, plain
from glasspot.potential.model import Potential
from glasspot.search.cost_model import repeatable
from glasspot.search.pareto import front
from glasspot.surrogate.data import Surrogate
from glasspot.surrogate.models import make_surrogate
from glasspot.surrogate.scores import cross_validate

MAP = 150  # points along an axis of the error map, as in the paper
MAP_BATCH = 30  # rows of the map asked at once
FOLDS = 5
COMPARED = ("quadratic", "mlp", "mlp-ensemble", "plain-gp", MODEL)


def scores(lessons: Lessons) -> dict[str, Any]:
    """Return how well surrogates foretell sets that they were not taught: by parameter set, in five parts.

    Of each model "rmse" (k), "coverage" (levels, k) of its intervals, and "z_sd" (k); of ours "parity" as well: what it
    foretold, with its sd, and what was found, for each row.
    """
    rows = lessons.aims.rows(lessons.told)
    folds = min(FOLDS, len(np.unique(rows.group)))
    found: dict[str, Any] = {}
    for name in COMPARED:
        one = cross_validate(partial(make_surrogate, name, lessons.seed), rows, folds, lessons.seed)
        found[name] = {"rmse": one.rmse.tolist(), "coverage": one.coverage.tolist(), "z_sd": one.z_sd.tolist()}
        if name == MODEL:
            parity = {"mean": plain(one.mean), "sd": plain(one.total), "found": plain(rows.y)}
            found[name] |= {"levels": list(one.levels), "parity": parity}
    return found


def left_out(lessons: Lessons, surrogate: Surrogate) -> list[dict[str, Any]]:
    """Return for each glass what a fit without it would have chosen, and what that does to it.

    Chosen among the evaluated points, by the mean of the model of all runs. "without": the loss of the glass
    under the set that is best for the others; "with": under the set that is best for all; "own": under that which
    is best for the glass alone. Losses are parts of R_chi^2.
    """
    aims = lessons.aims
    values = aims.by_glass(surrogate.predict(aims.inputs(np.array(lessons.points))).mean)
    squares = np.where(aims.measured, (aims.scale * (values - aims.target)) ** 2, 0.0).sum(-1)  # (points, g)
    everything = int(np.argmin(squares.sum(1)))
    found = []
    for g, glass in enumerate(aims.glasses):
        others = int(np.argmin(np.delete(squares, g, axis=1).sum(1)))
        found.append({
            "glass": glass,
            "without": float(squares[others, g]),
            "with": float(squares[everything, g]),
            "own": float(squares[:, g].min()),
            "same_choice": others == everything,
        })  # fmt: skip
    return found


def unseen(lessons: Lessons) -> dict[str, Any] | None:
    """Return how well the model foretells a glass of which it was taught nothing: RMSE of each quantity.

    nan for a quantity that is no target of the glass.

    None with fewer than four glasses: three points in composition teach no trend.
    """
    aims = lessons.aims
    rows = aims.rows(lessons.told)
    count = len(aims.glasses)
    if count < 4 or aims.features.shape[1] == 0:
        return None
    glass = np.tile(np.arange(count), len(rows) // count)
    errors = []
    for g in range(count):
        surrogate = make_surrogate(MODEL, lessons.seed)
        surrogate.fit(rows.of(glass != g))
        mean = surrogate.predict(rows.x[glass == g]).mean
        missed = mean - rows.y[glass == g]
        known = np.isfinite(missed).sum(0)  # none where this glass has no such target
        squares = np.where(known > 0, np.nansum(missed**2, axis=0), np.nan) / np.maximum(known, 1)
        errors.append(np.sqrt(squares).tolist())
    return {"glasses": list(aims.glasses), "rmse": errors}


def pareto(lessons: Lessons, surrogate: Surrogate) -> dict[str, Any]:
    """Return the losses of each quantity at the aim, of every evaluated point, and which points are on the front."""
    points = lessons.points
    found = lessons.at_aim(surrogate, points)
    losses = np.array([one["losses"] for one in found])
    return {
        "points": [p.tolist() for p in points],
        "losses": losses.tolist(),
        "losses_sd": [one["losses_sd"] for one in found],
        "front": [int(i) for i in front(losses)],
    }


def error_map(
    lessons: Lessons, surrogate: Surrogate, centre: np.ndarray, axes: tuple[int, int], box: np.ndarray
) -> np.ndarray:
    """Return the loss of each quantity over two axes through ``centre``, at the aim: (k, MAP, MAP), second axis up.

    ``box`` (n, 2): the part of the cube that is drawn.
    """
    ticks = [np.linspace(box[axis, 0], box[axis, 1], MAP) for axis in axes]
    found = np.empty((len(lessons.aims.quantities), MAP, MAP))
    for first in range(0, MAP, MAP_BATCH):
        rows = slice(first, first + MAP_BATCH)
        points = np.tile(centre, (len(ticks[1][rows]) * MAP, 1))
        points[:, axes[0]] = np.tile(ticks[0], len(ticks[1][rows]))
        points[:, axes[1]] = np.repeat(ticks[1][rows], MAP)
        means = lessons.aims.by_glass(surrogate.predict(lessons.aims.inputs(points)).mean)
        found[:, rows] = lessons.aims.losses(means).T.reshape(len(found), -1, MAP)
    return found


def relevance(lessons: Lessons, surrogate: Surrogate, centre: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return for each axis how much the values change over the box along it, (n,), in units of R_chi."""
    spread = []
    for axis in range(len(centre)):
        points = np.tile(centre, (5, 1))
        points[:, axis] = np.linspace(box[axis, 0], box[axis, 1], 5)
        means = lessons.aims.by_glass(surrogate.predict(lessons.aims.inputs(points)).mean) * lessons.aims.scale
        spread.append(np.sqrt(np.nansum(np.ptp(means, axis=0) ** 2)))
    return np.array(spread)


def tables(lessons: Lessons, surrogate: Surrogate, fitted: np.ndarray, box: np.ndarray) -> dict[str, Any]:
    """Return all tables, about the ``fitted`` point (n,); the map is over the two axes that matter most in ``box``."""
    aims = lessons.aims
    matter = relevance(lessons, surrogate, fitted, box)
    first, second = (int(i) for i in sorted(np.argsort(-matter)[:2]))
    return {
        "aims": {
            "glasses": list(aims.glasses),
            "quantities": list(aims.quantities),
            "bounded": list(aims.bounded),
            "target": plain(aims.target),
            "scale": plain(aims.scale),
            "levels": aims.levels.tolist(),
        },
        "scores": scores(lessons),
        "left_out": left_out(lessons, surrogate),
        "unseen": unseen(lessons),
        "pareto": pareto(lessons, surrogate),
        "relevance": dict(zip(lessons.plan.space.names, matter.tolist(), strict=True)),
        "map": drawn_map(lessons, surrogate, fitted, (first, second), box),
    }


def lessons_of(
    lessons: Lessons, evidence: Evidence, scores: Sequence[Mapping[str, Any]], windows: np.ndarray | None
) -> dict[str, Any]:
    """Return all that is learned in the end, the validation runs of ``scores`` included; ``windows`` (n, 2) is drawn.

    {"reason": ...} where too few sets ran for a model.
    """
    named: dict[str, np.ndarray] = {}
    runs: dict[str, np.ndarray] = {}
    for record in scores:
        point = lessons.plan.space.place_of(Potential.from_dict(record["potential"]))
        samples = evidence.samples_of(record)
        if point is not None and len(samples):
            named[record["name"]], runs[record["name"]] = point, samples
            lessons.add(point, samples)
    if not lessons.enough:
        return {"reason": f"fewer than {FEWEST_SETS} parameter sets ran: too few for a model"}
    fitted = named.get(lessons.plan.name, lessons.points[0])
    box = np.tile([0.0, 1.0], (len(fitted), 1)) if windows is None else windows
    with repeatable(lessons.seed):
        model = lessons.model()
        found = tables(lessons, model, fitted, box)
        at_aim = dict(zip(named, lessons.at_aim(model, list(named.values())), strict=True))
        shifted = {name: lessons.shifted(model, named[name], own) for name, own in runs.items() if len(own) > 1}
    return {**found, "at_aim": at_aim, "shifted": shifted, "aim": aim_of(lessons)}


def aim_of(lessons: Lessons) -> dict[str, Any]:
    """Return where the fit is judged: rate (K/ps) and atoms, as they are or as they were extrapolated to."""
    plan = lessons.plan
    states = plan.fitted_states
    rates = [state.rate for state in states if state.rate > 0]
    return {
        "rate": plan.learning.aim_rate or (float(np.mean(rates)) if rates else None),
        "atoms": plan.learning.aim_atoms or round(float(np.mean([state.atoms for state in states]))),
        "extrapolated": plan.extrapolates,
    }


def drawn_map(
    lessons: Lessons, surrogate: Surrogate, centre: np.ndarray, axes: tuple[int, int], box: np.ndarray
) -> dict[str, Any]:
    """Return the error map with its axes in the units of the parameters."""
    space = lessons.plan.space
    ticks = []
    for axis in axes:
        points = np.tile(centre, (MAP, 1))
        points[:, axis] = np.linspace(box[axis, 0], box[axis, 1], MAP)
        ticks.append([space.values(space.from_cube(point))[space.names[axis]] for point in points])
    losses = error_map(lessons, surrogate, centre, axes, box)
    return {
        "axes": [space.names[axis] for axis in axes],
        "x": ticks[0],
        "y": ticks[1],
        "losses": np.round(losses, 7).tolist(),
        "centre": [space.values(space.from_cube(centre))[space.names[axis]] for axis in axes],
    }

"""What a finished fit has learned, from its store to the values of the report: the front, the error map, the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.glass_terms import Terms
from glasspot.report.learning_data import ErrorMap, Front, GlassSet, LeftOut, Model, ModelScores
from glasspot.report.status import Record
from glasspot.search.points import SAME

MOST = 12  # sets of the front that are written and told
ASKED = "gaussian-process"


def sets_at_aim(lessons: Record, terms: Terms, scores: Sequence[Record]) -> list[GlassSet]:
    """Return what the model says of each scored potential where the fit is judged."""
    roles = {record["name"]: record["role"] for record in scores}
    found = []
    for name, told in lessons["at_aim"].items():
        rmse, sd = terms.rmse_of_losses(lessons["aims"], told["losses"], told["losses_sd"])
        mean, error = (terms.by_glass(lessons["aims"], told[key]) for key in ("mean", "sd"))
        found.append(
            GlassSet(name, roles.get(name, "published"), 0, mean, error, told["cost"], told["cost_sd"], rmse, sd)
        )
    return found


def front_of(
    lessons: Record, terms: Terms, space: ParameterSpace, steps: Sequence[Record], named: Mapping[str, Potential],
    owner: str,
) -> Front:  # fmt: skip
    """Return the front of the best compromises at the aim; at most ``MOST`` of its sets are kept as potentials.

    ``named`` are scored potentials, to be found among the points; ``owner`` names the potentials of the front.
    """
    told = lessons["pareto"]
    points = np.array(told["points"])
    losses, spread = np.array(told["losses"]), np.array(told["losses_sd"])
    pairs = [terms.rmse_of_losses(lessons["aims"], a, b) for a, b in zip(losses, spread, strict=True)]
    best = _some([int(i) for i in told["front"]], losses)
    return Front(
        rmse=np.array([rmse for rmse, _ in pairs]),
        sd=np.array([sd for _, sd in pairs]),
        level=_levels(points, steps),
        best=tuple(best),
        values=tuple(space.values(space.from_cube(points[i])) for i in best),
        potentials=tuple(_described(space.from_cube(points[i]), owner, n) for n, i in enumerate(best, start=1)),
        named={
            name: i
            for name, potential in named.items()
            if (at := space.place_of(potential)) is not None and (i := _number(points, at)) >= 0
        },
        cost=np.sqrt(losses.sum(1)),
    )


def _some(front: list[int], losses: np.ndarray) -> list[int]:
    """Return the front from its one end to the other; of a long one ``MOST``, spread evenly, the best among them."""
    ordered = sorted(front, key=lambda i: tuple(losses[i]))
    if len(ordered) <= MOST:
        return ordered
    kept = {ordered[i] for i in np.linspace(0, len(ordered) - 1, MOST - 1).round().astype(int)}
    kept.add(min(ordered, key=lambda i: float(losses[i].sum())))
    return [i for i in ordered if i in kept]


def _described(potential: Potential, owner: str, number: int) -> Potential:
    """Return a set of the front as a potential that says what it is."""
    return replace(
        potential,
        name=f"{owner}-pareto-{number}",
        title=f"set {number} of the front of best compromises of the fit {owner}",
        source="glasspot fit; see the report beside this file",
        doi="",
        verified="no",
        verification="Evaluated in the search only; not validated on independent runs.",
        cautions=("A compromise of a fit, chosen by a model of its runs: validate it before use.",),
    )


def _levels(points: np.ndarray, steps: Sequence[Record]) -> np.ndarray:
    """Return the last level at which each point was run in the search; -1 where it was not."""
    ran = [step for step in steps if step["cost"] is not None]
    places = np.array([step["point"] for step in ran]).reshape(len(ran), points.shape[1])
    levels = np.array([step.get("level", 0) for step in ran], dtype=int)
    # Not pair by pair: a search of the paper's has a thousand points.
    found = [levels[(np.abs(places - point) <= SAME).all(1)] for point in points]
    return np.array([of.max(initial=-1) for of in found])


def _number(points: np.ndarray, at: np.ndarray) -> int:
    """Return which point this is; -1: none of them."""
    found = np.flatnonzero((np.abs(points - at) <= SAME).all(1))
    return int(found[0]) if len(found) else -1


def map_of(
    drawn: Record, aims: Record, terms: Terms, space: ParameterSpace, centre: Potential, named: Mapping[str, Potential]
) -> ErrorMap:
    """Return an error map as it is drawn; ``drawn``: "axes", "x", "y", "losses" (k, y, x); ``named`` are marked."""
    losses = np.array(drawn["losses"])
    first, second = drawn["axes"]
    axes = [space.names.index(first), space.names.index(second)]
    middle = space.to_cube(centre)
    marks = {}
    for name, potential in named.items():
        at = space.place_of(potential)
        if at is None:
            continue
        # Along an axis of the map, the others as in the centre: an A that moves with its rho has its value there.
        ends = []
        for axis in axes:
            point = middle.copy()
            point[axis] = at[axis]
            ends.append(space.values(space.from_cube(point))[space.names[axis]])
        marks[name] = (ends[0], ends[1])
    units = [space.parameters[axis].unit for axis in axes]
    return ErrorMap(
        axes=(first, second),
        units=(units[0], units[1]),
        x=np.array(drawn["x"]),
        y=np.array(drawn["y"]),
        cost=np.sqrt(losses.sum(0)),
        rmse=terms.rmse_of_losses(aims, losses)[0],
        marks=marks,
        centre=centre.name,
        at_centre=tuple(space.names[axis] for axis in axes if space.parameters[axis].anchor != 0),
    )


def scores_of(glasses: Sequence[str], scores: Record) -> Model:
    """Return the scores of the surrogates, and what the one that is asked foretold of what it was not taught."""
    asked = scores.get(ASKED, {})
    parity = None
    if "parity" in asked:
        mean, sd, found = (np.array(asked["parity"][key], dtype=float) for key in ("mean", "sd", "found"))
        parity = (mean, sd, found)
    told = (
        ModelScores(name, np.array(one["rmse"]), np.array(one["coverage"]), np.array(one["z_sd"]))
        for name, one in scores.items()
    )
    return Model(tuple(glasses), tuple(told), tuple(asked.get("levels", ())), parity, asked=ASKED)


def model_of(lessons: Record, terms: Terms) -> Model:
    """Return the scores of the surrogates and what the model of all runs says of parameters and glasses."""
    scores = scores_of(lessons["aims"]["glasses"], lessons["scores"])
    return replace(scores, relevance=lessons["relevance"], left_out=_left_out(lessons, terms))


def _left_out(lessons: Record, terms: Terms) -> tuple[LeftOut, ...]:
    """Return each glass with its R_chi in place of its part of R_chi^2 of all."""
    unseen = lessons["unseen"] or {"glasses": [], "rmse": []}
    foretold = dict(zip(unseen["glasses"], unseen["rmse"], strict=True))
    found = []
    for row in lessons["left_out"]:
        share = terms.share_of_glass(row["glass"])
        fitted, without, own = (math.sqrt(row[key] / share) for key in ("with", "without", "own"))
        rmse = foretold.get(row["glass"])
        found.append(
            LeftOut(row["glass"], fitted, without, own, row["same_choice"], None if rmse is None else np.array(rmse))
        )
    return tuple(found)

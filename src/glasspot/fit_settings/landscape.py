"""From a fit's plan and the words of a user to a landscape: two axes, their windows, what is fixed, how many points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.plan import FitPlan
from glasspot.campaign.reweight import check_reweighting
from glasspot.campaign.survey import Place, Plane
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.potential.model import Potential
from glasspot.potential.parameters import FreeParameter, ParameterSpace
from glasspot.store import Store

MOST_RUN, MOST_REWEIGHTED = 2500, 40_000  # points of a grid
STEPS_PER_SECOND = 2e6  # atom-steps of one processor, to say how long something absurd would take
START = "start"


@dataclass(frozen=True)
class LandscapePlan:
    """What to draw: ``plane`` is the grid, ``anchors`` the grid of runs to reweight from (None: every point is run)."""

    plan: FitPlan
    plane: Plane
    anchors: Plane | None
    fixed: str  # what the other parameters are, in words
    source: Mapping[str, Any]  # what decides the result, to tell what changed on --resume


def landscape_of(
    plan: FitPlan,
    axes: Sequence[str],
    points: Sequence[int],
    windows: Mapping[str, tuple[float, float]],
    fixed_at: str = START,
    anchors: Sequence[int] | None = None,
) -> LandscapePlan:
    """Return the landscape over two free parameters of ``plan``; ``points`` one number, or one for each axis.

    fixed_at: "start", or the folder of a run, whose fitted potential (before that its best) holds the others.
    anchors: shape of the grid of runs, for reweighting. GlasspotError for what makes no sense.
    """
    _check_axes(axes, plan.space)
    base, words = plan.space.base, f"the start, {plan.space.base.name}"
    if fixed_at != START:
        base, words = potential_of_run(Path(fixed_at), plan)
    for name in windows:
        if name not in axes:
            raise GlasspotError(f'--window is given for "{name}", which is no axis.{did_you_mean(name, axes)}')
    limits = {**plan.space.windows(), **windows}
    by_name = {p.name: p for p in plan.space.parameters}
    parameters = tuple(_spanned(by_name[name], limits[name]) for name in axes)
    space = ParameterSpace(base, parameters)
    shape = _shape(points, "--points", 2)
    plane = Plane(space, shape)
    anchor_plane = None
    if anchors is None:
        _check_size(plan, shape)
    else:
        if shape[0] * shape[1] > MOST_REWEIGHTED:
            raise GlasspotError(f"--points asks for {shape[0] * shape[1]} points; reweighting gives {MOST_REWEIGHTED}")
        anchor_plane = Plane(space, _shape(anchors, "--anchors", 1), centred=True)
        _check_size(plan, anchor_plane.shape)
        check_reweighting(plan, space)
    kept = {key: plan.source[key] for key in ("seed", "system", "target", "reference", "md", "files", "engine")}
    source = {
        **kept,
        "barrier_eV": plan.barrier,
        "landscape": {
            "axes": {name: list(limits[name]) for name in axes},
            "others": f"{base.name} {base.potential_id[:12]}",
            # The points of a landscape by reweighting cost no MD: they may change.
            "points": list(shape) if anchor_plane is None else None,
            "anchors": None if anchor_plane is None else list(anchor_plane.shape),
        },
    }
    return LandscapePlan(replace(plan, space=space), plane, anchor_plane, words, source)


def potential_of_run(folder: Path, plan: FitPlan) -> tuple[Potential, str]:
    """Return the fitted potential of a run, or its best evaluation while it has none, and what it is in words.

    GlasspotError when the run has neither, or its potential lacks a free parameter of ``plan``.
    """
    with Store.open(folder) as store:
        stored, fitted = store.get_meta("plan"), store.get_meta("fitted")
        steps = [step for step in store.records("step") if step["cost"] is not None]
    if fitted is not None:
        potential, words = Potential.from_dict(fitted), f"the fitted potential of {folder.name}"
    elif stored is not None and steps:
        best = min(steps, key=lambda step: float(step["cost"]))
        potential = ParameterSpace.from_dict(stored["space"]).from_cube(np.array(best["point"]))
        words = f"the best evaluation of {folder.name}"
    else:
        raise GlasspotError(f"{folder} holds no evaluation with a result; choose another folder, or --at start")
    try:
        plan.space.values(potential)
    except (GlasspotError, KeyError, IndexError, AttributeError):
        raise GlasspotError(
            f"the potential of {folder} lacks a free parameter of RUN.toml ({', '.join(plan.space.names)}); "
            "choose a run of the same potential form"
        ) from None
    return potential, words


def _check_axes(axes: Sequence[str], space: ParameterSpace) -> None:
    for name in axes:
        if name not in space.names:
            raise GlasspotError(
                f'"{name}" is not a free parameter of RUN.toml; free are {", ".join(space.names)}.'
                f"{did_you_mean(name, space.names)}"
            )
    if len(axes) != 2 or axes[0] == axes[1]:
        raise GlasspotError(f"--axes takes two different parameters; got {' and '.join(axes)}")


def _spanned(parameter: FreeParameter, limits: tuple[float, float]) -> FreeParameter:
    """Return a parameter whose window is ``limits`` in its own unit, and which moves alone."""
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise GlasspotError(f"the window of {parameter.name} is {low:g} to {high:g}; expected low < high")
    if parameter.logarithmic:
        if low <= 0:
            raise GlasspotError(f"the window of {parameter.name} starts at {low:g}; expected a value above zero")
        low, high = math.log(low), math.log(high)
    return replace(parameter, low=low, high=high, anchor=0.0)


def _shape(points: Sequence[int], option: str, least: int) -> Place:
    if len(points) > 2:
        raise GlasspotError(f"{option} takes one number, or one for each axis; got {len(points)}")
    if min(points) < least:
        raise GlasspotError(f"{option} is {min(points)}; expected {least} or more along each axis")
    return int(points[0]), int(points[-1])


def _check_size(plan: FitPlan, shape: Place) -> None:
    """Refuse a grid that nobody would wait for; say what it would take."""
    if shape[0] * shape[1] <= MOST_RUN:
        return
    runs = md_runs(plan, shape)
    steps = sum(s.protocols.warm.total_steps * sum(s.counts.values()) for s in plan.fitted_states) * plan.replicas
    days = shape[0] * shape[1] * steps / STEPS_PER_SECOND / 86400
    raise GlasspotError(
        f"{shape[0]} x {shape[1]} points are {runs} MD runs, about {days:.3g} days of one processor; ask for "
        f"{MOST_RUN} points at most, zoom in by --window, or use --by reweight"
    )


def md_runs(plan: FitPlan, shape: Place) -> int:
    """Return how many MD runs a grid takes at most."""
    return shape[0] * shape[1] * plan.runs_per_evaluation

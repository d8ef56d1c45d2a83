"""From a plan and its objective to what a method that models every glass must know: its :class:`Aims` and weights."""

from __future__ import annotations

import math

import numpy as np

from glasspot.campaign.plan import GLASS, FitPlan, State
from glasspot.search.aims import Aims
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective, StateTargets, Target


def aims_of(plan: FitPlan, objective: Objective) -> Aims:
    """Return which glass and quantity each scaled value of ``objective`` is, and the condition of each level."""
    states = plan.fitted_states
    quantities = tuple(dict.fromkeys(quantity_of(t, s) for s in objective.states for t in s.targets))
    shape = (len(states), len(quantities))
    start, length = np.zeros(shape, dtype=int), np.zeros(shape, dtype=int)
    target, scale = np.full(shape, np.nan), np.ones(shape)
    fractions: set[str] = set()
    at = 0
    for g, state in enumerate(objective.states):
        for one in state.targets:
            k = quantities.index(quantity_of(one, state))
            start[g, k], length[g, k] = at, len(one.values)
            at += len(one.values)
            if isinstance(one, NumberTarget):
                target[g, k], scale[g, k] = one.values[0], objective.scale_of(one)
                if one.is_fraction:
                    fractions.add(quantities[k])
            else:
                target[g, k] = 0.0  # a curve's own distance from its target
    return Aims(
        glasses=tuple(state.name for state in states),
        features=features_of(plan, states),
        quantities=quantities,
        bounded=tuple(name in fractions for name in quantities),
        start=start,
        length=length,
        target=target,
        scale=scale,
        reference=objective.scaled_reference(),
        levels=conditions(plan),
    )


def objective_weights(plan: FitPlan, aims: Aims) -> tuple[np.ndarray | None, ...]:
    """Return factors on the squares of each glass and quantity, (g, k), for each phase; None: all equal.

    "composition-weighted": w_B w_i on the weighted quantity, w_i the share of glass i in the oxide that weights, of all
    glasses together (papers: eqs. 6 to 8 of the fit of borosilicates to density and four-fold boron).
    """
    return tuple(None if name == "equal" else _weights(plan, aims) for name in plan.learning.objectives)


def _weights(plan: FitPlan, aims: Aims) -> np.ndarray:
    learning = plan.learning
    shares = np.array([state.oxides.get(learning.weighted_by, 0.0) for state in plan.fitted_states])
    weights = np.ones(aims.target.shape)
    weights[:, aims.quantities.index(learning.weighted_quantity)] = learning.weight * shares / max(shares.sum(), 1e-12)
    return weights


def conditions(plan: FitPlan) -> np.ndarray:
    """Return the condition of each level relative to the aim, (levels, c): columns that never differ are left out.

    log10 of the quench rate over that of the aim, and 1000/N less that of the aim, N atoms on average over the glasses.
    """
    levels = [plan.at(level).fitted_states for level in range(plan.levels)]
    rates = np.array([_mean([s.rate for s in states if s.kind == GLASS]) for states in levels])
    atoms = np.array([_mean([s.atoms for s in states]) for states in levels])
    aim_rate = plan.learning.aim_rate or rates[-1]
    aim_atoms = plan.learning.aim_atoms or atoms[-1]
    columns = [1000.0 / atoms - 1000.0 / aim_atoms]
    if aim_rate > 0:
        columns.insert(0, np.log10(rates / aim_rate))
    # What is the same in all levels cannot be learnt; atom counts, rounded to whole formula units, differ by less.
    kept = [column for column in columns if np.ptp(column) > 0.02]
    return np.column_stack(kept) if kept else np.zeros((plan.levels, 0))


def _mean(values: list[float] | list[int]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def features_of(plan: FitPlan, states: tuple[State, ...]) -> np.ndarray:
    """Return the oxide fractions that tell the glasses apart, (g, f)."""
    oxides = sorted({name for state in states for name in state.oxides})
    if plan.learning.glass_features:
        oxides = list(plan.learning.glass_features)
    table = np.array([[state.oxides.get(name, 0.0) for name in oxides] for state in states])
    differ = [i for i in range(len(oxides)) if np.ptp(table[:, i]) > 1e-6]
    return table[:, differ] if differ else np.zeros((len(states), 0))


def quantity_of(target: Target, state: StateTargets) -> str:
    """Return the name of what a target is of, the same in every glass."""
    if isinstance(target, NumberTarget):
        return target.quantity
    return target.label.removesuffix(f", {state.name}")

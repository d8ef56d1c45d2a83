"""The search methods by name: what each needs, and one made for a fit."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from glasspot.campaign.plan import GLASS, FitPlan, State
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Observe
from glasspot.evaluate.observe import check_response
from glasspot.potential.wall import barrier
from glasspot.search.cma_es import CmaEs
from glasspot.search.gauss_newton import GaussNewton
from glasspot.search.proposer import Margin, Proposer
from glasspot.search.sobol import Sobol
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective

METHODS = ("gauss-newton", "bayes", "cma-es", "conjugate-gradient", "sobol")
WITHOUT_RESPONSE = tuple(name for name in METHODS[1:-1])


def make_proposer(plan: FitPlan, stage: int, start: np.ndarray, objective: Objective) -> Proposer:
    """Return the ``stage``-th method of the plan at its beginning: at ``start`` (n,) in the cube."""
    name = plan.methods[stage]
    margin, seed = margin_of(plan), draw_seed(plan.seed, Purpose.SEARCH, stage, 0)
    patience: dict[str, Any] = {} if plan.patience is None else {"patience": plan.patience}
    points = plan.start_points if plan.start_points is not None else start_points(len(start))
    if name == "gauss-newton":
        return GaussNewton(start, objective.scaled_reference(), objective.cumulative(), margin, **patience)
    if name == "bayes":
        from glasspot.search.bayes import Bayes

        return Bayes(start=start, seed=seed, margin=margin, start_points=points, **patience)
    if name == "cma-es":
        return CmaEs(start=start, seed=seed, margin=margin, **patience)
    if name == "conjugate-gradient":
        from glasspot.search.conjugate_gradient import ConjugateGradient

        return ConjugateGradient(start=start, margin=margin)
    return Sobol(start=start, seed=seed, margin=margin, points=points)


def start_points(dimensions: int) -> int:
    """Return how many points the start set has by default: two for each free parameter, and at least ten."""
    return max(10, 2 * dimensions)


def margin_of(plan: FitPlan) -> Margin:
    """Return the screen of all methods: the least barrier of like-charged pairs over the one asked, less 1.

    Negative where atoms may fuse.
    """
    pairs = {pair for state in plan.states for pair in combinations_with_replacement(state.counts, 2)}

    def margin(point: np.ndarray) -> float:
        potential = plan.space.from_cube(point)
        like = [(a, b) for a, b in sorted(pairs) if potential.charges[a] * potential.charges[b] > 0]
        return min((barrier(potential, a, b) for a, b in like), default=np.inf) / plan.barrier - 1.0

    return margin


def check_methods(plan: FitPlan) -> None:
    """Refuse a start behind the barrier, and a method that cannot use what the plan asks; say which can."""
    _check_start(plan)
    if plan.members and (reason := no_response(plan)) is not None:
        raise GlasspotError(f"ensemble.members is {plan.members}, but {reason}; expected 0")
    if "gauss-newton" not in plan.methods:
        return
    reason = no_response(plan)
    if reason is not None:
        raise GlasspotError(
            f'the method "gauss-newton" cannot be used: {reason}. '
            'Choose fit.method = "bayes", "cma-es" or "conjugate-gradient", which need only the cost'
        )


def _check_start(plan: FitPlan) -> None:
    """Refuse a start on the wrong side of the barrier, and windows of which hardly anything is on the right one."""
    margin = margin_of(plan)
    height = (margin(plan.space.to_cube(plan.space.base)) + 1.0) * plan.barrier
    if height < plan.barrier:
        raise GlasspotError(
            f"the start {plan.space.base.name} has a barrier of {height:.3g} eV between like charges, lower than "
            f"fit.barrier_eV = {plan.barrier:g}; start elsewhere, or lower fit.barrier_eV if its liquid does not fuse"
        )


def no_response(plan: FitPlan) -> str | None:
    """Return why fluctuations cannot tell how the targets answer to the parameters; None where they can."""
    return next((found for state in plan.fitted_states if (found := _no_response(plan, state))), None)


def _no_response(plan: FitPlan, state: State) -> str | None:
    where = f" of [[system]] {state.name}" if state.name else ""
    if state.kind == GLASS:
        return f"a quenched glass{where} is no liquid in equilibrium and has no fluctuation formula"
    for target in state.targets:
        if isinstance(target, NumberTarget) and not target.has_response:
            return f"the target {target.label} has no fluctuation formula here: only g(r), S(Q) and the pressure do"
    try:
        check_response(plan.space.base, Observe(plan.space.base.r_max, 1, response=plan.space))
    except GlasspotError as error:
        return str(error)
    return None

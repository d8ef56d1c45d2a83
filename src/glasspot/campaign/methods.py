"""The search methods by name: what each needs, and one made for a fit."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from glasspot.campaign.aims import aims_of, features_of, objective_weights
from glasspot.campaign.plan import GLASS, LEARNERS, FitPlan, State, describe
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Observe
from glasspot.evaluate.observe import check_response
from glasspot.extras import need
from glasspot.potential.model import Potential
from glasspot.potential.tables import visited
from glasspot.potential.wall import barrier
from glasspot.search.bayes import Bayes, need_botorch
from glasspot.search.cma_es import CmaEs
from glasspot.search.conjugate_gradient import ConjugateGradient
from glasspot.search.gauss_newton import GaussNewton
from glasspot.search.learning import ActiveLearning
from glasspot.search.multi_objective import MultiObjective
from glasspot.search.proposer import Margin, Proposer
from glasspot.search.sobol import Sobol, start_set
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective


def make_proposer(plan: FitPlan, stage: int, start: np.ndarray, objective: Objective) -> Proposer:
    """Return the ``stage``-th method of the plan at its beginning: at ``start`` (n,) in the cube."""
    name = plan.methods[stage]
    margin, seed = margin_of(plan), _seed(plan, stage)
    given = plan.patience_of(stage)
    patience: dict[str, Any] = {} if given is None else {"patience": given}
    if name == "gauss-newton":
        return GaussNewton(start, objective.scaled_reference(), objective.cumulative(), margin, **patience)
    if name == "bayes":
        reference = objective.scaled_reference()
        return Bayes(
            start=start, seed=seed, margin=margin, start_points=plan.start_points, reference=reference, **patience
        )
    if name == "cma-es":
        return CmaEs(start=start, seed=seed, margin=margin, **patience)
    if name == "conjugate-gradient":
        return ConjugateGradient(start=start, margin=margin, **patience)
    if name == "active-learning":
        return _active_learning(plan, start, seed, objective)
    if name == "multi-objective":
        return _multi_objective(plan, start, seed, objective, patience)
    return Sobol(start=start, seed=seed, margin=margin, points=plan.start_points)


def _active_learning(plan: FitPlan, start: np.ndarray, seed: int, objective: Objective) -> ActiveLearning:
    chosen = plan.learning
    aims = aims_of(plan, objective)
    return ActiveLearning(
        start=start, seed=seed, margin=margin_of(plan), aims=aims, windows=first_windows(plan),
        surrogate=chosen.surrogate or "mlp", start_set=chosen.start_set, start_points=plan.start_points,
        optimisers=chosen.optimisers, iterations=chosen.iterations, weights=objective_weights(plan, aims),
        runs=chosen.runs, top=chosen.top, pick=chosen.pick, move=chosen.move,
        start_windows=None if plan.start_windows is None else np.array(plan.start_windows),
    )  # fmt: skip


def _multi_objective(
    plan: FitPlan, start: np.ndarray, seed: int, objective: Objective, patience: dict[str, Any]
) -> MultiObjective:
    chosen = plan.learning
    return MultiObjective(
        start=start, seed=seed, margin=margin_of(plan), aims=aims_of(plan, objective), windows=first_windows(plan),
        surrogate=chosen.surrogate or "gaussian-process", start_points=plan.start_points,
        level_costs=[_work(plan.at(level)) for level in range(plan.levels)], promote=chosen.promote,
        repeats=chosen.repeats, move=chosen.move, **patience,
    )  # fmt: skip


def first_windows(plan: FitPlan) -> np.ndarray:
    """Return the box of the cube where a search looks at first, (n, 2)."""
    if plan.windows is None:
        return np.tile([0.0, 1.0], (len(plan.space.parameters), 1))
    return np.array(plan.windows)


def _work(plan: FitPlan) -> float:
    """Return atom-steps of one evaluation."""
    return float(sum(state.atoms * state.protocols.first.total_steps for state in plan.fitted_states))


def _seed(plan: FitPlan, stage: int) -> int:
    return draw_seed(plan.seed, Purpose.SEARCH, stage, 0)


def margin_of(plan: FitPlan) -> Margin:
    """Return the screen of all methods: the least barrier of like-charged pairs over the one asked, less 1.

    Negative where atoms may fuse.
    """

    def margin(point: np.ndarray) -> float:
        return min(_barriers(plan, plan.space.from_cube(point)).values(), default=np.inf) / plan.barrier - 1.0

    return margin


def _barriers(plan: FitPlan, potential: Potential) -> dict[str, float]:
    """Return the barrier (eV) of each pair of like charges that meets in a state of the plan."""
    pairs = sorted({pair for state in plan.states for pair in combinations_with_replacement(state.counts, 2)})
    like = [(a, b) for a, b in pairs if potential.charges[a] * potential.charges[b] > 0]
    return {f"{a}-{b}": barrier(potential, a, b) for a, b in like}


def check_methods(plan: FitPlan) -> None:
    """Refuse a start behind the barrier, and a method that cannot use what the plan asks; say which can."""
    _check_states(plan)
    if plan.learns:
        _check_told_apart(plan)
    _check_budget(plan)
    _check_start(plan)
    if plan.members and (reason := no_response(plan)) is not None:
        raise GlasspotError(f"ensemble.members is {plan.members}, but {reason}; expected 0")
    if "gauss-newton" not in plan.methods:
        return
    reason = no_response(plan)
    if reason is not None:
        raise GlasspotError(
            f'the method "gauss-newton" cannot be used: {reason}. '
            'Choose fit.method = "bayes", "cma-es" or "conjugate-gradient", which need only the cost; for many glasses '
            '"multi-objective"'
        )


def check_packages(plan: FitPlan) -> None:
    """Refuse a method whose package is not installed, before it is its turn in a chain."""
    if Bayes.name in plan.methods:
        need_botorch()
    for name in sorted({*LEARNERS} & set(plan.methods)):
        need("botorch", "BoTorch", "bayes", f'method "{name}"')


def _check_budget(plan: FitPlan) -> None:
    """Refuse a start set that the budget cuts short: a Bayesian search would never begin."""
    evaluations = plan.max_runs // plan.runs_per_evaluation
    if {"bayes", "sobol", *LEARNERS} & set(plan.methods) and plan.start_points > evaluations:
        raise GlasspotError(
            f"fit.start_points is {plan.start_points}, but fit.max_runs = {plan.max_runs} allows {evaluations} "
            f"evaluations ({plan.runs_per_evaluation} MD runs each); raise max_runs, or ask for fewer points"
        )


def _check_start(plan: FitPlan) -> None:
    """Refuse a start that no engine can run or whose atoms may fuse, and windows of which hardly anything is better."""
    for a, b in sorted({pair for state in plan.states for pair in combinations_with_replacement(state.counts, 2)}):
        visited(plan.space.base, a, b)  # refuses a pair without repulsion
    heights = _barriers(plan, plan.space.base)
    pair, height = min(heights.items(), key=lambda item: item[1], default=("", np.inf))
    if height < plan.barrier:
        raise GlasspotError(
            f"the start {plan.space.base.name} has a barrier of {height:.3g} eV between {pair}, lower than "
            f"fit.barrier_eV = {plan.barrier:g}: atoms may fuse. Start elsewhere, or lower fit.barrier_eV where its "
            "liquid is known not to"
        )
    for stage, name in enumerate(plan.methods):
        if name in ("bayes", "sobol"):
            start_set(plan.space.to_cube(plan.space.base), _seed(plan, stage), margin_of(plan), plan.start_points)


def _check_states(plan: FitPlan) -> None:
    """Refuse targets that contradict each other: of one and the same state, or of one quantity."""
    seen: dict[Any, str] = {}
    for state in plan.fitted_states:
        # A constant pressure decides the volume, whatever it was at the start.
        volume = round(state.cell_length, 3) if state.pressure is None else None
        made = (state.kind, state.temperature, volume, state.pressure, state.rate)
        key = (tuple(sorted(state.counts.items())), *made)
        if key in seen:
            raise GlasspotError(
                f'[[system]] "{seen[key]}" and "{state.name}" are one and the same state ({describe(state)}): their '
                "targets could contradict each other. Give all targets to one of them, or hold one out"
            )
        seen[key] = state.name
        quantities = [t.quantity for t in state.targets if isinstance(t, NumberTarget)]
        twice = next((q for q in quantities if quantities.count(q) > 1), None)
        if twice is not None:
            raise GlasspotError(
                f"two targets give the {twice} of one system, and could contradict each other; keep one"
            )


def _check_told_apart(plan: FitPlan) -> None:
    """Refuse systems with targets of one quantity that a model, which is told their oxides alone, takes for one."""
    features = features_of(plan, plan.fitted_states)
    for a, b in combinations(range(len(features)), 2):
        one, other = plan.fitted_states[a], plan.fitted_states[b]
        shared = _quantities(one) & _quantities(other)
        if shared and np.allclose(features[a], features[b], atol=1e-6):
            raise GlasspotError(
                f'[[system]] "{one.name}" and "{other.name}" both have {min(shared)} as a target, and the same oxides '
                "(those of learning.glass_features): the model knows systems by these, and would take them for one. "
                'Hold one out, add oxides that differ to glass_features, or choose fit.method = "bayes"'
            )


def _quantities(state: State) -> set[str]:
    return {target.label.removesuffix(f", {state.name}") for target in state.targets}


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

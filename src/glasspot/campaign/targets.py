"""From the targets of a plan to its objective: references that are liquids of published potentials are run first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glasspot.campaign.plan import FitPlan, SimulatedTarget, State
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import Job, Observe, Outcome, Packing
from glasspot.structure.frames import species_order
from glasspot.structure.pairs import pair_labels
from glasspot.structure.quantities import ELASTIC
from glasspot.target.curve import CurveTarget, curve_target
from glasspot.target.number import NumberTarget
from glasspot.target.objective import HistogramTarget, Objective, StateTargets
from glasspot.target.system import System

# Widest spacing of the fine histogram's nodes (A). Linear sharing between nodes errs by dr^2/8 of the curvature of u;
# 0.0125 A keeps that under 1 % of kT for the steepest bond met (Si-O, B-O).
WIDEST_NODE = 0.0125


def observation(targets: StateTargets) -> Observe:
    """Return what each run of a state folds for its targets."""
    asked = {number.quantity for number in targets.numbers}
    structure = bool(asked - {"pressure", "density"} - set(ELASTIC))
    return Observe(
        targets.r_max,
        targets.n_nodes,
        structure=structure,
        pressure="pressure" in asked,
        elastic=bool(asked & set(ELASTIC)),
    )


def build_objective(plan: FitPlan, states: Sequence[State], runner: Runner) -> Objective:
    """Return the objective of ``states``; reference potentials are simulated first.

    RunFailedError when such a run fails.
    """
    return Objective(tuple(_state_targets(plan, state, runner) for state in states))


def fitted_objective(plan: FitPlan, runner: Runner) -> Objective:
    """Return the objective of the states whose targets are the cost, and leave it in the store for a report."""
    objective = build_objective(plan, plan.fitted_states, runner)
    runner.store.set_meta("objective", objective.to_dict())
    return objective


def level_objectives(plan: FitPlan, last: Objective, runner: Runner) -> list[Objective]:
    """Return the objective of every level of the plan; ``last`` is that of the fitted states."""
    return [build_objective(plan, states, runner) for states in plan.cheaper] + [last]


def held_out_objective(plan: FitPlan, runner: Runner) -> Objective | None:
    """Return that of the states that are held out, and leave it in the store; None where there are none."""
    if not plan.held_out_states:
        return None
    objective = build_objective(plan, plan.held_out_states, runner)
    runner.store.set_meta("held_out", objective.to_dict())
    return objective


def _state_targets(plan: FitPlan, state: State, runner: Runner) -> StateTargets:
    system = System(pair_labels(species_order(state.counts)), state.counts, state.cell_length**3)
    curves = [t for t in state.targets if not isinstance(t, NumberTarget)]
    numbers = tuple(t for t in state.targets if isinstance(t, NumberTarget))
    # Nodes that fall on the edges of the finest target's bins, and a range that holds potential and targets.
    finest = min((t.bin_width for t in curves if math.isfinite(t.bin_width)), default=WIDEST_NODE)
    spacing = finest / math.ceil(finest / WIDEST_NODE)
    reach = max([plan.space.base.r_max, *(t.reach for t in curves)])
    n_nodes = math.ceil(reach / spacing - 1e-9)
    r_max = n_nodes * spacing
    simulated = [t for t in curves if isinstance(t, SimulatedTarget)]
    given: tuple[HistogramTarget, ...] = tuple(t for t in curves if not isinstance(t, SimulatedTarget))
    if simulated:
        outcomes = _reference_outcomes(plan, state, simulated, runner, Observe(r_max, n_nodes))
        given += tuple(_simulated(t, system, outcomes[t.potential.name], r_max, n_nodes) for t in simulated)
    return StateTargets(state.name, given, system, r_max, n_nodes, numbers)


def _reference_outcomes(
    plan: FitPlan, state: State, targets: list[SimulatedTarget], runner: Runner, observe: Observe
) -> dict[str, list[Outcome]]:
    potentials = {t.potential.name: t.potential for t in targets}
    result = {}
    for name, potential in potentials.items():
        jobs = []
        for n in range(plan.reference_runs):
            # Two parts for each run of each state.
            packing, velocities = (
                draw_seed(plan.seed, Purpose.REFERENCE, n, part + 2 * state.index) for part in (0, 1)
            )
            start = Packing(state.counts, state.cell_length, packing)
            label = f"reference {name} {n + 1}"
            jobs.append(Job(potential, start, state.protocols.reference, velocities, plan.engine, observe, label))
        outcomes = runner.run(jobs)
        failed = [o for o in outcomes if not o.ok]
        if failed:
            raise RunFailedError(f"the reference run of {name} failed ({failed[0].reason}): {failed[0].message}")
        result[name] = outcomes
    return result


def _simulated(
    target: SimulatedTarget, system: System, outcomes: list[Outcome], r_max: float, n_nodes: int
) -> CurveTarget:
    """Return the target whose values are the mean of the reference runs, with their standard error."""
    n_bins = round(target.r_range[1] / target.bin_width)
    edges = np.arange(n_bins + 1) * target.bin_width
    blank = CurveTarget(target.label, target.pair, edges, np.ones(n_bins))
    mapping = blank.curve_map(system, r_max, n_nodes)
    curves = np.array([mapping @ o.mean_histogram() for o in outcomes])
    error = curves.std(0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
    centres = 0.5 * (edges[1:] + edges[:-1])
    return curve_target(target.label, target.pair, centres, curves.mean(0), target.r_range, error, target.weight)

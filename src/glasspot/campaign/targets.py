"""The objective of a fit: curves that were given, and those of a published potential's liquid, simulated first."""

from __future__ import annotations

import math

import numpy as np

from glasspot.campaign.plan import FitPlan, SimulatedTarget
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import RunFailedError
from glasspot.evaluate.job import Job, Observe, Outcome, Packing
from glasspot.structure.frames import species_order
from glasspot.structure.pairs import pair_labels
from glasspot.target import CurveTarget, Objective, System, curve_target

# Widest spacing of the fine histogram's nodes (A). Linear sharing between nodes errs by dr^2/8 of the curvature of u;
# 0.0125 A keeps that under 1 % of kT for the steepest bond met (Si-O, B-O).
WIDEST_NODE = 0.0125


def observation(objective: Objective) -> Observe:
    """Return what each run folds for ``objective``."""
    return Observe(objective.r_max, objective.n_nodes)


def build_objective(plan: FitPlan, runner: Runner) -> Objective:
    """Return the objective; reference potentials are simulated first. RunFailedError when such a run fails."""
    system = System(pair_labels(species_order(plan.counts)), plan.counts, plan.cell_length**3)
    widths = [t.bin_width if isinstance(t, SimulatedTarget) else float(t.edges[1] - t.edges[0]) for t in plan.targets]
    ends = [t.r_range[1] if isinstance(t, SimulatedTarget) else float(t.edges[-1]) for t in plan.targets]
    # Nodes that fall on the edges of the finest target's bins, and a range that holds potential and targets.
    finest = min(widths)
    spacing = finest / math.ceil(finest / WIDEST_NODE)
    n_nodes = math.ceil(max(*ends, plan.space.base.r_max) / spacing - 1e-9)
    r_max = n_nodes * spacing
    simulated = [t for t in plan.targets if isinstance(t, SimulatedTarget)]
    given = tuple(t for t in plan.targets if isinstance(t, CurveTarget))
    if simulated:
        outcomes = _reference_outcomes(plan, simulated, runner, Observe(r_max, n_nodes))
        given += tuple(_simulated(t, system, outcomes[t.potential.name], r_max, n_nodes) for t in simulated)
    return Objective(given, system, r_max, n_nodes)


def _reference_outcomes(
    plan: FitPlan, targets: list[SimulatedTarget], runner: Runner, observe: Observe
) -> dict[str, list[Outcome]]:
    potentials = {t.potential.name: t.potential for t in targets}
    result = {}
    for name, potential in potentials.items():
        jobs = []
        for n in range(plan.reference_runs):
            packing, velocities = (draw_seed(plan.seed, Purpose.REFERENCE, n, part) for part in (0, 1))
            start = Packing(plan.counts, plan.cell_length, packing)
            label = f"reference {name} {n + 1}"
            jobs.append(Job(potential, start, plan.protocols.reference, velocities, plan.engine, observe, label))
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
    mapping = Objective((blank,), system, r_max, n_nodes).curve_map(blank)
    curves = np.array([mapping @ o.mean_histogram() for o in outcomes])
    error = curves.std(0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
    centres = 0.5 * (edges[1:] + edges[:-1])
    return curve_target(target.label, target.pair, centres, curves.mean(0), target.r_range, error, target.weight)

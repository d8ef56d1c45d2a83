"""One evaluation of a point: replicas of each fitted state, run side by side. A search and a survey make the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glasspot.campaign.plan import FitPlan
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.evaluate.job import Continue, Job, Observe, Outcome, Packing

Jobs = list[list[Job]]  # state by state, run by run
Outcomes = list[list[Outcome]]  # in the same order


def evaluation_jobs(
    plan: FitPlan,
    point: np.ndarray,
    purpose: Purpose,
    number: int,
    observe: Sequence[Observe],
    label: Callable[[int], str],
    previous: Jobs | None = None,
    refined: bool = False,
) -> Jobs:
    """Return the jobs of the ``number``-th evaluation, at ``point`` (n,) of the cube.

    ``observe``: state by state. ``label``: replica -> what a person reads. ``previous``: the evaluation whose last
    configurations a liquid continues; None: random packings. ``refined``: longer runs, where they are continued.
    """
    potential = plan.space.from_cube(point)
    result = []
    for s, state in enumerate(plan.fitted_states):
        jobs = []
        for replica in range(plan.replicas):
            if previous is None or not state.warm:
                # What is left of its packing in a glass must not be shared: repeats are to be independent.
                packing = replica if state.warm else number * plan.replicas + replica
                start: Packing | Continue = plan.packing(state, purpose, packing)
                protocol = state.protocols.first
            else:
                start = Continue(previous[s][replica].key)
                protocol = state.protocols.refine if refined else state.protocols.warm
            seed = plan.run_seed(state, purpose, number, replica)
            name = label(replica) + (f" {state.name}" if state.name else "")
            jobs.append(Job(potential, start, protocol, seed, plan.engine, observe[s], name))
        result.append(jobs)
    return result


def side_by_side(runner: Runner, groups: Sequence[Jobs]) -> list[Outcomes]:
    """Run the jobs of all groups together; return their outcomes group by group, state by state."""
    flat = [job for group in groups for state in group for job in state]
    outcomes = iter(runner.run(flat))
    return [[[next(outcomes) for _ in state] for state in group] for group in groups]


def first_failure(outcomes: Outcomes) -> Outcome | None:
    """Return the first run that failed, if one did."""
    return next((outcome for state in outcomes for outcome in state if not outcome.ok), None)

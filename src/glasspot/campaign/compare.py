"""A comparison: published potentials scored against the targets of a fit, all on runs of one protocol and one length.

Nothing is searched: it is the last part of a fit (:class:`glasspot.campaign.evidence.Evidence`) alone, with the same
packings and seeds as a fit by the same file validates with.
"""

from __future__ import annotations

from collections.abc import Mapping

from glasspot.campaign.evidence import Evidence
from glasspot.campaign.folder import state_noted
from glasspot.campaign.listening import Listener, Logged
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.runner import Runner
from glasspot.campaign.targets import fitted_objective, held_out_objective
from glasspot.evaluate.job import EngineChoice


def run_comparison(plan: FitPlan, engines: Mapping[str, EngineChoice], runner: Runner, listener: Listener) -> None:
    """Score the potentials of ``plan.compare``, each run by its own of ``engines``; leave the records in the store.

    A potential whose runs fail has a record without a cost. RunFailedError when a reference to be simulated fails.
    """
    listener = Logged(listener, runner.log)
    with state_noted(runner.store):
        listener.stage("targets")
        objective, held_out = fitted_objective(plan, runner), held_out_objective(plan, runner)
        listener.stage("compare")
        evidence = Evidence(plan, runner, objective, held_out, engines)
        for record in evidence.score_all([("published", potential) for potential in plan.compare]):
            listener.score(record)

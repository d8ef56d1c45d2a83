"""From the store of a fit to its ensemble: the members, and what those that fit as well predict and do not agree on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from glasspot.campaign.ensemble import GOOD
from glasspot.campaign.evidence import curves_of_samples
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.data import Ensemble, Member, Prediction
from glasspot.report.status import Record, score_of
from glasspot.report.store_panels import Outcomes, good_outcomes
from glasspot.store import Store
from glasspot.target.objective import Objective

CONFIDENCE = 0.95  # that the spread of the members is more than the scatter of runs: F test of the two variances


def observed(outcomes: Outcomes) -> dict[str, list[float]]:
    """Return what the runs of one potential say beside the targets, quantity -> a value for each run."""
    observables: dict[str, list[float]] = {}
    for state, found in outcomes.items():
        where = f", {state}" if state else ""
        names = {name for o in found for name in o.numbers if name.startswith(("coordination", "angle"))}
        for name in sorted(names):
            observables[name + where] = [o.numbers[name] for o in found if name in o.numbers]
        if found:
            observables[f"pressure (GPa){where}"] = [1e-4 * o.numbers["pressure_bar"] for o in found]
    return observables


def ensemble(
    store: Store,
    space: ParameterSpace,
    objectives: Sequence[Objective],
    scores: Sequence[Record],
    outcomes: Mapping[str, Outcomes],
) -> Ensemble | None:
    """Return the ensemble; None before it was run. ``objectives`` are that of the fit and, if any, the held-out one."""
    summary = store.get_meta("ensemble")
    fitted = score_of(scores, "fitted")
    if not summary or fitted is None:
        return None
    records = store.records("ensemble")[: summary["run"]]
    of_members = [
        predicted({state: good_outcomes(store, keys) for state, keys in record["keys"].items()}, objectives)
        for record in records
        if record["role"] == GOOD
    ]
    of_fitted = predicted(outcomes[fitted["name"]], objectives)
    runs = records[0]["runs"] if records else 1
    return Ensemble(
        members=tuple(_member(record, space) for record in records),
        limit=summary["limit"],
        predictions=_predictions(of_fitted, of_members, runs),
    )


def _member(record: Record, space: ParameterSpace) -> Member:
    return Member(
        name=record["name"],
        fits=record["role"] == GOOD,
        cost=math.nan if record["cost"] is None else record["cost"],
        error=math.nan if record["error"] is None else record["error"],
        predicted=record["predicted"],
        places=dict(zip(space.names, record["point"], strict=True)),
        potential=Potential.from_dict(record["potential"]),
        note=", ".join(record["failures"]),
    )


def predicted(outcomes: Outcomes, objectives: Sequence[Objective]) -> dict[str, list[float]]:
    """Return all that the report says of a potential, quantity -> a value for each run: R_chi, R_X and observables."""
    found: dict[str, list[float]] = {}
    wright: dict[str, list[float]] = {}
    for held_out, objective in enumerate(objectives):
        by_state = [outcomes.get(state.name, ()) for state in objective.states]
        fewest = min(len(runs) for runs in by_state)
        curves = curves_of_samples([list(runs)[:fewest] for runs in by_state], objective)
        found["R_chi of what was held out (%)" if held_out else "R_chi (%)"] = [
            100 * objective.r_chi(c) for c in curves
        ]
        for sample in curves:
            for name, value in objective.wright_r_x(sample).items():
                wright.setdefault(f"Wright's R_X of {name} (%)", []).append(100 * value)
    return {**found, **observed(outcomes), **wright}


def _predictions(
    fitted: Mapping[str, Sequence[float]], members: Sequence[Mapping[str, Sequence[float]]], runs: int
) -> tuple[Prediction, ...]:
    """Return each quantity with its spread over the members, of ``runs`` runs each; () with fewer than two members."""
    from scipy.stats import f

    made = []
    for quantity, values in fitted.items():
        means = np.array([np.mean(member[quantity]) for member in members if member.get(quantity)])
        if len(means) < 2 or len(values) < 2:
            continue
        spread, single = float(means.std(ddof=1)), float(np.std(values, ddof=1))
        scatter = single / math.sqrt(runs)
        beyond = spread**2 > f.ppf(CONFIDENCE, len(means) - 1, len(values) - 1) * scatter**2
        made.append(
            Prediction(
                quantity=quantity,
                fitted=float(np.mean(values)),
                error=single / math.sqrt(len(values)),
                mean=float(means.mean()),
                spread=spread,
                scatter=scatter,
                left_open=math.sqrt(spread**2 - scatter**2) if beyond else 0.0,
            )
        )
    return tuple(made)

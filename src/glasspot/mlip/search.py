"""The search for hyper-parameters: Bayesian optimisation of both errors together, and a choice that spares neither."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.mlip.model import Hyperparameter, Model, Trial
from glasspot.search.bayes import Bayes
from glasspot.search.proposer import Evaluation

START_POINTS = 4  # before the model of the errors proposes
Tell = Callable[[int, int], None]


def search(
    model: Model, train: Sequence[LabelledFrame], start: dict[str, float], most: int, seed: int, tell: Tell
) -> list[Trial]:
    """Return the trials of up to ``most`` proposals, from ``start`` (values by name) on.

    The cost of a proposal is that of its best trial; one that cannot be fitted counts as failed. GlasspotError where
    none can.
    """
    searched = [h for h in model.space if h.name in model.searched]
    trials: list[Trial] = []
    failure = ""
    proposer = Bayes(
        start=np.array([np.clip(h.place(start[h.name]), 0, 1) for h in searched]),
        seed=seed,
        start_points=min(START_POINTS, most),
        patience=most,
    )
    seen: dict[tuple[float, ...], Evaluation] = {}
    for number in range(most):
        tell(number, most)
        point = proposer.ask(1)[0].point
        values = _values(searched, point)
        key = tuple(values.values())
        if key not in seen:  # whole numbers make different points the same model
            try:
                found = model.assess(train, {**start, **values})
                trials += found
                seen[key] = Evaluation(point, min(t.cost for t in found))
            except GlasspotError as error:
                failure = str(error)
                seen[key] = Evaluation(point, None)
        known = seen[key]
        proposer.tell([Evaluation(point, known.cost)])
    if not trials:
        raise GlasspotError(f"no model could be fitted: {failure}")
    return trials


def _values(searched: Sequence[Hyperparameter], point: np.ndarray) -> dict[str, float]:
    """Return the values at a point of the cube, rounded so that a person can write them down."""
    return {h.name: float(f"{h.at(float(u)):.3g}") for h, u in zip(searched, point, strict=True)}


def chosen(trials: Sequence[Trial]) -> Trial:
    """Return the trial whose worst error, relative to the best one of any trial, is smallest."""

    def of(t: Trial) -> list[float]:
        e = t.errors
        return [e.energy_rmse_meV_per_atom, e.force_rmse_eV_per_A, e.stress_rmse_GPa]

    table = np.array([of(t) for t in trials])
    known = [k for k in range(3) if not any(math.isnan(v) for v in table[:, k])]
    regret = (table[:, known] / table[:, known].min(axis=0)).max(axis=1)
    return trials[int(np.argmin(regret))]

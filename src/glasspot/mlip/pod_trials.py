"""Trials of hyper-parameters of POD models by cross-validation, which costs next to nothing once the sums are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.split import by_hash
from glasspot.errors import GlasspotError
from glasspot.mlip.linear import Sums, Weights, solve
from glasspot.mlip.model import Errors, Settings, Trial
from glasspot.mlip.prior import Prior

FOLDS = 5
FEWEST = 4  # frames; fewer cannot be left out of each other
ENERGY_WEIGHTS = (100.0, 300.0, 1000.0, 3000.0)
STRESS_WEIGHTS = (100.0, 300.0, 1000.0, 3000.0)
RIDGES = (1e-12, 1e-10, 1e-9)


def folds(train: Sequence[LabelledFrame]) -> list[list[LabelledFrame]]:
    """Return the frames in up to FOLDS parts, by the hash of their keys; GlasspotError for too few."""
    if len({frame.key for frame in train}) < FEWEST:
        raise GlasspotError(f"{len(train)} training frames are too few for a cross-validation; give {FEWEST} or more.")
    first, second = by_hash(train, 0, 0.5)
    ordered = [*first, *second]
    parts = min(FOLDS, len(ordered))
    return [ordered[k::parts] for k in range(parts)]


def cross_validate(parts: Sequence[Sums], weights: Weights, prior: Prior, prior_weight: float, level: float) -> Errors:
    """Return the errors on each part of a model fitted to the others, over all parts."""
    total = Sums.total(parts)
    found = []
    for part in parts:
        rest = prior.added(total.plus(part, -1), prior_weight, level)
        found.append((part, part.errors(solve(rest, weights))))
    return _together(found)


def _together(found: Sequence[tuple[Sums, Errors]]) -> Errors:
    """Return the errors over all parts: squares add up with the numbers they stand for."""

    def root(values: Sequence[float], counts: Sequence[float]) -> float:
        kept = [(v, n) for v, n in zip(values, counts, strict=True) if n > 0]
        total = sum(n for _, n in kept)
        return float(np.sqrt(sum(n * v**2 for v, n in kept) / total)) if total else float("nan")

    one = found[0][1]
    return replace(
        one,
        energy_rmse_meV_per_atom=root(
            [e.energy_rmse_meV_per_atom for _, e in found], [s.energy.count for s, _ in found]
        ),
        force_rmse_eV_per_A=root([e.force_rmse_eV_per_A for _, e in found], [s.force.count for s, _ in found]),
        stress_rmse_GPa=root([e.stress_rmse_GPa for _, e in found], [s.stress.count for s, _ in found]),
        frames=sum(s.frames for s, _ in found),
    )


def grid(settings: Settings) -> list[dict[str, float]]:
    """Return the settings to try at one basis: weights of the energy, and ridges."""
    return [{**settings, "energy_weight": energy, "ridge": ridge} for energy in ENERGY_WEIGHTS for ridge in RIDGES]


def stress_grid(settings: Settings) -> list[dict[str, float]]:
    """Return ``settings`` with each weight of the stress."""
    return [{**settings, "stress_weight": stress} for stress in STRESS_WEIGHTS]


def trial(settings: Settings, errors: Errors) -> Trial:
    """Return one trial with plain values."""
    return Trial({name: float(value) for name, value in settings.items()}, errors)

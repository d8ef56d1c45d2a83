"""The learning curve: the error against the number of frames, for chosen frames and for as many random ones.

All are tested on the same frames, which no choice may train on, with the hyper-parameters of the final model. Energies
and forces only: the sums of a frame then cost a thirtieth of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.mlip.linear import solve
from glasspot.mlip.model import Settings
from glasspot.mlip.pod import PodModel, weights_of
from glasspot.mlip.prior import make_prior

REPEATS = 5  # random choices of each size
STREAM = 61
Tell = Callable[[int, int], None]


def learning_curve(
    model: PodModel,
    choices: Sequence[Sequence[LabelledFrame]],
    train_side: Sequence[LabelledFrame],
    test: Sequence[LabelledFrame],
    settings: Settings,
    seed: int,
    tell: Tell,
) -> list[dict[str, Any]]:
    """Return one record for each of the ``choices``, for REPEATS random ones as large, and for the whole training side.

    A record: frames, how ("distilled", "random", "all"), repeat, errors on ``test``.
    """
    bare = [replace(frame, stress=None) for frame in train_side]
    sizes = sorted({len(choice) for choice in choices})
    rng = np.random.default_rng([seed, STREAM])
    orders = [rng.permutation(len(bare)) for _ in range(REPEATS)]
    tasks: list[tuple[str, int, list[LabelledFrame]]] = []
    for choice in choices:
        tasks.append(("distilled", 0, [replace(frame, stress=None) for frame in choice]))
    for size in sizes:
        tasks += [("random", k, [bare[i] for i in order[:size]]) for k, order in enumerate(orders)]
    tasks.append(("all", 0, bare))
    tell(0, len(tasks))
    tests = model.sums([replace(frame, stress=None) for frame in test], settings)
    design = model.design(settings)
    prior = make_prior(design.basis, model.like, design.folder)
    records = []
    for done, (how, repeat, frames) in enumerate(tasks, 1):
        sums = model.sums(frames, settings)
        solution = solve(prior.added(sums, model.prior, prior.level(sums)), weights_of(settings))
        found = asdict(tests.errors(solution))
        records.append({"frames": len(frames), "how": how, "repeat": repeat, "errors": found})
        tell(done, len(tasks))
    return records

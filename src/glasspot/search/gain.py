"""When a search has stopped gaining: the one rule, for every method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.search.proposer import Evaluation

# A gain smaller than either of these is not worth a run: a share of the cost, and a share of its standard error.
RELATIVE_GAIN = 0.03
GAIN_IN_ERRORS = 0.3


def least_gain(cost: float, error: float | None) -> float:
    """Return by how much a cost with this standard error (None: not known) must fall to count as improved."""
    return max(RELATIVE_GAIN * cost, GAIN_IN_ERRORS * (error or 0.0))


def stalled(evaluations: Sequence[Evaluation], patience: int) -> bool:
    """Return whether the best cost has not improved, beyond noise, over the last ``patience`` evaluations.

    Small gains add up over these evaluations. A failed one gains nothing; the first success after failures does.
    """
    if len(evaluations) <= patience:
        return False
    succeeded = [e for e in evaluations[:-patience] if e.cost is not None]
    lately = min((e.cost for e in evaluations[-patience:] if e.cost is not None), default=np.inf)
    if not succeeded:
        return bool(np.isinf(lately))
    before = min(succeeded, key=lambda e: e.cost if e.cost is not None else np.inf)
    assert before.cost is not None  # noqa: S101 - for the type checker
    return bool(lately > before.cost - least_gain(before.cost, before.error))

"""Which frames train and which test: decided by the frames' own names, so that it never depends on their order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError

TRAIN = 0.7  # as in papers of this kind: 70 % train, 30 % test


def by_hash(
    frames: Sequence[LabelledFrame], seed: int, train: float = TRAIN
) -> tuple[tuple[LabelledFrame, ...], tuple[LabelledFrame, ...]]:
    """Return (train, test), a share ``train`` and the rest, in the order of a hash of ``seed`` and each frame's key.

    A frame that occurs twice is on one side only. GlasspotError where a side would be empty.
    """
    if not 0 < train < 1:
        raise GlasspotError(f"the share of training frames is {train}; expected more than 0 and less than 1.")
    ranks = {frame.key: hashlib.sha256(f"{seed}:{frame.key}".encode()).hexdigest() for frame in frames}
    first = set(sorted(ranks, key=ranks.__getitem__)[: round(train * len(ranks))])
    chosen = tuple(sorted((f for f in frames if f.key in first), key=lambda f: ranks[f.key]))
    others = tuple(sorted((f for f in frames if f.key not in first), key=lambda f: ranks[f.key]))
    if not chosen or not others:
        raise GlasspotError(
            f"{len(ranks)} different frame{'s' * (len(ranks) != 1)} cannot be split {train:.0%} to {1 - train:.0%}; "
            "give more frames."
        )
    return chosen, others

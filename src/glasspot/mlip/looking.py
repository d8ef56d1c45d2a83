"""When a run is looked at: some frames of every stage, for a small part of the cost of the run itself.

To sample a stage that samples nothing changes no force and no random number, so the atoms move as they would have.
"""

from __future__ import annotations

import math
from dataclasses import replace

from glasspot.protocol import Protocol, Stage

LOOKS = 20  # of a stage, about
# Steps between two looks, at least: a look costs as much as some 15 steps (eight members, each set up anew).
LEAST_STEPS = 250


def looked_at(protocol: Protocol) -> tuple[Protocol, frozenset[int]]:
    """Return the protocol with samples in every stage of dynamics, and the stages that had none of their own."""
    stages, added = list(protocol.stages), []
    for index, stage in enumerate(protocol.stages):
        if stage.kind != "minimise" and stage.sample_every is None:
            stages[index] = replace(stage, sample_every=stage.duration / _looks(protocol.steps(stage)))
            added.append(index)
    return replace(protocol, stages=tuple(stages)), frozenset(added)


def _looks(steps: int) -> int:
    """Return about LOOKS, a number that divides ``steps`` and leaves LEAST_STEPS between two looks."""
    fitting = [n for n in range(1, 2 * LOOKS + 1) if steps % n == 0 and (n == 1 or steps // n >= LEAST_STEPS)]
    return min(fitting, key=lambda n: abs(math.log(n / LOOKS)))


def is_due(protocol: Protocol, stage: Stage, time_ps: float) -> bool:
    """Tell whether the sample at ``time_ps`` of a stage is looked at: the last of it, and about LOOKS in all."""
    every = protocol.steps_between_samples(stage)
    samples = protocol.steps(stage) // every
    number = round(time_ps / protocol.timestep) // every
    apart = max(math.ceil(samples / LOOKS), math.ceil(LEAST_STEPS / every))
    return (samples - number) % apart == 0


def temperature_at(stage: Stage, time_ps: float) -> float | None:
    """Return the temperature that was asked for at a time of the stage, in K; None where none was."""
    if stage.temperature_ends is None:
        return None
    start, end = stage.temperature_ends
    return start + (end - start) * min(1.0, time_ps / stage.duration)


def first_that_counts(protocol: Protocol) -> int:
    """Return the index of the first stage at the highest temperature: what was before it, the melt forgets.

    A gentle stage parts the atoms of a packing, which is unlike all data: it counts only where there is no other.
    """
    hottest = [0.0 if stage.gentle else max(stage.temperature_ends or (0.0,)) for stage in protocol.stages]
    return hottest.index(max(hottest))

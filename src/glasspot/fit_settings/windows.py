"""The windows of the free parameters: where a search may go, and where it looks at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from glasspot.campaign.plan import LEARNERS
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.potential.parameters import FreeParameter, ParameterSpace

Windows = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Space:
    """The free parameters, and boxes (n, 2) of their cube: where a search looks at first, and its start set lies.

    None: all of the cube; of the start set: where the search looks.
    """

    parameters: ParameterSpace
    windows: Windows | None = None
    start_windows: Windows | None = None


def space_of(config: FitConfig, base: Potential) -> Space:
    """Return the free parameters and their windows.

    Where a method moves its windows, the cube is as far as they may go: ``limits_percent``, or the width of the window
    more on either side. GlasspotError for windows that hold nothing.
    """
    table = config.potential
    decorrelated = table.coordinates == "decorrelated"
    both = sorted(set(table.windows) & set(table.windows_percent))
    if both:
        raise GlasspotError(f"{both[0]} stands in potential.windows and in potential.windows_percent; keep one")
    start = ParameterSpace.build(base, table.free, None, decorrelated).values(base)
    percent = _in_values(start, table.windows_percent, "windows_percent")
    inner = ParameterSpace.build(base, table.free, {**table.windows, **percent}, decorrelated)
    moves = config.learning.windows == "move" and any(name in LEARNERS for name in config.fit.method)
    if table.start_windows_percent and not (moves and "active-learning" in config.fit.method):
        raise GlasspotError(
            'potential.start_windows_percent is for fit.method = "active-learning" with learning.windows = "move"'
        )
    if not moves:
        if table.limits_percent:
            raise GlasspotError(
                'potential.limits_percent says how far windows may move; here none does (learning.windows = "move", '
                f"with the method {' or '.join(LEARNERS)})"
            )
        return Space(inner)
    limits = _in_values(start, table.limits_percent, "limits_percent")
    begun = _in_values(start, table.start_windows_percent, "start_windows_percent")
    outer, first = (
        ParameterSpace.build(base, table.free, {**table.windows, **percent, **other}, decorrelated)
        for other in (limits, begun)
    )
    cube = [
        _limited(inside, outside if inside.name in limits else None, start[inside.name] >= 0)
        for inside, outside in zip(inner.parameters, outer.parameters, strict=True)
    ]
    windows = tuple(_in_cube(p, one, "window") for p, one in zip(cube, inner.parameters, strict=True))
    started = tuple(_in_cube(p, one, "window of the start set") for p, one in zip(cube, first.parameters, strict=True))
    return Space(replace(inner, parameters=tuple(cube)), windows, started if begun else None)


def _limited(inside: FreeParameter, limits: FreeParameter | None, positive: bool) -> FreeParameter:
    """Return a parameter whose cube is as far as its window may move; ``positive``: it is not below zero now."""
    width = inside.high - inside.low
    low = inside.low - width if limits is None else limits.low
    high = inside.high + width if limits is None else limits.high
    if not inside.logarithmic and positive:
        low = max(low, min(0.0, inside.low))  # a charge or a C keeps its sign
    return replace(inside, low=low, high=high)


def _in_cube(cube: FreeParameter, inside: FreeParameter, what: str) -> tuple[float, float]:
    """Return the window of ``inside`` in units of the cube; GlasspotError where it goes beyond."""
    width = cube.high - cube.low
    low, high = (inside.low - cube.low) / width, (inside.high - cube.low) / width
    if low < -1e-9 or high > 1 + 1e-9:
        raise GlasspotError(f"the {what} of {inside.name} goes beyond its limits; widen potential.limits_percent")
    return max(low, 0.0), min(high, 1.0)


def _in_values(
    start: Mapping[str, float], percent: Mapping[str, Sequence[float]], key: str
) -> dict[str, tuple[float, float]]:
    """Return [low, high] in the unit of each value, from percent of the start."""
    found = {}
    for name, ends in percent.items():
        if name not in start:
            raise GlasspotError(f'potential.{key} names "{name}", which is not free; free are {", ".join(start)}')
        if len(ends) != 2 or not ends[0] < ends[1] or not ends[0] <= 0 <= ends[1]:
            raise GlasspotError(
                f"potential.{key} of {name} is {list(ends)}; expected [low, high] in percent of the start, such as "
                "[-10, 10]: the start itself, 0, must lie inside"
            )
        if ends[0] < -100:
            raise GlasspotError(
                f"potential.{key} of {name} begins at {ends[0]:g} %: below -100 the value would change its sign"
            )
        if start[name] == 0:
            raise GlasspotError(f"{name} is 0 at the start, so percent of it are nothing; use potential.windows")
        values = sorted(start[name] * (1 + end / 100.0) for end in ends)
        found[name] = (values[0], values[1])
    return found

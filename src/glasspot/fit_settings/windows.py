"""The windows of the free parameters: where a search may go, and where it looks at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from glasspot.campaign.plan import LEARNERS
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace

Windows = tuple[tuple[float, float], ...]


def space_of(config: FitConfig, base: Potential) -> tuple[ParameterSpace, Windows | None]:
    """Return the free parameters, and the box of their cube where a search looks at first, (n, 2).

    None in place of the box where the cube is it. Where a method moves its windows, the cube is as far as they may go:
    ``limits_percent``, or the width of the window more on either side. GlasspotError for windows that hold nothing.
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
    if not moves:
        if table.limits_percent:
            raise GlasspotError(
                'potential.limits_percent says how far windows may move; here none does (learning.windows = "move", '
                f"with the method {' or '.join(LEARNERS)})"
            )
        return inner, None
    limits = _in_values(start, table.limits_percent, "limits_percent")
    outer = ParameterSpace.build(base, table.free, {**table.windows, **percent, **limits}, decorrelated)
    parameters, windows = [], []
    for inside, outside in zip(inner.parameters, outer.parameters, strict=True):
        width = inside.high - inside.low
        given = inside.name in limits
        low = outside.low if given else inside.low - width
        high = outside.high if given else inside.high + width
        if not inside.logarithmic and start[inside.name] >= 0:
            low = max(low, min(0.0, inside.low))  # a charge or a C keeps its sign
        if low > inside.low + 1e-12 or high < inside.high - 1e-12:
            raise GlasspotError(f"the limits of {inside.name} are narrower than its window; widen limits_percent")
        parameters.append(replace(inside, low=low, high=high))
        windows.append(((inside.low - low) / (high - low), (inside.high - low) / (high - low)))
    return replace(inner, parameters=tuple(parameters)), tuple(windows)


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
        if start[name] == 0:
            raise GlasspotError(f"{name} is 0 at the start, so percent of it are nothing; use potential.windows")
        values = sorted(start[name] * (1 + end / 100.0) for end in ends)
        found[name] = (values[0], values[1])
    return found

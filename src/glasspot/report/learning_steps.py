"""The course of a fit that learns, from its records: rounds of evaluations, and the windows that moved between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from glasspot.potential.parameters import ParameterSpace
from glasspot.report.learning_data import Round, Span, Trial, WindowMove
from glasspot.report.status import Record

START = "start"  # note of the points of a start set
Shown = Callable[[np.ndarray], np.ndarray]  # places along an axis of the cube -> as a span shows them


def rounds_of(
    steps: Sequence[Record], space: ParameterSpace, rmse: Callable[[Mapping[str, float]], Any]
) -> list[Round]:
    """Return the rounds; those of the start set are one, number 0. ``rmse``: R_chi of each target alone -> (k,)."""
    shown = [shown_places(space, axis) for axis in range(len(space.names))]
    return [
        Round(number, tuple(_trial(record, shown, rmse) for record in records))
        for number, records in enumerate(_grouped(steps))
    ]


def _grouped(steps: Sequence[Record]) -> list[list[Record]]:
    """Return the records round by round, the start set first, empty where there is none."""
    rounds = [list(records) for _, records in groupby(steps, key=lambda record: record["round"])]
    own = next((n for n, records in enumerate(rounds) if any(r["note"] != START for r in records)), len(rounds))
    return [[record for records in rounds[:own] for record in records], *rounds[own:]]


def _trial(record: Record, shown: Sequence[Shown], rmse: Callable[[Mapping[str, float]], Any]) -> Trial:
    place = np.array(record["point"])
    failed = record["cost"] is None
    return Trial(
        level=record.get("level", 0),
        cost=math.nan if failed else record["cost"],
        rmse=rmse({} if failed else record["per_curve"]),
        shifts=np.array([show(place[axis : axis + 1])[0] for axis, show in enumerate(shown)]),
        values=record["values"],
        note=record["reason"] if failed else record["note"],
    )


def shown_places(space: ParameterSpace, axis: int) -> Shown:
    """Return what turns places along an axis of the cube to percent of the start, or to values where that is zero."""
    p = space.parameters[axis]
    at = p.low + space.to_cube(space.base)[axis] * (p.high - p.low)

    def shown(places: np.ndarray) -> np.ndarray:
        x = p.low + np.asarray(places, dtype=float) * (p.high - p.low)
        if p.logarithmic:
            return np.asarray(100.0 * np.expm1(x - at))
        return np.asarray(100.0 * (x - at) / abs(at) if at != 0 else x)

    return shown


def spans_of(
    space: ParameterSpace, steps: Sequence[Record], first: Sequence[Sequence[float]] | None, decisions: Sequence[Record]
) -> list[Span]:
    """Return the window of each parameter in every round; ``first`` (n, 2): at the beginning; None: the whole cube."""
    moves = [d for d in decisions if d["kind"] == "window"]
    begins = [records[0]["number"] if records else 0 for records in _grouped(steps)]
    found = []
    for axis, p in enumerate(space.parameters):
        show = shown_places(space, axis)
        mine = [d for d in moves if d["axis"] == axis]
        window = mine[0]["before"] if mine and first is None else (0.0, 1.0) if first is None else first[axis]
        windows = [_at(window, mine, begin) for begin in begins] + [_at(window, mine, math.inf)]
        low, high = show(np.array([0.0, 1.0]))
        unit = "%" if p.logarithmic or space.values(space.base)[p.name] != 0 else p.unit
        places = np.array([show(np.array(ends)) for ends in windows])
        found.append(Span(p.name, unit, (float(low), float(high)), places, p.anchor != 0))
    return found


def _at(window: Sequence[float], moves: Sequence[Record], told: float) -> Sequence[float]:
    """Return the window of an axis when so many evaluations were told."""
    for move in moves:
        if move["evaluations"] <= told:
            window = move["after"]
    return window


def moves_of(space: ParameterSpace, steps: Sequence[Record], decisions: Sequence[Record]) -> list[WindowMove]:
    """Return every move of a window, and every one that was refused, with its reason."""
    last = [records[-1]["number"] if records else -1 for records in _grouped(steps)]
    found = []
    for decision in decisions:
        if decision["kind"] != "window":
            continue
        show = shown_places(space, decision["axis"])
        end = 0 if decision["side"] == "low" else 1
        before, after = (float(show(np.array(decision[key]))[end]) for key in ("before", "after"))
        told = decision["evaluations"] - 1
        number = next((n for n, step in enumerate(last) if step >= told), len(last) - 1)
        name = space.names[decision["axis"]]
        found.append(WindowMove(number, name, decision["side"], before, after, decision["moved"], decision["reason"]))
    return found

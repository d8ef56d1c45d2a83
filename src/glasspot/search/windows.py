"""Windows that move by rule: widened where what a search selects piles up at a bound, and the runs there are stable.

Notation
    u         point of the unit cube, the outermost region allowed
    windows   (n, 2): low and high of each axis, inside the cube: where the search looks now
    side      of an axis: low or high
    outer     of a side: the part of the window next to its bound, ``Rule.outer`` of the width; points at the bound, and
              beyond it, are in it

For each side, k of the m points selected last lie in the outer part. If they were spread evenly over the points of the
windows that pass the screen, each would lie there with probability p_0: the share of those points that do. The side is
crowded where P(K >= k), K ~ Binomial(m, p_0), is too small for chance; Holm's step-down correction (Scand. J. Stat. 6,
65 (1979)) keeps the chance that any of the 2 n sides is called crowded wrongly below ``Rule.level``.

A crowded side is widened by ``Rule.step`` of the width unless it stands at the limit, the screen refuses what would be
added, or runs near the bound fail too often. Whatever is done with a crowded side is a decision with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.search.points import SAME
from glasspot.search.proposer import Evaluation, Margin

STREAM = 41  # sets these random numbers apart from those of other methods with the same seed
SIDES = ("low", "high")


@dataclass(frozen=True)
class Rule:
    """The numbers of the rule.

    outer: a tenth of the width counts as near the bound. level: chance that a search which has no reason to leave its
    windows widens one of them, per iteration. span: iterations looked at together, those in which the window of the
    axis was as it is now; two see what one is too small for. step: of the width, on one side; from +-10 % to +-15 %, as
    a paper did by hand (:mod:`glasspot.search.learning`), is a quarter. passing: share of the points added that must
    pass the screen, so that there is more to search than to refuse. failing: share of failed runs near the bound that
    is refused when there are more, beyond chance at ``failing_level``; a third of the runs lost is dear, and two
    failures alone are no proof. samples: points drawn to estimate shares, to 3 %.
    """

    outer: float = 0.1
    level: float = 0.01
    span: int = 2
    step: float = 0.25
    passing: float = 0.5
    failing: float = 1.0 / 3.0
    failing_level: float = 0.05
    samples: int = 256


@dataclass(frozen=True)
class Selection:
    """The points (m, n) that one iteration selected, and the windows (n, 2) in which it looked."""

    points: np.ndarray
    windows: np.ndarray


@dataclass(frozen=True)
class _Crowd:
    """A side of an axis: ``near`` of ``count`` points in its outer part, where ``expected`` would be by chance."""

    axis: int
    side: int
    near: int
    count: int
    expected: float
    p_value: float


def checked(windows: np.ndarray) -> np.ndarray:
    """Return a copy of ``windows`` (n, 2); GlasspotError where one is empty or leaves the cube."""
    windows = np.array(windows, dtype=float)
    for axis, (low, high) in enumerate(windows):
        if not -SAME <= low < high <= 1.0 + SAME:
            raise GlasspotError(
                f"the first window of free parameter {axis + 1} goes from {low:g} to {high:g} in units of its "
                "outermost one; expected two rising numbers in 0..1: put the first windows inside the outermost ones"
            )
    return np.asarray(np.clip(windows, 0.0, 1.0))


def moved(
    windows: np.ndarray,
    selected: Sequence[Selection],
    told: Sequence[Evaluation],
    margin: Margin,
    seed: int,
    rule: Rule | None = None,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the windows (n, 2) of the next iteration, and the decisions (plain values) that made them so.

    ``selected``: what the iterations so far selected, oldest first. ``told``: everything evaluated so far, whoever
    asked for it. The same arguments give the same result.
    """
    state = _State(np.asarray(windows, dtype=float), told, margin, seed, Rule() if rule is None else rule)
    new = state.windows.copy()
    decisions = []
    for crowd in _crowded(state, selected):
        decision = _decided(state, crowd, new[crowd.axis])
        new[crowd.axis] = decision["after"]
        decisions.append(decision)
    return new, decisions


@dataclass(frozen=True)
class _State:
    """What a decision is made from."""

    windows: np.ndarray
    told: Sequence[Evaluation]
    margin: Margin
    seed: int
    rule: Rule

    def passing(self, box: np.ndarray, *stream: int) -> tuple[np.ndarray, float]:
        """Return points drawn in ``box`` (n, 2) that pass the screen, and their share of those drawn."""
        rng = np.random.default_rng([self.seed, STREAM, *stream])
        points = box[:, 0] + (box[:, 1] - box[:, 0]) * rng.random((self.rule.samples, len(box)))
        passed = points[[self.margin(point) >= 0 for point in points]]
        return passed, len(passed) / len(points)

    def near(self, values: np.ndarray, axis: int, side: int) -> np.ndarray:
        """Return which ``values`` (m,) of an axis lie in the outer part of a side of its window, or beyond."""
        low, high = self.windows[axis]
        reach = self.rule.outer * (high - low) + SAME
        return np.asarray(values <= low + reach if side == 0 else values >= high - reach)


def _crowded(state: _State, selected: Sequence[Selection]) -> list[_Crowd]:
    """Return the sides that more points are near to than chance explains, in the order of axes and sides."""
    from scipy.stats import binom

    shares = _outer_shares(state)
    crowds = []
    for axis, window in enumerate(state.windows):
        recent = selected[-state.rule.span :]
        here = [s.points[:, axis] for s in recent if np.array_equal(s.windows[axis], window)]
        values = np.concatenate([np.zeros(0), *here])
        for side in range(len(SIDES)):
            near = int(state.near(values, axis, side).sum())
            share = float(shares[axis, side])
            p_value = float(binom.sf(near - 1, len(values), share))
            crowds.append(_Crowd(axis, side, near, len(values), len(values) * share, p_value))
    found = []
    for rank, crowd in enumerate(sorted(crowds, key=lambda c: c.p_value)):
        if crowd.p_value > state.rule.level / (len(crowds) - rank):
            break
        found.append(crowd)
    return sorted(found, key=lambda c: (c.axis, c.side))


def _outer_shares(state: _State) -> np.ndarray:
    """Return the share (n, 2) of the points passing the screen that lies in the outer part of each side.

    Never less than that of the volume: an estimate that is too low by luck would move windows by luck.
    """
    shares = np.full(state.windows.shape, state.rule.outer)
    passed, share = state.passing(state.windows)
    if 0 < share < 1:
        for axis, side in np.ndindex(*shares.shape):
            shares[axis, side] = max(state.rule.outer, state.near(passed[:, axis], axis, side).mean())
    return shares


def _decided(state: _State, crowd: _Crowd, now: np.ndarray) -> dict[str, Any]:
    """Return what is done with a crowded side; ``now`` (2,): the window after what was decided before in this round."""
    axis, side, rule = crowd.axis, crowd.side, state.rule
    step = rule.step * (state.windows[axis, 1] - state.windows[axis, 0])
    after = now.copy()
    after[side] = np.clip(now[side] + (step if side else -step), 0.0, 1.0)
    refused = _refused(state, crowd, float(after[side]))
    what = "as far as the outermost limit" if after[side] in (0.0, 1.0) else f"by {rule.step:.0%} of its width"
    return {
        "kind": "window", "evaluations": len(state.told), "axis": axis, "side": SIDES[side],
        "before": now.tolist(), "after": (now if refused else after).tolist(), "moved": not refused,
        "p_value": crowd.p_value,
        "reason": f"{_evidence(crowd, rule)} {refused or f'The window is widened on that side {what}.'}",
    }  # fmt: skip


def _evidence(crowd: _Crowd, rule: Rule) -> str:
    """Return the sentence that says why the side is crowded."""
    part = "lowest" if crowd.side == 0 else "highest"
    return (
        f"{crowd.near} of the {crowd.count} points selected last lie in the {part} {rule.outer:.0%} of the window of "
        f"this parameter, where chance would put {crowd.expected:.1f} (p = {crowd.p_value:.1g})."
    )


def _refused(state: _State, crowd: _Crowd, bound: float) -> str:
    """Return why the window must not be widened to ``bound``, a sentence; empty where it may."""
    from scipy.stats import binom

    axis, side, rule = crowd.axis, crowd.side, state.rule
    old = state.windows[axis, side]
    if abs(bound - old) <= SAME:
        return "It is not widened: it stands at the outermost limit already. Better values may lie beyond."
    slab = state.windows.copy()
    slab[axis] = sorted((bound, old))
    share = state.passing(slab, axis, side)[1]
    if share < rule.passing:
        return (
            f"It is not widened: of what would be added only {share:.0%} passes the screen; elsewhere the barrier "
            "between like charges is too low and atoms may fuse."
        )
    values = np.array([e.point[axis] for e in state.told])
    near = [e for e, there in zip(state.told, state.near(values, axis, side), strict=True) if there]
    failed = sum(e.cost is None for e in near)
    if binom.sf(failed - 1, len(near), rule.failing) < rule.failing_level:
        return f"It is not widened: {failed} of the {len(near)} points run near that bound failed."
    return ""

"""What a figure is before anything draws it: panes stacked over one x axis, each with its traces.

Colours are plain hex, or one of the names in ``INKS``, which a renderer turns into what suits its paper: the page has a
light and a dark one. The palette is that of Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

INKS = ("ink", "muted", "faint")
"""``ink`` is the colour of text (and of the target), ``muted`` a quiet grey, ``faint`` that of a grid line."""

LONG_NAMES = 24  # characters, of all names of an axis together
TICKS = 6  # of a logarithmic axis, about

VERMILION, BLUE = "#D55E00", "#0072B2"
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")


@dataclass(frozen=True)
class Style:
    """How a trace looks; ``width`` in screen pixels (the image files scale it)."""

    colour: str
    width: float = 1.8
    dash: str = "solid"  # solid | dash | dot | dashdot
    marker: str = ""  # "" (none) | circle | cross | diamond | square | triangle | triangle-down | plus
    size: float = 0.0  # of the marker, in screen pixels; 0: the usual one


@dataclass(frozen=True)
class Trace:
    """One curve of a pane. Traces with the same ``label`` share one entry of the legend.

    ``error`` is a standard error of ``y``, shape (n,): a band around a line, a bar on points; ``error_x`` is that of
    ``x``, of points. ``notes`` is the text shown at each point under the mouse, in place of the bare numbers.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    style: Style
    kind: str = "line"  # line | step | points | bars
    error: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    in_legend: bool = True
    error_x: np.ndarray | None = None


@dataclass(frozen=True)
class Axis:
    """An axis; ``limits`` are values, also on a logarithmic axis; ``ticks`` only where the default is poor.

    ``names`` stand at the ticks in place of their numbers.
    """

    label: str
    log: bool = False
    limits: tuple[float, float] | None = None
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def tick_names(self) -> tuple[str, ...]:
        """What stands at the ticks."""
        return self.names or tuple(f"{tick:g}" for tick in self.ticks)

    @property
    def aslant(self) -> bool:
        """Whether the names are too long to stand side by side."""
        return len("".join(self.names)) > LONG_NAMES


@dataclass(frozen=True)
class Pane:
    """One box of curves; ``share`` is its part of the figure's height, relative to the other panes."""

    y: Axis
    traces: tuple[Trace, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Figure:
    """Panes stacked over one x axis, with the words that go with them. ``name`` is the stem of the image files."""

    name: str
    section: str
    title: str
    caption: str
    x: Axis
    panes: tuple[Pane, ...]
    compare: bool = False  # the reader compares curves at one x, so the page shows all values there
    even: bool = False  # the panes are alike, such as one for each glass: none is a strip under the first


def curve_styles(roles: Iterable[tuple[str, str]]) -> Mapping[str, Style]:
    """Return a style for each (name, role): target black, fitted vermilion, start blue and dashed."""
    styles: dict[str, Style] = {}
    published = 0
    for name, role in roles:
        if name in styles:
            continue
        if role == "target":
            styles[name] = Style("ink", width=3.2)
        elif role == "fitted":
            styles[name] = Style(VERMILION, width=2.0)
        elif role == "start":
            styles[name] = Style(BLUE, width=1.8, dash="dash")
        else:
            dash = ("dashdot", "dot")[published // len(OTHERS) % 2]
            styles[name] = Style(OTHERS[published % len(OTHERS)], width=1.6, dash=dash)
            published += 1
    return styles


def percent_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers between ``low`` and ``high`` for a logarithmic axis: every one a reader can say aloud."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    spread = math.log10(high / low)
    digits: tuple[float, ...] = (1, 2, 5)
    if spread > 3:
        digits = (1,)
    elif spread < 1:
        digits = (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = (digit * 10.0**decade for decade in decades for digit in digits)
    return tuple(float(f"{tick:.6g}") for tick in ticks if low <= tick <= high)


def whole_ticks(low: float, high: float, most: int = 8) -> tuple[float, ...]:
    """Return whole numbers between ``low`` and ``high``, about ``most`` at most, for an axis that counts."""
    span = max(high - low, 1.0)
    step = next(s * 10**p for p in range(9) for s in (1, 2, 5) if span / (s * 10**p) <= most)
    first = math.ceil(low / step) * step
    return tuple(float(value) for value in range(first, math.floor(high) + 1, step))


def value_ticks(low: float, high: float) -> list[float]:
    """Return a few round values of a logarithmic axis, however narrow its window."""
    ticks = list(percent_ticks(low, high))
    if len(ticks) < 3:
        from matplotlib.ticker import MaxNLocator

        ticks = [float(t) for t in MaxNLocator(TICKS - 1).tick_values(low, high) if low <= t <= high]
    return ticks[:: -(-len(ticks) // TICKS)]

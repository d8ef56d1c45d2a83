"""What a report shows of a fit that models what every glass does, as plain values.

Notation
    g, k    glasses and quantities; tables (g, k) have nan where a glass has no such target
    n       free parameters
    RMSE    of a quantity: sqrt( sum_g w (x - target)^2 / scale^2 / sum_g w ), a part of its scale; w: of the targets
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from glasspot.potential.model import Potential


@dataclass(frozen=True)
class Quantity:
    """What is compared in every glass: a number such as the density, or the distance of a curve from its target.

    ``scale``: the deviation that counts as 1, in ``unit``; nan where it is not the same in all glasses.
    """

    name: str
    unit: str
    is_number: bool
    scale: float = math.nan

    @property
    def factor(self) -> float:
        """What an RMSE is multiplied by to be shown: to its unit, or to percent where there is none for all glasses."""
        return self.scale if math.isfinite(self.scale) else 100.0

    @property
    def shown(self) -> str:
        """The unit in which its RMSE is shown."""
        return self.unit if math.isfinite(self.scale) else "%"

    @property
    def label(self) -> str:
        """Name of an axis with its RMSE."""
        return f"RMSE of {self.name} ({self.shown})" if self.shown else f"RMSE of {self.name}"


@dataclass(frozen=True)
class Level:
    """How the glasses are made: atoms and the rate of the quench (K/ps), on average over the glasses; nan: unknown."""

    atoms: float = math.nan
    rate: float = math.nan

    @property
    def words(self) -> str:
        """What a reader is told."""
        parts = [f"{self.atoms:.0f} atoms"] if math.isfinite(self.atoms) else []
        return ", ".join([*parts, *([f"{self.rate:g} K/ps"] if math.isfinite(self.rate) else [])])


@dataclass(frozen=True)
class GlassSet:
    """What one potential gives in every glass: ``mean`` and standard deviation ``sd``, (g, k).

    From independent ``runs``, or (``runs`` 0) from the model of all runs, at the aim: there ``sd`` is its uncertainty,
    and cost, cost_sd and rmse (k,) are known as well.
    """

    name: str
    role: str  # start | fitted | published
    runs: int
    mean: np.ndarray
    sd: np.ndarray
    cost: float = math.nan
    cost_sd: float = math.nan
    rmse: np.ndarray | None = None
    rmse_sd: np.ndarray | None = None


@dataclass(frozen=True)
class Trial:
    """An evaluation: its level, R_chi, the RMSE of each quantity (k,) and where its parameters lay.

    ``shifts`` (n,): as :class:`Span` shows them. cost and rmse are nan where the MD failed.
    """

    level: int
    cost: float
    rmse: np.ndarray
    shifts: np.ndarray
    values: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True)
class Round:
    """Evaluations that were proposed together; number 0 is the whole start set."""

    number: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Span:
    """A free parameter and how its places are shown: percent of the start, or the value where that is zero.

    ``limits``: the farthest that it may go. ``windows`` (rounds + 1, 2): where the search looked in each round, and
    after the last.
    """

    name: str
    unit: str  # "%", or that of the value
    limits: tuple[float, float]
    windows: np.ndarray
    at_start: bool = False  # other parameters shift what a place means, so it is told for them at the start


@dataclass(frozen=True)
class WindowMove:
    """A side of a window at which the selected sets crowded, and what was done. before, after: as the span shows."""

    round: int  # after which it was decided
    name: str
    side: str  # low | high
    before: float
    after: float
    moved: bool
    reason: str


@dataclass(frozen=True)
class Front:
    """Evaluated sets by the RMSE of each quantity at the aim, (p, k): which beat each other in something.

    ``level`` (p,): the last at which each was run in the search, -1: only on independent runs. ``cost`` (p,): R_chi at
    the aim. ``best``: indices of the front; ``values``, ``potentials``: of those. ``named``: potential -> its index.
    """

    rmse: np.ndarray
    sd: np.ndarray
    level: np.ndarray
    best: tuple[int, ...]
    cost: np.ndarray
    values: tuple[Mapping[str, float], ...]
    potentials: tuple[Potential, ...]
    named: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorMap:
    """R_chi and the RMSE of each quantity over two parameters, (k, y, x), the others as in the set at ``centre``."""

    axes: tuple[str, str]
    units: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    cost: np.ndarray
    rmse: np.ndarray
    marks: Mapping[str, tuple[float, float]]  # name of a potential -> its place
    centre: str  # whose other parameters it has
    at_centre: tuple[str, ...] = ()  # axes whose values hold at another parameter of the centre


@dataclass(frozen=True)
class ModelScores:
    """How well one surrogate foretells sets that it was not taught: (k,) each; ``coverage`` (levels, k)."""

    name: str
    rmse: np.ndarray
    coverage: np.ndarray
    z_sd: np.ndarray


@dataclass(frozen=True)
class LeftOut:
    """A glass and its R_chi: under the set best for all, best for all others, best for it; ``unseen`` (k,) RMSE."""

    glass: str
    fitted: float
    without: float
    own: float
    same: bool
    unseen: np.ndarray | None = None


@dataclass(frozen=True)
class Model:
    """What is known of the model of all runs. ``parity``: foretold, its sd and found, (rows, k).

    Rows go through the ``glasses`` over and over.
    """

    glasses: tuple[str, ...]
    scores: tuple[ModelScores, ...]
    levels: tuple[float, ...]  # nominal coverages
    parity: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    relevance: Mapping[str, float] = field(default_factory=dict)  # parameter -> change of R_chi over its window
    left_out: tuple[LeftOut, ...] = ()
    asked: str = "gaussian-process"  # the model that all else comes from


@dataclass(frozen=True)
class Structure:
    """One curve of the structure in every glass: potential -> (x, y), for each glass that has it."""

    name: str
    x_label: str
    y_label: str
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]


@dataclass(frozen=True)
class Learned:
    """All that is shown of such a fit; parts that are not there yet are empty."""

    glasses: tuple[str, ...]  # in the order of drawing; those held out are among them
    held_out: tuple[bool, ...]
    shares: tuple[float, ...]  # mole percent of the oxide that orders them; empty where they stand as given
    oxide: str
    quantities: tuple[Quantity, ...]
    target: np.ndarray  # (g, k)
    target_error: np.ndarray
    levels: tuple[Level, ...]
    sets: tuple[GlassSet, ...]  # by independent runs of the last level; before those, the best that the search has
    made: Level  # how the glasses of ``sets`` were made
    at_aim: tuple[GlassSet, ...]
    aim: Level
    extrapolated: bool
    rounds: tuple[Round, ...]
    spans: tuple[Span, ...]
    moves: tuple[WindowMove, ...]
    front: Front | None = None
    map: ErrorMap | None = None
    model: Model | None = None
    reason: str = ""  # why there is no model
    structures: tuple[Structure, ...] = ()

    @property
    def numbers(self) -> list[int]:
        """Indices of the quantities that are numbers."""
        return [k for k, quantity in enumerate(self.quantities) if quantity.is_number]

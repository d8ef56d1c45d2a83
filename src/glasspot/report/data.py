"""What a report of a fit shows, as plain values: filled from the store, drawn by the HTML page and the image files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from glasspot.potential.model import Potential
from glasspot.report.learning_data import Learned


@dataclass(frozen=True)
class Series:
    """One curve of a panel: ``x``, ``y`` and, where known, the standard error of ``y`` (all shape (n,))."""

    name: str
    x: np.ndarray
    y: np.ndarray
    error: np.ndarray | None = None
    role: str = "published"  # target | start | fitted | published


@dataclass(frozen=True)
class CurvePanel:
    """Curves that share axes, such as the g(r) of one pair: target, start, fitted and published potentials."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    held_out: bool = False  # of a state whose targets are no part of the cost


@dataclass(frozen=True)
class FittedNumber:
    """A number that is a target, such as the pressure: its value in each potential's validation runs."""

    label: str
    unit: str
    target: float
    error: float  # of the target, nan where not known
    values: Mapping[str, tuple[float, float]]  # potential -> mean and standard error
    held_out: bool = False


@dataclass(frozen=True)
class Step:
    """One evaluation of the fit. ``cost`` is R_chi as a fraction (0.05 = 5 %), nan where the MD failed."""

    md_runs: int  # MD runs finished up to and with this step
    cost: float
    cost_error: float
    predicted: float
    accepted: bool
    seconds: float  # wall time since the start of the fit
    values: Mapping[str, float]  # parameter name -> value in the unit of the potential file
    note: str = ""  # reason of a failure, or "far"/"near" phase, in words
    places: Mapping[str, float] = field(default_factory=dict)  # parameter name -> place in its window, 0 to 1
    method: str = "gauss-newton"
    level: int = 0  # how the glasses were made, 0 the cheapest


@dataclass(frozen=True)
class Score:
    """A potential scored on independent validation runs; costs are fractions."""

    name: str
    role: str  # start | fitted | published
    cost: float
    error: float
    runs: int
    per_curve: Mapping[str, float]  # target label -> R_chi of that curve alone
    observables: Mapping[str, float] = field(default_factory=dict)  # "coordination Si-O" -> 4.02 ...
    note: str = ""
    per_state: Mapping[str, float] = field(default_factory=dict)  # state -> R_chi of that state alone
    held_out: float = math.nan  # R_chi of the states that were held out of the fit
    held_out_error: float = math.nan
    held_out_runs: int = 0


@dataclass(frozen=True)
class Parameter:
    """A fitted parameter: its value at the start and at the end, and what the data say about it."""

    name: str
    unit: str
    start: float
    fitted: float
    error: float  # one standard error from the linear response; inf where the data do not determine it
    window: tuple[float, float]  # in the value's own unit; that of A holds at the starting rho
    place: float | None = None  # place of the fitted value in its window, 0 to 1, where the window is not a plain one


@dataclass(frozen=True)
class Direction:
    """A direction of parameter space with how well the data determine it (eigenvectors of the Fisher information)."""

    cost_change: float  # change of the curves, as R_chi fraction, for a step of one window half-width
    determined: bool
    components: Mapping[str, float]
    words: str
    information: float = math.nan  # (change of the curves / their noise)^2 for half a window: sharp above 1
    error: float = math.nan  # standard error along it, in windows; 0.29 where only the window is known


@dataclass(frozen=True)
class Member:
    """A potential drawn about the fitted one, run and judged; costs are fractions, nan where a run failed."""

    name: str
    fits: bool  # as well as the fitted one, within the noise
    cost: float
    error: float
    predicted: float
    places: Mapping[str, float]  # parameter name -> place in its window
    potential: Potential
    note: str = ""


@dataclass(frozen=True)
class Prediction:
    """What the members that fit say of one quantity, beside what runs of the fitted potential say."""

    quantity: str
    fitted: float
    error: float  # standard error of ``fitted``
    mean: float  # over the members that fit
    spread: float  # standard deviation over them
    scatter: float  # the same for repeats of one potential with as many runs
    left_open: float  # what the spread has beyond the scatter; 0 where it does not stand out at 95 %


@dataclass(frozen=True)
class Ensemble:
    """Potentials that fit as well as the fitted one, and what they do not agree on."""

    members: tuple[Member, ...]  # all that were run
    limit: float  # R_chi up to which a member fits as well
    predictions: tuple[Prediction, ...]

    @property
    def fitting(self) -> tuple[Member, ...]:
        """The members that fit as well."""
        return tuple(member for member in self.members if member.fits)


@dataclass(frozen=True)
class FitReport:
    """Everything the report of a fit draws and prints."""

    title: str
    description: str
    state: str  # running | finished | interrupted | failed
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]
    directions: tuple[Direction, ...]
    scores: tuple[Score, ...]
    noise_floor: float  # R_chi of a perfect model with runs of this length, as a fraction; nan when not known
    panels: tuple[CurvePanel, ...]  # g(r) of every target curve
    structure_panels: tuple[CurvePanel, ...]  # bond angles, coordination distributions
    potentials: Mapping[str, Potential]  # name -> potential whose U(r) is drawn: start, fitted, published
    fitted: Potential | None
    timings: Mapping[str, float]  # seconds: wall, md, outside MD ...; fractions are derived when shown
    provenance: Mapping[str, str]  # versions, host type, seed, commit, dates, hash of the input
    elements: tuple[str, ...] = ()  # of the glass, whose U(r) are drawn; empty: those that all potentials know
    numbers: tuple[FittedNumber, ...] = ()  # targets that are no curves
    ensemble: Ensemble | None = None
    unknown_errors: str = ""  # why the errors of the parameters are not known, where they are not
    learned: Learned | None = None  # of a fit that models what every glass does
    cautions: tuple[str, ...] = ()  # what a reader must know: total g(r), short reference, unverified set ...

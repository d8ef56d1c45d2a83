"""What a fit sets out to do, as plain values: the campaign knows nothing of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System
from glasspot.evaluate.job import EngineChoice, Packing
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.protocol import Protocol
from glasspot.structure.frames import cell_matrix
from glasspot.target.number import NumberTarget
from glasspot.target.objective import HistogramTarget

# Seeds of the n-th state are those of the first, moved on by this: no fit has so many replicas or runs.
STATE_STRIDE = 1_000_000
LIQUID, GLASS = "liquid", "glass"
LEARNERS = ("multi-objective", "active-learning")  # methods that model what every glass does


@dataclass(frozen=True)
class SimulatedTarget:
    """A target still to be simulated: the g(r) of the liquid of a published potential."""

    label: str
    pair: str | None
    potential: Potential
    r_range: tuple[float, float]
    bin_width: float
    weight: float

    @property
    def reach(self) -> float:
        """Distance (A) that the fine histogram must hold."""
        return self.r_range[1]


AnyTarget = SimulatedTarget | HistogramTarget | NumberTarget


@dataclass(frozen=True)
class Protocols:
    """Protocols of each kind of run. ``first`` starts from a packing, ``warm`` from the last configuration."""

    first: Protocol
    warm: Protocol
    refine: Protocol  # warm, with longer sampling, near the end
    validation: Protocol
    reference: Protocol


@dataclass(frozen=True)
class State:
    """One simulated system of a fit: a liquid in equilibrium, or a glass quenched from it.

    The glass is at constant volume, or where ``pressure`` is given at that constant pressure.
    """

    name: str  # "" where there is only one
    counts: Mapping[str, int]
    cell_length: float  # A
    temperature: float  # K
    protocols: Protocols
    targets: tuple[AnyTarget, ...]
    kind: str = LIQUID
    held_out: bool = False  # scored at the end, never part of the cost
    index: int = 0  # place among the states of the plan: its seeds
    pressure: float | None = None  # GPa
    rate: float = 0.0  # K/ps, of a quench
    oxides: Mapping[str, float] = field(default_factory=dict)  # mole fractions

    @property
    def atoms(self) -> int:
        """Atoms of all species together."""
        return sum(self.counts.values())

    @property
    def cell(self) -> Any:
        """Cell matrix, (3, 3) in A."""
        return cell_matrix(self.cell_length)

    @property
    def warm(self) -> bool:
        """Whether an evaluation may go on from another one's last configuration: a glass must be melted anew."""
        return self.kind == LIQUID


@dataclass(frozen=True)
class Learning:
    """The choices of the methods that model what every glass does; None: the method's own."""

    surrogate: str | None = None
    glass_features: tuple[str, ...] = ()  # oxides; empty: all that differ from glass to glass
    move: bool = True
    start_set: str = "grid-random"
    optimisers: tuple[str, ...] = ("bayes", "cma-es")
    objectives: tuple[str, ...] = ("equal", "composition-weighted")
    iterations: tuple[int, ...] = (8, 9)
    weight: float = 2.0  # w_B
    weighted_by: str = "B2O3"
    weighted_quantity: str = "fraction_B4"
    runs: int = 5
    top: int = 5
    pick: int = 10
    promote: float = 0.25
    repeats: bool = True
    aim_rate: float | None = None  # K/ps; None: that of the last level
    aim_atoms: int | None = None


@dataclass(frozen=True)
class FitPlan:
    """Everything that decides the course of a fit; GlasspotError when ``max_runs`` do not allow one evaluation."""

    title: str
    description: str
    cautions: tuple[str, ...]
    seed: int
    name: str  # of the fitted potential
    space: ParameterSpace
    states: tuple[State, ...]
    engine: EngineChoice
    compare: tuple[Potential, ...]
    replicas: int
    max_runs: int
    barrier: float  # eV, least barrier of like-charged pairs
    candidates: int
    selection_runs: int
    validation_runs: int
    reference_runs: int
    source: Mapping[str, Any]  # the settings as they were given, to tell what changed on --resume
    methods: tuple[str, ...] = ("gauss-newton",)
    # Evaluations without gain (generations of CMA-ES, iterations at rest of conjugate gradients): of all methods, or of
    # each; None: the method's own.
    patience: int | tuple[int, ...] | None = None
    start_points: int = 10  # of the Sobol set that Bayesian optimisation starts from
    batch: int | None = None  # points proposed together, where the method leaves the choice; None: to fill the workers
    members: int = 0  # potentials drawn beside the fitted one, to see what the fit leaves open
    member_runs: int = 1  # of each
    # Cheaper ways to make the fitted states (smaller, quenched faster), the cheapest first; ``states`` come after them.
    cheaper: tuple[tuple[State, ...], ...] = ()
    windows: tuple[tuple[float, float], ...] | None = None  # where a search looks at first; None: in the whole cube
    start_windows: tuple[tuple[float, float], ...] | None = None  # where the start set lies; None: where it looks
    learning: Learning = field(default_factory=Learning)

    @property
    def levels(self) -> int:
        """In how many ways the states are simulated; the last, level ``levels - 1``, is the one that counts."""
        return len(self.cheaper) + 1

    @property
    def learns(self) -> bool:
        """Whether a method models what every glass does."""
        return bool(set(LEARNERS) & set(self.methods))

    @property
    def extrapolates(self) -> bool:
        """Whether the fit is judged elsewhere than at its last level."""
        return self.learning.aim_rate is not None or self.learning.aim_atoms is not None

    def at(self, level: int) -> FitPlan:
        """Return the plan of one level, with its states as the only ones."""
        if self.levels == 1:
            return self
        states = self.cheaper[level] if level < len(self.cheaper) else self.fitted_states
        return replace(self, states=states, cheaper=())

    @property
    def fitted_states(self) -> tuple[State, ...]:
        """The states whose targets are the cost."""
        return tuple(state for state in self.states if not state.held_out)

    @property
    def held_out_states(self) -> tuple[State, ...]:
        """The states that only test the result."""
        return tuple(state for state in self.states if state.held_out)

    def patience_of(self, stage: int) -> int | None:
        """Return the patience of the ``stage``-th method; None: its own."""
        return self.patience[stage] if isinstance(self.patience, tuple) else self.patience

    @property
    def runs_per_evaluation(self) -> int:
        """MD runs of one evaluation."""
        return self.replicas * len(self.fitted_states)

    @property
    def systems(self) -> tuple[System, ...]:
        """What the engine will be asked to run, for each state."""
        found = []
        for state in (*self.states, *(state for level in self.cheaper for state in level)):
            simulated = (target.potential for target in state.targets if isinstance(target, SimulatedTarget))
            found.append(System((self.space.base, *self.compare, *simulated), tuple(state.counts), state.cell))
        return tuple(found)

    def packing(self, state: State, purpose: Purpose, number: int) -> Packing:
        """Return the ``number``-th random packing of a state for one purpose."""
        part = number + STATE_STRIDE * state.index
        return Packing(state.counts, state.cell_length, draw_seed(self.seed, Purpose.PACKING, purpose, part))

    def run_seed(self, state: State, purpose: Purpose, number: int, replica: int = 0) -> int:
        """Return the seed of the velocities of a run."""
        return draw_seed(self.seed, purpose, number, replica + STATE_STRIDE * state.index)

    def __post_init__(self) -> None:
        if not self.fitted_states:
            raise GlasspotError("every [[system]] is held out; a fit needs at least one whose targets are the cost")
        if self.max_runs < self.runs_per_evaluation:
            states = len(self.fitted_states)
            each = f" of each of {states} states" if states > 1 else ""
            raise GlasspotError(
                f"fit.max_runs is {self.max_runs}, less than the {self.replicas} md.replicas{each} of one evaluation"
            )


def describe(state: State) -> str:
    """Return a state in a few words."""
    name = f"{state.name}: " if state.name else ""
    pressure = "" if state.pressure is None else f" and {state.pressure:g} GPa"
    return f"{name}{state.atoms} atoms, {state.kind} at {state.temperature:g} K{pressure}"

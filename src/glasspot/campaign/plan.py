"""What a fit sets out to do, as plain values: the campaign knows nothing of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System
from glasspot.evaluate.job import EngineChoice, Packing
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.protocol import Protocol
from glasspot.structure.frames import cell_matrix
from glasspot.target import CurveTarget


@dataclass(frozen=True)
class SimulatedTarget:
    """A target still to be simulated: the g(r) of the liquid of a published potential."""

    label: str
    pair: str | None
    potential: Potential
    r_range: tuple[float, float]
    bin_width: float
    weight: float


@dataclass(frozen=True)
class Protocols:
    """Protocols of each kind of run. ``first`` starts from a packing, ``warm`` from the last configuration."""

    first: Protocol
    warm: Protocol
    refine: Protocol  # warm, with longer sampling, near the end
    validation: Protocol
    reference: Protocol


@dataclass(frozen=True)
class FitPlan:
    """Everything that decides the course of a fit; GlasspotError when ``max_runs`` do not allow one evaluation."""

    title: str
    description: str
    cautions: tuple[str, ...]
    seed: int
    name: str  # of the fitted potential
    space: ParameterSpace
    counts: Mapping[str, int]
    cell_length: float  # A
    temperature: float  # K
    protocols: Protocols
    engine: EngineChoice
    targets: tuple[CurveTarget | SimulatedTarget, ...]
    compare: tuple[Potential, ...]
    replicas: int
    max_runs: int
    barrier: float  # eV, least barrier of like-charged pairs
    candidates: int
    selection_runs: int
    validation_runs: int
    reference_runs: int
    source: Mapping[str, Any]  # the settings as they were given, to tell what changed on --resume

    @property
    def system(self) -> System:
        """What the engine will be asked to run."""
        simulated = (target.potential for target in self.targets if isinstance(target, SimulatedTarget))
        potentials = (self.space.base, *self.compare, *simulated)
        return System(potentials, tuple(self.counts), cell_matrix(self.cell_length))

    def packing(self, purpose: Purpose, number: int) -> Packing:
        """Return the ``number``-th random packing for one purpose."""
        return Packing(self.counts, self.cell_length, draw_seed(self.seed, Purpose.PACKING, purpose, number))

    def run_seed(self, purpose: Purpose, number: int, replica: int = 0) -> int:
        """Return the seed of the velocities of a run."""
        return draw_seed(self.seed, purpose, number, replica)

    def __post_init__(self) -> None:
        if self.max_runs < self.replicas:
            raise GlasspotError(
                f"fit.max_runs is {self.max_runs}, less than the {self.replicas} md.replicas of one evaluation"
            )

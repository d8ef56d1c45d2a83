"""What a fit sets out to do, as plain values: the campaign knows nothing of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glasspot.evaluate.job import EngineChoice
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.protocol import Protocol
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
    """Everything that decides the course of a fit."""

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

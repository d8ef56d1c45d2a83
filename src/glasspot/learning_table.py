"""[learning] and [[level]] of a fit's TOML: the choices of the methods that model what every glass does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from glasspot.strict import Count, Positive, StrictTable

SurrogateName = Literal["quadratic", "mlp", "mlp-ensemble", "plain-gp", "gaussian-process"]
OptimiserName = Literal["bayes", "cma-es"]
ObjectiveName = Literal["equal", "composition-weighted"]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class LearningTable(StrictTable):
    """[learning]: for "active-learning" and "multi-objective"; what is left out is the method's own choice."""

    surrogate: SurrogateName | None = None
    glass_features: list[str] = []  # oxides whose mole fractions the surrogate is told; empty: all that differ
    windows: Literal["move", "fixed"] = "move"
    # Of active-learning: phases one after the other, each with its optimiser, its objective and its iterations.
    start_set: Literal["grid-random", "sobol"] = "grid-random"
    optimisers: Annotated[list[OptimiserName], Field(min_length=1)] = ["bayes", "cma-es"]
    objectives: Annotated[list[ObjectiveName], Field(min_length=1)] = ["equal", "composition-weighted"]
    iterations: Annotated[list[Count], Field(min_length=1)] = [8, 9]
    w_B: Positive = 2.0
    weighted_by: str = "B2O3"  # the oxide whose share weights the glasses, where they are weighted
    weighted_quantity: str = "fraction_B4"
    runs: Annotated[Count, Field(le=50)] = 5
    top: Annotated[Count, Field(le=50)] = 5
    pick: Annotated[Count, Field(le=200)] = 10
    # Of multi-objective.
    promote: Share = 0.25
    repeats: Annotated[bool, Field(strict=True)] = True
    # Where it is judged: the condition to which the surrogate extrapolates.
    aim_rate: Positive | None = None  # K/ps; None: that of the last level
    aim_atoms: Annotated[int, Field(ge=50, strict=True)] | None = None

    @field_validator("optimisers", "objectives", "iterations", mode="before")
    @classmethod
    def _one_phase(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [value]

    @model_validator(mode="after")
    def _phases_of_one_length(self) -> LearningTable:
        lengths = {len(self.optimisers), len(self.objectives), len(self.iterations)}
        if len(lengths) > 1:
            raise ValueError(
                f"optimisers, objectives and iterations have {len(self.optimisers)}, {len(self.objectives)} and "
                f"{len(self.iterations)} entries; give one for each phase in all three"
            )
        if self.pick > self.runs * self.top:
            raise ValueError(f"pick is {self.pick}, but runs x top gives only {self.runs * self.top} candidates")
        return self


class LevelTable(StrictTable):
    """[[level]]: one way to make the glasses, the cheapest first; what it leaves out is as in their [[system]]."""

    name: str = ""
    atoms: Annotated[int, Field(ge=50, le=30000, strict=True)] | None = None
    rate: Positive | None = None  # K/ps
    melt_ps: Positive | None = None

    @model_validator(mode="after")
    def _says_something(self) -> LevelTable:
        if self.atoms is None and self.rate is None and self.melt_ps is None:
            raise ValueError("a level needs atoms, rate or melt_ps: what sets it apart")
        return self

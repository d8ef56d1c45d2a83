"""Which glass and quantity every target of a fit is, and what follows from their weights and scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasspot.campaign.aims import quantity_of
from glasspot.report.learning_data import Quantity
from glasspot.report.status import Record
from glasspot.structure.quantities import ELASTIC
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective

UNITS = {"density": "g/cm^3", "pressure": "GPa", **{name: "GPa" for name in ELASTIC if name != "poisson_ratio"}}


@dataclass(frozen=True)
class Term:
    """A target: its glass and quantity, by number, its weight and scale; value and error are nan for a curve."""

    label: str
    glass: int
    quantity: int
    weight: float
    norm: float
    value: float
    error: float
    fitted: bool


@dataclass(frozen=True)
class Terms:
    """All targets of the glasses of a fit, those held out included; glasses stand as in the file."""

    glasses: tuple[str, ...]
    names: tuple[str, ...]  # of the quantities
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, objectives: Sequence[Objective]) -> Terms:
        """Return the terms of the objective of a fit and, if any, of what was held out."""
        states = [(state, n == 0) for n, objective in enumerate(objectives) for state in objective.states]
        names = list(dict.fromkeys(quantity_of(t, state) for state, _ in states for t in state.targets))
        found = []
        for g, (state, fitted) in enumerate(states):
            for t in state.targets:
                number = isinstance(t, NumberTarget)
                value = float(t.values[0]) if number else np.nan
                error = float(t.error[0]) if number and t.error is not None else np.nan
                k = names.index(quantity_of(t, state))
                found.append(Term(t.label, g, k, t.weight, t.norm, value, error, fitted))
        return cls(tuple(state.name for state, _ in states), tuple(names), tuple(found))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is compared, each with its unit and, where it is one for all glasses, its scale."""
        found = []
        for k, name in enumerate(self.names):
            mine = [t for t in self.terms if t.quantity == k]
            number = all(np.isfinite(t.value) for t in mine)
            scales = {float(f"{t.norm:.9g}") for t in mine if t.fitted}
            scale = scales.pop() if number and len(scales) == 1 else np.nan
            unit = "degrees" if name.startswith("angle") else UNITS.get(name, "")
            found.append(Quantity(name, unit, number, scale))
        return tuple(found)

    def table(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return label -> number as a table (g, k)."""
        found = np.full((len(self.glasses), len(self.names)), np.nan)
        for t in self.terms:
            if t.label in values:
                found[t.glass, t.quantity] = values[t.label]
        return found

    @property
    def target(self) -> np.ndarray:
        """The targets that are numbers, (g, k)."""
        return self.table({t.label: t.value for t in self.terms})

    @property
    def target_error(self) -> np.ndarray:
        """Their errors, (g, k); nan where they are not known."""
        return self.table({t.label: t.error for t in self.terms})

    def rmse(self, per_curve: Mapping[str, float]) -> np.ndarray:
        """Return the RMSE of each quantity (k,) in parts of its scale, from R_chi of each target alone."""
        squares, weights = np.zeros(len(self.names)), np.zeros(len(self.names))
        for t in self.terms:
            if t.fitted:
                squares[t.quantity] += t.weight * per_curve.get(t.label, np.nan) ** 2
                weights[t.quantity] += t.weight
        return np.sqrt(np.divide(squares, weights, out=np.full_like(squares, np.nan), where=weights > 0))

    def rmse_of_losses(self, aims: Record, losses: Any, spread: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the RMSE of each quantity (k, ...) from its part of R_chi^2, and its error from that of the part.

        ``aims`` has the names of the rows of ``losses``; quantities without a row are nan.
        """
        losses = np.asarray(losses, dtype=float)
        rmse = np.full((len(self.names), *losses.shape[1:]), np.nan)
        error = np.full_like(rmse, np.nan)
        total = sum(t.weight for t in self.terms if t.fitted)
        for row, name in enumerate(aims["quantities"]):
            k = self.names.index(name)
            share = sum(t.weight for t in self.terms if t.fitted and t.quantity == k) / total
            rmse[k] = np.sqrt(np.maximum(losses[row], 0.0) / share)
            if spread is not None:
                error[k] = 0.5 * np.asarray(spread[row]) / share / np.maximum(rmse[k], 1e-300)
        return rmse, error

    def by_glass(self, aims: Record, table: Any) -> np.ndarray:
        """Return a table of the aims (g, k) with the glasses and quantities of these terms, nan where it has none."""
        given = np.array(table, dtype=float)
        found = np.full((len(self.glasses), len(self.names)), np.nan)
        rows = [self.glasses.index(name) for name in aims["glasses"]]
        columns = [self.names.index(name) for name in aims["quantities"]]
        found[np.ix_(rows, columns)] = given
        return found

    def share_of_glass(self, name: str) -> float:
        """Return the part of a glass in the weights of all: its part of R_chi^2 over it is its own R_chi^2."""
        total = sum(t.weight for t in self.terms if t.fitted)
        return sum(t.weight for t in self.terms if t.fitted and self.glasses[t.glass] == name) / total

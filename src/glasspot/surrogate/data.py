"""What surrogates are trained on and what they answer.

Notation
    x      one row for each glass of each parameter set at each condition; columns as in ``Layout``
    y      the quantities that MD gave for that row; nan where there is none
    z      the columns of the condition; all zero is the condition aimed at
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from glasspot.errors import GlasspotError


@dataclass(frozen=True)
class Layout:
    """How many columns of ``x`` are what, in this order.

    ``parameters``: coordinates of the free parameters in the cube, in [0, 1] or a little outside. ``glass``: mole
    fractions of the oxides, 0..1. ``condition``: log10(rate / rate aimed at), 1000/N - 1000/(N aimed at), or fewer.
    """

    parameters: int
    glass: int
    condition: int = 0

    @property
    def columns(self) -> int:
        """The number of columns."""
        return self.parameters + self.glass + self.condition

    @property
    def theta(self) -> slice:
        """Columns of the free parameters."""
        return slice(0, self.parameters)

    @property
    def composition(self) -> slice:
        """Columns of the glass."""
        return slice(self.parameters, self.parameters + self.glass)

    @property
    def z(self) -> slice:
        """Columns of the condition."""
        return slice(self.parameters + self.glass, self.columns)


@dataclass(frozen=True)
class Rows:
    """Training rows: ``x`` (n, d), ``y`` (n, k) with nan for what is missing, ``group`` (n,) the parameter set.

    ``bounded`` (k,) is True for quantities that are fractions in 0..1. GlasspotError where the shapes do not agree.
    """

    x: np.ndarray
    y: np.ndarray
    group: np.ndarray
    layout: Layout
    bounded: tuple[bool, ...]

    def __post_init__(self) -> None:
        n, k = len(self.x), len(self.bounded)
        if self.x.shape != (n, self.layout.columns) or self.y.shape != (n, k) or self.group.shape != (n,):
            raise GlasspotError(
                f"rows of a surrogate: x {self.x.shape}, y {self.y.shape}, group {self.group.shape}; expected "
                f"(n, {self.layout.columns}), (n, {k}) and (n,)"
            )
        if not np.isfinite(self.x).all():
            raise GlasspotError("rows of a surrogate: x has values that are not finite numbers")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def quantities(self) -> int:
        """The number of quantities, k."""
        return len(self.bounded)

    def of(self, mask: np.ndarray) -> Rows:
        """Return the rows that ``mask`` (a boolean array, or indices) picks."""
        return Rows(self.x[mask], self.y[mask], self.group[mask], self.layout, self.bounded)


@dataclass(frozen=True)
class Prediction:
    """``mean`` and ``sd`` (n, k) of the noise-free value, in the units of ``y``, and ``noise`` (n, k) of one run there.

    What more runs would not cure is not in ``sd``: the next run will be off the mean by sqrt(sd^2 + noise^2).
    """

    mean: np.ndarray
    sd: np.ndarray
    noise: np.ndarray


class Surrogate(Protocol):
    """What every surrogate does. Made by :func:`glasspot.surrogate.models.make_surrogate`."""

    name: ClassVar[str]

    def fit(self, rows: Rows) -> None:
        """Learn from ``rows``; what was learned before is forgotten. GlasspotError where there are too few."""

    def predict(self, x: np.ndarray) -> Prediction:
        """Return the prediction at ``x`` (n, d)."""

    def sample(self, x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` joint samples of the noise-free values over all rows of ``x``: (count, n, k)."""

    @property
    def noise(self) -> np.ndarray:
        """Standard deviation of one run (k,), typical of the training rows."""

"""A single number as a target: its deviation over a scale enters R_chi as one term more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class NumberTarget:
    """A number of the runs: "pressure" (GPa), "density" (g/cm3), or another of
    :func:`glasspot.structure.quantities.quantity_names`.

    Its term of R_chi is ((x - value) / scale)^2; with the scale at the value itself that is the relative deviation.
    """

    label: str
    quantity: str
    values: np.ndarray  # (1,)
    scale: float  # in the unit of the value
    error: np.ndarray | None = None  # (1,)
    weight: float = 1.0
    kind: ClassVar[str] = "number"

    @property
    def norm(self) -> float:
        """What the deviation is divided by."""
        return self.scale

    @property
    def is_fraction(self) -> bool:
        """Whether it lies between 0 and 1 by its nature."""
        return self.quantity.startswith(("fraction_", "Q", "oxygen "))

    @property
    def has_response(self) -> bool:
        """Whether fluctuations of one run tell how it answers to the parameters."""
        return self.quantity == "pressure"

    def integrated(self) -> np.ndarray:
        """Return the matrix (1, 1) that leaves the number as it is."""
        return np.eye(1)

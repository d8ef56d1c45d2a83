"""What every model of pair curves can do, whatever it is inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from glasspot.composition import Composition
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.prediction import Prediction

Tell = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


def silent(stage: str, done: int, in_all: int) -> None:
    """Tell nobody."""


class Model(Protocol):
    """A trained model. Its state is plain: a ``meta`` as of JSON and named arrays, so that no file is executed."""

    @property
    def kind(self) -> str:
        """Name of the kind of model, such as "curve"."""
        ...

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        """Return the curves of ``pairs`` (None: all of the glass's elements); GlasspotError for what it cannot."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays), from which ``from_state`` makes the same model."""
        ...


Train = Callable[[CurveSet, Tell], Model]
"""Make a model from data; settings and seed are bound in it beforehand."""

FromState = Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], Model]

"""How far simulations are from all their targets: R_chi over the targets of one or several states.

    chi2_t = sum_r (g_ref - g)^2 / sum_r g_ref^2          R_chi = sqrt( sum_t w_t chi2_t / sum_t w_t )

with one term t for each target: the three partials of silica with equal weights give the cost of Liu et al.,
arXiv:1902.03486 (2019), eqs. 2 and 3; a single total g(r) gives the same measure for one curve. The sums run over the
targets of all states, so a state counts by the weights of its targets. A number enters by its deviation over a scale.
A state is one simulated system: its targets are a linear map of its fine pair histogram, and its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from glasspot.target.curve import CurveTarget
from glasspot.target.number import NumberTarget
from glasspot.target.scattering import ScatteringTarget
from glasspot.target.system import System


class Target(Protocol):
    """What one kind of target gives; ``n`` is the number of its values."""

    kind: ClassVar[str]

    @property
    def label(self) -> str:
        """Name, of its own among all targets."""

    @property
    def weight(self) -> float:
        """w_t."""

    @property
    def values(self) -> np.ndarray:
        """The reference, (n,)."""

    @property
    def error(self) -> np.ndarray | None:
        """Its standard error, (n,), or None."""

    @property
    def norm(self) -> float:
        """What its deviations are divided by."""

    def integrated(self) -> np.ndarray:
        """Return the matrix (n, n) from deviations to what guides a search that is far away."""


class HistogramTarget(Target, Protocol):
    """A target that is linear in the fine pair histogram."""

    x_label: ClassVar[str]
    y_label: ClassVar[str]

    @property
    def x(self) -> np.ndarray:
        """What the curve is drawn against, (n,)."""

    @property
    def reach(self) -> float:
        """Distance (A) that the fine histogram must hold."""

    @property
    def bin_width(self) -> float:
        """Width in A that the nodes of the fine histogram must divide evenly; inf where any will do."""

    def curve_map(self, system: System, r_max: float, n_nodes: int) -> np.ndarray:
        """Return the matrix (n, n_pairs * (n_nodes + 1)) from a mean fine histogram to the curve, less its offset."""

    def offset(self, system: System) -> np.ndarray:
        """Return what is added to the mapped histogram, (n,)."""

    def wright(self, values: np.ndarray) -> float:
        """Return Wright's R_X of a model's curve, a fraction."""


KINDS: dict[str, type[Any]] = {kind.kind: kind for kind in (CurveTarget, ScatteringTarget, NumberTarget)}


@dataclass(frozen=True)
class StateTargets:
    """The targets of one state and its histogram: ``r_max`` (A) and ``n_nodes`` of the fine pair histogram."""

    name: str
    curves: tuple[HistogramTarget, ...]
    system: System
    r_max: float
    n_nodes: int
    numbers: tuple[NumberTarget, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """All targets of the state, in the order of their values."""
        return (*self.curves, *self.numbers)

    def at(self, volume: float) -> StateTargets:
        """Return the same for another volume (A^3): that of a glass whose pressure is constant."""
        return replace(self, system=replace(self.system, volume=volume))

    def curve_map(self, target: HistogramTarget) -> np.ndarray:
        """Return the map of :meth:`HistogramTarget.curve_map` for this state's histogram."""
        return target.curve_map(self.system, self.r_max, self.n_nodes)

    def curve_of(self, target: HistogramTarget, histogram: np.ndarray) -> np.ndarray:
        """Return the curve (n,) that a mean fine histogram (flattened) has where ``target`` is known."""
        return np.asarray(self.curve_map(target) @ histogram + target.offset(self.system))


@dataclass(frozen=True)
class Objective:
    """All targets of a fit. Scaled values of all states stand one after the other, shape (m,).

    With s_t = sqrt(w_t / sum w) / norm_t, the scaled residual y_ref - y has the norm R_chi.
    """

    states: tuple[StateTargets, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_dict` makes the same objective."""
        return {"states": [_state_to_dict(state) for state in self.states]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Objective:
        """Return the objective that :meth:`to_dict` described."""
        return cls(tuple(_state_from_dict(state) for state in data["states"]))

    @property
    def targets(self) -> tuple[Target, ...]:
        """Targets of all states, in the order of their values."""
        return tuple(target for state in self.states for target in state.targets)

    def scales(self) -> np.ndarray:
        """Return s_t of each target, shape (n_targets,)."""
        total = sum(t.weight for t in self.targets)
        return np.array([np.sqrt(t.weight / total) / t.norm for t in self.targets])

    def scale_of(self, target: Target) -> float:
        """Return s_t of one target."""
        return float(self._scale[target.label])

    @cached_property
    def _scale(self) -> dict[str, float]:
        return dict(zip((t.label for t in self.targets), self.scales().tolist(), strict=True))

    def state_map(self, index: int, volume: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix and the offset from a mean fine histogram (flattened) of a state to its scaled curves.

        volume (A^3): where it is not that of the state, as in a glass whose pressure is constant.
        """
        state = self.states[index]
        if volume is None or not state.curves or np.isclose(volume, state.system.volume, rtol=1e-6):
            return self._maps[index]
        return self._map_of(state.at(volume))

    @cached_property
    def _maps(self) -> list[tuple[np.ndarray, np.ndarray]]:
        # Large, and asked for with every outcome.
        return [self._map_of(state) for state in self.states]

    def _map_of(self, state: StateTargets) -> tuple[np.ndarray, np.ndarray]:
        scales = [self.scale_of(t) for t in state.curves]
        matrix = [s * state.curve_map(t) for s, t in zip(scales, state.curves, strict=True)]
        offset = [s * t.offset(state.system) for s, t in zip(scales, state.curves, strict=True)]
        pairs = len(state.system.labels) * (state.n_nodes + 1)
        return np.vstack([np.zeros((0, pairs)), *matrix]), np.concatenate([np.zeros(0), *offset])

    def scaled_reference(self) -> np.ndarray:
        """Return the scaled target values, one after the other, (m,)."""
        return np.concatenate([s * t.values for s, t in zip(self.scales(), self.targets, strict=True)])

    def cumulative(self) -> np.ndarray:
        """Return the matrix that integrates each scaled curve: its residual sees shifted peaks from afar."""
        from scipy.linalg import block_diag

        return np.asarray(block_diag(*(t.integrated() for t in self.targets)))

    def r_chi(self, scaled: np.ndarray) -> float:
        """Return R_chi (a fraction) of scaled values."""
        return float(np.linalg.norm(self.scaled_reference() - scaled))

    def _unscaled(self, scaled: np.ndarray) -> Iterator[tuple[Target, np.ndarray]]:
        """Yield each target with its own part of scaled values, brought back to its unit."""
        ends = np.cumsum([len(t.values) for t in self.targets])
        for target, scale, part in zip(self.targets, self.scales(), np.split(scaled, ends[:-1]), strict=True):
            yield target, part / scale

    def per_curve(self, scaled: np.ndarray) -> dict[str, float]:
        """Return R_chi of each target alone, as a fraction."""
        return {t.label: float(np.linalg.norm(t.values - y) / t.norm) for t, y in self._unscaled(scaled)}

    def per_state(self, scaled: np.ndarray) -> dict[str, float]:
        """Return R_chi of each state alone, as a fraction."""
        single = self.per_curve(scaled)
        result = {}
        for state in self.states:
            weights = np.array([t.weight for t in state.targets])
            squares = np.array([single[t.label] ** 2 for t in state.targets])
            result[state.name] = float(np.sqrt(weights @ squares / weights.sum()))
        return result

    def numbers(self, scaled: np.ndarray) -> dict[str, float]:
        """Return the value of each target that is a number, in its own unit."""
        return {t.label: float(y[0]) for t, y in self._unscaled(scaled) if isinstance(t, NumberTarget)}

    def wright_r_x(self, scaled: np.ndarray) -> dict[str, float]:
        """Return Wright's R_X of each target curve, a fraction, over the target's range."""
        curves = {t.label: t for state in self.states for t in state.curves}
        return {t.label: curves[t.label].wright(y) for t, y in self._unscaled(scaled) if t.label in curves}

    def reference_noise(self) -> float:
        """Return the R_chi that the targets' own errors give a perfect model; 0 where no error is known."""
        parts = [
            float(s**2 * np.sum(t.error**2))
            for s, t in zip(self.scales(), self.targets, strict=True)
            if t.error is not None
        ]
        return float(np.sqrt(sum(parts)))


def _state_to_dict(state: StateTargets) -> dict[str, Any]:
    system = {"labels": list(state.system.labels), "counts": dict(state.system.counts), "volume": state.system.volume}
    targets = [
        {"kind": t.kind, **{f.name: _plain(getattr(t, f.name)) for f in fields(t)}}  # type: ignore[arg-type]
        for t in state.targets
    ]
    return {"name": state.name, "targets": targets, "system": system, "r_max": state.r_max, "n_nodes": state.n_nodes}


def _state_from_dict(data: Mapping[str, Any]) -> StateTargets:
    system = data["system"]
    atoms = System(tuple(system["labels"]), system["counts"], system["volume"])
    targets = list(_targets(data["targets"]))
    numbers = tuple(t for t in targets if isinstance(t, NumberTarget))
    curves = tuple(t for t in targets if not isinstance(t, NumberTarget))
    return StateTargets(data["name"], curves, atoms, data["r_max"], data["n_nodes"], numbers)


def _targets(entries: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for entry in entries:
        given = {key: np.array(v) if isinstance(v, list) else v for key, v in entry.items() if key != "kind"}
        yield KINDS[entry["kind"]](**given)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value

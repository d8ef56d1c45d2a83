"""Free parameters of a potential <-> a point of the unit cube, and the derivative of every pair energy along the cube.

Notation
    theta   values as they stand in the potential file (charge.Si, Si-O.A, ...)
    x       fit coordinates, decorrelated: charges and C as they are; positive scales as logarithms; where A and rho of
            one exponential are both free, A is replaced by  ln A - r0 / rho , the logarithm of the repulsion at a
            typical distance r0, since A and rho alone trade off against each other over orders of magnitude
    u       x scaled to [0, 1] by the window of each coordinate

A charge parameter scales every charge by the same factor, so each oxide stays neutral.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.potential.checks import BOND_LENGTH
from glasspot.potential.model import Potential
from glasspot.potential.wall import NON_BONDED_REFERENCE

# Half a step of the central difference, in units of the cube: small against the windows, large against rounding.
DIFFERENCE_STEP = 5e-4
LOGARITHMIC = {"A", "rho", "D", "a", "r0", "sigma", "coefficient"}
DEFAULT_LOG_WINDOW = {"A": 3.0, "rho": 0.32, "r0": 0.12, "sigma": 0.12, "a": 0.4, "D": 1.5, "coefficient": 2.0}
UNITS = {"A": "eV", "rho": "A", "C": "eV A^6", "D": "eV", "a": "1/A", "r0": "A", "sigma": "A", "coefficient": "eV A^n"}


@dataclass(frozen=True)
class FreeParameter:
    """One free parameter: its name, where it lives in the potential, and the window of its fit coordinate."""

    name: str
    element: str | None  # a charge, when not None
    pair: tuple[str, str] | None
    term: int  # index of the term in the pair
    field: str  # A, rho, C, ... or "charge"
    low: float  # window of the coordinate x
    high: float
    anchor: float  # r0 when A moves with rho, else 0

    @property
    def logarithmic(self) -> bool:
        """True where the coordinate is the logarithm of the value."""
        return self.field in LOGARITHMIC

    @property
    def unit(self) -> str:
        """Unit of the value in the potential file."""
        return "e" if self.element else UNITS.get(self.field, "")


@dataclass(frozen=True)
class ParameterSpace:
    """The free parameters of a potential, in a fixed order; everything else stays as in ``base``."""

    base: Potential
    parameters: tuple[FreeParameter, ...]

    @classmethod
    def build(
        cls,
        base: Potential,
        names: Sequence[str],
        windows: Mapping[str, Sequence[float]] | None = None,
        decorrelated: bool = True,
    ) -> ParameterSpace:
        """Return the space of ``names`` around ``base``.

        ``windows`` gives [low, high] in the value's own unit; a name left out gets a default window around the start.
        The window of A holds at the starting rho. ``decorrelated``: A moves with its rho, see the notation.
        GlasspotError for an unknown name, an empty window, or two charges.
        """
        windows = dict(windows or {})
        if not names:
            raise GlasspotError('no free parameter given; expected a list such as ["charge.Si", "Si-O.A"]')
        if len(set(names)) != len(names):
            raise GlasspotError(f"a free parameter is named twice in {list(names)}")
        places = [_locate(base, name) for name in names]
        charges = [name for name, place in zip(names, places, strict=True) if place[0] is not None]
        if len(charges) > 1:
            raise GlasspotError(
                f"{', '.join(charges)} are free, but all charges are scaled by one factor; keep one of them"
            )
        for name in windows:
            if name not in names:
                raise GlasspotError(
                    f'a window is given for "{name}", which is not a free parameter.{did_you_mean(name, names)}'
                )
        taken = {(pair, term) for _, pair, term, field in places if field == "rho"}
        parameters = []
        for name, (element, pair, term, field) in zip(names, places, strict=True):
            with_rho = decorrelated and field == "A" and (pair, term) in taken
            anchor = typical_distance(base, pair) if with_rho and pair is not None else 0.0
            draft = FreeParameter(name, element, pair, term, field, 0.0, 0.0, anchor)
            low, high = _window(base, draft, windows.get(name))
            parameters.append(replace(draft, low=low, high=high))
        return cls(base, tuple(parameters))

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the cube's axes."""
        return tuple(parameter.name for parameter in self.parameters)

    def values(self, potential: Potential) -> dict[str, float]:
        """Return name -> value of the free parameters in ``potential``, in the unit of the potential."""
        return {p.name: _get(potential, p) for p in self.parameters}

    def to_cube(self, potential: Potential) -> np.ndarray:
        """Return the point of the cube, shape (n,), that stands for ``potential``; it may lie outside [0, 1]."""
        return np.array([(_coordinate(potential, p) - p.low) / (p.high - p.low) for p in self.parameters])

    def place_of(self, potential: Potential) -> np.ndarray | None:
        """Return the point of the cube that stands for ``potential``; None where it differs in more than is free."""
        if set(free_names(potential)) != set(free_names(self.base)) or potential.coulomb != self.base.coulomb:
            return None
        point = self.to_cube(potential)
        one, other = _numbers(self.from_cube(point)), _numbers(potential)
        return point if all(np.isclose(one[name], other[name], rtol=1e-6, atol=0.0) for name in one) else None

    def from_cube(self, point: np.ndarray) -> Potential:
        """Return the potential at ``point`` of the cube, shape (n,)."""
        potential = self.base
        # Charges first, then rho before A: the value of A depends on rho when both move.
        order = sorted(range(len(self.parameters)), key=lambda i: self.parameters[i].field == "A")
        for i in order:
            p = self.parameters[i]
            potential = _set(potential, p, p.low + float(point[i]) * (p.high - p.low))
        return potential

    def windows(self) -> dict[str, tuple[float, float]]:
        """Return name -> (low, high) in the value's own unit (A at the starting rho)."""
        result = {}
        for i, p in enumerate(self.parameters):
            ends = []
            for end in (0.0, 1.0):
                point = self.to_cube(self.base)
                point[i] = end
                ends.append(_get(self.from_cube(point), p))
            result[p.name] = (ends[0], ends[1])
        return result

    def value_errors(self, point: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
        """Return name -> standard error of the value, in its own unit, from the (n, n) covariance of ``point``.

        To first order. The value of an A that moves with its rho depends on both, so its error needs the covariance.
        """
        slopes = np.empty((len(point), len(point)))
        for i, step in enumerate(DIFFERENCE_STEP * np.eye(len(point))):
            above, below = (self.values(self.from_cube(end)) for end in (point + step, point - step))
            slopes[:, i] = [(above[name] - below[name]) / (2 * DIFFERENCE_STEP) for name in self.names]
        variances = np.einsum("vi,ij,vj->v", slopes, covariance, slopes)
        return dict(zip(self.names, np.sqrt(variances).tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_dict` makes the same space."""
        return {
            "base": self.base.to_dict(),
            "parameters": [{"name": p.name, "low": p.low, "high": p.high, "anchor": p.anchor} for p in self.parameters],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParameterSpace:
        """Return the space that :meth:`to_dict` described."""
        base = Potential.from_dict(data["base"])
        parameters = []
        for entry in data["parameters"]:
            element, pair, term, field = _locate(base, entry["name"])
            parameters.append(
                FreeParameter(entry["name"], element, pair, term, field, entry["low"], entry["high"], entry["anchor"])
            )
        return cls(base, tuple(parameters))


def pair_energies(potential: Potential, pairs: Sequence[tuple[str, str]], r: np.ndarray) -> np.ndarray:
    """Return the energy (eV) of each pair at distances ``r`` (A), as an engine tabulates it; shape (n_pairs, n_r)."""
    return np.array([potential.pair_energy(a, b, r) for a, b in pairs])


def energy_derivatives(
    space: ParameterSpace, point: np.ndarray, pairs: Sequence[tuple[str, str]], r: np.ndarray
) -> np.ndarray:
    """Return d u_ab(r) / d (cube), eV, shape (n_parameters, n_pairs, n_r), by central differences.

    Differences carry every tie along (charges, wall, cut-off shift) whatever the form; their error, of third order in
    the step, is far below the sampling noise of the response it is used for.
    """
    return _derivatives(space, point, lambda potential: pair_energies(potential, pairs, r))


def force_derivatives(
    space: ParameterSpace, point: np.ndarray, pairs: Sequence[tuple[str, str]], r: np.ndarray
) -> np.ndarray:
    """Return d f_ab(r) / d (cube), f = -du/dr in eV/A, shape (n_parameters, n_pairs, n_r), as energy_derivatives."""
    return _derivatives(space, point, lambda p: np.array([p.pair_force(a, b, r) for a, b in pairs]))


def _derivatives(space: ParameterSpace, point: np.ndarray, function: Callable[[Potential], np.ndarray]) -> np.ndarray:
    """Return the central differences of a function of the potential along the axes of the cube, stacked."""
    result = []
    for step in DIFFERENCE_STEP * np.eye(len(point)):
        above, below = function(space.from_cube(point + step)), function(space.from_cube(point - step))
        result.append((above - below) / (2 * DIFFERENCE_STEP))
    return np.array(result)


def typical_distance(potential: Potential, pair: tuple[str, str]) -> float:
    """Return the distance (A) at which a pair mostly is: the bond length of a cation and oxygen, else 2.6 A.

    The minimum of the pair energy would not do: it lies 10 to 20 % inside the bond of the dense oxide.
    """
    cations = [species for species in pair if potential.charges[species] > 0]
    if len(cations) != 1:
        return NON_BONDED_REFERENCE
    return BOND_LENGTH.get(cations[0], NON_BONDED_REFERENCE)


def _locate(potential: Potential, name: str) -> tuple[str | None, tuple[str, str] | None, int, str]:
    known = free_names(potential)
    if name not in known:
        raise GlasspotError(
            f'"{name}" is not a parameter of the potential {potential.name}; '
            f"expected one of {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return known[name]


def free_names(potential: Potential) -> dict[str, tuple[str | None, tuple[str, str] | None, int, str]]:
    """Return every name that may be freed -> (element, pair, index of the term, field).

    The first term of a pair that has a field owns the short name ``Si-O.A``; a later one is ``Si-O.2.coefficient``.
    """
    names: dict[str, tuple[str | None, tuple[str, str] | None, int, str]] = {}
    for element in potential.elements:
        names[f"charge.{element}"] = (element, None, 0, "charge")
    for interaction in potential.pairs:
        a, b = interaction.elements
        for index, term in enumerate(interaction.terms):
            for field in term.parameters():
                if field == "n":
                    continue  # an exponent is part of the form, not a number to fit
                place = (None, (a, b), index, field)
                short = f"{a}-{b}.{field}"
                names[short if short not in names else f"{a}-{b}.{index + 1}.{field}"] = place
    return names


def _numbers(potential: Potential) -> dict[str, float]:
    """Return every number that may be freed, by its name."""
    places = free_names(potential).items()
    return {name: _get(potential, FreeParameter(name, *place, 0.0, 0.0, 0.0)) for name, place in places}


def _get(potential: Potential, p: FreeParameter) -> float:
    if p.element is not None:
        return float(potential.charges[p.element])
    return float(getattr(_terms(potential, p)[p.term], p.field))


def _terms(potential: Potential, p: FreeParameter) -> tuple[Any, ...]:
    for interaction in potential.pairs:
        if interaction.elements == p.pair:
            return interaction.terms
    raise GlasspotError(f"the potential {potential.name} has no pair {p.pair}")


def _coordinate(potential: Potential, p: FreeParameter) -> float:
    value = _get(potential, p)
    if not p.logarithmic:
        return value
    if value <= 0:
        raise GlasspotError(
            f"{p.name} = {value:g} cannot be a free parameter: it must be above zero at the start; "
            "give the pair a small positive start value in the potential file"
        )
    return float(np.log(value)) - _shift(potential, p)


def _shift(potential: Potential, p: FreeParameter) -> float:
    """Return r0 / rho, by which the coordinate of an A that moves with its rho is below ln A; else 0."""
    return p.anchor / float(_terms(potential, p)[p.term].rho) if p.anchor else 0.0


def _set(potential: Potential, p: FreeParameter, x: float) -> Potential:
    if p.element is not None:
        factor = x / potential.charges[p.element]
        return replace(potential, charges={e: q * factor for e, q in potential.charges.items()})
    terms = list(_terms(potential, p))
    value = x
    if p.logarithmic:
        value = float(np.exp(x + _shift(potential, p)))
    terms[p.term] = replace(terms[p.term], **{p.field: value})
    pairs = tuple(
        replace(interaction, terms=tuple(terms)) if interaction.elements == p.pair else interaction
        for interaction in potential.pairs
    )
    return replace(potential, pairs=pairs)


def _window(base: Potential, p: FreeParameter, given: Sequence[float] | None) -> tuple[float, float]:
    if given is not None:
        if len(given) != 2 or not given[0] < given[1]:
            raise GlasspotError(f"the window of {p.name} is {list(given)}; expected [low, high] with low < high")
        if p.logarithmic:
            if given[0] <= 0:
                raise GlasspotError(f"the window of {p.name} starts at {given[0]:g}; expected a value above zero")
            shift = _shift(base, p)
            return float(np.log(given[0])) - shift, float(np.log(given[1])) - shift
        return float(given[0]), float(given[1])
    x = _coordinate(base, p)
    if p.element is not None:
        ends = sorted((0.5 * x, 1.3 * x))
        return ends[0], ends[1]
    if p.logarithmic:
        half = DEFAULT_LOG_WINDOW[p.field]
        return x - half, x + half
    return 0.0, max(2.0 * x, 60.0)

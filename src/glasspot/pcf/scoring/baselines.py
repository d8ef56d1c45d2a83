"""The two guesses that every model has to beat: the nearest glass, and linear mixing of the glasses around.

    nearest   the curves of that glass, among those with the pair, whose oxide fractions x_i are nearest to x:
              min |x_i - x|
    mixing    the glass as a mixture of known ones (end members) with weights w_i >= 0, sum w_i = 1:
              min sum_i w_i |x_i - x|^2  so that  sum_i w_i x_i = x
              whose answer is linear interpolation in the simplex of the Delaunay triangulation that holds x; outside
              the data x is met as nearly as a mixture can (in the sum of the differences of the fractions). Then
              g_ab = sum_i w_i n_i c_a,i c_b,i g_ab,i / sum_i w_i n_i c_a,i c_b,i
              with n_i the atoms a mole of oxides, c atomic fractions: each member counts as the pairs that it brings

Number density: that of the nearest glass, or the mixture's n / V with V = sum_i w_i n_i / rho_i. Its error is the root
mean square over the known glasses, each guessed from the others. Neither gives a band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.atoms import atom_fractions, atoms_per_unit
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Tell, Train, silent
from glasspot.pcf.neighbourhood import Neighbourhood
from glasspot.pcf.pairs import ends_of, pairs_of
from glasspot.pcf.prediction import Prediction

MISSED = 1e3  # the price of a fraction that no mixture meets, against squared distances below 2


@dataclass(frozen=True)
class Known:
    """The glasses that are known: ``fractions`` (n, oxides), ``atoms`` (n, elements) a mole of oxides, ``density`` (n,)
    atoms/A^3, ``g`` (n, pairs, n_r) with nan where a glass has no such curve.
    """

    r: np.ndarray
    oxides: tuple[str, ...]
    elements: tuple[str, ...]
    pairs: tuple[str, ...]
    fractions: np.ndarray
    atoms: np.ndarray
    density: np.ndarray
    g: np.ndarray

    @classmethod
    def of(cls, curve_set: CurveSet) -> Known:
        """Return what a set tells; GlasspotError for an empty one."""
        if not curve_set.glasses:
            raise GlasspotError("there is no glass to learn from.")
        glasses, oxides = curve_set.glasses, curve_set.oxides
        pairs = tuple(dict.fromkeys(pair for glass in glasses for pair in glass.pairs))
        empty = np.full(len(curve_set.r), np.nan)
        return cls(
            r=curve_set.r,
            oxides=oxides,
            elements=curve_set.elements,
            pairs=pairs,
            fractions=np.array([[glass.composition.fractions.get(name, 0.0) for name in oxides] for glass in glasses]),
            atoms=np.array([_row(atoms_of(glass.composition), curve_set.elements) for glass in glasses]),
            density=np.array([glass.density for glass in glasses]),
            g=np.array([[g.mean(pair) if pair in g.curves else empty for pair in pairs] for g in glasses]),
        )

    @cached_property
    def compositions(self) -> list[Composition]:
        """The compositions of the glasses."""
        return [Composition(tuple(zip(self.oxides, map(float, row), strict=True))) for row in self.fractions]

    @cached_property
    def has(self) -> np.ndarray:
        """Which glass has which curve, (n, pairs)."""
        return np.asarray(~np.isnan(self.g[:, :, 0]))

    def share(self, pair: str) -> np.ndarray:
        """Return n c_a c_b of each glass, (n,): in proportion to the pairs that a mole of its oxides brings."""
        a, b = (self.atoms[:, self.elements.index(end)] for end in ends_of(pair))
        return np.asarray(a * b / self.atoms.sum(axis=1))

    def place(self, composition: Composition) -> np.ndarray:
        """Return the fractions of the known oxides, (oxides,); one that is not known counts as missing from them."""
        return np.array([composition.fractions.get(name, 0.0) for name in self.oxides])

    def without(self, k: int) -> Known:
        """Return the others than glass ``k``."""
        cut = {name: np.delete(getattr(self, name), k, axis=0) for name in ("fractions", "atoms", "density", "g")}
        return replace(self, **cut)


def nearest_weights(known: Known, x: np.ndarray, able: np.ndarray) -> np.ndarray:
    """Return weights (n,): 1 for the nearest of the glasses ``able`` (n,) bool, 0 for the others."""
    distance = np.where(able, np.linalg.norm(known.fractions - x, axis=1), np.inf)
    return np.asarray(np.arange(len(able)) == np.argmin(distance), dtype=np.float64)


def mixing_weights(known: Known, x: np.ndarray, able: np.ndarray) -> np.ndarray:
    """Return the weights (n,) of the mixture of the glasses ``able`` (n,) bool, which sum to 1."""
    from scipy.optimize import linprog

    members = known.fractions[able]
    n, m = members.shape
    distance = ((members - x) ** 2).sum(axis=1)
    cost = np.concatenate([distance, np.full(2 * m, MISSED)])
    meets = np.vstack(
        [np.hstack([members.T, np.eye(m), -np.eye(m)]), np.concatenate([np.ones(n), np.zeros(2 * m)])[None, :]]
    )
    answer = linprog(cost, A_eq=meets, b_eq=np.append(x, 1.0), method="highs")
    if answer.x is None:
        raise GlasspotError(f"no mixture of the known glasses was found ({answer.message}).")
    weights = np.zeros(len(able))
    weights[able] = answer.x[:n] / answer.x[:n].sum()
    return weights


WEIGHTS = {"nearest": nearest_weights, "mixing": mixing_weights}


@dataclass(frozen=True)
class Baseline:
    """A guess from known glasses; ``kind``: "nearest" or "mixing". ``cutoffs``: pair -> bond length in A."""

    kind: str
    known: Known
    cutoffs: Mapping[str, float]
    density_error: float

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        """Return the curves of ``pairs``, without a band; GlasspotError for a pair that no known glass has."""
        atoms = atoms_of(composition)
        names = pairs_of(atoms) if pairs is None else tuple(pairs)
        x = self.known.place(composition)
        g = self._curves(x, names)
        everyone = np.ones(len(self.known.density), dtype=bool)
        total = sum(atoms.values())
        return Prediction(
            composition=composition,
            r=self.known.r,
            pairs=names,
            g=g,
            low=None,
            high=None,
            number_density=_density(self.known, WEIGHTS[self.kind](self.known, x, everyone)),
            number_density_error=self.density_error,
            fractions={element: number / total for element, number in atoms.items()},
            cutoffs={pair: cutoff for pair, cutoff in self.cutoffs.items() if pair in names},
            distance=self._near.distance(composition)[0],
        )

    def _curves(self, x: np.ndarray, pairs: Sequence[str]) -> np.ndarray:
        kept: dict[bytes, np.ndarray] = {}  # weights by the glasses that may have any
        g = np.empty((len(pairs), len(self.known.r)))
        for row, pair in enumerate(pairs):
            if pair not in self.known.pairs:
                raise GlasspotError(f"no known glass has the pair {pair}, so a baseline cannot say anything of it.")
            column = self.known.pairs.index(pair)
            has, share = self.known.has[:, column], self.known.share(pair)
            # A glass without one of the elements takes part in a mixture, but brings no pairs.
            able = has if self.kind == "nearest" else has | (share == 0)
            weights = kept.setdefault(able.tobytes(), WEIGHTS[self.kind](self.known, x, able))
            weights = np.where(has, weights * share, 0.0)
            if weights.sum() < 1e-9:
                weights = nearest_weights(self.known, x, has)
            used = weights > 0
            g[row] = weights[used] @ self.known.g[used, column] / weights.sum()
        return g

    @cached_property
    def _near(self) -> Neighbourhood:
        return Neighbourhood.of(self.known.compositions)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays)."""
        known = self.known
        meta = {
            "oxides": list(known.oxides),
            "elements": list(known.elements),
            "pairs": list(known.pairs),
            "cutoffs": dict(self.cutoffs),
            "density_error": self.density_error,
            "kind": self.kind,
        }
        return meta, {name: getattr(known, name) for name in ARRAYS}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Baseline:
        """Return the baseline of :meth:`state`."""
        oxides, elements, pairs = (tuple(map(str, meta[key])) for key in ("oxides", "elements", "pairs"))
        r, fractions, atoms, density, g = (np.asarray(arrays[name], dtype=np.float64) for name in ARRAYS)
        known = Known(r, oxides, elements, pairs, fractions, atoms, density, g)
        cutoffs = {str(pair): float(cutoff) for pair, cutoff in meta["cutoffs"].items()}
        return cls(str(meta["kind"]), known, cutoffs, float(meta["density_error"]))


ARRAYS = ("r", "fractions", "atoms", "density", "g")


def _density(known: Known, weights: np.ndarray) -> float:
    moles = known.atoms.sum(axis=1)
    return float(weights @ moles / (weights @ (moles / known.density)))


def _density_error(known: Known, kind: str) -> float:
    """Return the root mean square error of the density of each glass, guessed from the others; 0 with a single one."""
    n = len(known.density)
    if n < 2:
        return 0.0
    errors = []
    for k in range(n):
        others = known.without(k)
        weights = WEIGHTS[kind](others, known.fractions[k], np.ones(n - 1, dtype=bool))
        errors.append(_density(others, weights) - known.density[k])
    return float(np.sqrt(np.mean(np.square(errors))))


def atoms_of(composition: Composition) -> dict[str, float]:
    """Return the atoms of each element a mole of oxides."""
    n = atoms_per_unit(composition)
    return {element: n * share for element, share in atom_fractions(composition).items() if share > 0}


def _row(values: Mapping[str, float], names: Sequence[str]) -> list[float]:
    return [values.get(name, 0.0) for name in names]


def _train(kind: str, curve_set: CurveSet) -> Baseline:
    from glasspot.pcf.cutoffs import cutoffs_of

    known = Known.of(curve_set)
    return Baseline(kind, known, cutoffs_of(curve_set), _density_error(known, kind))


def train_nearest(curve_set: CurveSet, tell: Tell = silent) -> Baseline:
    """Return the nearest-glass baseline."""
    return _train("nearest", curve_set)


def train_mixing(curve_set: CurveSet, tell: Tell = silent) -> Baseline:
    """Return the baseline of linear mixing of end members."""
    return _train("mixing", curve_set)


BASELINES: Mapping[str, Train] = {"nearest": train_nearest, "mixing": train_mixing}

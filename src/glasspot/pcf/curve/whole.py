"""Whether the parts of a `curve` model fit together: a file may say of itself what it likes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from glasspot.composition import Composition
from glasspot.oxides import parse_component
from glasspot.pcf.curve.band import LEVELS
from glasspot.pcf.curve.elements import has_ion
from glasspot.pcf.curve.features import Features
from glasspot.pcf.curve.model import CurveModel
from glasspot.pcf.curve.pair import PairModel
from glasspot.pcf.curve.process import Process
from glasspot.pcf.density import DensityModel
from glasspot.pcf.pairs import KINDS, ends_of, pair_name

CHEMISTRY = 4  # values that chemistry says of a glass


def from_state(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> CurveModel:
    """Return the model of a state; an exception of any kind where its parts do not fit together."""
    model = CurveModel.from_state(meta, arrays)
    require_whole(model)
    return model


def require_whole(model: CurveModel) -> None:
    """Raise ValueError, which names the part, or GlasspotError where the parts of a model do not fit together.

    What this lets through predicts, or refuses a composition in plain words: a glass of everything is tried.
    """
    n_r, n_glasses, oxides = len(model.r), len(model.x), model.features.oxides
    _require(model.r.ndim == 1 and n_r > 1 and bool(np.all(np.diff(model.r) > 0)), "r")
    _require_features(model.features)
    _require(bool(model.pairs), "pairs")
    _require(n_glasses > 0 and model.x.shape == (n_glasses, _width(model.features)), "x")
    _require(len(model.names) == n_glasses and all(isinstance(name, str) for name in model.names), "names")
    _require(model.near.shares.shape == (n_glasses, len(oxides)), "shares")
    _require(set(KINDS) <= set(model.factors), "factors")
    _require(all(factor.shape == (len(LEVELS) + 1,) for factor in model.factors.values()), "factors")
    _require_numbers("unseen", (model.unseen["stand-in"], model.unseen["host"]))
    _require_numbers("cutoffs", model.cutoffs.values())
    _require_numbers("atoms, runs or step", (model.atoms, model.runs, model.near.step))
    for pair in (*model.pairs, *model.cutoffs):
        _require(pair == pair_name(*ends_of(pair)), f"the pair {pair[:20]}")
    for pair, own in model.pairs.items():
        _require_pair(own, n_r, n_glasses, f"the pair {pair}")
    _require_density(model.density)
    model.predict(Composition(tuple((name, 1.0 / len(oxides)) for name in oxides)))


def _require(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(f"{what} does not fit the rest")


def _require_numbers(what: str, values: Iterable[float]) -> None:
    """Raise ValueError for what is no number above zero."""
    _require(all(type(value) in (int, float) and isfinite(value) and value > 0 for value in values), what)


def _width(features: Features) -> int:
    return len(features.oxides) + len(features.centre)


def _require_features(features: Features) -> None:
    oxides = features.oxides
    _require(bool(oxides) and len(set(oxides)) == len(oxides), "oxides")
    for name in oxides:
        parse_component(name)
    _require(features.centre.shape == features.spread.shape in ((0,), (CHEMISTRY,)), "centre or spread")
    _require(not len(features.centre) or all(has_ion(name) for name in oxides), "oxides or centre")


def _require_process(process: Process, n: int, k: int, width: int, what: str) -> None:
    shapes = ((process.x, (n, width)), (process.y, (n, k)), (process.noise, (n,)))
    _require(all(array.shape == shape for array, shape in shapes), what)
    _require(process.ratio.shape == process.variance.shape == (k,), what)
    _require(bool((process.noise > 0).all() and (process.ratio > 0).all()), what)
    _require_numbers(what, (process.kernel.length,))


def _require_pair(own: PairModel, n_r: int, n_glasses: int, what: str) -> None:
    basis, rows = own.basis, own.rows
    _require(rows.ndim == 1 and rows.dtype.kind in "iu" and bool(np.all((rows >= 0) & (rows < n_glasses))), what)
    curves = (basis.mean, basis.rest, basis.h, own.shell.weight)
    _require(all(curve.shape == (n_r,) for curve in curves) and 0 <= own.core <= n_r, what)
    _require(basis.components.ndim == 2 and basis.components.shape[1] == n_r, what)
    _require_numbers(what, (own.shell.density,))
    if own.process is not None:
        _require_process(own.process, len(rows), len(basis.components), own.process.x.shape[1], what)


def _require_density(density: DensityModel) -> None:
    _require_features(density.features)
    if density.process is not None:
        n = len(density.process.noise)
        _require_process(density.process, n, 1, _width(density.features), "density")

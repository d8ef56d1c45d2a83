"""A model against curves that it has not seen: the error of each curve, of S(Q) of each glass, and its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import GlassCurves
from glasspot.pcf.model import Model
from glasspot.pcf.prediction import Prediction
from glasspot.pcf.scoring.simulated import (
    CurveTruth,
    Simulated,
    coordination_of,
    relative_error,
    scattering_of,
)
from glasspot.structure.peaks import first_peak

NOTHING = 0.01  # below this g(r) is the empty space before or between shells, which tests no band


@dataclass(frozen=True)
class CurveScore:
    """One held-out curve. Errors are predicted less simulated; None where there is nothing to compare.

    mse: mean square of the error of g; relative: sqrt(sum dg^2 / sum g^2); position in A; height: of the first peak, as
    a part of the simulated one; peak: "" when compared, else why not ("no peak", "too noisy": the simulated curve;
    "lost": the model's curve has none). points, inside: distances where the band is tested, and where it holds; width:
    its mean there. floor: measure -> what noise alone would give.
    """

    fold: int
    glass: str
    pair: str
    kind: str
    mse: float
    relative: float | None
    position: float | None
    height: float | None
    coordination: float | None
    peak: str
    points: int
    inside: int | None
    width: float | None
    floor: Mapping[str, float]


@dataclass(frozen=True)
class GlassScore:
    """S(Q) of one held-out glass: sqrt(sum dS^2 / sum S^2) for neutrons and for X-rays, and the noise floors."""

    fold: int
    glass: str
    neutron: float | None
    xray: float | None
    floor: Mapping[str, float]


@dataclass(frozen=True)
class Refusal:
    """A held-out curve for which the model gave none, and its reason."""

    fold: int
    glass: str
    pair: str
    reason: str


@dataclass(frozen=True)
class Judged:
    """What one model is worth on the held-out curves of one fold; ``predictions``: glass -> what it said."""

    curves: tuple[CurveScore, ...]
    glasses: tuple[GlassScore, ...]
    refused: tuple[Refusal, ...]
    predictions: Mapping[str, Prediction] = field(default_factory=dict)


def judge(model: Model, held: Sequence[tuple[GlassCurves, str]], simulated: Simulated, fold: int = 0) -> Judged:
    """Return the scores of ``model`` on ``held``; S(Q) of those glasses only of which every pair is held out."""
    curves: list[CurveScore] = []
    glasses: list[GlassScore] = []
    refused: list[Refusal] = []
    predictions: dict[str, Prediction] = {}
    by_glass: dict[str, tuple[GlassCurves, list[str]]] = {}
    for glass, pair in held:
        by_glass.setdefault(glass.name, (glass, []))[1].append(pair)
    for glass, pairs in by_glass.values():
        prediction, without = ask(model, glass, pairs)
        refused += [Refusal(fold, glass.name, pair, reason) for pair, reason in without.items()]
        if prediction is None:
            continue
        predictions[glass.name] = prediction
        curves += [_curve(prediction, glass, pair, simulated, fold) for pair in pairs if pair not in without]
        if not without and set(pairs) == set(glass.pairs):
            glasses += _glass(prediction, glass, simulated, fold)
    return Judged(tuple(curves), tuple(glasses), tuple(refused), predictions)


def ask(model: Model, glass: GlassCurves, pairs: Sequence[str]) -> tuple[Prediction | None, dict[str, str]]:
    """Return the model's curves of ``pairs``, and pair -> reason for those that it refuses."""
    try:
        return model.predict(glass.composition, pairs), {}
    except GlasspotError:
        pass  # which of the pairs it cannot do is found one by one
    without: dict[str, str] = {}
    for pair in pairs:
        try:
            model.predict(glass.composition, [pair])
        except GlasspotError as error:
            without[pair] = str(error)
    able = [pair for pair in pairs if pair not in without]
    return (model.predict(glass.composition, able) if able else None), without


def _curve(prediction: Prediction, glass: GlassCurves, pair: str, simulated: Simulated, fold: int) -> CurveScore:
    truth = simulated.curve(glass, pair)
    row = prediction.pairs.index(pair)
    g = prediction.g[row]
    position, height, peak = _peak(g, truth, simulated)
    points, inside, width = _band(prediction, row, truth)
    coordination = None
    if truth.coordination is not None:
        found = coordination_of(prediction.distribution, pair, simulated.cutoffs[pair])
        coordination = found - truth.coordination
    return CurveScore(
        fold=fold,
        glass=glass.name,
        pair=pair,
        kind=truth.kind,
        mse=float(np.mean((g - truth.mean) ** 2)),
        relative=relative_error(g, truth.mean),
        position=position,
        height=height,
        coordination=coordination,
        peak=peak,
        points=points,
        inside=inside,
        width=width,
        floor=truth.floor,
    )


def _peak(g: np.ndarray, truth: CurveTruth, simulated: Simulated) -> tuple[float | None, float | None, str]:
    if truth.peak is None:
        return None, None, truth.no_peak
    try:
        place, height = first_peak(simulated.r, g)
    except GlasspotError:
        return None, None, "lost"
    return place - truth.peak[0], height / truth.peak[1] - 1.0, ""


def _band(prediction: Prediction, row: int, truth: CurveTruth) -> tuple[int, int | None, float | None]:
    """Return (points, inside, mean width), from the first distance on where the simulated curve is above nothing."""
    if prediction.low is None or prediction.high is None:
        return 0, None, None
    low, high = prediction.low[row], prediction.high[row]
    tested = np.maximum(truth.mean, high) > NOTHING
    tested[: int(np.argmax(truth.mean > NOTHING))] = False
    if not tested.any():
        return 0, 0, None
    held = (low <= truth.mean) & (truth.mean <= high)
    return int(tested.sum()), int((held & tested).sum()), float((high - low)[tested].mean())


def _glass(prediction: Prediction, glass: GlassCurves, simulated: Simulated, fold: int) -> list[GlassScore]:
    truth = simulated.scattering(glass)
    if truth is None:
        return []
    found = scattering_of(prediction.distribution)
    neutron, xray = (relative_error(found[name], getattr(truth, name)) for name in ("neutron", "xray"))
    return [GlassScore(fold, glass.name, neutron, xray, truth.floor)]

"""Models on glasses they have not seen: what the page of the scores shows, and the same as text and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot import __version__
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.prediction import Prediction
from glasspot.pcf.scoring.held_out import NOTHING, CurveScore
from glasspot.pcf.scoring.learning_curve import LearningCurve
from glasspot.pcf.scoring.scores import Average, Scores, on_common_curves
from glasspot.pcf.space import vectors

FloatArray = NDArray[np.float64]
NORMAL_90 = 1.6449  # a normal deviate is within this many standard deviations in 90 of 100 cases
CASES = 9

# measure -> its name in tables, the factor to the unit shown, digits
MEASURES = {
    "relative": ("curve (%)", 100.0, 2),
    "position": ("peak place (A)", 1.0, 4),
    "height": ("peak height (%)", 100.0, 2),
    "coordination": ("coordination", 1.0, 3),
    "neutron": ("S(Q) neutrons (%)", 100.0, 2),
    "xray": ("S(Q) X-rays (%)", 100.0, 2),
    "coverage": ("in band (%)", 100.0, 1),
}


@dataclass(frozen=True)
class ScoreReport:
    """Scores of a model (the first) and of the baselines under one split. ``about``: plain values for the page."""

    scores: tuple[Scores, ...]
    curve_set: CurveSet
    about: Mapping[str, Any]
    learning: LearningCurve | None = None

    @property
    def model(self) -> Scores:
        """The model that was asked about, on all curves that it predicted."""
        return self.scores[0]

    @property
    def common(self) -> tuple[Scores, ...]:
        """All of them, on the curves that every one predicted."""
        return on_common_curves(self.scores)


@dataclass(frozen=True)
class Case:
    """One held-out curve: the glass, the pair, what was predicted, and the relative error."""

    glass: GlassCurves
    pair: str
    prediction: Prediction
    error: float


def score_rows(scores: Sequence[Scores]) -> list[tuple[str, ...]]:
    """Return a row a model under ("model", the names of ``MEASURES``), then one of the noise floor."""
    averages = [one.averages() for one in scores]
    rows = [
        (one.model, *(shown(found.get(name), name) for name in MEASURES))
        for one, found in zip(scores, averages, strict=True)
    ]
    floors = {name: averages[0][name].floor for name in MEASURES if name in averages[0]}
    return [*rows, ("noise", *(_number(floors.get(name), name) for name in MEASURES))]


def shown(average: Average | None, name: str) -> str:
    """Return an average in its unit with the spread between the folds, or a dash."""
    if average is None:
        return "-"
    text = _number(average.mean, name)
    return text if average.spread is None else f"{text} ± {_number(average.spread, name)}"


def _number(value: float | None, name: str) -> str:
    _, factor, digits = MEASURES[name]
    return "-" if value is None else f"{factor * value:.{digits}f}"


def headline(report: ScoreReport) -> str:
    """Return the curve error of the model beside those of the baselines."""
    said = []
    for one in report.common:
        average = one.averages().get("relative")
        said.append((one.model, f"{_number(None if average is None else average.mean, 'relative')} %"))
    others = ", ".join(f"{name} {value}" for name, value in said[1:])
    return f"Mean error of a curve {said[0][1]} ({others})"


def evidence(report: ScoreReport) -> tuple[str, ...]:
    """Return the sentences under the answer."""
    one = report.model
    n = len(one.folds)
    sentences = [
        f"Split {one.split}: {n} {'fold' if n == 1 else 'folds'}; in each the model was trained anew, without what it "
        "is asked for."
    ]
    averages = one.averages()
    if "coverage" in averages:
        sentences.append(f"The bands are to hold 90 % of points; they hold {100 * averages['coverage'].mean:.1f} %.")
    peaks = one.peaks()
    left = ", ".join(f"{number} {reason}" for reason, number in peaks.items() if number and reason != "compared")
    sentences.append(f"First peaks compared: {peaks['compared']}" + (f" (left out: {left})." if left else "."))
    return tuple(sentences)


def cautions(report: ScoreReport) -> tuple[str, ...]:
    """Return what a reader must know before the figures are used."""
    found = []
    for one in report.scores:
        if one.refused:
            found.append(
                f"{one.model} gave no curve for {len(one.refused)} of {len(one.refused) + len(one.curves)}, such as: "
                f"{one.refused[0].reason}"
            )
    if len(found):
        found.append("The table is of the curves that every model predicted.")
    return tuple(found)


def cases(report: ScoreReport, most: int = CASES) -> list[Case]:
    """Return held-out glasses that differ most, each with that of its curves whose error is the median of the glass.

    The first glass is the farthest from the mean composition, each next one the farthest from those before it, in mole
    fractions.
    """
    by_glass: dict[str, list[CurveScore]] = {}
    for row in report.model.curves:
        if row.relative is not None:
            by_glass.setdefault(row.glass, []).append(row)
    known = {glass.name: glass for glass in report.curve_set.glasses}
    names = [name for name in known if name in by_glass]
    places = vectors([known[name].composition for name in names], report.curve_set.oxides)
    found = []
    for number in farthest(places, most):
        rows = sorted(by_glass[names[number]], key=lambda row: row.relative or 0.0)
        row = rows[len(rows) // 2]
        prediction = report.model.predictions[row.fold, row.glass]
        found.append(Case(known[row.glass], row.pair, prediction, row.relative or 0.0))
    return found


def farthest(places: FloatArray, most: int) -> list[int]:
    """Return up to ``most`` rows of ``places`` (n, d): the farthest from the mean, then each farthest from those."""
    if not len(places):
        return []
    chosen = [int(np.argmax(np.linalg.norm(places - places.mean(axis=0), axis=1)))]
    while len(chosen) < min(most, len(places)):
        apart = np.min([np.linalg.norm(places - places[k], axis=1) for k in chosen], axis=0)
        apart[chosen] = -1.0
        chosen.append(int(np.argmax(apart)))
    return chosen


def calibration(report: ScoreReport, levels: FloatArray) -> FloatArray | None:
    """Return the share of simulated points within the band narrowed or widened to each of ``levels``, (n,).

    The 90 % band is taken as that of a normal distribution. Points where nothing is are left out, as in the scores.
    None for a model without bands.
    """
    from scipy.stats import norm

    known = {glass.name: glass for glass in report.curve_set.glasses}
    off = []
    for row in report.model.curves:
        prediction = report.model.predictions[row.fold, row.glass]
        if prediction.low is None or prediction.high is None:
            return None
        k = prediction.pairs.index(row.pair)
        truth = known[row.glass].mean(row.pair)
        g, high = prediction.g[k], prediction.high[k]
        # The lower end is cut at 0, so the upper one tells the width.
        half = np.maximum(high - g, 1e-12)
        tested = np.maximum(truth, high) > NOTHING
        tested[: int(np.argmax(truth > NOTHING))] = False
        off.append((np.abs(truth - g) / half)[tested])
    together = np.sort(np.concatenate(off)) if off else np.zeros(0)
    if not len(together):
        return None
    limits = norm.ppf(0.5 + levels / 2) / NORMAL_90
    return np.asarray(np.searchsorted(together, limits, side="right") / len(together))


def document(report: ScoreReport) -> dict[str, Any]:
    """Return the values of score.json and of ``--json``, with stable keys (docs/pcf.md lists them)."""
    return {
        "format": 1,
        "glasspot": __version__,
        "state": "finished",
        **report.about,
        "scores": [one.to_dict() for one in report.scores],
        "on_common_curves": {
            one.model: {
                name: {"mean": a.mean, "median": a.median, "spread": a.spread, "n": a.n, "floor": a.floor}
                for name, a in one.averages().items()
            }
            for one in report.common
        },
        "learning": None if report.learning is None else report.learning.to_dict(),
    }

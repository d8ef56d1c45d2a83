"""The scores of models under a split: averages over held-out curves, for each class of pairs, with the noise floor.

Each fold trains a fresh model, and every model meets the same folds. A model may refuse a curve (a pair it has never
seen); refused curves are counted, and :func:`on_common_curves` leaves them out for all, so that no model gains by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean, median, stdev
from time import perf_counter
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Tell, Train, silent
from glasspot.pcf.pairs import KINDS
from glasspot.pcf.prediction import BAND, Prediction
from glasspot.pcf.scoring.held_out import CurveScore, GlassScore, Judged, Refusal, judge
from glasspot.pcf.scoring.simulated import Simulated
from glasspot.pcf.scoring.splits import Split

CURVE_MEASURES = ("mse", "relative", "position", "height", "coordination")
GLASS_MEASURES = ("neutron", "xray")
BAND_MEASURES = ("coverage", "width")


@dataclass(frozen=True)
class Average:
    """Of the size of an error over ``n`` curves (of S(Q): glasses). spread: standard deviation of the averages of the
    folds, None with one fold; floor: the average noise floor of the same curves, None where it is not known.
    """

    mean: float
    median: float
    spread: float | None
    n: int
    floor: float | None


@dataclass(frozen=True)
class Scores:
    """One model under one split. ``folds``: names of the folds; ``seconds``: of training, for each fold.

    ``predictions``: (fold, glass) -> what the model said of the held-out pairs, for pictures.
    """

    model: str
    split: str
    folds: tuple[str, ...]
    curves: tuple[CurveScore, ...]
    glasses: tuple[GlassScore, ...]
    refused: tuple[Refusal, ...]
    seconds: tuple[float, ...]
    predictions: Mapping[tuple[int, str], Prediction] = field(default_factory=dict, repr=False, compare=False)

    def averages(self, kind: str | None = None) -> dict[str, Average]:
        """Return measure -> average, over all curves or those of one class of pairs; measures without values lack.

        mse, relative, position (A), height (part of the peak), coordination, of the size of the error; neutron and xray
        (S(Q), only with ``kind`` None); coverage (share of points inside the 90 % band, all points alike) and width.
        """
        rows = [row for row in self.curves if kind in (None, row.kind)]
        found = {name: _average(rows, name) for name in CURVE_MEASURES}
        if kind is None:
            found |= {name: _average(self.glasses, name) for name in GLASS_MEASURES}
        banded = [row for row in rows if row.inside is not None and row.points]
        found |= {"coverage": _coverage(banded), "width": _average(banded, "width")}
        return {name: average for name, average in found.items() if average is not None}

    def peaks(self) -> dict[str, int]:
        """Return how many first peaks were compared, and how many not, by reason."""
        counted = {"compared": 0, "no peak": 0, "too noisy": 0, "lost": 0}
        for row in self.curves:
            counted[row.peak or "compared"] += 1
        return counted

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON, without the predictions."""
        kinds = [kind for kind in KINDS if any(row.kind == kind for row in self.curves)]
        return {
            "model": self.model,
            "split": self.split,
            "folds": list(self.folds),
            "seconds": list(self.seconds),
            "band": BAND,
            "averages": {name: asdict(average) for name, average in self.averages().items()},
            "of_kinds": {kind: {k: asdict(v) for k, v in self.averages(kind).items()} for kind in kinds},
            "peaks": self.peaks(),
            "curves": [asdict(row) for row in self.curves],
            "glasses": [asdict(row) for row in self.glasses],
            "refused": [asdict(row) for row in self.refused],
        }


def _by_fold(rows: Sequence[Any], value: Callable[[list[Any]], float]) -> float | None:
    """Return the standard deviation over the folds of ``value`` of the fold's rows."""
    folds: dict[int, list[Any]] = {}
    for row in rows:
        folds.setdefault(row.fold, []).append(row)
    return stdev(value(part) for part in folds.values()) if len(folds) > 1 else None


def _average(rows: Sequence[Any], measure: str) -> Average | None:
    rows = [row for row in rows if getattr(row, measure) is not None]
    if not rows:
        return None
    sizes = [abs(getattr(row, measure)) for row in rows]
    floors = [row.floor[measure] for row in rows if measure in row.floor]
    spread = _by_fold(rows, lambda part: fmean(abs(getattr(row, measure)) for row in part))
    floor = fmean(floors) if len(floors) == len(rows) else None
    return Average(fmean(sizes), median(sizes), spread, len(rows), floor)


def _coverage(rows: Sequence[CurveScore]) -> Average | None:
    if not rows:
        return None

    def share(part: Sequence[CurveScore]) -> float:
        return sum(row.inside or 0 for row in part) / sum(row.points for row in part)

    middle = median((row.inside or 0) / row.points for row in rows)
    return Average(share(rows), middle, _by_fold(rows, share), len(rows), None)


def score(
    name: str,
    train: Train,
    curve_set: CurveSet,
    split: Split,
    tell: Tell = silent,
    simulated: Simulated | None = None,
) -> Scores:
    """Train on each fold of ``split`` and score on what the fold holds out; ``simulated``: kept between models."""
    simulated = simulated_of(curve_set) if simulated is None else simulated
    judged: list[Judged] = []
    seconds = []
    for number, fold in enumerate(split.folds):
        where = f"{name}, {split.name}, fold {number + 1} of {len(split.folds)}"

        def told(stage: str, done: int, in_all: int, where: str = where) -> None:
            tell(f"{where}: {stage}", done, in_all)

        began = perf_counter()
        model = train(fold.train, told)
        seconds.append(perf_counter() - began)
        judged.append(judge(model, fold.held, simulated, number))
        tell(where, number + 1, len(split.folds))
    return Scores(
        model=name,
        split=split.name,
        folds=tuple(fold.name for fold in split.folds),
        curves=tuple(row for part in judged for row in part.curves),
        glasses=tuple(row for part in judged for row in part.glasses),
        refused=tuple(row for part in judged for row in part.refused),
        seconds=tuple(seconds),
        predictions={(k, glass): said for k, part in enumerate(judged) for glass, said in part.predictions.items()},
    )


def compare(models: Mapping[str, Train], curve_set: CurveSet, split: Split, tell: Tell = silent) -> tuple[Scores, ...]:
    """Return the scores of each of ``models``, and then of the two baselines, on the same folds."""
    from glasspot.pcf.scoring.baselines import BASELINES

    taken = sorted(set(models) & set(BASELINES))
    if taken:
        raise GlasspotError(f'"{taken[0]}" is the name of a baseline, which is always compared; choose another.')
    simulated = simulated_of(curve_set)
    everyone = {**models, **BASELINES}
    return tuple(score(name, train, curve_set, split, tell, simulated) for name, train in everyone.items())


def simulated_of(curve_set: CurveSet) -> Simulated:
    """Return what the simulations say, with one cut-off for each bond in all glasses and models."""
    from glasspot.pcf.cutoffs import cutoffs_of

    return Simulated(curve_set, cutoffs_of(curve_set))


def on_common_curves(scores: Sequence[Scores]) -> tuple[Scores, ...]:
    """Return the scores on those curves and glasses only that every model predicted."""
    curves = set.intersection(*({(row.fold, row.glass, row.pair) for row in one.curves} for one in scores))
    glasses = set.intersection(*({(row.fold, row.glass) for row in one.glasses} for one in scores))
    return tuple(
        replace(
            one,
            curves=tuple(row for row in one.curves if (row.fold, row.glass, row.pair) in curves),
            glasses=tuple(row for row in one.glasses if (row.fold, row.glass) in glasses),
        )
        for one in scores
    )

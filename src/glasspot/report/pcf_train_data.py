"""What is told of a trained model of pair curves: its data, what each oxide does, facts of its kind; text and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glasspot import __version__
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Model
from glasspot.report.pcf_train_kinds import kind_facts
from glasspot.report.words import count, duration


@dataclass(frozen=True)
class TrainReport:
    """A trained model, the set it learnt from, what is saved beside it, and the seconds that training took.

    importance: oxide -> by how many percent the curves change per mol% of it.
    """

    model: Model
    curve_set: CurveSet
    about: Mapping[str, Any]
    seconds: float
    importance: Mapping[str, float]

    @property
    def title(self) -> str:
        names = (word.rstrip("/").rpartition("/")[2] for word in str(self.about["data"]).split())
        return f"{self.model.kind} model of {', '.join(names)}"


@dataclass(frozen=True)
class OxideRange:
    """How many glasses have an oxide, and between which mol%."""

    glasses: int
    least: float
    most: float


def oxide_ranges(curve_set: CurveSet) -> dict[str, OxideRange]:
    """Return what the data know of each oxide."""
    found = {}
    for oxide in curve_set.oxides:
        amounts = [100 * glass.composition.fractions.get(oxide, 0.0) for glass in curve_set.glasses]
        there = [amount for amount in amounts if amount > 0]
        found[oxide] = OxideRange(len(there), min(there), max(there))
    return found


def pair_counts(curve_set: CurveSet) -> dict[str, int]:
    """Return pair -> glasses that have its curve, most first."""
    numbers: dict[str, int] = {}
    for _, pair in curve_set.each():
        numbers[pair] = numbers.get(pair, 0) + 1
    return dict(sorted(numbers.items(), key=lambda item: -item[1]))


def evidence(report: TrainReport) -> tuple[str, ...]:
    """Return the sentences under the answer."""
    curve_set = report.curve_set
    runs = [glass.n_runs for glass in curve_set.glasses]
    atoms = [sum(glass.counts.values()) for glass in curve_set.glasses]
    said = [
        f"{count(min(runs), 'run')} of each glass"
        if min(runs) == max(runs)
        else f"{min(runs)} to {max(runs)} runs of each glass",
        f"{min(atoms)} to {max(atoms)} atoms",
    ]
    most = sorted(report.importance.items(), key=lambda item: -item[1])
    sentences = [f"{', '.join(said)}; trained in {duration(report.seconds)}."]
    if most:
        listed = ", ".join(f"{oxide} {change:.2g} %" for oxide, change in most)
        sentences.append(f"1 mol% more of an oxide changes the curves by: {listed}.")
    return tuple(sentences)


def answer(report: TrainReport) -> str:
    """Return what was learnt from in one line."""
    curve_set = report.curve_set
    n = len(curve_set.glasses)
    glasses = "1 glass" if n == 1 else f"{n} glasses"
    return f"{count(curve_set.n_curves, 'curve')} of {glasses} of {', '.join(curve_set.oxides)}"


def lines(report: TrainReport) -> list[str]:
    """Return what the command prints."""
    ranges = [
        f"  {oxide}: {r.glasses} glasses, {r.least:.3g} to {r.most:.3g} mol%"
        for oxide, r in oxide_ranges(report.curve_set).items()
    ]
    return [answer(report), *ranges, *(f"  {sentence}" for sentence in evidence(report))]


def document(report: TrainReport) -> dict[str, Any]:
    """Return the values of train.json and of ``--json``, with stable keys (docs/pcf.md lists them)."""
    return {
        "format": 1,
        "glasspot": __version__,
        "state": "finished",
        "kind": report.model.kind,
        "data": report.about["data"],
        "glasses": len(report.curve_set.glasses),
        "curves": report.curve_set.n_curves,
        "settings": dict(report.about["settings"]),
        "seconds": round(report.seconds, 2),
        "oxides": {
            oxide: {"glasses": r.glasses, "least_mol_percent": _short(r.least), "most_mol_percent": _short(r.most)}
            for oxide, r in oxide_ranges(report.curve_set).items()
        },
        "pairs": pair_counts(report.curve_set),
        "training": kind_facts(report.model),
        "importance_percent_per_mol_percent": {oxide: _short(value) for oxide, value in report.importance.items()},
        "provenance": dict(report.about["provenance"]),
    }


def _short(value: float) -> float:
    return float(f"{value:.6g}")

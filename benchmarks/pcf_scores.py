"""Scores of the models that go from a composition to pair curves, under each split, beside the two baselines.

    python benchmarks/pcf_scores.py DATA.npz --split glass --split random --epochs 800 --out runs/pcf_scores.json
    python benchmarks/pcf_scores.py DATA.npz --models curve --split dopant

Every model meets the same folds. Errors are averages over the held-out curves that every model predicted, +- the spread
(standard deviation) between the folds; `noise` is what a perfect model would still get, because the simulated curve
is the mean of a few runs. `all that it predicts` is over every curve that the model gave, pairs that it had never seen
included. Splits: random (of curves, as in the paper), glass, dopant-concentrations, dopant.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Train
from glasspot.pcf.pairs import KINDS
from glasspot.pcf.scoring.baselines import BASELINES
from glasspot.pcf.scoring.scores import Average, Scores, on_common_curves, score, simulated_of
from glasspot.pcf.scoring.splits import SPLITS, split_of

MEASURES = {  # measure: heading, format
    "relative": ("curve error", "{:.2%}"),
    "mse": ("MSE", "{:.4f}"),
    "position": ("peak place (A)", "{:.4f}"),
    "height": ("peak height", "{:.2%}"),
    "coordination": ("coordination", "{:.3f}"),
    "neutron": ("S(Q) neutrons", "{:.2%}"),
    "xray": ("S(Q) X-rays", "{:.2%}"),
    "coverage": ("in the 90 % band", "{:.1%}"),
    "width": ("width of the band", "{:.3f}"),
}


def models(names: list[str], seed: int, epochs: int) -> dict[str, Train]:
    """Return the models asked for, by name, and the baselines."""
    from glasspot.pcf.curve import model as curve_model

    known: dict[str, Train] = {"curve": partial(curve_model.train, seed=seed)}
    if "paper" in names:
        from glasspot.pcf.paper import model as paper_model

        known["paper"] = partial(paper_model.train, seed=seed, epochs=epochs, held_out=0.0)
    return {**{name: known[name] for name in names}, **BASELINES}


def cell(measure: str, average: Average | None) -> str:
    """Return an average and its spread as text."""
    if average is None:
        return "-"
    style = MEASURES[measure][1]
    spread = "" if average.spread is None else f" +- {style.format(average.spread)}"
    return style.format(average.mean) + spread


def table(found: list[Scores]) -> str:
    """Return a table of the averages on common curves: measures down, models across, the noise last."""
    common = on_common_curves(found)
    averages = [one.averages() for one in common]
    rows = [["", *(one.model for one in found), "noise"]]
    for measure, (heading, style) in MEASURES.items():
        cells = [cell(measure, each.get(measure)) for each in averages]
        known = averages[0].get(measure)
        floor = "-" if known is None or known.floor is None else style.format(known.floor)
        rows.append([heading, *cells, floor])
    for kind in KINDS:
        of_kind = [one.averages(kind) for one in common]
        for measure in ("relative", "position", "coverage"):
            known = of_kind[0].get(measure)
            floor = "-" if known is None or known.floor is None else MEASURES[measure][1].format(known.floor)
            rows.append(
                [f"{MEASURES[measure][0]}, {kind}", *(cell(measure, each.get(measure)) for each in of_kind), floor]
            )
    if any(one.refused for one in found):
        every = [one.averages() for one in found]
        for measure in ("relative", "coordination", "neutron", "xray", "coverage"):
            cells = [cell(measure, each.get(measure)) for each in every]
            rows.append([f"{MEASURES[measure][0]}, all that it predicts", *cells, ""])
    rows.append(["curves refused", *(str(len(one.refused)) for one in found), ""])
    rows.append(["training of a fold (s)", *(f"{sum(one.seconds) / len(one.seconds):.1f}" for one in found), ""])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", action="append", choices=SPLITS)
    parser.add_argument("--models", nargs="+", default=["paper", "curve"], choices=["paper", "curve"])
    parser.add_argument("--epochs", type=int, default=800, help="of the autoencoder of the paper's model")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold", type=int, action="append", help="only this fold, from 1 (folds may run side by side)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON with everything")
    given = parser.parse_args()
    curve_set = CurveSet.load(given.data)
    simulated = simulated_of(curve_set)
    kept = []
    for name in given.split or SPLITS:
        split = split_of(name, curve_set, given.folds, given.seed)
        if given.fold:
            split = replace(split, folds=tuple(split.folds[k - 1] for k in given.fold))
        began, found = time.perf_counter(), []
        for model, train in models(given.models, given.seed, given.epochs).items():
            found.append(score(model, train, curve_set, split, simulated=simulated))
            print(f"{name}: {model} after {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        kept += [one.to_dict() for one in found]
        curves = len(on_common_curves(found)[0].curves)
        peaks = found[0].peaks()
        skipped = f"{peaks['too noisy']} peaks too noisy and {peaks['no peak']} curves without a peak left out"
        print(
            f"\nsplit {name}: {len(split.folds)} folds, {curves} curves of {len(curve_set.glasses)} glasses; {skipped}"
        )
        print(table(found), flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"data": given.data.name, "cores": os.cpu_count(), "scores": kept}))


if __name__ == "__main__":
    main()

"""``glasspot pcf score``: a kind of model on glasses that it has not seen, beside two baselines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.cli.pcf_data import DATA_HELP, load_data
from glasspot.cli.pcf_folder import check_folder, claim
from glasspot.cli.progress import Progress

if TYPE_CHECKING:
    from glasspot.pcf.curve_set import CurveSet
    from glasspot.pcf.model import Tell, Train
    from glasspot.pcf.scoring.learning_curve import LearningCurve

HELP = "errors of a model on glasses that it has not seen"
DESCRIPTION = """\
Score the kind of model in DIR: it is trained anew, with the same settings, on a part of the glasses and
asked for the rest; so are the two baselines, the nearest glass and linear mixing of glasses.

  random                  single curves are held out; others of the same glass are learnt from, as in the paper
  glass                   whole glasses are held out (default)
  dopant-concentrations   of each dopant the middle third of its concentrations, then the highest third
  dopant                  all glasses of one dopant"""
EPILOG = """\
examples:
  glasspot pcf score model shipped
  glasspot pcf score model shipped --split dopant --json
  glasspot pcf score model shipped --learning-curve     errors against the number of glasses, too

In --out: index.html, curves.csv (every held-out curve), score.json, figures as PNG and SVG."""
SPLITS = ("random", "glass", "dopant-concentrations", "dopant")
SMALLEST = 8  # glasses of a learning curve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action's arguments to its parser."""
    add = parser.add_argument
    add("model", metavar="DIR", type=Path, help="folder of glasspot pcf train")
    add("data", metavar="DATA", nargs="+", help=DATA_HELP)
    add("--split", choices=SPLITS, default="glass", help="what is held out (default: glass)")
    add("--folds", metavar="N", type=int, default=5, help="parts of the splits random and glass (default: 5)")
    add("--seed", metavar="N", type=int, default=0, help="of the splits (default: 0)")
    add("--learning-curve", action="store_true", help="errors against the number of glasses learnt from, too")
    add("--out", metavar="FOLDER", type=Path, help="folder of the results (default: DIR/score-<split>)")
    add("--json", action="store_true", help="print the scores as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from glasspot.cli.pcf_lines import columns
    from glasspot.cli.pcf_train import trainer
    from glasspot.pcf.model_file import about_model, load_model
    from glasspot.pcf.scoring.scores import compare
    from glasspot.pcf.scoring.splits import split_of
    from glasspot.report.pcf_score_data import MEASURES, ScoreReport, cautions, document, evidence, score_rows
    from glasspot.report.pcf_score_page import DOCUMENT, write_scores

    kind = load_model(args.model).kind
    settings = dict(about_model(args.model)["about"].get("settings", {}))
    _, curve_set = load_data(args.data)
    folder = args.out or args.model / f"score-{args.split}"
    check_folder(folder, DOCUMENT, "score")
    split = split_of(args.split, curve_set, args.folds, args.seed)
    models = {kind: trainer(kind, settings)}
    about: dict[str, Any] = {
        "kind": kind, "settings": settings, "data": " ".join(args.data), "glasses": len(curve_set.glasses),
        "curves": curve_set.n_curves, "split": args.split, "seed": args.seed,
    }  # fmt: skip
    claim(folder, DOCUMENT)
    with Progress(args.json) as tell:
        scores = compare(models, curve_set, split, tell)
        learning = _learning(models, curve_set, args.seed, tell) if args.learning_curve else None
        tell("report", 0, 0)
        report = ScoreReport(scores, curve_set, about, learning)
        page = write_scores(report, folder)
    if args.json:
        print(json.dumps(document(report), indent=1, allow_nan=False))
        return 0
    print(f"split {args.split}, {len(split.folds)} folds, {len(curve_set.glasses)} glasses")
    for line in columns(("model", *(name for name, _, _ in MEASURES.values())), score_rows(report.common)):
        print(line)
    for sentence in (*evidence(report), *(f"caution: {c}" for c in cautions(report))):
        print(f"  {sentence}")
    print(f"written to {folder}: {page.name}, curves.csv, {DOCUMENT}, figures as PNG and SVG")
    return 0


def _learning(models: Mapping[str, Train], curve_set: CurveSet, seed: int, tell: Tell) -> LearningCurve:
    """Return the learning curve of the model and the baselines, at sizes that double."""
    from glasspot.pcf.scoring.baselines import BASELINES
    from glasspot.pcf.scoring.learning_curve import HELD_SHARE, learning_curve

    most = len(curve_set.glasses) - max(1, round(HELD_SHARE * len(curve_set.glasses)))
    sizes = [SMALLEST * 2**k for k in range(12) if SMALLEST * 2**k < 0.8 * most] + [most]
    return learning_curve({**models, **BASELINES}, curve_set, sizes, seed=seed, tell=tell)

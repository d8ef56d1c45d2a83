"""``glasspot pcf train``: a model of pair correlation functions from a set of simulated glasses."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.cli.pcf_data import DATA_HELP, load_data
from glasspot.cli.pcf_folder import as_name, check_folder, claim
from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError
from glasspot.extras import need

if TYPE_CHECKING:
    from glasspot.pcf.curve_set import CurveSet
    from glasspot.pcf.model import Train

HELP = "train a model on a set of glasses"
DESCRIPTION = """\
Train a model that gives the pair correlation functions of a composition.

  curve   Gaussian processes of a few components of each curve, with bands that hold 90 %; takes oxides
          it has not seen, with a warning; the default
  paper   the published model: a fingerprint of 58 numbers, an autoencoder of images of the curves, a
          random forest between them; without uncertainty, and only for the oxides it was made for"""
EPILOG = """\
examples:
  glasspot pcf train shipped --out model
  glasspot pcf train runs/dataset --model paper --out published
  glasspot pcf train shipped my-glasses --out both      the glasses of both sets

In --out: model.npz (plain numbers, nothing in it is run), index.html, train.json, figures as PNG and SVG."""
MARK = "train.json"
SETTINGS = ("potential", "atoms", "runs", "r_max", "bin_width", "protocol")  # of the data, that go with the model
MODELS = ("curve", "paper")
# Asked for before anything is written: module and package of each kind's training.
NEEDED = {
    "curve": (("threadpoolctl", "scikit-learn"),),
    "paper": (("torch", "torch"), ("sklearn.ensemble", "scikit-learn")),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action's arguments to its parser."""
    add = parser.add_argument
    add("data", metavar="DATA", nargs="+", help=DATA_HELP)
    add("--model", choices=MODELS, default="curve", help="kind of model (default: curve)")
    add("--out", metavar="DIR", type=Path, help="folder of the model (default: runs/pcf-<data>-<model>)")
    add("--seed", metavar="N", type=int, default=0, help="of all random choices (default: 0)")
    add("--epochs", metavar="N", type=int, help="of the autoencoder of the paper model (default: 800)")
    add("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from glasspot.pcf.importance import importance
    from glasspot.pcf.model_file import save_model
    from glasspot.provenance import provenance
    from glasspot.report.pcf_train_data import TrainReport, document, lines
    from glasspot.report.pcf_train_page import write_training

    settings = settings_of(args.model, args.seed, args.epochs)
    name, curve_set = load_data(args.data)
    if not curve_set.glasses:
        raise GlasspotError(f"{' '.join(args.data)} holds no glass; nothing can be trained on it.")
    train = trainer(args.model, settings)
    folder = args.out or Path("runs") / f"pcf-{as_name(name)}-{args.model}"
    check_folder(folder, MARK, "train")
    claim(folder, MARK)
    began = time.perf_counter()
    with Progress(args.json) as tell:
        model = train(curve_set, tell)
        seconds = time.perf_counter() - began
        tell("report", 0, 0)
        about: dict[str, Any] = {
            "data": " ".join(args.data),
            "glasses": len(curve_set.glasses),
            "curves": curve_set.n_curves,
            "oxides": list(curve_set.oxides),
            "settings": settings,
            "compositions": [[list(part) for part in glass.composition.oxides] for glass in curve_set.glasses],
            "made": _made(curve_set),
            "provenance": provenance(),
        }
        save_model(model, folder, about)
        report = TrainReport(model, curve_set, about, seconds, importance(model, curve_set))
        page = write_training(report, folder)
    if args.json:
        print(json.dumps(document(report), indent=2, allow_nan=False))
        return 0
    for line in lines(report):
        print(line)
    print(f"written to {folder}: model.npz, {page.name}, {MARK}, figures as PNG and SVG")
    return 0


def _made(curve_set: CurveSet) -> dict[str, Any]:
    """Return how the data were simulated, as ``glasspot pcf dataset`` says it; nothing for other data."""
    settings = curve_set.provenance.get("settings")
    if not isinstance(settings, dict):
        return {}
    return {key: settings[key] for key in SETTINGS if key in settings}


def settings_of(kind: str, seed: int, epochs: int | None) -> dict[str, Any]:
    """Return the settings of a model as plain values; GlasspotError where one makes no sense."""
    if seed < 0:
        raise GlasspotError(f"--seed is {seed}; expected a whole number from 0.")
    if epochs is None:
        return {"seed": seed}
    if kind != "paper":
        raise GlasspotError(f"--epochs is of the paper model; the {kind} model has none. Leave it out.")
    if epochs < 1:
        raise GlasspotError(f"--epochs is {epochs}; expected a whole number from 1.")
    return {"seed": seed, "epochs": epochs}


def trainer(kind: str, settings: dict[str, Any]) -> Train:
    """Return what trains a model of a kind, its settings bound; GlasspotError where the extra is not installed."""
    for module, package in NEEDED[kind]:
        need(module, package, "pcf", f"the training of a {kind} model")
    if kind == "curve":
        from glasspot.pcf.curve import model as curve_model

        return partial(curve_model.train, **settings)
    from glasspot.pcf.paper import model as paper_model

    return partial(paper_model.train, **settings)

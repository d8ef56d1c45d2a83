"""``glasspot pcf predict``: the pair correlation functions of one glass, and what follows from them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from glasspot.cli.pcf_folder import as_name, check_folder, claim

HELP = "g(r), coordination, density and S(Q) of a composition"
DESCRIPTION = """\
Predict the partial g(r) of a composition with a trained model: first peaks, coordination numbers,
density and S(Q) with their uncertainty, and warnings where the model has seen nothing like it.
Amounts are mol%; they may be followed by more than 100 in all ("... + 5 BaO"), and are normalised."""
EPILOG = """\
examples:
  glasspot pcf predict model "60 SiO2 20 B2O3 20 Na2O + 5 BaO"
  glasspot pcf predict model "90 SiO2 10 ZnO" --pair Si-O Zn-O --out zinc
  glasspot pcf predict model SiO2 --json

In --out: index.html, g_of_r.csv (r, g, low, high of each pair), s_of_q.csv (neutrons, X-rays, partials),
prediction.json, figures as PNG and SVG."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action's arguments to its parser."""
    add = parser.add_argument
    add("model", metavar="DIR", type=Path, help="folder of glasspot pcf train")
    add("composition", metavar="COMPOSITION", help='in mol%%, such as "60 SiO2 20 B2O3 20 Na2O + 5 BaO"')
    add("--basis", choices=("mol", "wt"), default="mol", help="what the amounts are percent of (default: mol)")
    add("--pair", metavar="A-B", nargs="+", help="only these pairs, such as Si-O (default: all)")
    add("--out", metavar="FOLDER", type=Path, help="folder of the results (default: runs/pcf-<composition>)")
    add("--json", action="store_true", help="print the result, curves and all, as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from glasspot.composition import Composition
    from glasspot.pcf.model_file import about_model, load_model
    from glasspot.report.pcf_answer import answer, coordination_errors
    from glasspot.report.pcf_predict_page import DOCUMENT, document, write_prediction

    composition = Composition.parse(args.composition, args.basis)
    folder = args.out or Path("runs") / f"pcf-{as_name(str(composition))}"
    model = load_model(args.model)
    check_folder(folder, DOCUMENT, "predict")
    prediction = model.predict(composition)
    found = answer(prediction, model.kind, args.pair, coordination_errors(model, prediction))
    trained = _trained(about_model(args.model)["about"])
    claim(folder, DOCUMENT)
    page = write_prediction(found, folder, trained)
    if args.json:
        print(json.dumps(document(found, trained), indent=2, allow_nan=False))
        return 0
    from glasspot.cli.pcf_lines import prediction_lines

    for line in prediction_lines(found):
        print(line)
    print(f"written to {folder}: {page.name}, g_of_r.csv, s_of_q.csv, {DOCUMENT}, figures as PNG and SVG")
    return 0


def _trained(about: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of the training beside a prediction."""
    return {f"trained on {key}": about[key] for key in ("data", "glasses", "curves") if key in about}

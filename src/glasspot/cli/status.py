"""``glasspot status``: how far a fit is, read from its store while it runs or afterwards."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "how far a fit is, and how good"
DESCRIPTION = """\
Show how far the fit in DIR is: its state, the MD runs done, the best R_chi so far, and the
scores on independent runs. Reads only; safe while the fit runs."""
EPILOG = """\
--json prints one object with stable keys:
  state        running | interrupted | failed | finished
  md_runs      MD runs of the fit so far (selection, validation and reference runs not counted)
  best         {cost, error, run}: the lowest R_chi of the fit so far, as a fraction
  history      [{run, method, note, cost, error, accepted, seconds, reason}], one entry an evaluation; note is what
               it was for, cost is null where the MD failed
  validation   {cost, error, scores: [{name, role, cost, error, runs}]}: cost is that of the fitted potential
  noise_floor  R_chi of a perfect model with runs of this length, null until validated
  ensemble     {run, passed, limit}: members run, how many fit as well, up to which R_chi; null where there are none
  failures     [{label, reason}] of MD runs that failed
  seconds      wall time so far
  failure      what ended a failed fit, else null

example:
  glasspot status runs/silica --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of a fit")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.report.status import status
    from glasspot.report.words import ROUNDING, purpose

    found = status(args.folder)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{args.folder}: {found['state']}, {found['md_runs']} MD runs of the fit, {found['seconds']:.0f} s")
    if found["failure"]:
        print(f"  {found['failure']}")
    if found["best"]["cost"] is not None:
        best = found["best"]
        # One quench tells no error of its own: what is left is rounding.
        error = f" +- {100 * best['error']:.2f}" if best["error"] > ROUNDING else ""
        print(f"  best so far  R_chi {100 * best['cost']:.2f}{error} % (run {best['run']})")
    for entry in found["history"]:
        cost = "failed: " + entry["reason"] if entry["cost"] is None else f"{100 * entry['cost']:6.2f} %"
        remark = purpose(entry)
        print(f"  run {entry['run']:3d}  {cost}{f'  ({remark})' if remark else ''}")
    for score in found["validation"]["scores"]:
        if score["cost"] is None:
            print(f"  {score['name']:>12s}  failed on independent runs")
        else:
            print(
                f"  {score['name']:>12s}  R_chi {100 * score['cost']:.2f} +- {100 * score['error']:.2f} % "
                f"on {score['runs']} independent runs ({score['role']})"
            )
    for failure in found["failures"]:
        print(f"  failed: {failure['label']} ({failure['reason']})")
    return 0

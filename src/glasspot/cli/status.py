"""``glasspot status``: how far a run is, read from its store while it runs or afterwards."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

HELP = "how far a run is, and how good"
DESCRIPTION = """\
Show how far the run in DIR is (a fit, ladder, landscape, comparison of potentials, or a set of
pair curves): its state and whether a glasspot is at work, the MD runs done, failed and to go, what
runs where, the time left, the best R_chi so far and the last evaluations, and the scores on
independent runs. Reads only; safe while it runs, and quick for thousands of runs."""
EPILOG = """\
--json prints one object with stable keys:
  state        running | interrupted | stopped | failed | finished
  runs         {done, failed}: all MD runs in the store
  now          {at, to_go, under_way, hosts, atom_steps_per_s, jobs}: what runs where, as the driver noted it at "at"
               (seconds of the epoch); null where none is at work
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
of a ladder {state, rungs: {name: such an object, null for one not begun}}

examples:
  glasspot status runs/silica
  glasspot status runs/silica --all
  glasspot status runs/silica --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of a run")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--all", action="store_true", help="list every evaluation and every failed run")
    form.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.cli.status_lines import ladder_lines, lines_of
    from glasspot.report.overview import overview, rungs_in

    folder: Path = args.folder
    rungs = rungs_in(folder)
    if args.json:
        print(json.dumps(_plain(folder, rungs), indent=2))
        return 0
    if rungs:
        found = {name: overview(folder / name) if _begun(folder, name) else None for name in rungs}
        lines = ladder_lines(folder, found)
    else:
        lines = lines_of(folder, overview(folder, last=None) if args.all else overview(folder), args.all)
    for line in lines:
        print("".join(character if character.isprintable() else "?" for character in line))
    return 0


def _plain(folder: Path, rungs: Sequence[str]) -> dict[str, object]:
    """Return what --json prints."""
    from glasspot.report.overview import state_of_ladder
    from glasspot.report.status import status

    if not rungs:
        return status(folder)
    found = {name: status(folder / name) if _begun(folder, name) else None for name in rungs}
    states = {name: "" if one is None else str(one["state"]) for name, one in found.items()}
    return {"state": state_of_ladder(folder, states), "rungs": found}


def _begun(folder: Path, name: str) -> bool:
    from glasspot.store import STORE_FILE

    return (folder / name / STORE_FILE).is_file()

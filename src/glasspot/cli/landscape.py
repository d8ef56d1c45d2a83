"""``glasspot landscape``: R_chi over two parameters of a fit, with the paths that fits took on it."""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.options import add_campaign, tell

if TYPE_CHECKING:
    from glasspot.campaign.plan import FitPlan
    from glasspot.fit_settings.landscape import LandscapePlan

HELP = "R_chi over two free parameters, with the paths that fits took"
DESCRIPTION = """\
Draw the cost of a fit, R_chi, over two of its free parameters; the others stay at the start, or at
the values of a run (--at). Each point is an evaluation as in the fit, with its replicas, continued
from a neighbour; points behind the barrier of like charges are not run, and failed runs are marked.

--by reweight runs a few anchors only and reweights their frames exactly to every other point. That
is cheap, and holds near the anchors: points of which too few frames speak stay blank. Zoom in by
--window, or ask for more --anchors."""
EPILOG = """\
examples:
  glasspot landscape fit.toml --axes charge.Si Si-O.A --out map
  glasspot landscape fit.toml --axes charge.Si Si-O.rho --points 15 11 --paths runs/bayes runs/cg --out map
  glasspot landscape fit.toml --axes charge.Si Si-O.rho --window charge.Si 1.8 2.1 --at runs/my --out zoom
  glasspot landscape fit.toml --axes Si-O.A Si-O.rho --by reweight --anchors 3 --points 60 --at runs/my --out near

In --out: landscape.png, .svg and .pdf, landscape.csv, landscape.json, and the page index.html. Stop with Ctrl-C at any
time; go on with --resume, which also draws other --paths without new MD. More: docs/landscape.md."""
BEST = "best"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("run_file", metavar="RUN.toml", type=Path, help="the file of a fit")
    parser.add_argument("--axes", metavar="NAME", nargs=2, required=True, help="two of its free parameters: x and y")
    parser.add_argument(
        "--points", metavar="N", nargs="+", type=int, help="points along each axis (default: 15, by reweighting 60)"
    )
    parser.add_argument(
        "--window", metavar=("NAME", "LOW", "HIGH"), nargs=3, action="append", default=[],
        help="range of an axis in its own unit (default: the fit's window); once for each axis",
    )  # fmt: skip
    parser.add_argument(
        "--by", choices=("md", "reweight"), default="md", help="run every point, or reweight a few (default: md)"
    )
    parser.add_argument(
        "--anchors", metavar="N", nargs="+", type=int, help="runs along each axis to reweight from (default: 3)"
    )
    parser.add_argument(
        "--at", metavar="start|best|DIR", default="start",
        help="what the other parameters are: the start, or the result of a run (best: of the first of --paths)",
    )  # fmt: skip
    parser.add_argument(
        "--paths", metavar="DIR", nargs="+", type=Path, default=[], help="folders of fits whose paths are drawn"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the landscape")
    add_campaign(parser, resume="go on with the landscape in --out")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.folder import keep_plan
    from glasspot.campaign.landscape import run_landscape
    from glasspot.campaign.task import Task, driven
    from glasspot.cli.fit import prepare_systems
    from glasspot.cli.landscape_display import LandscapeDisplay
    from glasspot.config import load_fit_config
    from glasspot.evaluate.engines import check_system
    from glasspot.fit_settings.landscape import md_runs
    from glasspot.fit_settings.plan import fit_plan
    from glasspot.report.landscape import LANDSCAPE, about
    from glasspot.report.landscape_page import write_landscape
    from glasspot.report.landscape_paths import read_paths

    path, folder = args.run_file, args.out
    config = load_fit_config(path)
    plan, notes = fit_plan(config, path.resolve().parent, args.engine)
    found = _asked(args, plan)
    paths = read_paths(args.paths, found.plane.space, plan.fitted_states)
    for system in found.plan.systems:
        check_system(found.plan.engine, system)
    place, hooks = config.run.place(args.workers), config.run.hooks(path.resolve().parent)
    task = Task("landscape", found.plan.title, found.source, found.plan.engine, place, hooks)
    grid = found.anchors or found.plane
    with driven(task, folder, args.resume, tell) as work:
        keep_plan(work.store, found.plan, path)
        work.store.set_meta(LANDSCAPE, about(found.plane, found.anchors, found.fixed))
        with LandscapeDisplay(found.plan, folder, [*notes, *task.notes], place.words) as display:
            display.begin(md_runs(found.plan, grid.shape), grid.shape, found.fixed)
            with work.runner(display.running, partial(prepare_systems, found.plan, display.say)) as runner:
                run_landscape(found.plan, found.plane, found.anchors, runner, display.stage, display.step)
            landscape, page = write_landscape(folder, paths)
        for line in landscape.said:
            print(line)
        print(f"written: {page} and landscape.png, .svg, .pdf, .csv, .json beside it")
    return 0


def _asked(args: argparse.Namespace, plan: FitPlan) -> LandscapePlan:
    """Return the landscape that the words of the user ask for."""
    from glasspot.errors import GlasspotError
    from glasspot.fit_settings.landscape import landscape_of

    if args.anchors is not None and args.by != "reweight":
        raise GlasspotError("--anchors is for --by reweight; every point is run otherwise")
    at = args.at
    if at == BEST:
        if not args.paths:
            raise GlasspotError("--at best is that of the first of --paths; give one, or --at DIR")
        at = str(args.paths[0])
    by_md = args.by == "md"
    windows = {name: (_number(low, name), _number(high, name)) for name, low, high in args.window}
    anchors = None if by_md else args.anchors or [3]
    return landscape_of(plan, args.axes, args.points or [15 if by_md else 60], windows, at, anchors)


def _number(text: str, name: str) -> float:
    from glasspot.errors import GlasspotError

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise GlasspotError(f'the window of {name} has "{text}"; expected two numbers, low and high')
    return value

"""``glasspot potentials compare``: R_chi of published potentials against the targets of a fit, under one protocol."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.options import add_campaign, tell

if TYPE_CHECKING:
    from glasspot.fit_settings.compare import Comparison
    from glasspot.report.compare import ComparisonReport

COMPARE_HELP = "R_chi of every set against the targets of a fit's file, under one protocol"
COMPARE_DESCRIPTION = """\
Run every potential of the library that can run the systems of RUN.toml, or those named, on the same
packings, seeds and length of run ([validation] of the file), and score them against its targets.
Nothing is fitted: of RUN.toml, [system], [[target]] and [validation] count, and [potential] may be
left out. Each potential keeps its own electrostatics and cut-offs.

A potential that cannot run the systems is skipped, with the reason; one that you named is refused.
A run that fails (atoms fuse, too hot) is a result: its row says why."""
COMPARE_EPILOG = """\
examples:
  glasspot potentials compare examples/silica/fit.toml --out runs/compare
  glasspot potentials compare my.toml BKS CHIK mine.toml --out runs/three
  glasspot potentials compare my.toml SHIK --out runs/three --resume    add one, nothing is run twice

In --out: compare.csv, compare.json, compare.png, .svg and .pdf, and the page index.html.
Stop with Ctrl-C at any time; go on with --resume. More: docs/potentials.md."""


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``compare`` to its parser."""
    parser.add_argument("run_file", metavar="RUN.toml", type=Path, help="the file of a fit: its systems and targets")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="sets of the library, or .toml files (default: the whole library)"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the comparison")
    add_campaign(parser, resume="go on with the comparison in --out, or add the named sets to it")


def compare(args: argparse.Namespace) -> None:
    """Run ``glasspot potentials compare``."""
    from glasspot.campaign.compare import run_comparison
    from glasspot.campaign.folder import check_folder, keep_plan
    from glasspot.campaign.task import Task, driven
    from glasspot.cli.fit_display import FitDisplay
    from glasspot.config import load_comparison_config
    from glasspot.fit_settings.compare import comparison_of
    from glasspot.potential.model import Potential
    from glasspot.report.compare import COMPARISON
    from glasspot.report.compare_page import write_comparison
    from glasspot.store import Store

    path, folder = args.run_file, args.out
    config = load_comparison_config(path)
    check_folder(folder, args.resume)
    earlier: list[Potential] = []
    if args.resume:
        with Store.open(folder) as store:
            about = store.get_meta(COMPARISON, {"asked": []})
            earlier = [Potential.from_dict(data) for data in about["asked"]]
    found = comparison_of(config, path.resolve().parent, args.names, args.engine, earlier)
    plan = found.plan
    place, hooks = config.run.place(args.workers), config.run.hooks(path.resolve().parent)
    task = Task("potentials compare", plan.title, plan.source, plan.engine, place, hooks)
    with driven(task, folder, args.resume, tell) as work:
        keep_plan(work.store, plan, path)
        work.store.set_meta(COMPARISON, _about(found))
        with FitDisplay(plan, folder, [*found.notes, *task.notes], place.words) as display:
            for name, reason in found.skipped.items():
                display.say(f"skipped: {name}: {reason}")
            with work.runner(display.running, partial(_prepare, found, display.say)) as runner:
                run_comparison(plan, found.engines, runner, display)
            report, page = write_comparison(folder)
        _show(report)
        print(f"written: {page} and compare.csv, compare.json, compare.png, .svg, .pdf beside it")


def _about(found: Comparison) -> dict[str, object]:
    """Return what the store keeps of a comparison, beside its plan."""
    return {
        "names": [potential.name for potential in found.plan.compare],
        "asked": [potential.to_dict() for potential in found.asked],
        "engines": {name: choice.name for name, choice in found.engines.items()},
        "skipped": dict(found.skipped),
    }


def _prepare(found: Comparison, say: Callable[[str], None]) -> None:
    """Compile the native engine once, for the potentials that it will run."""
    from glasspot.evaluate.engines import System, prepare_engine

    for name, choice in found.engines.items():
        potential = next(p for p in found.plan.compare if p.name == name)
        for state in found.plan.states:
            prepare_engine(choice, System((potential,), tuple(state.counts), state.cell), say)


def _show(found: ComparisonReport) -> None:
    """Print the table, and what it allows to say."""
    from glasspot.report.compare import not_told_apart, text
    from glasspot.report.words import listed

    print(f"\n{text(found)}\n")
    if found.rows and not found.rows[0].failed:
        others = not_told_apart(found.rows)
        if others:
            print(f"not told apart from {found.rows[0].score.name} at 95 % confidence: {listed(others)}")
        print(f"noise floor, what a perfect model gets in runs of this length: {100 * found.noise_floor:.2f} %")

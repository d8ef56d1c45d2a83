"""``glasspot ladder``: fits of growing complexity from one file, and whether the extra parameters are worth having."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.options import add_campaign, add_fit_file, fit_folder, tell

if TYPE_CHECKING:
    from glasspot.campaign.plan import FitPlan
    from glasspot.report.ladder import Rung

HELP = "fit a ladder of growing complexity and say which parameters are worth having"
DESCRIPTION = """\
RUN.toml is the file of a fit with two or more [[rung]]: each names its free parameters and,
where it needs other terms, the terms. Each rung is a whole fit, in a folder of its own, to the
same targets with the same runs and seeds; what differs is the potential.

At the end the rungs stand beside each other: R_chi on independent runs, an information criterion
(AICc), R_chi of the held-out systems, angles and coordination, and a sentence for each step."""
EPILOG = """\
examples:
  glasspot ladder examples/silica-ladder/ladder.toml
  glasspot ladder my.toml --out runs/my --resume

The keys of RUN.toml are explained in docs/fit.md, the comparison in docs/ladder.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add_fit_file(parser, "a fit with two or more [[rung]]", "folder of the ladder")
    add_campaign(parser, resume="go on with the ladder in --out")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.driver import driving
    from glasspot.campaign.folder import check_folder, make_folder
    from glasspot.campaign.hooks import called_at_end
    from glasspot.campaign.task import Task
    from glasspot.cli.fit import check_local, fit_in
    from glasspot.config import load_fit_config
    from glasspot.errors import GlasspotError, RunFailedError
    from glasspot.fit_settings.ladder import rungs_of
    from glasspot.fit_settings.plan import fit_plan
    from glasspot.store import STORE_FILE

    path: Path = args.run_file
    folder = fit_folder(args)
    config = load_fit_config(path)
    # Every rung is checked before the first is run.
    plans = {}
    for name, of_rung in rungs_of(config, path):
        try:
            plans[name] = fit_plan(of_rung, path.resolve().parent, args.engine)
        except GlasspotError as error:
            raise GlasspotError(f'[[rung]] "{name}": {error}') from error
    begun = {name: (folder / name / STORE_FILE).exists() for name in plans}
    if args.resume and not any(begun.values()):
        raise GlasspotError(f"there is no ladder to resume in {folder}; leave --resume out to start one")
    if any(begun.values()) and not args.resume:
        raise GlasspotError(f"{folder} holds a ladder already; go on with it by --resume, or choose another --out")
    if not args.resume:
        check_folder(folder, resume=False)
    place, hooks = config.run.place(args.workers), config.run.hooks(path.resolve().parent)
    for plan, _ in plans.values():
        check_local(plan)
    _check_same_rungs({folder / name: plan for name, (plan, _) in plans.items() if begun[name]})
    make_folder(folder)
    failed: dict[str, str] = {}
    for line in hooks.missing:
        tell(line)
    with driving(folder), called_at_end(folder, config.title, hooks, tell):
        for name, (plan, notes) in plans.items():
            task = Task("ladder", plan.title, plan.source, plan.engine, place)
            try:
                fit_in(folder / name, plan, notes, path, task, resume=begun[name])
            except RunFailedError as error:
                failed[name] = f'[[rung]] "{name}": {error}'
                print(f"{failed[name]}; the other rungs go on")
        _compare(folder, [name for name in plans if name not in failed])
        if failed:
            raise RunFailedError("; ".join(failed.values()))
    return 0


def _compare(folder: Path, names: Sequence[str]) -> None:
    """Write and print the comparison of the rungs that ended well, where there are two."""
    from glasspot.report.ladder import compare, read_rung, write_ladder

    if len(names) < 2:
        return
    rungs = [read_rung(name, folder / name) for name in names]
    verdicts = compare(rungs)
    files = write_ladder(rungs, verdicts, folder)
    _show(rungs)
    for verdict in verdicts:
        print(verdict.words)
    print(f"written: {', '.join(file.name for file in files)} in {folder}; each rung has its own report")


def _check_same_rungs(begun: Mapping[Path, FitPlan]) -> None:
    """Refuse a change of any rung that was begun, before the first goes on."""
    from glasspot.campaign.folder import check_same_run
    from glasspot.errors import GlasspotError
    from glasspot.store import Store

    for folder, plan in begun.items():
        with Store.open(folder) as store:
            if store.get_meta("settings") is None:  # stopped before it was noted
                continue
            try:
                check_same_run(store, plan.source)
            except GlasspotError as error:
                raise GlasspotError(f'[[rung]] "{folder.name}": {error}') from error


def _show(rungs: Sequence[Rung]) -> None:
    """Print the rungs as a table."""
    from rich.console import Console
    from rich.table import Table

    from glasspot.report.ladder import information
    from glasspot.report.words import percent

    table = Table("rung", "free", "R_chi", "noise floor", "held out", "AICc", "MD runs")
    for rung, criterion in zip(rungs, information(rungs), strict=True):
        s = rung.score
        table.add_row(
            rung.name, str(rung.parameters), percent(s.cost, s.error), percent(rung.noise_floor),
            percent(s.held_out, s.held_out_error), f"{criterion:.1f}", str(rung.md_runs),
        )  # fmt: skip
    Console().print(table)

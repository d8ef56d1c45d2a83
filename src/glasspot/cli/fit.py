"""``glasspot fit``: from a target to a validated potential, with its report."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.options import add_campaign, add_fit_file, fit_folder, tell

if TYPE_CHECKING:
    from glasspot.campaign.plan import FitPlan
    from glasspot.campaign.task import Task
    from glasspot.store import Store

HELP = "fit a potential to a target, validate it and write the report"
DESCRIPTION = """\
Fit a potential to the targets that RUN.toml describes: g(r), S(Q) or numbers, of liquids and
glasses. For liquids one MD run gives the curves and how they answer to every free parameter, so
a handful of runs is enough (Gauss-Newton, the default of fit.method); other methods need only
the cost. Then score the fit, its start and published potentials on independent runs, and write
the report.

The folder keeps every finished run. Stop with Ctrl-C at any time; go on with --resume."""
EPILOG = """\
examples:
  glasspot fit examples/silica/fit.toml
  glasspot fit my.toml --out runs/my --workers 8
  glasspot fit my.toml --out runs/my --resume

The keys of RUN.toml are explained in docs/fit.md, the methods in docs/methods.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add_fit_file(parser, "what to fit, to what, and how", "folder of the run")
    add_campaign(parser, resume="go on with the run in --out; finished MD is not repeated")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.task import Task
    from glasspot.config import load_fit_config
    from glasspot.fit_settings.plan import fit_plan

    path: Path = args.run_file
    config = load_fit_config(path)
    plan, notes = fit_plan(config, path.resolve().parent, args.engine)
    place, hooks = config.run.place(args.workers), config.run.hooks(path.resolve().parent)
    task = Task("fit", plan.title, plan.source, plan.engine, place, hooks)
    fit_in(fit_folder(args), plan, notes, path, task, args.resume)
    return 0


def fit_in(folder: Path, plan: FitPlan, notes: Sequence[str], asked: Path, task: Task, resume: bool) -> None:
    """Do a fit in ``folder``, show it, and write its report; ``asked`` is its file."""
    from glasspot.campaign.fit import run_fit
    from glasspot.campaign.folder import keep_plan
    from glasspot.campaign.task import driven
    from glasspot.cli.fit_display import FitDisplay
    from glasspot.report.write import write_report

    check_local(plan)
    with driven(task, folder, resume, tell) as work:
        store = work.store
        plan = _with_batch(plan, store, task.place.slots)
        if store.get_meta("plan") is None:  # also after a crash before the first run
            keep_plan(store, plan, asked)
        with FitDisplay(plan, folder, [*notes, *task.notes], task.place.words) as display:
            with work.runner(display.running, partial(prepare_systems, plan, display.say)) as runner:
                run_fit(plan, runner, display)
            display.stage("report")
            page = write_report(folder)
        display.finish(store, page)


def check_local(plan: FitPlan) -> None:
    """Refuse what this machine cannot run, before anything is written."""
    from glasspot.campaign.methods import check_packages
    from glasspot.evaluate.engines import check_system

    check_packages(plan)
    for system in plan.systems:
        check_system(plan.engine, system)


def _with_batch(plan: FitPlan, store: Store, slots: int) -> FitPlan:
    """Return the plan with as many points proposed together as keep ``slots`` runs going; a resumed fit keeps them."""
    batch = plan.batch or store.get_meta("batch") or max(1, slots // plan.runs_per_evaluation)
    store.set_meta("batch", batch)
    return replace(plan, batch=batch)


def prepare_systems(plan: FitPlan, say: Callable[[str], None]) -> None:
    """Compile the native engine once, for every system of the plan."""
    from glasspot.evaluate.engines import prepare_engine

    for system in plan.systems:
        prepare_engine(plan.engine, system, say)

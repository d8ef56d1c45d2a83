"""``glasspot pcf dataset``: simulate many glasses, in parallel and resumable, and collect their pair curves."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.display import Display, clock, speed
from glasspot.cli.options import tell

if TYPE_CHECKING:
    from glasspot.campaign.glass_curves import CurvePlan, Made
    from glasspot.campaign.task import Task
    from glasspot.campaign.under_way import RunningJob

HELP = "simulate many glasses and collect their g_ab(r)"
DESCRIPTION = """\
Simulate the glasses of DATASET.toml, each in several runs, and collect the partial g_ab(r) of all of them in one
file, DIR/curves.npz: what glasspot pcf train learns from. Compositions are written out, or fill ranges evenly. Curves
or trajectories of your own go into the same set ([[own]] tables)."""
EPILOG = """\
examples:
  glasspot pcf dataset examples/pcf/dataset.toml                  into runs/<name of DATASET.toml>
  glasspot pcf dataset my.toml --out runs/my --workers 8          eight simulations side by side
  glasspot pcf dataset my.toml --out runs/my --resume             go on after Ctrl-C or a crash; nothing is run twice
  glasspot pcf dataset my.toml --plan                             only say which glasses it would be, and what they cost

The keys of DATASET.toml: docs/pcf.md."""
CURVES_FILE = "curves.npz"
USUAL_SPEED = 3.0e6  # atom-steps/s of one core, for the estimate of --plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add = parser.add_argument
    add("dataset", metavar="DATASET.toml", type=Path, help="which glasses, and how they are made")
    add("--out", metavar="DIR", type=Path, help="folder of the set (default: runs/<name of DATASET.toml>)")
    add("--resume", action="store_true", help="go on with the set in --out")
    add("--workers", metavar="N", type=int, help="simulations side by side (default: the processors of this machine)")
    add("--engine", choices=("native", "lammps", "ase"), help="what runs the MD, in place of the file's")
    add("--plan", action="store_true", help="list the glasses and the estimated cost, and stop")
    add("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.task import Task
    from glasspot.pcf_settings import load_dataset_plan

    plan, where = load_dataset_plan(args.dataset, args.engine)
    if args.plan:
        _list(plan, args.json)
        return 0
    folder = args.out or Path("runs") / args.dataset.stem
    place, hooks = where.place(args.workers), where.hooks(args.dataset.resolve().parent)
    task = Task("pcf dataset", plan.title, plan.source, plan.engine, place, hooks)
    made, seconds = _make(plan, task, folder, args.resume, quiet=args.json)
    _tell(made, folder, seconds, args.json)
    return 0


def _list(plan: CurvePlan, as_json: bool) -> None:
    """Say what would be simulated, and about what it costs."""
    hours = plan.atom_steps / USUAL_SPEED / 3600
    if as_json:
        glasses = [glass.name for glass in plan.glasses]
        print(json.dumps({"glasses": glasses, "runs": plan.runs, "engine": plan.engine.name, "core_hours": hours}))
        return
    for glass in plan.glasses:
        print(f"{glass.name}  ({glass.atoms.n_atoms} atoms)")
    print(
        f"{len(plan.glasses)} glasses, {plan.runs} runs of each; with the native engine about {hours:.1g} core hours "
        "(LAMMPS: some eight times as long)."
    )


def _make(plan: CurvePlan, task: Task, folder: Path, resume: bool, quiet: bool) -> tuple[Made, float]:
    """Run the plan in ``folder`` and write its curves; return what came of it, and the seconds that it took."""
    from functools import partial

    from glasspot.campaign.folder import state_noted
    from glasspot.campaign.glass_curves import make_curves
    from glasspot.campaign.task import driven
    from glasspot.evaluate.engines import prepare_engine

    began = time.monotonic()
    with driven(task, folder, resume, tell) as work, _DatasetDisplay(plan, quiet) as display:
        display.introduce(
            f"{plan.title}: {len(plan.glasses)} glasses, {plan.runs} runs of each, engine {plan.engine.name}, "
            f"{task.place.words}",
            [],
            folder,
            [*plan.notes, *task.notes],
        )

        def prepare() -> None:
            for glass in plan.glasses:
                prepare_engine(plan.engine, glass.system, display.say)

        with work.runner(display.running, prepare) as runner, state_noted(work.store):
            made = make_curves(plan, runner, partial(display.done, began))
            made.curves.save(folder / CURVES_FILE)
    return made, time.monotonic() - began


class _DatasetDisplay(Display):
    """Tells how far the runs are."""

    def __init__(self, plan: CurvePlan, quiet: bool) -> None:
        super().__init__()
        self.total = plan.runs * len(plan.glasses)
        self.began = time.monotonic()
        self.quiet = quiet

    def say(self, line: str) -> None:
        """Print one line, but nothing beside JSON."""
        if not self.quiet:
            super().say(line)

    def running(self, jobs: Sequence[RunningJob]) -> None:
        """Refresh the live line."""
        active = [job for job in jobs if job.step]
        if active:
            rate = sum(job.atom_steps_per_s for job in active)
            self.show(f"{clock(time.monotonic() - self.began)}  {len(jobs)} runs of this round to go, {speed(rate)}")

    def done(self, began: float, runs: int, in_all: int) -> None:
        """Print the end of a round: every glass has one run more."""
        passed = time.monotonic() - began
        left = passed / max(runs, 1) * (in_all - runs)
        self.say(f"[{clock(passed)}] {runs} of {in_all} runs" + (f", about {clock(left)} to go" if left else ""))


def _tell(made: Made, folder: Path, seconds: float, as_json: bool) -> None:
    """Print what the set holds."""
    found = made.curves
    if as_json:
        print(
            json.dumps(
                {
                    "glasses": len(found.glasses),
                    "curves": found.n_curves,
                    "runs": found.provenance["runs"],
                    "core_hours": found.provenance["core_hours"],
                    "failures": [list(failure) for failure in made.failures],
                    "file": str(folder / CURVES_FILE),
                }
            )
        )
        return
    for glass, run, why in made.failures:
        print(f"caution: run {run} of {glass} failed: {why}")
    print(
        f"{len(found.glasses)} glasses with {found.n_curves} curves of {', '.join(found.elements)}; "
        f"{found.provenance['core_hours']:.2g} core hours, {clock(seconds)} here"
    )
    print(f"Wrote {folder / CURVES_FILE}. Next: glasspot pcf train {folder}")

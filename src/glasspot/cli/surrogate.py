"""``glasspot surrogate``: what the model of all runs of a fit says: how good it is, and its error map over two axes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasspot.campaign.lessons import Lessons
    from glasspot.report.learning_data import Learned, Model
    from glasspot.store import Store

HELP = "ask the model of a fit that learns: its scores, its error map over two parameters"
DESCRIPTION = """\
A fit by "multi-objective" or "active-learning" learns a model of what every glass does from all
its runs. Without more, print how well it foretells parameter sets that it was not taught, beside
other models. With --axes, draw the error that it expects over any two free parameters, 150 x 150
points, the others as in the fitted (or best) set. Costs no MD; works on a fit that still runs."""
EPILOG = """\
examples:
  glasspot surrogate runs/borosilicate
  glasspot surrogate runs/borosilicate --axes B-O.A B-O.C
  glasspot surrogate runs/borosilicate --axes B-O.rho B-B.A --out maps/rho-A

Written are FILE.png (R_chi), FILE-QUANTITY.png for each quantity (density, ...), and FILE.html with
all of them, to read values off. The model is asked where the fit is judged: at learning.aim_rate and
learning.aim_atoms, or at the last level. More: docs/report.md."""
WORDS = """\
RMSE: of parameter sets that a model was not taught, a fifth of them at a time. Errors over said: 1 is right,
more: the model is too sure. Inside 90 %: of values within the intervals that should hold 90 % of them.
"asked": the model behind the report and the error maps."""
ENDINGS = (".png", ".html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="RUN", type=Path, help="folder of a fit")
    parser.add_argument("--axes", metavar="NAME", nargs=2, help="two of its free parameters: x and y")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where to write, without its ending (default: RUN/surrogate/NAME_NAME)"
    )
    parser.add_argument(
        "--file", metavar="RUN.toml", type=Path,
        help="the file of the fit, where it names files of its own (default: its copy in RUN)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.errors import GlasspotError
    from glasspot.report.collect import collect
    from glasspot.store import Store

    if args.out is not None and args.axes is None:
        raise GlasspotError("--out is for the error map; say over which two parameters by --axes")
    report = collect(args.folder)
    if report.learned is None:
        raise GlasspotError(
            f"the fit in {args.folder} has no model of its glasses: that is made by fit.method = "
            '"multi-objective" or "active-learning"; `glasspot landscape` draws the cost of any fit'
        )
    axes = None if args.axes is None else _axes(args.axes, [p.name for p in report.parameters])
    with Store.open(args.folder) as store:
        if axes is None:
            _print(report.learned, _model(report.learned, store, args))
            return 0
        from glasspot.campaign.stored_lessons import last_windows
        from glasspot.report.learning_over import figures_over, write_over

        lessons = _lessons(store, args)
        box = last_windows(lessons.plan, store)
        figures = figures_over(report, report.learned, lessons, axes, box)
    for path in write_over(report, figures, _stem(args)):
        print(f"written: {path}")
    return 0


def _axes(asked: Sequence[str], names: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of two parameters; GlasspotError for a name that is not free, or the same twice."""
    from glasspot.errors import GlasspotError, did_you_mean

    for name in asked:
        if name not in names:
            raise GlasspotError(
                f"{name} is not free in this fit; free are {', '.join(names)}.{did_you_mean(name, names)}"
            )
    if asked[0] == asked[1]:
        raise GlasspotError(f"--axes names {asked[0]} twice; give two parameters, of {', '.join(names)}")
    return names.index(asked[0]), names.index(asked[1])


def _stem(args: argparse.Namespace) -> Path:
    """Return where to write, without an ending."""
    from glasspot.errors import GlasspotError

    if args.out is None:
        return Path(args.folder) / "surrogate" / "_".join(args.axes)
    out = Path(args.out)
    if out.suffix in ENDINGS:
        return out.with_suffix("")
    if out.suffix in (".svg", ".pdf", ".jpg"):
        raise GlasspotError(f"--out {out}: the map is written as {' and '.join(ENDINGS)}; give FILE without an ending")
    return out


def _lessons(store: Store, args: argparse.Namespace) -> Lessons:
    """Return all runs so far; GlasspotError where they are too few for a model."""
    from glasspot.campaign.lessons import FEWEST_SETS
    from glasspot.campaign.methods import check_packages
    from glasspot.campaign.stored_lessons import stored_lessons
    from glasspot.errors import GlasspotError
    from glasspot.fit_settings.again import plan_again

    plan = plan_again(args.folder, store, args.file)
    check_packages(plan)
    lessons = stored_lessons(plan, store, args.folder)
    if not lessons.enough:
        raise GlasspotError(f"fewer than {FEWEST_SETS} parameter sets of this fit have run: too few for a model")
    print(f"model of {len(lessons.points)} parameter sets, {len(lessons.told)} evaluations and validation samples")
    return lessons


def _model(found: Learned, store: Store, args: argparse.Namespace) -> Model:
    """Return the scores of the models: those that the fit left, or made now."""
    if found.model is not None:
        return found.model
    from glasspot.campaign.lesson_tables import scores
    from glasspot.report.learning_lessons import scores_of
    from glasspot.search.cost_model import repeatable

    lessons = _lessons(store, args)
    print("the fit has not come to its end: the models are taught and tried now, which takes a minute or more ...")
    with repeatable(lessons.seed):
        return scores_of(lessons.aims.glasses, scores(lessons))


def _print(found: Learned, model: Model) -> None:
    """Print the scores, quantity by quantity."""
    from glasspot.report.learning_model_panels import MODELS
    from glasspot.report.words import unit

    ninety = next((n for n, level in enumerate(model.levels) if abs(level - 0.9) < 1e-9), None)
    width = max(len(name) for name in MODELS.values())
    for k, quantity in enumerate(found.quantities[: len(model.scores[0].rmse)]):
        name = f"{quantity.name} ({unit(quantity.unit)})" if quantity.unit else quantity.name
        print(f"{name:{width + 2}s}  {'RMSE':>8s}  {'errors over said':>16s}  {'inside 90 %':>11s}")
        best = min(one.rmse[k] for one in model.scores)
        for one in model.scores:
            inside = "" if ninety is None else f"{100 * one.coverage[ninety, k]:.0f} %"
            marks = ("  best" if one.rmse[k] == best else "") + ("  asked" if one.name == model.asked else "")
            label = MODELS.get(one.name, one.name)
            print(f"  {label:{width}s}  {one.rmse[k]:8.3g}  {one.z_sd[k]:16.2f}  {inside:>11s}{marks}")
    print(WORDS)

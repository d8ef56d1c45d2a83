"""``glasspot pcf``: pair correlation functions from the composition: data, training, prediction, scores."""

from __future__ import annotations

import argparse

from glasspot.cli import pcf_dataset, pcf_next, pcf_predict, pcf_score, pcf_train

HELP = "pair correlation functions of a glass from its composition"
DESCRIPTION = """\
From a composition to the partial g(r) of the glass, with their uncertainty, its coordination numbers
and S(Q), in seconds and without a simulation: by a model that is trained on simulated glasses.
What is predicted is what the simulation of the data would give, with its potential and quench rate."""
EPILOG = """\
examples:
  glasspot pcf dataset examples/pcf/dataset.toml                 simulate glasses of your own to learn from
  glasspot pcf train shipped --out model                        train on the glasses that come with glasspot
  glasspot pcf predict model "60 SiO2 20 B2O3 20 Na2O + 5 BaO"  g(r), coordination, S(Q), page and files
  glasspot pcf score model shipped --split glass                errors on glasses it has not seen
  glasspot pcf next model --budget 5                            which glasses to simulate next

More: docs/pcf.md."""
ACTIONS = {"dataset": pcf_dataset, "train": pcf_train, "predict": pcf_predict, "score": pcf_score, "next": pcf_next}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's actions to its parser."""
    actions = parser.add_subparsers(title="what to do", dest="action", required=True, metavar="ACTION")
    for name, module in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(action)
        action.set_defaults(run=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the action; the parser has put that of each action in place of this one."""
    return int(ACTIONS[args.action].run(args))

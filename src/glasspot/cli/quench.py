"""``glasspot quench``: a glass by melt and quench, with its structure and its record."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.options import add_engine
from glasspot.errors import RunFailedError

if TYPE_CHECKING:
    from glasspot.engine.base import EngineFailure
    from glasspot.quench import Glass, QuenchPlan

HELP = "make a glass: pack, melt, quench, analyse"
DESCRIPTION = """\
Make a glass as GLASS.toml describes it: pack the atoms at random, run the protocol (a preset such
as melt-quench, or your own stages), then analyse the structure of the sampled frames."""
EPILOG = """\
examples:
  glasspot quench examples/quench/sodium-silicate.toml
  glasspot quench my.toml --out runs/my --potential SHIK

The folder then holds glass.extxyz, glass.data, frames.extxyz, thermo.csv, structure/ (curves, figures,
summary.json), provenance.json, and the run itself in native/ or lammps/. The keys of GLASS.toml: docs/quench.md.

A machine-learned potential (DIR/potential.toml of glasspot fit-mlip) is watched while it runs: trust.csv has how sure
it was of the forces, to-label.extxyz the frames that it knows too little of, and the end tells how far to trust it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("glass_file", metavar="GLASS.toml", type=Path, help="which glass, and how it is made")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder of the glass (default: runs/<name of GLASS.toml>)"
    )
    add_engine(parser)
    parser.add_argument("--potential", metavar="NAME", help="a potential (name or .toml) in place of the file's")


def run(args: argparse.Namespace) -> int:
    """Run the command; a run that its engine could not finish gives exit code 1 and the end of its log."""
    from glasspot.cli.quench_display import QuenchDisplay
    from glasspot.engine.base import EngineFailure
    from glasspot.evaluate.engines import prepare_engine
    from glasspot.quench import check_quench, make_glass, write_glass, write_provenance
    from glasspot.quench_settings import load_quench_plan

    plan = load_quench_plan(args.glass_file, args.potential, args.engine)
    folder: Path = args.out or Path("runs") / args.glass_file.stem
    check_quench(plan, folder)
    with QuenchDisplay(plan, folder) as display:
        prepare_engine(plan.engine, plan.system, display.say)
        try:
            glass = make_glass(plan, folder, display.progress, display.look)
        except EngineFailure as failure:
            if failure.reason == "no-program":
                raise
            display.say(failure.log_tail)
            meaning = _meaning(plan, failure, folder)
            where = f"The run is in {plan.run_folder(folder)}."
            raise RunFailedError(f"the run failed: {failure} {meaning}{where}") from failure
        write_glass(plan, glass, folder)
        _write_structure(glass, folder)
        write_provenance(plan, glass, folder)
    display.finish(glass)
    return 0


def _meaning(plan: QuenchPlan, failure: EngineFailure, folder: Path) -> str:
    """Return what a failure usually means with a machine-learned potential, and a space; "" of another."""
    from glasspot.mlip.labelling import FILE
    from glasspot.mlip.verdict import failure_meaning
    from glasspot.potential.learned import LearnedPotential
    from glasspot.structure.readers import read_frames

    if not isinstance(plan.potential, LearnedPotential):
        return ""
    written = folder / FILE
    meaning = failure_meaning(failure.reason, len(read_frames(written)) if written.exists() else 0)
    return f"{meaning} " if meaning else ""


def _write_structure(glass: Glass, folder: Path) -> None:
    """Write what ``glasspot analyse`` writes."""
    from glasspot.files import write_text
    from glasspot.report.analysis import summary_document, write_files

    structure = folder / "structure"
    write_files(glass.analysis, structure)
    analysed = "frames.extxyz" if glass.frames else "glass.extxyz"
    write_text(structure / "summary.json", summary_document([(analysed, glass.analysis)]))

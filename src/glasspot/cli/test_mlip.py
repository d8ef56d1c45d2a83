"""``glasspot test-mlip``: how well a machine-learned potential does on frames it has not seen."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError, did_you_mean

if TYPE_CHECKING:
    from glasspot.dataset.labelled import Dataset
    from glasspot.potential.learned import LearnedPotential

HELP = "errors of a machine-learned potential on frames it has not seen"
DESCRIPTION = """\
Compare what a fitted model says of ab initio frames with what they say themselves: root mean square
errors of energies, forces and stresses, overall and by config_type, temperature and composition; the
worst frames; frames whose atoms are closer than in any the model was fitted to; energies that count
from another zero.

Frames that the model was fitted to are left out, where fit.json beside the model tells which they are."""
EPILOG = """\
examples:
  glasspot test-mlip runs/b2o3 b2o3_dft.extxyz              frames that the fit did not use
  glasspot test-mlip runs/b2o3 other.extxyz --out test      page, parity plots, frames.csv, groups.csv, test.json
  glasspot test-mlip runs/b2o3 dft.extxyz --config-type glass_300K --config-type glass_300K_1GPa
  glasspot test-mlip model/potential.toml OUTCAR --json     numbers for a script

More: docs/mlip.md."""
POTENTIAL = "potential.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add = parser.add_argument
    add("model", metavar="DIR", type=Path, help="folder of a fit, or its potential.toml")
    add("data", metavar="DATA", nargs="+", type=Path, help="extended XYZ, OUTCAR, CP2K or DeePMD files or folders")
    add(
        "--config-type", metavar="X", action="append", default=[],
        help="only the frames of this group; may be given several times",
    )  # fmt: skip
    add("--all", action="store_true", help="also the frames that the model was fitted to")
    add("--out", metavar="FOLDER", type=Path, help="write the page, its figures, CSV files and test.json there")
    add("--json", action="store_true", help="print the numbers as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.dataset.reading import read_dataset
    from glasspot.mlip.predict import require_known
    from glasspot.mlip.seen import read_seen
    from glasspot.mlip.testing import tested
    from glasspot.report.mlip_test import TestReport, document, text_report, write_test

    place, potential = _model(args.model)
    seen = read_seen(place.parent)
    with Progress(args.json, "reading") as tell:
        dataset = read_dataset(args.data, progress=lambda n: tell("reading", n, 0))
    chosen = _of_types(dataset, args.config_type)
    new = chosen.frames if seen is None else tuple(frame for frame in chosen.frames if not seen.has(frame))
    frames = chosen.frames if args.all else new
    if not frames:
        raise GlasspotError(
            f"the model was fitted to all {len(chosen)} frames, so they say nothing of what it has not seen. Give "
            "other frames, or --all to see how well it fits these."
        )
    require_known(potential, frames)
    # A licence must be read, whatever is printed: it goes where the progress goes.
    with Progress(args.json) as tell:
        found = tested(
            potential, frames, lambda done, of: tell("frames", done, of), lambda s: print(s, file=sys.stderr), args.out
        )
    known = None if seen is None else len(chosen) - len(new)
    report = TestReport(found, tuple(str(path) for path in args.data), known, args.all, dataset.notes)
    page = None if args.out is None else write_test(report, args.out)
    if args.json:
        sys.stdout.write(document(report))
        return 0
    print(f"{potential.name} ({potential.kind}) on {', '.join(str(path) for path in args.data)}")
    print(text_report(report))
    if page is not None:
        print(f"written to {args.out}: {page.name}, frames.csv, groups.csv, test.json, figures as PNG and SVG")
    return 0


def _say(line: str) -> None:
    """Print a licence, say: it must be read whatever else is printed, so it goes where the progress goes."""
    print(line, file=sys.stderr)


def _model(path: Path) -> tuple[Path, LearnedPotential]:
    """Return the path of the model's file, and the model; GlasspotError where there is none."""
    from glasspot.potential.io import load_any
    from glasspot.potential.learned import LearnedPotential

    place = path / POTENTIAL if path.is_dir() else path
    if path.is_dir() and not place.exists():
        raise GlasspotError(f"{path} holds no {POTENTIAL}; give the folder that glasspot fit-mlip wrote.")
    if not place.exists():
        raise GlasspotError(f"{place} does not exist; give the folder of a fit, or its {POTENTIAL}.")
    potential = load_any(str(place) if place.suffix == ".toml" else f"./{place}")
    if not isinstance(potential, LearnedPotential):
        raise GlasspotError(
            f"{place} is a pair potential; test-mlip takes a machine-learned one, such as glasspot fit-mlip writes."
        )
    return place, potential


def _of_types(dataset: Dataset, wanted: list[str]) -> Dataset:
    """Return the frames of the groups that are wanted, all of them where none is named."""
    there = list(dict.fromkeys(frame.config_type for frame in dataset.frames))
    for name in wanted:
        if name not in there:
            names = ", ".join(kind or "none" for kind in there)
            raise GlasspotError(
                f'--config-type: no frame is of the group "{name}"; the data have {names}.{did_you_mean(name, there)}'
            )
    return dataset.where(lambda frame: frame.config_type in wanted) if wanted else dataset

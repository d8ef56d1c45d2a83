"""``glasspot analyse``: the structure of a glass from files of atoms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.analyse_against import add_against_arguments, run_against, show
from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.structure.analysis import Analysis, Options
    from glasspot.structure.frames import Frame

STARTING = "starting (the first run compiles the kernels, a few seconds)"
HELP = "g(r), coordination, angles, Qn, rings and S(Q) of files of atoms"
DESCRIPTION = """\
Analyse the structure of a glass or a liquid: partial and total g(r), coordination numbers, bond
angles, bridging oxygens and Qn, rings, neutron and X-ray S(Q), averaged over the frames of each file.

Files: extended XYZ, LAMMPS data or dump, XDATCAR, OUTCAR, CP2K XYZ; any of them may be .gz.

With --against each file is a glass that is compared with reference frames: R_X, S(Q), partials, coordination
with the same cut-offs, peaks; and it is said whether the glass is sound (holes, segregation, atoms too close)."""
EPILOG = """\
examples:
  glasspot analyse glass.extxyz
  glasspot analyse glass.dump --elements Si,O --cutoff Si-O=2.2 --out structure
  glasspot analyse run-pos-1.xyz --cell 17.96 --every 10
  glasspot analyse a.extxyz b.extxyz c.extxyz --together      three parts of one run, or three copies
  glasspot analyse a/frames.extxyz b/frames.extxyz --against dft.extxyz --type glass_300K --out evidence

A bond ends at the cut-off you give, or at the first minimum behind the first peak of g(r); the table says which.
S(Q) is the Fourier transform of g(r) up to --r-max, so features finer than 2 pi / r_max are not in it.
The files and the keys of --json are explained in docs/analyse.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add = parser.add_argument
    add("files", metavar="FILE", nargs="+", type=Path, help="frames of atoms; each file is analysed by itself")
    add(
        "--cutoff",
        metavar="Si-O=2.2",
        action="append",
        default=[],
        help="end of a bond in A; may be given several times",
    )
    add("--out", metavar="DIR", type=Path, help="write CSV files, figures (PNG, SVG) and summary.json there")
    add("--together", action="store_true", help="average over all files as one system")
    add("--every", metavar="N", type=int, default=1, help="take every N-th frame (default: 1, all)")
    add("--r-max", metavar="A", type=float, help="end of g(r) (default: half the box, 6 to 20 A)")
    add("--bin-width", metavar="A", type=float, default=0.05, help="bin of g(r) (default: 0.05)")
    add(
        "--q-range",
        metavar=("MIN", "MAX"),
        nargs=2,
        type=float,
        default=(0.5, 20.0),
        help="of S(Q), 1/A (default: 0.5 20)",
    )
    add("--lorch", action="store_true", help="damp the ripples in S(Q) with the Lorch window")
    add("--cell", metavar="A", help="cell edge, or three edges a,b,c, for files that hold none (CP2K)")
    add("--elements", metavar="Si,O", help="elements of LAMMPS types 1,2,... for files that do not name them")
    add("--json", action="store_true", help="print the summary as JSON instead of tables")
    add_against_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command: everything is read and computed before anything is written."""
    from glasspot.files import write_text
    from glasspot.report.analysis import summary_document, text_report, write_files

    options = _options(args)
    if args.against is not None:
        with Progress(args.json, STARTING) as tell:
            found = run_against(args, options, list(_glasses(args, tell)), tell)
        show(found, args)
        return 0
    if args.type is not None:
        raise GlasspotError("--type chooses among reference frames; give them with --against REFERENCE.extxyz.")
    results = _results(args, options)
    document = summary_document(results)
    if args.out is not None:
        folders = _folders(args.out, [name for name, _ in results])
        for (_, analysis), folder in zip(results, folders, strict=True):
            write_files(analysis, folder)
        write_text(args.out / "summary.json", document)
    if args.json:
        sys.stdout.write(document)
        return 0
    print("\n\n".join(text_report(analysis, name) for name, analysis in results))
    if args.out is not None:
        print(f"\nwritten to {args.out}: summary.json, curves as CSV, figures as PNG and SVG")
    return 0


def _options(args: argparse.Namespace) -> Options:
    from glasspot.structure.analysis import Options

    if args.every < 1:
        raise GlasspotError(f"--every takes a whole number from 1; given {args.every}.")
    return Options(
        cutoffs=dict(_cutoff(text) for text in args.cutoff),
        r_max=args.r_max,
        bin_width=args.bin_width,
        q_range=tuple(args.q_range),
        lorch=args.lorch,
    )


def _cutoff(text: str) -> tuple[str, float]:
    """Return ("Si-O", 2.2) for "Si-O=2.2"."""
    pair, _, value = text.partition("=")
    try:
        if pair.count("-") != 1:
            raise ValueError
        return pair.strip(), float(value)
    except ValueError:
        raise GlasspotError(f'--cutoff takes a pair and a length in A, such as Si-O=2.2; given "{text}".') from None


def _cell(text: str | None) -> list[float] | float | None:
    if text is None:
        return None
    try:
        lengths = [float(word) for word in text.split(",")]
    except ValueError:
        lengths = []
    if len(lengths) not in (1, 3) or any(not 0 < length < 1e6 for length in lengths):
        raise GlasspotError(f'--cell takes one edge or three (A), such as 17.96 or 10,10,20; given "{text}".')
    return lengths[0] if len(lengths) == 1 else lengths


def _results(args: argparse.Namespace, options: Options) -> list[tuple[str, Analysis]]:
    """Return (name, analysis) of each system."""
    from glasspot.structure.analysis import analyse

    with Progress(args.json, STARTING) as tell:
        return [(name, analyse(frames, options, tell)) for name, frames in _glasses(args, tell)]


def _glasses(args: argparse.Namespace, tell: Callable[[str, int, int], None]) -> Iterator[tuple[str, list[Frame]]]:
    """Yield (name, frames) of each system: one a file, or one of all files."""
    if args.together:
        name = str(args.files[0]) if len(args.files) == 1 else f"{args.files[0]} and {len(args.files) - 1} more"
        yield name, [frame for path in args.files for frame in _read(path, args, tell)]
        return
    for path in args.files:
        yield str(path), _read(path, args, tell)


def _read(path: Path, args: argparse.Namespace, tell: Callable[[str, int, int], None]) -> list[Frame]:
    from glasspot.structure.readers import iter_frames

    elements = [word.strip() for word in args.elements.split(",")] if args.elements else None
    index = ":" if args.every == 1 else f"::{args.every}"
    frames: list[Frame] = []
    for frame in iter_frames(path, index, cell=_cell(args.cell), type_elements=elements):
        frames.append(frame)
        tell(f"reading {path.name}", len(frames), 0)
    return frames


def _folders(out: Path, names: list[str]) -> list[Path]:
    """Return one folder a system: ``out`` itself for one, ``out/STEM`` for several, numbered where stems repeat."""
    if len(names) == 1:
        return [out]
    folders: list[Path] = []
    for name in names:
        stem = Path(name).name.split(".")[0]
        taken = {folder.name for folder in folders}
        folders.append(
            out / next(s for s in (stem, *(f"{stem}-{k}" for k in range(2, len(names) + 2))) if s not in taken)
        )
    return folders

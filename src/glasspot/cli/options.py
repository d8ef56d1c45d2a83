"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_fit_file(parser: argparse.ArgumentParser, what: str, folder: str) -> None:
    """Add RUN.toml and --out, which :func:`fit_folder` reads; ``what`` and ``folder`` are words of their help."""
    parser.add_argument("run_file", metavar="RUN.toml", type=Path, help=what)
    parser.add_argument("--out", metavar="DIR", type=Path, help=f"{folder} (default: runs/<folder of RUN.toml>)")


def fit_folder(args: argparse.Namespace) -> Path:
    """Return the folder to work in: as asked, or runs/ and the name of RUN.toml's folder."""
    asked: Path | None = args.out
    return asked or Path("runs") / args.run_file.resolve().parent.name


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine to a command that runs MD."""
    parser.add_argument(
        "--engine", choices=("native", "lammps", "ase"), help="what runs the MD, in place of the file's"
    )


def add_campaign(parser: argparse.ArgumentParser, resume: str) -> None:
    """Add --workers, --engine and --resume to a command that makes many MD runs; ``resume`` is the last one's help."""
    parser.add_argument("--workers", metavar="N", type=int, help="MD runs side by side (default: one a processor)")
    add_engine(parser)
    parser.add_argument("--resume", action="store_true", help=resume)


def tell(line: str) -> None:
    """Say on stderr what went wrong beside the work itself."""
    from glasspot.cli import one_line

    print(f"glasspot: {one_line(line)}", file=sys.stderr)

"""``glasspot report``: draw the report of a fit again, also of one that still runs."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write the report of a fit: one HTML page, figures, potential files"
DESCRIPTION = """\
Write DIR/report: index.html (one file, works offline), figures as PNG and SVG, and the fitted
potential as TOML, as a LAMMPS include with its tables, and for ASE. Works on a fit that still
runs; costs no MD."""
EPILOG = """\
example:
  glasspot report runs/silica"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of a fit")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.report.write import write_report

    print(f"report: {write_report(args.folder)}")
    return 0

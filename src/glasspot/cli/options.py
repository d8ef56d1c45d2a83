"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine to a command that runs MD."""
    parser.add_argument("--engine", choices=("native", "lammps"), help="what runs the MD, in place of the file's")


def add_campaign(parser: argparse.ArgumentParser, resume: str) -> None:
    """Add --workers, --engine and --resume to a command that makes many MD runs; ``resume`` is the last one's help."""
    parser.add_argument("--workers", metavar="N", type=int, help="MD runs side by side (default: one a processor)")
    add_engine(parser)
    parser.add_argument("--resume", action="store_true", help=resume)

"""``glasspot analyse ... --against``: glasses compared with reference frames, and whether they are sound at all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.structure.against import Evidence
    from glasspot.structure.analysis import Options
    from glasspot.structure.frames import Frame

USUAL_NAMES = ("frames", "glass")  # of files in a glass's folder: the folder's name then says more
Tell = Callable[[str, int, int], None]


def add_against_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the comparison."""
    parser.add_argument(
        "--against",
        metavar="REFERENCE[:TYPE]",
        help="compare with these reference frames (ab initio); TYPE: only the frames of this config_type",
    )
    parser.add_argument("--type", metavar="TYPE", help="the config_type of the reference frames to compare with")


def run_against(
    args: argparse.Namespace, options: Options, glasses: list[tuple[str, list[Frame]]], tell: Tell
) -> Evidence:
    """Return the evidence; GlasspotError for a reference that cannot be read or does not fit."""
    from dataclasses import replace

    from glasspot.structure.against import compare

    name, frames, cautions = read_reference(args.against, args.type, tell)
    found = compare((name, frames), _named(glasses), options, tell)
    return replace(found, cautions=(*cautions, *found.cautions))


def show(found: Evidence, args: argparse.Namespace) -> None:
    """Write the page and its files where a folder is named, and print the answer."""
    from glasspot.report.evidence import text
    from glasspot.report.evidence_files import document
    from glasspot.report.evidence_page import write_evidence

    page = write_evidence(found, args.out) if args.out is not None else None
    if args.json:
        sys.stdout.write(document(found))
        return
    print(text(found))
    if page is not None:
        print(f"\nwritten to {args.out}: {page.name}, evidence.json, CSV files, figures as PNG and SVG")


def read_reference(text: str, config_type: str | None, tell: Tell) -> tuple[str, list[Frame], list[str]]:
    """Return name, frames and cautions of "FILE", "FILE:TYPE" or a folder of DeePMD."""
    path, wanted = _split(text)
    if wanted and config_type and wanted != config_type:
        raise GlasspotError(f"--against names the type {wanted}, --type the type {config_type}; give one of them.")
    return _read(path, wanted or config_type, tell)


def _read(path: Path, wanted: str | None, tell: Tell) -> tuple[str, list[Frame], list[str]]:
    """Return name, frames and cautions of a file or folder; ``wanted``: of this config_type only."""
    if path.is_dir():
        return _read_folder(path, wanted)
    from glasspot.structure.readers import config_types, iter_frames

    frames: list[Frame] = []
    for frame in iter_frames(path, config_type=wanted):
        frames.append(frame)
        tell(f"reading {path.name}", len(frames), 0)
    name = f"{path.name}: {wanted}" if wanted else path.name
    cautions: list[str] = []
    if wanted is None and len(types := config_types(path)) > 1:
        cautions.append(
            f"the reference frames are of several kinds ({', '.join(types)}) and all are averaged; choose one with "
            f"--type {types[0]}."
        )
    return name, frames, cautions


def _split(text: str) -> tuple[Path, str]:
    """Return path and config_type of FILE:TYPE; a colon that belongs to the path stays there."""
    path, colon, wanted = text.rpartition(":")
    if Path(text).exists() or not colon or not path or "/" in wanted or "\\" in wanted:
        return Path(text), ""
    return Path(path), wanted


def _read_folder(path: Path, wanted: str | None) -> tuple[str, list[Frame], list[str]]:
    from glasspot.dataset.reading import read_dataset

    dataset = read_dataset(path)
    frames = [item.frame for item in dataset.frames if wanted is None or item.config_type == wanted]
    if not frames:
        raise GlasspotError(f'{path} has no frames of config_type "{wanted}".')
    return path.name, frames, list(dataset.notes)


def _named(glasses: list[tuple[str, list[Frame]]]) -> list[tuple[str, list[Frame]]]:
    """Return glasses by short names: a/frames.extxyz is "a"; numbered where they repeat."""
    named: list[tuple[str, list[Frame]]] = []
    for text, frames in glasses:
        path = Path(text)
        stem = path.name.split(".")[0]
        short = path.resolve().parent.name if stem in USUAL_NAMES else stem
        taken = {name for name, _ in named}
        choices = (short, *(f"{short}-{k}" for k in range(2, len(glasses) + 2)))
        named.append((next(name for name in choices if name not in taken), frames))
    return named

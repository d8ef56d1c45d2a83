"""``glasspot repair``: what is good in a damaged store, saved."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasspot.store.repair import Checked
    from glasspot.store.salvage import Saved

HELP = "save what is good in a damaged store"
DESCRIPTION = """\
Look at every row of the store in DIR. Where something is damaged (a disk that fails, a copy cut
short), write a new store from all that is good, and put it in the place of the damaged one,
which is kept as store.sqlite.damaged-1. Then go on with --resume: what was saved is not run
again. A store that is whole is left as it is."""
EPILOG = """\
examples:
  glasspot repair runs/silica
  glasspot repair runs/silica --check     look only; exit code 1 where something is damaged"""
NAMED = 10  # lost runs that are named; the others are counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of a run")
    parser.add_argument("--check", action="store_true", help="look only, also while a driver is at work")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.driver import driving
    from glasspot.campaign.log import EventLog
    from glasspot.errors import GlasspotError
    from glasspot.evaluate.stored import verified
    from glasspot.store import STORE_FILE
    from glasspot.store.repair import check, repair, require_place

    folder: Path = args.folder
    path = folder / STORE_FILE
    if not folder.is_dir():
        raise GlasspotError(f"there is no folder {folder}")
    if args.check:
        return _tell_check(path, check(folder, verified))
    require_place(folder)
    if _is_heard(folder):
        raise GlasspotError(f"a glasspot on another machine is at work in {folder}; wait for it, or end it")
    with driving(folder):
        found = check(folder, verified)
        if not found.faults:
            return _tell_check(path, found)
        print(f"{path} is damaged: {_words(found.faults)}")
        saved, kept = repair(folder, verified)
        if kept is not None:
            EventLog(folder).write("store-repaired", runs=saved.runs[0], of=saved.runs[1], kept=kept.name)
    print("\n".join(told(saved, kept, folder)))
    return 0 if kept is not None else 1


def _is_heard(folder: Path) -> bool:
    """Tell whether a driver on another machine is at work, as far as the store can still say so."""
    from glasspot.campaign.driver import is_heard
    from glasspot.store import DamagedError, Store

    try:
        with Store.open(folder) as store:
            return is_heard(store, folder)
    except DamagedError:
        return False


def told(saved: Saved, kept: Path | None, folder: Path) -> list[str]:
    """Return what a repair did, in lines for a person."""
    if kept is None:
        return [
            "Nothing in it could be read, and nothing was changed. What the folder holds beside it (run.toml, report, "
            "jobs) is as it was; begin the run again in another folder."
        ]
    records = [f"{_count(number)} {kind} records" for kind, number in saved.records.items()]
    lines = [f"saved: {', '.join([_count(saved.runs) + ' runs', *records, _count(saved.values) + ' values'])}"]
    if saved.lost:
        names = [f"{label} ({key})" if label else key for key, label in saved.lost]
        lines.append(f"lost: {_words(names)}")
        left = sum((folder / "jobs" / key / "outcome.npz").is_file() for key, _ in saved.lost)
        if left:
            lines.append(f"Of these the results of {left} still lie in {folder / 'jobs'}, and are taken from there.")
    lines.append(f"The damaged store is kept: {kept}")
    if saved.everything:
        lines.append("Nothing is lost.")
    else:
        lines.append(
            "Go on with the command that made this folder, and --resume: only lost runs are made again, and records "
            "are made from the runs."
        )
    return lines


def _tell_check(path: Path, found: Checked) -> int:
    if not found.faults:
        print(f"{path} is whole: {found.runs} runs, every one of them looked at")
        return 0
    print(f"{path} is damaged: {_words(found.faults)}")
    print(f"glasspot repair {path.parent} saves what is good in it.")
    return 1


def _count(number: tuple[int, int | None]) -> str:
    saved, of = number
    return f"{saved}" if of is None else f"{saved} of {of}"


def _words(items: Sequence[str]) -> str:
    """Return some of the items as words, and how many more there are."""
    more = len(items) - NAMED
    return "; ".join(items[:NAMED]) + (f"; and {more} more" if more > 0 else "")

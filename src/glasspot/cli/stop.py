"""``glasspot stop``: end the driver at work in a folder cleanly, from any machine that sees the folder."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasspot.campaign.driver import Driver

HELP = "end the run at work in a folder cleanly"
DESCRIPTION = """\
Ask the glasspot at work in DIR (fit, ladder, landscape, potentials compare, pcf dataset) to end, on
this machine or on another that shares the folder. It looks about once a second, ends the MD runs under way, which start
again on --resume, and leaves the folder as after Ctrl-C. With --after-runs no new MD run begins,
and it ends when those under way are done; a second glasspot stop without it ends them.

The command waits until the driver has gone. Everything that was finished is kept."""
EPILOG = """\
examples:
  glasspot stop runs/my                  end it now
  glasspot stop runs/my --after-runs     end it when the MD runs under way are done
  glasspot stop runs/my --timeout 60     wait no longer than a minute

Exit codes: 0 nothing is at work in DIR any more (or was not before), 1 --timeout has passed, 2 bad input.
The driver itself ends with exit code 130. More: docs/operations.md."""
POLL_S = 0.25
STORE_S = 2.0  # between two looks at what is under way


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of the run")
    parser.add_argument("--after-runs", action="store_true", help="let the MD runs under way finish")
    parser.add_argument("--timeout", metavar="S", type=float, help="seconds to wait at most (default: no limit)")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.campaign.driver import REQUEST_FILE, driver_of
    from glasspot.campaign.stopping import ask
    from glasspot.errors import GlasspotError

    folder: Path = args.folder
    if args.timeout is not None and not args.timeout > 0:
        raise GlasspotError(f"--timeout is {args.timeout:g}; expected seconds above 0")
    driver = driver_of(folder)
    if not _at_work(folder, driver):
        _check_run(folder)
        print(f"no glasspot is at work in {folder}{_state(folder)}")
        return 0
    if driver is None:
        raise GlasspotError(
            f"the glasspot at work in {folder} has not said who it is; try again, and if that does not help end it by "
            "Ctrl-C or kill"
        )
    ask(folder, driver, args.after_runs)
    how = "when the MD runs under way are done" if args.after_runs else "now"
    print(f"asked process {driver.process} on {driver.host} to end {how}", flush=True)
    if not _wait(folder, driver, args.timeout):
        print(
            f"it is still at work after {args.timeout:g} s; it ends as soon as it looks into the folder. To take the "
            f"request back delete {folder / REQUEST_FILE}"
        )
        return 1
    print(f"it has ended{_state(folder)}; everything that was finished is kept. Go on by its command with --resume")
    return 0


def _wait(folder: Path, driver: Driver, timeout: float | None) -> bool:
    """Wait until ``driver`` has gone, another one in its place or not; tell whether it has."""
    from glasspot.campaign.driver import driver_of
    from glasspot.cli.display import Display, clock

    began = looked = time.monotonic()
    with Display() as display:
        while _at_work(folder, driver) and driver_of(folder) == driver:
            passed = time.monotonic() - began
            if timeout is not None and passed > timeout:
                return False
            if time.monotonic() - looked > STORE_S:
                looked = time.monotonic()
                display.show(f"{clock(passed)}  waiting for it{_under_way(folder)}; Ctrl-C: wait no longer")
            time.sleep(POLL_S)
    return True


def _at_work(folder: Path, driver: Driver | None) -> bool:
    """Return whether a driver is at work in the folder: by its lock, or by what its store says of another machine."""
    from glasspot.campaign.driver import is_driven, is_heard
    from glasspot.store import STORE_FILE, Store

    if is_driven(folder):
        return True
    if driver is None or not (folder / STORE_FILE).is_file():
        return False
    with Store.open(folder) as store:
        return is_heard(store, folder)


def _check_run(folder: Path) -> None:
    """Raise GlasspotError for a folder that no driver was ever in."""
    from glasspot.campaign.driver import LOCK_FILE
    from glasspot.store import Store

    if not (folder / LOCK_FILE).is_file():
        Store.open(folder).close()


def _state(folder: Path) -> str:
    """Return the state that its store tells and the runs in it, as words to hang on; "" where there is no store."""
    from glasspot.report.status import state_of
    from glasspot.report.words import count
    from glasspot.store import STORE_FILE, Store

    if not (folder / STORE_FILE).is_file():
        return ""
    with Store.open(folder) as store:
        return f" (state: {state_of(store, folder)}; {count(store.count_outcomes(), 'MD run')} in the store)"


def _under_way(folder: Path) -> str:
    """Return how many runs are under way, as words to hang on; "" where nothing says it."""
    from glasspot.campaign.now import Note
    from glasspot.report.words import count
    from glasspot.store import STORE_FILE, Store

    if not (folder / STORE_FILE).is_file():
        return ""
    with Store.open(folder) as store:
        now = Note.of(store).now
    return f", {count(now.under_way, 'MD run')} under way" if now is not None and now.under_way else ""

"""gap_fit as a process of its own: found in quippy's folder, started, followed, and ended however we leave."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from glasspot.engine.base import EngineFailure
from glasspot.engine.dump import tail
from glasspot.engine.process import SCREEN, Child, Program
from glasspot.errors import GlasspotError
from glasspot.extras import need

POLL_S = 0.1
KILLED = (137, -9)
MOST_READ = 4000  # characters of the end of the log, for the progress

Progress = Callable[[str, float], None]
"""Told what the fit is doing and which share of that is done."""


def find_gap_fit() -> Program:
    """Return the program that comes with quippy; EngineFailure "no-program" without it."""
    spec = find_spec("quippy")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        binary = Path(folder) / "gap_fit"
        if binary.is_file() and os.access(binary, os.X_OK):
            return Program((str(binary),))
    try:
        need("quippy", "QUIP's Python package", "gap", "a GAP fit")
    except GlasspotError as error:
        raise EngineFailure("no-program", str(error)) from error
    raise EngineFailure(
        "no-program", 'quippy is here, but its program gap_fit is not: pip install --force-reinstall "glasspot[gap]"'
    )


def run_gap_fit(arguments: list[str], folder: Path, memory: float, progress: Progress | None) -> None:
    """Run gap_fit in ``folder`` to its end, on one core.

    memory: what it was thought to need, bytes, for the message where it is killed. GlasspotError, with the end of its
    log, where it does not end well.
    """
    program, told = find_gap_fit(), ("", 0.0)
    with Child(program, arguments, folder, 1) as child:
        while (code := child.exit_code) is None:
            now = _progress(folder / SCREEN)
            if progress is not None and now != told:
                progress(*now)
                told = now
            time.sleep(POLL_S)
        screen = child.screen()
    if code in KILLED:
        raise GlasspotError(
            f"gap_fit was killed. Was there enough memory? By its own estimate it takes {memory / 1e9:.1f} GB: fit "
            "fewer frames, or lower n_sparse, n_max, l_max or cutoff. Nothing was kept of this fit."
        )
    if code != 0:
        raise GlasspotError(f"gap_fit failed (exit code {code}). The end of its log:\n{tail(screen)}")


def _progress(screen: Path) -> tuple[str, float]:
    """Return what the log says last: the covariances of which descriptor, and how far."""
    try:
        with screen.open("rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - MOST_READ))
            text = handle.read().decode(errors="replace")
    except OSError:
        return "", 0.0
    if "TIMER: Build linear system" in text:
        return "solving", 0.0
    found = re.findall(r"calculation of coordinate (\d+)", text)
    shares = re.findall(r"Covariance matrix +(\d+)%", text)
    if not found and not shares:
        return "descriptors", 0.0
    what = f"covariances of descriptor {found[-1]}" if found else "covariances"
    return what, float(shares[-1]) / 100.0 if shares else 0.0

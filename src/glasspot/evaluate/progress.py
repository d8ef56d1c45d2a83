"""The progress of a run, left in its folder, where a driver on any machine can read it.

A thousand workers that renew a file each second are what a shared file system feels first, so a run speaks as often
as a person could care: at each twentieth of the time that it has taken, from each second to four times a minute.
"""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path

from glasspot.engine.base import Progress
from glasspot.files import UnwritableError, write_text

PROGRESS_FILE = "progress.json"
SHORTEST_S = 1.0
LONGEST_S = 15.0
PART = 1 / 20


class ProgressFile:
    """Takes the progress of one run, and writes it into ``folder`` now and then."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS_FILE
        self._who = {"host": platform.node(), "process": os.getpid(), "since": time.time()}
        self._due = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write it when it is due. What cannot be written is left out: no run fails for its progress."""
        if progress.seconds < self._due:
            return
        self._due = progress.seconds + min(max(PART * progress.seconds, SHORTEST_S), LONGEST_S) - 0.1
        content = {
            "stage": progress.stage_name,
            "step": progress.step,
            "total_steps": progress.total_steps,
            "seconds": progress.seconds,
            "atom_steps_per_s": progress.atom_steps_per_s,
            **self._who,
        }
        with suppress(UnwritableError):
            write_text(self._path, json.dumps(content))

"""What a driver that was killed has left with the scheduler: found by the name that all blocks of a folder have."""

from __future__ import annotations

import json
import logging
import subprocess
from getpass import getuser

from glasspot.execute.place import Place

COMMAND_S = 30


def cancel_what_is_left(place: Place, label: str) -> None:
    """Cancel this user's blocks whose name holds ``label``; with a scheduler that is away they end by themselves.

    A block is asked for before anybody can note its number; so the scheduler's own record is read, and no note of ours.
    """
    if place.kind == "slurm":
        found = [line.split(None, 1) for line in _ask("squeue", "-h", "-u", getuser(), "-o", "%i %j").splitlines()]
        _cancel("scancel", [words[0] for words in found if len(words) == 2 and label in words[1]])
    elif place.kind == "pbs":
        ids = _ask("qselect", "-u", getuser()).split()
        jobs = json.loads(_ask("qstat", "-f", "-F", "json", *ids) or "{}").get("Jobs", {}) if ids else {}
        _cancel("qdel", [key for key, job in jobs.items() if label in job.get("Job_Name", "")])


def _cancel(command: str, ids: list[str]) -> None:
    if ids:
        logging.getLogger("parsl").warning("cancels what an earlier driver left: %s", " ".join(ids))
        _ask(command, *ids)


def _ask(*words: str) -> str:
    """Return what a command of the scheduler prints; "" when it fails."""
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_S, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger("parsl").warning("%s: %s", words[0], error)
        return ""

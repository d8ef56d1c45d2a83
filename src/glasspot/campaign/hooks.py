"""Commands of the user at the end of a run: [run] on_finish and on_failure. They tell somebody; they change nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from glasspot.campaign.interrupt import EndedError
from glasspot.campaign.log import EventLog

OUTPUT_FILE = "hook.log"  # what the last hook printed
LIMIT_S = 60.0
LONGEST = 2000  # characters of what a hook is told


@dataclass(frozen=True)
class Hooks:
    """Words of a command each, () for none; no shell reads them."""

    on_finish: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What is wrong with them now, as sentences; a run of days should not end with it."""
        return [
            f"{name} names {words[0]}, which is no program here; nobody will be told"
            for name, words in (("on_finish", self.on_finish), ("on_failure", self.on_failure))
            if words and shutil.which(words[0]) is None
        ]


NO_HOOKS = Hooks()


@contextmanager
def called_at_end(folder: Path, title: str, hooks: Hooks, tell: Callable[[str], None]) -> Iterator[None]:
    """Call the hook for how the work inside ends; ``tell`` says it when the hook fails.

    on_failure is for a run that failed, and for one that a signal ended (SIGTERM: the wall time of the driver's own
    job, a machine that goes down). Who ends a run by Ctrl-C or glasspot stop knows it: nothing is called.
    """
    try:
        yield
    except EndedError as ended:
        if ended.state == "interrupted":
            _call(folder, hooks.on_failure, "interrupted", title, str(ended), tell)
        raise
    except Exception as error:
        _call(folder, hooks.on_failure, "failed", title, str(error), tell)
        raise
    _call(folder, hooks.on_finish, "finished", title, "", tell)


def _call(
    folder: Path, words: tuple[str, ...], state: str, title: str, message: str, tell: Callable[[str], None]
) -> None:
    if not words:
        return
    place = folder.resolve()
    told = {"DIR": str(place), "STATE": state, "TITLE": _one_line(title), "MESSAGE": _one_line(message)}
    environment = {**os.environ, **{f"GLASSPOT_{name}": value for name, value in told.items()}}
    why = _run(words, place, environment)
    EventLog(folder).write("hook", state=state, program=words[0], failed=why or None)
    if why:
        tell(f"the command for a run that {_ENDED[state]} {why}; what it printed: {folder / OUTPUT_FILE}")


_ENDED = {"finished": "finished", "failed": "failed", "interrupted": "was ended by a signal"}


def _run(words: tuple[str, ...], folder: Path, environment: dict[str, str]) -> str:
    """Run a hook; return "" or how it failed. Ctrl-C ends the hook, and no more: the run itself is over."""
    try:
        with (folder / OUTPUT_FILE).open("wb") as output:
            process = subprocess.Popen(
                words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
    except (OSError, ValueError) as error:
        return f"could not be started ({error})"
    try:
        code = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"took longer than {LIMIT_S:.0f} s and was killed"
    except KeyboardInterrupt:
        _kill(process)
        return "was interrupted"
    return f"ended with exit code {code}" if code else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a hook with what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _one_line(text: str) -> str:
    """Return a text that an environment can hold and a terminal only prints."""
    joined = " ".join(text.split())[:LONGEST]
    return "".join(character if character.isprintable() else "?" for character in joined)

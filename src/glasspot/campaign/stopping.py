"""A request to end, in the folder of a run: written by ``glasspot stop`` on any machine, looked for by the driver.

A request names the driver it is for, so one that was left over never ends a later run.
"""

from __future__ import annotations

import getpass
import json
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from glasspot.campaign.driver import REQUEST_FILE, Driver, FolderLostError, hold_on, this_process
from glasspot.campaign.interrupt import EndedError
from glasspot.campaign.log import EventLog
from glasspot.execute.lost import NO_MORE_FILE
from glasspot.files import write_text

LOOK_S = 1.0
THINKS_S = 3.0  # without a look of its own: the driver thinks, about its next points say
NAP_S = 1.0  # between two looks in its place
STOPPED = "stopped on request"


@dataclass(frozen=True)
class StopRequest:
    """token: of the driver that is asked; after_runs: the runs under way may finish first; by: who asks."""

    token: str
    after_runs: bool
    by: str


def ask(folder: Path, driver: Driver, after_runs: bool) -> None:
    """Leave a request to ``driver`` in the folder; UnwritableError where it cannot be written."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        user = "somebody"
    request = StopRequest(driver.token, after_runs, f"{user}@{platform.node()}")
    write_text(folder / REQUEST_FILE, json.dumps(asdict(request)) + "\n")


def asked(folder: Path) -> StopRequest | None:
    """Return the request in a folder, None where there is none that can be read."""
    try:
        with (folder / REQUEST_FILE).open("rb") as handle:
            content = json.loads(handle.read(4096))
        return StopRequest(str(content["token"]), bool(content["after_runs"]), str(content["by"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


class StopWatch:
    """Looks for a request to this process: in the folder of its run, and in that around it, of a ladder of runs.

    ``ending``: somebody asked that no more runs begin. Workers see it by a file beside the folders of their jobs.
    ``tell``: called from another thread, with what :meth:`look` would raise, where the driver thinks and does not look.
    """

    def __init__(self, folder: Path, jobs: Path, log: EventLog, tell: Callable[[BaseException], None]) -> None:
        self.ending = False
        self._tell = tell
        self._over = threading.Event()
        self._looking = threading.Lock()  # one thread at a time has the handles of the folder's locks
        self._places = (folder.resolve(), folder.resolve().parent)
        self._mark = jobs / NO_MORE_FILE
        self._log = log
        self._looked = 0.0

    def begin(self) -> None:
        """Let runs begin, whatever an earlier driver left behind."""
        self._forget()
        self._looked = time.monotonic()
        threading.Thread(target=self._while_it_thinks, daemon=True, name="glasspot-stop").start()

    def end(self) -> None:
        """Look no more, and leave nothing for a later driver."""
        self._over.set()
        self._forget()

    def look(self) -> None:
        """Look, at most once a second, and hold on to the folder.

        EndedError when the runs under way are to end as well; FolderLostError where another driver has the folder.
        """
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        for request in self._requests():
            if not self.ending:
                self.ending = True
                self._log.write("stop-asked", by=request.by, after="runs")
                with suppress(OSError):  # without the mark a few more runs begin, and are waited for
                    self._mark.parent.mkdir(parents=True, exist_ok=True)
                    self._mark.touch()

    def _requests(self) -> Iterator[StopRequest]:
        """Hold on to the folders; yield requests to this process to let no more runs begin, raise what ends it."""
        for place in self._places:
            with self._looking:
                hold_on(place)
            request = asked(place)
            if request is None or request.token != this_process().token:
                continue
            if not request.after_runs:
                self._log.write("stop-asked", by=request.by)
                raise ended()
            yield request

    def _forget(self) -> None:
        with suppress(OSError):
            self._mark.unlink(missing_ok=True)

    def _while_it_thinks(self) -> None:
        """Look for a driver that does not look itself; it knows Ctrl-C anywhere, and ends as by that."""
        while not self._over.wait(NAP_S):
            if time.monotonic() - self._looked < THINKS_S:
                continue
            try:
                list(self._requests())  # those that are not raised can wait
            except (EndedError, FolderLostError) as ending:
                if not self._over.is_set():
                    self._tell(ending)
                return


def ended() -> EndedError:
    """Return the exception that ends a driver as it was asked to."""
    return EndedError(STOPPED, "stopped", 130)

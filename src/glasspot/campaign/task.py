"""What a command does in a folder, from its lock to its last word: the same for every command that makes MD runs."""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasspot import __version__
from glasspot.campaign.driver import driving, this_process
from glasspot.campaign.folder import check_folder, check_same_run, make_folder
from glasspot.campaign.hooks import NO_HOOKS, Hooks, called_at_end
from glasspot.campaign.interrupt import InterruptKey
from glasspot.campaign.log import EventLog
from glasspot.campaign.runner import Runner
from glasspot.campaign.under_way import RunningJob
from glasspot.evaluate.job import EngineChoice
from glasspot.execute.executors import ExecutorFactory, factory_for
from glasspot.execute.place import Place
from glasspot.store import Store


@dataclass(frozen=True)
class Task:
    """command: its name, such as "fit"; source: the settings as plain values, which a resumed run must share."""

    command: str
    title: str
    source: Mapping[str, Any]
    engine: EngineChoice
    place: Place
    hooks: Hooks = NO_HOOKS

    @property
    def notes(self) -> list[str]:
        """What a person should know before it begins: the programs that the file names, and hooks that cannot be."""
        hooks = (self.hooks.on_finish, self.hooks.on_failure)
        named = {
            "engine.command": [self.engine.command] if self.engine.command else [],
            "run.setup": self.place.block.setup,
            "run.on_finish, run.on_failure": [shlex.join(words) for words in hooks if words],
        }
        found = [f"{name} = {'; '.join(lines)}" for name, lines in named.items() if lines]
        programs = [f"programs that the file names, and that are run: {'; '.join(found)}"] if found else []
        return [*programs, *self.hooks.missing]


@dataclass(frozen=True)
class Work:
    """A task under way: its store, and :meth:`runner` for its MD runs."""

    store: Store
    folder: Path
    factory: ExecutorFactory
    keep_folders: bool

    def runner(self, on_running: Callable[[Sequence[RunningJob]], None], prepare: Callable[[], None]) -> Runner:
        """Return a runner that puts its outcomes into the store."""
        return Runner(self.store, self.folder, self.factory, on_running, prepare, self.keep_folders)


@contextmanager
def driven(task: Task, folder: Path, resume: bool, tell: Callable[[str], None]) -> Iterator[Work]:
    """Drive the folder: hold its lock, open its store, write its log, and call its hooks at the end.

    Raises GlasspotError where the folder holds another run, is driven, or cannot be written. ``tell`` says what goes
    wrong with a hook.
    """
    factory = factory_for(task.place, folder)
    check_folder(folder, resume)
    make_folder(folder)
    began = time.monotonic()
    with InterruptKey(), driving(folder), Store.create(folder) as store:
        check_same_run(store, task.source)
        log, me = EventLog(folder), this_process()
        log.write(
            "driver-begins", version=__version__, command=task.command, host=me.host, process=me.process,
            place=task.place.words, engine=task.engine.name, python=platform.python_version(),
        )  # fmt: skip
        if resume:
            log.write("resumed", state=store.get_meta("state"))
        for line in task.hooks.missing:
            log.write("caution", message=line)
        try:
            with called_at_end(folder, task.title, task.hooks, tell):
                yield Work(store, folder, factory, task.place.keep_folders)
        finally:
            log.write("driver-ends", seconds=time.monotonic() - began)

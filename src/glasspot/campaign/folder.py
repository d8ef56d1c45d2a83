"""The folder of a run: how it ended, what stands in it, and whether a resumed run is still the same run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glasspot.campaign.driver import LOCK_FILE, REQUEST_FILE, FolderLostError, is_driven
from glasspot.campaign.hooks import OUTPUT_FILE
from glasspot.campaign.interrupt import EndedError
from glasspot.campaign.log import LOG_FILE, EventLog
from glasspot.campaign.plan import FitPlan
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import EngineChoice
from glasspot.store import STORE_FILE, Store

# What may stand in a folder that holds no run yet.
PROBE = ".write-test"
OURS = (LOCK_FILE, REQUEST_FILE, LOG_FILE, OUTPUT_FILE, PROBE)
PAGE_TOKEN = "page"  # noqa: S105 - the store's entry of the token of its live page: who can read the one may read both


@contextmanager
def state_noted(store: Store) -> Iterator[None]:
    """Leave a clear state in the store, and a line in the log, however the work inside ends."""
    log = EventLog(store.path.parent)
    if store.get_meta(PAGE_TOKEN) is None:
        store.set_meta(PAGE_TOKEN, secrets.token_urlsafe(24))
    store.set_meta("state", "running")
    try:
        yield
    except KeyboardInterrupt as told:
        state = told.state if isinstance(told, EndedError) else "interrupted"
        _note(store, log, state, None if state == "stopped" else str(told) or "Ctrl-C")
        raise
    except FolderLostError as error:
        store.let_go()
        log.write("folder-lost", message=error)
        raise
    except Exception as error:
        message = str(error) if isinstance(error, GlasspotError) else f"{type(error).__name__}: {error}"
        with suppress(GlasspotError):
            store.set_meta("failure", message)
        _note(store, log, "failed", message)
        raise
    store.set_meta("state", "finished")
    log.write("finished")


def _note(store: Store, log: EventLog, state: str, message: str | None) -> None:
    """Note how it ended; the error that ended it counts for more than a store that cannot be written."""
    with suppress(GlasspotError):
        store.set_meta("state", state)
    log.write(state, message=message)


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder that holds another run or other files, before anything is written.

    Where a driver is at work that began a moment ago, its lock refuses a second one, and says who it is.
    """
    if folder.is_file():
        raise GlasspotError(f"{folder} is a file; --out expects a folder")
    has_run = (folder / STORE_FILE).exists()
    if resume and not has_run:
        raise GlasspotError(f"there is no run to resume in {folder}; leave --resume out to start one")
    if not resume and has_run:
        raise GlasspotError(f"{folder} holds a run already; go on with it by --resume, or choose another --out")
    strange = not resume and folder.is_dir() and any(p.name not in OURS for p in folder.iterdir())
    if strange and not is_driven(folder):
        raise GlasspotError(f"{folder} is not empty and holds no glasspot run; choose another --out")


def make_folder(folder: Path) -> None:
    """Make the folder; GlasspotError when it cannot be made or written in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / PROBE
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another driver that begins now may have been faster
    except OSError as error:
        raise GlasspotError(f"cannot write in {folder}: {error.strerror}; choose another --out") from error


def check_same_run(store: Store, settings: Mapping[str, Any]) -> None:
    """Refuse to resume with settings that differ from those the run began with; say what changed.

    The number of workers may change: it does not touch the results.
    """
    stored = store.get_meta("settings")
    if stored is None:
        store.set_meta("settings", dict(settings))
        return
    before = _with_engine(stored)
    changed = differences(before, settings)
    if changed:
        name = before["engine"]["name"]
        engine = f" (its engine was {name}: --engine {name})" if name != settings["engine"]["name"] else ""
        raise GlasspotError(
            "the settings changed since this run began: " + "; ".join(changed[:6])
            + f". Undo the change to resume{engine}, or start anew in another --out"
        )  # fmt: skip


def _with_engine(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return stored settings as they are written now: runs of before there was a choice were made with LAMMPS."""
    if "engine" in settings:
        return settings
    md = {key: value for key, value in settings["md"].items() if key != "command"}
    return {**settings, "md": md, "engine": EngineChoice("lammps", settings["md"]["command"]).spec()}


def keep_plan(store: Store, plan: FitPlan, asked: Path) -> None:
    """Store what a report needs of the plan, and a copy of the file that ``asked`` for it, as run.toml."""
    windows = {name: list(window) for name, window in plan.space.windows().items()}
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = {
        "title": plan.title, "description": plan.description, "cautions": list(plan.cautions), "seed": plan.seed,
        "space": plan.space.to_dict(), "windows": windows, "began": began,
    }  # fmt: skip
    if plan.learns:
        content["learning"] = _learning(plan)
    store.path.with_name("run.toml").write_bytes(asked.read_bytes())
    store.set_meta("plan", content)


def _learning(plan: FitPlan) -> dict[str, Any]:
    """Return where a method that learns looks at first, and how its glasses are made at each level, cheapest first."""
    levels = [plan.at(level).fitted_states for level in range(plan.levels)]
    return {
        "windows": None if plan.windows is None else [list(window) for window in plan.windows],
        "oxides": {state.name: dict(state.oxides) for state in plan.states},
        "levels": [
            {state.name: {"atoms": state.atoms, "rate": state.rate or None} for state in states} for states in levels
        ],
    }


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Return what differs between two trees of plain values, as "place: old -> new"."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in sorted({*before, *after}):
            inner = f"{place}.{key}" if place else str(key)
            if key not in before:
                found.append(f"{inner}: (absent) -> {_short(after[key])}")
            elif key not in after:
                found.append(f"{inner}: {_short(before[key])} -> (absent)")
            else:
                found += differences(before[key], after[key], inner)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            d for i, (b, a) in enumerate(zip(before, after, strict=True)) for d in differences(b, a, f"{place}[{i}]")
        ]
    return [] if before == after else [f"{place}: {_short(before)} -> {_short(after)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."

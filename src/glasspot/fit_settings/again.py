"""The plan of a fit that was run: from the copy of its file in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from glasspot.campaign.folder import differences
from glasspot.campaign.plan import FitPlan
from glasspot.config import load_fit_config
from glasspot.errors import GlasspotError
from glasspot.fit_settings.plan import fit_plan
from glasspot.store import Store

COPY = "run.toml"


def plan_again(folder: Path, store: Store, file: Path | None = None) -> FitPlan:
    """Return the plan of the fit in ``folder``; ``file``: the file it was asked for by, where that names files.

    GlasspotError where such a file is not found, or the settings are not those of the fit.
    """
    path = folder / COPY if file is None else file
    settings = store.get_meta("settings")
    if settings is None or not path.is_file():
        raise GlasspotError(f"{path} is not there: expected the file of the fit" + ("" if file else ", by --file"))
    try:
        plan, _ = fit_plan(load_fit_config(path), path.resolve().parent)
    except GlasspotError as error:
        hint = " (a copy of the fit's file; if it names files of its own, say where it stands by --file)"
        raise GlasspotError(f"{path}{hint if file is None else ''}: {error}") from error
    # The copy is that of the fit, whatever keys there are by now.
    changed = [] if file is None else differences(settings, _known(plan.source, settings))
    if changed:
        raise GlasspotError(f"{path} is not the file of the fit in {folder}: {'; '.join(changed[:3])}")
    return plan


def _known(settings: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the tables and keys of later versions; the engine as it was: nothing is run."""
    found: dict[str, Any] = {}
    for table, content in settings.items():
        old = before.get(table)
        if isinstance(content, Mapping) and isinstance(old, Mapping) and table != "files":
            found[table] = {key: value for key, value in content.items() if key in old}
        elif isinstance(content, list) and isinstance(old, list):
            found[table] = [_same_keys(one, other) for one, other in zip_longest(content, old)][: len(content)]
        elif table in before:
            found[table] = content
    return {**found, "engine": before.get("engine")}


def _same_keys(one: Any, old: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(old, Mapping):
        return {key: value for key, value in one.items() if key in old}
    return one

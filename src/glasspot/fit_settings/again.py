"""The plan of a fit that was run: from the copy of its file in its folder."""

from __future__ import annotations

from pathlib import Path

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
    changed = differences(_without_engine(settings), _without_engine(plan.source))
    if changed:
        raise GlasspotError(f"{path} is not the file of the fit in {folder}: {'; '.join(changed[:3])}")
    return plan


def _without_engine(settings: object) -> dict[str, object]:
    """Return settings but for the engine: what was run is there, and nothing is run."""
    return {key: value for key, value in dict(settings).items() if key != "engine"}  # type: ignore[call-overload]

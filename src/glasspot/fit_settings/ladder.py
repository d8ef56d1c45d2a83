"""The rungs of a ladder: one fit each, alike in all but the free parameters and the terms."""

from __future__ import annotations

from pathlib import Path

from glasspot.config import FitConfig
from glasspot.errors import GlasspotError, did_you_mean


def rungs_of(config: FitConfig, path: Path) -> list[tuple[str, FitConfig]]:
    """Return (name, the settings of its fit) of each [[rung]], in the order of the file.

    GlasspotError for fewer than two rungs, or two of one name.
    """
    names = [rung.name for rung in config.rung]
    if len(names) < 2:
        raise GlasspotError(
            f"{path} has {len(names)} [[rung]]; a ladder needs two or more, each with a name and its free parameters. "
            "For a single fit use `glasspot fit`"
        )
    if len({name.lower() for name in names}) < len(names):
        raise GlasspotError(f"two [[rung]] of {path} have one name (for a folder, A and a are one): {', '.join(names)}")
    taken = next((name for name in names if name.lower().startswith("ladder.")), None)
    if taken is not None:
        raise GlasspotError(
            f'a [[rung]] of {path} has the name "{taken}", which is a file of the ladder; choose another'
        )
    freed = {name for rung in config.rung for name in rung.free}
    idle = next((name for name in config.potential.windows if name not in freed), None)
    if idle is not None:
        raise GlasspotError(
            f'potential.windows has a window for "{idle}", which no [[rung]] frees.{did_you_mean(idle, sorted(freed))}'
        )
    found = []
    for rung in config.rung:
        table = config.potential.model_copy(
            update={
                "free": rung.free,
                "windows": {**_of_free(config.potential.windows, rung.free), **rung.windows},
                "terms": {**config.potential.terms, **rung.terms},
                "name": rung.name,
            }
        )
        title = f"{config.title}: {rung.name}"
        found.append((rung.name, config.model_copy(update={"potential": table, "rung": [], "title": title})))
    return found


def _of_free(windows: dict[str, list[float]], free: list[str]) -> dict[str, list[float]]:
    """Return the common windows of those parameters that this rung frees."""
    return {name: window for name, window in windows.items() if name in free}

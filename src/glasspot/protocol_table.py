"""[protocol] of a TOML file: a preset with some of its numbers changed, or the stages themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.presets import PRESETS, preset
from glasspot.protocol import Protocol
from glasspot.strict import ABOVE


def protocol_of(table: Mapping[str, Any], where: str, above: Collection[str]) -> Protocol:
    """Return the protocol of a table; ``where`` names the file and ``above`` the keys that stand outside all tables.

    GlasspotError for a table that names none, or two, and for a key that belongs above it.
    """
    misplaced = next((key for key in table if key in above), None)
    if misplaced is not None:
        raise GlasspotError(f'{where}: the key "{misplaced}" stands in [protocol]; {ABOVE}.')
    if "stages" in table and "preset" in table:
        raise GlasspotError(f"{where}: [protocol] has a preset and stages; give one of them.")
    if "stages" in table:
        return Protocol.from_dict({"name": "of the file", **table})
    if "preset" not in table:
        raise GlasspotError(
            f'{where}: [protocol] needs preset = "..." ({", ".join(PRESETS)}) or [[protocol.stages]] tables.'
        )
    numbers = {key: value for key, value in table.items() if key != "preset"}
    return preset(str(table["preset"]), **numbers)

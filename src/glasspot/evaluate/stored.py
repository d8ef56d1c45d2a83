"""Is a stored outcome what it says it is: for checks and repairs of a store."""

from __future__ import annotations

import io
import json
import zipfile

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Outcome, content_key


def verified(key: str, spec: str, data: bytes) -> tuple[bool, str, float]:
    """Return ok, reason and seconds of the outcome in ``data``.

    GlasspotError unless every part of it is whole, it is of the run named ``key``, and that is the hash of what was
    asked (``spec``, JSON).
    """
    try:
        asked = content_key(json.loads(spec))
    except (ValueError, RecursionError) as error:
        raise GlasspotError("what was asked of it cannot be read") from error
    if asked != key:
        raise GlasspotError("what was asked of it is not what its name says")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            bad = archive.testzip()
    except Exception as error:  # zipfile and zlib each raise their own kinds
        raise GlasspotError(f"its outcome cannot be read ({error})") from error
    if bad is not None:
        raise GlasspotError(f"{bad} in its outcome is damaged")
    try:
        outcome = Outcome.from_bytes(data)
    except TypeError as error:  # parts that an outcome has not
        raise GlasspotError("its outcome is of another kind") from error
    if outcome.key != key:
        raise GlasspotError("its outcome is that of another run")
    return outcome.ok, outcome.reason, float(outcome.numbers.get("seconds", 0.0))

"""The state of a fit as plain values with stable keys, read from its store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glasspot.campaign.driver import is_driven, is_heard
from glasspot.campaign.now import Note
from glasspot.store import Store

Record = Mapping[str, Any]


def state_of(store: Store, folder: Path) -> str:
    """Return running, stopped, interrupted, failed or finished. "running" in the store with no driver was a crash."""
    state = str(store.get_meta("state", "interrupted"))
    if state == "running" and not (is_driven(folder) or is_heard(store, folder)):
        return "interrupted"
    return state


def top_level(steps: Sequence[Record]) -> int:
    """Return the highest level at which an evaluation succeeded; 0 where glasses are made in one way only."""
    return max((s.get("level", 0) for s in steps if s["cost"] is not None), default=0)


def best_step(steps: Sequence[Record]) -> Record | None:
    """Return the record of the evaluation with the lowest cost; None before the first that has one.

    Among those of the highest level: costs of small glasses quenched fast and of better ones do not compare.
    """
    top = top_level(steps)
    found = (s for s in steps if s["cost"] is not None and s.get("level", 0) == top)
    return min(found, key=lambda s: s["cost"], default=None)


def score_of(scores: Sequence[Record], role: str) -> Record | None:
    """Return the first score of a role, such as "fitted"; None where there is none, or its runs failed."""
    return next((s for s in scores if s["role"] == role and s["cost"] is not None), None)


def noise_floor(scores: Sequence[Record]) -> float | None:
    """Return the R_chi that a perfect model would get in runs of this length, from the scatter of the fitted one's."""
    fitted = score_of(scores, "fitted")
    return None if fitted is None else math.hypot(fitted["noise"], fitted["reference_noise"])


def status(folder: Path) -> dict[str, Any]:
    """Return what ``glasspot status --json`` prints; GlasspotError when the folder holds no run."""
    with Store.open(folder) as store:
        steps = store.records("step")
        scores = store.records("validation")
        best = best_step(steps)
        fitted = score_of(scores, "fitted")
        state = state_of(store, folder)
        ensemble = store.get_meta("ensemble")
        outcomes = store.outcomes()
        now = Note.of(store).now if state == "running" else None
        failures = [{"label": o["label"], "reason": o["reason"]} for o in outcomes if not o["ok"]]
        return {
            "state": state,
            "runs": {"done": len(outcomes), "failed": len(failures)},
            "now": None if now is None else now.encode(),
            "md_runs": steps[-1]["run"] if steps else 0,
            "best": {
                "cost": best["cost"] if best else None,
                "error": best["error"] if best else None,
                "run": best["run"] if best else None,
            },
            "history": [
                {key: s[key] for key in ("run", "method", "note", "cost", "error", "accepted", "seconds", "reason")}
                for s in steps
            ],
            "validation": {
                "cost": fitted["cost"] if fitted else None,
                "error": fitted["error"] if fitted else None,
                "scores": [{key: s[key] for key in ("name", "role", "cost", "error", "runs")} for s in scores],
            },
            "noise_floor": noise_floor(scores),
            "ensemble": {key: (ensemble or {}).get(key) for key in ("run", "passed", "limit")},
            "failures": failures,
            "seconds": store.get_meta("seconds", 0.0),
            "failure": store.get_meta("failure") if state == "failed" else None,
        }

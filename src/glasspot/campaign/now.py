"""What the driver notes for readers, every two seconds: what runs where, what came of the runs, how the search stands.

The note is one value of the store. Its form is made and read here only; a note of another form (of another glasspot, or
put there by hand) says nothing, and is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from glasspot.campaign.tally import Standing, Tally
from glasspot.store import Store

NOTE = "now"  # its name in the store


@dataclass(frozen=True)
class RunNow:
    """An MD run under way. since: seconds of the epoch; silent_s: seconds since its worker last said something."""

    key: str
    label: str
    host: str
    since: float
    step: int
    total_steps: int
    atom_steps_per_s: float
    silent_s: float

    @property
    def part(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, max(0.0, self.step / self.total_steps)) if self.total_steps > 0 else 0.0

    @classmethod
    def decode(cls, noted: Mapping[str, Any]) -> RunNow:
        """Return what a note says of one run; KeyError, TypeError, ValueError or OverflowError for another form."""
        return cls(
            str(noted["key"]), str(noted["label"]), str(noted["host"]), _finite(noted["since"]), int(noted["step"]),
            int(noted["total_steps"]), _finite(noted["atom_steps_per_s"]), _finite(noted["silent_s"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Now:
    """What the driver noted at a time (seconds of the epoch). to_go: runs asked for and not done, those under way too.

    hosts: how many are under way on each. ``jobs`` names some of those under way, at most as many as the driver noted.
    """

    at: float
    to_go: int
    under_way: int
    hosts: Mapping[str, int]
    atom_steps_per_s: float
    jobs: tuple[RunNow, ...]

    @property
    def waiting(self) -> int:
        """Runs asked for that have not begun."""
        return max(0, self.to_go - self.under_way)

    def encode(self) -> dict[str, Any]:
        """Return plain values, for the store and for ``glasspot status --json``."""
        return {
            "at": self.at,
            "to_go": self.to_go,
            "under_way": self.under_way,
            "hosts": dict(self.hosts),
            "atom_steps_per_s": self.atom_steps_per_s,
            "jobs": [asdict(job) for job in self.jobs],
        }

    @classmethod
    def decode(cls, noted: Any) -> Now | None:
        """Return what :meth:`encode` gave; None where there is nothing, or it is of another form."""
        try:
            return cls(
                at=_finite(noted["at"]),
                to_go=int(noted["to_go"]),
                under_way=int(noted["under_way"]),
                hosts={str(name): int(number) for name, number in noted["hosts"].items()},
                atom_steps_per_s=_finite(noted["atom_steps_per_s"]),
                jobs=tuple(RunNow.decode(job) for job in noted["jobs"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return None


@dataclass(frozen=True)
class Note:
    """The whole note. now: None where it does not say what runs; tally, search: empty where it does not tell them."""

    now: Now | None
    tally: Tally
    search: Standing

    def encode(self) -> dict[str, Any]:
        """Return plain values, for the store."""
        now = {} if self.now is None else self.now.encode()
        return {**now, "tally": self.tally.encode(), "search": self.search.encode()}

    @classmethod
    def of(cls, store: Store) -> Note:
        """Return what the driver of a store noted last."""
        noted = store.get_meta(NOTE)
        parts = noted if isinstance(noted, dict) else {}
        return cls(Now.decode(noted), Tally.decode(parts.get("tally")), Standing.decode(parts.get("search")))


def _finite(value: Any) -> float:
    """Return a number; ValueError for one that is none, or not finite."""
    found = float(value)
    if not isfinite(found):
        raise ValueError(f"{value} is not finite")
    return found

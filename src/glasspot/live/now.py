"""What runs where: the driver's last note in the store, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunNow:
    """An MD run under way. since: seconds of the epoch; silent_s: seconds since its worker last said something."""

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
        return min(1.0, self.step / self.total_steps) if self.total_steps > 0 else 0.0


@dataclass(frozen=True)
class Now:
    """What the driver noted at a time (seconds of the epoch). to_go: runs asked for and not done, those under way too.

    ``runs`` names some of those under way, at most as many as the driver noted.
    """

    at: float
    to_go: int
    under_way: int
    hosts: Mapping[str, int]
    atom_steps_per_s: float
    runs: tuple[RunNow, ...]

    @classmethod
    def of(cls, noted: Any) -> Now | None:
        """Return what a note of the store says; None where there is none, or it is of another form."""
        try:
            return cls(
                at=float(noted["at"]),
                to_go=int(noted["to_go"]),
                under_way=int(noted["under_way"]),
                hosts={str(name): int(n) for name, n in noted["hosts"].items()},
                atom_steps_per_s=float(noted["atom_steps_per_s"]),
                runs=tuple(_run(job) for job in noted["jobs"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


def _run(job: Mapping[str, Any]) -> RunNow:
    return RunNow(
        str(job["label"]), str(job["host"]), float(job["since"]), int(job["step"]), int(job["total_steps"]),
        float(job["atom_steps_per_s"]), float(job.get("silent_s", 0.0)),
    )  # fmt: skip

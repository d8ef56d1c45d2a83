"""What a check doubts about a data set, said so that a user can act on it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.record import frames_named

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Doubt:
    """what: the finding. origins: of the frames it is about, all of them. advice: what to do.

    kind: a short name that never changes, for programs: "missing", "net-force", "duplicates", "units", ...
    """

    kind: str
    what: str
    origins: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        about = f" ({frames_named(self.origins)})" if self.origins else ""
        return f"{self.what}{about}. {self.advice}"


def doubt(kind: str, what: str, frames: Iterable[LabelledFrame], advice: str) -> list[Doubt]:
    """Return one doubt about ``frames``, none where there are no frames."""
    origins = tuple(frame.origin or "a frame" for frame in frames)
    return [Doubt(kind, what, origins, advice)] if origins else []


def composition_of(frame: LabelledFrame) -> tuple[tuple[str, int], ...]:
    """Return the reduced formula, (("B", 2), ("O", 3)), in the order of the species: the same for all sizes of cell."""
    counts = {element: frame.counts[element] for element in frame.frame.species if frame.counts.get(element)}
    common = math.gcd(*counts.values())
    return tuple((element, n // common) for element, n in counts.items())


def formula_of(frame: LabelledFrame) -> str:
    """Return the reduced formula, "B2O3"; of large numbers, percent of the atoms, "As24.9 Te75.1"."""
    parts = composition_of(frame)
    if sum(n for _, n in parts) <= 40:
        return "".join(f"{element}{n if n > 1 else ''}" for element, n in parts)
    total = sum(n for _, n in parts)
    return " ".join(f"{element}{100 * n / total:.1f}" for element, n in parts)


def grouped(frames: Sequence[LabelledFrame]) -> dict[tuple[str, tuple[tuple[str, int], ...]], list[LabelledFrame]]:
    """Return the frames by config_type and composition: what may be compared."""
    groups: dict[tuple[str, tuple[tuple[str, int], ...]], list[LabelledFrame]] = {}
    for frame in frames:
        groups.setdefault((frame.config_type, composition_of(frame)), []).append(frame)
    return groups


def by_type(frames: Sequence[LabelledFrame]) -> dict[str, list[LabelledFrame]]:
    """Return the frames by config_type, in the order of the first of each."""
    groups: dict[str, list[LabelledFrame]] = {}
    for frame in frames:
        groups.setdefault(frame.config_type, []).append(frame)
    return groups


def typical(values: Sequence[float]) -> float:
    """Return a value of the list with half of the others below: of two clusters one, never the empty middle."""
    return sorted(values)[len(values) // 2]


def named_factor(factor: float, names: Mapping[str, float], tolerance: float) -> str:
    """Return the name whose factor is nearest, "" where none is within a factor of 1 + ``tolerance``."""
    if factor <= 0 or not math.isfinite(factor):
        return ""
    apart = {name: abs(math.log(factor / value)) for name, value in names.items()}
    name = min(apart, key=apart.__getitem__)
    return name if apart[name] < math.log1p(tolerance) else ""

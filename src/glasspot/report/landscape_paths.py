"""The paths that fits took, projected on the two parameters of a landscape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.plan import State
from glasspot.errors import GlasspotError
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.words import METHODS
from glasspot.store import Store

VOLUME_TOLERANCE = 0.01


@dataclass(frozen=True)
class Path2D:
    """The evaluations of one method of one fit, in their order: values of the two parameters and their R_chi."""

    label: str
    values: np.ndarray  # (k, 2)
    cost: np.ndarray  # (k,) fractions, nan where the run failed
    free: int  # parameters of that fit

    @property
    def records(self) -> np.ndarray:
        """Indices of the evaluations that were the best so far: the course of the search."""
        best, found = np.inf, []
        for index, cost in enumerate(self.cost):
            if cost < best:
                best = cost
                found.append(index)
        return np.array(found, dtype=int)


def read_paths(folders: Sequence[Path], space: ParameterSpace, states: Sequence[State]) -> list[Path2D]:
    """Return the paths of the fits in ``folders``, one for each method of each; ``space`` has the two parameters.

    GlasspotError for a folder without evaluations, of another system, or whose potential lacks one of the two.
    """
    paths = []
    for folder in folders:
        with Store.open(folder) as store:
            plan, objective, steps = store.get_meta("plan"), store.get_meta("objective"), store.records("step")
        if not plan or not steps:
            raise GlasspotError(f"{folder} has no evaluations to draw; --paths takes folders of `glasspot fit`")
        _check_system(folder, objective, states)
        theirs = ParameterSpace.from_dict(plan["space"])
        methods = list(dict.fromkeys(step["method"] for step in steps))
        for method in methods:
            chosen = [step for step in steps if step["method"] == method]
            name = METHODS.get(method, method)
            label = name if len(folders) == 1 else f"{folder.name}: {name}" if len(methods) > 1 else folder.name
            paths.append(_path(label, chosen, folder, theirs, space))
    return paths


def _path(
    label: str, steps: Sequence[Mapping[str, Any]], folder: Path, theirs: ParameterSpace, space: ParameterSpace
) -> Path2D:
    try:
        found = [space.values(theirs.from_cube(np.array(step["point"]))) for step in steps]
    except (GlasspotError, KeyError, IndexError, AttributeError):
        raise GlasspotError(
            f"the potential of {folder} has no {' or '.join(space.names)}; --paths takes fits of one potential form"
        ) from None
    values = np.array([[entry[name] for name in space.names] for entry in found])
    cost = np.array([np.nan if step["cost"] is None else step["cost"] for step in steps], dtype=float)
    return Path2D(label, values, cost, len(theirs.names))


def _check_system(folder: Path, objective: Mapping[str, Any] | None, states: Sequence[State]) -> None:
    """Refuse a fit whose systems are not those of the landscape: its parameters answer another question."""
    theirs = sorted(
        (sorted(state["system"]["counts"].items()), state["system"]["volume"])
        for state in (objective or {"states": []})["states"]
    )
    ours = sorted((sorted(state.counts.items()), state.cell_length**3) for state in states)

    def matter(systems: Sequence[Any]) -> list[tuple[Any, float]]:
        """Composition and number density: the size of the box may differ."""
        result = []
        for counts, volume in systems:
            atoms = sum(number for _, number in counts)
            result.append(([(e, number / atoms) for e, number in counts], atoms / volume))
        return result

    pairs = list(zip(matter(theirs), matter(ours), strict=False))
    same = len(theirs) == len(ours) and all(
        [e for e, _ in a[0]] == [e for e, _ in b[0]]
        and np.allclose([share for _, share in a[0]], [share for _, share in b[0]], atol=0.01)
        and abs(a[1] / b[1] - 1) < VOLUME_TOLERANCE
        for a, b in pairs
    )
    if not same:
        raise GlasspotError(f"{folder} is a fit of another system than RUN.toml: another composition or density")

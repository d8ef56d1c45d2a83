"""From the store of a landscape to what is drawn and written of it: arrays over the grid, CSV, JSON, words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.campaign.landscape import ANCHOR, POINT
from glasspot.campaign.reweight import LEAST_FRAMES
from glasspot.campaign.survey import BLANK, FAILED, RUN, SCREENED, Plane
from glasspot.errors import GlasspotError
from glasspot.potential.parameters import ParameterSpace
from glasspot.report.words import count, percent, unit
from glasspot.store import Store

LANDSCAPE = "landscape"  # the store's entry of what a landscape is of
WAITING = "waiting"  # of a survey that was stopped


@dataclass(frozen=True)
class Side:
    """One axis: the parameter and the values of its points."""

    name: str
    unit: str
    values: np.ndarray
    logarithmic: bool

    @property
    def label(self) -> str:
        """Name with its unit."""
        return f"{self.name} ({unit(self.unit)})" if self.unit else self.name


@dataclass(frozen=True)
class Landscape:
    """R_chi over a grid, (nx, ny) fractions, nan where there is none; ``kind`` says why, point by point."""

    title: str
    x: Side
    y: Side
    cost: np.ndarray
    error: np.ndarray
    n_eff: np.ndarray  # nan where points were run
    kind: np.ndarray  # of run, screened, failed, blank, waiting
    reasons: Mapping[str, int]  # of failed points -> how many
    anchors: np.ndarray  # (k, 2) values of the runs that were reweighted; (0, 2) where every point was run
    fixed: str
    space: ParameterSpace

    @property
    def reweighted(self) -> bool:
        """Whether the points come from anchors."""
        return len(self.anchors) > 0

    @property
    def lowest(self) -> tuple[int, int] | None:
        """Place of the lowest R_chi; None where no point has one."""
        if not np.isfinite(self.cost).any():
            return None
        i, j = np.unravel_index(int(np.nanargmin(self.cost)), self.cost.shape)
        return int(i), int(j)

    @property
    def said(self) -> list[str]:
        """What it shows, in sentences."""
        lines = []
        if self.lowest is not None:
            i, j = self.lowest
            lines.append(
                f"Lowest: R_chi {percent(self.cost[i, j], self.error[i, j])} at {self.x.name} = {self.x.values[i]:.6g} "
                f"{self.x.unit}, {self.y.name} = {self.y.values[j]:.6g} {self.y.unit}".rstrip()
            )
        how = {
            RUN: "with a value",
            SCREENED: "behind the barrier, not run",
            FAILED: "failed",
            BLANK: f"blank: fewer than {LEAST_FRAMES:g} effective frames",
            WAITING: "not run yet",
        }
        counts = [(int((self.kind == kind).sum()), words) for kind, words in how.items()]
        parts = [f"{number} {words}" for number, words in counts if number]
        lines.append(f"{count(self.kind.size, 'point')}: {', '.join(parts)}")
        return lines


def about(plane: Plane, anchors: Plane | None, fixed: str) -> dict[str, Any]:
    """Return what the store keeps of a landscape, beside its points."""
    return {"space": plane.space.to_dict(), "shape": list(plane.shape), "anchors": anchors is not None, "fixed": fixed}


def read_landscape(folder: Path) -> Landscape:
    """Return the landscape in ``folder``; GlasspotError where there is none."""
    with Store.open(folder) as store:
        stored, plan = store.get_meta(LANDSCAPE), store.get_meta("plan")
        if stored is None or plan is None:
            raise GlasspotError(f"{folder} holds another kind of run, not a landscape")
        shape = (int(stored["shape"][0]), int(stored["shape"][1]))
        records = store.records(POINT)[: shape[0] * shape[1]]
        anchors = [r for r in store.records(ANCHOR) if r["cost"] is not None] if stored["anchors"] else []
    space = ParameterSpace.from_dict(stored["space"])
    plane = Plane(space, shape)
    names = space.names
    cost, error, n_eff = (np.full(shape, np.nan) for _ in range(3))
    kind = np.full(shape, WAITING, dtype=object)
    reasons: dict[str, int] = {}
    for record in records:
        place = tuple(record["place"])
        kind[place] = record["kind"]
        cost[place], error[place] = (math.nan if record[k] is None else record[k] for k in ("cost", "error"))
        n_eff[place] = record.get("n_eff", math.nan)
        if record["reason"]:
            reasons[record["reason"]] = reasons.get(record["reason"], 0) + 1
    return Landscape(
        plan["title"], _side(plane, 0), _side(plane, 1), cost, error, n_eff, kind, reasons,
        np.array([[r["values"][name] for name in names] for r in anchors]).reshape(-1, 2), stored["fixed"], space,
    )  # fmt: skip


def _side(plane: Plane, axis: int) -> Side:
    parameter = plane.space.parameters[axis]
    x = parameter.low + plane.ticks(axis) * (parameter.high - parameter.low)
    values = np.exp(x) if parameter.logarithmic else x
    return Side(parameter.name, parameter.unit, values, parameter.logarithmic)


def csv_text(found: Landscape) -> str:
    """Return landscape.csv: a row for each point, R_chi in percent, the parameters in their own units."""
    rows = [f"{found.x.name},{found.y.name},r_chi_percent,error_percent,n_eff,kind"]
    for i, j in np.ndindex(found.cost.shape):
        numbers = (100 * found.cost[i, j], 100 * found.error[i, j], found.n_eff[i, j])
        cells = [f"{value:.6g}" if math.isfinite(value) else "" for value in numbers]
        place = [f"{found.x.values[i]:.10g}", f"{found.y.values[j]:.10g}"]
        rows.append(",".join([*place, *cells, str(found.kind[i, j])]))
    return "\n".join(rows) + "\n"


def json_text(found: Landscape) -> str:
    """Return landscape.json: the axes, R_chi as fractions over [x][y] (null where there is none), the lowest."""
    lowest = None
    if found.lowest is not None:
        i, j = found.lowest
        values = {found.x.name: float(found.x.values[i]), found.y.name: float(found.y.values[j])}
        lowest = {"values": values, "cost": float(found.cost[i, j]), "error": float(found.error[i, j])}
    answer = {
        "format": 1,
        "glasspot": __version__,
        "title": found.title,
        "by": "reweight" if found.reweighted else "md",
        "others": found.fixed,
        "x": {"name": found.x.name, "unit": found.x.unit, "values": found.x.values.tolist()},
        "y": {"name": found.y.name, "unit": found.y.unit, "values": found.y.values.tolist()},
        "cost": _plain(found.cost),
        "error": _plain(found.error),
        "kind": found.kind.tolist(),
        "lowest": lowest,
    }
    return json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(values: np.ndarray) -> list[list[float | None]]:
    return [[float(v) if math.isfinite(v) else None for v in row] for row in values]

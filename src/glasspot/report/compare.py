"""From the store of a comparison to its table and files: values, text, CSV and JSON; figures are drawn elsewhere."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.report.collect import collect
from glasspot.report.data import FitReport, Score
from glasspot.report.store_panels import good_outcomes
from glasspot.store import Store

COMPARISON = "comparison"  # the store's entry of what a comparison is of, beside that of its plan


@dataclass(frozen=True)
class Compared:
    """A potential with its score; costs are fractions, nan where its runs failed."""

    score: Score
    per_curve_error: Mapping[str, float]
    density: float  # g/cm3, that of the system; nan where no run ended well, or there are several systems
    noise: float  # R_chi of the scatter of one run's curves
    engine: str
    potential: Potential

    @property
    def failed(self) -> bool:
        """Whether there is no score."""
        return not math.isfinite(self.score.cost)


@dataclass(frozen=True)
class ComparisonReport:
    """Everything that is said of a comparison; ``rows`` are sorted by R_chi, those that failed last."""

    report: FitReport
    rows: tuple[Compared, ...]
    skipped: Mapping[str, str]
    noise_floor: float  # of the best potential's runs and the target's own error; nan where no potential has a score

    @property
    def curves(self) -> tuple[str, ...]:
        """Labels of the targets, in their order, curves first; those of held-out systems as well."""
        drawn = [panel.title for panel in self.report.panels]
        known = dict.fromkeys(name for row in self.rows for name in row.score.per_curve)
        return tuple(sorted(known, key=lambda name: drawn.index(name) if name in drawn else len(drawn)))

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of what was measured beside the targets."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.score.observables))


def read_comparison(folder: Path) -> ComparisonReport:
    """Return what the store in ``folder`` holds; GlasspotError where it is no comparison."""
    report = collect(folder)
    with Store.open(folder) as store:
        about = store.get_meta(COMPARISON)
        if about is None:
            raise GlasspotError(f"{folder} holds another kind of run, not a comparison of potentials")
        # Records beyond the last comparison are of an earlier one that had more potentials.
        records = store.records("validation")[: len(about["names"])]
        rows = [
            _compared(record, score, about["engines"], store)
            for record, score in zip(records, report.scores, strict=False)
        ]
    rows.sort(key=lambda row: row.score.cost if not row.failed else math.inf)
    reference = next((r["reference_noise"] for r in records if r["cost"] is not None), math.nan)
    floor = math.nan if not rows or rows[0].failed else math.hypot(rows[0].noise, reference)
    return ComparisonReport(report, tuple(rows), about["skipped"], floor)


def _compared(record: Mapping[str, Any], score: Score, engines: Mapping[str, str], store: Store) -> Compared:
    keys = [key for of_state in record["keys"].values() for key in of_state]
    densities = [outcome.numbers["density"] for outcome in good_outcomes(store, keys) if "density" in outcome.numbers]
    return Compared(
        score=score,
        per_curve_error={**record.get("per_curve_error", {}), **record.get("held_out", {}).get("per_curve_error", {})},
        density=float(np.mean(densities)) if densities and len(record["keys"]) == 1 else math.nan,
        noise=record.get("noise", math.nan),
        engine=engines.get(score.name, ""),
        potential=Potential.from_dict(record["potential"]),
    )


def table(found: ComparisonReport) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table for a screen: R_chi in percent, pressure, oxygens about cations."""
    shown = [name for name in found.observables if name.startswith("pressure") or _is_bond(name)]
    held = any(math.isfinite(row.score.held_out) for row in found.rows)
    head = ["potential", "R_chi (%)", *(found.curves if len(found.curves) > 1 else ())]
    head += [*(["held out (%)"] if held else []), *(_short(name) for name in shown), "engine"]
    rows = []
    for row in found.rows:
        score = row.score
        cells = [score.name, f"failed: {score.note}" if row.failed else _percent(score.cost, score.error)]
        if len(found.curves) > 1:
            cells += [
                _percent(score.per_curve.get(name, math.nan), row.per_curve_error.get(name, math.nan))
                for name in found.curves
            ]
        cells += [_percent(score.held_out, score.held_out_error)] if held else []
        cells += [f"{score.observables[name]:.2f}" if name in score.observables else "-" for name in shown]
        rows.append([*cells, row.engine])
    return head, rows


def text(found: ComparisonReport) -> str:
    """Return the table as lines of text."""
    head, rows = table(found)
    widths = [max(len(cells[n]) for cells in (head, *rows)) for n in range(len(head))]
    lines = []
    for cells in (head, *rows):
        name, *rest = zip(cells, widths, strict=True)
        lines.append("  ".join([name[0].ljust(name[1]), *(cell.rjust(width) for cell, width in rest)]))
    return "\n".join(lines)


def _is_bond(name: str) -> bool:
    return name.startswith("coordination") and name.split(",")[0].endswith("-O") and "O-O" not in name


def _short(name: str) -> str:
    """Return a heading that leaves room: "n(Si-O)" for "coordination Si-O"."""
    kind, _, rest = name.partition(" ")
    if kind == "pressure":
        return f"P {rest}"
    pair, comma, state = rest.partition(",")
    return f"n({pair}){comma}{state}"


def _percent(cost: float, error: float) -> str:
    if not math.isfinite(cost):
        return "-"
    return f"{100 * cost:.2f}" + (f" ± {100 * error:.2f}" if math.isfinite(error) else "")


def csv_text(found: ComparisonReport) -> str:
    """Return compare.csv: a row for each potential, R_chi in percent, its numbers in the units of the header."""
    head = ["potential", "r_chi_percent", "error_percent", "runs"]
    for name in found.curves:
        head += [f"r_chi_percent {name}", f"error_percent {name}"]
    head += ["held_out_percent", "density_g_cm3", *found.observables, "engine", "electrostatics", "verified", "failed"]
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(head)
    for row in found.rows:
        score = row.score
        cells: list[object] = [score.name, _number(100 * score.cost), _number(100 * score.error), score.runs]
        for name in found.curves:
            cells.append(_number(100 * score.per_curve.get(name, math.nan)))
            cells.append(_number(100 * row.per_curve_error.get(name, math.nan)))
        cells += [_number(100 * score.held_out), _number(row.density)]
        cells += [_number(score.observables.get(name, math.nan)) for name in found.observables]
        potential = row.potential
        writer.writerow([*cells, row.engine, potential.coulomb.style, potential.verified, score.note])
    return content.getvalue()


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def json_text(found: ComparisonReport) -> str:
    """Return compare.json; docs/potentials.md lists its keys. Costs are fractions, null where runs failed."""
    potentials = [
        {
            "name": row.score.name,
            "cost": _or_none(row.score.cost),
            "error": _or_none(row.score.error),
            "runs": row.score.runs,
            "failures": row.score.note,
            "per_target": {
                name: {"cost": _or_none(cost), "error": _or_none(row.per_curve_error.get(name, math.nan))}
                for name, cost in row.score.per_curve.items()
            },
            "held_out": _or_none(row.score.held_out),
            "density_g_cm3": _or_none(row.density),
            "observables": {name: _or_none(value) for name, value in row.score.observables.items()},
            "engine": row.engine,
            "electrostatics": row.potential.coulomb.style,
            "verified": row.potential.verified,
        }
        for row in found.rows
    ]
    answer = {
        "format": 1,
        "glasspot": __version__,
        "title": found.report.title,
        "noise_floor": _or_none(found.noise_floor),
        "potentials": potentials,
        "skipped": dict(found.skipped),
    }
    return json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def not_told_apart(rows: Sequence[Compared]) -> list[str]:
    """Return the names of those that could as well be the best: within 95 % of the first, by Welch's t test."""
    from glasspot.report.words import welch_margin

    best = rows[0].score
    return [
        row.score.name
        for row in rows[1:]
        if not row.failed and row.score.cost - best.cost < welch_margin(best, row.score)
    ]

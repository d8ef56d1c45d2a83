"""The evidence of a glass as files: evidence.json, evidence.csv with every number, and the curves as CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.report.analysis import summary
from glasspot.structure.against import Evidence
from glasspot.structure.sides import Line, Side


def document(found: Evidence) -> str:
    """Return the text of evidence.json (docs/analyse.md lists its keys); fractions, A, 1/A, g/cm3."""
    glasses = [
        {
            **_side(glass.side),
            "sound": glass.soundness.sound,
            "failed": glass.soundness.failed,
            "findings": [
                {"kind": f.kind, "severity": f.severity, "message": f.message} for f in glass.soundness.findings
            ],
            "soundness": dict(glass.soundness.numbers),
            "R_X": {
                name: {"value": m.value, "error": m.error, "noise": m.noise, "from": m.low, "to": m.high}
                for name, m in glass.misfits.items()
            },
        }
        for glass in found.glasses
    ]
    data = {
        "format": 1,
        "glasspot": __version__,
        "r_max_A": found.r_max,
        "cutoffs_A": dict(found.cutoffs),
        "cautions": list(found.cautions),
        "reference": _side(found.reference),
        "glasses": glasses,
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def csv_files(found: Evidence) -> dict[str, str]:
    """Return the text of each CSV file by its name: the numbers, and the curves of all sides on one grid."""
    files = {"evidence.csv": _numbers_csv(found)}
    names = list(found.reference.lines)
    for file, head, part in (("g_of_r.csv", "r_A", "g(r)"), ("s_of_q.csv", "q_1_A", "S(Q)")):
        files[file] = _curves_csv(found, head, [name for name in names if part in name])
    return files


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        **summary(side.analysis),
        "first_peaks": {
            name: {"at": p.place, "error": p.place_error, "height": p.height, "height_error": p.height_error}
            for name, p in side.peaks.items()
        },
        "folds": {
            element: {
                "mean": f.mean,
                "error": f.error,
                "distribution": {str(n): share for n, share in f.distribution.items()},
            }
            for element, f in side.folds.items()
        },
    }


def _numbers_csv(found: Evidence) -> str:
    """Return one row a number: glass, quantity, value and error of the glass and of the reference."""
    rows = ["glass,quantity,value,error,reference,reference_error"]
    known = _numbers(found.reference)
    for glass in found.glasses:
        for name, (value, error) in _numbers(glass.side).items():
            other = known.get(name, (None, None))
            rows.append(",".join([_word(glass.side.name), name, *map(_cell, (value, error, *other))]))
        for name, misfit in glass.misfits.items():
            rows.append(
                ",".join([_word(glass.side.name), f"R_X {name}", *map(_cell, (misfit.value, misfit.error)), "0,"])
            )
    return "\n".join(rows) + "\n"


def _numbers(side: Side) -> dict[str, tuple[float | None, float | None]]:
    found: dict[str, tuple[float | None, float | None]] = {
        "density_g_cm3": (side.analysis.density, side.analysis.density_error)
    }
    for name, peak in side.peaks.items():
        found[f"peak {name}"] = (peak.place, peak.place_error)
        found[f"height {name}"] = (peak.height, peak.height_error)
    for c in side.analysis.coordination:
        found[f"coordination {c.centre}-{c.neighbour}"] = (c.mean, c.error)
    for element, folds in side.folds.items():
        found[f"n {element}"] = (folds.mean, folds.error)
        found |= {f"{n}-fold {element}": (share, None) for n, share in folds.distribution.items()}
    return found


def _curves_csv(found: Evidence, head: str, names: Sequence[str]) -> str:
    """Return the lines of every side, each with its error where it has one."""
    columns: dict[str, np.ndarray] = {head: found.reference.lines[names[0]].x}
    for side in (found.reference, *(glass.side for glass in found.glasses)):
        for name in names:
            line: Line | None = side.lines.get(name)
            if line is not None:
                columns[f"{_word(side.name)} {name}"] = line.y
                if line.error is not None:
                    columns[f"{_word(side.name)} error {name}"] = line.error
    table = np.column_stack(list(columns.values()))
    return "\n".join([",".join(columns), *(",".join(f"{value:.6g}" for value in row) for row in table)]) + "\n"


def _word(name: str) -> str:
    """Return a name that keeps to its column of a CSV file."""
    return name.replace(",", ";").replace('"', "'").replace("\n", " ")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

"""What ``glasspot pcf`` prints: lines of aligned columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasspot.report.pcf_answer import Answer


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows under their header, each column as wide as it must be, without trailing blanks."""
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def prediction_lines(found: Answer) -> list[str]:
    """Return a prediction: composition, warnings, density, then a row a pair."""
    from glasspot.report.pcf_predict_page import COLUMNS, pair_row, with_error

    p = found.prediction
    lines = [f"{p.composition} mol%", *(f"warning: {warning}" for warning in found.warnings)]
    lines.append(f"density  {with_error(found.density, found.density_error, 3)} g/cm3")
    lines.append("")
    lines += columns(COLUMNS, (pair_row(item) for item in found.pairs))
    lines.append("")
    if p.low is not None:
        lines.append("± is one standard deviation; neighbours: of the second element around one of the first.")
    return lines

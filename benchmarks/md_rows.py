"""The rows of md.json: read, joined, printed as Markdown tables, and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
GROWTH, LIMIT, REPLICAS = "growth: ", "limit: ", "two replicas: "
DIGITS = 5


def rounded(row: Row) -> Row:
    """Return the row with its numbers to DIGITS figures: more of them mean nothing."""
    return {key: _rounded(value) for key, value in row.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, none where there is no file."""
    return json.loads(path.read_text()) if path.exists() else []


def write_rows(path: Path, new: Sequence[Row]) -> list[Row]:
    """Write the rows of the file with the new ones in place of those of the same case; return them all."""
    rows = {row["case"]: row for row in [*read_rows(path), *new]}
    path.write_text(json.dumps(list(rows.values()), indent=1, ensure_ascii=False) + "\n")
    return list(rows.values())


def tables(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    cases = [row for row in rows if not row["case"].startswith((GROWTH, LIMIT, REPLICAS))]
    parts = [
        _conditions(rows),
        _table(
            ("case", "native, ms", "LAMMPS, ms", "ratio (pairs)", "force error", "of LAMMPS", "native code", "LAMMPS"),
            [
                (
                    row["case"],
                    _number(row["native_ms"]),
                    _number(row["lammps_ms"]),
                    _ratio(row),
                    _error(row["force_error"]),
                    _error(row["lammps_force_error"]),
                    row["instructions"],
                    row["lammps_setting"],
                )
                for row in cases
            ],
        ),
        _table(
            ("two replicas on two cores", "ms a step and replica", "one alone", "throughput (pairs)"),
            [
                (row["case"].removeprefix(REPLICAS), _number(row["native_ms"]), _number(row["alone_ms"]), _ratio(row))
                for row in rows
                if row["case"].startswith(REPLICAS)
            ],
        ),
        _table(
            ("growth", "ms/step", "M atom-steps/s", "LAMMPS, ms", "ratio (pairs)"),
            [
                (
                    row["case"].removeprefix(GROWTH),
                    _number(row["native_ms"]),
                    f"{row['atom_steps_per_s'] / 1e6:.2f}",
                    _number(row["lammps_ms"]),
                    _ratio(row),
                )
                for row in rows
                if row["case"].startswith(GROWTH)
            ],
        ),
        _table(
            ("limit", "a step", "forces alone"),
            [line for row in rows if row["case"].startswith(LIMIT) for line in _limit_lines(row)],
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _conditions(rows: Iterable[Row]) -> str:
    """Return when and where the rows were measured."""
    found = dict.fromkeys(f"{row['date']}, {row['machine']}, {row['versions']}" for row in rows)
    words = [f"Measured: {each}." for each in found]
    if any(row.get("quick") for row in rows):
        words.append("With --quick: these figures mean nothing.")
    shares = [row["least_cpu_share"] for row in rows]
    if shares:
        words.append(f"Every process that was timed had at least {100 * min(shares):.1f} % of its core.")
    return "\n".join(words)


def _limit_lines(row: Row) -> list[tuple[str, ...]]:
    name = row["case"].removeprefix(LIMIT)
    pairs = f"{row['lane_pairs']} lane-pairs, {100 * row['share_inside']:.0f} % inside the cut-off"
    return [
        (f"{name}, ms", _number(row["native_ms"]), _number(row["pair_ms"])),
        (f"Gflop/s, {pairs}", f"{row['gflops']:.0f}", f"{row['gflops_forces']:.0f}"),
        (
            f"of the peak, {row['gflops_peak']:.0f} Gflop/s",
            f"{100 * row['share_of_peak']:.0f} %",
            f"{100 * row['share_of_peak_forces']:.0f} %",
        ),
    ]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _ratio(row: Row) -> str:
    if row["ratio"] is None:
        return ""
    low, high = row["ratio_range"]
    return f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"


def draw_growth(rows: Sequence[Row], path: Path) -> None:
    """Draw the time of a step over the number of atoms, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    growth = sorted((row for row in rows if row["case"].startswith(GROWTH)), key=lambda row: row["atoms"])
    figure, axes = pyplot.subplots(figsize=(5.0, 3.6), layout="constrained")
    for key, label, style in (("lammps_ms", "LAMMPS, fastest setting", "s--"), ("native_ms", "native", "o-")):
        points = [(row["atoms"], row[key]) for row in growth if row[key] is not None]
        axes.loglog(*zip(*points, strict=True), style, label=label)
    first, last = growth[0]["atoms"], growth[-1]["atoms"]
    slope = growth[-1]["native_ms"] / last
    axes.loglog((first, last), (slope * first, slope * last), ":", color="0.5", label="proportional to the atoms")
    axes.set(xlabel="atoms", ylabel="ms a step, one core", title="Liquid silica, ML set, 8 A, NVT")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)

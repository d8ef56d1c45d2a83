"""From the [[target]] tables of one system to its targets: files read, columns picked, references looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from glasspot.campaign.plan import AnyTarget, SimulatedTarget
from glasspot.config import TargetTable
from glasspot.curves import pick_column, read_csv_columns
from glasspot.errors import GlasspotError
from glasspot.fit_settings.glass import Glass
from glasspot.fit_settings.trajectories import Trajectories
from glasspot.potential.io import load_potential
from glasspot.structure.frames import species_order
from glasspot.structure.pairs import pair_labels, pair_row
from glasspot.target.curve import CurveTarget, curve_target

TOTAL = "total"


def targets_of(
    tables: Sequence[TargetTable], folder: Path, glass: Glass, name: str, notes: list[str]
) -> tuple[AnyTarget, ...]:
    """Return the targets of the system ``name`` ("" for the only one); files are relative to ``folder``."""
    _check_pairs(tables, glass.counts)
    trajectories = Trajectories(tables, folder, glass, notes)
    return tuple(_target(table, folder, glass, trajectories, name, notes) for table in tables)


def _check_pairs(tables: Sequence[TargetTable], counts: Mapping[str, int]) -> None:
    """Refuse a target of a pair that the system does not have, and two targets of one pair, before anything is run."""
    labels = pair_labels(species_order(counts))
    seen: dict[int | None, str] = {}
    for table in tables:
        if table.pair.count("-") != 1 and table.pair != TOTAL:
            raise GlasspotError(f'target.pair is "{table.pair}"; expected "{TOTAL}" or one of {", ".join(labels)}')
        row = None if table.pair == TOTAL else pair_row(labels, table.pair)
        if row in seen:
            raise GlasspotError(
                f"two targets are g(r) of one pair, {seen[row]} and {table.pair}; give one [[target]] a pair "
                "(several columns of a file are averaged)"
            )
        seen[row] = table.pair


def _target(
    table: TargetTable, folder: Path, glass: Glass, trajectories: Trajectories, name: str, notes: list[str]
) -> AnyTarget:
    pair = None if table.pair == TOTAL else table.pair
    label = f"g(r) {table.pair}" + (f", {name}" if name else "")
    if table.reference is not None:
        potential = glass.fill_in(load_potential(table.reference, folder=folder))
        if table.range[1] - table.range[0] < 4 * table.bin_width:
            raise GlasspotError(f"{label}: range {list(table.range)} holds fewer than four bins; widen it")
        return SimulatedTarget(label, pair, potential, table.range, table.bin_width, table.weight)
    if table.trajectory is not None:
        target, note = trajectories.curves_for(table).target(label, pair, table.range, table.weight)
        notes.append(note)
        return target
    return _from_file(table, folder / str(table.file), pair, label, glass, notes)


def _from_file(
    table: TargetTable, path: Path, pair: str | None, label: str, glass: Glass, notes: list[str]
) -> CurveTarget:
    columns = read_csv_columns(path)
    names = list(columns)
    r_name = table.r_column or names[0]
    chosen = table.columns or names[1:2]
    if not chosen or r_name in chosen or len(set(chosen)) < len(chosen):
        raise GlasspotError(
            f"{path}: a target needs a column of distances and other columns, each once, for g(r); got "
            f"r_column {r_name}, columns {', '.join(chosen) or 'none'} of {', '.join(names)}"
        )
    r = pick_column(columns, r_name, path)
    values = np.array([pick_column(columns, name, path) for name in chosen]) * _norm(table, pair, glass)
    error = None
    if len(values) > 1:
        # Columns of one curve are repeats of the same measurement (blocks of a trajectory): their mean is the target.
        error = values.std(0, ddof=1) / np.sqrt(len(values))
        notes.append(f"{label}: mean of {len(values)} columns of {path.name}, error from their scatter")
    return curve_target(label, pair, r, values.mean(0), table.range, error, table.weight)


def _norm(table: TargetTable, pair: str | None, glass: Glass) -> float:
    """Return what turns a curve counted over N(N-1) pairs into ours, over N^2, for a reference of the same size."""
    if table.like_pairs == "N^2":
        return 1.0
    if pair is None:
        number = sum(glass.counts.values())
    else:
        a, b = pair.split("-")
        number = glass.counts.get(a, 0) if a == b else 0
    return (number - 1) / number if number else 1.0

"""From the [[target]] tables of one system to its targets: files read, columns picked, references looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from glasspot.campaign.plan import AnyTarget, SimulatedTarget
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.fit_settings.glass import Glass
from glasspot.fit_settings.measured import file_columns, measured_scattering, number_target
from glasspot.fit_settings.trajectories import Trajectories
from glasspot.potential.io import load_potential
from glasspot.structure.frames import species_order
from glasspot.structure.pairs import pair_labels, pair_row
from glasspot.system_table import SystemTable
from glasspot.target.curve import CurveTarget, curve_target
from glasspot.target_table import TargetTable

TOTAL = "total"


def targets_of(
    tables: Sequence[TargetTable], folder: Path, glass: Glass, state: SystemTable, name: str, notes: list[str]
) -> tuple[AnyTarget, ...]:
    """Return the targets of the system ``name`` ("" for the only one); files are relative to ``folder``."""
    _check_pairs([table for table in tables if table.pair is not None], glass.counts)
    _check_labels(tables)
    trajectories = Trajectories(tables, folder, glass, notes)
    return tuple(_target(table, folder, glass, state, trajectories, name, notes) for table in tables)


def _check_pairs(tables: Sequence[TargetTable], counts: Mapping[str, int]) -> None:
    """Refuse a target of a pair that the system does not have, and two targets of one pair, before anything is run."""
    labels = pair_labels(species_order(counts))
    seen: dict[int | None, str] = {}
    for table in tables:
        pair = str(table.pair)
        if pair.count("-") != 1 and pair != TOTAL:
            raise GlasspotError(
                f'target.pair is "{pair}"; expected "{TOTAL}" or one of {", ".join(labels)}.'
                f"{did_you_mean(pair, [TOTAL, *labels])}"
            )
        row = None if pair == TOTAL else pair_row(labels, pair)
        if row in seen:
            raise GlasspotError(
                f"two targets are g(r) of one pair, {seen[row]} and {pair}; give one [[target]] a pair "
                "(several columns of a file are averaged)"
            )
        seen[row] = pair


def _check_labels(tables: Sequence[TargetTable]) -> None:
    """Refuse two targets of one quantity, which may contradict each other."""
    seen: dict[object, str] = {}
    for table in tables:
        what = _meant(table.quantity) if table.is_number else table.label
        if what in seen:
            both = "" if seen[what] == table.label else f" and {table.label}, which say the same"
            raise GlasspotError(f"two targets of one system are {seen[what]}{both}; give one, or the mean of both")
        seen[what] = table.label


def _meant(quantity: str) -> object:
    """Return what a number is of: the numbers of Si-O and O-Si bonds are one."""
    kind, _, of = quantity.rpartition(" ")
    ends = of.split("-")
    return (kind, *min(ends, ends[::-1])) if kind else quantity


def _target(
    table: TargetTable,
    folder: Path,
    glass: Glass,
    state: SystemTable,
    trajectories: Trajectories,
    name: str,
    notes: list[str],
) -> AnyTarget:
    label = table.label + (f", {name}" if name else "")
    if table.is_number:
        return number_target(table, label, glass, state)
    if table.is_scattering:
        return measured_scattering(table, folder / str(table.file), label, glass, notes)
    pair = None if table.pair == TOTAL else table.pair
    if table.reference is not None:
        potential = glass.fill_in(load_potential(table.reference, folder=folder))
        if table.span[1] - table.span[0] < 4 * table.bin_width:
            raise GlasspotError(f"{label}: range {list(table.span)} holds fewer than four bins; widen it")
        return SimulatedTarget(label, pair, potential, table.span, table.bin_width, table.weight)
    if table.trajectory is not None:
        target, note = trajectories.curves_for(table).target(label, pair, table.span, table.weight)
        notes.append(note)
        return target
    return _from_file(table, folder / str(table.file), pair, label, glass, notes)


def _from_file(
    table: TargetTable, path: Path, pair: str | None, label: str, glass: Glass, notes: list[str]
) -> CurveTarget:
    r, values, error = file_columns(table, path, label, table.r_column, notes)
    norm = _norm(table, pair, glass)
    error = None if error is None else error * norm
    return curve_target(label, pair, r, values * norm, table.span, error, table.weight)


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

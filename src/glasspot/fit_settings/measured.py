"""Targets that were measured: columns of a file, structure factors, and numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glasspot.curves import Curve, pick_column, read_columns
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.fit_settings.glass import Glass
from glasspot.structure.frames import species_order
from glasspot.structure.quantities import ELASTIC, quantity_names
from glasspot.structure.scattering import scattering_lengths
from glasspot.system_table import SystemTable
from glasspot.target.number import NumberTarget
from glasspot.target.scattering import Radiation, ScatteringTarget, amplitudes, from_interference, scattering_target
from glasspot.target_table import COORDINATION, DENSITY, PRESSURE, F, S, TargetTable

LARGE_Q_ERROR = 0.5  # of S; what is left of oscillations is far less


def file_columns(
    table: TargetTable, path: Path, label: str, x_name: str | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return x, the curve and its standard error (None where the file tells none) of the file of a target, (n,) each.

    ``x_name``: the column of x, None for the first. Several columns are repeats of one curve: their mean is taken, and
    its error from their scatter. GlasspotError for columns that are not there or named twice.
    """
    columns = read_columns(path)
    names = list(columns)
    x_name = x_name or names[0]
    chosen = table.columns or names[1:2]
    used = [x_name, *chosen, *([table.error_column] if table.error_column else [])]
    if not chosen or len(set(used)) < len(used):
        raise GlasspotError(
            f"{path}: the target {label} needs a column to stand against and other columns, each once, for its values; "
            f"got {x_name}, columns {', '.join(chosen) or 'none'} of {', '.join(names)}"
        )
    x = pick_column(columns, x_name, path)
    values = np.array([pick_column(columns, name, path) for name in chosen])
    if len(values) == 1:
        error = pick_column(columns, table.error_column, path) if table.error_column else None
        if error is not None and error.min() < 0:
            raise GlasspotError(f'{path}: the column "{table.error_column}" is below zero in places; no error is')
        return x, values[0], error
    notes.append(f"{label}: mean of {len(values)} columns of {path.name}, error from their scatter")
    return x, values.mean(0), np.asarray(values.std(0, ddof=1) / np.sqrt(len(values)))


def measured_scattering(table: TargetTable, path: Path, label: str, glass: Glass, notes: list[str]) -> ScatteringTarget:
    """Return the S(Q) target of a file; ``notes`` gets how it was broadened.

    GlasspotError for a range or a distance that will not do, and for isotopes that are not known.
    """
    radiation: Radiation = table.radiation or "number"
    half = 0.5 * glass.cell_length
    end = table.r_max or half
    if end > half + 1e-9:
        raise GlasspotError(f"{label}: r_max is {end:g} A, beyond half the box ({half:.2f} A); g(r) is not known there")
    lengths = _lengths(table, label, glass)
    fractions = {element: number / sum(glass.counts.values()) for element, number in glass.counts.items()}
    q, values, error = file_columns(table, path, label, table.q_column, notes)
    inside = q > 0
    q, values = q[inside], values[inside]
    error = None if error is None else error[inside]
    amplitudes(radiation, q, fractions, lengths)  # refuses an element without one before the first run
    if table.quantity == F:
        factor = from_interference(radiation, q, fractions, lengths)
        values, error = 1.0 + factor * values, None if error is None else factor * error
    measured = Curve(q, values, error, label)
    _check_large_q(table, path, measured)
    target = scattering_target(label, radiation, measured, table.span, end, table.window, lengths, table.weight)
    how = "the Lorch window" if table.window == "lorch" else "a sharp cut"
    notes.append(
        f"{label}: {len(target.q)} points of {path.name}, broadened as a g(r) that ends at {end:.2f} A ({how})"
    )
    if q[-1] < table.span[1] + np.pi / end:
        notes.append(
            f"{label}: measured to {q[-1]:.3g} 1/A only; within {np.pi / end:.2f} 1/A of that the broadening lacks data"
        )
    return target


def _check_large_q(table: TargetTable, path: Path, measured: Curve) -> None:
    """Refuse a curve that does not become 1 at large Q: mostly S(Q) taken for F(Q), or the other way round."""
    last = measured.x > 0.8 * measured.x[-1]
    level = float(measured.y[last].mean())
    if abs(level - 1.0) > LARGE_Q_ERROR:
        other = F if table.quantity != F else S
        raise GlasspotError(
            f"{path}: read as {table.quantity}, S is {level:.3g} on average above {0.8 * measured.x[-1]:.3g} 1/A, "
            f'where it must be about 1; is the column {other} (quantity = "{other}"), or not normalised?'
        )


def _lengths(table: TargetTable, label: str, glass: Glass) -> dict[str, float]:
    """Return the scattering lengths (fm) of the elements that are not natural."""
    if table.isotopes and table.radiation != "neutron":
        raise GlasspotError(f"{label}: isotopes are for neutrons")
    foreign = next((element for element in table.isotopes if element not in glass.counts), None)
    if foreign is not None:
        raise GlasspotError(f'{label}: isotopes names "{foreign}"; the system has {", ".join(glass.counts)}')
    given = table.isotopes
    return scattering_lengths(list(given), given) if given else {}


def number_target(table: TargetTable, label: str, glass: Glass, state: SystemTable) -> NumberTarget:
    """Return the target of a number; GlasspotError for one that such a system cannot give."""
    known = [PRESSURE, *quantity_names(species_order(glass.counts))]
    if table.quantity not in known:
        first, _, rest = table.quantity.partition(" ")
        if first == COORDINATION:
            bonds = [name.removeprefix(COORDINATION + " ") for name in known if name.startswith(COORDINATION)]
            raise GlasspotError(
                f'{label}: "{rest}" is no bond of this system; there are {", ".join(bonds)}.{did_you_mean(rest, bonds)}'
            )
        alike = [name for name in known if name[:5] == first[:5]] or known
        raise GlasspotError(
            f'{label}: "{table.quantity}" is no number of this system; there are {", ".join(alike[:12])}.'
            f"{did_you_mean(table.quantity, known)}"
        )
    constant_pressure = state.pressure is not None
    if table.quantity == DENSITY and not constant_pressure:
        raise GlasspotError(
            f"{label}: the density is given where the volume is constant; make it a glass at constant pressure "
            '(state = "glass", pressure = 0), or give the pressure at this density as a target instead'
        )
    if table.quantity == PRESSURE and constant_pressure:
        raise GlasspotError(f"{label}: the pressure of this glass is set to {state.pressure:g} GPa; give its density")
    if table.quantity in ELASTIC and state.state != "glass":
        raise GlasspotError(f'{label}: a liquid has no elastic moduli at rest; make it a glass (state = "glass")')
    value = float(table.value or 0.0)
    error = None if table.error is None else np.array([table.error])
    return NumberTarget(label, table.quantity, np.array([value]), table.scale or abs(value), error, table.weight)

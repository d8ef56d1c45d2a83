"""The state of a plan that a [[system]] is: its atoms, its protocols and its targets."""

from __future__ import annotations

from pathlib import Path

from glasspot.campaign.plan import GLASS, State
from glasspot.config import FitConfig
from glasspot.fit_settings.glass import Glass
from glasspot.fit_settings.protocols import protocols_of
from glasspot.fit_settings.targets import targets_of


def state_of(config: FitConfig, index: int, glass: Glass, folder: Path, notes: list[str]) -> State:
    """Return the ``index``-th state of a plan, with its targets read; ``notes`` gets what was decided for the user."""
    system = config.system[index]
    tables = [table for table in config.target if table.system in (system.name, "")]
    return State(
        name=system.name if len(config.system) > 1 else "",
        counts=glass.counts,
        cell_length=glass.cell_length,
        temperature=system.temperature,
        protocols=protocols_of(config, system),
        targets=targets_of(tables, folder, glass, system, system.name if len(config.system) > 1 else "", notes),
        kind=system.state,
        held_out=system.held_out,
        index=index,
        pressure=system.pressure,
        rate=system.rate if system.state == GLASS else 0.0,
        oxides=dict(glass.composition.oxides),
    )

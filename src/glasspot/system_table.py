"""[[system]] of a fit's TOML: what is simulated, a liquid or a glass, and what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.potential.schema import check_name
from glasspot.protocol import HOTTEST
from glasspot.strict import Number, Positive, StrictTable

HIGHEST_PRESSURE = 50.0  # GPa
OF_GLASS = {"melt_temperature", "melt_ps", "rate", "pressure"}
OF_MEASURED = {"value", "error", "scale", "weight"}


class SystemTable(StrictTable):
    """[system], or one of several [[system]]: what is simulated, a liquid or a glass quenched from it.

    A glass with a ``pressure`` is made at that constant pressure, and has a density of its own; one without is made at
    constant volume, at the density given.
    """

    name: str = ""
    state: Literal["liquid", "glass"] = "liquid"
    held_out: Annotated[bool, Field(strict=True)] = False  # its targets only test the result
    composition: str
    basis: Literal["mol", "wt"] = "mol"
    atoms: Annotated[int, Field(ge=50, le=30000, strict=True)]
    temperature: Annotated[Positive, Field(le=HOTTEST)]
    density: Positive | None = None  # g/cm3
    box: Positive | None = None  # A, edge of the cube
    melt_temperature: Annotated[Positive, Field(le=HOTTEST)] = 4500.0  # K, of a glass before its quench
    melt_ps: Positive = 10.0
    rate: Positive = 100.0  # K/ps
    pressure: Annotated[Number, Field(ge=-HIGHEST_PRESSURE, le=HIGHEST_PRESSURE)] | None = None  # GPa

    @model_validator(mode="after")
    def _sound(self) -> SystemTable:
        if self.density is not None and self.box is not None:
            raise ValueError("give density or box, not both")
        quench = sorted(OF_GLASS & self.model_fields_set)
        if self.state == "liquid" and quench:
            raise ValueError(f'{", ".join(quench)} is for a glass; add state = "glass"')
        if self.state == "glass" and not self.melt_temperature > self.temperature:
            raise ValueError(f"melt_temperature is {self.melt_temperature:g} K; expected more than the temperature")
        if self.name:
            checked_name(self.name)
        return self


def checked_name(name: str) -> None:
    """Raise ValueError, for pydantic, for a name that could not be that of a file."""
    try:
        check_name(name, "name")
    except GlasspotError as error:
        raise ValueError(str(error)) from None


def spelled_out(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a fit with its short forms written out.

    One [system] is a list of one; the keys of [common] stand in each [[system]] that has none of its own; what a system
    has in ``measured`` becomes [[target]] tables, with the scales of [scales].
    """
    data = dict(data)
    given = data.get("system")
    systems = [given] if isinstance(given, Mapping) else given
    common = data.pop("common", {})
    if not isinstance(systems, list):
        return data  # what is missing is the system, not a meaning of [common]
    if not isinstance(common, Mapping):
        raise ValueError("common: expected a table of its own, [common]")
    for key in ("name", "composition", "measured"):
        if key in common:
            raise ValueError(f"{key} stands in [common]; it belongs to one [[system]]")
    scales = data.get("scales", {})
    targets = data.get("target", [])
    made = []
    found = []
    for system in systems:
        if not isinstance(system, Mapping):
            return data
        own = {**common, **system}
        measured = own.pop("measured", {})
        name = own.get("name", "")
        if not isinstance(measured, Mapping):
            raise ValueError(f'measured of [[system]] "{name}": expected a table, such as {{ density = 2.2 }}')
        made.append(own)
        found += [_target(name, quantity, entry) for quantity, entry in measured.items()]
    if not isinstance(scales, Mapping):
        raise ValueError("scales: expected a table of its own, [scales]")
    if isinstance(targets, list):
        targets = [*targets, *found]
        _check_scales(scales, targets)
        data["target"] = [_scaled(target, scales) for target in targets]
    data["system"] = made
    return data


def _target(system: str, quantity: str, entry: Any) -> dict[str, Any]:
    """Return the [[target]] of one entry of ``measured``: a number, or a table with it."""
    if isinstance(entry, Mapping):
        unknown = sorted(set(entry) - OF_MEASURED)
        if unknown:
            known = ", ".join(sorted(OF_MEASURED))
            raise ValueError(f'unknown key "{unknown[0]}" of {quantity} in measured of "{system}"; known: {known}')
        return {"system": system, "quantity": quantity, **entry}
    return {"system": system, "quantity": quantity, "value": entry}


def _check_scales(scales: Mapping[str, Any], targets: list[Any]) -> None:
    """Raise ValueError, for pydantic, for a scale of a quantity that no target gives: mostly a misspelt one."""
    known = list(dict.fromkeys(str(t["quantity"]) for t in targets if isinstance(t, Mapping) and "quantity" in t))
    idle = next((name for name in scales if name not in known), None)
    if idle is not None:
        shown = ", ".join(known) or "none"
        raise ValueError(
            f'[scales] has "{idle}", but no target gives it; given are {shown}.{did_you_mean(idle, known)}'
        )


def _scaled(target: Any, scales: Mapping[str, Any]) -> Any:
    """Return a target with the scale of its quantity, where it has none of its own."""
    if not isinstance(target, Mapping) or "scale" in target or str(target.get("quantity")) not in scales:
        return target
    return {**target, "scale": scales[str(target["quantity"])]}

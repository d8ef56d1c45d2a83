"""The protocols of a [[system]]: how its liquid is run, or its glass made, in each part of a fit."""

from __future__ import annotations

from typing import Any

from glasspot.campaign.plan import GLASS, Protocols
from glasspot.config import FitConfig
from glasspot.presets import preset
from glasspot.protocol import Protocol
from glasspot.system_table import SystemTable

BAR_PER_GPA = 1e4
COMPRESS_PS = 5.0  # of a glass at constant pressure, before it is melted: enough to close the voids of a packing


def protocols_of(config: FitConfig, system: SystemTable) -> Protocols:
    """Return the protocols of a system."""
    md, validation, reference = config.md, config.validation, config.reference
    if system.state == GLASS:
        each = _glass(config, system, md.equilibrate_ps, md.sample_ps)
        return Protocols(
            first=each,
            warm=each,
            refine=_glass(config, system, md.equilibrate_ps, 2 * md.sample_ps),
            validation=_glass(config, system, validation.equilibrate_ps, validation.sample_ps),
            reference=_glass(config, system, reference.equilibrate_ps, reference.sample_ps),
        )
    return Protocols(
        first=_liquid(config, system, "packing", md.first_equilibrate_ps, md.sample_ps),
        warm=_liquid(config, system, "warm", md.equilibrate_ps, md.sample_ps),
        refine=_liquid(config, system, "warm", md.equilibrate_ps, 2 * md.sample_ps),
        validation=_liquid(config, system, "packing", validation.equilibrate_ps, validation.sample_ps),
        reference=_liquid(config, system, "packing", reference.equilibrate_ps, reference.sample_ps),
    )


def _glass(config: FitConfig, system: SystemTable, relax: float, sample: float) -> Protocol:
    numbers: dict[str, Any] = {
        **_common(config, system),
        "melt_temperature": system.melt_temperature,
        "melt_ps": system.melt_ps,
        "rate": system.rate,
        "relax_ps": relax,
        "sample_ps": sample,
    }
    if system.pressure is None:
        return preset("melt-quench-nvt", **numbers)
    pressure = system.pressure * BAR_PER_GPA
    return preset("melt-quench", **numbers, pressure=pressure, compress_ps=COMPRESS_PS, sample="npt")


def _liquid(config: FitConfig, system: SystemTable, start: str, equilibrate: float, sample: float) -> Protocol:
    extra = {"velocities": "keep"} if start == "warm" else {}
    return preset(
        "liquid-pdf", start=start, equilibrate_ps=equilibrate, sample_ps=sample, **_common(config, system), **extra
    )


def _common(config: FitConfig, system: SystemTable) -> dict[str, Any]:
    md = config.md
    return {"temperature": system.temperature, "every_ps": md.every_ps, "timestep": md.timestep_fs / 1000.0}

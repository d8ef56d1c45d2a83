"""Protocols of the literature by name, and quick versions that say what they give up.

``liquid-pdf`` is that of the fits of silica potentials to the ab initio liquid, ``melt-quench`` that of borosilicate
glasses, in a fit to density and four-fold boron; ``melt-quench-nvt`` is for the glasses of a fit, which have a given
density. Any number of a preset can be changed by its name.
Units: time in ps, temperature in K, pressure in bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature

from glasspot.errors import GlasspotError, check_choice, check_keys, did_you_mean
from glasspot.protocol import MOST_STEPS, Protocol, Stage

ATMOSPHERE = 1.01325  # bar
TEXTS = ("start", "velocities", "sample")  # keys of presets that are no numbers


def liquid_pdf(
    temperature: float = 3600.0,
    equilibrate_ps: float = 10.0,
    sample_ps: float = 10.0,
    every_ps: float = 0.02,
    start: str = "packing",
    velocities: str = "draw",
    hot_ps: float = 2.0,
    hot_excess: float = 2000.0,
    timestep: float = 0.001,
) -> Protocol:
    """Return the protocol of the liquid's pair distribution: NVT, 1 fs, 10 ps to equilibrate and 10 ps of samples.

    temperature and hot_excess in K, times in ps. start: "packing" (random positions: minimise, then ``hot_ps`` at
    ``temperature + hot_excess`` so that the packing is forgotten) or "warm" (a configuration of the same liquid: none
    of that). velocities: "draw" or, for a warm start that has them, "keep". A sample each 0.02 ps: those of 0.05 ps
    proved too sparse for the fluctuation fit.
    """
    check_choice(start, ("packing", "warm"), "start")
    check_choice(velocities, ("draw", "keep"), "velocities")
    first: tuple[Stage, ...] = ()
    if start == "packing":
        hot = temperature + hot_excess
        settle = min(0.3, hot_ps)
        first = (Stage("minimise", name="minimise"), Stage("nvt", settle, hot, name="settle", gentle=True))
        if hot_ps > settle:
            first += (Stage("nvt", round(hot_ps - settle, 9), hot, name="forget the packing"),)
    draw = start == "warm" and velocities == "draw"
    return Protocol(
        "liquid-pdf",
        (
            *first,
            Stage("nvt", equilibrate_ps, temperature, name="equilibrate", new_velocities=draw),
            Stage("nvt", sample_ps, temperature, sample_every=every_ps, name="sample"),
        ),
        timestep=timestep,
    )


def melt_quench(
    melt_temperature: float = 3000.0,
    temperature: float = 300.0,
    rate: float = 1.0,
    melt_ps: float = 100.0,
    relax_ps: float = 200.0,
    sample_ps: float = 100.0,
    every_ps: float = 1.0,
    compress_ps: float = 20.0,
    compress_pressure: float = 40000.0 * ATMOSPHERE,
    melt_pressure: float = 20000.0 * ATMOSPHERE,
    pressure: float = 0.0,
    sample: str = "nvt",
    timestep: float = 0.001,
) -> Protocol:
    """Return the melt and quench of the borosilicate glasses, for a start from a random packing.

    Minimise; NVT 300 K 20 ps; NPT 300 K 40,000 atm 20 ps; NPT 3000 K 20,000 atm 100 ps; NPT 3000 K 0 atm 100 ps;
    NPT 3000 -> 300 K at 1 K/ps; NPT 300 K 200 ps; NVT 300 K 100 ps with a frame each ps. About 3000 atoms.
    Temperatures in K, rate in K/ps, times in ps, pressures in bar; ``pressure`` is that of melt, quench and glass. The
    first 0.5 ps of the NVT are gentle (limited moves), which the paper does not need to say. Silica wants a
    melt_temperature of 4500 K or more. sample: "nvt" as in the paper, whose density is that of one moment; "npt" keeps
    the pressure, so that the mean density of the frames is known well in a small box too.
    """
    check_choice(sample, ("nvt", "npt"), "sample")
    quench_ps = _quench_ps("melt-quench", melt_temperature, temperature, rate, timestep)
    settle = min(0.5, compress_ps / 2)
    return Protocol(
        "melt-quench",
        (
            Stage("minimise", name="minimise"),
            Stage("nvt", settle, temperature, name="settle", gentle=True),
            Stage("nvt", round(compress_ps - settle, 9), temperature, name="relax the packing"),
            Stage("npt", compress_ps, temperature, compress_pressure, name="compress"),
            Stage("npt", melt_ps, melt_temperature, melt_pressure, name="melt under pressure"),
            Stage("npt", melt_ps, melt_temperature, pressure, name="melt"),
            Stage("npt", quench_ps, (melt_temperature, temperature), pressure, name="quench"),
            Stage("npt", relax_ps, temperature, pressure, name="relax"),
            Stage("npt", sample_ps, temperature, pressure, sample_every=every_ps, name="sample")
            if sample == "npt"
            else Stage("nvt", sample_ps, temperature, sample_every=every_ps, name="sample"),
        ),
        timestep=timestep,
    )


def melt_quench_nvt(
    melt_temperature: float = 4500.0,
    temperature: float = 300.0,
    rate: float = 100.0,
    melt_ps: float = 10.0,
    relax_ps: float = 10.0,
    sample_ps: float = 10.0,
    every_ps: float = 0.1,
    timestep: float = 0.001,
) -> Protocol:
    """Return a melt and quench at constant volume, for a start from a random packing at the glass's own density.

    Minimise; NVT at ``melt_temperature`` for ``melt_ps``, the first 0.3 ps gentle; a ramp to ``temperature`` at
    ``rate`` (K/ps); ``relax_ps``; ``sample_ps`` with a frame each ``every_ps``. Temperatures in K, times in ps.
    """
    name = "melt-quench-nvt"
    return Protocol(
        name,
        (
            *_quench_at_volume(name, melt_temperature, temperature, rate, melt_ps, timestep),
            Stage("nvt", relax_ps, temperature, name="relax"),
            Stage("nvt", sample_ps, temperature, sample_every=every_ps, name="sample"),
        ),
        timestep=timestep,
    )


def melt_quench_then_npt(
    melt_temperature: float = 4500.0,
    temperature: float = 300.0,
    rate: float = 40.0,
    melt_ps: float = 8.0,
    relax_ps: float = 8.0,
    sample_ps: float = 8.0,
    every_ps: float = 0.1,
    pressure: float = 0.0,
    timestep: float = 0.002,
) -> Protocol:
    """Return a melt and quench at the volume of the start, then a relaxation and samples at constant pressure.

    The order of Ayush, Sahu, Ali and Patra (NVT 5000 K 10 ns, 0.4 K/ps in NVT, NPT 300 K 1 bar), but much faster:
    minimise; NVT at ``melt_temperature`` for ``melt_ps``, the first 0.3 ps gentle; a ramp to ``temperature`` at
    ``rate`` (K/ps); NPT ``relax_ps`` and ``sample_ps`` at ``pressure`` (bar), a frame each ``every_ps``. The start box
    has the density expected of the glass, which the last stages mend. Temperatures in K, times in ps.
    """
    name = "melt-quench-then-npt"
    return Protocol(
        name,
        (
            *_quench_at_volume(name, melt_temperature, temperature, rate, melt_ps, timestep),
            Stage("npt", relax_ps, temperature, pressure, name="relax"),
            Stage("npt", sample_ps, temperature, pressure, sample_every=every_ps, name="sample"),
        ),
        timestep=timestep,
    )


def _quench_at_volume(
    name: str, melt_temperature: float, temperature: float, rate: float, melt_ps: float, timestep: float
) -> tuple[Stage, ...]:
    """Return the stages from a packing to the cold glass at the volume of the start; errors as ``_quench_ps``."""
    quench_ps = _quench_ps(name, melt_temperature, temperature, rate, timestep)
    settle = min(0.3, melt_ps / 2)
    return (
        Stage("minimise", name="minimise"),
        Stage("nvt", settle, melt_temperature, name="settle", gentle=True),
        Stage("nvt", round(melt_ps - settle, 9), melt_temperature, name="melt"),
        Stage("nvt", quench_ps, (melt_temperature, temperature), name="quench"),
    )


def _quench_ps(name: str, melt_temperature: float, temperature: float, rate: float, timestep: float) -> float:
    """Return how long a quench takes, a whole number of steps; GlasspotError for numbers that make no quench."""
    if not rate > 0:
        raise GlasspotError(f"{name}: rate is {rate} K/ps; expected more than 0, such as 1.")
    if not timestep > 0:
        raise GlasspotError(f"{name}: timestep is {timestep} ps; expected more than 0, such as 0.001.")
    if not melt_temperature > temperature:
        raise GlasspotError(
            f"{name}: melt_temperature is {melt_temperature} K; expected more than the final {temperature} K."
        )
    steps = (melt_temperature - temperature) / rate / timestep
    if not steps <= MOST_STEPS:
        raise GlasspotError(
            f"{name}: a quench from {melt_temperature:g} to {temperature:g} K at {rate:g} K/ps in steps of "
            f"{timestep:g} ps takes more than {MOST_STEPS} steps, the most LAMMPS makes in one run; quench faster."
        )
    return max(1, round(steps)) * timestep


@dataclass(frozen=True)
class Preset:
    """The function that builds a protocol, the numbers that differ from its defaults, and what these give up."""

    build: Callable[..., Protocol]
    numbers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


PRESETS = {
    "liquid-pdf": Preset(liquid_pdf),
    "liquid-pdf-quick": Preset(
        liquid_pdf,
        {"equilibrate_ps": 3.0, "sample_ps": 5.0, "hot_ps": 1.0},
        "quick: 3 ps + 5 ps instead of 10 ps + 10 ps. R_chi of 324 atoms then carries a noise of 1.2 to 1.9 %, and a "
        "liquid that relaxes slowly (silica below 3500 K) keeps some memory of its start.",
    ),
    "melt-quench": Preset(melt_quench),
    "melt-quench-nvt": Preset(melt_quench_nvt),
    "melt-quench-then-npt": Preset(melt_quench_then_npt),
    "melt-quench-quick": Preset(
        melt_quench,
        {"rate": 100.0, "melt_ps": 10.0, "relax_ps": 10.0, "sample_ps": 5.0, "every_ps": 0.1, "compress_ps": 4.0},
        "quick: 100 K/ps instead of 1 K/ps. The glass keeps a hotter structure: for borosilicates of 12 and 50 % B2O3 "
        "the density comes out 6 % low and fraction_B4 0.51 instead of 0.82, and 0.30 instead of 0.44.",
    ),
}


def preset(name: str, **numbers: float | str) -> Protocol:
    """Return a preset by its name, with some of its numbers changed.

    Raises GlasspotError for a name or a number that is not known.
    """
    if name not in PRESETS:
        raise GlasspotError(f'unknown protocol "{name}"; expected {", ".join(PRESETS)}.{did_you_mean(name, PRESETS)}')
    chosen = PRESETS[name]
    check_keys(numbers, list(signature(chosen.build).parameters), f'protocol "{name}"')
    for key, value in numbers.items():
        if key not in TEXTS and (
            isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        ):
            raise GlasspotError(f'protocol "{name}": {key} is {value!r}; expected a number, and a finite one.')
    return replace(chosen.build(**{**chosen.numbers, **numbers}), name=name, note=chosen.note)

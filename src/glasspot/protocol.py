"""What is done to a glass, in no engine's words: stages one after another. Presets: :mod:`glasspot.presets`.

Units: time in ps, temperature in K, pressure in bar.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from glasspot.errors import GlasspotError, check_keys, did_you_mean

Kind = Literal["minimise", "nvt", "npt", "nve"]
Ramp = float | tuple[float, float]

KINDS: tuple[str, ...] = get_args(Kind)
HOTTEST = 1e5  # K; far above any melt, far below what overflows
MOST_STEPS = 2**31 - 1  # of one LAMMPS run command


@dataclass(frozen=True)
class Stage:
    """One thing done to the atoms.

    kind: "minimise" (energy, fixed cell), "nvt", "npt" (isotropic) or "nve"; duration in ps, 0 for "minimise".
    temperature: K, or (start, end) for a linear ramp. Needed by "nvt" and "npt"; in "nve" it only sets the
    velocities, when they are drawn. pressure: bar, or (start, end); "npt" only. sample_every: ps between samples,
    the first one after that time; None for none. gentle: limited moves and a Langevin thermostat ("nvt" only), for
    atoms that start badly placed. new_velocities: draw them from the Maxwell distribution, whatever the start had.

    Raises GlasspotError for a combination that means nothing.
    """

    kind: Kind
    duration: float = 0.0
    temperature: Ramp | None = None
    pressure: Ramp | None = None
    sample_every: float | None = None
    name: str = ""
    gentle: bool = False
    new_velocities: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise GlasspotError(
                f'unknown kind of stage "{self.kind}"; expected one of {", ".join(KINDS)}.'
                f"{did_you_mean(str(self.kind), KINDS)}"
            )
        if not isinstance(self.name, str) or not self.name.isprintable():
            raise GlasspotError(f"{self.kind}: name is {self.name!r}; expected text of one line.")
        for key in ("gentle", "new_velocities"):
            if not isinstance(getattr(self, key), bool):
                raise GlasspotError(f"{self.label}: {key} is {getattr(self, key)!r}; expected true or false.")
        object.__setattr__(self, "duration", _number(self, "duration", self.duration))
        object.__setattr__(self, "temperature", _ramp(self, "temperature", self.temperature))
        object.__setattr__(self, "pressure", _ramp(self, "pressure", self.pressure))
        if self.sample_every is not None:
            object.__setattr__(self, "sample_every", _number(self, "sample_every", self.sample_every))
        self._check_times()
        self._check_ensemble()

    def _check_times(self) -> None:
        if self.kind == "minimise":
            if self.duration or self.sample_every is not None:
                raise GlasspotError(f"{self.label}: a minimisation has no duration and no samples; leave both out.")
            return
        if self.duration <= 0:
            raise GlasspotError(f"{self.label}: duration is {self.duration} ps; expected more than 0.")
        if self.sample_every is not None and not 0 < self.sample_every <= self.duration * (1 + 1e-9):
            raise GlasspotError(
                f"{self.label}: sample_every is {self.sample_every} ps; expected more than 0 and at most "
                f"the duration, {self.duration} ps."
            )

    def _check_ensemble(self) -> None:
        if self.kind in ("nvt", "npt") and self.temperature is None:
            raise GlasspotError(f"{self.label}: {self.kind} needs a temperature in K, or [start, end].")
        if self.kind == "minimise" and self.temperature is not None:
            raise GlasspotError(f"{self.label}: a minimisation has no temperature; leave it out.")
        if self.kind == "nve" and isinstance(self.temperature, tuple):
            raise GlasspotError(f"{self.label}: nve has no thermostat, so no ramp; give one temperature or none.")
        if self.temperature is not None and min(_ends(self.temperature)) <= 0:
            raise GlasspotError(f"{self.label}: temperature is {self.temperature} K; expected more than 0.")
        if self.temperature is not None and max(_ends(self.temperature)) > HOTTEST:
            raise GlasspotError(f"{self.label}: temperature is {self.temperature} K; expected at most {HOTTEST:g} K.")
        if self.kind == "npt" and self.pressure is None:
            raise GlasspotError(f"{self.label}: npt needs a pressure in bar, or [start, end]; 0 is the usual one.")
        if self.kind != "npt" and self.pressure is not None:
            raise GlasspotError(f'{self.label}: {self.kind} has no pressure; leave it out, or use kind "npt".')
        if self.gentle and self.kind != "nvt":
            raise GlasspotError(f'{self.label}: gentle is for kind "nvt" only, not "{self.kind}".')
        if self.new_velocities and (self.kind == "minimise" or self.temperature is None):
            raise GlasspotError(f"{self.label}: new_velocities needs a stage of dynamics with a temperature.")

    @property
    def label(self) -> str:
        """The name, or the kind where no name was given."""
        return self.name or self.kind

    @property
    def temperature_ends(self) -> tuple[float, float] | None:
        """Temperature at the start and at the end in K; None where the stage has none."""
        return None if self.temperature is None else _ends(self.temperature)

    @property
    def pressure_ends(self) -> tuple[float, float] | None:
        """Pressure at the start and at the end in bar; None where the stage has none."""
        return None if self.pressure is None else _ends(self.pressure)

    def to_dict(self) -> dict[str, Any]:
        """Return every field as plain JSON values; ramps become lists."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Stage:
        """Return the stage of ``to_dict``, or of a table typed by a user: an unknown key is refused."""
        check_keys(data, [field.name for field in fields(cls)], "stage", needed=("kind",))
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**values)


@dataclass(frozen=True)
class Protocol:
    """Stages in order, with the numbers of integration that all of them share.

    timestep, thermostat_damping and barostat_damping in ps (damping: the relaxation time).
    note: what a user should know, such as what a quick version gives up.
    """

    name: str
    stages: tuple[Stage, ...]
    timestep: float = 0.001
    thermostat_damping: float = 0.1
    barostat_damping: float = 1.0
    note: str = ""

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) and text.isprintable() for text in (self.name, self.note)):
            raise GlasspotError(f"protocol: name and note are lines of text; given {self.name!r} and {self.note!r}.")
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise GlasspotError(f'protocol "{self.name}" has no stage; give at least one.')
        for key in ("timestep", "thermostat_damping", "barostat_damping"):
            value = getattr(self, key)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise GlasspotError(f'protocol "{self.name}": {key} is {value!r}; expected a number of ps above 0.')
            object.__setattr__(self, key, float(value))
        if self.timestep > 0.01:
            raise GlasspotError(
                f'protocol "{self.name}": timestep is {self.timestep} ps; oxides need 0.0005 to 0.002 ps '
                "(times are in ps: 1 fs is 0.001)."
            )
        for stage in self.stages:
            self._check_whole_steps(stage)

    def _check_whole_steps(self, stage: Stage) -> None:
        """A time that is no whole number of steps would be changed behind the user's back."""
        if not stage.duration / self.timestep <= MOST_STEPS:
            raise GlasspotError(
                f"{stage.label}: {stage.duration:g} ps in steps of {self.timestep:g} ps are more than {MOST_STEPS} "
                "steps, the most that LAMMPS makes in one run; shorten the stage, or split it. (Times are in ps.)"
            )
        for key, time in (("duration", stage.duration), ("sample_every", stage.sample_every)):
            if time and (round(time / self.timestep) < 1 or not _is_whole(time / self.timestep)):
                raise GlasspotError(
                    f"{stage.label}: {key} is {time} ps, no whole number of steps of {self.timestep} ps; round it."
                )
        if stage.sample_every and not _is_whole(stage.duration / stage.sample_every):
            raise GlasspotError(
                f"{stage.label}: duration is {stage.duration} ps, no whole number of samples each "
                f"{stage.sample_every} ps; change one of them."
            )

    def steps(self, stage: Stage) -> int:
        """Return the number of time steps of ``stage`` (0 for a minimisation)."""
        return round(stage.duration / self.timestep)

    def steps_between_samples(self, stage: Stage) -> int:
        """Return the number of time steps between two samples, 0 where nothing is sampled."""
        return round(stage.sample_every / self.timestep) if stage.sample_every else 0

    @property
    def total_steps(self) -> int:
        """Time steps of all stages together."""
        return sum(self.steps(stage) for stage in self.stages)

    @property
    def n_samples(self) -> int:
        """Samples of all stages together."""
        return sum(
            self.steps(stage) // self.steps_between_samples(stage) for stage in self.stages if stage.sample_every
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the same protocol always gives the same ones (job hashes are made of them)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "stages": [stage.to_dict() for stage in self.stages]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Protocol:
        """Return the protocol of ``to_dict``; GlasspotError for an unknown or a missing key."""
        check_keys(data, [field.name for field in fields(cls)], "protocol", needed=("name", "stages"))
        if not isinstance(data["stages"], list | tuple):
            raise GlasspotError("protocol: stages is not a list; write [[protocol.stages]] tables.")
        if not all(isinstance(stage, Mapping) for stage in data["stages"]):
            raise GlasspotError("protocol: a stage is not a table; write [[protocol.stages]] tables.")
        stages = tuple(Stage.from_dict(stage) for stage in data["stages"])
        return cls(**{**data, "stages": stages})


def _ends(value: Ramp) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _is_whole(ratio: float) -> bool:
    # Decimal times are not exact in binary: 8.1 / 0.001 is 8100 to within a few 1e-12.
    return abs(ratio - round(ratio)) < 1e-6 * max(1.0, ratio)


def _number(stage: Stage, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GlasspotError(f"{stage.label}: {key} is {value!r}; expected a finite number.")
    return float(value)


def _ramp(stage: Stage, key: str, value: object) -> Ramp | None:
    if value is None:
        return None
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise GlasspotError(f"{stage.label}: {key} has {len(value)} values; expected one, or [start, end].")
        return (_number(stage, key, value[0]), _number(stage, key, value[1]))
    return _number(stage, key, value)

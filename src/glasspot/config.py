"""Strict TOML -> the plain settings of a fit. Unknown keys are refused with a hint; no dict travels further."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from glasspot.campaign.plan import LEARNERS
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.evaluate.job import EngineChoice
from glasspot.files import LARGEST_TOML, parse_toml, read_limited
from glasspot.learning_table import LearningTable, LevelTable
from glasspot.run_table import RunTable
from glasspot.strict import ABOVE, Count, Line, Lines, Number, Positive, StrictTable
from glasspot.system_table import SystemTable, checked_name, spelled_out
from glasspot.target_table import TargetTable

Model = TypeVar("Model", bound=BaseModel)


class PotentialTable(StrictTable):
    """[potential]: where the fit starts and what is free."""

    start: str = "BKS"
    free: list[str] = []
    windows: dict[str, list[Number]] = {}
    windows_percent: dict[str, list[Number]] = {}  # the same, relative to the start
    start_windows_percent: dict[str, list[Number]] = {}  # those of the start set, where they are others
    limits_percent: dict[str, list[Number]] = {}  # how far windows may move, where a method moves them
    coordinates: Literal["decorrelated", "as-given"] = "decorrelated"
    terms: dict[str, list[dict[str, Any]]] = {}  # other short-range terms at the start, pair by pair
    name: str = "fitted"

    @model_validator(mode="after")
    def _sound_name(self) -> PotentialTable:
        checked_name(self.name)
        return self


class MDTable(StrictTable):
    """[md]: each evaluation of the fit."""

    equilibrate_ps: Positive = 3.0
    first_equilibrate_ps: Positive = 6.0  # the first run starts from a random packing
    sample_ps: Positive = 6.0
    every_ps: Positive = 0.02
    timestep_fs: Annotated[Positive, Field(le=5)] = 1.0
    replicas: Count = 1


class ReferenceTable(StrictTable):
    """[reference]: runs of a published potential that serves as the target."""

    runs: Count = 4
    equilibrate_ps: Positive = 10.0
    sample_ps: Positive = 20.0


LEAST_FRAMES = 20  # of a run: two in each of the blocks that tell its error
MethodName = Literal[
    "gauss-newton", "bayes", "cma-es", "conjugate-gradient", "sobol", "multi-objective", "active-learning"
]
# MD runs that a method is given unless told otherwise; learners: evaluations, each of all their glasses.
DEFAULT_RUNS = {
    "gauss-newton": 24, "bayes": 100, "cma-es": 200, "conjugate-gradient": 100, "sobol": 50, "multi-objective": 100,
    "active-learning": 400,
}  # fmt: skip
START_POINTS = {"bayes": 10, "sobol": 10, "multi-objective": 20, "active-learning": 230}


class FitTable(StrictTable):
    """[fit]: the method, or several one after the other, and when it stops."""

    method: Annotated[list[MethodName], Field(min_length=1)] = ["gauss-newton"]
    max_runs: Count | None = None
    max_sets: Count | None = None  # evaluations: each is one run of every system, times the replicas
    patience: int | list[int] | None = None  # one for all methods, or one for each
    start_points: Annotated[Count, Field(ge=2)] | None = None
    batch: Count | None = None
    barrier_eV: Positive = 10.0
    candidates: Count = 3
    selection_runs: Annotated[Count, Field(ge=2)] = 2  # an error needs two

    @model_validator(mode="before")
    @classmethod
    def _one_method(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("method"), str):
            return {**data, "method": [data["method"]]}
        return data

    @field_validator("patience", mode="before")
    @classmethod
    def _counts(cls, value: Any) -> Any:
        given = value if isinstance(value, list) else [value]
        if value is not None and not (given and all(type(x) is int and x >= 1 for x in given)):
            raise ValueError("expected a whole number above zero, or one for each method: [100, 10]")
        return value

    @model_validator(mode="after")
    def _one_patience_a_method(self) -> FitTable:
        if isinstance(self.patience, list) and len(self.patience) != len(self.method):
            raise ValueError(
                f"patience has {len(self.patience)} numbers and method has {len(self.method)} names; give one number, "
                "or one for each method"
            )
        return self

    @model_validator(mode="after")
    def _one_budget(self) -> FitTable:
        if self.max_runs is not None and self.max_sets is not None:
            raise ValueError("give max_runs or max_sets, not both")
        return self

    def runs(self, each: int) -> int:
        """Return the MD runs allowed, where an evaluation takes ``each``: as asked, or as the methods usually need."""
        if self.max_sets is not None:
            return self.max_sets * each
        if self.max_runs is not None:
            return self.max_runs
        return sum(DEFAULT_RUNS[name] * (each if name in LEARNERS else 1) for name in self.method)

    @property
    def points(self) -> int:
        """Points of the start set: as asked, or as the first method that has one usually needs."""
        usual = (START_POINTS[name] for name in self.method if name in START_POINTS)
        return self.start_points or next(usual, 10)


class ValidationTable(StrictTable):
    """[validation]: independent runs that score the start, the fit and published potentials."""

    runs: Annotated[Count, Field(ge=2)] = 4
    equilibrate_ps: Positive = 8.0
    sample_ps: Positive = 10.0
    compare: list[str] = []


class RungTable(StrictTable):
    """[[rung]]: one of several fits of growing complexity, for `glasspot ladder`; the rest is as in [potential]."""

    name: str
    free: Annotated[list[str], Field(min_length=1)]
    windows: dict[str, list[Number]] = {}
    terms: dict[str, list[dict[str, Any]]] = {}

    @model_validator(mode="after")
    def _sound_name(self) -> RungTable:
        checked_name(self.name)
        return self


class EnsembleTable(StrictTable):
    """[ensemble]: potentials drawn about the fitted one, to see what the fit leaves open."""

    members: Annotated[int, Field(ge=0, le=200, strict=True)] = 0
    runs: Annotated[int, Field(ge=1, le=100, strict=True)] = 1  # of each


class EngineTable(StrictTable):
    """[engine]: what runs the MD. The name alone will do: ``engine = "lammps"``, above the first table."""

    name: Literal["auto", "native", "lammps", "ase"] = "auto"
    command: Line | None = None
    threads: Count = 1
    time_limit_s: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, data: Any) -> Any:
        if not isinstance(data, str | dict | EngineTable):
            raise ValueError('expected a name, such as engine = "lammps", or a table [engine]')
        return {"name": data} if isinstance(data, str) else data

    def choice(self, name: str | None = None) -> EngineChoice:
        """Return what was asked for; ``name`` overrules the one of the file."""
        return EngineChoice(name or self.name, self.command, self.time_limit_s, self.threads)


class FitConfig(StrictTable):
    """A fit, as its TOML file says it."""

    title: Line
    description: Lines = ""
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 1
    cautions: list[Lines] = []
    potential: PotentialTable
    system: Annotated[list[SystemTable], Field(min_length=1)]
    md: MDTable = MDTable()
    engine: EngineTable = EngineTable()
    target: Annotated[list[TargetTable], Field(min_length=1)]
    reference: ReferenceTable = ReferenceTable()
    fit: FitTable = FitTable()
    validation: ValidationTable = ValidationTable()
    ensemble: EnsembleTable = EnsembleTable()
    run: RunTable = RunTable()
    rung: list[RungTable] = []
    learning: LearningTable = LearningTable()
    level: list[LevelTable] = []
    scales: dict[str, Positive] = {}  # quantity -> the deviation that counts as 100 %

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        return spelled_out(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _names_of_systems(self) -> FitConfig:
        names = [system.name for system in self.system]
        if len(names) > 1 and (not all(names) or len(set(names)) < len(names)):
            raise ValueError(f"several [[system]] need a name each, all different; got {names}")
        for target in self.target:
            if target.system not in names and (target.system or len(names) > 1):
                known = ", ".join(f'"{name}"' for name in names if name) or "none has a name"
                given = f'system = "{target.system}"' if target.system else "no system"
                raise ValueError(
                    f"the target {target.label} has {given}; expected the name of a [[system]]: {known}."
                    f"{did_you_mean(target.system, names)}"
                )
        empty = next((n for n in names if not any(t.system in (n, "") for t in self.target)), None)
        if empty is not None:
            raise ValueError(
                f'[[system]] "{empty}" has no [[target]]; give one with system = "{empty}", or leave it out'
            )
        return self

    @model_validator(mode="after")
    def _enough_frames(self) -> FitConfig:
        sampled = {"md": self.md.sample_ps, "validation": self.validation.sample_ps}
        if any(target.reference for target in self.target):
            sampled["reference"] = self.reference.sample_ps
        for table, length in sampled.items():
            frames = int(length / self.md.every_ps + 1e-6)
            if frames < LEAST_FRAMES:
                raise ValueError(
                    f"{table}.sample_ps = {length:g} gives {frames} frames, one each md.every_ps = "
                    f"{self.md.every_ps:g}; expected at least {LEAST_FRAMES}: sample longer or more often"
                )
        return self

    @model_validator(mode="before")
    @classmethod
    def _engine_keys_of_md(cls, data: Any) -> Any:
        """Files of before the table [engine] have its keys in [md]."""
        md = data.get("md") if isinstance(data, Mapping) else None
        moved = {key: md[key] for key in ("command", "time_limit_s") if key in md} if isinstance(md, Mapping) else {}
        if not moved or not isinstance(md, Mapping):
            return data
        engine = data.get("engine", {})
        engine = {"name": engine} if isinstance(engine, str) else engine
        twice = next((key for key in moved if key in engine), None)
        if twice is not None:
            raise ValueError(f"{twice} stands in [md] and in [engine]; give it in [engine] only")
        return {**data, "md": {k: v for k, v in md.items() if k not in moved}, "engine": {**engine, **moved}}


def load_fit_config(path: Path) -> FitConfig:
    """Read a fit's TOML; GlasspotError with the file, the key and the remedy when anything in it is wrong."""
    return parse_table(FitConfig, read_toml(path), str(path))


def load_comparison_config(path: Path) -> FitConfig:
    """Read the same file where nothing is fitted: [potential] and its list of free parameters may be left out."""
    data = read_toml(path)
    potential = data.get("potential", {})
    potential = {"free": [], **potential} if isinstance(potential, Mapping) else potential
    return parse_table(FitConfig, {**data, "potential": potential}, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; GlasspotError when it is missing, binary or not TOML."""
    try:
        return parse_toml(read_limited(path, LARGEST_TOML), str(path))
    except FileNotFoundError:
        raise GlasspotError(f"there is no file {path}; expected a TOML file") from None
    except OSError as error:
        raise GlasspotError(f"cannot read {path}: {error.strerror}") from error


def parse_table(model: type[Model], data: Mapping[str, Any], where: str) -> Model:
    """Return ``data`` as ``model``; the first mistake becomes one clear line."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise GlasspotError(f"{where}: {_explain(model, error)}") from None


# What pydantic says of a wrong kind of value, in the words of someone who writes TOML.
WRONG_KIND = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "string_type": 'expected text in quotes, such as "SiO2"',
    "bool_type": "expected true or false",
    "list_type": "expected a list in brackets, or [[...]] for a table",
    "tuple_type": "expected a list in brackets, such as [0.9, 8.0]",
    "model_type": "expected a table of its own, such as [system]",
    "dict_type": "expected a table in braces, such as { name = value }",
    "too_short": "expected at least one entry",
    "too_long": "expected [low, high]",
}

# How its other messages begin, and how ours do.
PYDANTIC = (
    ("Value error, ", ""),
    ("Input should be a ", "expected a "),
    ("Input should be ", "expected a value "),
)
LITERAL = re.compile('"([^"]*)"')


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    # A misspelt key also leaves the right one missing: the misspelling is the better thing to say.
    first = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")[0]
    place = [str(part) for part in first["loc"] if not isinstance(part, int)]
    name = ".".join(place)
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, place[:-1])
        table = f"[{'.'.join(place[:-1])}]" if place[:-1] else "the file"
        if place[:-1] and place[-1] in model.model_fields:
            return f'the key "{place[-1]}" stands in {table}; {ABOVE}'
        return f'unknown key "{place[-1]}" in {table}; known: {", ".join(known)}.{did_you_mean(place[-1], known)}'
    if first["type"] == "missing":
        if isinstance(first["loc"][-1], int):
            return f"{name} has too few values: {first['loc'][-1]}; expected [low, high]"
        return f'the key "{name}" is missing'
    given = first.get("input")
    message = _mistake(first["type"], first["msg"], given, first.get("ctx", {}))
    shown = "" if isinstance(given, dict | BaseModel) else f" (given: {given!r})"
    # What concerns several tables together stands at no one place.
    return f"{name}: {message}{shown}" if name else message


def _mistake(kind: str, message: str, given: Any, context: Mapping[str, Any]) -> str:
    """Return what is wrong with a value in the words of someone who writes TOML."""
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", '"')
        return f"expected {expected}.{did_you_mean(str(given), LITERAL.findall(expected))}"
    if kind in WRONG_KIND:
        return WRONG_KIND[kind]
    for begin, words in PYDANTIC:
        if message.startswith(begin):
            return words + message.removeprefix(begin)
    return message


def _keys_at(model: type[BaseModel], place: list[str]) -> list[str]:
    """Return the keys that the table at ``place`` may have."""
    current = model
    for part in place:
        annotation: Any = current.model_fields[part].annotation
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
        current = next(a for a in inner if issubclass(a, BaseModel))
    return list(current.model_fields)

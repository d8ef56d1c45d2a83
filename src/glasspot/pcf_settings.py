"""From a DATASET.toml to the plan of a set of pair curves: which glasses, how each is made, and what users bring.

::

    title = "Doped sodium borosilicates"
    potential = "BMP"                  # a name of the library, or a .toml file beside this one
    atoms = 1000                       # of each run
    runs = 3                           # of each glass, from other random packings
    seed = 1
    r_max = 10.0                       # A; g_ab(r) from 0 to it
    bin_width = 0.02                   # A
    engine = "auto"                    # auto | native | lammps | ase, or a table [engine]
    glasses = ["SiO2", "90 SiO2 10 BaO"]    # compositions in mol%, as many as you like

    [[fill]]                           # and compositions that fill a range evenly
    number = 12
    base = { SiO2 = [45, 75], B2O3 = [8, 35], Na2O = [10, 30] }      # mol% of the base, least and most
    add = { BaO = [2, 20], ZnO = [2, 20], TiO2 = [2, 20] }           # mol% of the glass; one of these each, in turn

    [protocol]
    preset = "melt-quench-then-npt"    # or any other, or stages: docs/quench.md

    [[own]]                            # and your own: curves, or trajectories, each file one run
    composition = "70 SiO2 30 Na2O"
    curves = ["run1.csv", "run2.csv"]  # r in A, then one column a pair; with the density in g/cm3
    density = 2.47
    # or: trajectories = ["run1.xyz", "run2.xyz"]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from glasspot.campaign.glass_curves import CurvePlan, PlannedGlass, grid
from glasspot.composition import Composition, start_box
from glasspot.config import EngineTable, parse_table, read_toml
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import choose_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.oxides import element_of
from glasspot.pcf.curve_set import FloatArray, GlassCurves
from glasspot.pcf.own_curves import curves_of_files, curves_of_trajectories
from glasspot.pcf.space import Ranges, fill
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol
from glasspot.protocol_table import protocol_of
from glasspot.run_table import RunTable
from glasspot.strict import Line, Number, Positive, StrictTable

HALF_BOX = 0.5
MOST_RUNS = 50
MOST_GLASSES = 2000  # the time to spread them over a range grows with the square of their number


class FillTable(StrictTable):
    """[[fill]]: glasses that fill a range evenly."""

    number: Annotated[int, Field(ge=1, le=2000, strict=True)]
    base: Annotated[dict[str, Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(min_length=1)]
    add: dict[str, Annotated[list[Number], Field(min_length=2, max_length=2)]] = Field(default_factory=dict)

    @property
    def ranges(self) -> Ranges:
        """The table as ranges."""
        base, add = ({name: (ends[0], ends[1]) for name, ends in table.items()} for table in (self.base, self.add))
        return Ranges(base, add)


class OwnTable(StrictTable):
    """[[own]]: a glass of the user's."""

    composition: str
    curves: list[str] = Field(default_factory=list)
    trajectories: list[str] = Field(default_factory=list)
    density: Positive | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> OwnTable:
        if bool(self.curves) == bool(self.trajectories):
            raise ValueError("give curves = [files] or trajectories = [files], one of the two")
        if self.curves and self.density is None:
            raise ValueError("curves need the density of the glass in g/cm3, such as density = 2.47")
        return self


class DatasetConfig(StrictTable):
    """A set of curves, as its TOML file says it."""

    title: Line = ""
    potential: str = ""
    atoms: Annotated[int, Field(ge=100, le=30000, strict=True)] = 1000
    runs: Annotated[int, Field(ge=1, le=MOST_RUNS, strict=True)] = 3
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 1
    r_max: Annotated[Positive, Field(ge=4, le=30)] = 10.0
    bin_width: Annotated[Positive, Field(ge=0.01, le=0.2)] = 0.02
    engine: EngineTable = EngineTable()
    glasses: list[str] = Field(default_factory=list)
    fill: list[FillTable] = Field(default_factory=list)
    protocol: dict[str, Any] = Field(default_factory=dict)
    own: list[OwnTable] = Field(default_factory=list)
    run: RunTable = RunTable()


def load_dataset_plan(path: Path, engine: str | None = None) -> tuple[CurvePlan, RunTable]:
    """Return the plan of a DATASET.toml and where it runs; ``engine`` overrules that of the file.

    GlasspotError, before anything is written, for whatever in it cannot be done.
    """
    table = read_toml(path)
    config = parse_table(DatasetConfig, table, str(path))
    n_bins = round(config.r_max / config.bin_width)
    given = tuple(_own(own, path.parent, grid(config.r_max, n_bins)) for own in config.own)
    to_simulate = bool(config.glasses or config.fill)
    if not to_simulate and not given:
        raise GlasspotError(f"{path} names no glass; give glasses = [...], [[fill]] tables or [[own]] tables.")
    if to_simulate and (not config.potential or not config.protocol):
        raise GlasspotError(f'{path} has glasses to simulate; give potential = "..." and a table [protocol].')
    protocol: Protocol | None = None
    glasses: tuple[PlannedGlass, ...] = ()
    notes: list[str] = []
    choice = config.engine.choice(engine)
    if to_simulate:
        protocol = protocol_of(config.protocol, str(path), DatasetConfig.model_fields)
        if protocol.n_samples < 8:
            raise GlasspotError(f"{path}: the protocol hands out {protocol.n_samples} frames; 8 or more are needed.")
        published = load_potential(config.potential, folder=path.resolve().parent)
        glasses = tuple(_planned(config, published, path))
        choice, note = _engine(choice, glasses)
        notes = [note for note in (note, *published.cautions, protocol.note) if note]
    plan = CurvePlan(
        title=config.title or path.stem,
        glasses=glasses,
        protocol=protocol,
        engine=choice,
        runs=config.runs,
        seed=config.seed,
        r_max=config.r_max,
        n_bins=n_bins,
        given=given,
        notes=tuple(notes),
        source={**config.model_dump(exclude={"run"}), "engine": choice.spec()},
    )
    return plan, config.run


def _planned(config: DatasetConfig, published: Potential, path: Path) -> Iterable[PlannedGlass]:
    """Yield the glasses that are written out, then those that fill ranges; each once."""
    number = len(config.glasses) + sum(table.number for table in config.fill)
    if number > MOST_GLASSES:
        raise GlasspotError(f"{path} asks for {number} glasses; expected at most {MOST_GLASSES}, make several sets.")
    chosen = [Composition.parse(text) for text in config.glasses]
    for k, table in enumerate(config.fill):
        suits = partial(_can_be_made, atoms=config.atoms, published=published)
        chosen += fill(table.ranges, table.number, chosen, config.seed + k, suits)
    names: set[str] = set()
    for composition in chosen:
        glass = _glass(composition, config, published)
        if glass.name in names:
            raise GlasspotError(f"{path}: the glass {glass.name} stands twice; a glass is simulated in several runs.")
        names.add(glass.name)
        yield glass


def _can_be_made(composition: Composition, atoms: int, published: Potential) -> bool:
    """Tell whether the potential takes a glass: rules of composition have a domain."""
    try:
        counts = composition.atom_counts(atoms, published.counting_charges)
        published.for_composition(counts.composition, counts.counts)
    except GlasspotError:
        return False
    return True


def _glass(composition: Composition, config: DatasetConfig, published: Potential) -> PlannedGlass:
    atoms = composition.atom_counts(config.atoms, published.counting_charges)
    elements = [element_of(species) for species in atoms.counts]
    if len(set(elements)) < len(elements):
        raise GlasspotError(f"{composition} holds an element in two valences; pair curves are of elements.")
    length, _ = start_box(atoms, None)
    if HALF_BOX * length < config.r_max:
        raise GlasspotError(
            f"r_max is {config.r_max:g} A, but half the box of {atoms.n_atoms} atoms of {composition} is "
            f"{HALF_BOX * length:.3g} A; take more atoms, or r_max = {int(HALF_BOX * length * 10) / 10:g}."
        )
    name = " ".join(f"{share:.1f} {oxide}" for oxide, share in atoms.composition.mole_percent.items())
    chosen = published.for_composition(atoms.composition, atoms.counts)
    return PlannedGlass(name, atoms, chosen, length)


def _engine(choice: EngineChoice, glasses: Sequence[PlannedGlass]) -> tuple[EngineChoice, str]:
    """Return the engine that runs every glass: the same for all, so that the curves are of one kind."""
    found = [choose_engine(choice, glass.system) for glass in glasses]
    other = next((pair for pair in found if pair[0] != found[0][0]), None)
    if other is None:
        return found[0]
    slower = next(pair for pair in found if pair[0].name == "lammps")
    for glass in glasses:
        choose_engine(slower[0], glass.system)
    return slower


def _own(own: OwnTable, folder: Path, r: FloatArray) -> GlassCurves:
    composition = Composition.parse(own.composition)
    paths = [folder / name for name in (own.curves or own.trajectories)]
    if own.curves:
        return curves_of_files(paths, composition, r, own.density or 0.0)
    return curves_of_trajectories(paths, r, composition)

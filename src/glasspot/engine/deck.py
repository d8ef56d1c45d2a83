"""The text that LAMMPS runs: the potential as an include with its tables, and the protocol as an input script.

Nothing a user typed is pasted into it: names of species are checked, names of stages are cleaned, numbers are written
from floats. Units ``metal``: A, ps, eV, bar, K. Sources of the settings: the LAMMPS manual of 22 July 2025.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspot import __version__
from glasspot.engine import learned_deck
from glasspot.engine.base import Simulation, thermo_every
from glasspot.engine.cell import LammpsCell, data_file
from glasspot.engine.dump import STAGE_MARK, THERMO_KEYWORDS
from glasspot.errors import GlasspotError
from glasspot.oxides import atomic_mass, is_species
from glasspot.potential import tables
from glasspot.potential.coulomb import PPPM
from glasspot.potential.learned import AnyPotential, LearnedPotential
from glasspot.potential.model import Potential, ThreeBody
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame

INPUT, DATA, INCLUDE, TABLE, THREE_BODY = (
    "in.lammps",
    "start.data",
    "potential.include",
    "potential.table",
    "potential.nb3b",
)
LOG, FINAL, README = "log.lammps", "final.bin", "README.txt"

# Relative RMS force error of the tables. Glasses of many species get a little more: their forces are steeper, so the
# same error would take tables that no cache holds. Measured on melts: 6e-6 for silica, 1e-5 for borosilicates.
FINE_ERROR, USUAL_ERROR = 1e-5, 2e-5
PPPM_ORDER = 7  # the fastest at equal accuracy for glasses of 500 to 3000 atoms on one core
LIMITED_MOVE = 0.05  # A a step, in gentle stages; an oxygen at 6000 K moves 0.02 A in 1 fs
GENTLE_DAMPING = 0.05  # ps, of the Langevin thermostat
MINIMISE = "minimize 1.0e-4 1.0e-2 200 1000"  # only to part atoms that start too close


def samples_file(stage: int) -> str:
    """Return the name of the dump of a sampling stage."""
    return f"samples-{stage}.bin"


def write_lammps_potential(potential: AnyPotential, species: Sequence[str], folder: Path) -> str:
    """Write ``potential.include`` with its tables, or its model files, into ``folder``; return the include's text.

    species: the elements of LAMMPS's types 1, 2, ... The include runs as it is in any input script with
    ``units metal`` and ``atom_style charge``, after the box exists. GlasspotError for a name that is no species.
    """
    for name in species:
        if not is_species(name):
            raise GlasspotError(f'"{name}" is no name of a species; expected an element such as "Si", or "Fe3".')
    if isinstance(potential, LearnedPotential):
        return learned_deck.write(potential, species, folder / INCLUDE)
    n_points = tables.points_for(potential, FINE_ERROR if len(species) <= 2 else USUAL_ERROR, species)
    tables.write_lammps_table(folder / TABLE, tables.tabulate(potential, species, n_points))
    if _acts_on(potential.three_body, species):
        (folder / THREE_BODY).write_text(three_body_file(potential.three_body, species))
    text = _include_text(potential, species, n_points)
    (folder / INCLUDE).write_text(text)
    return text


def _include_text(potential: Potential, species: Sequence[str], n_points: int) -> str:
    """Return the settings: pair style and coefficients, charges, and kspace where the potential asks for PPPM."""
    coulomb = potential.coulomb
    style = f"table linear {n_points}" + (" pppm" if isinstance(coulomb, PPPM) else "")
    has_three_body = _acts_on(potential.three_body, species)
    kind = "table " if has_three_body else ""
    lines = [
        f"# {_clean(potential.name)}, written by glasspot {__version__}: units metal, atom_style charge, newton on.",
        f"# {_clean(potential.source)} {_clean(potential.doi)}".rstrip(),
        f"# Types: {', '.join(f'{k} {name}' for k, name in enumerate(species, 1))}."
        " The tables hold the short range, the real-space Coulomb term and the wall.",
        f"pair_style {'hybrid/overlay ' if has_three_body else ''}{style}{' nb3b/screened' if has_three_body else ''}",
    ]
    for i, a in enumerate(species):
        for j, b in enumerate(species[i:], i):
            lines.append(f"pair_coeff {i + 1} {j + 1} {kind}{TABLE} {tables.Tables.keyword(a, b)}")
    if has_three_body:
        lines.append(f"pair_coeff * * nb3b/screened {THREE_BODY} {' '.join(species)}")
    lines += [f"set type {k} charge {potential.charge(name)!r}" for k, name in enumerate(species, 1)]
    if isinstance(coulomb, PPPM):
        lines.append(f"kspace_style pppm {coulomb.accuracy!r}")
        lines.append(f"kspace_modify gewald {coulomb.g_ewald!r} order {PPPM_ORDER}")
    return "\n".join(lines) + "\n"


def _acts_on(terms: Sequence[ThreeBody], species: Sequence[str]) -> bool:
    return any({term.centre, *term.ends} <= set(species) for term in terms)


def three_body_file(terms: Sequence[ThreeBody], species: Sequence[str]) -> str:
    """Return the file of ``pair_style nb3b/screened``: an entry for every triplet, the centre first.

    Both orders of the two ends are written: with one of them missing the energy would depend on the order of the
    neighbours. LAMMPS takes an arm's cut-off from the entry with two equal ends, so that one must carry it even where
    its own K is zero; two terms that want different cut-offs for one arm raise GlasspotError.
    """
    by_triplet = {(t.centre, *ends): t for t in terms for ends in (t.ends, t.ends[::-1])}
    lines = ["# centre end end K theta0 rho cutoff   (K in eV/rad^2 without a factor 1/2, degrees, A, A)"]
    for centre in species:
        for a in species:
            for b in species:
                term = by_triplet.get((centre, a, b))
                cutoff = _arm_cutoff(by_triplet, centre, a, species)
                if term is None:
                    lines.append(f"{centre} {a} {b} 0.0 0.0 1.0 {cutoff!r}")
                    continue
                if term.r_cut != cutoff:
                    raise GlasspotError(
                        f"three-body terms {centre}-{a} have the cut-offs {cutoff} and {term.r_cut} A; "
                        "LAMMPS nb3b/screened takes one cut-off for each arm: give them the same."
                    )
                lines.append(f"{centre} {a} {b} {term.K!r} {term.theta0!r} {term.rho!r} {term.r_cut!r}")
    return "\n".join(lines) + "\n"


def _arm_cutoff(
    by_triplet: dict[tuple[str, str, str], ThreeBody], centre: str, end: str, species: Sequence[str]
) -> float:
    own = by_triplet.get((centre, end, end))
    if own is not None:
        return own.r_cut
    return max((by_triplet[key].r_cut for other in species if (key := (centre, end, other)) in by_triplet), default=0.0)


def write_run_folder(simulation: Simulation, folder: Path, threads: int, skin: float) -> LammpsCell:
    """Write everything LAMMPS needs into ``folder`` and return the orientation of the cell in it."""
    frame, potential = simulation.start, simulation.potential
    cell = LammpsCell.of(frame)
    write_lammps_potential(potential, frame.species, folder)
    (folder / DATA).write_text(data_text(potential, frame))
    (folder / INPUT).write_text(
        input_script(simulation.protocol, frame, simulation.seed, threads, skin, simulation.looks)
    )
    return cell


def data_text(potential: AnyPotential, frame: Frame) -> str:
    """Return LAMMPS's data file of ``frame``, with the charges of ``potential`` and the standard atomic masses."""
    charges = {name: potential.charge(name) for name in frame.species}
    masses = {name: atomic_mass(name) for name in frame.species}
    return data_file(frame, LammpsCell.of(frame), charges, masses)


def input_script(
    protocol: Protocol, frame: Frame, seed: int, threads: int, skin: float, looks: frozenset[int] = frozenset()
) -> str:
    """Return the input script: all stages of ``protocol`` one after another, in one run of the program.

    looks: stages whose rare samples are to be looked at only; they tell of themselves as often as one without samples.
    """
    head = f"""\
# {_clean(protocol.name)}: {frame.n_atoms} atoms, {protocol.total_steps} steps; written by glasspot {__version__}.
units metal
atom_style charge
boundary p p p
newton on
if "$(is_available(pair,table/omp)) == 1" then "package omp {threads:d}" "suffix omp"
read_data {DATA}
include {INCLUDE}
neighbor {float(skin)!r} bin
neigh_modify every 1 delay 0 check yes
timestep {protocol.timestep!r}
thermo_style custom {THERMO_KEYWORDS}
thermo_modify flush yes format float %.12g
"""
    seeds = np.random.SeedSequence(seed).generate_state(2 * len(protocol.stages)) % 899_999_999 + 1
    has_velocities = frame.velocities is not None
    blocks = []
    for index, stage in enumerate(protocol.stages):
        blocks.append(
            _stage_text(
                protocol,
                index,
                stage,
                _rows_every(protocol, stage, frame.n_atoms, index in looks),
                seeds[2 * index : 2 * index + 2].tolist(),
                has_velocities,
            )
        )
        has_velocities = has_velocities or stage.kind != "minimise"
    tail = f"write_dump all custom {FINAL} id type x y z vx vy vz\n"
    return "\n".join([head, *blocks, tail])


def _rows_every(protocol: Protocol, stage: Stage, n_atoms: int, looked_at: bool) -> int:
    """Return the steps between two lines of the log; a sample falls on one of them."""
    every = thermo_every(protocol, stage, n_atoms)
    if not looked_at:
        return every
    usual = thermo_every(protocol, replace(stage, sample_every=None), n_atoms)
    return max(divisor for divisor in range(1, min(every, usual) + 1) if every % divisor == 0)


def _stage_text(protocol: Protocol, index: int, stage: Stage, rows: int, seeds: list[int], moving: bool) -> str:
    """Return the lines of one stage; ``moving`` tells whether the atoms have velocities already."""
    lines = [
        f"# stage {index}: {_clean(stage.label)}",
        f'print "{STAGE_MARK} {index}"',
        "reset_timestep 0",
        f"thermo {rows}",
    ]
    if stage.kind == "minimise":
        return "\n".join([*lines, "min_style cg", "min_modify dmax 0.1", MINIMISE, ""])
    if stage.temperature_ends is not None and (stage.new_velocities or not moving):
        lines.append(f"velocity all create {stage.temperature_ends[0]!r} {seeds[0]} mom yes rot no dist gaussian")
    fixes = _motion(protocol, stage, seeds[1])
    lines += [f"fix motion{k} all {fix}" for k, fix in enumerate(fixes)]
    every = protocol.steps_between_samples(stage)
    if every:
        lines.append(f"dump samples all custom {every} {samples_file(index)} id type x y z")
    lines.append(f"run {protocol.steps(stage)}")
    if every:
        lines.append("undump samples")
    lines += [f"unfix motion{k}" for k in range(len(fixes))]
    if stage.gentle:
        lines.append("velocity all zero linear")  # limited moves do not conserve momentum
    return "\n".join([*lines, ""])


def _motion(protocol: Protocol, stage: Stage, seed: int) -> list[str]:
    """Return the fixes that move the atoms."""
    if stage.temperature_ends is None or stage.kind == "nve":
        return ["nve"]
    heat = f"{stage.temperature_ends[0]!r} {stage.temperature_ends[1]!r}"
    if stage.gentle:
        return [f"nve/limit {LIMITED_MOVE}", f"langevin {heat} {GENTLE_DAMPING} {seed} zero yes"]
    thermostat = f"temp {heat} {protocol.thermostat_damping!r}"
    if stage.pressure_ends is None:
        return [f"nvt {thermostat}"]
    press = f"{stage.pressure_ends[0]!r} {stage.pressure_ends[1]!r}"
    return [f"npt {thermostat} iso {press} {protocol.barostat_damping!r}"]


def _clean(text: str) -> str:
    """Return text that can stand in a comment of an input script: one line, and no character LAMMPS reads."""
    return re.sub(r"[^\w .,:;/()+-]", " ", text.replace("\n", " "), flags=re.ASCII).strip()

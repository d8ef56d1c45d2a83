"""From a fit's checked TOML to the plan of the campaign: names are looked up, files read, protocols made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.campaign.plan import FitPlan, Protocols, SimulatedTarget
from glasspot.composition import AtomCounts, Composition, box_length, start_box
from glasspot.config import FitConfig, SystemTable, TargetTable
from glasspot.curves import pick_column, read_csv_columns
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import choose_engine
from glasspot.evaluate.job import Observe
from glasspot.evaluate.observe import check_response
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.protocol import Protocol
from glasspot.structure.frames import Frame, species_order
from glasspot.structure.pairs import pair_labels, pair_row
from glasspot.target import CurveTarget, curve_target
from glasspot.units import density_from_mass

TOTAL = "total"
COMPOSITION_TOLERANCE = 0.01  # difference of an element's atomic fraction: rounding to whole units, not another glass
DENSITY_TOLERANCE = 0.01


def fit_plan(config: FitConfig, folder: Path, engine: str | None = None) -> tuple[FitPlan, list[str]]:
    """Return the plan of a fit and what was decided for the user on the way; files are relative to ``folder``.

    engine: overrules the name in the file. GlasspotError for a potential, file, column or range that is not there or
    does not fit.
    """
    notes: list[str] = []
    composition = Composition.parse(config.system.composition, config.system.basis)
    start = load_potential(config.potential.start, folder=folder)
    atoms = composition.atom_counts(config.system.atoms, start.counting_charges)
    notes += [composition.note, atoms.note]
    glass = _Glass(atoms.composition, dict(atoms.counts))
    base = glass.fill_in(start)
    counts = glass.counts
    length, density_note = _cell_length(config.system, atoms)
    notes.append(density_note)
    glass = replace(glass, volume=length**3)
    space = ParameterSpace.build(base, config.potential.free, config.potential.windows)
    _check_start(space, base)
    _check_pairs(config.target, counts)
    targets = tuple(_target(table, folder, glass, notes) for table in config.target)
    check_response(base, Observe(base.r_max, 1, response=space))
    compare = tuple(glass.fill_in(load_potential(name, folder=folder)) for name in config.validation.compare)
    _check_names(config.potential.name, base, compare)
    plan = FitPlan(
        title=config.title,
        description=config.description,
        cautions=tuple(config.cautions),
        seed=config.seed,
        name=config.potential.name,
        space=space,
        counts=counts,
        cell_length=length,
        temperature=config.system.temperature,
        protocols=_protocols(config),
        engine=config.engine.choice(engine),
        targets=targets,
        compare=compare,
        replicas=config.md.replicas,
        max_runs=config.fit.max_runs,
        barrier=config.fit.barrier_eV,
        candidates=config.fit.candidates,
        selection_runs=config.fit.selection_runs,
        validation_runs=config.validation.runs,
        reference_runs=config.reference.runs,
        source=_source(config, folder),
    )
    choice, engine_note = choose_engine(plan.engine, plan.system)
    notes.append(engine_note)
    plan = replace(plan, engine=choice, source={**plan.source, "engine": choice.spec()})
    return plan, [note for note in notes if note]


@dataclass(frozen=True)
class _Glass:
    """The glass as it is simulated: whole atom counts, and the composition that they make exactly."""

    composition: Composition
    counts: dict[str, int]
    volume: float = 0.0  # A^3

    def fill_in(self, potential: Potential) -> Potential:
        """Return the potential with what it takes from the composition, such as a balanced charge."""
        return potential.for_composition(self.composition, self.counts)


def _cell_length(system: SystemTable, atoms: AtomCounts) -> tuple[float, str]:
    """Return the edge of the cube in A, and a note where its density had to be estimated."""
    if system.box is not None:
        density = density_from_mass(atoms.mass, system.box**3)
        if not 0.01 < density < 30:
            raise GlasspotError(
                f"system.box {system.box:g} A holds {atoms.n_atoms} atoms at {density:.3g} g/cm3; expected the "
                f"edge of the cube in A, such as {box_length(atoms.counts, 2.2):.2f} for 2.2 g/cm3"
            )
        return system.box, ""
    return start_box(atoms, system.density)


def _check_start(space: ParameterSpace, base: Potential) -> None:
    """Refuse a window that does not hold the value at the start: the fit could not even stand there."""
    for name, place in zip(space.names, space.to_cube(base), strict=True):
        if not -1e-9 <= place <= 1 + 1e-9:
            low, high = space.windows()[name]
            raise GlasspotError(
                f"the window of {name} is {low:.6g} to {high:.6g}, but the start {base.name} has "
                f"{space.values(base)[name]:.6g}; widen the window, or start elsewhere"
            )


def _check_pairs(tables: Sequence[TargetTable], counts: Mapping[str, int]) -> None:
    """Refuse a target of a pair that the system does not have, and two targets of one pair, before anything is run."""
    labels = pair_labels(species_order(counts))
    seen: dict[int | None, str] = {}
    for table in tables:
        if table.pair.count("-") != 1 and table.pair != TOTAL:
            raise GlasspotError(f'target.pair is "{table.pair}"; expected "{TOTAL}" or one of {", ".join(labels)}')
        row = None if table.pair == TOTAL else pair_row(labels, table.pair)
        if row in seen:
            raise GlasspotError(
                f"two targets are g(r) of one pair, {seen[row]} and {table.pair}; give one [[target]] a pair "
                "(several columns of a file are averaged)"
            )
        seen[row] = table.pair


def _check_names(fitted: str, start: Potential, compare: Sequence[Potential]) -> None:
    """Refuse potentials that the report could not tell apart by their names."""
    names = [fitted, start.name, *(potential.name for potential in compare if potential.name != start.name)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise GlasspotError(
            f'two potentials of this fit have the name "{twice}"; the fitted one (potential.name), the start and those '
            "of validation.compare must differ"
        )


def _protocols(config: FitConfig) -> Protocols:
    md, validation, reference = config.md, config.validation, config.reference
    common: dict[str, Any] = {
        "temperature": config.system.temperature,
        "every_ps": md.every_ps,
        "timestep": md.timestep_fs / 1000.0,
    }

    def liquid(start: str, equilibrate: float, sample: float) -> Protocol:
        extra = {"velocities": "keep"} if start == "warm" else {}
        return preset("liquid-pdf", start=start, equilibrate_ps=equilibrate, sample_ps=sample, **common, **extra)

    return Protocols(
        first=liquid("packing", md.first_equilibrate_ps, md.sample_ps),
        warm=liquid("warm", md.equilibrate_ps, md.sample_ps),
        refine=liquid("warm", md.equilibrate_ps, 2 * md.sample_ps),
        validation=liquid("packing", validation.equilibrate_ps, validation.sample_ps),
        reference=liquid("packing", reference.equilibrate_ps, reference.sample_ps),
    )


def _target(table: TargetTable, folder: Path, glass: _Glass, notes: list[str]) -> CurveTarget | SimulatedTarget:
    pair = None if table.pair == TOTAL else table.pair
    label = f"g(r) {table.pair}"
    if table.reference is not None:
        potential = glass.fill_in(load_potential(table.reference, folder=folder))
        if table.range[1] - table.range[0] < 4 * table.bin_width:
            raise GlasspotError(f"{label}: range {list(table.range)} holds fewer than four bins; widen it")
        return SimulatedTarget(label, pair, potential, table.range, table.bin_width, table.weight)
    if table.trajectory is not None:
        return _from_trajectory(table, folder / table.trajectory, pair, label, glass, notes)
    return _from_file(table, folder / str(table.file), pair, label, glass, notes)


def _from_file(
    table: TargetTable, path: Path, pair: str | None, label: str, glass: _Glass, notes: list[str]
) -> CurveTarget:
    columns = read_csv_columns(path)
    names = list(columns)
    r_name = table.r_column or names[0]
    chosen = table.columns or names[1:2]
    if not chosen or r_name in chosen or len(set(chosen)) < len(chosen):
        raise GlasspotError(
            f"{path}: a target needs a column of distances and other columns, each once, for g(r); got "
            f"r_column {r_name}, columns {', '.join(chosen) or 'none'} of {', '.join(names)}"
        )
    r = pick_column(columns, r_name, path)
    values = np.array([pick_column(columns, name, path) for name in chosen]) * _norm(table, pair, glass)
    error = None
    if len(values) > 1:
        # Columns of one curve are repeats of the same measurement (blocks of a trajectory): their mean is the target.
        error = values.std(0, ddof=1) / np.sqrt(len(values))
        notes.append(f"{label}: mean of {len(values)} columns of {path.name}, error from their scatter")
    return curve_target(label, pair, r, values.mean(0), table.range, error, table.weight)


def _norm(table: TargetTable, pair: str | None, glass: _Glass) -> float:
    """Return what turns a curve counted over N(N-1) pairs into ours, over N^2, for a reference of the same size."""
    if table.like_pairs == "N^2":
        return 1.0
    if pair is None:
        number = sum(glass.counts.values())
    else:
        a, b = pair.split("-")
        number = glass.counts.get(a, 0) if a == b else 0
    return (number - 1) / number if number else 1.0


def _from_trajectory(
    table: TargetTable, path: Path, pair: str | None, label: str, glass: _Glass, notes: list[str]
) -> CurveTarget:
    from glasspot.structure.pdf import pair_distribution, total
    from glasspot.structure.readers import read_frames

    frames = read_frames(path)
    _check_same_glass(frames[0], path, glass, notes)
    distribution = pair_distribution(frames, table.range[1], table.bin_width)
    notes.append(f"{label}: from {len(frames)} frames of {path.name}")
    if pair is None:
        values, error = total(distribution)
        return curve_target(label, pair, distribution.r, values, table.range, error, table.weight)
    row = distribution.index(pair)
    error = None if distribution.error is None else distribution.error[row]
    return curve_target(label, pair, distribution.r, distribution.g[row], table.range, error, table.weight)


def _check_same_glass(frame: Frame, path: Path, glass: _Glass, notes: list[str]) -> None:
    """Refuse a trajectory of another composition; say so when its density is another one."""
    given, asked = frame.counts, glass.counts
    shares = {e: (given.get(e, 0) / frame.n_atoms, asked.get(e, 0) / sum(asked.values())) for e in {*given, *asked}}
    if any(abs(ours - theirs) > COMPOSITION_TOLERANCE for theirs, ours in shares.values()):
        raise GlasspotError(
            f"{path} holds {', '.join(f'{n} {e}' for e, n in given.items())}, which is not the composition of [system] "
            f"({', '.join(f'{n} {e}' for e, n in asked.items())}); fit each composition to its own reference"
        )
    density = sum(asked.values()) / glass.volume
    if abs(frame.n_atoms / frame.volume / density - 1) > DENSITY_TOLERANCE:
        notes.append(f"{path.name} has {frame.n_atoms / frame.volume:.4f} atoms/A^3, [system] has {density:.4f}")


def _source(config: FitConfig, folder: Path) -> dict[str, Any]:
    """Return the settings that decide the results, with the content of every file they name; the engine is not yet
    among them.
    """
    settings: dict[str, Any] = config.model_dump(mode="json", exclude={"run", "title", "description", "engine"})
    files = [t.file or t.trajectory for t in config.target]
    potentials = [config.potential.start, *config.validation.compare, *(t.reference for t in config.target)]
    files += [name for name in potentials if name and name.endswith(".toml")]
    settings["files"] = {name: _digest(folder / name) for name in files if name}
    return settings


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise GlasspotError(f"cannot read {path}: {error.strerror}") from error

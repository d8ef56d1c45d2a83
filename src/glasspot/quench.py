"""Make a glass: pack, run the protocol, look at the structure, and keep all of it in one folder.

Written at the end, provenance.json last, so that a folder that holds it is whole:

    glass.extxyz, glass.data   the last configuration, with velocities
    frames.extxyz              up to 200 sampled frames (those that were analysed)
    thermo.csv                 temperature, pressure, density, energy along the run
    trust.csv, to-label.extxyz how sure a machine-learned potential was of what it met, written as the run goes
    provenance.json            what was asked, with which versions, when and where, and how long it took
    native/ or lammps/         the run itself as its engine left it; LAMMPS's can be run again by hand

The structure (curves, figures, summary.json) is written by the report, see ``glasspot.cli.quench``.
"""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glasspot.engine import deck
from glasspot.engine.base import EngineFailure, OnProgress, Sample, Simulation, ThermoRow
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System, check_system, make_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.files import write_text
from glasspot.mlip.following import Follower, Judged
from glasspot.mlip.verdict import Verdict, judge_record, summarise, verdict
from glasspot.potential.learned import AnyPotential, LearnedPotential, distances_of
from glasspot.protocol import Protocol
from glasspot.provenance import provenance
from glasspot.structure.analysis import Analysis, Options, analyse
from glasspot.structure.frames import Frame, cell_matrix
from glasspot.structure.packing import random_packing
from glasspot.structure.readers import write_frames
from glasspot.structure.soundness import judge, together
from glasspot.structure.topology import cutoff_matrix

MOST_FRAMES = 200
PROVENANCE = "provenance.json"
THERMO_COLUMNS = (
    *("stage", "name", "time_ps", "temperature_K", "pressure_bar"),
    *("density_g_cm3", "potential_energy_eV", "total_energy_eV"),
)


@dataclass(frozen=True)
class QuenchPlan:
    """One glass to make. counts: species -> atoms; cell_length of the start box in A; notes and cautions for people."""

    title: str
    composition: str
    counts: Mapping[str, int]
    cell_length: float
    potential: AnyPotential
    protocol: Protocol
    seed: int
    engine: EngineChoice
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()

    @property
    def n_atoms(self) -> int:
        """Atoms of all species together."""
        return sum(self.counts.values())

    @property
    def system(self) -> System:
        """What the engine will be asked to run."""
        return System((self.potential,), tuple(self.counts), cell_matrix(self.cell_length))

    def run_folder(self, folder: Path) -> Path:
        """Return where the engine works, inside the folder of the glass."""
        return folder / self.engine.name


@dataclass(frozen=True)
class Glass:
    """What came of it: the last state, sampled frames, and their structure (of the last state without them).

    trust: what a machine-learned potential was worth in this run, None of a pair potential.
    """

    final: Sample
    frames: tuple[Frame, ...]
    analysis: Analysis
    seconds: float
    atom_steps_per_s: float
    trust: Verdict | None = None


def check_quench(plan: QuenchPlan, folder: Path) -> None:
    """Raise GlasspotError, before anything is written, when the folder is taken or the engine cannot run it."""
    if folder.is_file():
        raise GlasspotError(f"{folder} is a file; --out expects a folder.")
    if folder.is_dir() and any(folder.iterdir()):
        what = "holds a glass already" if (folder / PROVENANCE).exists() else "is not empty"
        raise GlasspotError(f"{folder} {what}; choose another --out, or remove it.")
    check_system(plan.engine, plan.system)


def make_glass(
    plan: QuenchPlan,
    folder: Path,
    on_progress: OnProgress | None = None,
    on_look: Callable[[Judged], None] | None = None,
) -> Glass:
    """Run the plan in ``folder`` and return the glass; see :func:`write_glass`.

    on_look: called with each frame of a machine-learned potential that was judged. Raises EngineFailure when the run
    does not end well: the folder then holds the run and its log, and no results but those of :class:`Follower`.
    """
    check_quench(plan, folder)
    began = time.monotonic()
    start = random_packing(plan.counts, plan.cell_length, plan.seed, _room(plan.potential))
    cutoff_matrix(start, plan.cutoffs)  # a wrong pair is met now, not after the run
    follower = _follower(plan, folder, on_look)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GlasspotError(f"cannot write in {folder}: {error.strerror}; choose another --out.") from error
    simulation = Simulation(plan.potential, start, plan.protocol, plan.seed)
    if follower is not None:
        simulation = replace(simulation, protocol=follower.protocol, looks=follower.looks)
    try:
        with follower or contextlib.nullcontext():
            frames, final = _run(plan, simulation, plan.run_folder(folder), on_progress, follower)
    except EngineFailure as failure:
        if failure.reason == "no-program":
            # Nothing was run: leave the folder free for the next try.
            shutil.rmtree(plan.run_folder(folder), ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    seconds = time.monotonic() - began
    analysis = analyse(frames or [final.frame], Options(cutoffs=plan.cutoffs))
    trust = None if follower is None else _verdict(plan, follower, frames or [final.frame], plan.run_folder(folder))
    speed = plan.protocol.total_steps * plan.n_atoms / seconds
    return Glass(final, tuple(frames), analysis, seconds, speed, trust)


def _follower(plan: QuenchPlan, folder: Path, on_look: Callable[[Judged], None] | None) -> Follower | None:
    """Return what looks at the run of a machine-learned potential."""
    if not isinstance(plan.potential, LearnedPotential):
        return None
    return Follower(plan.potential, plan.protocol, folder, on_look)


def _verdict(plan: QuenchPlan, follower: Follower, frames: list[Frame], run: Path) -> Verdict:
    """Return what the model was worth in a run that ended well; ``frames``: those of the glass."""
    reference = follower.calibration.reference if follower.calibration is not None else None
    record = judge_record(make_engine(plan.engine).thermo(run), plan.protocol, plan.n_atoms)
    return verdict(
        follower.potential,
        follower.calibration,
        summarise(follower.judged, plan.protocol),
        together(judge(frames, reference), record),
        len(follower.chosen),
        follower.seconds,
        follower.problem,
    )


def _room(potential: AnyPotential) -> dict[tuple[str, str], float]:
    """Return the least distances (A) of a packing that the potential asks for: none of a pair potential."""
    return distances_of(potential.closest) if isinstance(potential, LearnedPotential) else {}


def _run(
    plan: QuenchPlan,
    simulation: Simulation,
    folder: Path,
    on_progress: OnProgress | None,
    follower: Follower | None,
) -> tuple[list[Frame], Sample]:
    """Return up to MOST_FRAMES frames of the last stage that the plan samples, evenly spaced, and the last state."""
    protocol = plan.protocol
    sampling = [index for index, stage in enumerate(protocol.stages) if stage.sample_every]
    last = sampling[-1] if sampling else None
    every = 1
    if last is not None:
        stage = protocol.stages[last]
        every = -(-protocol.steps(stage) // protocol.steps_between_samples(stage) // MOST_FRAMES)
    frames: list[Frame] = []
    seen = 0
    run = make_engine(plan.engine).run(simulation, folder, on_progress)
    try:
        for sample in run:
            if sample.final:
                return frames, sample
            if sample.stage == last:
                seen += 1
                if seen % every == 0:
                    frames.append(sample.frame)
            if follower is not None:
                follower.take(sample)
    finally:
        run.close()  # type: ignore[attr-defined]  # a generator: closing it stops the program
    raise EngineFailure("crash", "the engine ended without a last configuration")


def write_glass(plan: QuenchPlan, glass: Glass, folder: Path) -> None:
    """Write the configurations and the thermodynamic record."""
    final = glass.final.frame
    write_frames(folder / "glass.extxyz", final)
    (folder / "glass.data").write_text(deck.data_text(plan.potential, final))
    if glass.frames:
        write_frames(folder / "frames.extxyz", glass.frames)
    _write_thermo(plan.protocol, make_engine(plan.engine).thermo(plan.run_folder(folder)), folder / "thermo.csv")


def _write_thermo(protocol: Protocol, rows: list[ThermoRow], path: Path) -> None:
    """Write the lines of the run's record; the time runs through all stages, a minimisation takes none."""
    begins = [0.0]
    for stage in protocol.stages:
        begins.append(begins[-1] + stage.duration)
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(THERMO_COLUMNS)
        for row in rows:
            stage = protocol.stages[row.stage]
            time_ps = begins[row.stage] + (0.0 if stage.kind == "minimise" else row.step * protocol.timestep)
            numbers = (row.temperature_K, row.pressure_bar, row.density, row.energy_eV, row.total_energy_eV)
            writer.writerow([row.stage, stage.label, f"{time_ps:.6g}", *(f"{number:.8g}" for number in numbers)])


def write_provenance(plan: QuenchPlan, glass: Glass, folder: Path) -> None:
    """Write provenance.json, whole or not at all: the last file of a glass."""
    write_text(folder / PROVENANCE, json.dumps(_provenance(plan, glass, folder), indent=2) + "\n")


def _provenance(plan: QuenchPlan, glass: Glass, folder: Path) -> dict[str, Any]:
    potential = plan.potential
    return {
        "title": plan.title,
        "composition": plan.composition,
        "atoms": dict(plan.counts),
        "start_box_A": plan.cell_length,
        "seed": plan.seed,
        "potential": {"id": potential.potential_id, **potential.to_dict()},
        "protocol": plan.protocol.to_dict(),
        "notes": list(plan.notes),
        "cautions": list(plan.cautions),
        **provenance(),
        "engine": plan.engine.spec(),
        plan.engine.name: make_engine(plan.engine).version(plan.run_folder(folder)) or "unknown",
        **({} if glass.trust is None else {"trust": glass.trust.to_dict()}),
        "seconds": round(glass.seconds, 2),
        "atom_steps_per_s": round(glass.atom_steps_per_s),
    }

"""Run one job in its folder: on any machine, in any process. A failed simulation is an Outcome with its reason."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glasspot import __version__
from glasspot.engine.base import Engine, EngineFailure, Progress, Simulation
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.evaluate.job import OUTCOME_FILE, EngineChoice, Job, Outcome, Packing, write_outcome
from glasspot.evaluate.observe import STRUCTURE_FRAMES, PairObserver, check_response
from glasspot.evaluate.structure import structure_arrays
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

PROGRESS_FILE = "progress.json"


def make_engine(choice: EngineChoice) -> Engine:
    """Return the engine a job names; GlasspotError for an unknown name."""
    if choice.name == "lammps":
        from glasspot.engine.lammps import LammpsEngine

        return LammpsEngine(command=choice.command, time_limit_s=choice.time_limit_s)
    raise GlasspotError(f'unknown engine "{choice.name}"; expected "lammps".{did_you_mean(choice.name, ["lammps"])}')


def run_job(job: Job, start: Frame | None, folder: Path) -> str:
    """Run ``job`` in ``folder``, leave its outcome there, and return its key.

    ``start`` is the configuration to continue from, None for a random packing. An outcome already in the folder is
    kept: the job finished earlier, while nobody was there to take its result.
    """
    if (folder / OUTCOME_FILE).is_file():
        return job.key
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    try:
        outcome = _simulate(job, start, folder)
    except EngineFailure as failure:
        texts = {"log_tail": failure.log_tail, "provenance": provenance(job)}
        outcome = Outcome(job.key, False, failure.reason, str(failure), {}, {}, texts)
    except GlasspotError as error:
        outcome = Outcome(job.key, False, "input", str(error), {}, {}, {"provenance": provenance(job)})
    numbers = dict(outcome.numbers)
    numbers["seconds"] = time.perf_counter() - began
    outcome = Outcome(outcome.key, outcome.ok, outcome.reason, outcome.message, numbers, outcome.arrays, outcome.texts)
    write_outcome(outcome, folder)
    return job.key


def _simulate(job: Job, start: Frame | None, folder: Path) -> Outcome:
    check_response(job.potential, job.observe)
    if isinstance(job.start, Packing):
        start = random_packing(job.start.counts, job.start.cell_length, job.start.seed)
    if start is None:
        raise GlasspotError("the configuration to continue from is missing")
    engine = make_engine(job.engine)
    pairs = PairObserver(job.observe, job.potential)
    kept: list[Frame] = []
    final: Frame | None = None
    thermo: list[tuple[float, float, float, float]] = []
    spent_folding = 0.0
    every = max(1, job.protocol.n_samples // STRUCTURE_FRAMES)
    simulation = Simulation(job.potential, start, job.protocol, job.seed)
    began = time.perf_counter()
    for sample in engine.run(simulation, folder, on_progress=_progress_writer(folder)):
        if sample.final:
            final = sample.frame
            continue
        clock = time.perf_counter()
        pairs.add(sample.frame)
        if job.observe.structure and len(pairs.histograms) % every == 0:
            kept.append(sample.frame)
        thermo.append((sample.time_ps, sample.energy_eV, sample.temperature_K, sample.pressure_bar))
        spent_folding += time.perf_counter() - clock
    if final is None:
        raise EngineFailure("crash", "the engine ended without a last configuration", "")
    engine_seconds = time.perf_counter() - began - spent_folding
    arrays = pairs.arrays()
    arrays["thermo"] = np.array(thermo)
    arrays["final_positions"] = final.positions
    arrays["final_cell"] = final.cell
    if final.velocities is not None:
        arrays["final_velocities"] = final.velocities
    arrays["final_types"] = final.types
    numbers = {
        "temperature_K": float(arrays["thermo"][:, 2].mean()),
        "pressure_bar": float(arrays["thermo"][:, 3].mean()),
        "energy_eV": float(arrays["thermo"][:, 1].mean()),
        "density": final.density,
        "engine_seconds": engine_seconds,
        "atom_steps": float(job.protocol.total_steps) * final.n_atoms,
    }
    if job.observe.structure:
        anion = min(final.species, key=job.potential.charge)
        more_numbers, more_arrays = structure_arrays(kept, anion, job.observe)
        numbers |= more_numbers
        arrays |= more_arrays
    texts = {
        "labels": list(pairs.labels),
        "species": list(final.species),
        "counts": dict(final.counts),
        "provenance": provenance(job),
    }
    return Outcome(job.key, True, "", "", numbers, arrays, texts)


def final_frame(outcome: Outcome) -> Frame:
    """Return the last configuration of a finished job."""
    return Frame(
        positions=outcome.arrays["final_positions"],
        cell=outcome.arrays["final_cell"],
        species=tuple(outcome.texts["species"]),
        types=outcome.arrays["final_types"],
        velocities=outcome.arrays.get("final_velocities"),
    )


def provenance(job: Job) -> dict[str, str]:
    """Return versions, kind of machine and time, for the record kept with each outcome."""
    import scipy

    return {
        "glasspot": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "host": platform.node(),
        "engine": job.engine.name if job.engine.command is None else f"{job.engine.name}: {job.engine.command}",
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _progress_writer(folder: Path) -> Callable[[Progress], None]:
    """Return a callback that leaves the run's progress in its folder, where a driver on any machine can read it."""

    def write(progress: Progress) -> None:
        text = json.dumps(
            {
                "stage": progress.stage_name,
                "step": progress.step,
                "total_steps": progress.total_steps,
                "seconds": progress.seconds,
                "atom_steps_per_s": progress.atom_steps_per_s,
            }
        )
        temporary = folder / (PROGRESS_FILE + ".part")
        temporary.write_text(text)
        os.replace(temporary, folder / PROGRESS_FILE)

    return write

"""Run one job in its folder: on any machine, in any process. A failed simulation is an Outcome with its reason."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspot.engine.base import Engine, EngineFailure, Progress, Sample, Simulation
from glasspot.errors import GlasspotError
from glasspot.evaluate.elastic import elastic_moduli
from glasspot.evaluate.engines import make_engine
from glasspot.evaluate.job import OUTCOME_FILE, Job, Outcome, Packing, write_outcome
from glasspot.evaluate.observe import STRUCTURE_FRAMES, PairObserver, check_response
from glasspot.evaluate.progress import ProgressFile
from glasspot.evaluate.structure import structure_arrays
from glasspot.execute.lost import NO_MORE_FILE, JobLostError, NotBegunError
from glasspot.files import UnwritableError
from glasspot.provenance import provenance
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

LOCK_FILE = "worker.lock"


def run_job(job: Job, start: Frame | None, folder: Path) -> str:
    """Run ``job`` in ``folder``, leave its outcome there, and return its key.

    ``start`` is the configuration to continue from, None for a random packing. An outcome already in the folder is
    kept: the job finished earlier, while nobody was there to take its result. A job that another worker still runs (of
    a driver that is gone) is waited for. UnwritableError where the folder cannot be written, JobLostError where the
    engine's program was ended from outside: neither says anything about the job, so neither leaves an outcome.
    NotBegunError where no more jobs are to begin.
    """
    if (folder.parent / NO_MORE_FILE).exists():
        raise NotBegunError(job.key)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not (folder / OUTCOME_FILE).is_file():
            _run_here(job, start, folder)
    return job.key


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the job's folder for this worker; the lock dies with the process, on any machine."""
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # On a file system without locks only the driver's own lock keeps two workers from one job.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # its file server was away meanwhile; what the job left counts, not its lock
            os.close(handle)


def _run_here(job: Job, start: Frame | None, folder: Path) -> None:
    """Run the job and leave its outcome."""
    engine = make_engine(job.engine)
    tell = ProgressFile(folder)
    tell(Progress("", 0, job.protocol.total_steps, 0.0, 0.0))
    began = time.perf_counter()
    try:
        outcome = _simulate(job, start, engine, folder, tell)
    except EngineFailure as failure:
        if failure.reason == "killed":
            raise JobLostError(str(failure)) from failure
        outcome = Outcome(job.key, False, failure.reason, str(failure), texts={"log_tail": failure.log_tail})
    except UnwritableError:
        raise  # says nothing about the job: not an outcome to remember
    except GlasspotError as error:
        outcome = Outcome(job.key, False, "input", str(error))
    numbers = {**outcome.numbers, "seconds": time.perf_counter() - began}
    texts = {**outcome.texts, "provenance": _provenance(job, engine, folder)}
    write_outcome(replace(outcome, numbers=numbers, texts=texts), folder)


def _simulate(job: Job, start: Frame | None, engine: Engine, folder: Path, tell: Callable[[Progress], None]) -> Outcome:
    check_response(job.potential, job.observe)
    if isinstance(job.start, Packing):
        start = random_packing(job.start.counts, job.start.cell_length, job.start.seed)
    if start is None:
        raise GlasspotError("the configuration to continue from is missing")
    fold = _Fold(job)
    final: Frame | None = None
    began = time.perf_counter()
    for sample in engine.run(Simulation(job.potential, start, job.protocol, job.seed), folder, tell):
        if sample.final:
            final = sample.frame
        else:
            fold.add(sample)
    if final is None:
        raise EngineFailure("crash", "the engine ended without a last configuration", "")
    engine_seconds = time.perf_counter() - began - fold.seconds
    numbers, arrays = fold.results()
    if job.observe.elastic:
        numbers |= elastic_moduli(engine, job.potential, final, folder / "elastic", job.seed)
    numbers |= {
        "engine_seconds": engine_seconds,
        "atom_steps": float(job.protocol.total_steps) * final.n_atoms,
    }
    texts = {"labels": list(fold.pairs.labels), "species": list(final.species), "counts": dict(final.counts)}
    return Outcome(job.key, True, numbers=numbers, arrays=arrays | _configuration(final), texts=texts)


class _Fold:
    """Folds the samples of a run into numbers and arrays, and times itself."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pairs = PairObserver(job.observe, job.potential)
        self.kept: list[Frame] = []  # for angles and coordination
        self.thermo: list[tuple[float, float, float, float]] = []
        self.densities: list[float] = []  # they differ where the pressure is constant
        self.volumes: list[float] = []
        self.every = max(1, job.protocol.n_samples // STRUCTURE_FRAMES)
        self.seconds = 0.0

    def add(self, sample: Sample) -> None:
        """Take one sample."""
        clock = time.perf_counter()
        self.pairs.add(sample.frame)
        self.densities.append(sample.frame.density)
        self.volumes.append(sample.frame.volume)
        if self.job.observe.structure and len(self.pairs.histograms) % self.every == 0:
            self.kept.append(sample.frame)
        self.thermo.append((sample.time_ps, sample.energy_eV, sample.temperature_K, sample.pressure_bar))
        self.seconds += time.perf_counter() - clock

    def results(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Return what the samples gave: means and curves."""
        arrays = self.pairs.arrays()
        arrays["thermo"] = np.array(self.thermo)
        names = ("energy_eV", "temperature_K", "pressure_bar")
        numbers = {name: float(mean) for name, mean in zip(names, arrays["thermo"][:, 1:].mean(0), strict=True)}
        if self.job.observe.structure:
            more_numbers, more_arrays = structure_arrays(self.kept, self.job.observe)
            numbers |= more_numbers
            arrays |= more_arrays
        # Over all frames: those of the structure are fewer.
        numbers |= {"density": float(np.mean(self.densities)), "volume": float(np.mean(self.volumes))}
        return numbers, arrays


def _configuration(frame: Frame) -> dict[str, np.ndarray]:
    """Return a frame as arrays; :func:`final_frame` reads them."""
    arrays = {"final_positions": frame.positions, "final_cell": frame.cell, "final_types": frame.types}
    return arrays if frame.velocities is None else arrays | {"final_velocities": frame.velocities}


def final_frame(outcome: Outcome) -> Frame:
    """Return the last configuration of a finished job."""
    return Frame(
        positions=outcome.arrays["final_positions"],
        cell=outcome.arrays["final_cell"],
        species=tuple(outcome.texts["species"]),
        types=outcome.arrays["final_types"],
        velocities=outcome.arrays.get("final_velocities"),
    )


def _provenance(job: Job, engine: Engine, folder: Path) -> dict[str, str]:
    """Return what made this outcome, with the engine's own version where it told one."""
    command = {"engine command": job.engine.command} if job.engine.command else {}
    return {"engine": engine.name, engine.name: engine.version(folder) or "unknown", **command, **provenance()}

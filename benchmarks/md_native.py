"""The native engine's side of the MD benchmark. Everything runs in worker processes of the library's own executor.

So the machine code that a worker compiles is its own affair: one of them may not use AVX-512 at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from lammps_runs import pin
from md_systems import TIMESTEP, Melt

from glasspot.engine.base import Simulation
from glasspot.engine.native.compiling import compile_for
from glasspot.engine.native.field import FORCES, update
from glasspot.engine.native.system import System
from glasspot.engine.native.trajectory import Trajectory
from glasspot.execute.local import LocalPool
from glasspot.protocol import Protocol
from glasspot.structure.frames import Frame

# numba goes by the features, not by the name of the processor, so that both must be told.
WITHOUT_AVX512 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}


class Timing(NamedTuple):
    """A timed stage: seconds a step, the share of the core that it had (1: all of it), and the code that ran."""

    seconds_per_step: float
    cpu_share: float
    instructions: str

    @property
    def cpu_seconds_per_step(self) -> float:
        """Seconds of processor time: what counts where other processes take part of the core."""
        return self.seconds_per_step * self.cpu_share


class Worker:
    """One process. environment: what is added to its environment; core: the core it keeps to, None for its parent's."""

    def __init__(self, environment: Mapping[str, str] | None = None, core: int | None = None) -> None:
        self._executor = LocalPool(1)
        with _added(environment or {}):
            self.features = self.call(_begin, core)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin ``function(*arguments)``."""
        return self._executor.submit(function, *arguments)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(*arguments)``."""
        return self.submit(function, *arguments).result()

    def close(self) -> None:
        """End the process."""
        self._executor.shutdown()


def worker_without_avx512() -> Worker:
    """Return a worker whose machine code has no AVX-512: all that numba compiles in it, not the engine's alone."""
    worker = Worker(WITHOUT_AVX512)
    if "+avx512" in worker.features:
        raise RuntimeError(f"numba was told to leave AVX-512 out, and did not: {worker.features}")
    return worker


@contextmanager
def _added(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# what a worker does


def _begin(core: int | None) -> str:
    """Keep to a core; return the features that numba compiles for."""
    from numba.core.registry import cpu_target

    if core is not None:
        pin(core)
    return " ".join(str(part) for part in cpu_target.target_context.codegen().magic_tuple())


def make(melt: Melt, quick: bool = False) -> Frame:
    """Return a start configuration of the melt, with velocities."""
    trajectory = Trajectory(melt.making(quick))
    compile_for(trajectory.system)
    for _ in trajectory.rows():
        pass
    return trajectory.frame(with_velocities=True)


def time_steps(melt: Melt, frame: Frame, steps: int, seed: int = 1, begin_at: float | None = None) -> Timing:
    """Time a stage of ``steps`` from its first line, when forces are known, to its last: sorting and lists included.

    begin_at: when to begin, by ``time.perf_counter``, so that two processes begin together.
    """
    protocol = Protocol("timed", (melt.stage(steps),), TIMESTEP)
    trajectory = Trajectory(Simulation(melt.potential, frame, protocol, seed=seed))
    compile_for(trajectory.system)
    rows = trajectory.rows()
    next(rows)
    if begin_at is not None:
        _wait(begin_at)
    start, cpu_start = time.perf_counter(), time.process_time()
    for row in rows:
        last = row.step
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    assert last == steps
    return Timing(seconds / steps, cpu / seconds, instructions_of(trajectory.system))


def _wait(begin_at: float) -> None:
    """Wait without sleeping, so that the core stays awake; RuntimeError when it is too late already."""
    if time.perf_counter() > begin_at:
        raise RuntimeError("a replica was not ready in time; is the machine busy with something else?")
    while time.perf_counter() < begin_at:
        pass


def instructions_of(system: System) -> str:
    """Return the machine code in words, such as "avx512, degree 5"."""
    return f"{type(system.variant).__name__.lower()}, degree {system.variant.tables.degree}"


def forces(melt: Melt, frame: Frame) -> np.ndarray:
    """Return the forces (n, 3) in eV/A as a step computes them."""
    system = System(frame, melt.potential)
    _, _, _, problem = update(system.variant, system.field, system.x, system.lengths, FORCES)
    assert problem == 0
    found = np.empty((system.n, 3))
    found[system.order] = system.field.forces.reshape(-1, 4)[: system.n, :3]
    return found

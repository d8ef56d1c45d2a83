"""What every engine checks and tells while it runs: limit of time, numbers that are none, boiling, heat, progress.

An engine makes one Watch for a run and calls, as the run goes::

    watch.enter(stage)         when a stage begins
    watch.take(row)            for each line of its record: "nan", "boiled"
    watch.sampled(row)         for each line that belongs to a sample it hands out
    watch.tick()               a few times a second: "time-limit", and Progress once a second
    watch.finish()             when the last stage has ended well: "too-hot", and the last Progress

Each may raise EngineFailure. What only one engine meets it says by ``failure``, with ``where()`` for the place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import sqrt

from glasspot.engine.base import EngineFailure, OnProgress, Progress, Reason, Simulation, ThermoRow

PROGRESS_S = 1.0
# Default limits of time, far beyond any healthy run: the slowest setting (PPPM, one old core) makes 1e5 atom-steps/s.
START_LIMIT_S = 120.0
SLOWEST_ATOM_STEPS_PER_S = 1e4
BOILED = 3.0  # times the volume of the start; melts of oxides expand by 10 to 40 %
HOT = 0.15  # relative excess of a sampling stage's mean temperature that no working thermostat leaves


class Watch:
    """Follows one run of ``simulation`` from its first moment, which is when the Watch is made.

    time_limit_s: None for a generous one from the size of the run. log_tail: returns the last lines of the engine's
    log, for the failures. ``row`` is the last line that was taken, None before the first; ``seconds`` since the start.
    """

    def __init__(
        self,
        simulation: Simulation,
        time_limit_s: float | None,
        on_progress: OnProgress | None,
        log_tail: Callable[[], str] = lambda: "",
    ) -> None:
        self.simulation = simulation
        self.protocol = simulation.protocol
        self.row: ThermoRow | None = None
        atom_steps = self.protocol.total_steps * simulation.start.n_atoms
        self._limit_s = START_LIMIT_S + atom_steps / SLOWEST_ATOM_STEPS_PER_S if time_limit_s is None else time_limit_s
        self._on_progress = on_progress
        self._log_tail = log_tail
        self._stage = 0
        self._start_density = simulation.start.density
        self._temperatures: dict[int, list[float]] = {}
        self._began = self._last_progress = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def enter(self, stage: int) -> None:
        """Say that ``stage``, an index into the protocol's stages, has begun."""
        self._stage = stage

    def take(self, row: ThermoRow) -> None:
        """Take a line of the record. Raises EngineFailure "nan" for what is no number, "boiled" for a box blown up."""
        self.row = row
        if not row.is_finite:
            raise self.failure("nan", f"energy, temperature or pressure became no number {self.where()}.")
        if row.density < self._start_density / BOILED:
            raise self.failure(
                "boiled",
                f"the box has grown to {self._start_density / row.density:.1f} times its volume {self.where()}: "
                "the melt has boiled. Lower its temperature, or keep it under pressure.",
            )

    def sampled(self, row: ThermoRow) -> None:
        """Keep the temperature of a sample for the check at the end."""
        self._temperatures.setdefault(row.stage, []).append(row.temperature_K)

    def tick(self) -> None:
        """Tell the progress once a second. Raises EngineFailure "time-limit" for a run past its limit."""
        if self.seconds > self._limit_s:
            raise self.failure(
                "time-limit",
                f"the run took longer than its limit of {self._limit_s:g} s {self.where()}; "
                "it was stopped. Give a larger time limit, or a shorter protocol.",
            )
        if time.monotonic() - self._last_progress >= PROGRESS_S:
            self._report()

    def finish(self) -> None:
        """Check the mean temperature of every stage that sampled ("too-hot"), and tell the last progress."""
        for stage, found in self._temperatures.items():
            if stage not in self.simulation.looks:
                self._check_temperature(stage, found)
        self._report()

    def where(self) -> str:
        """Return the place of the last line, to stand in a sentence: 'at step 120 of stage "melt"'."""
        if self.row is None:
            return "before its first step"
        return f'at step {self.row.step} of stage "{self.protocol.stages[max(self.row.stage, 0)].label}"'

    def failure(self, reason: Reason, message: str) -> EngineFailure:
        """Return a failure of this run, with the tail of its log."""
        return EngineFailure(reason, message, self._log_tail())

    def _check_temperature(self, stage: int, found: list[float]) -> None:
        """A thermostat that cannot hold its temperature has atoms falling into a hole of the potential."""
        ends = self.protocol.stages[stage].temperature_ends
        if ends is None or self.protocol.stages[stage].kind == "nve":
            return
        asked, mean = sum(ends) / 2, sum(found) / len(found)
        # A mean of few samples of few atoms scatters: var T / T^2 = 2 / (3 n) for each.
        scatter = sqrt(2 / (3 * self.simulation.start.n_atoms * len(found)))
        if mean > asked * (1 + HOT + 4 * scatter):
            raise self.failure(
                "too-hot",
                f"the mean temperature of the samples is {mean:.0f} K, {asked:.0f} K was asked: atoms have fused, "
                "or the time step is too long. Look at the potential's barrier at short distance.",
            )

    def _report(self) -> None:
        if self._on_progress is None:
            return
        self._last_progress = time.monotonic()
        row, stages = self.row, self.protocol.stages
        step = sum(self.protocol.steps(stage) for stage in stages[: self._stage])
        if row is not None and row.stage == self._stage and stages[self._stage].kind != "minimise":
            step += row.step
        seconds = self.seconds
        self._on_progress(
            Progress(
                stage_name=stages[self._stage].label,
                step=step,
                total_steps=self.protocol.total_steps,
                seconds=seconds,
                atom_steps_per_s=step * self.simulation.start.n_atoms / seconds if seconds > 0 else 0.0,
                temperature_K=row.temperature_K if row else None,
                density=row.density if row else None,
            )
        )

"""A run of a machine-learned potential looked at while it goes: how sure is the model of what it meets?

    follower = Follower(potential, protocol, folder)
    simulation = Simulation(potential, start, follower.protocol, seed, follower.looks)
    with follower:
        for sample in engine.run(simulation, ...):
            follower.take(sample)
    follower.judged

Written into the folder as the run goes, so that a run that fails or is stopped leaves them too:

    trust.csv          stage, name, time_ps, temperature_K, RMS and largest uncertainty (eV/A), atoms_above, unsound
    to-label.extxyz    the worst frames of each stage (:mod:`glasspot.mlip.labelling`), where there are such
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.base import Sample
from glasspot.errors import GlasspotError
from glasspot.mlip.labelling import FILE, Candidate, choose, write_candidates
from glasspot.mlip.looking import first_that_counts, is_due, looked_at, temperature_at
from glasspot.mlip.trust import has_committee, spreads
from glasspot.mlip.trust_file import calibration_of
from glasspot.potential.learned import LearnedPotential
from glasspot.protocol import Protocol
from glasspot.structure.faults import FAILURE, Finding
from glasspot.structure.soundness import judge

TABLE = "trust.csv"
COLUMNS = (
    *("stage", "name", "time_ps", "temperature_K", "rms_uncertainty_eV_A", "largest_uncertainty_eV_A"),
    *("atoms_above", "unsound"),
)
SHARE = 0.08  # of the time of a run that its judging may take
FUSED = "too close"  # such a frame is of no use to an ab initio program


@dataclass(frozen=True)
class Judged:
    """One frame that was looked at. time_ps: from the start of the run. rms, largest: uncertainty of an atom, eV/A,
    nan where it is not known. above: atoms above the threshold, None where there is none. unsound: kinds of failures.
    """

    stage: int
    stage_name: str
    time_ps: float
    temperature_K: float
    atoms: int
    rms: float
    largest: float
    above: int | None
    unsound: tuple[str, ...] = ()


class Follower:
    """Takes the samples of a run of ``protocol`` in ``folder``; ``tell`` is called with each frame that was judged.

    Frames wait until judging them keeps to its SHARE of the time, then go to LAMMPS together. Closing it judges what
    waits and writes what is not written. ``protocol``: the one to run, which samples every stage; ``looks``: the stages
    that sample for this only. ``seconds``: that judging took. ``problem``: why frames could not be judged, or "".
    """

    def __init__(
        self,
        potential: LearnedPotential,
        protocol: Protocol,
        folder: Path,
        tell: Callable[[Judged], None] | None = None,
    ) -> None:
        self.potential = potential
        self.protocol, self.looks = looked_at(protocol)
        self.calibration = calibration_of(potential)
        self.knows = has_committee(potential)
        self.folder = folder
        self.judged: list[Judged] = []
        self.chosen: list[Candidate] = []
        self.seconds = 0.0
        self.problem = ""
        self._tell = tell
        self._waiting: list[Sample] = []
        self._candidates: list[Candidate] = []
        self._rest = 0.0  # seconds that must pass before the next batch
        self._ended = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._judge()
        finally:
            self._write_candidates()

    def take(self, sample: Sample) -> None:
        """Take a sample of the run; judge those that wait where it is time."""
        if sample.final or not is_due(self.protocol, self.protocol.stages[sample.stage], sample.time_ps):
            return
        self._waiting.append(sample)
        if time.monotonic() - self._ended >= self._rest:
            self._judge()

    # judging

    def _judge(self) -> None:
        """Judge the frames that wait; they wait on where this is interrupted."""
        if not self._waiting:
            return
        began = time.monotonic()
        waiting = list(self._waiting)
        uncertain = self._uncertainties(waiting)
        found = [self._judged(sample, u) for sample, u in zip(waiting, uncertain, strict=True)]
        del self._waiting[: len(waiting)]
        with (self.folder / TABLE).open("a", newline="") as handle:
            csv.writer(handle).writerows([*([] if self.judged else [COLUMNS]), *(_row(one) for one in found)])
        self.judged += found
        self._write_candidates()
        self._ended = time.monotonic()
        cost = self._ended - began
        self.seconds += cost
        self._rest = cost / SHARE
        for one in found:
            if self._tell is not None:
                self._tell(one)

    def _uncertainties(self, samples: list[Sample]) -> list[NDArray[np.float64] | None]:
        """Return the uncertainty of each atom of each frame; None where it is not known."""
        if not self.knows:
            return [None] * len(samples)
        factor = self.calibration.factor if self.calibration is not None else 1.0
        frames = [sample.frame for sample in samples]
        try:
            return [factor * spread for spread in spreads(self.potential, frames, self.folder)]
        except GlasspotError as error:
            if len(samples) > 1:  # one frame that cannot be evaluated must not take the others with it
                return [self._uncertainties([sample])[0] for sample in samples]
            self.problem = str(error)
            return [None]

    def _judged(self, sample: Sample, uncertainty: NDArray[np.float64] | None) -> Judged:
        failures = self._failures(sample)
        above = None
        if uncertainty is not None and self.calibration is not None:
            above = int((~(uncertainty <= self.calibration.threshold)).sum())
            if above and np.isfinite(uncertainty).all() and all(one.kind != FUSED for one in failures):
                self._candidates.append(self._candidate(sample, uncertainty, self.calibration.threshold))
        stages = self.protocol.stages
        return Judged(
            stage=sample.stage,
            stage_name=stages[sample.stage].label,
            time_ps=sum(stage.duration for stage in stages[: sample.stage]) + sample.time_ps,
            temperature_K=sample.temperature_K,
            atoms=sample.frame.n_atoms,
            rms=math.nan if uncertainty is None else float(np.sqrt(np.mean(np.square(uncertainty)))),
            largest=math.nan if uncertainty is None else float(uncertainty.max()),
            above=above,
            unsound=tuple(dict.fromkeys(one.kind for one in failures)),
        )

    def _failures(self, sample: Sample) -> list[Finding]:
        """Return what makes a frame no glass and no melt; its density is the protocol's business."""
        reference = self.calibration.reference if self.calibration is not None else None
        try:
            findings = judge(sample.frame, reference).findings
        except GlasspotError as error:
            self.problem = str(error)
            return []
        return [one for one in findings if one.severity == FAILURE and one.kind != "density"]

    # frames to label

    def _candidate(self, sample: Sample, uncertainty: NDArray[np.float64], threshold: float) -> Candidate:
        stage = self.protocol.stages[sample.stage]
        asked = temperature_at(stage, sample.time_ps)
        return Candidate(sample.frame, sample.stage, stage.label, sample.time_ps, asked, uncertainty, threshold)

    def _write_candidates(self) -> None:
        """Write the worst frames so far, where they are others than those in the file."""
        chosen = choose(self._candidates, first_that_counts(self.protocol))
        if [id(one) for one in chosen] != [id(one) for one in self.chosen]:
            write_candidates(chosen, self.folder / FILE)
            self.chosen = chosen


def _row(one: Judged) -> list[str]:
    numbers = [f"{value:.6g}" if math.isfinite(value) else "" for value in (one.rms, one.largest)]
    above = "" if one.above is None else str(one.above)
    unsound = " and ".join(one.unsound)
    return [str(one.stage), one.stage_name, f"{one.time_ps:.6g}", f"{one.temperature_K:.6g}", *numbers, above, unsound]

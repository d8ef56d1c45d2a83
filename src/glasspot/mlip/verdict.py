"""What a run with a machine-learned potential is worth, in plain words, and what to do about it.

Atoms count from the first stage at the highest temperature on: what was before it, the melt forgets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from glasspot.engine.ase_calculator import LICENCE
from glasspot.engine.base import ThermoRow
from glasspot.mlip.following import Judged
from glasspot.mlip.labelling import FILE
from glasspot.mlip.looking import first_that_counts, temperature_at
from glasspot.mlip.trust import Calibration
from glasspot.potential.learned import LearnedPotential
from glasspot.protocol import Protocol
from glasspot.structure.soundness import Soundness, judge_run

TRUSTED, WITH_CARE, NOT = "trusted", "trusted with care", "not to be trusted"
LEVELS = (TRUSTED, WITH_CARE, NOT)
# Share of the atoms of a stage above the threshold: held-out frames of AsTe3 and B2O3 have up to 5e-4.
USUAL, MANY = 1e-3, 1e-2
FAR_ABOVE = 3.0  # times the threshold: one such atom is more than an accident
# RMS uncertainty of a stage over the error on held-out frames. A B2O3 model of all kinds errs 2 times that in a liquid
# at 3000 K; one fitted to glasses only, 2 times in liquids at 1600 K and 5 times at 3000 K, and says so within a tenth.
RAISED, FAR_RAISED = 2.5, 5.0


@dataclass(frozen=True)
class StageTrust:
    """What was seen in one stage: frames judged, RMS and largest uncertainty (eV/A, nan if not known), the share of
    atoms above the threshold (nan if there is none), and in how many frames something was no glass and no melt.
    """

    name: str
    frames: int
    rms: float
    largest: float
    above: float
    unsound: int
    counts: bool


@dataclass(frozen=True)
class Verdict:
    """``level``: one of LEVELS; ``reasons``: whole sentences; ``advice``: what to do, "" for nothing."""

    level: str
    reasons: tuple[str, ...]
    advice: str
    stages: tuple[StageTrust, ...]
    threshold: float = math.nan  # eV/A
    to_label: int = 0  # frames that were written
    seconds: float = 0.0  # that judging took

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; what is not known is None."""
        found: dict[str, Any] = _known(asdict(self))
        found["threshold_eV_A"] = found.pop("threshold")
        found["stages"] = [_known(stage) for stage in found["stages"]]
        return found


def summarise(judged: Sequence[Judged], protocol: Protocol) -> tuple[StageTrust, ...]:
    """Return the stages that were looked at, in their order."""
    first = first_that_counts(protocol)
    stages = []
    for index in sorted({one.stage for one in judged}):
        mine = [one for one in judged if one.stage == index]
        known = [one.rms**2 for one in mine if math.isfinite(one.rms)]
        counted = [one for one in mine if one.above is not None]
        stages.append(
            StageTrust(
                name=mine[0].stage_name,
                frames=len(mine),
                rms=math.sqrt(sum(known) / len(known)) if known else math.nan,
                largest=max((one.largest for one in mine if math.isfinite(one.largest)), default=math.nan),
                above=sum(one.above or 0 for one in counted) / sum(one.atoms for one in counted)
                if counted
                else math.nan,
                unsound=sum(bool(one.unsound) for one in mine),
                counts=index >= first,
            )
        )
    return tuple(stages)


def judge_record(rows: Sequence[ThermoRow], protocol: Protocol, n_atoms: int) -> Soundness:
    """Return whether the record of the run ran away, from the first stage that counts on."""
    first = first_that_counts(protocol)
    mine = [row for row in rows if row.stage >= first and protocol.stages[row.stage].kind != "minimise"]
    asked = [temperature_at(protocol.stages[row.stage], row.step * protocol.timestep) for row in mine]
    return judge_run(
        [row.temperature_K for row in mine],
        [math.nan if one is None else one for one in asked],
        [row.density for row in mine],
        [row.energy_eV / n_atoms for row in mine],
    )


def verdict(
    potential: LearnedPotential,
    calibration: Calibration | None,
    stages: tuple[StageTrust, ...],
    glass: Soundness,
    to_label: int,
    seconds: float = 0.0,
    problem: str = "",
) -> Verdict:
    """Return the verdict on a run that ended well. ``glass``: its last frames and the record, judged."""
    found = [(NOT if finding.severity == "failure" else WITH_CARE, finding.message) for finding in glass.findings]
    found += [
        (WITH_CARE, f"the fit said of the model: {caution}") for caution in potential.cautions if caution != LICENCE
    ]
    counted = [stage for stage in stages if stage.counts]
    scaled = [stage for stage in counted if math.isfinite(stage.above)]
    found += [
        (WITH_CARE, f'in {one.unsound} of {one.frames} frames of "{one.name}" the atoms were no sound liquid or glass.')
        for one in counted
        if one.unsound
    ]
    if problem:
        found.append((WITH_CARE, f"some frames could not be judged: {problem}"))
    if not any(math.isfinite(stage.rms) for stage in counted):
        found.append((WITH_CARE, f"no uncertainty is known: {_why_unknown(potential)}"))
    elif calibration is None:
        found.append(
            (WITH_CARE, "the committee of this model is not calibrated, so its spread has no scale; fit it again.")
        )
    elif scaled:
        found += _of_atoms(scaled, calibration)
    level = max((level for level, _ in found), key=LEVELS.index, default=TRUSTED)
    reasons = [text for wanted in reversed(LEVELS) for one, text in found if one == wanted]
    threshold = math.nan if calibration is None else calibration.threshold
    return Verdict(level, tuple(reasons), _advice(level, to_label), stages, threshold, to_label, round(seconds, 2))


def _why_unknown(potential: LearnedPotential) -> str:
    if potential.kind == "gap":
        return "a GAP has no committee. Fit a pod model to the same data (glasspot fit-mlip --model pod) to compare."
    return "the model has no committee. Fit it again with glasspot fit-mlip."


def _of_atoms(stages: Sequence[StageTrust], calibration: Calibration) -> list[tuple[str, str]]:
    """Return what the uncertainties say, worst stage first."""
    worst = max(stages, key=lambda stage: stage.above)
    unsure = max(stages, key=lambda stage: stage.rms)
    found = []
    if unsure.rms > RAISED * calibration.error:
        times = unsure.rms / calibration.error
        raised = (
            f'the forces of "{unsure.name}" are uncertain by {unsure.rms:.2g} eV/A, {times:.2g} times as much as on '
            "the held-out frames: it is unlike the data."
        )
        found.append((NOT if times > FAR_RAISED else WITH_CARE, raised))
    line = (
        f'{percent(worst.above)} of the atoms of "{worst.name}" are above {calibration.threshold:.2g} eV/A, where the '
        f"model has seen next to nothing (the largest uncertainty: {worst.largest:.2g} eV/A; usual errors are "
        f"{calibration.error:.2g} eV/A)."
    )
    if worst.above > MANY:
        return [(NOT, line), *found]
    if worst.above > USUAL:
        return [(WITH_CARE, line), *found]
    largest = max(stages, key=lambda stage: stage.largest)
    if largest.largest > FAR_ABOVE * calibration.threshold:
        told = (
            f'a few atoms of "{largest.name}" are far from all that the model has seen ({largest.largest:.2g} eV/A '
            f"uncertain, where {calibration.threshold:.2g} eV/A is the threshold)."
        )
        return [(WITH_CARE, told), *found]
    usual = f"at most {percent(worst.above)} of the atoms of a stage are above {calibration.threshold:.2g} eV/A."
    return found or [(TRUSTED, usual)]


def _advice(level: str, to_label: int) -> str:
    if level == TRUSTED:
        return ""
    if to_label:
        return (
            f"Compute {_frames(to_label)} of {FILE} with the ab initio method of the data, add them to the "
            "data, and fit again (glasspot fit-mlip)."
        )
    if level == NOT:
        return "Fit again to data that hold what this run met, or take a milder protocol."
    return "Look at the frames before you build on this glass."


def _frames(number: int) -> str:
    return f"the {number} frames" if number > 1 else "the frame"


def percent(share: float) -> str:
    """Return a share as "0.03 %", with two digits."""
    return "0 %" if share == 0 else f"{100 * share:.2g} %"


def failure_meaning(reason: str, to_label: int) -> str:
    """Return what the end of a run usually means with a machine-learned potential, and what to do; "" for nothing."""
    meaning = {
        "lost-atoms": "its forces are wild where it has seen nothing",
        "nan": "its forces are wild where it has seen nothing",
        "crash": "two atoms may have come closer than anything in its data",
        "too-hot": "atoms fell into a hole of its energy that the data do not have",
        "boiled": "its data may hold no liquid of this density, or none so hot",
    }.get(reason)
    if meaning is None:
        return ""
    what = (
        f"Compute {_frames(to_label)} of {FILE} with the ab initio method of the data, add them, and fit again "
        "(glasspot fit-mlip)"
        if to_label
        else "Add ab initio frames of what the run met last to the data and fit again (glasspot fit-mlip)"
    )
    return (
        f"With a machine-learned potential this usually means: {meaning}. {what}; or melt at a lower temperature, take "
        "a shorter time step, and start nearer to the density of the data."
    )


def _known(table: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(x, float) and not math.isfinite(x) else x for key, x in table.items()}

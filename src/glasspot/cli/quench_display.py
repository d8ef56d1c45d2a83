"""What a person sees while a glass is made."""

from __future__ import annotations

import math
from pathlib import Path

from glasspot.cli.display import Display, clock, speed
from glasspot.engine.base import Progress
from glasspot.mlip.following import Judged
from glasspot.mlip.trust_file import calibration_of
from glasspot.mlip.verdict import Verdict, percent
from glasspot.potential.learned import LearnedPotential
from glasspot.quench import Glass, QuenchPlan
from glasspot.report.analysis import text_report

LINE_EVERY_S = 10.0  # of plain progress, where the output is not a terminal


class QuenchDisplay(Display):
    """Tells what will be made, how far it is, and what it is like."""

    def __init__(self, plan: QuenchPlan, folder: Path) -> None:
        super().__init__()
        self.plan = plan
        self.folder = folder
        self.stage = ""
        self.told = 0.0
        self.trust = ""
        self.doubted: set[str] = set()
        what = f"{plan.n_atoms} atoms, potential {plan.potential.name}, protocol {plan.protocol.name}"
        self.threshold = _threshold(plan)
        self.say(f"{plan.title}: {what}, engine {plan.engine.name}")
        duration = plan.protocol.total_steps * plan.protocol.timestep
        self.say(f"{duration:g} ps in {plan.protocol.total_steps} steps; folder: {folder}")
        for note in plan.notes:
            self.say(f"note: {note}")
        for caution in plan.cautions:
            self.say(f"caution: {caution}")

    def progress(self, progress: Progress) -> None:
        """Show how far the run is: in a plain output at each new stage, at the end, and every ten seconds."""
        line = "  |  ".join(part for part in (progress_line(progress), self.trust) if part)
        self.show(line)
        is_new = progress.stage_name != self.stage or progress.step == progress.total_steps
        if not self.is_live and (is_new or progress.seconds - self.told >= LINE_EVERY_S):
            self.stage, self.told = progress.stage_name, progress.seconds
            self.say(line)

    def look(self, judged: Judged) -> None:
        """Show how sure the model was of the last frame; say once a stage that atoms are where it has seen nothing."""
        self.trust = trust_line(judged, self.threshold)
        if (judged.above or judged.unsound) and judged.stage_name not in self.doubted:
            self.doubted.add(judged.stage_name)
            self.say(f'{self.trust}, at {judged.time_ps:.3g} ps of the run, in "{judged.stage_name}"')

    def finish(self, glass: Glass) -> None:
        """Say what the glass is like, what the model was worth, and where it lies."""
        self.say("")
        self.say(text_report(glass.analysis, self.plan.title))
        self.say("")
        if glass.trust is not None:
            for line in verdict_lines(glass.trust):
                self.say(line)
            self.say("")
        self.say(f"{clock(glass.seconds)}, {speed(glass.atom_steps_per_s)}")
        self.say(f"glass: {self.folder / 'glass.extxyz'}; curves and figures: {self.folder / 'structure'}")


def progress_line(progress: Progress) -> str:
    """Return one line: stage, step, temperature, density, speed, time left."""
    parts = [clock(progress.seconds), progress.stage_name, f"step {progress.step}/{progress.total_steps}"]
    if progress.temperature_K is not None and progress.density is not None and progress.step:
        parts += [f"{progress.temperature_K:.0f} K", f"{progress.density:.3f} g/cm3"]
    if progress.step:
        parts.append(speed(progress.atom_steps_per_s))
    if progress.seconds_left is not None and progress.step < progress.total_steps:
        parts.append(f"{clock(progress.seconds_left)} left")
    return "  |  ".join(parts)


def _threshold(plan: QuenchPlan) -> float | None:
    """Return the uncertainty (eV/A) above which an atom is unknown to a machine-learned potential."""
    if not isinstance(plan.potential, LearnedPotential):
        return None
    calibration = calibration_of(plan.potential)
    return None if calibration is None else calibration.threshold


def trust_line(judged: Judged, threshold: float | None) -> str:
    """Return "trust: 2 atoms of 1920 above 0.8 eV/A", or what is known in its place; "" for nothing."""
    parts = []
    if judged.above is not None and threshold is not None:
        atoms = "1 atom" if judged.above == 1 else f"{judged.above} atoms"
        parts.append(f"{atoms} of {judged.atoms} above {threshold:.2g} eV/A")
    elif math.isfinite(judged.largest):
        parts.append(f"largest spread of the committee {judged.largest:.2g} eV/A, not calibrated")
    parts += [f"unsound: {kind}" for kind in judged.unsound]
    return f"trust: {', '.join(parts)}" if parts else ""


def verdict_lines(trust: Verdict) -> list[str]:
    """Return what a machine-learned potential was worth: a table of the stages, the verdict, what to do."""
    lines = []
    if any(math.isfinite(stage.rms) for stage in trust.stages):
        unit = "eV/A" if math.isfinite(trust.threshold) else "eV/A, not calibrated"
        lines.append(f"uncertainty of the forces ({unit}), frames looked at in {clock(trust.seconds)}:")
        width = max(len(stage.name) for stage in trust.stages) + 2
        lines.append(f"  {'stage':<{width}}{'frames':>6}{'RMS':>9}{'largest':>9}{'atoms above':>13}")
        for stage in trust.stages:
            above = percent(stage.above) if math.isfinite(stage.above) else "-"
            note = "" if stage.counts else "   before the melt: does not count"
            numbers = f"{stage.frames:>6}{stage.rms:>9.2f}{stage.largest:>9.2f}{above:>13}"
            lines.append(f"  {stage.name:<{width}}{numbers}{note}")
    lines.append(f"verdict: {trust.level}")
    lines += [f"  - {reason}" for reason in trust.reasons]
    if trust.advice:
        lines.append(f"  What to do: {trust.advice}")
    return lines

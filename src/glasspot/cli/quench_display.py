"""What a person sees while a glass is made."""

from __future__ import annotations

from pathlib import Path

from glasspot.cli.display import Display, clock, speed
from glasspot.engine.base import Progress
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
        what = f"{plan.n_atoms} atoms, potential {plan.potential.name}, protocol {plan.protocol.name}"
        self.say(f"{plan.title}: {what}, engine {plan.engine.name}")
        duration = plan.protocol.total_steps * plan.protocol.timestep
        self.say(f"{duration:g} ps in {plan.protocol.total_steps} steps; folder: {folder}")
        for note in plan.notes:
            self.say(f"note: {note}")
        for caution in plan.cautions:
            self.say(f"caution: {caution}")

    def progress(self, progress: Progress) -> None:
        """Show how far the run is: in a plain output at each new stage, and every ten seconds."""
        line = progress_line(progress)
        self.show(line)
        if not self.is_live and (progress.stage_name != self.stage or progress.seconds - self.told >= LINE_EVERY_S):
            self.stage, self.told = progress.stage_name, progress.seconds
            self.say(line)

    def finish(self, glass: Glass) -> None:
        """Say what the glass is like, and where it lies."""
        self.say("")
        self.say(text_report(glass.analysis, self.plan.title))
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

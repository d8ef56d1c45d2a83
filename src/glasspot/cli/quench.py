"""``glasspot quench``: a glass by melt and quench, with its structure and its record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasspot.engine.base import Progress
    from glasspot.quench import Glass, QuenchPlan

HELP = "make a glass: pack, melt, quench, analyse"
DESCRIPTION = """\
Make a glass as GLASS.toml describes it: pack the atoms at random, run the protocol (a preset such
as melt-quench, or your own stages) with LAMMPS, then analyse the structure of the sampled frames."""
EPILOG = """\
examples:
  glasspot quench examples/quench/sodium-silicate.toml
  glasspot quench my.toml --out runs/my --potential SHIK

The folder then holds glass.extxyz, glass.data, frames.extxyz, thermo.csv, structure/ (curves, figures,
summary.json), provenance.json, and the run itself in lammps/. The keys of GLASS.toml: docs/quench.md."""

LINE_EVERY_S = 10.0  # of plain progress, where the output is not a terminal


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "quench",
        help=HELP,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("glass_file", metavar="GLASS.toml", type=Path, help="which glass, and how it is made")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder of the glass (default: runs/<name of GLASS.toml>)"
    )
    parser.add_argument("--potential", metavar="NAME", help="a potential (name or .toml) in place of the file's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command; a run that LAMMPS could not finish gives exit code 1 and the end of its log."""
    from glasspot.engine.base import EngineFailure
    from glasspot.quench import RUN_FOLDER, check_quench, make_glass, write_glass, write_provenance
    from glasspot.quench_settings import load_quench_plan

    plan = load_quench_plan(args.glass_file, args.potential)
    folder: Path = args.out or Path("runs") / args.glass_file.stem
    check_quench(plan, folder)
    with _Display(plan, folder) as display:
        try:
            glass = make_glass(plan, folder, display.progress)
        except EngineFailure as failure:
            if failure.reason == "no-program":
                raise
            display.say(failure.log_tail)
            print(f"glasspot: the run failed: {failure} The run is in {folder / RUN_FOLDER}.", file=sys.stderr)
            return 1
        write_glass(plan, glass, folder)
        _write_structure(glass, folder)
        write_provenance(plan, glass, folder)
        display.finish(glass)
    return 0


def _write_structure(glass: Glass, folder: Path) -> None:
    """Write what ``glasspot analyse`` writes."""
    from glasspot.files import write_text
    from glasspot.report.analysis import summary_document, write_files

    structure = folder / "structure"
    write_files(glass.analysis, structure)
    analysed = "frames.extxyz" if glass.frames else "glass.extxyz"
    write_text(structure / "summary.json", summary_document([(analysed, glass.analysis)]))


class _Display:
    """A live line in a terminal, plain lines anywhere else. Use it in a ``with`` block."""

    def __init__(self, plan: QuenchPlan, folder: Path) -> None:
        from rich.console import Console
        from rich.live import Live

        self.plan = plan
        self.folder = folder
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.stage = ""
        self.told = 0.0
        self.live = Live(console=self.console, refresh_per_second=4, transient=True)
        self.say(f"{plan.title}: {plan.n_atoms} atoms, potential {plan.potential.name}, protocol {plan.protocol.name}")
        duration = plan.protocol.total_steps * plan.protocol.timestep
        self.say(f"{duration:g} ps in {plan.protocol.total_steps} steps; folder: {folder}")
        for note in plan.notes:
            self.say(f"note: {note}")
        for caution in plan.cautions:
            self.say(f"caution: {caution}")

    def __enter__(self) -> _Display:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def say(self, line: str) -> None:
        """Print one line above the live one."""
        from rich.text import Text

        self.console.print(Text(line))

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        from rich.text import Text

        line = _line(progress)
        if self.console.is_terminal:
            self.live.update(Text(line))
            return
        if progress.stage_name != self.stage or progress.seconds - self.told >= LINE_EVERY_S:
            self.stage, self.told = progress.stage_name, progress.seconds
            self.say(line)

    def finish(self, glass: Glass) -> None:
        """Say what the glass is like, and where it lies."""
        from glasspot.report.analysis import text_report

        self.live.stop()
        self.say("")
        self.say(text_report(glass.analysis, self.plan.title))
        self.say("")
        self.say(f"{_clock(glass.seconds)}, {glass.atom_steps_per_s / 1e6:.2f} M atom-steps/s")
        self.say(f"glass: {self.folder / 'glass.extxyz'}; curves and figures: {self.folder / 'structure'}")


def _line(progress: Progress) -> str:
    """Return one line: stage, step, temperature, density, speed, time left."""
    parts = [_clock(progress.seconds), progress.stage_name, f"step {progress.step}/{progress.total_steps}"]
    if progress.temperature_K is not None and progress.density is not None and progress.step:
        parts += [f"{progress.temperature_K:.0f} K", f"{progress.density:.3f} g/cm3"]
    if progress.step:
        parts.append(f"{progress.atom_steps_per_s / 1e6:.2f} M atom-steps/s")
    if progress.seconds_left is not None and progress.step < progress.total_steps:
        parts.append(f"{_clock(progress.seconds_left)} left")
    return "  |  ".join(parts)


def _clock(seconds: float) -> str:
    """Return 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

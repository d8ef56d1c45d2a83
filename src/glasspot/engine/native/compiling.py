"""Compile, or load what was compiled before, without running anything: the first run on a machine waits for this.

numba keeps machine code beside the package, or in the user's cache folder where that is read-only (NUMBA_CACHE_DIR
names another place); files of it that are damaged are made anew. It is found by the types of the arguments: those of
any system of the same kind will do. Systems are of nine kinds: with a mesh, with angles, or with neither, and with one
of three kinds of tables. (No set of the library has both; such a system is compiled when it is met.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numba import typeof

from glasspot.engine.native.field import ENERGY, update
from glasspot.engine.native.motion import Atoms, complete, nothing_measured, run_steps
from glasspot.engine.native.segments import best_segments
from glasspot.engine.native.system import System
from glasspot.engine.native.trajectory import coupling_of
from glasspot.engine.native.variant import Cubic, Quintic, Sextic, Tables, Variant, choose, is_avx512
from glasspot.errors import GlasspotError
from glasspot.kept_code import is_damaged
from glasspot.potential.coulomb import PPPM
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame

Made = TypeVar("Made")
PLAIN, WITH_MESH, WITH_ANGLES = "BKS", "Wang-2018", "BMP"  # potentials of the library, for what is made of Si and O


def compile_for(system: System) -> None:
    """Make everything ready that moves the atoms of ``system``; ten seconds the first time."""
    with_kept_code(partial(_compile, system, system.variant))


def with_kept_code(make: Callable[[], Made]) -> Made:
    """Return ``make()``; where it meets a damaged file of kept code, delete all of this engine's and make it again."""
    folder = Path(update.stats.cache_path)
    try:
        return make()
    except OSError as error:
        raise GlasspotError(
            f"the compiled code cannot be kept in {folder}: {error.strerror or error}. Mend that, or set the "
            "environment variable NUMBA_CACHE_DIR to another folder."
        ) from error
    except Exception as error:
        if not is_damaged(error):
            raise
    for path in folder.glob("*.nb[ic]"):
        path.unlink(missing_ok=True)
    return make()


def compile_kernels(potentials: Sequence[Potential] = (), species: Sequence[str] = ()) -> None:
    """Make everything ready for systems of ``species`` with one of ``potentials``.

    Without potentials: for whatever may come, which takes a minute the first time. A potential that lacks something,
    such as a charge that follows from the composition, is left to its first run.
    """
    with_kept_code(partial(_compile_kinds, potentials, species))


def _compile_kinds(potentials: Sequence[Potential], species: Sequence[str]) -> None:
    wanted = (
        set(_kinds(potentials, species))
        if potentials
        else {(name, t) for name in (PLAIN, WITH_MESH, WITH_ANGLES) for t in _tables()}
    )
    for name in (PLAIN, WITH_MESH, WITH_ANGLES):
        tables = [kind for kind in _tables() if (name, kind) in wanted]
        if tables:
            three = Frame.from_symbols(["Si", "O", "O"], np.diag([1.0, 6.0, 11.0]), 20.0)
            system = System(three, load_potential(name))
            for kind in tables:
                _compile(system, choose(tables=kind))


def _tables() -> tuple[Tables, ...]:
    return (Quintic(), Sextic(), Cubic()) if is_avx512(choose()) else (Cubic(),)


def _kinds(potentials: Sequence[Potential], species: Sequence[str]) -> Iterator[tuple[str, Tables]]:
    for potential in potentials:
        try:
            tables = best_segments(potential, tuple(species), registers=is_avx512(choose())).kind
        except GlasspotError:
            continue
        with_angles = any({term.centre, *term.ends} <= set(species) for term in potential.three_body)
        yield WITH_MESH if isinstance(potential.coulomb, PPPM) else WITH_ANGLES if with_angles else PLAIN, tables


def _compile(system: System, variant: Variant) -> None:
    atoms = Atoms(system.x, system.v, system.inverse_mass, system.half_mass, system.lengths)
    coupling = coupling_of(Protocol("any", (Stage("nve", 0.001),)), Stage("nve", 0.001), 1)
    _ready(update, variant, system.field, system.x, system.lengths, ENERGY)
    _ready(run_steps, variant, system.field, atoms, coupling, np.zeros((1, 3)), nothing_measured(), 0, 0, 0)
    _ready(complete, system.v, system.field.forces, system.inverse_mass, system.half_mass, 0.0)


def _ready(function: Any, *arguments: Any) -> None:
    function.compile(tuple(typeof(argument) for argument in arguments))

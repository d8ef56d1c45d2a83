"""Compile, or load what was compiled before, without running anything: the first run on a machine waits for this.

numba keeps machine code beside the package, or in the user's cache folder where that is read-only (NUMBA_CACHE_DIR
names another place). It is found by the types of the arguments, so those of any system will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import typeof

from glasspot.engine.native.field import ENERGY, update
from glasspot.engine.native.motion import Atoms, complete, nothing_measured, run_steps
from glasspot.engine.native.system import System
from glasspot.engine.native.trajectory import coupling_of
from glasspot.engine.native.variant import Cubic, Quintic, Sextic, Variant, choose, is_avx512
from glasspot.potential.io import load_potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame


def compile_for(system: System) -> None:
    """Make everything ready that moves the atoms of ``system``."""
    _compile(system, system.variant)


def compile_kernels(variant: Variant | None = None) -> None:
    """Make everything ready for a variant; None: for each that potentials may ask for on this machine."""
    best = choose()
    kinds = (Quintic(), Sextic(), Cubic()) if is_avx512(best) else (Cubic(),)
    system = System(Frame.from_symbols(["Si", "O", "O"], np.diag([1.0, 6.0, 11.0]), 20.0), load_potential("BKS"))
    for each in [choose(tables=kind) for kind in kinds] if variant is None else [variant]:
        _compile(system, each)


def _compile(system: System, variant: Variant) -> None:
    atoms = Atoms(system.x, system.v, system.inverse_mass, system.half_mass, system.lengths)
    coupling = coupling_of(Protocol("any", (Stage("nve", 0.001),)), Stage("nve", 0.001), 1)
    _ready(update, variant, system.field, system.x, system.lengths, ENERGY)
    _ready(run_steps, variant, system.field, atoms, coupling, np.zeros((1, 3)), nothing_measured(), 0, 0, 0)
    _ready(complete, system.v, system.field.forces, system.inverse_mass, system.half_mass, 0.0)


def _ready(function: Any, *arguments: Any) -> None:
    function.compile(tuple(typeof(argument) for argument in arguments))

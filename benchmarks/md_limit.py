"""How far the native engine is from the arithmetic limit of a core: floating-point operations a second, of the peak.

What ``engine/native/pair_block.py`` does for one lane-pair (an atom of the list and one atom of the cluster) when only
forces are wanted, with polynomials of degree d; a fused multiply-add counts as two operations, as it does in the peak:

    what                                                          one each     fused     operations
    distance: int32 differences to floats (3 conversions)         -            -         0
    distance: scaled to the units of the table                    3 mul        -         3
    s: sum of three squares, on top of the mask of the padding    -            3         6
    t: mantissa less the middle of its segment                    1 sub        -         1
    g: polynomial                                                 -            d         2 d
    force: g times the distance                                   3 mul        -         3
    force on j, and on i: added up                                6 add        -         6
    virial: g s added up                                          -            1         2
    together                                                      13           d + 4     2 d + 21

Not counted, though they take the same ports: 3 integer differences, 3 conversions, 2 comparisons, a maximum, a
selection, 3 operations on bits, d + 1 look-ups of a coefficient; and for each 16 atoms j, once for the four atoms of a
cluster, loading, turning and storing their rows. Operations of lane-pairs beyond the cut-off count as work done here
(the core does them); ``share_inside`` says how many lane-pairs are inside.

The peak is measured: chains of fused multiply-adds of float32 that do not wait for each other. It and the time of the
forces alone are processor time, the best of TRIES; the time of a step is wall time, as in all other rows.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from md_native import instructions_of, time_steps
from md_systems import Melt
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glasspot.engine.native.field import FORCES, Field, update
from glasspot.engine.native.lanes import F32, Lanes
from glasspot.engine.native.system import System
from glasspot.engine.native.variant import Variant, choose, width
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import histogram

CHAINS = 12  # more than ports times latency (2 x 4), fewer than the 16 registers of a processor without AVX-512
ROUNDS = 8  # multiply-adds of a chain in one turn of the loop
PEAK_TURNS = 4_000_000
TRIES = 5


def operations_of(degree: int) -> int:
    """Return the floating-point operations of a lane-pair; the table of this module."""
    return 2 * degree + 21


def lane_pairs(field: Field) -> int:
    """Return the lane-pairs of a step: four atoms i for each place of the list, padding included."""
    places = int((field.starts[:, -1] - field.starts[:, 0]).sum())
    own = field.own[: field.own_starts[-1]]
    return 4 * (places + int((own[:, 1] - own[:, 0]).sum()))


def measure(melt: Melt, frame: Frame, steps: int) -> dict[str, Any]:
    """Return the numbers of the row "limit"; runs in a worker."""
    system = System(frame, melt.potential)
    pair_seconds = _seconds_of_update(system, max(10, steps // 4))
    step = time_steps(melt, frame, steps)
    degree = system.variant.tables.degree
    n_pairs = lane_pairs(system.field)
    inside = int(histogram(frame, melt.potential.r_max, 1).sum())
    work = n_pairs * operations_of(degree) / 1e9
    peak = peak_gflops(choose())
    return {
        "native_ms": 1e3 * step.seconds_per_step,
        "pair_ms": 1e3 * pair_seconds,
        "instructions": instructions_of(system),
        "steps": steps,
        "operations_per_lane_pair": operations_of(degree),
        "lane_pairs": n_pairs,
        "share_inside": inside / n_pairs,
        "gflops": work / step.seconds_per_step,
        "gflops_forces": work / pair_seconds,
        "gflops_peak": peak,
        "share_of_peak": work / step.seconds_per_step / peak,
        "share_of_peak_forces": work / pair_seconds / peak,
        "least_cpu_share": step.cpu_share,
    }


def _seconds_of_update(system: System, times: int) -> float:
    """Return the time of the forces alone: atoms that do not move need no new list."""
    arguments = (system.variant, system.field, system.x, system.lengths, FORCES)
    update(*arguments)
    best = np.inf
    for _ in range(TRIES):
        start = time.process_time()
        for _ in range(times):
            update(*arguments)
        best = min(best, (time.process_time() - start) / times)
    return best


def peak_gflops(variant: Variant) -> float:
    """Return 1e9 float32 operations a second of this core in independent fused multiply-adds."""
    _multiply_adds(variant, 10, 0.5)
    best = np.inf
    for _ in range(TRIES):
        start = time.process_time()
        _multiply_adds(variant, PEAK_TURNS, 0.5)
        best = min(best, time.process_time() - start)
    return 2.0 * width(variant) * CHAINS * ROUNDS * PEAK_TURNS / best / 1e9


@njit
def _multiply_adds(variant, turns, number):  # type: ignore[no-untyped-def]
    return _chains(variant, turns, np.float32(number))


@intrinsic
def _chains(typing: Any, variant: Any, turns: Any, number: Any) -> Any:
    """Run CHAINS vectors through x = x a + b, ROUNDS times a turn; return a sum, so that none is left out."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, turns, number = args
        lanes = Lanes(builder, width(variant))
        vector = ir.VectorType(F32, lanes.width)
        name = f"llvm.fma.v{lanes.width}f32"
        kind = ir.FunctionType(vector, [vector] * 3)
        # The instruction itself: a product and a sum with leave to reorder could be simplified.
        fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        factor = lanes.splat(number)
        places = [cgutils.alloca_once_value(builder, lanes.floats(k)) for k in range(CHAINS)]
        with cgutils.for_range(builder, turns):
            for _ in range(ROUNDS):
                for place in places:
                    builder.store(builder.call(fma, [builder.load(place), factor, factor]), place)
        total = lanes.floats(0.0)
        for place in places:
            total = lanes.add(total, builder.load(place))
        return lanes.total(total)

    return types.float32(variant, types.intp, types.float32), generate

"""The influence function: what turns the transform of the charges into that of the potential.

Notation
    k       2 pi m / L along an axis of length L; k_j = 2 pi (m + j n) / L its alias on a mesh of n points
    U       (sin(x) / x)^6, x = k_j L / (2 n): transform of the B-spline of order 6
    alpha   splitting parameter of the Ewald sum (g_ewald), 1/A

For forces by differentiation of the splines, the influence function with the least error is, in units of the Coulomb
constant (Hockney, Eastwood, Computer Simulation Using Particles, 1988, chapter 8; Ballenegger, Cerda, Holm 2012,
10.1021/ct2001792)
    G = 4 pi / V  sum_j U^2 exp(-k_j^2 / 4 alpha^2) / (sum_j U^2 sum_j U^2 k_j^2)
with sums over the aliases along all three axes; of the first, the Gauss function leaves only j = 0. In a cell with
right angles the others are a product and a sum of sums along one axis, S0 = sum U^2 and S2 = sum U^2 k^2:
    G = 4 pi / V  a_x a_y a_z / (b_x + b_y + b_z),   a = U^2 exp(-k^2 / 4 alpha^2) / S0^2,   b = S2 / S0,
so three short tables do, and a cell that changes costs next to nothing. With S the transform of the charges,
    E = 1/2 sum_k G |S|^2,
and as S knows only fractions of the cell, the virial -dE/dlnL is exactly
    W = 1/2 sum_k G |S|^2 (1 - c_x - c_y - c_z),   c = k^2 / 2 alpha^2.
"""

from __future__ import annotations

from math import exp, pi
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import int64, njit, types, uint64
from numba.extending import intrinsic
from numpy.typing import NDArray

from glasspot.engine.native.lanes import F32, I64, Lanes, Value
from glasspot.engine.native.loops import repeat
from glasspot.engine.native.memory import aligned
from glasspot.engine.native.transform import LANES, ORDER, Transform, transform_line
from glasspot.engine.native.variant import width
from glasspot.units import COULOMB_CONSTANT

# Beyond this part of its value at k = 0 a wave moves no atom (float32 has seven digits); zero keeps denormals away.
NOTHING = 1e-12
F64 = ir.DoubleType()


class Influence(NamedTuple):
    """Tables of a, b and c for the cell last seen, and what they are made of."""

    alpha: float
    lengths: NDArray[np.float64]  # (3,) of the cell that the tables are for, A
    sums: NDArray[np.float64]  # (3, n / 2 + 1, 2): U^2 / S0^2 and S2 / S0 (L / 2 pi)^2
    tables: NDArray[np.float32]  # (a b c, x y z, length); a_x with 4 pi / V and the Coulomb constant
    totals: NDArray[np.float64]  # (blocks, 2, 16): sums of G |S|^2, and the same with 1 - c_x - c_y - c_z


def squared_splines(n: int, m: NDArray[Any]) -> NDArray[np.float64]:
    """Return U^2 for waves ``m`` on a mesh of ``n`` points."""
    return np.asarray(np.sinc(m / n) ** (2 * ORDER))


def alias_sums(n: int, m: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (S0, S2 (L / 2 pi)^2) along one axis for waves ``m``; five aliases leave out less than 1e-8."""
    aliases = m[:, None] + n * np.arange(-2, 3)
    u2 = squared_splines(n, aliases)
    return u2.sum(axis=1), (u2 * aliases.astype(float) ** 2).sum(axis=1)


def make_influence(alpha: float, transform: Transform) -> Influence:
    """Return the tables for a mesh, to be filled by the first call of :func:`fit_to_cell`."""
    shape = (transform.nx, transform.ny, transform.nz)
    length = -(-max(*shape, transform.blocks * LANES) // LANES) * LANES
    sums = np.zeros((3, max(shape) // 2 + 1, 2))
    for axis, n in enumerate(shape):
        m = np.arange(n // 2 + 1)
        s0, s2 = alias_sums(n, m)
        sums[axis, : len(m)] = np.stack([squared_splines(n, m) / s0**2, s2 / s0], axis=1)
    tables = aligned(9 * length).reshape(3, 3, length)
    tables[1] = 1.0  # where a wave is left out, nothing is divided by zero
    totals = aligned(transform.blocks * 2 * LANES, np.float64).reshape(transform.blocks, 2, LANES)
    return Influence(alpha, np.zeros(3), sums, tables, totals)


@njit(cache=True, error_model="numpy")
def fit_to_cell(influence, t, lengths):  # type: ignore[no-untyped-def]
    """Make the tables for a cell of ``lengths`` (A), unless they are already."""
    known = influence.lengths
    if known[0] == lengths[0] and known[1] == lengths[1] and known[2] == lengths[2]:
        return
    constant = 4.0 * pi * COULOMB_CONSTANT / (lengths[0] * lengths[1] * lengths[2])
    points, waves = (t.nx, t.ny, t.nz), (t.nx // 2 + 1, t.ny // 2 + 1, t.modes)
    for axis in range(3):
        _fit_axis(influence, axis, points[axis], waves[axis], lengths[axis], constant if axis == 0 else 1.0)
        known[axis] = lengths[axis]


@njit(cache=True, error_model="numpy")
def _fit_axis(influence, axis, n, count, length, constant):  # type: ignore[no-untyped-def]
    unit = (2.0 * pi / length) ** 2
    narrow = 0.25 / influence.alpha**2
    for m in range(count):
        k2 = unit * m * m
        a = influence.sums[axis, m, 0] * exp(-k2 * narrow)
        a = constant * a if a > NOTHING else 0.0
        # The one wave with k = 0 is taken out of the charges; b only has to be no zero there.
        b = max(unit * influence.sums[axis, m, 1], 1e-30)
        for wave in (m, n - m) if axis < 2 and m > 0 else (m, m):
            for k, value in enumerate((a, b, 2.0 * narrow * k2)):
                influence.tables[k, axis, wave] = value


def _multiply(t: Lanes, args: Any, sums: Value | None) -> None:
    """Emit line *= G along x for 16 waves of z; see :func:`_multiply_line`."""
    b = t.b
    line, count, x, y, z, step = args
    four_bytes = ir.Constant(I64, 2)
    for part in range(0, 64, 4 * t.width):
        along_z = [t.load_floats(b.add(z, b.mul(step, ir.Constant(I64, k))), part, 4 * t.width) for k in range(3)]
        along_y = [t.splat(t.load(b.add(y, b.mul(step, ir.Constant(I64, k))), 0, F32)) for k in range(3)]
        a_yz, b_yz = t.mul(along_z[0], along_y[0]), t.add(along_z[1], along_y[1])
        c_yz = t.sub(t.sub(t.floats(1.0), along_z[2]), along_y[2])

        def body(m: Value, totals: list[Value], part: int = part, yz: tuple[Value, ...] = (a_yz, b_yz, c_yz)) -> Any:
            place = b.add(x, b.shl(m, four_bytes))
            a_x, b_x, c_x = (t.splat(t.load(b.add(place, b.mul(step, ir.Constant(I64, k))), 0, F32)) for k in range(3))
            # Without "fast" the same number comes out whether energies are wanted or not.
            g = b.fdiv(b.fmul(a_x, yz[0]), b.fadd(b_x, yz[1]))
            point = b.add(line, b.shl(m, ir.Constant(I64, 7)))
            re, im = (t.load_floats(point, part + k, 4 * t.width) for k in (0, 64))
            new_re, new_im = b.fmul(re, g), b.fmul(im, g)
            t.store(new_re, point, part, 4 * t.width)
            t.store(new_im, point, part + 64, 4 * t.width)
            if sums is None:
                return []
            energy = t.fma(re, new_re, t.mul(im, new_im))
            return [t.add(totals[0], energy), t.fma(energy, t.sub(yz[2], c_x), totals[1])]

        totals = repeat(b, count, [] if sums is None else [t.floats(0.0)] * 2, body)
        for k, total in enumerate(totals):
            place = 8 * LANES * k + 2 * part
            doubles = b.fpext(total, ir.VectorType(F64, t.width))
            t.store(b.fadd(t.load(sums, place, doubles.type, 64), doubles), sums, place, 64)


@intrinsic
def _multiply_line(typingctx, variant, line, count, x, y, z, step):  # type: ignore[no-untyped-def]
    """Multiply a line along x with the influence function.

    ``line``     address of ``count`` blocks
    ``x, y, z``  addresses of a at m_x = 0, at m_y, at the first of 16 m_z; b and c are ``step`` and 2 ``step`` bytes on
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _multiply(Lanes(builder, width(variant)), args[1:], None)
        return context.get_dummy_value()

    return types.void(variant, *[types.int64] * 6), code


@intrinsic
def _multiply_and_sum_line(typingctx, variant, line, count, x, y, z, step, sums):  # type: ignore[no-untyped-def]
    """The same, and add what E and W are made of to 16 + 16 doubles at ``sums``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _multiply(Lanes(builder, width(variant)), args[1:7], args[7])
        return context.get_dummy_value()

    return types.void(variant, *[types.int64] * 7), code


@njit(cache=True, fastmath=True, error_model="numpy")
def apply_influence(variant, t, influence, with_sums):  # type: ignore[no-untyped-def]
    """Transform the spectrum along x, multiply with the influence function, transform back.

    Return (E, W) in eV, the self energy not counted, or zeros when ``with_sums`` is false.
    """
    spectrum, work, twiddles = t.spectrum.ctypes.data, t.lines.ctypes.data, t.twiddles_x.ctypes.data
    tables, totals = influence.tables.ctypes.data, influence.totals.ctypes.data
    block_bytes, step = 8 * LANES, 4 * influence.tables.shape[2]
    line, work_bytes = block_bytes * t.blocks, block_bytes * max(t.nx, t.ny)
    waves = work + 2 * work_bytes
    for block in range(t.blocks):
        for k in range(LANES):
            influence.totals[block, 0, k] = influence.totals[block, 1, k] = 0.0
    for y in range(t.ny):
        for block in range(t.blocks):
            place = spectrum + y * line + block * block_bytes
            x_bytes = line * (t.ny + 1)
            transform_line(
                variant, t.nx, t.radices_x, twiddles, place, x_bytes, waves, block_bytes, work, work_bytes, int64(0)
            )
            if y + block == 0:
                # The charges have no wave with k = 0 but for rounding; its imaginary part is zero by itself.
                t.lines[uint64(waves - work) // uint64(4)] = 0.0
            along_y, along_z = tables + step + 4 * y, tables + 2 * step + 4 * LANES * block
            if with_sums:
                to = totals + 16 * LANES * block
                _multiply_and_sum_line(variant, waves, t.nx, tables, along_y, along_z, 3 * step, to)
            else:
                _multiply_line(variant, waves, t.nx, tables, along_y, along_z, 3 * step)
            transform_line(
                variant, t.nx, t.radices_x, twiddles, waves, block_bytes, place, x_bytes, work, work_bytes, int64(1)
            )
    # Waves of kz > 0 stand for those of -kz too, which is why only those of kz = 0 keep the one half.
    energy, virial = -0.5 * influence.totals[0, 0, 0], -0.5 * influence.totals[0, 1, 0]
    for block in range(t.blocks):
        for k in range(LANES):
            energy += influence.totals[block, 0, k]
            virial += influence.totals[block, 1, k]
    return energy, virial

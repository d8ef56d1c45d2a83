"""Charges onto the mesh, and the gradient of the mesh's potential back to the charges: cardinal B-splines of order 6.

Notation (Essmann et al. 1995, 10.1063/1.470117)
    u     position in units of the mesh, u = cell + t + 1/2, -1/2 <= t < 1/2, from the fixed-point position
    w_j   M6(t + 1/2 + 5 - j), weight of point cell + j, j < 6: a polynomial of degree 5 in t; w_6 = w_7 = 0
    d_j   dw_j/dt

The patch of a charge is 6 x 6 rows of 8 floats, read and written whole.
"""

from __future__ import annotations

from math import comb, factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types, uint64
from numba.extending import intrinsic
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from glasspot.engine.native.lanes import F32, I32, I64, Lanes, Value
from glasspot.engine.native.memory import aligned
from glasspot.engine.native.transform import ORDER, PATCH


def spline_coefficients() -> NDArray[np.float64]:
    """Return c[k, j], w_j = sum_k c[k, j] t^k: (6, 8), the last two columns zero."""
    c = np.zeros((ORDER, PATCH))
    for j in range(ORDER):
        piece = ORDER - 1 - j  # M6 on piece < x < piece + 1
        terms = [
            (-1) ** k * comb(ORDER, k) * Polynomial([0.5 + piece - k, 1.0]) ** (ORDER - 1) for k in range(piece + 1)
        ]
        c[:, j] = np.asarray(sum(terms, Polynomial([0.0])).coef, dtype=float) / factorial(ORDER - 1)
    return c


AXIS_BYTES = 8 * PATCH  # w_0 .. w_7, d_0 .. d_7
RECORD_BYTES = 4 * AXIS_BYTES  # three axes, and the place of the patch
# Weights are made two points before they are used, so that the processor need not wait for them.
AHEAD, RECORDS = 2, 4
WEIGHTS = spline_coefficients()
SLOPES = np.vstack([WEIGHTS[1:] * np.arange(1, ORDER)[:, None], np.zeros(PATCH)])


def make_records() -> NDArray[np.float32]:
    """Return the memory that :func:`spread` and :func:`gather` work in."""
    return aligned(RECORDS * RECORD_BYTES // 4)


def _polynomials(t: Lanes, x: Value, *coefficients: NDArray[np.float64]) -> Value:
    """Return polynomials of x, 8 lanes for each table of coefficients laid end to end."""
    table = np.hstack(coefficients)
    rows = [ir.Constant(x.type, [float(c) for c in row]) for row in table]
    value = rows[-1]
    for row in rows[-2::-1]:
        value = t.fma(value, x, row)
    return value


def _constants(builder: Any, values: list[Value]) -> Value:
    """Return scalars as one vector."""
    vector = ir.Constant(ir.VectorType(values[0].type, len(values)), ir.Undefined)
    for k, value in enumerate(values):
        vector = builder.insert_element(vector, value, ir.Constant(I32, k))
    return vector


def _locate(
    t: Lanes, point: Value, shifts: list[Value], sizes: list[Value], strides: list[Value]
) -> tuple[Value, Value]:
    """Return (offset of the patch in bytes, t along x, y, z and a fourth number) of a fixed-point position."""
    b = t.b
    zero = ir.Constant(I64, 0)
    four = ir.VectorType(I32, 4), ir.VectorType(I64, 4)
    shift = b.trunc(_constants(b, [*shifts, zero]), four[0])
    x = b.shl(t.load(point, 0, four[0], 16), shift)
    u = b.mul(b.zext(x, four[1]), _constants(b, [*sizes, zero]))
    cell = b.lshr(u, ir.Constant(four[1], [32] * 4))
    # The 32 bits below the point, less one half, are a signed integer when the first bit is turned.
    fraction = b.xor(b.trunc(u, four[0]), ir.Constant(four[0], [-(2**31)] * 4))
    place = t.mul(t.to_float(fraction), t.floats(2.0**-32, 4))
    offsets = b.mul(cell, _constants(b, [*strides, zero]))
    parts = [b.extract_element(offsets, ir.Constant(I32, k)) for k in range(3)]
    return b.add(b.add(parts[0], parts[1]), parts[2]), place


@intrinsic
def _place_one(typingctx, variant, point, shifts, sizes, strides, record):  # type: ignore[no-untyped-def]
    """Write w and d along x, y, z (3 x 16 floats) and the offset of the patch in bytes for one point."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, 2 * PATCH)
        shifts, sizes, strides = ([builder.extract_value(triple, k) for k in range(3)] for triple in args[2:5])
        offset, place = _locate(t, args[1], shifts, sizes, strides)
        for axis in range(3):
            weights = _polynomials(t, t.shuffle(place, None, [axis] * 2 * PATCH), WEIGHTS, SLOPES)
            t.store(weights, args[5], AXIS_BYTES * axis, 64)
        t.store(offset, args[5], 3 * AXIS_BYTES, 8)
        return context.get_dummy_value()

    triple = types.UniTuple(types.int64, 3)
    return types.void(variant, types.int64, triple, triple, triple, types.int64), code


@intrinsic
def _spread_one(typingctx, variant, record, charge, grid, strides):  # type: ignore[no-untyped-def]
    """Add one charge to the grid; ``record``, ``grid``: addresses; ``strides``: bytes to the next point in x, y, z."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, PATCH)
        _, record, charge, grid, strides = args
        strides = [builder.extract_value(strides, k) for k in range(3)]
        start = builder.add(grid, t.load(record, 3 * AXIS_BYTES, I64, 8))
        wx, wy = ([t.splat(t.load(record, axis * AXIS_BYTES + 4 * j, F32)) for j in range(ORDER)] for axis in (0, 1))
        wz = t.mul(t.load_floats(record, 2 * AXIS_BYTES, 32), t.splat(charge))
        for jx in range(ORDER):
            plane = builder.add(start, builder.mul(strides[0], ir.Constant(I64, jx)))
            wx_wz = t.mul(wx[jx], wz)
            for jy in range(ORDER):
                row = builder.add(plane, builder.mul(strides[1], ir.Constant(I64, jy)))
                t.store(t.fma(wx_wz, wy[jy], t.load_floats(row)), row)
        return context.get_dummy_value()

    triple = types.UniTuple(types.int64, 3)
    return types.void(variant, types.int64, types.float32, types.int64, triple), code


@intrinsic
def _gather_one(typingctx, variant, record, scale, grid, strides, force, total):  # type: ignore[no-untyped-def]
    """Add ``scale`` times the gradient of the grid (three float32) to four floats at ``force`` and at ``total``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, PATCH)
        _, record, scale, grid, strides, force, total = args
        strides = [builder.extract_value(strides, k) for k in range(3)]
        start = builder.add(grid, t.load(record, 3 * AXIS_BYTES, I64, 8))
        # Lanes 0..7 carry weights and lanes 8..15 slopes along y, so one product with a row does both.
        twice = [*range(PATCH), *range(PATCH)]
        y = t.load(record, AXIS_BYTES, ir.VectorType(F32, 2 * PATCH), 64)
        both = [t.shuffle(y, None, [j] * PATCH + [PATCH + j] * PATCH) for j in range(ORDER)]
        flat = steep = None
        for jx in range(ORDER):
            plane = builder.add(start, builder.mul(strides[0], ir.Constant(I64, jx)))
            rows = [builder.add(plane, builder.mul(strides[1], ir.Constant(I64, j))) for j in range(ORDER)]
            line = _dot(t, [t.shuffle(t.load_floats(row), None, twice) for row in rows], both)
            weight = t.splat(t.load(record, 4 * jx, F32), 2 * PATCH)
            slope = t.splat(t.load(record, 4 * (PATCH + jx), F32))
            flat = t.mul(line, weight) if flat is None else t.fma(line, weight, flat)
            line = t.shuffle(line, None, range(PATCH))
            steep = t.mul(line, slope) if steep is None else t.fma(line, slope, steep)
        weight, slope = (t.load_floats(record, 2 * AXIS_BYTES + 4 * k, 32) for k in (0, PATCH))
        flat, by_y = (t.shuffle(flat, None, range(k, k + PATCH)) for k in (0, PATCH))
        gradient = [t.mul(steep, weight), t.mul(by_y, weight), t.mul(flat, slope), t.floats(0.0)]
        scale = _constants(builder, [*(builder.extract_value(scale, k) for k in range(3)), ir.Constant(F32, 0.0)])
        push = t.mul(_sums(t, gradient), scale)
        for address in (force, total):
            t.store(t.add(t.load(address, 0, push.type, 16), push), address, 0, 16)
        return context.get_dummy_value()

    triple = types.UniTuple(types.int64, 3)
    scales = types.UniTuple(types.float32, 3)
    return types.void(variant, types.int64, scales, types.int64, triple, types.int64, types.int64), code


def _dot(t: Lanes, x: list[Value], y: list[Value]) -> Value:
    value = t.mul(x[0], y[0])
    for a, b in zip(x[1:], y[1:], strict=True):
        value = t.fma(a, b, value)
    return value


def _sums(t: Lanes, x: list[Value]) -> Value:
    """Return the sums over the 8 lanes of four vectors as one vector."""
    a, b, c, d = (t.add(t.shuffle(v, None, range(4)), t.shuffle(v, None, range(4, 8))) for v in x)
    ab, cd = (t.add(t.shuffle(p, q, [0, 2, 4, 6]), t.shuffle(p, q, [1, 3, 5, 7])) for p, q in ((a, b), (c, d)))
    return t.add(t.shuffle(ab, cd, [0, 2, 4, 6]), t.shuffle(ab, cd, [1, 3, 5, 7]))


@njit(cache=True, fastmath=True, error_model="numpy")
def spread(variant, t, points, shifts, charges, records):  # type: ignore[no-untyped-def]
    """Fill the grid of a transform with charges (e) at fixed-point ``points``."""
    t.grid[:] = 0
    n, grid, place, record = len(charges), t.grid.ctypes.data, points.ctypes.data, records.ctypes.data
    shift, sizes = (shifts[0], shifts[1], shifts[2]), (t.nx, t.ny, t.nz)
    strides = (4 * t.row * (t.ny + ORDER - 1), 4 * t.row, 4)
    for i in range(-AHEAD, n):
        later = min(i + AHEAD, n - 1)
        _place_one(variant, place + 16 * later, shift, sizes, strides, record + RECORD_BYTES * ((i + AHEAD) % RECORDS))
        if i >= 0:
            _spread_one(variant, record + RECORD_BYTES * (i % RECORDS), charges[uint64(i)], grid, strides)


@njit(cache=True, fastmath=True, error_model="numpy")
def gather(variant, t, points, shifts, charges, records, scale, forces, total):  # type: ignore[no-untyped-def]
    """Add the forces - q d(grid)/du scale to ``forces``, and put their sum into ``total`` (four floats, aligned)."""
    for axis in range(4):
        total[axis] = 0.0
    n, grid, place, record = len(charges), t.grid.ctypes.data, points.ctypes.data, records.ctypes.data
    shift, sizes = (shifts[0], shifts[1], shifts[2]), (t.nx, t.ny, t.nz)
    strides = (4 * t.row * (t.ny + ORDER - 1), 4 * t.row, 4)
    force, sums = forces.ctypes.data, total.ctypes.data
    for i in range(-AHEAD, n):
        later = min(i + AHEAD, n - 1)
        _place_one(variant, place + 16 * later, shift, sizes, strides, record + RECORD_BYTES * ((i + AHEAD) % RECORDS))
        if i >= 0:
            q = -charges[uint64(i)]
            scales = (q * scale[0], q * scale[1], q * scale[2])
            _gather_one(variant, record + RECORD_BYTES * (i % RECORDS), scales, grid, strides, force + 16 * i, sums)

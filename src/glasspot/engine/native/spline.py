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
from numba import njit, types
from numba.extending import intrinsic
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from glasspot.engine.native.lanes import F32, I32, I64, Lanes, Value
from glasspot.engine.native.transform import ORDER, PATCH


def spline_coefficients() -> NDArray[np.float64]:
    """Return c[k, j], w_j = sum_k c[k, j] t^k: (6, 8), the last two columns zero."""
    c = np.zeros((ORDER, PATCH))
    for j in range(ORDER):
        piece = ORDER - 1 - j  # M6 on piece < x < piece + 1
        terms = [
            (-1) ** k * comb(ORDER, k) * Polynomial([0.5 + piece - k, 1.0]) ** (ORDER - 1) for k in range(piece + 1)
        ]
        c[:, j] = sum(terms, Polynomial([0.0])).coef / factorial(ORDER - 1)
    return c


WEIGHTS = spline_coefficients()
SLOPES = np.vstack([WEIGHTS[1:] * np.arange(1, ORDER)[:, None], np.zeros(PATCH)])


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


def _locate(t: Lanes, point: Value, shifts: list[Value], sizes: list[Value], strides: list[Value]) -> tuple[Value, Value]:
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


@intrinsic  # type: ignore[untyped-decorator]
def _spread_one(typingctx, variant, point, charge, grid, shifts, sizes, strides):  # type: ignore[no-untyped-def]
    """Add one charge to the grid. ``point``, ``grid``: addresses; ``strides``: bytes from a point to the next in x, y, z."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, PATCH)
        shifts, sizes, strides = ([builder.extract_value(triple, k) for k in range(3)] for triple in args[4:7])
        offset, place = _locate(t, args[1], shifts, sizes, strides)
        start = builder.add(args[3], offset)
        wx_wy = _polynomials(t, t.shuffle(place, None, [0] * PATCH + [1] * PATCH), WEIGHTS, WEIGHTS)
        wz = t.mul(_polynomials(t, t.shuffle(place, None, [2] * PATCH), WEIGHTS), t.splat(args[2]))
        wy = [t.shuffle(wx_wy, None, [PATCH + j] * PATCH) for j in range(ORDER)]
        for jx in range(ORDER):
            plane = builder.add(start, builder.mul(strides[0], ir.Constant(I64, jx)))
            charge = t.mul(wz, t.shuffle(wx_wy, None, [jx] * PATCH))
            for jy in range(ORDER):
                row = builder.add(plane, builder.mul(strides[1], ir.Constant(I64, jy)))
                t.store(t.fma(charge, wy[jy], t.load_floats(row)), row)
        return context.get_dummy_value()

    triple = types.UniTuple(types.int64, 3)
    return types.void(variant, types.int64, types.float32, types.int64, triple, triple, triple), code


@intrinsic  # type: ignore[untyped-decorator]
def _gather_one(typingctx, variant, point, scale, grid, shifts, sizes, strides, force, total):  # type: ignore[no-untyped-def]
    """Add ``scale`` times the gradient of the grid at ``point`` (three float32) to four floats at ``force`` and ``total``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, PATCH)
        shifts, sizes, strides = ([builder.extract_value(triple, k) for k in range(3)] for triple in args[4:7])
        offset, place = _locate(t, args[1], shifts, sizes, strides)
        start = builder.add(args[3], offset)
        # Lanes 0..7 carry weights and lanes 8..15 slopes, so one product with a row does both.
        twice = [*range(PATCH), *range(PATCH)]
        x, y, z = (
            _polynomials(t, t.shuffle(place, None, [axis] * 2 * PATCH), WEIGHTS, SLOPES) for axis in range(3)
        )
        both = [t.shuffle(y, None, [j] * PATCH + [PATCH + j] * PATCH) for j in range(ORDER)]
        flat = steep = None
        for jx in range(ORDER):
            plane = builder.add(start, builder.mul(strides[0], ir.Constant(I64, jx)))
            rows = [builder.add(plane, builder.mul(strides[1], ir.Constant(I64, j))) for j in range(ORDER)]
            lines = [t.shuffle(t.load_floats(row), None, twice) for row in rows]
            line = _dot(t, lines, both)
            weight, slope = t.shuffle(x, None, [jx] * 2 * PATCH), t.shuffle(x, None, [PATCH + jx] * PATCH)
            flat = t.mul(line, weight) if flat is None else t.fma(line, weight, flat)
            line = t.shuffle(line, None, range(PATCH))
            steep = t.mul(line, slope) if steep is None else t.fma(line, slope, steep)
        weight, slope = (t.shuffle(z, None, range(k, k + PATCH)) for k in (0, PATCH))
        flat, by_y = (t.shuffle(flat, None, range(k, k + PATCH)) for k in (0, PATCH))
        gradient = [t.mul(steep, weight), t.mul(by_y, weight), t.mul(flat, slope), t.floats(0.0)]
        scale = _constants(builder, [*(builder.extract_value(args[2], k) for k in range(3)), ir.Constant(F32, 0.0)])
        push = t.mul(_sums(t, gradient), scale)
        for address in (args[7], args[8]):
            t.store(t.add(t.load(address, 0, push.type, 16), push), address, 0, 16)
        return context.get_dummy_value()

    triple = types.UniTuple(types.int64, 3)
    scales = types.UniTuple(types.float32, 3)
    return types.void(variant, types.int64, scales, types.int64, triple, triple, triple, types.int64, types.int64), code


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


@njit(cache=True, fastmath=True, error_model="numpy")  # type: ignore[untyped-decorator]
def spread(variant, t, points, shifts, charges):  # type: ignore[no-untyped-def]
    """Fill the grid of a transform with charges (e) at fixed-point ``points``."""
    t.grid[:] = 0
    n, grid, place = len(charges), t.grid.ctypes.data, points.ctypes.data
    shift, sizes = (shifts[0], shifts[1], shifts[2]), (t.nx, t.ny, t.nz)
    strides = (4 * t.row * (t.ny + ORDER - 1), 4 * t.row, 4)
    for i in range(n):
        _spread_one(variant, place + 16 * i, charges[i], grid, shift, sizes, strides)


@njit(cache=True, fastmath=True, error_model="numpy")  # type: ignore[untyped-decorator]
def gather(variant, t, points, shifts, charges, scale, forces, total):  # type: ignore[no-untyped-def]
    """Add the forces - q d(grid)/du * scale to ``forces``, and their sum to ``total`` (16-byte aligned, four floats)."""
    n, grid, place, force = len(charges), t.grid.ctypes.data, points.ctypes.data, forces.ctypes.data
    shift, sizes = (shifts[0], shifts[1], shifts[2]), (t.nx, t.ny, t.nz)
    strides = (4 * t.row * (t.ny + ORDER - 1), 4 * t.row, 4)
    sums = total.ctypes.data
    for i in range(n):
        q = -charges[i]
        scales = (q * scale[0], q * scale[1], q * scale[2])
        _gather_one(variant, place + 16 * i, scales, grid, shift, sizes, strides, force + 16 * i, sums)

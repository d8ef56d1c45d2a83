"""The mesh's real-to-complex Fourier transform in three dimensions, for compiled code; even sizes 2^a 3^b 5^c 7^d.

Why not a library: scipy's transform can be called from Python only, not from the compiled steps of MD, and it knows
not which waves may be left out. It takes 45, 227 and 1495 us there and back for 20^3, 36^3 and 64^3 points (rfftn and
irfftn, float32, one core of Zen 5); this one 15, 87 and 420 us with all waves and 53 us at 36^3 with the waves that are
needed there, the multiplication in between included (the portable variant 20, 145, 752 and 87 us).

Layout
    grid      float32 [nx + 5][ny + 5][row]: the mesh, with 5 points more on the far side of each axis, so that the
              patch of a charge never wraps; ``row`` >= nz + 8 is a multiple of 16
    spectrum  float32 [nx][ny + 1][blocks][re 16, im 16], kz in lanes: 0 .. modes - 1 < nz / 2. Waves of higher kz,
              where the Gauss function of the Ewald sum is next to nothing, are left out, and so is kz = nz / 2.
              One more in y keeps the lines along x apart in the cache.

The z axis is a product with a matrix (short, and no shuffling of lanes); y and x are steps of small transforms
(butterfly.py). Forward is exp(-i k r); nothing is normalised.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import int64, njit, types, uint64
from numba.extending import intrinsic
from numpy.typing import NDArray

from glasspot.engine.native.butterfly import RADICES, butterflies
from glasspot.engine.native.lanes import F32, I64, Lanes, Value
from glasspot.engine.native.loops import repeat
from glasspot.engine.native.memory import aligned
from glasspot.engine.native.variant import width

ORDER = 6  # of the B-spline; 5 points are added on the far side
PATCH = 8  # points in z that a patch reads, the spline's six and two with no weight
LANES = 16  # of a block of the spectrum
ROWS = 4  # rows of z transformed together: enough sums at once to keep the multipliers busy

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


class Transform(NamedTuple):
    """Sizes, tables and memory of the transform of one mesh; nothing is compiled anew for another size.

    nx, ny, nz >= 16, so that the mirror images of the first 16 points along z stay within their row.
    """

    nx: int
    ny: int
    nz: int
    modes: int
    blocks: int
    row: int
    grid: FloatArray
    spectrum: FloatArray
    lines: FloatArray  # three lines of the longer of x and y
    to_modes: FloatArray  # [blocks][nz + 5][cos 16, -sin 16]
    to_rows: FloatArray  # [(nz / 2 + 1) / 16][modes][w cos 16, -w sin 16], w = 2 but for kz = 0
    radices_x: int  # of the steps, four bits each, the first lowest
    radices_y: int
    twiddles_x: FloatArray
    twiddles_y: FloatArray


def _aligned_copy(values: NDArray[Any]) -> FloatArray:
    result = aligned(values.size)
    result[:] = values.ravel()
    return result


@cache
def factors(n: int) -> tuple[int, ...]:
    """Return the fewest radices whose product is n (the most even among them), or () when other primes are in it."""
    if n in RADICES:
        return (n,)
    ways = [(r, *factors(n // r)) for r in RADICES if n % r == 0]
    return min((way for way in ways if len(way) > 1), key=lambda way: (len(way), sum(way)), default=())


def packed(radices: tuple[int, ...]) -> int:
    """Return radices in one integer, four bits each, the first lowest: compiled code needs no array for them."""
    return sum(radix << 4 * k for k, radix in enumerate(radices))


def twiddles(n: int) -> FloatArray:
    """Return w^(p j) of butterfly.py as float32 (re, im) for p < m, 0 < j < r and each step but the last."""
    parts = [np.zeros(1, complex)]
    left = n
    for r in factors(n)[:-1]:
        m = left // r
        parts.append(np.exp(-2j * np.pi * np.outer(np.arange(m), np.arange(1, r)) / left).ravel())
        left = m
    return np.concatenate(parts[1:] or parts).astype(np.complex64).view(np.float32)


def make_transform(shape: tuple[int, int, int], modes: int) -> Transform:
    """Return the transform of a mesh of ``shape``, which keeps ``modes`` <= nz / 2 values of kz, kz = 0 included."""
    nx, ny, nz = shape
    blocks = -(-modes // LANES)
    row = -(-(nz + PATCH) // LANES) * LANES
    kz = np.arange(blocks * LANES)
    kept = kz < modes
    angle = 2 * np.pi / nz * np.outer(np.arange(nz + ORDER - 1), kz)
    wave = np.stack([np.cos(angle) * kept, -np.sin(angle) * kept], axis=1)  # (z, 2, k)
    to_modes = wave.reshape(-1, 2, blocks, LANES).transpose(2, 0, 1, 3)
    half = -(-(nz // 2 + 1) // LANES)
    angle = 2 * np.pi / nz * np.outer(np.arange(modes), np.arange(half * LANES))
    weight = np.where(np.arange(modes) == 0, 1.0, 2.0)[:, None]
    wave = np.stack([weight * np.cos(angle), -weight * np.sin(angle)], axis=1)  # (k, 2, z)
    to_rows = wave.reshape(modes, 2, half, LANES).transpose(2, 0, 1, 3)
    return Transform(
        nx=nx,
        ny=ny,
        nz=nz,
        modes=modes,
        blocks=blocks,
        row=row,
        grid=aligned((nx + ORDER - 1) * (ny + ORDER - 1) * row),
        spectrum=aligned(nx * (ny + 1) * blocks * 2 * LANES),
        lines=aligned(3 * max(nx, ny) * 2 * LANES),
        to_modes=_aligned_copy(to_modes),
        to_rows=_aligned_copy(to_rows),
        radices_x=packed(factors(nx)),
        radices_y=packed(factors(ny)),
        twiddles_x=_aligned_copy(twiddles(nx)),
        twiddles_y=_aligned_copy(twiddles(ny)),
    )


@intrinsic
def _rows_to_modes(typingctx, variant, rows, row_bytes, table, count, modes, modes_bytes):  # type: ignore[no-untyped-def]
    """Transform ROWS rows of ``count`` floats along z into one block each; addresses and distances in bytes."""
    lanes = width(variant)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, lanes)
        _, rows, row_bytes, table, count, modes, modes_bytes = args
        starts = _series(builder, rows, row_bytes)
        targets = _series(builder, modes, modes_bytes)
        for part in range(0, 64, 4 * lanes):

            def add_point(z: Value, sums: list[Value], part: int = part) -> list[Value]:
                wave = builder.add(table, builder.mul(z, ir.Constant(I64, 8 * LANES)))
                cosine, sine = (t.load_floats(wave, part + im, 4 * lanes) for im in (0, 64))
                offset = builder.shl(z, ir.Constant(I64, 2))
                points = [t.splat(t.load(builder.add(start, offset), 0, F32)) for start in starts]
                return [
                    t.fma(x, w, s) for x, w, s in zip(2 * points, ROWS * [cosine] + ROWS * [sine], sums, strict=True)
                ]

            sums = repeat(builder, count, [t.floats(0.0)] * (2 * ROWS), add_point)
            for k, target in enumerate(targets):
                t.store(sums[k], target, part, 4 * lanes)
                t.store(sums[ROWS + k], target, part + 64, 4 * lanes)
        return context.get_dummy_value()

    return types.void(variant, *[types.int64] * 6), code


@intrinsic
def _modes_to_rows(typingctx, variant, modes, modes_bytes, table, count, rows, mirror, row_bytes):  # type: ignore[no-untyped-def]
    """Transform ``count`` modes of ROWS rows back to 16 points along z of each, and to their mirror images nz - z.

    ``rows`` is the address of the first of the 16 points, ``mirror`` that of the point behind its image.
    """
    lanes = width(variant)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, lanes)
        _, modes, modes_bytes, table, count, rows, mirror, row_bytes = args
        starts = _series(builder, modes, modes_bytes)
        targets, images = _series(builder, rows, row_bytes), _series(builder, mirror, row_bytes)
        for part in range(0, 64, 4 * lanes):

            def add_mode(k: Value, sums: list[Value], part: int = part) -> list[Value]:
                wave = builder.add(table, builder.mul(k, ir.Constant(I64, 8 * LANES)))
                cosine, sine = (t.load_floats(wave, part + im, 4 * lanes) for im in (0, 64))
                # Mode k is lane k % 16 of block k // 16, a block being 128 bytes.
                block = builder.shl(builder.lshr(k, ir.Constant(I64, 4)), ir.Constant(I64, 7))
                offset = builder.add(block, builder.shl(builder.and_(k, ir.Constant(I64, 15)), ir.Constant(I64, 2)))
                places = [builder.add(start, offset) for start in starts]
                real, imaginary = ([t.splat(t.load(place, im, F32)) for place in places] for im in (0, 64))
                return [
                    t.fma(x, w, s)
                    for x, w, s in zip(real + imaginary, ROWS * [cosine] + ROWS * [sine], sums, strict=True)
                ]

            sums = repeat(builder, count, [t.floats(0.0)] * (2 * ROWS), add_mode)
            # The cosines are the same at z and nz - z, the sines change their sign.
            for k in range(ROWS):
                t.store(t.add(sums[k], sums[ROWS + k]), targets[k], part, 4 * lanes)
                image = t.shuffle(t.sub(sums[k], sums[ROWS + k]), None, range(lanes - 1, -1, -1))
                t.store(image, images[k], -part - 4 * lanes)
        return context.get_dummy_value()

    return types.void(variant, *[types.int64] * 7), code


def _series(builder: Any, address: Value, step: Value) -> list[Value]:
    """Return ROWS addresses, ``step`` bytes apart."""
    return [builder.add(address, builder.mul(step, ir.Constant(I64, k))) for k in range(ROWS)]


@njit(cache=True, fastmath=True, error_model="numpy")
def transform_line(variant, n, radices, twiddles, source, source_step, target, target_step, work, work_bytes, swap):  # type: ignore[no-untyped-def]
    """Transform a line of 16 lanes; ``swap`` 0 forward, 1 backward; addresses and steps in bytes.

    ``work`` is the address of two lines, ``work_bytes`` apart. ``source`` and ``target`` may be the same line.
    """
    last = work + work_bytes
    done, left, there = 1, n, work
    while left > 1:
        radix = radices & 15
        radices >>= 4
        rest = left // radix
        there_step = 8 * LANES
        if rest == 1:
            there, there_step, twiddles = target, target_step, 0
        for p in range(rest):
            butterflies(
                variant,
                radix,
                done,
                source + p * done * source_step,
                source_step,
                done * rest * source_step,
                there + p * radix * done * there_step,
                there_step,
                done * there_step,
                swap,
                twiddles,
            )
            twiddles += 8 * (radix - 1)
        source, source_step = there, there_step
        there = work + last - there
        done, left = done * radix, rest


@njit(cache=True, fastmath=True, error_model="numpy")
def planes_forward(variant, t):  # type: ignore[no-untyped-def]
    """Add the far sides of the grid to the near ones and transform along z and y into the spectrum."""
    _fold(t)
    grid, to_modes, spectrum = t.grid.ctypes.data, t.to_modes.ctypes.data, t.spectrum.ctypes.data
    work, twiddles = t.lines.ctypes.data, t.twiddles_y.ctypes.data
    line, work_bytes = 8 * LANES * t.blocks, 8 * LANES * max(t.nx, t.ny)
    count = t.nz + ORDER - 1
    for x in range(t.nx):
        plane = spectrum + x * (t.ny + 1) * line
        for group in range(0, t.ny, ROWS):
            y = min(group, t.ny - ROWS)  # the last group may do rows again
            rows = grid + 4 * t.row * (x * (t.ny + ORDER - 1) + y)
            for block in range(t.blocks):
                table = to_modes + 8 * LANES * count * block
                _rows_to_modes(variant, rows, 4 * t.row, table, count, plane + y * line + 8 * LANES * block, line)
        for block in range(t.blocks):
            place = plane + 8 * LANES * block
            transform_line(variant, t.ny, t.radices_y, twiddles, place, line, place, line, work, work_bytes, int64(0))


@njit(cache=True, fastmath=True, error_model="numpy")
def planes_backward(variant, t):  # type: ignore[no-untyped-def]
    """Transform the spectrum back along y and z into the grid, and copy the near sides to the far ones."""
    grid, to_rows, spectrum = t.grid.ctypes.data, t.to_rows.ctypes.data, t.spectrum.ctypes.data
    work, twiddles = t.lines.ctypes.data, t.twiddles_y.ctypes.data
    line, work_bytes = 8 * LANES * t.blocks, 8 * LANES * max(t.nx, t.ny)
    for x in range(t.nx):
        plane = spectrum + x * (t.ny + 1) * line
        for block in range(t.blocks):
            place = plane + 8 * LANES * block
            transform_line(variant, t.ny, t.radices_y, twiddles, place, line, place, line, work, work_bytes, int64(1))
        for group in range(0, t.ny, ROWS):
            y = min(group, t.ny - ROWS)
            rows = grid + 4 * t.row * (x * (t.ny + ORDER - 1) + y)
            for part in range((t.nz // 2 + LANES) // LANES):
                first, table = LANES * part, to_rows + 8 * LANES * t.modes * part
                here, image = rows + 4 * first, rows + 4 * (t.nz - first + 1)
                _modes_to_rows(variant, plane + y * line, line, table, t.modes, here, image, 4 * t.row)
    _unfold(t)


@njit(cache=True, fastmath=True, error_model="numpy")
def _fold(t):  # type: ignore[no-untyped-def]
    """Add the far sides of the grid in x and y to the near ones (z is periodic in the table of the transform)."""
    plane, far_x = (t.ny + ORDER - 1) * t.row, t.nx * (t.ny + ORDER - 1) * t.row
    far_y = t.ny * t.row
    for k in range((ORDER - 1) * plane):
        t.grid[uint64(k)] += t.grid[uint64(k + far_x)]
    for x in range(t.nx):
        for k in range(x * plane, x * plane + (ORDER - 1) * t.row):
            t.grid[uint64(k)] += t.grid[uint64(k + far_y)]


@njit(cache=True, fastmath=True, error_model="numpy")
def _unfold(t):  # type: ignore[no-untyped-def]
    """Copy the near sides of the grid in z, y and x to the far ones."""
    plane, far_x = (t.ny + ORDER - 1) * t.row, t.nx * (t.ny + ORDER - 1) * t.row
    far_y = t.ny * t.row
    for x in range(t.nx):
        for y in range(t.ny):
            start = x * plane + y * t.row
            for k in range(start, start + PATCH):
                t.grid[uint64(k + t.nz)] = t.grid[uint64(k)]
        for k in range(x * plane, x * plane + (ORDER - 1) * t.row):
            t.grid[uint64(k + far_y)] = t.grid[uint64(k)]
    for k in range((ORDER - 1) * plane):
        t.grid[uint64(k + far_x)] = t.grid[uint64(k)]

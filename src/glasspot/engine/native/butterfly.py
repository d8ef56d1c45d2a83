"""Small discrete Fourier transforms of vectors, the steps that a long transform is made of (Stockham's order).

A complex number is 16 real and then 16 imaginary parts (128 bytes): 16 independent lines are transformed at once, each
in a lane. A machine of fewer lanes does the 16 in turn.

Notation: a step of radix r on lines of length N, of which s = r1 r2 ... is already transformed, n = N / s is left, and
m = n / r:
    y[q + s (r p + j)] = w^(p j) sum_t x[q + s (p + m t)] exp(-2 pi i j t / r),   w = exp(-2 pi i / n),
for p < m, q < s, j < r. Source: Van Loan, Computational Frameworks for the FFT (1992), section 1.7.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from glasspot.engine.native.lanes import F32, I64, Lanes, Value
from glasspot.engine.native.loops import repeat
from glasspot.engine.native.variant import width

Complex = tuple[Value, Value]

RADICES = (8, 7, 6, 5, 4, 3, 2)


@intrinsic
def butterflies(  # type: ignore[no-untyped-def]
    typingctx, variant, radix, count, source, source_step, source_gap, target, target_step, target_gap, swap, twiddles
):
    """Do one p of a step: ``count`` (s) transforms of length ``radix``, all numbers given as int64.

    ``source``, ``target``  addresses of x[s p] and y[s r p]
    ``*_step``, ``*_gap``   bytes from q to q + 1, and from t to t + 1 or j to j + 1
    ``swap``                0: forward; 1: read imaginary parts as real and the other way round, which is backward
    ``twiddles``            address of w^p, w^2p, ... (float32 re, im), or 0 where all are one (m = 1)
    """
    lanes = width(variant)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        t = Lanes(builder, lanes)
        radix, swap, twiddles = args[1], args[9], args[10]
        im = builder.sub(
            ir.Constant(I64, 64), builder.shl(swap, ir.Constant(I64, 7))
        )  # from real to imaginary: 64, -64
        first = builder.shl(swap, ir.Constant(I64, 6))
        source, target = builder.add(args[3], first), builder.add(args[6], first)
        plain = builder.icmp_signed("==", twiddles, ir.Constant(I64, 0))
        key = builder.add(radix, builder.select(plain, ir.Constant(I64, 0), ir.Constant(I64, max(RADICES))))
        end = builder.append_basic_block("butterflies.end")
        switch = builder.switch(key, end)
        for r in RADICES:
            for twiddled in (False, True):
                block = builder.append_basic_block(f"radix{r}")
                switch.add_case(ir.Constant(I64, r + twiddled * max(RADICES)), block)
                builder.position_at_end(block)
                factors = _load_twiddles(t, twiddles, r) if twiddled else []
                _column(t, r, args[2], (source, args[4], args[5]), (target, args[7], args[8]), im, factors)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(variant, *[types.int64] * 10), code


def _load_twiddles(t: Lanes, address: Value, radix: int) -> list[Complex]:
    """Return w^p .. w^((r - 1) p), each in all lanes."""
    parts = [t.splat(t.load(address, 4 * k, F32)) for k in range(2 * (radix - 1))]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _column(
    t: Lanes,
    radix: int,
    count: Value,
    source: tuple[Value, ...],
    target: tuple[Value, ...],
    im: Value,
    w: list[Complex],
) -> None:
    """Emit the loop over q, and over the parts of 16 that the lanes hold."""
    b = t.b

    def body(q: Value, _: list[Value]) -> list[Value]:
        from_, to = (b.add(place, b.mul(q, step)) for place, step, _ in (source, target))
        for part in range(0, 64, 4 * t.width):
            z = [_load(t, b.add(from_, b.mul(source[2], ir.Constant(I64, k))), im, part) for k in range(radix)]
            z = dft(t, z)
            z = [z[0], *(multiply(t, x, y) for x, y in zip(z[1:], w, strict=True))] if w else z
            for k, (x, y) in enumerate(z):
                place = b.add(to, b.mul(target[2], ir.Constant(I64, k)))
                t.store(x, place, part, align=4 * t.width)
                t.store(y, b.add(place, im), part, align=4 * t.width)
        return []

    repeat(b, count, [], body)


def _load(t: Lanes, place: Value, im: Value, part: int) -> Complex:
    return t.load_floats(place, part, 4 * t.width), t.load_floats(t.b.add(place, im), part, 4 * t.width)


def multiply(t: Lanes, x: Complex, y: Complex) -> Complex:
    """x y."""
    return (
        t.sub(t.mul(x[0], y[0]), t.mul(x[1], y[1])),
        t.add(t.mul(x[0], y[1]), t.mul(x[1], y[0])),
    )


def _turn(t: Lanes, x: Complex, angle: tuple[int, int]) -> Complex:
    """x exp(-2 pi i k / n), ``angle`` = (k, n) constant."""
    k, n = angle
    if k == 0:
        return x
    if 4 * k == n:
        return x[1], t.sub(t.floats(0.0), x[0])
    return multiply(t, x, (t.floats(cos(2 * pi * k / n)), t.floats(-sin(2 * pi * k / n))))


def dft(t: Lanes, x: list[Complex]) -> list[Complex]:
    """Return sum_t x_t exp(-2 pi i j t / r) for j < r, r = len(x) of :data:`RADICES`."""
    r = len(x)
    if r == 2:
        return [_sum(t, x[0], x[1]), _difference(t, x[0], x[1])]
    if r == 4:
        return _dft4(t, x)
    if r % 2:
        return _dft_odd(t, x)
    even, odd = dft(t, x[::2]), dft(t, x[1::2])
    odd = [_turn(t, z, (k, r)) for k, z in enumerate(odd)]
    pairs = list(zip(even, odd, strict=True))
    return [_sum(t, a, b) for a, b in pairs] + [_difference(t, a, b) for a, b in pairs]


def _sum(t: Lanes, x: Complex, y: Complex) -> Complex:
    return t.add(x[0], y[0]), t.add(x[1], y[1])


def _difference(t: Lanes, x: Complex, y: Complex) -> Complex:
    return t.sub(x[0], y[0]), t.sub(x[1], y[1])


def _plus_minus_i(t: Lanes, x: Complex, y: Complex) -> tuple[Complex, Complex]:
    """x - i y and x + i y."""
    return (t.add(x[0], y[1]), t.sub(x[1], y[0])), (t.sub(x[0], y[1]), t.add(x[1], y[0]))


def _dft4(t: Lanes, x: list[Complex]) -> list[Complex]:
    a, b = _sum(t, x[0], x[2]), _difference(t, x[0], x[2])
    c, d = _sum(t, x[1], x[3]), _difference(t, x[1], x[3])
    one, three = _plus_minus_i(t, b, d)
    return [_sum(t, a, c), one, _difference(t, a, c), three]


def _dft_odd(t: Lanes, x: list[Complex]) -> list[Complex]:
    """Radix 3, 5 and 7: x_t and x_(r-t) share their cosines and, but for the sign, their sines."""
    r = len(x)
    half = range(1, r // 2 + 1)
    plus = [_sum(t, x[k], x[r - k]) for k in half]
    minus = [_difference(t, x[k], x[r - k]) for k in half]
    result = [x[0]] * r
    for z in plus:
        result[0] = _sum(t, result[0], z)
    for j in half:
        even, odd = x[0], None
        for k, p, m in zip(half, plus, minus, strict=True):
            c, s = t.floats(cos(2 * pi * j * k / r)), t.floats(sin(2 * pi * j * k / r))
            even = t.fma(p[0], c, even[0]), t.fma(p[1], c, even[1])
            odd = (t.mul(m[0], s), t.mul(m[1], s)) if odd is None else (t.fma(m[0], s, odd[0]), t.fma(m[1], s, odd[1]))
        result[j], result[r - j] = _plus_minus_i(t, even, odd)  # type: ignore[arg-type]
    return result

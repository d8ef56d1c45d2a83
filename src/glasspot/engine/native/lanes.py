"""The vector layer: what one instruction does to all lanes. No physics here; the algorithms are written with it.

LLVM's vector instructions, reached through ``numba.extending.intrinsic``, so that no compiler is needed. LLVM cuts a
vector that is wider than the machine's into pieces, so the same text runs on every processor; two operations alone
have a form of their own where AVX-512 is present: a look-up in a table that lives in registers, and a store of the
lanes that passed a test, close together ("compress").

Notation: an address is an i64; offsets are in bytes; ``width`` lanes of 32 bits are a row of memory. FAST lets LLVM
fuse and reorder floating-point operations; nothing here depends on the sign of zero or on NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

I1, I16, I32, I64, F32 = ir.IntType(1), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
FAST = ("fast",)

Value = Any  # llvmlite's values carry no types for mypy


class Lanes:
    """Emits vector instructions of ``width`` lanes with an IR builder."""

    def __init__(self, builder: Any, width: int) -> None:
        self.b = builder
        self.width = width

    # memory

    def pointer(self, address: Value, offset: int, kind: Any) -> Value:
        """Return a typed pointer to ``offset`` bytes after ``address``."""
        place = self.b.add(address, ir.Constant(I64, offset)) if offset else address
        return self.b.inttoptr(place, kind.as_pointer())

    def load(self, address: Value, offset: int, kind: Any, align: int = 4) -> Value:
        """Return what stands at ``address + offset``."""
        value = self.b.load(self.pointer(address, offset, kind))
        value.align = align
        return value

    def store(self, value: Value, address: Value, offset: int = 0, align: int = 4) -> None:
        """Put ``value`` at ``address + offset``."""
        self.b.store(value, self.pointer(address, offset, value.type)).align = align

    def load_floats(self, address: Value, offset: int = 0, align: int = 4) -> Value:
        """Return ``width`` floats."""
        return self.load(address, offset, ir.VectorType(F32, self.width), align)

    def load_ints(self, address: Value, offset: int = 0, align: int = 4) -> Value:
        """Return ``width`` 32-bit integers."""
        return self.load(address, offset, ir.VectorType(I32, self.width), align)

    # lanes

    def shuffle(self, x: Value, y: Value | None, lanes: Sequence[int]) -> Value:
        """Return the named lanes of x and y laid end to end."""
        other = ir.Constant(x.type, ir.Undefined) if y is None else y
        return self.b.shuffle_vector(x, other, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))

    def splat(self, scalar: Value, width: int | None = None) -> Value:
        """Return a vector with ``scalar`` in every lane."""
        width = self.width if width is None else width
        empty = ir.Constant(ir.VectorType(scalar.type, width), ir.Undefined)
        return self.shuffle(self.b.insert_element(empty, scalar, ir.Constant(I32, 0)), None, [0] * width)

    def floats(self, number: float, width: int | None = None) -> Value:
        """Return a constant vector of floats."""
        width = self.width if width is None else width
        return ir.Constant(ir.VectorType(F32, width), [float(number)] * width)

    def ints(self, numbers: int | Sequence[int]) -> Value:
        """Return a constant vector of 32-bit integers: one number for all lanes, or one each."""
        lanes = [numbers] * self.width if isinstance(numbers, int) else list(numbers)
        return ir.Constant(ir.VectorType(I32, self.width), lanes)

    # arithmetic

    def add(self, x: Value, y: Value) -> Value:
        """x + y."""
        return self.b.fadd(x, y, flags=FAST)

    def sub(self, x: Value, y: Value) -> Value:
        """x - y."""
        return self.b.fsub(x, y, flags=FAST)

    def mul(self, x: Value, y: Value) -> Value:
        """x y."""
        return self.b.fmul(x, y, flags=FAST)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x y + z; LLVM makes one instruction of it where there is one."""
        return self.add(self.mul(x, y), z)

    def max(self, x: Value, y: Value) -> Value:
        """The larger of x and y in each lane."""
        return self.b.select(self.b.fcmp_ordered(">", x, y), x, y)

    def min(self, x: Value, y: Value) -> Value:
        """The smaller of x and y in each lane."""
        return self.b.select(self.b.fcmp_ordered("<", x, y), x, y)

    def less(self, x: Value, y: Value) -> Value:
        """x < y of floats, a bit a lane."""
        return self.b.fcmp_ordered("<", x, y)

    def to_float(self, x: Value) -> Value:
        """Integers as floats."""
        return self.b.sitofp(x, ir.VectorType(F32, x.type.count))

    def bits(self, x: Value) -> Value:
        """The bits of floats as integers."""
        return self.b.bitcast(x, ir.VectorType(I32, x.type.count))

    def as_floats(self, x: Value) -> Value:
        """Integers read as the bits of floats."""
        return self.b.bitcast(x, ir.VectorType(F32, x.type.count))

    def total(self, x: Value) -> Value:
        """Return the sum over the lanes, pair by pair."""
        n = x.type.count
        while n > 1:
            n //= 2
            x = self.add(self.shuffle(x, None, range(n)), self.shuffle(x, None, range(n, 2 * n)))
        return self.b.extract_element(x, ir.Constant(I32, 0))

    # rows of four and columns

    def columns(self, rows: Sequence[Value]) -> list[Value]:
        """Return the four columns of ``width`` rows of four: lane k of column c is rows[k][c]."""
        return self._turn([self._join([rows[k + 4 * q] for q in range(self.width // 4)]) for k in range(4)])

    def rows(self, columns: Sequence[Value]) -> list[Value]:
        """Return ``width`` rows of four from four columns: the inverse of :meth:`columns`."""
        turned = self._turn(columns)
        return [self.shuffle(turned[k % 4], None, range(4 * (k // 4), 4 * (k // 4) + 4)) for k in range(self.width)]

    def _join(self, pieces: list[Value]) -> Value:
        while len(pieces) > 1:
            n = pieces[0].type.count
            pieces = [self.shuffle(x, y, range(2 * n)) for x, y in zip(pieces[::2], pieces[1::2], strict=True)]
        return pieces[0]

    def _turn(self, r: Sequence[Value]) -> list[Value]:
        """Transpose each 4 x 4 square of lanes 4q..4q+3 of four vectors."""
        starts, w = range(0, self.width, 4), self.width
        low = [x for p in starts for x in (p, w + p, p + 1, w + p + 1)]
        halves = [x for p in starts for x in (p, p + 1, w + p, w + p + 1)]
        high, other = [x + 2 for x in low], [x + 2 for x in halves]
        a, b = self.shuffle(r[0], r[1], low), self.shuffle(r[0], r[1], high)
        c, d = self.shuffle(r[2], r[3], low), self.shuffle(r[2], r[3], high)
        return [
            self.shuffle(a, c, halves),
            self.shuffle(a, c, other),
            self.shuffle(b, d, halves),
            self.shuffle(b, d, other),
        ]

    # the two operations that AVX-512 has for itself

    def pick(self, low: Value, high: Value, place: Value) -> Value:
        """Return, in each lane, entry ``place`` (0..31) of a table of two vectors of 16 floats: AVX-512 only."""
        name = "llvm.x86.avx512.vpermi2var.ps.512"
        kind = ir.FunctionType(low.type, [low.type, place.type, low.type])
        function = self.b.module.globals.get(name) or ir.Function(self.b.module, kind, name)
        return self.b.call(function, [low, place, high])

    def compress_store(self, values: Value, keep: Value, address: Value) -> Value:
        """Store the lanes with ``keep`` set one after another at ``address``; return how many (i64).

        Up to ``width`` places after them may be overwritten.
        """
        mask = self.b.bitcast(keep, ir.IntType(self.width))
        if self.width == 16:
            name = "llvm.x86.avx512.mask.compress.v16i32"
            kind = ir.FunctionType(values.type, [values.type, values.type, keep.type])
            function = self.b.module.globals.get(name) or ir.Function(self.b.module, kind, name)
            self.store(self.b.call(function, [values, self.ints(0), keep]), address)
            return self.b.zext(self.b.ctpop(mask), I64)
        # A lane is stored at the next free place whether it is kept or not; only a kept one moves that place on.
        place = ir.Constant(I64, 0)
        for lane in range(self.width):
            index = ir.Constant(I32, lane)
            self.store(
                self.b.extract_element(values, index), self.b.add(address, self.b.shl(place, ir.Constant(I64, 2)))
            )
            place = self.b.add(place, self.b.zext(self.b.extract_element(keep, index), I64))
        return place

"""Polynomials of the pair function, looked up for every lane by the bits of s.

The exponent and the first bits of the mantissa of the float s name its segment; what is left of the mantissa is the
place t in it. Two ways to hold the coefficients:

    Quintic, Sextic   32 segments, a quarter of an octave of s each; the coefficients of one power stand in two
                      registers of 16 floats, and one instruction picks one for each lane (AVX-512)
    Cubic             many narrow segments with four coefficients each, read from memory with one load a lane
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from glasspot.engine.native.lanes import F32, I32, I64, Lanes, Value
from glasspot.engine.native.variant import Cubic, Quintic, Sextic, tables_of

ONE = 0x3F800000  # the bits of 1.0
REGISTER_SEGMENTS, CUBIC_OCTAVES = 32, 8
DEGREES: dict[type, int] = {Quintic: 5, Sextic: 6, Cubic: 3}
# Bits of the mantissa that name the segment.
REGISTER_BITS, CUBIC_BITS = 2, 6


class Table:
    """Where the coefficients of one pair of species lie: first those of g, then those of the energy."""

    together = 1  # vectors of s that are best looked up at once

    def __init__(self, lanes: Lanes, address: Value, offset: int, kind: type) -> None:
        self.lanes, self.address, self.offset, self.degree = lanes, address, offset, DEGREES[kind]

    def look_up(self, several: list[Value], n_functions: int) -> list[list[Value]]:
        """Return g of each s and, for two functions, the energy of each."""
        raise NotImplementedError

    def _place(self, s: Value, bits: int) -> Value:
        """Return t: the mantissa after the first ``bits`` bits, as a float from -2^-(bits+1) to +2^-(bits+1)."""
        lanes, b = self.lanes, self.lanes.b
        rest = b.and_(lanes.bits(s), lanes.ints((1 << (23 - bits)) - 1))
        return lanes.sub(lanes.as_floats(b.or_(rest, lanes.ints(ONE))), lanes.floats(1.0 + 0.5 / (1 << bits)))


class RegisterTable(Table):
    """Coefficients of a power in two registers: [function][power][32 segments]."""

    together = 4  # they share each load of coefficients

    def look_up(self, several: list[Value], n_functions: int) -> list[list[Value]]:
        """Return the functions of each s."""
        lanes = self.lanes
        # The instruction looks at the last 5 bits of a place.
        places = [lanes.b.lshr(lanes.bits(s), lanes.ints(23 - REGISTER_BITS)) for s in several]
        ts = [self._place(s, REGISTER_BITS) for s in several]
        found = []
        for function in range(n_functions):
            start = self.offset + 128 * (self.degree + 1) * function
            values: list[Value] = []
            for power in range(self.degree, -1, -1):
                low = lanes.load_floats(self.address, start + 128 * power, 64)
                high = lanes.load_floats(self.address, start + 128 * power + 64, 64)
                picked = [lanes.pick(low, high, place) for place in places]
                values = [lanes.fma(v, t, c) for v, t, c in zip(values, ts, picked, strict=True)] if values else picked
            found.append(values)
        return found


class MemoryTable(Table):
    """Four coefficients of a segment side by side: [function][segment][4]; segments of 8 octaves."""

    def look_up(self, several: list[Value], n_functions: int) -> list[list[Value]]:
        """Return the functions of each s."""
        each = [self._look_up(s, n_functions) for s in several]
        return [list(values) for values in zip(*each, strict=True)]

    def _look_up(self, s: Value, n_functions: int) -> list[Value]:
        lanes, b = self.lanes, self.lanes.b
        segments = CUBIC_OCTAVES << CUBIC_BITS
        place = b.and_(b.lshr(lanes.bits(s), lanes.ints(23 - CUBIC_BITS)), lanes.ints(segments - 1))
        t = self._place(s, CUBIC_BITS)
        row_kind = ir.VectorType(F32, 4)
        places = [b.zext(b.extract_element(place, ir.Constant(I32, k)), I64) for k in range(lanes.width)]
        found = []
        for function in range(n_functions):
            start = self.offset + 16 * segments * function
            rows = [lanes.load(b.add(self.address, b.shl(p, ir.Constant(I64, 4))), start, row_kind, 16) for p in places]
            c = lanes.columns(rows)
            found.append(lanes.fma(lanes.fma(lanes.fma(c[3], t, c[2]), t, c[1]), t, c[0]))
        return found


def table_of(variant: Any, lanes: Lanes, address: Value, offset: int) -> Table:
    """Return the table of a variant (its numba type); coefficients begin ``offset`` bytes after ``address``."""
    kind = tables_of(variant)
    return (MemoryTable if kind is Cubic else RegisterTable)(lanes, address, offset, kind)

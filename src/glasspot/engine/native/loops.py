"""A counted loop in LLVM's language whose running values stay in registers.

numba knows no vectors between intrinsics, so a sum over a loop in vectors must have its loop inside one intrinsic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from glasspot.engine.native.lanes import I64, Value


def repeat(
    builder: Any, count: Value, start: Sequence[Value], body: Callable[[Value, list[Value]], Sequence[Value]]
) -> list[Value]:
    """Emit ``for i in range(count): values = body(i, values)`` and return the last values; ``count`` is an i64."""
    before = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("repeat", "repeat.body", "repeat.end"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(I64)
    values = [builder.phi(value.type) for value in start]
    builder.cbranch(builder.icmp_signed("<", index, count), inside, after)
    builder.position_at_end(inside)
    following = body(index, values)
    following_index = builder.add(index, ir.Constant(I64, 1))
    last = builder.block
    builder.branch(head)
    first, later = [ir.Constant(I64, 0), *start], [following_index, *following]
    for phi, x, y in zip([index, *values], first, later, strict=True):
        phi.add_incoming(x, before)
        phi.add_incoming(y, last)
    builder.position_at_end(after)
    return values

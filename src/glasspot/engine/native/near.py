"""The search of the neighbour list, in vectors: which spheres are near a cluster, and which atoms of other clusters.

Both compare ``width`` candidates at a time and store the indices of those that pass one after another.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from glasspot.engine.native.lanes import F32, I32, I64, Lanes, Value
from glasspot.engine.native.variant import width

ADDRESS = types.intp

# Layout of a search, floats: the scales of the axes (A per unit), the reach and the radius of the cluster that
# searches (A), and the square of the reach.
SEARCH_SCALE, SEARCH_TOUCH, SEARCH_REACH2 = 0, 3, 4


@intrinsic
def near_spheres(
    typing: Any,
    variant: Any,
    centres: Any,
    stride: Any,
    radii: Any,
    begin: Any,
    end: Any,
    search: Any,
    centre: Any,
    found: Any,
) -> Any:
    """Store at ``found`` which of the spheres ``begin`` .. ``end``, ``width`` at most, are near; return how many.

    centres: address of int32 centres, x of all, y of all, z of all, ``stride`` bytes apart; radii: float32, in A.
    Near: within SEARCH_TOUCH of the int32 (3,) point at ``centre``, the radius of the sphere not counted.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, centres, stride, radii, begin, end, search, centre, found = args
        b, lanes = builder, Lanes(builder, width(variant))
        theirs = b.shl(begin, ir.Constant(I64, 2))
        distance2 = None
        for d in range(3):
            axis = b.add(b.add(centres, b.mul(stride, ir.Constant(I64, d))), theirs)
            mine = lanes.splat(lanes.load(centre, 4 * d, I32))
            scale = lanes.splat(lanes.load(search, 4 * (SEARCH_SCALE + d), F32))
            apart = lanes.mul(lanes.to_float(b.sub(lanes.load_ints(axis), mine)), scale)
            distance2 = lanes.mul(apart, apart) if distance2 is None else lanes.fma(apart, apart, distance2)
        touch = lanes.splat(lanes.load(search, 4 * SEARCH_TOUCH, F32))
        touch = lanes.add(lanes.load_floats(b.add(radii, theirs)), touch)
        index = b.add(lanes.splat(b.trunc(begin, I32)), lanes.ints(range(lanes.width)))
        keep = b.and_(
            lanes.less(distance2, lanes.mul(touch, touch)),
            b.icmp_signed("<", index, lanes.splat(b.trunc(end, I32))),
        )
        return lanes.compress_store(index, keep, found)

    arguments = (ADDRESS, types.intp, ADDRESS, types.intp, types.intp, ADDRESS, ADDRESS, ADDRESS)
    return types.intp(variant, *arguments), generate


@intrinsic
def near_atoms(
    typing: Any,
    variant: Any,
    points: Any,
    first: Any,
    candidates: Any,
    n_valid: Any,
    end: Any,
    search: Any,
    cluster: Any,
    found: Any,
) -> Any:
    """Store at ``found`` the rows of ``width``/4 candidate clusters that come within reach of an atom of a cluster.

    candidates: address of int32 numbers of clusters, ``n_valid`` of which count; first: int64, the row where each
    begins; end: the row after the last of their species; cluster: int32 (4, 4) points of the searching atoms. Returns
    how many were stored.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, points, first, candidates, n_valid, end, search, cluster, found = args
        b, lanes = builder, Lanes(builder, width(variant))
        n_candidates = lanes.width // 4
        rows: list[Value] = []
        starts = []
        for k in range(n_candidates):
            number = b.zext(lanes.load(candidates, 4 * k, I32), I64)
            start = lanes.load(b.add(first, b.shl(number, ir.Constant(I64, 3))), 0, I64)
            starts.append(b.trunc(start, I32))
            address = b.add(points, b.shl(start, ir.Constant(I64, 4)))
            rows += [lanes.load(address, 16 * row, ir.VectorType(I32, 4), 16) for row in range(4)]
        # Lane k of the columns is row k; the rows of a candidate follow each other.
        x, y, z, _ = lanes.columns(rows)
        start_of = ir.Constant(ir.VectorType(I32, lanes.width), ir.Undefined)
        for k in range(n_candidates):
            start_of = b.insert_element(start_of, starts[k], ir.Constant(I32, k))
        index = b.add(
            lanes.shuffle(start_of, None, [lane // 4 for lane in range(lanes.width)]),
            lanes.ints([lane % 4 for lane in range(lanes.width)]),
        )
        nearest = None
        for u in range(4):
            distance2 = None
            for d, points_j in enumerate((x, y, z)):
                scale = lanes.splat(lanes.load(search, 4 * (SEARCH_SCALE + d), F32))
                point = lanes.splat(lanes.load(cluster, 16 * u + 4 * d, I32))
                apart = lanes.mul(lanes.to_float(b.sub(points_j, point)), scale)
                distance2 = lanes.mul(apart, apart) if distance2 is None else lanes.fma(apart, apart, distance2)
            nearest = distance2 if nearest is None else lanes.min(nearest, distance2)
        belongs = b.and_(
            b.icmp_signed("<", index, lanes.splat(b.trunc(end, I32))),
            b.icmp_signed(
                "<",
                lanes.ints([lane // 4 for lane in range(lanes.width)]),
                lanes.splat(b.trunc(n_valid, I32)),
            ),
        )
        reach2 = lanes.splat(lanes.load(search, 4 * SEARCH_REACH2, F32))
        return lanes.compress_store(index, b.and_(belongs, lanes.less(nearest, reach2)), found)

    arguments = (ADDRESS, ADDRESS, ADDRESS, types.intp, types.intp, ADDRESS, ADDRESS, ADDRESS)
    return types.intp(variant, *arguments), generate

"""What a pair does: forces between a cluster of four atoms i of one species and a list of atoms j of one species.

Notation
    s        c r^2, the squared distance in the reduced units of the tables (:mod:`~glasspot.engine.native.segments`)
    g(s)     (F/r)/sqrt(c): the force on j is g sqrt(c) (r_j - r_i); repulsion is positive
    i, u     atoms of the cluster, u = 0..3;  j: atoms of the list, ``width`` of them in the lanes at a time (a block)
    points   int32 rows of four, fixed point: the difference of two is exact, and wraps around as the cell does

Each pair appears once; what i feels is collected in 12 vectors (3 for each u), what j feels is added to its row.
A place of the list that holds no atom names the row after the last image; its s is raised beyond the cut-off.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from glasspot.engine.native.lanes import F32, I32, I64, Lanes, Value
from glasspot.engine.native.lookup import Table, table_of
from glasspot.engine.native.variant import width

# Layout of the settings at the head of a table, in floats.
SCALE, CUT, INNER, HALF = 0, 3, 4, 5
HEAD = 16  # floats; the tables follow, aligned to a vector
FAR = 1e30
# Sums over a list, a vector each: the force of each atom i along each axis, then these.
VIRIAL_SUM, ENERGY_SUM, N_SUMS = 12, 13, 14

V4I, V4F = ir.VectorType(I32, 4), ir.VectorType(F32, 4)
ADDRESS = types.intp


def _segment(variant: Any, with_energy: bool) -> Any:
    """Return the (signature, code generator) of :func:`pair_segment`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, points, forces, atoms, n_blocks, table, cluster, sums, n_rows = args
        lanes = Lanes(builder, width(variant))
        block = _Block(lanes, table_of(variant, lanes, table, 4 * HEAD), with_energy)
        block.prepare(table, cluster, n_rows, sums)
        with cgutils.for_range(builder, n_blocks) as loop:
            block.run(points, forces, builder.add(atoms, builder.mul(loop.index, ir.Constant(I64, 4 * lanes.width))))
        return context.get_dummy_value()

    arguments = (ADDRESS,) * 7
    return types.void(variant, *arguments, types.intp), generate


class _Block:
    """One pass over ``width`` atoms j, with the four atoms i of a cluster.

    Sums stay in memory, and points of i are read where they are used: numba's stack is not aligned to a vector, so that
    what LLVM has no register for costs twice as much there.
    """

    def __init__(self, lanes: Lanes, table: Table, with_energy: bool) -> None:
        self.lanes, self.table, self.with_energy = lanes, table, with_energy

    def prepare(self, table: Value, cluster: Value, n_rows: Value, sums: Value) -> None:
        """Read what stays the same in the loop."""
        lanes, b = self.lanes, self.lanes.b
        self.scale = [lanes.splat(lanes.load(table, 4 * (SCALE + d), F32)) for d in range(3)]
        self.cut = lanes.splat(lanes.load(table, 4 * CUT, F32))
        self.inner = lanes.splat(lanes.load(table, 4 * INNER, F32))
        self.half = lanes.splat(lanes.load(table, 4 * HALF, F32))
        self.n_rows = lanes.splat(b.trunc(n_rows, I32))
        self.cluster, self.sums = cluster, sums

    def run(self, points: Value, forces: Value, atoms: Value) -> None:
        """Take the ``width`` atoms named at ``atoms``."""
        lanes, b = self.lanes, self.lanes.b
        index = lanes.load_ints(atoms)
        rows = [b.shl(b.zext(lanes.load(atoms, 4 * k, I32), I64), ir.Constant(I64, 4)) for k in range(lanes.width)]
        j = lanes.columns([lanes.load(b.add(points, row), 0, V4I, 16) for row in rows])
        padding = b.select(b.icmp_signed("<", index, self.n_rows), lanes.floats(0.0), lanes.floats(FAR))
        self.on_j: list[Value] = [lanes.floats(0.0)] * 3
        self.virial = self.energy = lanes.floats(0.0)
        for u in range(0, 4, self.table.together):
            self._meet(range(u, u + self.table.together), j, index, padding)
        self._sum(VIRIAL_SUM, self.virial)
        if self.with_energy:
            self._sum(ENERGY_SUM, self.energy)
        added = lanes.rows([*self.on_j, lanes.floats(0.0)])
        for row, force in zip(rows, added, strict=True):
            place = b.add(forces, row)
            lanes.store(lanes.add(lanes.load(place, 0, V4F, 16), force), place, 0, 16)

    def _meet(self, cluster: range, j: list[Value], index: Value, padding: Value) -> None:
        """Take atoms u of the cluster with the atoms j; those together share each load of a coefficient."""
        lanes, b = self.lanes, self.lanes.b
        vectors, squares, counted = [], [], []
        for u in cluster:
            i = [lanes.splat(lanes.load(self.cluster, 16 * u + 4 * d, I32)) for d in range(4)]
            apart = [lanes.mul(lanes.to_float(b.sub(j[d], i[d])), self.scale[d]) for d in range(3)]
            s = padding
            for d in range(3):
                s = lanes.fma(apart[d], apart[d], s)
            vectors.append(apart)
            squares.append(s)
            # Of the cluster itself every pair stands twice in the list: the one with i before j counts.
            counted.append(b.and_(lanes.less(s, self.cut), b.icmp_signed(">", index, i[3])))
        found = self.table.look_up([lanes.max(s, self.inner) for s in squares], 2 if self.with_energy else 1)
        zero = lanes.floats(0.0)
        for k, u in enumerate(cluster):
            g = b.select(counted[k], found[0][k], zero)
            for d in range(3):
                force = lanes.mul(g, vectors[k][d])
                self.on_j[d] = lanes.add(self.on_j[d], force)
                self._sum(3 * u + d, force)
            self.virial = lanes.fma(g, squares[k], self.virial)
            if self.with_energy:
                # Inside the table g stays what it is at its inner end, so that the energy goes on as a parabola.
                deeper = lanes.max(lanes.sub(self.inner, squares[k]), zero)
                energy = b.select(counted[k], found[1][k], zero)
                self.energy = lanes.add(self.energy, lanes.fma(lanes.mul(g, self.half), deeper, energy))

    def _sum(self, k: int, value: Value) -> None:
        lanes = self.lanes
        place, size = 4 * lanes.width * k, 4 * lanes.width
        lanes.store(lanes.add(lanes.load_floats(self.sums, place, size), value), self.sums, place, size)


@intrinsic
def pair_segment(
    typing: Any,
    variant: Any,
    points: Any,
    forces: Any,
    atoms: Any,
    n_blocks: Any,
    table: Any,
    cluster: Any,
    sums: Any,
    n_rows: Any,
) -> Any:
    """Add the forces between a cluster and ``n_blocks`` blocks of listed atoms of one species.

    Addresses: points, forces (rows of four); atoms, int32, whole blocks; table; cluster, int32 (4, 4), each the point
    of an atom i and its row; sums, float32 (N_SUMS, width), aligned. n_rows: the row that means "no atom".
    """
    return _segment(variant, with_energy=False)


@intrinsic
def pair_segment_energy(
    typing: Any,
    variant: Any,
    points: Any,
    forces: Any,
    atoms: Any,
    n_blocks: Any,
    table: Any,
    cluster: Any,
    sums: Any,
    n_rows: Any,
) -> Any:
    """The same as :func:`pair_segment`, with the energy."""
    return _segment(variant, with_energy=True)


@intrinsic
def add_total(typing: Any, variant: Any, vector: Any) -> Any:
    """Return the sum over the lanes of the float vector at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = Lanes(builder, width(variant))
        return lanes.total(lanes.load_floats(args[1]))

    return types.float32(variant, ADDRESS), generate

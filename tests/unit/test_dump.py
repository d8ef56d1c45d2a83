"""Reading what LAMMPS is still writing: whole snapshots only, in any cell, and log lines as they come."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from glasspot.engine.dump import DumpReader, LogReader, tail
from glasspot.errors import GlasspotError

HEADER = "Step Temp Press PotEng E_long Density TotEng"


def snapshot(step: int, rows: list[list[float]], blocks: int = 1, tilt: tuple[float, ...] = ()) -> bytes:
    """Return the bytes LAMMPS writes for one snapshot of ``id type x y z``, in ``blocks`` parts (one a rank)."""
    columns = b"id type x y z"
    box = (0.5, 10.5, -1.0, 9.0, 0.0, 10.0)
    if tilt:
        xy, xz, yz = tilt
        box = (
            0.5 + min(0, xy, xz, xy + xz),
            10.5 + max(0, xy, xz, xy + xz),
            -1 + min(0, yz),
            9 + max(0, yz),
            0.0,
            10.0,
        )
    head = struct.pack("=q10sii", -10, b"DUMPCUSTOM", 1, 2) + struct.pack(
        "=qqi6i", step, len(rows), bool(tilt), *[0] * 6
    )
    head += struct.pack("=6d", *box) + (struct.pack("=3d", *tilt) if tilt else b"")
    head += struct.pack("=ii", 5, 0) + b"\x00" + struct.pack("=i", len(columns)) + columns + struct.pack("=i", blocks)
    body = b""
    for part in np.array_split(np.array(rows, dtype=float), blocks):
        body += struct.pack("=i", part.size) + part.tobytes()
    return head + body


ROWS = [[3, 1, 1.0, 2.0, 3.0], [1, 2, 4.0, 5.0, 6.0], [2, 2, 7.0, 8.0, 9.0]]


def test_atoms_come_in_the_order_of_their_ids_whatever_rank_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "samples.bin"
    path.write_bytes(snapshot(20, ROWS, blocks=1) + snapshot(40, ROWS, blocks=2))
    first, second = DumpReader(path).read()
    assert (first.step, second.step) == (20, 40)
    np.testing.assert_array_equal(first.columns["type"], [2, 2, 1])
    # Positions count from the corner (0.5, -1, 0).
    np.testing.assert_array_equal(first.vectors("x", "y", "z"), [[3.5, 6, 6], [6.5, 9, 9], [0.5, 3, 3]])
    np.testing.assert_array_equal(second.vectors("x", "y", "z"), first.vectors("x", "y", "z"))
    np.testing.assert_array_equal(first.cell, np.eye(3) * 10)


def test_a_tilted_cell_is_read_from_its_bounding_box(tmp_path: Path) -> None:
    path = tmp_path / "samples.bin"
    path.write_bytes(snapshot(0, ROWS, tilt=(2.0, -3.0, 1.5)))
    (only,) = DumpReader(path).read()
    np.testing.assert_allclose(only.cell, [[10, 0, 0], [2, 10, 0], [-3, 1.5, 10]], atol=1e-12)
    np.testing.assert_allclose(only.vectors("x", "y", "z")[2], [0.5, 3.0, 3.0], atol=1e-12)


def test_a_growing_file_gives_each_snapshot_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "samples.bin"
    reader = DumpReader(path)
    assert reader.read() == []  # not there yet
    data = b"".join(snapshot(20 * k, ROWS) for k in range(1, 6))
    found = []
    for end in range(0, len(data) + 1, 37):  # 37 bytes: cuts fall at every kind of place
        path.write_bytes(data[:end])
        found += [one.step for one in reader.read()]
    path.write_bytes(data)
    found += [one.step for one in reader.read()]
    assert found == [20, 40, 60, 80, 100]


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.bin"
    path.write_bytes(struct.pack("=qq", 100, 3) + bytes(200))
    with pytest.raises(GlasspotError, match="2021 or later"):
        DumpReader(path).read()


def test_the_log_is_read_line_by_line_with_its_stages(tmp_path: Path) -> None:
    path = tmp_path / "log"
    text = (
        'print "GLASSPOT stage 3"\nGLASSPOT stage 3\nrun 20\n'
        f"   {HEADER}\n   0   300 1.5 -10 -2 2.2 -8\nWARNING: something (src/x.cpp:1)\n"
        "  20   310 1.6 -11 -2 2.2 -9\nLoop time of 1 on 1 procs for 20 steps with 3 atoms\n"
        "  40   310 1.6 -11 -2 2.2 -9\nTotal wall time: 0:00:01\n"
    )
    reader = LogReader(path)
    rows = []
    for end in range(0, len(text) + 1, 7):
        path.write_text(text[:end])
        rows += reader.read()
    path.write_text(text)
    rows += reader.read()
    assert [(row.stage, row.step, row.temperature_K) for row in rows] == [(3, 0, 300.0), (3, 20, 310.0)]
    assert (rows[1].pressure_bar, rows[1].energy_eV, rows[1].long_range_energy_eV) == (1.6, -11.0, -2.0)
    assert (rows[1].density, rows[1].total_energy_eV) == (2.2, -9.0)
    assert reader.finished and reader.error is None


def test_errors_and_numbers_that_are_none_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"{HEADER}\n 0 300 nan -10 0 2.2 -8\nERROR: Lost atoms: original 3 current 2 (src/thermo.cpp:1)\n")
    reader = LogReader(path)
    (row,) = reader.read()
    assert math.isnan(row.pressure_bar) and not row.is_finite
    assert reader.error is not None and reader.error.startswith("ERROR: Lost atoms")
    assert not reader.finished


def test_the_tail_is_the_end() -> None:
    assert tail("\n".join(map(str, range(100))) + "\n\n", 3) == "97\n98\n99"

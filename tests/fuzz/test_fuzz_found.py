"""What fuzzing has found once, each kept as a small input: it ended in a traceback, never, or in all of the memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fuzz_samples
import pytest
from fuzz_targets import TARGETS
from fuzz_watch import said_or_done

from glasspot.errors import GlasspotError

DUMP = fuzz_samples.dump_snapshot()
GIANT = "1" + "0" * 400
HEX = "0x" + "f" * 5000  # Python reads it, and refuses to show it
SMOOTH = b"""name = "x"
r_cut = 6.0
cutoff = "smooth"
smooth_width = 0.2
charges = { Si = 2.4, O = -1.2 }
coulomb = { style = "dsf", alpha = 0.25, r_cut = 6.0 }
pair = [{ elements = ["Si", "O"], term = [{ form = "buckingham", A = 18003.8, rho = 0.205, C = 133.5 }] }]
"""
# The short range ends within the first peak of the force: a spike, on which no slope vanishes.
SPIKE = b"""name = "x"
r_cut = 0.5
cutoff = "shift"
charges = { Ca = 0.945, O = -5.945 }
coulomb = { style = "pppm", r_cut = 11.0 }
pair = [{ elements = ["Ca", "O"], term = [{ form = "buckingham", A = 155667.70, rho = 0.178, C = 42.2597 }] }]
"""
NO_ATOMS = fuzz_samples.curve_sets()[1].replace(b'"counts": {', b'"counts": {}, "c": {')
GLASS = b"""composition = "SiO2"
atoms = 300
potential = "BKS"
protocol = { preset = "melt-quench-quick", rate = 1e-300 }
"""
ARRAY = fuzz_samples.deepmd()[0].split(fuzz_samples.BETWEEN)[2]
XYZ = 'Lattice="9 0 0 0 9 0 0 0 9"'


def table(target: str, key: str, value: str) -> bytes:
    """Return the first sample of a target with one more line at its top."""
    return f"{key} = {value}\n".encode() + TARGETS[target].samples()[0]


def changed(target: str, old: str, new: str) -> bytes:
    """Return the first sample of a target with one text in place of another."""
    sample = TARGETS[target].samples()[0]
    assert old.encode() in sample
    return sample.replace(old.encode(), new.encode(), 1)


def record(**changes: Any) -> bytes:
    return json.dumps({**fuzz_samples.RECORD, **changes}).encode()


def columns_of_a_dump(names: bytes) -> bytes:
    """Return a dump whose five columns have other names of the same length."""
    return DUMP.replace(b"id type x y z", names.ljust(13))


# Each of these ended in an exception that was no GlasspotError; none is a value now.
REFUSED = {
    "a formula of digits": ("composition", b"SiO" + b"9" * 400),
    "a formula of more digits than Python reads": ("composition", b"SiO" + b"9" * 5000),
    "an amount next to nothing": ("composition", b"5e-324 Si"),
    "a share next to nothing": ("composition", b"1e-300 SiO2 99 Na2O"),
    "a number of hundreds of digits": ("potential-toml", changed("potential-toml", "r_cut =", f"r_cut = {GIANT}#")),
    "a number that Python does not show": ("fit-toml", table("fit-toml", "seed", HEX)),
    "a smoothing width that overflows": ("potential-toml", SMOOTH.replace(b"0.2\n", b"1e300\n")),
    "a box whose volume overflows": ("fit-toml", changed("fit-toml", "box = 13.0", "box = 1e300")),
    "a run without end": ("fit-toml", table("fit-toml", "validation", "{ sample_ps = 1e308 }")),
    "a quench without end": ("glass-toml", GLASS),
    "steps as short as nothing": ("glass-toml", GLASS.replace(b"rate = 1e-300", b"timestep = 1e-300")),
    "a quantity that is a list": ("compare-toml", b'[[system]]\n[[target]]\nquantity = ["g(r)"]\n'),
    "a title that steers the terminal": ("fit-toml", changed("fit-toml", '"small"', '"\\u001b[2J"')),
    "a source that steers the terminal": (
        "potential-toml", changed("potential-toml", "source = ", 'source = "\\u001b[2J"\n#'),
    ),
    "a model file with a name too long": ("learned-toml", changed("learned-toml", '"p.pod"', f'"{"x" * 400}"')),
    "brackets without end in JSON": ("trust-json", b"[" * 100_000),
    "a count beyond any float": ("mlip-record", record(frames=float("inf"))),
    "a number beyond any float": ("mlip-record", record(energy_tol_meV=10**400)),
    "a header of python's parser": (
        "data-deepmd", fuzz_samples.deepmd()[0].replace(b"(2, 96)", b"\x972, 96)"),
    ),
    "a count of atoms that is no ASCII": ("data-extxyz", f"²\n{XYZ}\nCu 0 0 0\n".encode()),
    "a structure whose count is no ASCII": ("structure", f"²\n{XYZ}\nCu 0 0 0\n".encode()),
    "more atoms than there are numbers": ("data-extxyz", f"1{'0' * 30}\n{XYZ}\nCu 0 0 0\n".encode()),
    "a dump without positions": ("lammps-dump", columns_of_a_dump(b"id type a b c")),
    "a dump without ids": ("lammps-dump", columns_of_a_dump(b"no type x y z")),
    "a dump without atoms": ("lammps-dump", DUMP[:-124] + bytes(4)),
    "a dump of a length below zero": ("lammps-dump", DUMP[:-124] + b"\xff\xff\xff\xff"),
    "an outcome without a header": ("outcome", b"{}"),
    "an outcome with another key": ("outcome", fuzz_samples.outcomes()[0].replace(b'"texts"', b'"text"')),
    "an outcome whose numbers are texts": ("outcome", fuzz_samples.outcomes()[0].replace(b"1.0", b'"1"')),
    "an array in place of an archive": ("parity", ARRAY),
    "a set of glasses without atoms": ("curve-set", NO_ATOMS),
    "a force like a spike": ("potential-toml", SPIKE),
    "a model whose oxides are others": (
        "model-file", json.dumps({**json.loads(fuzz_samples.models()[1]), "meta": {
            **json.loads(fuzz_samples.models()[1])["meta"], "oxides": ["SiO2"]}}).encode(),
    ),
}  # fmt: skip

# These are passed over: a line of a log or a file that says nothing.
TAKEN = {
    "a config_type and no value": ("data-extxyz", f"2\n{XYZ} energy=-1 config_type=\nSi 0 0 0\nO 2 2 2\n".encode()),
    "two temperatures": ("data-extxyz", f'2\n{XYZ} energy=-1 temperature="300 400"\nSi 0 0 0\nO 2 2 2\n'.encode()),
    "a stage without a number": ("lammps-log", b"GLASSPOT stage \nGLASSPOT stage </title>\n"),
    "a temperature of dots": ("data-outcar", changed("data-outcar", "TEEND  = 1600.0", "TEEND  = ..")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_ended_in_a_traceback_is_refused_in_one_line(what: str, case: Path) -> None:
    target, data = REFUSED[what]
    assert isinstance(TARGETS[target].try_one(data, case), GlasspotError)


@pytest.mark.parametrize("what", TAKEN)
def test_what_ended_in_a_traceback_is_passed_over(what: str, case: Path) -> None:
    target, data = TAKEN[what]
    assert TARGETS[target].try_one(data, case) is None


# Each of these took all of the memory, or did not end within a minute.
HEAD = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1000000000000\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
BOXES = "0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\nMasses\n\n1 28.0855\n\nAtoms # atomic\n\n1 1 0 0 0\n"
VASP = "x\n1.0\n5 0 0\n0 5 0\n0 0 5\n{}\nDirect configuration=     1\n0 0 0\n"
BOMBS = {
    "10^12 atoms in the second frame": ("structure", f"1\n{XYZ}\nSi 0 0 0\n1000000000000\n{XYZ}\nSi 0 0 0\n"),
    "10^12 atoms behind less than none": ("structure", f"0\n{XYZ}\n-1\nx\n1000000000000\nx\n"),
    "10^12 atoms behind a cell": ("structure", "1\n\nSi 0 0 0\nVEC1 1 0 0\n1000000000000\nx\n"),
    "10^12 atoms of plain XYZ": ("structure", "1\n\nSi 0 0 0\n1000000000000\n\nSi 0 0 0\n"),
    "10^12 atoms of a dump": ("structure", HEAD + "ITEM: ATOMS id type element x y z\n1 1 Si 0 0 0\n"),
    "10^12 atoms of LAMMPS data": ("structure", "#\n1000000000000 atoms\n1 atom types\n" + BOXES),
    "10^12 atoms with underscores": ("structure", "#\n2 atoms\n+1_000_000_000_000 atoms\n" + BOXES),
    "10^12 atoms of an XDATCAR": ("structure", VASP.format("Si\n1000000000000")),
    "10^12 atoms less 10^12": ("structure", VASP.format("Si O\n1000000000000 -1000000000000")),
    "a symbol that holds a number": ("structure", VASP.format("Si999999999999\n1")),
    "10^9 columns": ("structure", f"1\n{XYZ} Properties=species:S:1:pos:R:3:x:R:1000000000\nSi 0 0 0\n"),
    "10^9 columns of data": ("data-extxyz", f"1\n{XYZ} Properties=species:S:1:pos:R:3:x:R:1000000000\nSi 0 0 0\n"),
    "10^10 atoms of data": ("data-extxyz", f"10000000000\n{XYZ}\nSi 0 0 0\n"),
    "10^12 ions": ("data-outcar", " vasp.6.3.0\n POTCAR:  PAW_PBE Si 05Jan2001\n ions per type =  1000000000000\n"),
}


def test_promises_that_no_file_can_keep_cost_neither_memory_nor_time(tmp_path: Path) -> None:
    asked = []
    for number, (target, text) in enumerate(BOMBS.values()):
        (tmp_path / str(number)).write_text(text)
        asked.append(f"{target}={tmp_path / str(number)}")
    done = _limited(asked)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    told = done.stdout.splitlines()
    assert len(told) == len(BOMBS)
    for what, line in zip(BOMBS, told, strict=True):
        assert not line.endswith("None"), f"{what} was read"


def test_a_packed_bomb_is_refused(tmp_path: Path) -> None:
    block = gzip.compress(b"1\n\n" + bytes(50_000_000).replace(b"\0", b" "), 9)
    (tmp_path / "bomb").write_bytes(block * 8)
    done = _limited([f"{target}={tmp_path / 'bomb'}" for target in ("structure-gz", "data-extxyz-gz")])
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert done.stdout.count("as no file of atoms does; refused.") == 2


def _limited(asked: list[str]) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("fuzz_within_limits.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, script, *asked], capture_output=True, text=True, timeout=300, env=environment
    )


def test_a_cell_as_thin_as_nothing_has_no_end_of_images() -> None:
    import numpy as np

    from glasspot.structure.frames import Frame

    cell = np.diag([1e-5, 1e-5, 1e11])
    found = said_or_done(lambda: Frame.from_symbols(["Si"], np.zeros((1, 3)), cell))
    assert isinstance(found, GlasspotError)


def test_many_glasses_are_spread_over_a_range_in_seconds(case: Path) -> None:
    text = 'potential = "BMP"\nprotocol = { preset = "melt-quench-then-npt" }\nglasses = ["SiO2"]\n'
    fill = "[[fill]]\nnumber = 2000\nbase = { SiO2 = [45, 75], Na2O = [25, 55] }\n"
    found = TARGETS["dataset-toml"].try_one((text + fill * 2).encode(), case)
    assert isinstance(found, GlasspotError) and "4001 glasses" in str(found)

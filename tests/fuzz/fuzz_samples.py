"""The samples that fuzzing begins with: of the examples, of what glasspot ships, and small ones of each format."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dataset_samples import alloy, extxyz_text, outcar_text, write_cp2k, write_deepmd
from glasspot.structure.frames import Frame

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
LIBRARY = ROOT / "src" / "glasspot" / "potential" / "library"
SILICA = EXAMPLES / "silica" / "silica_liquid_aimd_total_gr.csv"
BETWEEN = b"\n=====\n"  # between the files of an input that is several
LEARNED_FILES = {"p.pod": b"parameters", "c.pod": b"coefficients", "trust.json": b"{}"}
POD = """\
kind = "pod"
name = "AsTe3-pod"
elements = ["As", "Te"]
r_cut = 5.0
title = "POD model"
source = "data"
cautions = ["one"]
[closest]
As-As = 2.21
As-Te = 2.4
[files]
parameters = "p.pod"
coefficients = "c.pod"
[sha256]
parameters = "4a7c0f9b"
coefficients = "c"
"""


def _read(*paths: Path) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def compositions() -> list[bytes]:
    texts = ("70 SiO2 30 Na2O", "70SiO2-30Na2O", "60 SiO2 20 B2O3 20 Na2O + 5 BaO", "AsTe3", "80 GeSe2 20 As2Se3",
             "25 As 75 Te", "25 at% As 75 at% Te", "70 wt% SiO2, 30 wt% Na2O", "SiO2 70 Na2O 30", "0.7 SiO₂ 0.3 Na₂O",
             "Ge20Se80", "1e2 SiO2", "70 mol % SiO2 30 mol % CaO")  # fmt: skip
    return [text.encode() for text in texts]


def fits() -> list[bytes]:
    more = (EXAMPLES / "silica-ladder" / "ladder.toml", EXAMPLES / "borosilicate" / "paper.toml")
    return [SMALL_FIT.encode(), *_read(*sorted(EXAMPLES.glob("*/fit.toml")), *more)]


SMALL_FIT = """\
title = "small"
[potential]
start = "own.toml"
free = ["charge.Si", "Si-O.A"]
windows = { "Si-O.A" = [17000.0, 19000.0] }
[system]
composition = "SiO2"
atoms = 150
box = 13.0
temperature = 3600
[[target]]
pair = "Si-O"
trajectory = "liquid.extxyz"
frames = ":"
skip = 0
range = [0.9, 2.6]
[[target]]
quantity = "pressure"
value = 0.0
scale = 10.0
[fit]
method = ["gauss-newton", "cma-es"]
patience = [5, 10]
[ensemble]
members = 2
[run]
executor = "slurm"
partition = "main"
walltime = "01:00:00"
setup = ["module load x"]
"""


def glasses() -> list[bytes]:
    return _read(*sorted((EXAMPLES / "quench").glob("*.toml")))


def datasets() -> list[bytes]:
    return [SMALL_DATASET.encode(), *_read(EXAMPLES / "pcf" / "dataset.toml")]


SMALL_DATASET = """\
title = "small"
potential = "BMP"
atoms = 1000
glasses = ["SiO2"]
r_max = 8.0
[[fill]]
number = 2
base = { SiO2 = [45, 75], B2O3 = [10, 35], Na2O = [10, 30] }
add = { BaO = [2, 20] }
[[own]]
composition = "SiO2"
curves = ["run1.csv"]
density = 2.2
[protocol]
preset = "melt-quench-then-npt"
"""


@cache
def _potentials() -> list[bytes]:
    return _read(*sorted(LIBRARY.glob("*.toml")))


def potentials() -> list[bytes]:
    return [file for file in _potentials() if b'name = "BKS"' in file] + _potentials()


def learned() -> list[bytes]:
    import hashlib

    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in LEARNED_FILES.items()}
    text = POD.replace("4a7c0f9b", hashes["p.pod"]).replace(
        'coefficients = "c"\n', f'coefficients = "{hashes["c.pod"]}"\n'
    )
    return [text.encode()]


def calibrations() -> list[bytes]:
    from glasspot.mlip.trust import Bin, Calibration
    from glasspot.mlip.trust_file import calibration_text
    from glasspot.structure.look import Reference

    bare = Calibration(3.0, 1.0, 0.2, 0.3, 1e-4, 10, 2400, (Bin(2400, 0.2, 0.2),))
    reference = Reference(5, 240.0, {"As-Te": 2.4}, 1.1, 2.0, 1.8, {"As": 0.4}, (5.1, 5.4))
    return [calibration_text(one).encode() for one in (bare, replace(bare, reference=reference))]


ERRORS = {"energy_rmse_meV_per_atom": 1.0, "force_rmse_eV_per_A": 0.1, "stress_rmse_GPa": 0.2, "frames": 3}
RECORD: dict[str, Any] = {
    "format": 1, "name": "m", "model": "pod", "energy_tol_meV": 2.0, "reached": True, "stopped": "", "frames": 24,
    "train_keys": ["a"], "test_keys": ["b"],
    "rounds": [{"round": 1, "fraction": 0.5, "train": 12, "test": 6, "settings": {"r_cut": 5.0}, "cv": ERRORS,
                "errors": ERRORS, "seconds": 3.0}],
    "trials": [{"round": 1, "settings": {"r_cut": 5.0}, "energy_rmse_meV_per_atom": 1, "chosen": True}],
    "groups": [{"kind": "config_type", "name": "liquid", "use": "test", "errors": ERRORS}],
    "learning": [{"frames": 6, "how": "random", "errors": ERRORS}],
    "final": {"train": ERRORS, "test": ERRORS, "unseen": None}, "cautions": ["c"], "notes": ["n"],
}  # fmt: skip


def records() -> list[bytes]:
    return [json.dumps(RECORD).encode()]


def parities() -> list[bytes]:
    from glasspot.mlip.parity import Parity

    empty = Parity.of({})
    with tempfile.TemporaryDirectory() as name:
        return [empty.save(Path(name) / "parity.npz").read_bytes()]


def columns() -> list[bytes]:
    bare = "# r g\n0.5 0.0\n1.0 0.5\n1.5 2.0\n2.0 1.0\n"
    return [
        b"r_A,g_SiO,error\n0.5,0,0.1\n1.0,0.5,0.1\n1.5,2e0,0.1\n",
        bare.encode(),
        b"\xef\xbb\xbfx,y\r\n1,2\r\n3,4\r\n",
    ]


@cache
def _curves() -> bytes:
    r = np.arange(0.05, 10.5, 0.1)
    g = 1.0 / (1.0 + np.exp(-8 * (r - 1.5)))
    rows = "\n".join(f"{x:.3f},{y:.5f},{y:.5f},{y:.5f}" for x, y in zip(r, g, strict=True))
    return f"r_A,Si-Si,Si-O,g_O-O\n{rows}\n".encode()


def curves() -> list[bytes]:
    return [_curves()]


def _gas(frames: int, length: float) -> list[Any]:
    """Return frames of 12 atoms of silica at random in a cube (A)."""
    rng = np.random.default_rng(1)
    symbols = ["Si"] * 4 + ["O"] * 8
    return [Frame.from_symbols(symbols, rng.uniform(0, length, (12, 3)), length).to_ase() for _ in range(frames)]


@cache
def liquid() -> bytes:
    """Return a trajectory that a fit takes as its target, at the density of SMALL_FIT."""
    from ase.io import write

    with tempfile.TemporaryDirectory() as name:
        write(Path(name) / "a", _gas(20, 5.6), format="extxyz")
        return (Path(name) / "a").read_bytes()


@cache
def structures() -> list[bytes]:
    from ase.io import write

    frames, found = _gas(2, 13.0), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, frame in enumerate(frames):
            frame.info["config_type"] = ("liquid", "glass")[number]
            frame.info["energy"] = -1.0 * number
        for style in ("extxyz", "xyz", "vasp-xdatcar"):
            write(folder / "a", frames, format=style)
            found.append((folder / "a").read_bytes())
        write(folder / "a", frames[0], format="lammps-data", masses=True, units="metal", atom_style="atomic")
        found.append((folder / "a").read_bytes())
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    found.append((head + "ITEM: ATOMS id type element x y z\n1 1 Si 0 0 0\n2 2 O 1 1 1\n3 2 O 2 2 2\n").encode())
    tilted = head.replace("pp pp pp", "xy xz yz pp pp pp").replace("0 5", "0 5 0.5")
    found.append(
        (
            tilted + "ITEM: ATOMS id type xs ys zs vx vy vz\n1 1 0 0 0 1 1 1\n2 2 .1 .1 .1 0 0 0\n3 2 .2 .2 .2 0 0 0\n"
        ).encode()
    )
    found.append(outcars()[0])
    found.append(b"2\ncomment\nSi 0 0 0\nO 1 1 1\n")
    return found


def packed_structures() -> list[bytes]:
    return [gzip.compress(text, 1) for text in structures()]


@cache
def extxyz() -> list[bytes]:
    small = [frame[:4] for frame in alloy(2)]
    for frame in small:
        from ase.calculators.emt import EMT

        frame.calc = EMT()
    found = [extxyz_text(small, stress=style).encode() for style in ("stress", "stress6", "virial", "both")]
    alone = b'1\nLattice="20 0 0 0 20 0 0 0 20" energy=-1 config_type=isolated_atom\nCu 0 0 0\n'
    return [*found, alone + found[0]]


def packed_extxyz() -> list[bytes]:
    return [gzip.compress(text, 1) for text in extxyz()]


@cache
def outcars() -> list[bytes]:
    return [outcar_text(alloy(2)).encode()]


@cache
def cp2k() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cp2k(folder, alloy(2), "a")
        return [BETWEEN.join(_read(folder / "a-pos-1.xyz", folder / "a-frc-1.xyz", folder / "a-1.cell"))]


@cache
def deepmd() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "s"
        write_deepmd(folder, alloy(2))
        files = [folder / "type.raw", folder / "type_map.raw"]
        files += [folder / "set.000" / f"{part}.npy" for part in ("coord", "box", "energy")]
        return [BETWEEN.join(_read(*files))]


def dump_snapshot(step: int = 20, triclinic: bool = False) -> bytes:
    """Return one snapshot of ``id type x y z``, as LAMMPS writes it."""
    rows = np.array([[3, 1, 1.0, 2.0, 3.0], [1, 2, 4.0, 5.0, 6.0], [2, 2, 7.0, 8.0, 9.0]])
    names = b"id type x y z"
    head = struct.pack("=q10sii", -10, b"DUMPCUSTOM", 1, 2) + struct.pack("=qqi6i", step, 3, triclinic, *[0] * 6)
    head += struct.pack("=6d", 0, 10, 0, 10, 0, 10) + (struct.pack("=3d", 1, 1, 1) if triclinic else b"")
    head += struct.pack("=ii", 5, 0) + b"\x00" + struct.pack("=i", len(names)) + names + struct.pack("=i", 1)
    return head + struct.pack("=i", rows.size) + rows.tobytes()


def dumps() -> list[bytes]:
    return [dump_snapshot(), dump_snapshot(1) + dump_snapshot(2, True)]


def logs() -> list[bytes]:
    head = "LAMMPS (22 Jul 2025)\nGLASSPOT stage 0\nStep Temp Press PotEng E_long Density TotEng\n"
    rows = "0 300.0 1.0 -5 0 2.2 -4\nWARNING: x\n10 301 2 -5 0 2.2 -4\nLoop time of 1\n"
    return [(head + rows + "Total wall time: 0:00:01\n").encode(), (head + "ERROR: Lost atoms\n").encode()]


def run_folders() -> list[bytes]:
    lock = b'{"host": "h", "process": 12, "since": 1.5, "token": "t"}'
    request = b'{"token": "t", "after_runs": true, "by": "me"}'
    thermo = b"# native 1\nstage,step,T,P,E,c,rho,total\n0,0,300.0,1.0,-5,0,2.2,-4\n0,10,301,2,-5,0,2.2,-4\n"
    return [BETWEEN.join([lock, request, thermo])]


def archive(data: bytes, header: str, arrays: dict[str, np.ndarray]) -> bytes:
    """Return ``data`` where it is an archive already, and else one of ``arrays`` with ``data`` as its header."""
    if data[:2] == b"PK":
        return data
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{header: np.frombuffer(data, dtype=np.uint8)}, **arrays)
    return buffer.getvalue()


def _parts(path: Path, header: str) -> tuple[bytes, dict[str, np.ndarray]]:
    with np.load(path, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files if name != header}
        return bytes(kept[header]), arrays


@cache
def _model() -> tuple[bytes, bytes, dict[str, np.ndarray]]:
    """Return a small model: its file, its header, its arrays."""
    from glasspot.pcf.curve.model import train
    from glasspot.pcf.model_file import save_model
    from pcf_samples import sample_set

    with tempfile.TemporaryDirectory() as name:
        path = save_model(train(sample_set(6, n_runs=2)), Path(name))
        return (path.read_bytes(), *_parts(path, "header"))


def models() -> list[bytes]:
    return list(_model()[:2])


def model_arrays() -> dict[str, np.ndarray]:
    return _model()[2]


@cache
def _curve_set() -> tuple[bytes, bytes, dict[str, np.ndarray]]:
    from pcf_samples import sample_set

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "set.npz"
        sample_set(2, n_runs=2).save(path)
        return (path.read_bytes(), *_parts(path, "header"))


def curve_sets() -> list[bytes]:
    return list(_curve_set()[:2])


def curve_arrays() -> dict[str, np.ndarray]:
    return _curve_set()[2]


def outcome_arrays() -> dict[str, np.ndarray]:
    return {"histogram": np.ones((2, 3, 5)), "frames": np.array([3, 4])}


def outcomes() -> list[bytes]:
    header: dict[str, Any] = {"key": "k", "ok": True, "reason": "", "message": "", "numbers": {"pressure": 1.0},
                              "texts": {"host": "h", "labels": ["Si-O"]}}  # fmt: skip
    text = json.dumps(header).encode()
    return [text, archive(text, "__header__", outcome_arrays())]

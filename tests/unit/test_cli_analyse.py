"""glasspot analyse as a user types it: tables, JSON, files, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.spacegroup import crystal

from glasspot.cli import main
from glasspot.curves import read_csv_columns
from glasspot.structure.analysis import angle_triples, bonded_pairs
from glasspot.structure.frames import Frame
from glasspot.structure.readers import write_frames

SYSTEM_KEYS = {
    "file", "frames", "atoms", "counts", "density_g_cm3", "number_density_A3", "volume_A3", "r_max_A", "bin_width_A",
    "peaks", "cutoffs", "coordination", "angles", "oxygen", "qn", "qn_B4", "fraction_B4", "rings",
    "first_scattering_peak", "lorch", "notes",
}  # fmt: skip


@pytest.fixture(scope="module")
def silica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames of a cristobalite shaken by 0.08 A."""
    rng = np.random.default_rng(3)
    base = crystal(["Si", "O"], [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)], spacegroup=227, cellpar=[7.16] * 3 + [90] * 3)
    frames = []
    for _ in range(8):
        atoms = base * (2, 2, 2)
        atoms.positions += rng.normal(scale=0.08, size=atoms.positions.shape)
        frames.append(Frame.from_ase(atoms))
    path = tmp_path_factory.mktemp("silica") / "silica.extxyz"
    write_frames(path, frames)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        code = main(["analyse", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_table_says_what_a_modeller_asks(silica: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run(silica)
    assert (code, err) == (0, "")
    assert "8 frames of 192 atoms: Si64 O128" in out
    for words in (
        "first minimum of g(r)",
        "O about Si",
        "4: 100.0 %",
        "O-Si-O",
        "bridging 100.0 %",
        "Q4: 100.0 %",
        "S(Q)",
    ):
        assert words in out
    assert max(map(len, out.splitlines())) <= 120


def test_json_has_stable_keys_and_right_numbers(silica: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run(silica, "--json", "--cutoff", "O-Si=2.2")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert set(document) == {"format", "glasspot", "systems"}
    (system,) = document["systems"]
    assert set(system) == SYSTEM_KEYS
    assert system["cutoffs"] == {"Si-O": {"r_A": 2.2, "from": "given"}}
    assert system["coordination"]["Si-O"]["distribution"] == {"4": 1.0}
    assert system["coordination"]["O-Si"]["mean"] == 2.0
    assert system["qn"] == {"Si": {"4": 1.0}}
    assert system["fraction_B4"] is None and system["qn_B4"] is None
    # 64 SiO2 in (14.32 A)^3.
    assert system["density_g_cm3"]["mean"] == pytest.approx(64 * 60.083 / 6.02214e23 / (14.32e-8) ** 3, rel=1e-4)
    # The mean of O-Si-O with 0.08 A of noise on bonds of 1.55 A stays within 2 degrees of the tetrahedron.
    assert system["angles"]["O-Si-O"]["mean_deg"] == pytest.approx(109.47, abs=2.0)


def test_out_holds_curves_figures_and_the_summary(
    silica: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "structure"
    code, text, _ = run(silica, "--out", out, "--lorch", "--q-range", "1", "12")
    assert code == 0 and str(out) in text
    names = {path.name for path in out.iterdir()}
    figures = {
        f"{stem}.{suffix}"
        for stem in ("g_of_r", "s_of_q", "angles", "coordination", "qn", "rings")
        for suffix in ("png", "svg")
    }
    curves = {
        "g_of_r.csv",
        "running_coordination.csv",
        "s_of_q.csv",
        "angles.csv",
        "coordination.csv",
        "qn.csv",
        "rings.csv",
    }
    assert names == figures | curves | {"summary.json"}
    assert (out / "g_of_r.png").read_bytes()[:4] == b"\x89PNG"
    g = read_csv_columns(out / "g_of_r.csv")
    assert {"r_A", "g_total", "g_Si-O", "error_Si-O"} <= set(g)
    running = read_csv_columns(out / "running_coordination.csv")
    # n_SiO on the plateau between the first two shells is the coordination number.
    assert running["n_Si-O"][np.searchsorted(running["r_A"], 2.2)] == pytest.approx(4.0, abs=1e-4)
    q = read_csv_columns(out / "s_of_q.csv")
    assert q["q_1_A"][0] == 1.0 and q["q_1_A"][-1] == pytest.approx(12.0)
    assert json.loads((out / "summary.json").read_text())["systems"][0]["lorch"] is True


def test_several_files_apart_and_together(
    silica: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, _ = run(silica, silica, "--out", tmp_path / "two")
    assert code == 0
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"silica", "silica-2", "summary.json"}
    _, out, _ = run(silica, silica, "--together", "--every", "2", "--json")
    (system,) = json.loads(out)["systems"]
    assert system["frames"] == 8


def test_notes_say_what_was_left_out_and_why(silica: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = run(silica, "--r-max", "9")
    assert "note: g(r) to 9 A goes beyond half the box (7.16 A)" in out
    _, out, _ = run(silica, "--r-max", "2")
    assert "note: Si-O: no cut-off was found, so its bonds are left out." in out
    assert "O about Si" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.extxyz"], "none.extxyz does not exist"),
        (["SILICA", "--cutoff", "SiO=2"], "--cutoff takes a pair and a length in A, such as Si-O=2.2"),
        (["SILICA", "--cutoff", "Si-O=two"], "--cutoff takes a pair"),
        (["SILICA", "--cutoff", "Na-O=2"], 'no element "Na"'),
        (["SILICA", "--every", "0"], "--every takes a whole number from 1"),
        (["SILICA", "--q-range", "5", "1"], "the Q range must rise"),
        (["SILICA", "--bin-width", "0"], "bin width"),
        (["SILICA", "--r-max", "-3"], "r_max must lie between"),
        (["SILICA", "--q-range", "1", "1e9"], "Q must end at 100"),
        (["SILICA", "--cell", "big"], "--cell takes one edge or three"),
        (["SILICA", "--cell", "1e308"], "--cell takes one edge or three"),
        (["CUT"], "cut short or damaged"),
        (["NAN", "--elements", "Si"], "positions or a cell that are not numbers"),
        (["MANY"], "names 99999999999 atoms, more than it can hold"),
    ],
)
def test_mistakes_end_in_one_line_and_leave_nothing(
    silica: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]], words: list[str], message: str
) -> None:
    cut = tmp_path / "cut.extxyz"
    cut.write_bytes(silica.read_bytes()[:-500])
    many = tmp_path / "many.extxyz"
    many.write_text('99999999999\nLattice="9 0 0 0 9 0 0 0 9"\nSi 0 0 0\n')
    nan = tmp_path / "nan.dump"
    bounds = "ITEM: BOX BOUNDS pp pp pp\n0 nan\n0 9\n0 9\n"
    nan.write_text(f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\n{bounds}ITEM: ATOMS id type x y z\n1 1 0 0 0\n")
    named = {"SILICA": str(silica), "CUT": str(cut), "MANY": str(many), "NAN": str(nan)}
    out = tmp_path / "out"
    # A good file first: nothing of it may be written either.
    code, printed, err = run(silica, *[named.get(word, word) for word in words], "--out", out)
    assert code == 2 and printed == ""
    assert message in err and err.startswith("glasspot: ") and err.count("\n") == 1
    assert not out.exists()


def test_an_unwritable_folder_is_told(silica: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "file").write_text("in the way")
    code, _, err = run(silica, "--out", tmp_path / "file")
    assert code == 2 and "cannot write" in err


def test_bonded_pairs() -> None:
    assert bonded_pairs(("Si", "Na", "O")) == [("Si", "O"), ("Na", "O")]
    assert bonded_pairs(("Te", "O")) == [("Te", "O")]
    assert bonded_pairs(("As", "Te")) == [("As", "As"), ("As", "Te"), ("Te", "Te")]
    assert bonded_pairs(("Fe3", "Fe2", "O")) == [("Fe3", "O"), ("Fe2", "O")]


def test_angles_worth_a_look() -> None:
    silicate = angle_triples(("Si", "B", "Na", "O"), ("Si-O", "B-O", "Na-O"))
    assert silicate == [
        ("O", "Si", "O"), ("O", "B", "O"), ("O", "Na", "O"), ("Si", "O", "Si"), ("Si", "O", "B"), ("B", "O", "B"),
    ]  # fmt: skip
    assert angle_triples(("Na", "Cl"), ("Na-Cl",)) == [("Cl", "Na", "Cl"), ("Na", "Cl", "Na")]


def test_a_density_at_fixed_volume_has_no_error() -> None:
    from glasspot.report.analysis import _measured

    assert _measured(2.8144151, 4e-17) == "2.814"
    assert _measured(2.8144151, 0.002) == "2.8144 +- 0.0020"

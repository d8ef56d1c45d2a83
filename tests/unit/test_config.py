"""Strict settings: each mistake is one line that says where, what was given and what is expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.driver import driving, is_driven
from glasspot.campaign.folder import check_folder, differences, make_folder
from glasspot.config import load_fit_config
from glasspot.errors import GlasspotError
from glasspot.fit_settings.ladder import rungs_of
from glasspot.fit_settings.plan import fit_plan

GOOD = """
title = "t"
[potential]
start = "BKS"
free = ["charge.Si", "Si-O.A"]
[system]
composition = "SiO2"
atoms = 90
density = 2.2
temperature = 3600
[[target]]
pair = "total"
file = "g.csv"
range = [1.0, 6.0]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    r = np.arange(160) * 0.05 + 0.025
    rows = ["r_A,g,h"] + [f"{x:.3f},{1 + 0.1 * np.sin(x):.4f},{1 + 0.2 * np.sin(x):.4f}" for x in r]
    (tmp_path / "g.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "one.csv").write_text("r\n" + "\n".join(f"{x:.3f}" for x in r) + "\n")
    return tmp_path


def load(folder: Path, text: str):  # type: ignore[no-untyped-def]
    path = folder / "fit.toml"
    path.write_text(text)
    return fit_plan(load_fit_config(path), folder)


def test_a_good_file_becomes_a_plan(folder: Path) -> None:
    plan, notes = load(folder, GOOD)
    assert plan.states[0].counts == {"Si": 30, "O": 60}
    assert plan.space.names == ("charge.Si", "Si-O.A")
    assert plan.states[0].protocols.first.stages[0].kind == "minimise"
    assert plan.states[0].protocols.warm.stages[0].kind == "nvt"
    assert len(plan.states[0].targets) == 1
    assert any("90 atoms" in note for note in notes)
    # 2.2 g/cm3: 30 SiO2 of 60.084 g/mol
    assert plan.states[0].cell_length ** 3 == pytest.approx(30 * 60.084 / 6.02214076e23 / 2.2 * 1e24, rel=1e-3)


def test_several_columns_are_averaged_and_give_the_error(folder: Path) -> None:
    plan, _ = load(folder, GOOD.replace("range =", 'columns = ["g", "h"]\nrange ='))
    target = plan.states[0].targets[0]
    assert np.allclose(target.values, 1 + 0.15 * np.sin(target.r), atol=1e-4)
    assert target.error is not None
    assert np.allclose(target.error, 0.05 * np.abs(np.sin(target.r)), atol=1e-4)


def test_a_missing_density_is_estimated_and_said(folder: Path) -> None:
    plan, notes = load(folder, GOOD.replace("density = 2.2\n", ""))
    assert any("estimated" in note for note in notes)
    assert 9 < plan.states[0].cell_length < 13


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title =", "titel =", 'unknown key "titel".*Did you mean "title"'),
        ("atoms = 90", "atom = 90", r'unknown key "atom" in \[system\].*Did you mean "atoms"'),
        ("atoms = 90", 'atoms = "many"', "system.atoms"),
        ("atoms = 90", "atoms = 10", "greater than or equal to 50"),
        ("temperature = 3600", "", 'the key "system.temperature" is missing'),
        ('start = "BKS"', 'start = "BKSS"', 'Did you mean "BKS"'),
        ('composition = "SiO2"', 'composition = "Si02"', "Si02"),
        ('composition = "SiO2"', 'composition = "70 SiO2 30 Na2O"', "Na"),
        ('"Si-O.A"', '"Si-O.Q"', "Si-O.Q"),
        ('file = "g.csv"', 'file = "nothing.csv"', "nothing.csv"),
        ('pair = "total"', 'pair = "total"\ncolumns = ["gg"]', r'no column "gg"'),
        ("range = [1.0, 6.0]", "range = [1.0, 16.0]", "but the range asked is 1 to 16 A"),
        ("range = [1.0, 6.0]", "range = [6.0, 1.0]", "low < high"),
        ("density = 2.2", "density = 2.2\nbox = 10.0", "density or box, not both"),
        ("[[target]]", "[fit]\nselection_runs = 1\n[[target]]", "fit.selection_runs: .*2"),
        ('file = "g.csv"', 'file = "g.csv"\nreference = "CHIK"', "exactly one of"),
        ('file = "g.csv"', 'file = "g.csv"\nbin_width = 0.1', "a file's curve keeps its own bins"),
        ("atoms = 90", "atoms = 90.5", r"system\.atoms: expected a whole number \(given: 90\.5\)"),
        ("temperature = 3600", 'temperature = "hot"', r"system\.temperature: expected a number \(given: 'hot'\)"),
        ("range = [1.0, 6.0]", "range = 6.0", r"target\.range: expected a list in brackets"),
        ("range = [1.0, 6.0]", "range = [1.0]", r"target\.range has too few values: 1; expected \[low, high\]"),
        ('free = ["charge.Si", "Si-O.A"]', 'free = "charge.Si"', r"potential\.free: expected a list in brackets"),
        ("[[target]]", "[target]", r"target: expected a list in brackets, or \[\[\.\.\.\]\] for a table"),
        ('composition = "SiO2"', "composition = 3", r"system\.composition: expected text in quotes"),
        ("[system]", "[system", "not valid TOML"),
        ("[system]", '[system]\nengine = "lammps"', r'"engine" stands in \[system\]; it belongs to the top'),
        ("[system]", "[system]\natoms = 80", r"line \d+.*A name stands there for the second time; keep one"),
        ("[system]", "x = " + "[" * 3000 + "\n[system]", "nested too deeply"),
        ("atoms = 90", "atoms = " + "9" * 5000, "not valid TOML"),
        ("temperature = 3600", "temperature = true", "system.temperature"),
        ("temperature = 3600", 'temperature = "3600"', "system.temperature"),
        ("temperature = 3600", "temperature = 1e300", "system.temperature"),
        ("atoms = 90", "atoms = 90.5", "system.atoms"),
        ('composition = "SiO2"', 'composition = "1e400 SiO2"', "add up to inf"),
        ('pair = "total"', 'pair = "Si-Na"', 'no pair "Si-Na" here'),
        ('pair = "total"', 'pair = "SiO"', r'target.pair is "SiO"; expected "total" or one of Si-Si, Si-O, O-O'),
        ('pair = "total"', 'pair = "Si-O-Si"\nlike_pairs = "N(N-1)"', 'target.pair is "Si-O-Si"'),
        ("[[target]]", '[[target]]\npair = "total"\nfile = "g.csv"\nrange = [1, 3]\n[[target]]', "two targets"),
        ('file = "g.csv"', 'file = "g.csv"\ncolumns = ["g", "g"]', "each once"),
        ('file = "g.csv"', 'file = "g.csv"\ncolumns = ["r_A"]', "each once"),
        ('file = "g.csv"', 'file = "one.csv"', "columns none of r"),
        ('file = "g.csv"', 'file = "g\\u0000.csv"', "zero byte"),
        ('file = "g.csv"', 'reference = "CHIK"\nbin_width = 1e-9', "target.bin_width"),
        ('file = "g.csv"\nrange = [1.0, 6.0]', 'reference = "CHIK"\nrange = [1.0, 1.1]', "fewer than four bins"),
        ('file = "g.csv"\nrange = [1.0, 6.0]', 'reference = "CHIK"\nrange = [0.0, 600.0]', "high <= 50"),
        ("range = [1.0, 6.0]", "range = [1.0]", "target.range has too few values: 1"),
        ("range = [1.0, 6.0]", "range = [1.0, 6.0]\nweight = 1e308", "target.weight"),
        ("density = 2.2", "box = 3.0", r"111 g/cm3; expected the edge of the cube in A, such as 11\."),
        ("[potential]", '[validation]\ncompare = ["ML", "ml"]\n[potential]', 'the name "ML"'),
        ('start = "BKS"', 'start = "BKS"\nname = "BKS"', 'the name "BKS"'),
        ('start = "BKS"', 'start = "BKS"\nname = "../../x"', "potential: name is '../../x'; expected one line"),
        ('start = "BKS"', 'start = "BKS"\nname = ""', "potential: name is ''"),
        (
            'start = "BKS"',
            'start = "BKS"\nwindows = {"Si-O.A" = [1.0, 2.0]}',
            "is 1 to 2, but the start BKS has 18003.8",
        ),
        ('start = "BKS"', 'start = "BKS"\nwindows = {"Si-O.A" = [1e4, inf]}', "potential.windows.Si-O.A"),
        ("[[target]]", "[md]\nsample_ps = 0.3\n[[target]]", r"md\.sample_ps = 0\.3 gives 15 frames.*at least 20"),
        ("[[target]]", "[validation]\nsample_ps = 0.3\n[[target]]", r"validation\.sample_ps = 0\.3 gives 15 frames"),
        (
            '[[target]]\npair = "total"\nfile = "g.csv"',
            '[reference]\nsample_ps = 0.1\n[[target]]\npair = "total"\nreference = "CHIK"',
            "reference.sample_ps = 0.1 gives 5",
        ),
        ("[[target]]", '[fit]\nmethod = "cmaes"\n[[target]]', r'expected "gauss-newton", .*Did you mean "cma-es"\?'),
        ("[[target]]", "[fit]\nmethod = []\n[[target]]", r"fit\.method: expected at least one entry"),
        (
            "[[target]]",
            '[fit]\nmethod = "bayes"\nmax_runs = 8\n[[target]]',
            r"start_points is 10, but .* 8 evaluations",
        ),
        ("[[target]]", "[fit]\npatience = 0\n[[target]]", r"fit\.patience: expected a whole number above zero"),
        ("[[target]]", "[fit]\npatience = [3, 2.5]\n[[target]]", r"fit\.patience: expected a whole number above zero"),
        ("[[target]]", "[fit]\npatience = [100, 10]\n[[target]]", "patience has 2 numbers and method has 1 name"),
        ("temperature = 3600", 'temperature = 3600\nheld_out = "yes"', "expected true or false"),
        ("temperature = 3600", 'temperature = 3600\nstate = "Glass"', r'expected "liquid" or "glass"\. Did you mean'),
        ("[1.0, 6.0]", "[1.0, 2.0, 6.0]", r"target\.range: expected \[low, high\]"),
        ('pair = "total"', 'pair = "Total"', r'Did you mean "total"\?'),
        ('start = "BKS"', 'start = "BKS"\nterms = "none"', r"potential\.terms: expected a table in braces"),
        ('start = "BKS"', 'start = "BKS"\nterms = { SiO = [] }', '"SiO" is no pair; expected such as "Si-O"'),
        ('start = "BKS"', 'start = "BKS"\nterms = { Si-O = [], O-Si = [] }', "which are one pair; keep one"),
    ],
)
def test_mistakes_are_one_clear_line(folder: Path, old: str, new: str, says: str) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(GlasspotError, match=says) as caught:
        load(folder, text)
    assert "\n" not in str(caught.value)


TWO_SYSTEMS = GOOD.replace("[system]", '[[system]]\nname = "3000 K"').replace(
    "[[target]]",
    """
[[system]]
name = "3600 K"
composition = "SiO2"
atoms = 90
density = 2.2
temperature = 3000
[[target]]
quantity = "pressure"
value = 1.0
system = "3600 K"
[[target]]
system = "3000K"
""",
)
LADDER = (
    GOOD.replace('free = ["charge.Si", "Si-O.A"]', "")
    + """
[[rung]]
name = "a"
free = ["Si-O.A"]
[[rung]]
name = "b"
free = ["Si-O.A", "Si-O.rho"]
"""
)


def test_a_target_of_an_unknown_system_is_told_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(GlasspotError, match=r'g\(r\) total has system = "3000K"; .*"3600 K"\. Did you mean "3000 K"\?'):
        load(folder, TWO_SYSTEMS)
    with pytest.raises(GlasspotError, match=r"the target pressure has no system; expected"):
        load(folder, TWO_SYSTEMS.replace("3000K", "3000 K").replace('system = "3600 K"\n', ""))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "b"', 'name = "a"', "have one name"),
        ('name = "b"', 'name = "A"', "have one name"),
        ('name = "b"', 'name = "ladder.csv"', "which is a file of the ladder"),
        ('"BKS"', '"BKS"\nwindows = { "Si-O.rh" = [0.1, 0.3] }', r'no \[\[rung\]\] frees\. Did you mean "Si-O\.rho"'),
    ],
)
def test_mistakes_in_a_ladder(folder: Path, old: str, new: str, says: str) -> None:
    path = folder / "fit.toml"
    path.write_text(LADDER)
    assert [name for name, _ in rungs_of(load_fit_config(path), path)] == ["a", "b"]
    path.write_text(LADDER.replace(old, new))
    with pytest.raises(GlasspotError, match=says):
        rungs_of(load_fit_config(path), path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('file = "g.csv"', 'reference = "BKS"'),
        ("[[target]]", '[validation]\ncompare = ["BKS"]\n[[target]]'),
    ],
)
def test_a_potential_without_the_elements_is_refused_at_the_start(folder: Path, old: str, new: str) -> None:
    text = (
        GOOD.replace('"BKS"', '"Wang-2018"').replace('"SiO2"', '"B2O3"').replace('["charge.Si", "Si-O.A"]', '["B-O.A"]')
    )
    load(folder, text)
    with pytest.raises(GlasspotError, match="BKS does not know B, of which"):
        load(folder, text.replace(old, new))


def test_binary_files_are_told(folder: Path) -> None:
    (folder / "fit.toml").write_bytes(b"\x00\xff\xfe" * 50)
    with pytest.raises(GlasspotError, match="not valid TOML"):
        load_fit_config(folder / "fit.toml")
    (folder / "g.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(GlasspotError, match=r"g\.csv"):
        load(folder, GOOD)


def test_the_marks_of_windows_are_no_mistake(folder: Path) -> None:
    (folder / "fit.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_fit_config(folder / "fit.toml").system[0].atoms == 90


def test_charges_cannot_be_fitted_with_a_mesh(folder: Path) -> None:
    text = GOOD.replace('"BKS"', '"Wang-2018"').replace('"SiO2"', '"50 SiO2 50 B2O3"')
    with pytest.raises(GlasspotError, match=r"charge\.Si cannot be fitted from fluctuations with PPPM"):
        load(folder, text)


def test_what_changed_is_named() -> None:
    before = {"fit": {"max_runs": 24}, "target": [{"file": "a"}], "seed": 1}
    after = {"fit": {"max_runs": 30}, "target": [{"file": "b"}], "seed": 1, "new": 2}
    assert differences(before, after) == [
        "fit.max_runs: 24 -> 30", "new: (absent) -> 2", "target[0].file: 'a' -> 'b'",
    ]  # fmt: skip


def test_folders_are_guarded(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="no run to resume"):
        check_folder(tmp_path, resume=True)
    check_folder(tmp_path, resume=False)
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(GlasspotError, match="not empty"):
        check_folder(tmp_path, resume=False)
    with driving(tmp_path):  # what stands there may be of a driver that has just begun; its lock refuses the next one
        check_folder(tmp_path, resume=False)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(GlasspotError, match="is a file"):
        check_folder(file, resume=False)
    with pytest.raises(GlasspotError, match="cannot write"):
        make_folder(file / "inside")


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    assert not is_driven(tmp_path)
    with driving(tmp_path):
        assert is_driven(tmp_path)
        with pytest.raises(GlasspotError, match="another glasspot is at work"), driving(tmp_path):
            pass
    assert not is_driven(tmp_path)


def test_a_trajectory_becomes_a_target(folder: Path) -> None:
    """An ideal gas in a file: the target is g = 1 within the counting noise, with an error that says so."""
    from glasspot.structure.frames import Frame
    from glasspot.structure.readers import write_frames

    rng = np.random.default_rng(1)
    types = np.repeat([0, 1], [30, 60])
    frames = [Frame(rng.random((90, 3)) * 11.0, np.eye(3) * 11.0, ("Si", "O"), types) for _ in range(40)]
    write_frames(folder / "run.extxyz", frames)
    for pair in ("total", "O-Si"):
        source = f'trajectory = "run.extxyz"\nbin_width = 0.1\npair = "{pair}"'
        text = GOOD.replace('file = "g.csv"', "").replace('pair = "total"', source).replace("6.0]", "5.0]")
        plan, notes = load(folder, text)
        target = plan.states[0].targets[0]
        assert target.error is not None
        assert len(target.values) == 40
        # 40 frames of 90 atoms: every deviation is a few of its own standard errors.
        assert np.abs((target.values - 1) / target.error).mean() < 1.5
        assert any("40 frames" in note for note in notes)


@pytest.mark.parametrize(("pair", "factor"), [("total", 89 / 90), ("O-O", 59 / 60), ("Si-O", 1.0)])
def test_the_other_count_of_like_pairs_is_undone(folder: Path, pair: str, factor: float) -> None:
    plain, _ = load(folder, GOOD.replace("total", pair))
    other, _ = load(folder, GOOD.replace("total", pair).replace("range =", 'like_pairs = "N(N-1)"\nrange ='))
    assert np.allclose(other.states[0].targets[0].values, factor * plain.states[0].targets[0].values, rtol=1e-12)


def test_a_trajectory_of_another_glass_is_refused(folder: Path) -> None:
    from glasspot.structure.frames import Frame
    from glasspot.structure.readers import write_frames

    rng = np.random.default_rng(1)
    frame = Frame(rng.random((90, 3)) * 11.0, np.eye(3) * 11.0, ("Si", "O"), np.repeat([0, 1], [45, 45]))
    write_frames(folder / "run.extxyz", [frame])
    with pytest.raises(GlasspotError, match=r"45 Si, 45 O, which is not the composition"):
        load(folder, GOOD.replace('file = "g.csv"', 'trajectory = "run.extxyz"'))


def test_words_may_change_on_resume(folder: Path) -> None:
    plain, _ = load(folder, GOOD)
    other, _ = load(folder, GOOD.replace('title = "t"', 'title = "u"\ndescription = "d"\nrun.workers = 3'))
    assert plain.source == other.source


def test_the_patience_of_a_chain_reaches_the_plan(folder: Path) -> None:
    for given, expected in (("[100, 10]", (100, 10)), ("7", 7)):
        fit = f'[fit]\nmethod = ["cma-es", "conjugate-gradient"]\npatience = {given}\n[[target]]'
        plan, _ = load(folder, GOOD.replace("[[target]]", fit))
        assert plan.patience == expected

"""[[target]] with a quantity that is not g(r): its keys, its file, and mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.plan import FitPlan
from glasspot.config import load_fit_config
from glasspot.curves import read_columns
from glasspot.errors import GlasspotError
from glasspot.fit_settings.plan import fit_plan
from glasspot.structure import scattering
from glasspot.target.number import NumberTarget
from glasspot.target.scattering import ScatteringTarget

HEAD = """
title = "t"
fit.method = "cma-es"
[potential]
start = "BKS"
free = ["Si-O.A"]
[system]
composition = "SiO2"
atoms = 324
density = 2.2
temperature = 3600
"""
SCATTERING = """
[[target]]
quantity = "S(Q)"
radiation = "neutron"
file = "s.csv"
range = [0.5, 12.0]
"""
PRESSURE = """
[[target]]
quantity = "pressure"
value = 0.0
scale = 1.0
"""
BOTH_WAYS = "".join(PRESSURE.replace("pressure", f"coordination {pair}") for pair in ("Si-O", "O-Si"))
MEAN_B2 = 0.01 * ((4.1491 + 2 * 5.803) / 3) ** 2  # barn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    q = np.arange(0, 400) * 0.05
    s = 1 + 0.3 * np.sin(1.6 * q) * np.exp(-0.1 * q)
    rows = [f"{x:.3f},{y:.6f},{z:.6f},0.01" for x, y, z in zip(q, s, MEAN_B2 * (s - 1), strict=True)]
    (tmp_path / "s.csv").write_text("Q,S,F,error\n" + "\n".join(rows) + "\n")
    bare = [f" {x:.6E} {z:.6E} {0.01 * MEAN_B2:.6E}" for x, z in zip(q, MEAN_B2 * (s - 1), strict=True)]
    (tmp_path / "run.mint01").write_text("# a header\n#\n" + "\n".join(bare) + "\n")
    return tmp_path


def load(folder: Path, *targets: str) -> tuple[FitPlan, list[str]]:
    (folder / "fit.toml").write_text(HEAD + "".join(targets))
    return fit_plan(load_fit_config(folder / "fit.toml"), folder)


def test_a_measured_s_of_q_becomes_a_target(folder: Path) -> None:
    plan, notes = load(folder, SCATTERING + 'error_column = "error"\nweight = 2.0\n')
    target = plan.states[0].targets[0]
    assert isinstance(target, ScatteringTarget)
    assert (target.label, target.radiation, target.window, target.weight) == ("S(Q) neutron", "neutron", "lorch", 2.0)
    assert target.end == pytest.approx(plan.states[0].cell_length / 2)
    assert (target.q[0], target.q[-1]) == (pytest.approx(0.5), pytest.approx(12.0))
    assert target.error is not None and 0 < target.error.max() < 0.01
    assert any("231 points of s.csv, broadened as a g(r) that ends at 8.49 A (the Lorch window)" in n for n in notes)
    assert not any("lacks data" in note for note in notes)
    _, notes = load(folder, SCATTERING.replace("12.0", "19.9"))
    assert any("measured to 19.9 1/A only" in note for note in notes)


def test_s_and_f_and_bare_columns_are_one_measurement(folder: Path) -> None:
    """F(Q) in barn/sr/atom, in a CSV file and as diffraction programs write it."""
    wanted = load(folder, SCATTERING + 'error_column = "error"\n')[0].states[0].targets[0]
    text = SCATTERING.replace('"S(Q)"', '"F(Q)"')
    for change in ('file = "s.csv"\ncolumns = ["F"]', 'file = "run.mint01"\nerror_column = "3"'):
        found = load(folder, text.replace('file = "s.csv"', change))[0].states[0].targets[0]
        assert isinstance(found, ScatteringTarget) and isinstance(wanted, ScatteringTarget)
        np.testing.assert_allclose(found.values, wanted.values, atol=2e-5)  # six digits in the files
        assert found.label == wanted.label
        if found.error is not None:
            np.testing.assert_allclose(found.error, wanted.error, rtol=1e-4)


def test_windows_ends_and_isotopes(folder: Path) -> None:
    plan, notes = load(folder, SCATTERING + 'window = "cut"\nr_max = 7.0\nisotopes = { Si = 4.2, O = "O" }\n')
    target = plan.states[0].targets[0]
    assert isinstance(target, ScatteringTarget)
    assert (target.window, target.end, dict(target.lengths)) == ("cut", 7.0, {"Si": 4.2, "O": 5.803})
    assert any("a sharp cut" in note for note in notes)


def test_numbers_become_targets(folder: Path) -> None:
    bond = '\n[[target]]\nquantity = "coordination Si-O"\nvalue = 4.0\nerror = 0.05\nweight = 0.5\n'
    plan, _ = load(folder, SCATTERING, PRESSURE, bond)
    pressure, coordination = plan.states[0].targets[1:]
    assert isinstance(pressure, NumberTarget) and isinstance(coordination, NumberTarget)
    assert (pressure.label, pressure.values[0], pressure.norm, pressure.has_response) == ("pressure", 0.0, 1.0, True)
    assert (coordination.quantity, coordination.norm, coordination.weight) == ("coordination Si-O", 4.0, 0.5)
    assert coordination.error is not None and coordination.error[0] == 0.05
    assert not coordination.has_response


def test_a_method_that_cannot_use_a_number_is_refused(folder: Path) -> None:
    bond = '\n[[target]]\nquantity = "coordination Si-O"\nvalue = 4.0\n'
    (folder / "fit.toml").write_text(HEAD.replace("cma-es", "gauss-newton") + SCATTERING + bond)
    with pytest.raises(GlasspotError, match=r'"gauss-newton".* target coordination Si-O .*"bayes"'):
        fit_plan(load_fit_config(folder / "fit.toml"), folder)
    (folder / "fit.toml").write_text(HEAD.replace("cma-es", "gauss-newton") + SCATTERING + PRESSURE)
    fit_plan(load_fit_config(folder / "fit.toml"), folder)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('quantity = "S(Q)"', 'quantity = "s(q)"', r'target\.quantity: expected one of g\(r\).*Did you mean "S\(Q\)"'),
        ('quantity = "S(Q)"', 'quantity = "coordination"', r"target\.quantity: expected one of"),
        ("range =", 'pair = "Si-O"\nrange =', r'pair is not for a target with quantity = "S\(Q\)"'),
        ("range =", "value = 3.0\nrange =", r"value is not for a target"),
        ("range =", 'reference = "BKS"\nrange =', r"reference is not for a target"),
        ('radiation = "neutron"\n', "", r'the key "radiation" is missing'),
        ("range = [0.5, 12.0]\n", "", r'the key "range" is missing'),
        ('"neutron"', '"light"', r"target\.radiation"),
        ("[0.5, 12.0]", "[0.5, 30.0]", r"covers 0\.05 to 19\.9 1/A, but the range asked is 0\.5 to 30 1/A"),
        ("[0.5, 12.0]", "[5.0, 2.0]", r"expected \[low, high\] in 1/A"),
        ("range =", "r_max = 9.0\nrange =", r"r_max is 9 A, beyond half the box \(8\.49 A\)"),
        ("range =", 'isotopes = { B = "11B" }\nrange =', r'isotopes names "B"; the system has Si, O'),
        ("range =", 'isotopes = { Si = "99Si" }\nrange =', "no neutron scattering length is known"),
        ("range =", "isotopes = { Si = true }\nrange =", r"target\.isotopes: expected"),
        ("range =", 'isotopes = "11B"\nrange =', r"target\.isotopes: expected"),
        ("range =", 'error_column = "S"\nrange =', "each once"),
        ("range =", 'error_column = "x"\nrange =', 'no column "x"'),
        ("range =", 'columns = ["S", "F"]\nerror_column = "error"\nrange =', "error_column is for one column"),
        ('"neutron"', '"xray"\nisotopes = { Si = 4.0 }', "isotopes are for neutrons"),
        ("[[target]]", PRESSURE.replace("scale = 1.0", "") + "[[target]]", "value = 0 needs a scale"),
        ("[[target]]", PRESSURE.replace("value = 0.0", "") + "[[target]]", 'the key "value" is missing'),
        ("[[target]]", PRESSURE + 'file = "s.csv"\n[[target]]', "file is not for a target"),
        ("[[target]]", PRESSURE + PRESSURE + "[[target]]", "two targets of one system are pressure"),
        ("[[target]]", PRESSURE.replace("pressure", "coordination Si-Si") + "[[target]]", '"Si-Si" is no bond'),
        ("[[target]]", PRESSURE.replace("pressure", "coordination Si-B") + "[[target]]", '"Si-B" is no bond'),
        ("[[target]]", SCATTERING + "[[target]]", r"two targets of one system are S\(Q\) neutron"),
        ("[[target]]", BOTH_WAYS + "[[target]]", "coordination Si-O and coordination O-Si, which say the same"),
        ("[[target]]", PRESSURE.replace("pressure", "coordination si-o") + "[[target]]", 'Did you mean "Si-O"'),
        ("[[target]]", PRESSURE.replace("0.0", "1e300") + "[[target]]", r"target\.value: expected a number between"),
        ("range =", 'columns = ["F"]\nrange =', r"read as S\(Q\), S is .* must be about 1; is the column F\(Q\)"),
        ('quantity = "S(Q)"', 'quantity = "F(Q)"', r"is the column S\(Q\)"),
        ("range =", 'columns = ["S"]\nerror_column = "F"\nrange =', 'the column "F" is below zero in places'),
        ("range =", "isotopes = { Si = 1e308 }\nrange =", r"target\.isotopes: expected"),
        ("range =", "isotopes = { Si = nan }\nrange =", r"target\.isotopes: expected"),
        ("range =", "r_max = 0.01\nrange =", r"target\.r_max: expected a value greater than or equal to 2"),
    ],
)
def test_mistakes_are_one_line(folder: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(GlasspotError, match=words) as error:
        load(folder, SCATTERING.replace(old, new))
    assert "\n" not in str(error.value)


def test_a_g_of_r_may_have_a_column_of_errors(folder: Path) -> None:
    rows = [f"{0.025 + 0.05 * k:.3f},1.0,0.02" for k in range(120)]
    (folder / "g.csv").write_text("r,g,dg\n" + "\n".join(rows) + "\n")
    text = '\n[[target]]\npair = "Si-O"\nfile = "g.csv"\nerror_column = "dg"\nrange = [1.0, 5.0]\n'
    target = load(folder, text)[0].states[0].targets[0]
    assert target.error is not None  # type: ignore[union-attr]
    np.testing.assert_allclose(target.error, 0.02)  # type: ignore[union-attr]


def test_bare_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("# c\n 1.0 2.0\n 3.0  4.0\n")
    assert {k: v.tolist() for k, v in read_columns(path).items()} == {"1": [1.0, 3.0], "2": [2.0, 4.0]}
    path.write_text("1.0 2.0\n3.0\n")
    with pytest.raises(GlasspotError, match="line 2: expected 2 numbers"):
        read_columns(path)
    path.write_text("r,g\n1,2\n2,3\n")
    assert list(read_columns(path)) == ["r", "g"]


def test_measured_silica(shared_data: Path, tmp_path: Path) -> None:
    """The file of a diffractometer as it is: the first sharp peak at 1.5 1/A, and no structure left at large Q."""
    target = SCATTERING.replace('"S(Q)"', '"F(Q)"').replace(
        "s.csv", str(shared_data / "silica_glass_neutron_nimrod.txt")
    )
    plan, _ = load(tmp_path, target.replace("12.0", "25.0") + 'error_column = "3"\n')
    found = plan.states[0].targets[0]
    assert isinstance(found, ScatteringTarget)
    assert found.q[np.argmax(np.where(found.q < 2.2, found.values, 0))] == pytest.approx(1.53, abs=0.08)
    assert np.abs(found.values[found.q > 20] - 1).max() < 0.1
    assert scattering.scattering_lengths(["Si"])["Si"] == 4.1491


def test_isotopes_give_several_curves_of_one_system(folder: Path) -> None:
    given = ("isotopes = { Si = 4.2 }\n", "isotopes = { Si = 1.5 }\n", "")
    plan, _ = load(folder, *(SCATTERING + isotopes for isotopes in given))
    assert [t.label for t in plan.states[0].targets] == [
        "S(Q) neutron Si 4.2 fm",
        "S(Q) neutron Si 1.5 fm",
        "S(Q) neutron",
    ]
    with pytest.raises(GlasspotError, match=r"two targets of one system are S\(Q\) neutron Si 4.2 fm"):
        load(folder, SCATTERING + given[0], SCATTERING + given[0])

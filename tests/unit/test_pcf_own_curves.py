"""Users' own g(r) files and trajectories: what is kept when they are put on the grid, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.own_curves import composition_of, counts_of, curves_of_files, curves_of_trajectories, rebinned
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution
from glasspot.structure.readers import write_frames
from pcf_samples import GRID, true_curve

SILICA = Composition.parse("SiO2")
PAIRS = ("Si-Si", "Si-O", "O-O")


def write_csv(path: Path, r: np.ndarray = GRID, names: tuple[str, ...] = PAIRS, scale: float = 1.0) -> Path:
    columns = [true_curve(SILICA, pair, r) * scale for pair in PAIRS]
    rows = [", ".join(f"{value:.8g}" for value in row) for row in zip(r, *columns, strict=True)]
    path.write_text("# made up\n\nr_A, " + ", ".join(names) + "\n" + "\n\n".join(rows) + "\n# the end\n")
    return path


def coordination(r: np.ndarray, g: np.ndarray, end: float) -> float:
    """Return int g r^2 dr to ``end``, an edge of the bins."""
    width = r[1] - r[0]
    edges = np.arange(len(r) + 1) * width
    return float(np.sum((g * np.diff(edges**3) / 3)[r < end]))


def test_a_curve_on_the_grid_stays_as_it_is() -> None:
    g = true_curve(SILICA, "Si-O")
    np.testing.assert_allclose(rebinned(GRID, g, GRID, "g"), g, atol=1e-9)  # rounding of sums of about 1000


@pytest.mark.parametrize("width", [0.01, 0.02, 0.04])
def test_another_grid_keeps_the_coordination(width: float) -> None:
    fine = (np.arange(round(10.2 / width)) + 0.5) * width
    g = true_curve(SILICA, "Si-O", fine)
    found = rebinned(fine, g, GRID, "g")
    assert found.min() >= 0
    # 2.2 A is an edge of all these bins: the counts to there are the same but for rounding.
    assert coordination(GRID, found, 2.2) == pytest.approx(coordination(fine, g, 2.2), rel=1e-9)
    # A bin of 0.05 A holds the mean over it: (0.05 / 0.06)^2 / 24 = 3 % below the top of a peak of width 0.06 A, and
    # up to 6 % where the top does not stand at the middle of the bin.
    assert found.max() == pytest.approx(g.max(), rel=0.06)


def test_a_range_too_short_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "g.csv", GRID[:150])
    with pytest.raises(GlasspotError, match=r"Si-Si ends at 7\.475 A, but the set reaches 10 A; give a longer g"):
        curves_of_files([path], SILICA, GRID, 2.2)
    with pytest.raises(GlasspotError, match=r"begins at 1\.625 A with g = .*from where it is zero"):
        curves_of_files([write_csv(tmp_path / "g.csv", GRID[32:])], SILICA, GRID, 2.2)


def test_files_of_one_glass_are_its_runs(tmp_path: Path) -> None:
    names = ("g_Si-Si", "O-Si", "O-O")
    paths = [write_csv(tmp_path / "1.csv", names=names), write_csv(tmp_path / "2.csv")]
    glass = curves_of_files(paths, SILICA, GRID, 2.2)
    assert glass.n_runs == 2
    assert glass.pairs == ("Si-Si", "Si-O", "O-O")
    np.testing.assert_allclose(glass.curves["Si-O"][0], true_curve(SILICA, "Si-O"), atol=1e-6)  # printed to 8 digits
    # 2.2 g/cm3 of SiO2 (60.08 g/mol, 3 atoms): 2.2 / 60.08 * 0.6022 * 3 atoms/A^3, counts rounded to 1 of 1000.
    assert glass.density == pytest.approx(0.06615, rel=2e-3)
    assert glass.counts == {"Si": 333, "O": 667}


def test_what_glasspot_analyse_writes_is_read(tmp_path: Path) -> None:
    g = true_curve(SILICA, "Si-O")
    table = np.column_stack([GRID, np.ones_like(g), g, g, g, g])
    path = tmp_path / "g_of_r.csv"
    np.savetxt(path, table, delimiter=",", header="r_A,g_total,g_Si-Si,g_Si-O,g_O-O,error_Si-O", comments="")
    assert curves_of_files([path], SILICA, GRID, 2.2).pairs == ("Si-Si", "Si-O", "O-O")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("Si-Si", "Si-O", "Si-Na"), "g(r) of Na-Si, but the glass is made of Si, O"),
        (("Si-Si", "Si-O", "g2"), 'the column "g2" names no pair of elements; expected such as Si-O'),
        (("Si-Si", "Si-O", "O-Si"), "has two columns of Si-O; keep one"),
        (("Si-Si", "Si-O", "total"), "has no column of O-O; a glass needs all pairs"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(GlasspotError) as caught:
        curves_of_files([write_csv(tmp_path / "g.csv", names=names)], SILICA, GRID, 2.2)
    assert said in str(caught.value)


def test_what_is_no_g_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="is it another function"):
        curves_of_files([write_csv(tmp_path / "g.csv", scale=30.0)], SILICA, GRID, 2.2)
    with pytest.raises(GlasspotError, match="never below 0"):
        curves_of_files([write_csv(tmp_path / "g.csv", scale=-1.0)], SILICA, GRID, 2.2)
    with pytest.raises(GlasspotError, match="give one above 0"):
        curves_of_files([write_csv(tmp_path / "g.csv")], SILICA, GRID, -2.2)


def frames_of(symbols: list[str], edge: float, seed: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [Frame.from_symbols(symbols, rng.uniform(0, edge, (len(symbols), 3)), edge) for _ in range(3)]


def test_a_trajectory_gives_what_the_structure_code_gives(tmp_path: Path) -> None:
    symbols = ["Si"] * 30 + ["Na"] * 20 + ["O"] * 70
    paths = []
    for seed in (1, 2):
        paths.append(tmp_path / f"{seed}.extxyz")
        write_frames(paths[-1], frames_of(symbols, 20.5, seed))
    glass = curves_of_trajectories(paths, GRID)
    assert glass.composition.fractions == pytest.approx({"SiO2": 0.75, "Na2O": 0.25})
    assert glass.n_runs == 2
    assert glass.density == pytest.approx(120 / 20.5**3, rel=1e-6)
    direct = pair_distribution(frames_of(symbols, 20.5, 1), 10.0, 0.05)
    # Positions are written with 8 digits behind the point: at most an atom or two change bins.
    np.testing.assert_allclose(glass.curves["Na-Si"][0], direct.partial("Si-Na"), atol=1e-6)
    again = curves_of_trajectories(paths, GRID, Composition.parse("75 SiO2 25 Na2O"), index="-1")
    assert again.composition == Composition.parse("75 SiO2 25 Na2O")
    assert not np.array_equal(again.curves["Si-O"], glass.curves["Si-O"])


def test_trajectories_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    small, other = tmp_path / "small.extxyz", tmp_path / "other.extxyz"
    write_frames(small, frames_of(["Si", "O", "O"], 12.0, 1))
    write_frames(other, frames_of(["Si", "O", "O"], 20.0, 1))
    with pytest.raises(GlasspotError, match=r"is 12\.0 A wide; g\(r\) to 10 A needs 20 A"):
        curves_of_trajectories([small], GRID)
    third = tmp_path / "third.extxyz"
    write_frames(third, frames_of(["Si", "Si", "O", "O", "O", "O"], 20.0, 1))
    with pytest.raises(GlasspotError, match="holds other atoms than"):
        curves_of_trajectories([other, third], GRID)


def test_the_composition_of_atoms() -> None:
    assert composition_of({"Si": 2, "B": 4, "O": 10}, "x").fractions == pytest.approx({"SiO2": 0.5, "B2O3": 0.5})
    with pytest.raises(GlasspotError, match="Fe, which may be FeO or Fe2O3; give the composition"):
        composition_of({"Fe": 2, "O": 3}, "x")
    with pytest.raises(GlasspotError, match="holds 5 O, but the usual oxides of its other atoms hold 4"):
        composition_of({"Si": 2, "O": 5}, "x")
    given = Composition.parse("50 FeO 50 SiO2")
    assert composition_of({"Fe": 100, "Si": 100, "O": 300}, "x", given) == given
    with pytest.raises(GlasspotError, match="holds 100 Fe, 100 Si, 320 O, which is not 50 FeO 50 SiO2"):
        composition_of({"Fe": 100, "Si": 100, "O": 320}, "x", given)


def test_counts_are_those_of_the_composition() -> None:
    assert counts_of(Composition.parse("50 Na2O 50 SiO2"), 600) == {"Na": 200, "Si": 100, "O": 300}
    with pytest.raises(GlasspotError, match="hold no Na; say how many atoms"):
        counts_of(Composition.parse("99.99 SiO2 0.01 Na2O"), 600)

"""DATASET.toml: what is planned, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.glass_curves import CurvePlan, jobs_of
from glasspot.errors import GlasspotError
from glasspot.pcf_settings import load_dataset_plan

EXAMPLE = Path(__file__).parents[2] / "examples" / "pcf" / "dataset.toml"
SMALL = """
potential = "BMP"
atoms = 600
runs = 2
r_max = 9.0
glasses = ["SiO2", "60 SiO2 20 B2O3 20 Na2O"]

[protocol]
preset = "melt-quench-then-npt"
"""
OWN = """
r_max = 6.0
bin_width = 0.1
[[own]]
composition = "SiO2"
curves = ["run.csv"]
density = 2.2
"""


def plan_of(folder: Path, text: str) -> CurvePlan:
    (folder / "set.toml").write_text(text)
    return load_dataset_plan(folder / "set.toml")[0]


def test_the_example_is_the_set_that_was_asked_for() -> None:
    """At least 40 glasses and 400 curves, 600 to 1500 atoms, several runs, 2 to 20 mol% of three dopants."""
    plan, _ = load_dataset_plan(EXAMPLE)
    assert len(plan.glasses) == 74 and plan.runs == 3
    assert all(600 <= glass.atoms.n_atoms <= 1500 for glass in plan.glasses)
    for dopant in ("BaO", "ZnO", "TiO2"):
        doses = [glass.atoms.mole_percent[dopant] for glass in plan.glasses if dopant in glass.atoms.mole_percent]
        assert len(doses) == 19 and min(doses) < 3.0 and max(doses) > 19.0
    elements = [len(glass.atoms.counts) for glass in plan.glasses]
    assert sum(n * (n + 1) // 2 for n in elements) > 800
    assert plan.engine.name == "native"


def test_every_first_run_comes_before_a_second_one(tmp_path: Path) -> None:
    jobs = jobs_of(plan_of(tmp_path, SMALL))
    assert [job.label.split(", ")[1] for _, job in jobs] == ["run 1", "run 1", "run 2", "run 2"]
    assert len({job.key for _, job in jobs}) == 4
    assert len({job.seed for _, job in jobs}) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("runs = 2", "runs = 0", "runs"),
        ("runs = 2", "rums = 2", r'unknown key "rums".*runs'),
        ('"BMP"', '"BMPP"', "BMPP"),
        ('preset = "melt-quench-then-npt"', 'preset = "melt"', "melt"),
        ("r_max = 9.0", "r_max = 12.0", r"half the box .* take more atoms, or r_max = 1"),
        ('"SiO2", ', '"SiO2", "SiO2", ', "stands twice"),
        ('"SiO2", ', '"Si02", ', "Si02"),
        ('"SiO2", ', '"95 SiO2 5 B2O3", ', "B"),  # outside the domain of the potential's rule
        ("[protocol]", "[protocol]\nruns = 4", "runs.*stands in"),
        ('potential = "BMP"', "", "potential"),
        ('glasses = ["SiO2", "60 SiO2 20 B2O3 20 Na2O"]', "", "names no glass"),
        ('preset = "melt-quench-then-npt"', 'preset = "melt-quench-then-npt"\nevery_ps = 2.0', "4 frames; 8 or more"),
    ],
)
def test_slips_of_the_pen(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(GlasspotError, match=message):
        plan_of(tmp_path, SMALL.replace(old, new))


def test_only_curves_of_the_user(tmp_path: Path) -> None:
    r = np.arange(0.05, 7.0, 0.1)
    rows = [f"{x},{1.0 if x > 1.5 else 0.0},{1.0 if x > 1.5 else 0.0},{1.0 if x > 1.5 else 0.0}" for x in r]
    (tmp_path / "run.csv").write_text("\n".join(["r,Si-Si,Si-O,O-O", *rows]) + "\n")
    plan = plan_of(tmp_path, OWN)
    assert not jobs_of(plan) and [glass.n_runs for glass in plan.given] == [1]
    assert plan.given[0].mean("Si-O")[-1] == pytest.approx(1.0)
    with pytest.raises(GlasspotError, match="density"):
        plan_of(tmp_path, OWN.replace("density = 2.2", ""))
    with pytest.raises(GlasspotError, match="one of the two"):
        plan_of(tmp_path, OWN.replace('curves = ["run.csv"]', ""))
    with pytest.raises(GlasspotError, match=r"none\.csv"):
        plan_of(tmp_path, OWN.replace("run.csv", "none.csv"))

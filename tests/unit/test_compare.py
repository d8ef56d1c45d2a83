"""``glasspot potentials compare``: who is compared, who is not, the table and files; one small comparison for real."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign.evidence import Evidence
from glasspot.campaign.targets import build_objective
from glasspot.cli import main
from glasspot.config import load_comparison_config
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Job, Outcome
from glasspot.fit_settings.compare import comparison_of
from glasspot.potential.io import list_potentials, load_potential, potential_to_toml
from glasspot.report.compare import Compared, not_told_apart, read_comparison, text
from glasspot.report.compare_page import write_comparison
from glasspot.report.data import Score
from glasspot.store import Store

MINIMAL = """
title = "a small comparison"
[system]
composition = "SiO2"
atoms = 54
density = 2.2
temperature = 3600
[[target]]
pair = "Si-O"
reference = "CHIK"
range = [1.0, 4.0]
[[target]]
pair = "O-O"
reference = "CHIK"
range = [1.0, 4.0]
[reference]
runs = 2
equilibrate_ps = 0.2
sample_ps = 0.5
[validation]
runs = 2
equilibrate_ps = 0.2
sample_ps = 0.5
"""


def written(folder: Path, content: str = MINIMAL) -> Path:
    path = folder / "run.toml"
    path.write_text(content)
    r = np.arange(160) * 0.05 + 0.025
    rows = [f"{x:.3f},{y:.4f}" for x, y in zip(r, 1 + np.exp(-((r - 1.6) ** 2)), strict=True)]
    (folder / "g.csv").write_text("\n".join(["r,g", *rows]) + "\n")
    return path


def compared(folder: Path, *names: str, content: str = MINIMAL, engine: str | None = None):
    return comparison_of(load_comparison_config(written(folder, content)), folder, names, engine)


def test_all_of_the_library_that_can_run_are_compared(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert [potential.name for potential in found.plan.compare] == list_potentials()
    assert found.engines["BMP"].name == "lammps" and found.engines["BKS"].name == "native"
    boron = compared(
        tmp_path, content=MINIMAL.replace('"SiO2"', '"B2O3"').replace("Si-O", "B-O").replace("CHIK", "SHIK")
    )
    assert {p.name for p in boron.plan.compare} == {"BayOpt-2025", "BMP", "CMA-ES-2025", "SHIK", "Wang-2018"}
    assert "B" in boron.skipped["BKS"] and set(boron.skipped) | set(boron.engines) >= set(list_potentials())


def test_three_body_terms_need_lammps(tmp_path: Path) -> None:
    found = compared(tmp_path, engine="native")
    assert "three-body" in found.skipped["BMP"]
    with pytest.raises(GlasspotError, match=r"BMP cannot be compared here: .*three-body"):
        compared(tmp_path, "BKS", "BMP", engine="native")


def test_each_potential_is_run_by_its_own_engine(tmp_path: Path) -> None:
    """And a potential whose runs all fail has a record with the reason."""
    found = compared(tmp_path, "BKS", "BMP", content=MINIMAL.replace('reference = "CHIK"', 'file = "g.csv"'))
    asked: list[Job] = []

    class Failing:
        """A runner with which every run boils."""

        store = Store.create(tmp_path)

        def run(self, jobs: list[Job]) -> list[Outcome]:
            asked.extend(jobs)
            return [Outcome(job.key, False, "boiled") for job in jobs]

    runner: Any = Failing()
    objective = build_objective(found.plan, found.plan.fitted_states, runner)
    evidence = Evidence(found.plan, runner, objective, engines=found.engines)
    records = evidence.score_all([("published", potential) for potential in found.plan.compare])
    assert [(job.potential.name, job.engine.name) for job in asked] == [
        ("BKS", "native"), ("BKS", "native"), ("BMP", "lammps"), ("BMP", "lammps"),
    ]  # fmt: skip
    # Paired: the same packing and velocities for the same run of each.
    assert [job.seed for job in asked[:2]] == [job.seed for job in asked[2:]]
    assert [record["failures"] for record in records] == [["boiled"], ["boiled"]]
    assert records[0]["cost"] is None


def test_the_order_of_names_changes_no_run(tmp_path: Path) -> None:
    """The same packings, seeds and histogram, whoever else is compared: what was run is found again."""
    one, other = compared(tmp_path, "ML", "BKS"), compared(tmp_path, "BKS", "ML", "CHIK")
    assert one.plan.source == other.plan.source
    assert one.plan.states[0].counts == other.plan.states[0].counts
    assert one.plan.space.base.r_max == other.plan.space.base.r_max


def test_files_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = potential_to_toml(load_potential("BKS")).replace('name = "BKS"', 'name = "Mine"')
    (tmp_path / "mine.toml").write_text(content)
    assert [p.name for p in compared(tmp_path, "mine.toml", "CHIK").plan.compare] == ["Mine", "CHIK"]
    with_start = 'title = "t"\n[potential]\nstart = "mine.toml"\n' + MINIMAL.replace('title = "a small comparison"', "")
    assert compared(tmp_path, content=with_start).plan.compare[-1].name == "Mine"
    (tmp_path / "mine.toml").write_text(content.replace('"Mine"', '"CHIK"'))
    with pytest.raises(GlasspotError, match='two different potentials have the name "CHIK"'):
        compared(tmp_path, "mine.toml", "CHIK")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["BSK"], 'unknown potential "BSK"'),
        (["missing.toml"], "cannot read the potential file missing.toml"),
        (["--workers", "0"], "workers is 0; expected 1 or more"),
        (["--resume"], "there is no run to resume"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    assert main(["potentials", "compare", str(path), *words, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"SiO2"', '"V2O5"', "no potential of the library can run V2O5"),
        ('"SiO2"', '"70 SiO2 30 Na2O"', None),
        ('title = "a small comparison"', "", 'the key "title" is missing'),
        ("[validation]", "[validtion]", 'unknown key "validtion"'),
        ('reference = "CHIK"', 'reference = "CHICK"', 'Did you mean "CHIK"'),
    ],
)
def test_a_file_that_is_wrong(old: str, new: str, says: str | None, tmp_path: Path) -> None:
    content = MINIMAL.replace(old, new)
    if says is None:  # BKS knows no sodium, others do; the reference is CHIK, which does not
        with pytest.raises(GlasspotError, match="Na"):
            compared(tmp_path, content=content)
        return
    with pytest.raises(GlasspotError) as error:
        compared(tmp_path, content=content)
    assert says in str(error.value)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two sets, and a third one added on resume."""
    folder = tmp_path_factory.mktemp("compare")
    path, out = str(written(folder)), str(folder / "out")
    assert main(["potentials", "compare", path, "BKS", "CHIK", "--out", out, "--workers", "1"]) == 0
    assert main(["potentials", "compare", path, "ML-SiO", "--out", out, "--workers", "1", "--resume"]) == 0
    return folder / "out"


def test_a_comparison_is_sorted_and_its_files_agree(done: Path) -> None:
    found = read_comparison(done)
    costs = [row.score.cost for row in found.rows]
    assert costs == sorted(costs) and {row.score.name for row in found.rows} == {"BKS", "CHIK", "ML-SiO"}
    # The target is CHIK's own liquid; ML-SiO is the one that is far from it.
    assert found.rows[0].score.name == "CHIK" and found.rows[-1].score.name == "ML-SiO"
    assert found.rows[0].density == pytest.approx(2.2, abs=0.01)
    answer = json.loads((done / "compare.json").read_text())
    rows = list(csv.DictReader((done / "compare.csv").open()))
    assert [row["potential"] for row in rows] == [entry["name"] for entry in answer["potentials"]]
    for row, entry in zip(rows, answer["potentials"], strict=True):
        assert float(row["r_chi_percent"]) == pytest.approx(100 * entry["cost"], rel=1e-5)
        # Two targets of one weight: R_chi is the quadratic mean of the two in each run.
        mean = sum(each["cost"] ** 2 for each in entry["per_target"].values()) / 2
        assert entry["cost"] ** 2 == pytest.approx(mean, rel=0.1)
    assert found.curves == ("g(r) Si-O", "g(r) O-O")
    assert text(found).splitlines()[1].startswith("CHIK")


def test_nothing_is_run_twice_when_a_set_is_added(done: Path) -> None:
    with Store.open(done) as store:
        labels = [outcome["label"] for outcome in store.outcomes()]
        assert store.get_meta("state") == "finished"
    assert sorted(labels) == sorted(
        ["reference CHIK 1", "reference CHIK 2", *(f"{name} {n}" for name in ("BKS", "CHIK", "ML-SiO") for n in (1, 2))]
    )


def test_the_page_and_the_figure_are_there(done: Path) -> None:
    page = (done / "index.html").read_text()
    assert "comparison of potentials" in page and "ML-SiO" in page and "not validated" not in page
    for suffix in ("png", "svg", "pdf"):
        assert (done / f"compare.{suffix}").stat().st_size > 2000


def test_a_failed_run_is_a_result(done: Path, tmp_path: Path) -> None:
    folder = tmp_path / "failed"
    shutil.copytree(done, folder)
    with Store.create(folder) as store:
        record = store.records("validation")[0]
        lost = {"cost": None, "error": None, "runs": 0, "per_curve": {}, "per_state": {}, "failures": ["too-hot"]}
        store.put_record("validation", 0, {**record, **lost})
    found, page = write_comparison(folder)
    assert found.rows[-1].failed and "failed: too-hot" in text(found).splitlines()[-1]
    assert json.loads((folder / "compare.json").read_text())["potentials"][-1]["cost"] is None
    assert "too-hot" in page.read_text()


def test_a_held_out_system_has_a_column_of_its_own(done: Path, tmp_path: Path) -> None:
    """It tests the potentials; R_chi of all targets does not hold it."""
    folder = tmp_path / "held"
    shutil.copytree(done, folder)
    with Store.create(folder) as store:
        for number, record in enumerate(store.records("validation")):
            label = "g(r) O-O, test"
            held = {"cost": 0.3, "error": 0.01, "per_curve": {label: 0.3}, "per_curve_error": {label: 0.01}}
            store.put_record("validation", number, {**record, "held_out": held})
    found, page = write_comparison(folder)
    head, *rows = text(found).splitlines()
    assert "held out (%)" in head and all("30.00 ± 1.00" in row for row in rows)
    assert [row.score.cost for row in found.rows] == [row.score.cost for row in read_comparison(done).rows]
    assert "g(r) O-O, test" in page.read_text()
    answer = json.loads((folder / "compare.json").read_text())["potentials"][0]
    assert answer["held_out"] == 0.3 and answer["per_target"]["g(r) O-O, test"] == {"cost": 0.3, "error": 0.01}


def test_other_settings_are_refused_on_resume(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, MINIMAL.replace("temperature = 3600", "temperature = 3500"))
    assert main(["potentials", "compare", str(path), "--out", str(done), "--resume"]) == 2
    assert "system[0].temperature: 3600" in capsys.readouterr().err


def test_those_within_the_noise_of_the_best_are_not_told_apart() -> None:
    """Four runs each of equal error: 2.45 joint errors are the margin."""
    potential = load_potential("BKS")

    def row(name: str, cost: float) -> Compared:
        return Compared(Score(name, "published", cost, 0.001, 4, {}), {}, np.nan, 0.01, "native", potential)

    margin = 2.447 * 0.001 * np.sqrt(2)
    rows = [row("best", 0.05), row("near", 0.05 + 0.98 * margin), row("far", 0.05 + 1.02 * margin), row("no", np.nan)]
    assert not_told_apart(rows) == ["near"]

"""A whole fit through the command line, and what it leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_fit import SETTINGS, glasspot, write_settings

from glasspot.config import load_fit_config
from glasspot.fit_settings.plan import fit_plan
from glasspot.potential.io import load_potential
from glasspot.report.collect import collect
from glasspot.report.status import status
from glasspot.store import Store


def test_a_fit_runs_through_and_improves(finished_fit: Path) -> None:
    found = status(finished_fit)
    assert found["state"] == "finished"
    assert 2 <= found["md_runs"] <= 6
    costs = [h["cost"] for h in found["history"]]
    assert found["best"]["cost"] == min(costs) < costs[0]
    scores = {s["role"]: s for s in found["validation"]["scores"]}
    assert scores["fitted"]["cost"] < scores["start"]["cost"]
    assert found["validation"]["cost"] == scores["fitted"]["cost"]
    assert found["noise_floor"] > 0


def test_status_has_its_documented_keys(finished_fit: Path) -> None:
    printed = glasspot("status", finished_fit, "--json")
    found = json.loads(printed.stdout)
    assert set(found) == {
        "state", "md_runs", "best", "history", "validation", "noise_floor", "ensemble", "failures", "seconds",
        "failure", "runs", "now",
    }  # fmt: skip
    assert set(found["best"]) == {"cost", "error", "run"}
    assert set(found["history"][0]) == {
        "run", "method", "note", "cost", "error", "accepted", "seconds", "reason",
    }  # fmt: skip
    assert {"cost", "error", "scores"} == set(found["validation"])
    plain = glasspot("status", finished_fit)
    assert "finished" in plain.stdout and "R_chi" in plain.stdout


def test_the_output_is_plain_lines_without_a_terminal(finished_fit: Path) -> None:
    text = (finished_fit.parent / "output.txt").read_text()
    assert "\x1b" not in text
    assert "run   2  R_chi" in text
    assert text.rstrip().endswith("index.html")


def test_the_fitted_potential_can_be_used(finished_fit: Path) -> None:
    folder = finished_fit / "report" / "potential"
    files = {path.suffix for path in folder.iterdir()}
    assert ".toml" in files
    fitted = load_potential(next(folder.glob("*.toml")))
    assert fitted.charges["Si"] + 2 * fitted.charges["O"] == pytest.approx(0, abs=1e-9)
    assert fitted.terms("O", "O") != load_potential("BKS").terms("O", "O")


def test_the_report_is_there(finished_fit: Path) -> None:
    page = (finished_fit / "report" / "index.html").read_text()
    assert "a small fit" in page and "R_chi" in page.replace("χ", "_chi")
    images = list((finished_fit / "report" / "figures").iterdir())
    assert {i.suffix for i in images} == {".png", ".svg"}


def test_the_same_seed_gives_the_same_fit(finished_fit: Path, tmp_path: Path) -> None:
    """One worker in place of two: the number of workers must not touch the results."""
    again = glasspot("fit", write_settings(tmp_path), "--out", tmp_path / "run", "--workers", "1")
    assert again.returncode == 0, again.stderr
    one, two = status(finished_fit), status(tmp_path / "run")
    assert [h["cost"] for h in one["history"]] == [h["cost"] for h in two["history"]]
    assert one["validation"]["cost"] == two["validation"]["cost"]


def test_a_run_folder_is_not_written_over(finished_fit: Path) -> None:
    before = sorted(p.name for p in finished_fit.iterdir())
    again = glasspot("fit", finished_fit.parent / "fit.toml", "--out", finished_fit)
    assert again.returncode == 2
    assert "--resume" in again.stderr and again.stderr.count("\n") == 1
    assert sorted(p.name for p in finished_fit.iterdir()) == before


def test_a_finished_fit_resumes_to_the_same_end_without_md(finished_fit: Path) -> None:
    before = status(finished_fit)
    again = glasspot("fit", finished_fit.parent / "fit.toml", "--out", finished_fit, "--resume")
    assert again.returncode == 0, again.stderr
    after = status(finished_fit)
    assert after["history"] == before["history"]
    assert after["validation"] == before["validation"]


def test_a_changed_file_is_refused_on_resume(finished_fit: Path, tmp_path: Path) -> None:
    changed = write_settings(tmp_path, SETTINGS.replace("max_runs = 6", "max_runs = 8"))
    refused = glasspot("fit", changed, "--out", finished_fit, "--resume")
    assert refused.returncode == 2
    assert "fit.max_runs: 6 -> 8" in refused.stderr
    write_settings(tmp_path)
    target = tmp_path / "target.csv"
    target.write_text(target.read_text().replace("1.6250,", "1.6250,9"))
    refused = glasspot("fit", tmp_path / "fit.toml", "--out", finished_fit, "--resume")
    assert refused.returncode == 2
    assert "files.target.csv" in refused.stderr


def test_another_engine_is_refused_on_resume(finished_fit: Path) -> None:
    refused = glasspot("fit", finished_fit.parent / "fit.toml", "--out", finished_fit, "--resume", "--engine", "lammps")
    assert refused.returncode == 2
    assert "engine.name: 'native' -> 'lammps'" in refused.stderr and "--engine native" in refused.stderr


def test_a_fit_of_before_there_was_a_choice_goes_on_with_lammps(finished_fits, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Its settings have the command in [md] and name no engine; nothing of it is run again."""
    folder = tmp_path / "run"
    shutil.copytree(finished_fits("lammps"), folder)
    with Store.create(folder) as store:
        settings = store.get_meta("settings")
        settings["md"]["command"] = settings.pop("engine")["command"]
        store.set_meta("settings", settings)
        keys = {outcome["key"] for outcome in store.outcomes()}
    words = ("fit", write_settings(tmp_path), "--out", folder, "--resume")
    refused = glasspot(*words)
    assert refused.returncode == 2
    assert "engine.name: 'lammps' -> 'native'" in refused.stderr and "--engine lammps" in refused.stderr
    resumed = glasspot(*words, "--engine", "lammps")
    assert resumed.returncode == 0, resumed.stderr
    with Store.open(folder) as store:
        assert {outcome["key"] for outcome in store.outcomes()} == keys


def test_the_report_names_the_engine_and_its_version(finished_fits, finished_fit: Path) -> None:  # type: ignore[no-untyped-def]
    assert "native engine" in (finished_fit / "report" / "index.html").read_text()
    assert collect(finished_fit).provenance["engine"] == "native"
    assert "glasspot" in collect(finished_fit).provenance["native"] and collect(finished_fit).provenance["numba"]
    assert collect(finished_fits("lammps")).provenance["lammps"] != "unknown"


def test_a_potential_that_native_cannot_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Or, where the engine is left open, run by LAMMPS, and said."""
    text = SETTINGS.replace("runs = 2", 'runs = 2\ncompare = ["BMP"]')
    refused = glasspot("fit", write_settings(tmp_path, text), "--out", tmp_path / "run", "--engine", "native")
    assert refused.returncode == 2 and not (tmp_path / "run").exists()
    assert "three-body" in refused.stderr and "lammps" in refused.stderr
    _, notes = fit_plan(load_fit_config(tmp_path / "fit.toml"), tmp_path)
    assert any(note.startswith("LAMMPS runs this") and "three-body" in note for note in notes)


def test_a_wrong_lmp_is_told_before_anything_is_written(tmp_path: Path) -> None:
    path = write_settings(tmp_path, SETTINGS.replace("[md]", '[md]\ncommand = "no-such-lmp"'))
    refused = glasspot("fit", path, "--out", tmp_path / "run")
    assert refused.returncode == 2
    assert "no lmp" in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "run").exists()


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    refused = glasspot("fit", path, "--out", "/proc/glasspot-run")
    assert refused.returncode == 2
    assert "cannot write" in refused.stderr and refused.stderr.count("\n") == 1

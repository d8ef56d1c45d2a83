"""A landscape from the command line with real MD: run, resumed with a path, and by reweighting."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from small_fit import write_settings

from glasspot.cli import main
from glasspot.store import Store

AXES = (
    "--axes",
    "charge.Si",
    "Si-O.rho",
    "--window",
    "charge.Si",
    "2.3",
    "2.5",
    "--window",
    "Si-O.rho",
    "0.203",
    "0.207",
)


def kinds(folder: Path) -> list[str]:
    return [row["kind"] for row in csv.DictReader((folder / "landscape.csv").open())]


def test_a_landscape_by_md_then_with_a_path(
    finished_fit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["landscape", str(write_settings(tmp_path)), *AXES, "--points", "3", "2", "--workers", "2"]
    words += ["--out", str(tmp_path / "map")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "3 x 2 points, at most 12 MD runs; the other parameters are those of the start, BKS" in said
    assert "6 of 6 points" in said and kinds(tmp_path / "map") == ["run"] * 6
    with Store.open(tmp_path / "map") as store:
        first = [outcome["stored"] for outcome in store.outcomes()]
    assert main([*words, "--resume", "--paths", str(finished_fit)]) == 0
    assert "Gauss-Newton" in (tmp_path / "map" / "index.html").read_text()
    with Store.open(tmp_path / "map") as store:
        assert [outcome["stored"] for outcome in store.outcomes()] == first
    capsys.readouterr()
    assert main([*words, "--resume", "--at", str(finished_fit)]) == 2
    assert "landscape.others: 'BKS" in capsys.readouterr().err


def test_a_landscape_by_reweighting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["landscape", str(write_settings(tmp_path)), *AXES, "--by", "reweight", "--anchors", "1", "--points", "7"]
    words += ["--workers", "2", "--out", str(tmp_path / "map")]
    assert main(words) == 0
    assert "1 x 1 points, at most 2 MD runs" in capsys.readouterr().out
    found = kinds(tmp_path / "map")
    assert len(found) == 49 and set(found) <= {"run", "blank"}
    assert found[24] == "run"  # the middle, where the anchor is
    # More points cost no MD.
    more = ["9" if word == "7" else word for word in words]
    assert main([*more, "--resume"]) == 0
    assert len(kinds(tmp_path / "map")) == 81
    with Store.open(tmp_path / "map") as store:
        assert len(store.outcomes()) == 2

"""The fit on another glass former: partial g(r) of liquid B2O3 with ab initio quality."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_fit import glasspot

from glasspot.report.status import status

SETTINGS = """
title = "liquid B2O3 at 1600 K"
seed = 1
[potential]
start = "SHIK"
free = ["charge.B", "B-O.A", "B-O.rho", "O-O.A", "O-O.rho", "B-B.A", "B-B.rho"]
[system]
composition = "B2O3"
atoms = 265
box = 15.977
temperature = 1600
[md]
replicas = 2
first_equilibrate_ps = 3
equilibrate_ps = 1
sample_ps = 2
[fit]
max_runs = 10
candidates = 1
[validation]
runs = 2
equilibrate_ps = 4
sample_ps = 2
"""
TARGET = """
[[target]]
pair = "{pair}"
file = "{file}"
columns = ["{column}"]
range = [0.8, 7.9]
like_pairs = "N(N-1)"
"""


@pytest.mark.slow
def test_liquid_b2o3_is_fitted(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "b2o3_liquid_1600K_partial_pdf.csv"
    if not file.is_file():
        pytest.skip("b2o3_liquid_1600K_partial_pdf.csv is not here")
    pairs = {"B-O": "g_BO", "O-O": "g_OO", "B-B": "g_BB"}
    text = SETTINGS + "".join(TARGET.format(pair=p, file=file, column=c) for p, c in pairs.items())
    path = tmp_path / "fit.toml"
    path.write_text(text)
    done = glasspot("fit", path, "--out", tmp_path / "run", "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    found = status(tmp_path / "run")
    start = found["history"][0]["cost"]
    # SHIK starts near 17 %. Longer runs reached 7 to 9 %; these short ones must gain a quarter, several standard
    # errors (0.5 to 1 %) of a validation by two runs.
    assert 0.12 < start < 0.25
    assert found["best"]["cost"] < 0.75 * start
    scores = {s["role"]: s["cost"] for s in found["validation"]["scores"]}
    assert scores["fitted"] < 0.8 * scores["start"]

"""The authors' MD of borosilicates, which the Gaussian process is for: a split of benchmarks/surrogates.py."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gpytorch", reason="gpytorch is not installed")


def test_density_and_boron_of_unseen_parameter_sets(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import surrogates

    assert surrogates.DATA.parent == shared_data
    try:
        found, score = surrogates.scored("gaussian-process", "cube", range(100, 101))
    finally:
        sys.modules.pop("surrogates")
    # Asked are 0.050 and 0.110 on average over splits; this split, one of those that choices were made on, gives
    # 0.036 and 0.093. The plain process and the paper's net get 0.054 and 0.122, 0.062 and 0.139.
    assert found["rmse"][0] < 0.050 and found["rmse"][1] < 0.110
    assert all(0.60 <= share <= 0.76 for share in found["coverage"]["0.68"])
    # The set with a mistyped rho teaches nothing wrong in the four trainings that it is part of.
    assert found["times_set_aside"]["four-fold boron"]["trial-40"] >= 3
    assert np.isfinite(score.mean).all()


def test_the_benchmark_reads_the_file_in_eV(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import surrogates

    names, parameters, _ = surrogates.trials()
    sys.modules.pop("surrogates")
    assert len(names) == 50
    # trial-7 differs from Wang's set in A(B-B) alone: 12287.58 kcal/mol, 10 % up.
    assert parameters[names.index("trial-7")] == pytest.approx([206942.4, 0.124, 35.0019, 532.84, 0.35], rel=1e-4)

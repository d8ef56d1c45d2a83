"""``glasspot fit-mlip`` on an alloy with the energies of EMT: the loop, its stop, its files, what it refuses."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_samples import alloy, extxyz_text
from glasspot.cli import main
from glasspot.cli.fit_mlip import tolerance
from glasspot.errors import GlasspotError
from glasspot.mlip.growth import GrowthPlan, _stop
from glasspot.mlip.model import Errors, Hyperparameter, Trial
from glasspot.mlip.parity import Parity
from glasspot.mlip.pod import PodModel
from glasspot.mlip.search import chosen, search
from glasspot.mlip.steady import close_neighbours, melt_like
from glasspot.potential.io import load_any
from glasspot.structure.frames import Frame
from pod_samples import SETTINGS, alloy_set, model_of

pytest.importorskip("featomic", reason='needs pip install "glasspot[mlip]"')


def found(energy: float, force: float, stress: float = float("nan")) -> Errors:
    return Errors(energy, force, stress, float("nan"), float("nan"), 5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "alloy.extxyz"
    path.write_text(
        extxyz_text(alloy(20, seed=3), extra="config_type=cold_300K")
        + extxyz_text(alloy(20, seed=4, scale=1.03), extra="config_type=warm_900K")
    )
    return path


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fit") / "model"
    arguments = ["fit-mlip", str(data), "--out", str(out), "--fraction", "0.4", "--energy-tol", "0.01meV"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(out / "nowhere"))  # nothing is written outside the folder
        assert main([*arguments, "--trials", "2", "--melts", "1", "--workers", "1"]) == 0
    assert not list(out.rglob(".work-*"))
    return out


def test_the_record_says_what_was_done(folder: Path, data: Path) -> None:
    record = json.loads((folder / "fit.json").read_text())
    assert record["frames"] == 40
    assert not record["reached"]  # a hundredth of a meV is not to be had
    train, test = set(record["train_keys"]), set(record["test_keys"])
    assert train and test and not train & test
    assert [one["train"] for one in record["rounds"]] == sorted({one["train"] for one in record["rounds"]})
    assert sum(trial["chosen"] for trial in record["trials"]) == len(record["rounds"])
    assert record["final"]["test"]["frames"] == len(test)
    left = record["final"]["unseen"]
    assert len(train) + len(test) + (left["frames"] if left else 0) == 40
    assert {row["how"] for row in record["learning"]} == {"distilled", "random", "all"}
    everything = next(row for row in record["learning"] if row["how"] == "all")
    assert everything["frames"] == 28  # 70 % of 40: no test frame ever trains
    assert record["calibration"]["factor"] > 0
    parity = Parity.load(folder / "parity.npz")
    assert len(parity.use) == 40
    assert set(parity.config_type) == {"cold_300K", "warm_900K"}


def test_the_potential_stands_there_and_was_tested(folder: Path, data: Path, capsys: pytest.CaptureFixture) -> None:
    potential = load_any(folder / "potential.toml")
    assert potential.kind == "pod"
    assert set(potential.files) >= {"parameters", "coefficients", "member1", "member8", "trust"}
    assert (folder / "report" / "index.html").stat().st_size > 10_000
    record = json.loads((folder / "fit.json").read_text())
    capsys.readouterr()
    assert main(["test-mlip", str(folder), str(data), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    # test-mlip leaves out what trained: test and never chosen frames together.
    assert said["frames"] == 40 - len(record["train_keys"])
    spread = 1e3 * np.std(Parity.load(folder / "parity.npz").energy_ref)
    assert said["energy_rmse_meV_per_atom"] < 0.2 * spread


def test_it_goes_on_from_what_was_kept(folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A fit that was killed after its rounds: nothing is computed twice, and the result is the same."""
    out = tmp_path / "model"
    shutil.copytree(folder, out)
    before = json.loads((out / "fit.json").read_text())
    for path in ("fit.json", "parity.npz", "potential.toml"):
        (out / path).unlink()
    sums = {path: path.stat().st_mtime_ns for path in (out / "work").rglob("*.npy")}
    arguments = ["fit-mlip", str(data), "--out", str(out), "--fraction", "0.4", "--energy-tol", "0.01meV"]
    arguments += ["--trials", "2", "--melts", "1", "--workers", "1"]
    assert main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "work").rglob("*.npy")} == sums
    after = json.loads((out / "fit.json").read_text())
    assert after["settings"] == before["settings"]
    assert after["final"] == before["final"]
    assert main([*arguments, "--resume", "--seed", "2"]) == 2
    assert "another seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--energy-tol", "much"], "--energy-tol"),
        (["--energy-tol=-2meV"], "--energy-tol"),
        (["--fraction", "0"], "--fraction"),
        (["--trials", "0"], "--trials"),
        (["--workers", "0"], "--workers"),
        (["--name", "a\nb"], "--name"),
    ],
)
def test_arguments_that_make_no_sense(
    data: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["fit-mlip", str(data), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_data_that_cannot_be_fitted(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bare = tmp_path / "bare.extxyz"
    bare.write_text(extxyz_text(alloy(12)).replace("energy=", "enthalpy="))
    assert main(["fit-mlip", str(bare), "--out", str(tmp_path / "a")]) == 2
    assert "energ" in capsys.readouterr().err
    few = tmp_path / "few.extxyz"
    few.write_text(extxyz_text(alloy(3)))
    assert main(["fit-mlip", str(few), "--out", str(tmp_path / "b")]) == 2
    assert "few" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    assert main(["fit-mlip", str(few), "--out", str(other)]) == 2
    assert "something else" in capsys.readouterr().err


def test_tolerances_as_people_write_them() -> None:
    assert [tolerance(text) for text in ("2meV", "2", "0.002 eV", "2 meV/atom", "1e-3eV")] == [2, 2, 2, 2, 1]
    with pytest.raises(GlasspotError, match="such as 2meV"):
        tolerance("2 GPa")


def test_no_error_is_bought_with_another() -> None:
    trials = [Trial({"a": k}, one) for k, one in enumerate((found(1, 0.3), found(1.2, 0.12), found(3, 0.1)))]
    assert chosen(trials).settings == {"a": 1}
    assert chosen([Trial({}, found(2, 0.1, 0.5)), Trial({"b": 1}, found(2.1, 0.105, 0.1))]).settings == {"b": 1}


def test_the_search_finds_the_best_of_a_made_up_model() -> None:
    """Errors with their least at r = 5.5: eight proposals come within 0.2 A."""

    class MadeUp:
        space = (Hyperparameter("r", 4, 7, 4.5), Hyperparameter("w", 1, 10, 3))
        searched = ("r",)

        def assess(self, train, settings):
            bad = (settings["r"] - 5.5) ** 2
            if settings["r"] > 6.8:
                raise GlasspotError("too far")
            return [Trial(dict(settings), found(1 + bad, 0.1 + 0.1 * bad))]

    trials = search(MadeUp(), (), {"r": 4.5, "w": 3.0}, 8, 1, lambda done, of: None)
    assert trials[0].settings == {"r": 4.5, "w": 3.0}
    assert abs(chosen(trials).settings["r"] - 5.5) < 0.2

    class Broken(MadeUp):
        def assess(self, train, settings):
            raise GlasspotError("no gap_fit")

    with pytest.raises(GlasspotError, match="no model could be fitted: no gap_fit"):
        search(Broken(), (), {"r": 4.5, "w": 3.0}, 3, 1, lambda done, of: None)


def test_when_rounds_end() -> None:
    class Done:
        def __init__(self, energy: float) -> None:
            self.errors = found(energy, 0.1)

    plan = GrowthPlan(energy_tol=2.0)
    assert _stop([Done(5), Done(1.9)], plan) == ("the energies of the test frames are right to 1.9 meV/atom", True)
    assert _stop([Done(5), Done(4), Done(3)], plan) == ("", False)
    why, reached = _stop([Done(5), Done(3), Done(3.1), Done(2.99), Done(3.2)], plan)
    assert "gained nothing" in why and not reached


def test_a_melt_that_falls_teaches_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in which a melt fell enter the prior; a model that goes on falling carries a caution."""
    data = alloy_set()
    low = data.frames[0].frame
    asked: list[int] = []

    def falls(potential, melt, seed, work):
        asked.append(seed)
        return [low] if len(asked) < 3 else []

    monkeypatch.setattr("glasspot.mlip.pod.fallen", falls)
    model = replace(model_of(data, tmp_path / "sums"), melts=6)
    assert isinstance(model, PodModel)
    assert model.fit(data.frames, SETTINGS, tmp_path / "calm").cautions == ()
    assert asked == [1, 2, 3, 4]  # two that fell, two that did not
    monkeypatch.setattr("glasspot.mlip.pod.fallen", lambda *_: [low])
    assert "no two in a row stayed sane" in model.fit(data.frames, SETTINGS, tmp_path / "wild").cautions[0]
    assert not list((tmp_path / "wild").glob(".work-*"))


def test_a_gap_by_the_same_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """One round, one trial: a GAP in the folder, its licence told, no learning curve."""
    pytest.importorskip("quippy", reason='QUIP is for academic use only and optional: pip install "glasspot[gap]"')
    source = tmp_path / "alloy.extxyz"
    source.write_text(extxyz_text(alloy(14, seed=3)))
    out = tmp_path / "gap"
    arguments = ["fit-mlip", str(source), "--model", "gap", "--fraction", "1", "--trials", "1", "--energy-tol", "1eV"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert "non-commercial" in capsys.readouterr().out
    assert load_any(out / "potential.toml").kind == "gap"
    record = json.loads((out / "fit.json").read_text())
    assert record["reached"] and record["learning"] == [] and record["calibration"] is None


def test_a_clump_is_seen() -> None:
    """Close neighbours by hand: in a cubic cell of side 3 an atom has six, and the data's most is kept by pair."""
    cube = Frame(np.zeros((1, 3)), np.eye(3) * 3.0, ("Cu",), np.array([0]))
    assert close_neighbours(cube, {"Cu-Cu": 2.5}) == {("Cu", "Cu"): 6}
    assert close_neighbours(cube, {"Cu-Cu": 2.0}) == {("Cu", "Cu"): 0}
    data = alloy_set()
    melt = melt_like(data.frames, {"Cu-Cu": 2.3, "Cu-Au": 2.3, "Au-Au": 2.4})
    most = max(close_neighbours(f.frame, {"Cu-Cu": 2.3})["Cu", "Cu"] for f in data.frames)
    assert melt.most["Cu", "Cu"] == most > 0
    assert melt.temperature == 1000
